"""3×3 convolutions by a Triton kernel that adds the bias and applies the activation before it writes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vsrife.motion import launch

__all__ = ["TritonConvolution"]

WIDE, WIDER = 96, 128
"""Output channels from which on a program computes 64 and 32 positions instead of 128: networks are widest where they
are coarsest, with few positions, and these keep more of a card busy."""
DEPTH = 32
SIZES = 8
"""Sizes of inputs for which launches are kept."""


def _has_matrix_units(device: torch.device) -> bool:
    """Whether Triton multiplies by the device's matrix units; on cards of compute capability 7.5 it does not."""
    return device.type == "cuda" and (bool(torch.version.hip) or torch.cuda.get_device_capability(device) >= (8, 0))


class TritonConvolution:
    """A 3×3 convolution and its leaky ReLU on packed channels.

    Args:
        layer: the convolution.
        slope: the activation's slope for negative values, None without an activation.
        dtype: fp16 or bf16, of weights, products and output; sums are fp32.
        device: where it runs.
    """

    def __init__(self, layer: nn.Conv2d, slope: float | None, dtype: torch.dtype, device: torch.device) -> None:
        assert layer.bias is not None
        self._stride, self._padding = layer.stride[0], (int(layer.padding[0]), int(layer.padding[1]))
        self._inputs, self._outputs = layer.in_channels, layer.out_channels
        self._slope = 1.0 if slope is None else slope
        self._weight = layer.weight.detach().permute(2, 3, 1, 0).contiguous().to(device, dtype)
        self._bias = layer.bias.detach().to(device, torch.float32)
        self._prepared: dict[tuple[torch.Size, torch.dtype], tuple[tuple[int, ...], launch.Launch]] = {}

    @staticmethod
    def supports(layer: nn.Module, dtype: torch.dtype, device: torch.device) -> bool:
        """Whether the kernel knows a layer and its precision. Matrix units do not keep all digits of fp32; Triton's
        interpreter does not multiply bf16."""
        return (
            (_has_matrix_units(device) or launch.INTERPRETED)
            and dtype in ((torch.float16,) if launch.INTERPRETED else (torch.float16, torch.bfloat16))
            and isinstance(layer, nn.Conv2d)
            and layer.kernel_size == (3, 3)
            and layer.dilation == (1, 1)
            and layer.stride in ((1, 1), (2, 2))
            and layer.groups == 1
        )

    def __call__(self, x: Tensor) -> Tensor:
        """N×C×h×w of any type of floats, channels last, to a tensor of the same form in the convolution's dtype."""
        x = x.permute(0, 2, 3, 1).contiguous()
        key = x.shape, x.dtype
        prepared = self._prepared.get(key)
        if prepared is None:
            if len(self._prepared) >= SIZES:
                self._prepared = {}
            prepared = self._prepared[key] = self._prepare(x)
        shape, run = prepared
        out = torch.empty(shape, dtype=self._weight.dtype, device=x.device)
        with launch.on_device(out):
            run(out, x, self._weight, self._bias)
        return out.permute(0, 3, 1, 2)

    def _prepare(self, x: Tensor) -> tuple[tuple[int, ...], launch.Launch]:
        """The output's shape for an input, and its launch."""
        number, *size, _ = x.shape
        height, width = (
            (length + 2 * padding - 3) // self._stride + 1 for length, padding in zip(size, self._padding, strict=True)
        )
        shape, count = (number, height, width, self._outputs), number * height * width
        columns = 64 if self._outputs % 64 == 0 else max(16, min(32, launch.power(self._outputs)))
        rows = 32 if self._outputs >= WIDER else 64 if self._outputs >= WIDE else 128
        depth = min(DEPTH, max(16, launch.power(self._inputs)))
        index = launch.index_type(max(x.numel(), count * self._outputs))
        arguments = (
            self._slope, count, *size, height, width, *self._padding,
            self._stride, self._inputs, self._outputs, index, rows, columns, depth,
        )  # fmt: skip
        grid = (-(-count // rows), -(-self._outputs // columns), 1)
        kernel = launch.kernels("triton_convolution").convolve
        return shape, launch.Launch(kernel, grid, arguments, num_warps=4, num_stages=3)
