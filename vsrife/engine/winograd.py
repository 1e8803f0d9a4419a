"""Convolutions by Winograd's F(4×4, 3×3) in C, which need a quarter of the products that oneDNN sums.

They compute in fp32. With bf16 tensors they are faster than bf16 products where the vector units multiply bf16 twice
as fast as fp32, and slower where a CPU has matrix units for bf16 (AMX). They are used on the CPUs for which they were
measured to be faster, and everywhere if `VSRIFE_CONVOLUTIONS` is `c`.
"""

from __future__ import annotations

import math
import os
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vsrife.errors import ArgumentError
from vsrife.motion.library import TYPES, Winograd, kernel_library

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["PANEL", "WinogradConvolution", "at_half_size", "chosen_in_c"]

POINTS = (0, 0.625, -0.625, 1.5, -1.5)
"""Interpolation points besides ∞: in fp32 their error is half that of 0, ±1, ±2. The kernel has the same."""
VARIABLE = "VSRIFE_CONVOLUTIONS"
"""The environment variable that chooses whose convolutions a CPU runs: `c` for these, `pytorch` for none."""
PANEL = 16
FEWEST_PRODUCTS = {torch.float32: 500, torch.bfloat16: 5000}
"""Products a pair of channels must save before the transformed weights, four times as large, pay for being read."""
BF16_CHANNELS = 32
"""Inputs and outputs from which a layer with bf16 tensors is faster."""


