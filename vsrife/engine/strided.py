"""Convolutions of stride 2 in C: fp32 on CPUs whose best instructions are AVX2, where oneDNN's are slower."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vsrife.engine.winograd import PANEL, chosen_in_c
from vsrife.motion.library import Strided, kernel_library

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["StridedConvolution"]

FEWEST_PIXELS = 200
"""Pixels of the output from which the kernel is faster: below that, reading the weights decides."""


class StridedConvolution:
    """A 3×3 convolution of stride 2 with its leaky ReLU.

    An output depends neither on the number of threads nor on the other pictures or rows, to the last bit.

    Args:
        layer: a convolution that `knows` accepts.
        slope: of the leaky ReLU, None without one.
    """

    def __init__(self, layer: nn.Conv2d, slope: float | None) -> None:
        assert layer.bias is not None
        self._above = int(layer.padding[0])
        self._weight = layer.weight.detach().float()
        self._bias = layer.bias.detach().float().contiguous()
        self._slope = 1.0 if slope is None else slope

    @staticmethod
    def knows(layer: nn.Conv2d, dtype: torch.dtype, device: torch.device) -> bool:
        """Whether the kernel computes this layer, on a CPU for which it was measured to be faster than oneDNN."""
        form = layer.kernel_size, layer.stride, layer.padding
        return (
            form in (((3, 3), (2, 2), (1, 1)), ((3, 3), (2, 2), (0, 1)))
            and layer.out_channels >= PANEL
            and layer.groups == 1
            and _computes(dtype, device)
        )

    def pays(self, size: Sequence[int]) -> bool:
        """Whether a picture of this height and width is computed, and faster than by oneDNN."""
        height, width = size
        return width % 2 == 0 and self._rows(height) * (width // 2) >= FEWEST_PIXELS

    def _rows(self, height: int) -> int:
        """Rows of the output: without rows of zeros below where there are none above."""
        return (height + 2 * self._above - 3) // 2 + 1

    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """N×C×h×w, channels last, fp32, to N×outputs×rows×w/2, channels last.

        Args:
            x: the input; pictures may have gaps between them.
            out: N×rows×w/2×outputs that is written to, with gaps between pictures at most; None for new memory.
        """
        library = kernel_library()
        assert library is not None
        pixels = x.permute(0, 2, 3, 1)
        if not pixels[0].is_contiguous():
            pixels = pixels.contiguous()
        count, height, width, inputs = pixels.shape
        weights = self._panels  # a reference of this call's own: another thread may replace the cached one
        rows, outputs = self._rows(height), self._bias.numel()
        if out is None:
            out = torch.empty(count, rows, width // 2, outputs)
        assert out.shape == (count, rows, width // 2, outputs)
        assert out[0].is_contiguous()
        job = Strided(
            input=pixels.data_ptr(),
            step=pixels.stride(0),
            count=count,
            height=height,
            width=width,
            above=self._above,
            inputs=inputs,
            outputs=outputs,
            weights=weights.data_ptr(),
            bias=self._bias.data_ptr(),
            slope=self._slope,
            out_height=rows,
            out_step=out.stride(0),
            out=out.data_ptr(),
        )
        library.run("strided", job)
        return out.permute(0, 3, 1, 2)

    @cached_property
    def _panels(self) -> Tensor:
        """The weights as the kernel reads them."""
        taps = self._weight.permute(2, 3, 1, 0)
        starts = [min(start, taps.shape[3] - PANEL) for start in range(0, taps.shape[3], PANEL)]
        return torch.stack([taps[..., start : start + PANEL] for start in starts]).contiguous()


def _computes(dtype: torch.dtype, device: torch.device) -> bool:
    chosen, library = chosen_in_c(), kernel_library()
    if device.type != "cpu" or dtype != torch.float32 or library is None:
        return False
    only_avx2 = library.variant == "avx2" and torch.backends.cpu.get_cpu_capability() == "AVX2"
    return only_avx2 if chosen is None else chosen