class WinogradConvolution:
    """A 3×3 convolution of stride 1, or a transposed 4×4 one of stride 2, with its leaky ReLU.

    An output depends neither on the number of threads nor on the other pictures of a batch, to the last bit.

    Args:
        layer: a convolution that `knows` accepts.
        slope: of the leaky ReLU, None without one.
        dtype: of input and output, fp32 or bf16; weights and sums are fp32.
    """

    def __init__(
        self, layer: nn.Conv2d | nn.ConvTranspose2d, slope: float | None, dtype: torch.dtype = torch.float32
    ) -> None:
        self._dtype = dtype
        self._split = 2 if isinstance(layer, nn.ConvTranspose2d) else 1
        layer = at_half_size(layer) if isinstance(layer, nn.ConvTranspose2d) else layer
        assert layer.bias is not None
        self._weight = layer.weight.detach().float()
        self._bias = layer.bias.detach().float().contiguous()
        self._slope = 1.0 if slope is None else slope

    @staticmethod
    def knows(layer: nn.Conv2d | nn.ConvTranspose2d, dtype: torch.dtype, device: torch.device) -> bool:
        """Whether the kernel computes this layer, on a CPU and in a dtype for which it was measured to be faster."""
        if layer.groups != 1 or not _computes(dtype, device):
            return False
        form = layer.kernel_size, layer.stride, layer.padding
        if dtype == torch.bfloat16:
            is_wide = min(layer.in_channels, layer.out_channels) >= BF16_CHANNELS
            return is_wide and isinstance(layer, nn.Conv2d) and form == ((3, 3), (1, 1), (1, 1))
        if isinstance(layer, nn.ConvTranspose2d):
            fits = form == ((4, 4), (2, 2), (1, 1)) and 2 * layer.out_channels % PANEL == 0
        else:
            fits = form == ((3, 3), (1, 1), (1, 1)) and layer.out_channels >= PANEL
        return fits and layer.in_channels >= PANEL

    def pays(self, size: Sequence[int]) -> bool:
        """Whether a picture of this height and width saves enough multiplications."""
        height, width = size
        return 9 * height * width - 36 * -(-height // 4) * -(-width // 4) >= FEWEST_PRODUCTS[self._dtype]

    def __call__(self, x: Tensor) -> Tensor:
        """N×C×h×w, channels last, to N×outputs×h×w, or to twice the height and width if transposed."""
        library = kernel_library()
        assert library is not None
        pixels = x.permute(0, 2, 3, 1).contiguous()
        count, height, width, inputs = pixels.shape
        weights, used = self._transformed
        outputs, split = self._bias.numel(), self._split
        assert pixels.dtype == self._dtype
        out = torch.empty(count, split * height, split * width, outputs // split**2, dtype=self._dtype)
        job = Winograd(
            input=pixels.data_ptr(),
            type=TYPES[self._dtype],
            count=count,
            height=height,
            width=width,
            inputs=inputs,
            outputs=outputs,
            split=split,
            weights=weights.data_ptr(),
            used=used.data_ptr(),
            bias=self._bias.data_ptr(),
            slope=self._slope,
            out=out.data_ptr(),
        )
        library.run("winograd", job)
        return out.permute(0, 3, 1, 2)

    @cached_property
    def _transformed(self) -> tuple[Tensor, Tensor]:
        """The weights as the kernel reads them, and a bit for each point of a panel whose weights are not all 0."""
        points = _weights_to_points()
        at_points = torch.einsum("po,ncoq,rq->prcn", points, self._weight.double(), points).flatten(0, 1).float()
        starts = [min(start, at_points.shape[2] - PANEL) for start in range(0, at_points.shape[2], PANEL)]
        panels = torch.stack([at_points[:, :, start : start + PANEL] for start in starts])
        bits = panels.flatten(2).any(2).long() << torch.arange(panels.shape[1])
        return panels, bits.sum(1)


def chosen_in_c() -> bool | None:
    """What `VSRIFE_CONVOLUTIONS` says: whether a CPU's convolutions are in C wherever they can be; None without it.

    Raises:
        RifeError: it is neither `c` nor `pytorch`.
    """
    chosen = os.environ.get(VARIABLE, "")
    if chosen not in ("", "c", "pytorch"):
        raise ArgumentError(VARIABLE, chosen, "c or pytorch")
    return chosen == "c" if chosen else None


def _computes(dtype: torch.dtype, device: torch.device) -> bool:
    chosen, library = chosen_in_c(), kernel_library()
    if device.type != "cpu" or library is None or dtype not in FEWEST_PRODUCTS:
        return False
    if chosen is not None:
        return chosen
    if library.variant == "avx512":
        return dtype == torch.float32 or not _has_matrix_units()
    # oneDNN has 512-bit vectors on CPUs with AVX-512 and no bf16, whose variant is avx2; none of them was measured
    has_avx2_alone = library.variant == "avx2" and torch.backends.cpu.get_cpu_capability() == "AVX2"
    return dtype == torch.float32 and has_avx2_alone


def _has_matrix_units() -> bool:
    """Whether PyTorch finds units for matrices of bf16 (AMX) in this CPU."""
    return bool(getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)())


def _weights_to_points() -> Tensor:
    """6×3, three taps to their values at the points, divided so that the kernel's transforms need no division; fp64."""
    rows = [
        [point**power / math.prod(point - other for other in POINTS if other != point) for power in range(3)]
        for point in POINTS
    ]
    return torch.tensor([*rows, [0, 0, 1]], dtype=torch.float64)


def at_half_size(conv: nn.ConvTranspose2d) -> nn.Conv2d:
    """A 4×4 transposed convolution of stride 2 as a 3×3 convolution to the four pixels (2×2×C) of each of its inputs.

    Output pixel 2y + d takes input y + t through kernel row d + 1 − 2t, where the kernel has one.
    """
    channels = conv.out_channels
    out = nn.Conv2d(conv.in_channels, 4 * channels, 3, padding=1)
    assert conv.bias is not None
    assert out.bias is not None
    with torch.no_grad():
        out.weight.zero_()
        out.bias.copy_(conv.bias.repeat(4))
        for down in range(2):
            for across in range(2):
                part = slice((2 * down + across) * channels, (2 * down + across + 1) * channels)
                for y in range(-1, 2):
                    for x in range(-1, 2):
                        row, column = down + 1 - 2 * y, across + 1 - 2 * x
                        if 0 <= row < 4 and 0 <= column < 4:
                            out.weight[part, :, y + 1, x + 1] = conv.weight[:, :, row, column].T
    return out
