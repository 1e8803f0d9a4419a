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
        number, *size, _ = x.shape
        height, width = (
            (length + 2 * padding - 3) // self._stride + 1 for length, padding in zip(size, self._padding, strict=True)
        )
        out = torch.empty(number, height, width, self._outputs, dtype=self._weight.dtype, device=x.device)
        count = number * height * width
        columns = 64 if self._outputs % 64 == 0 else max(16, min(32, launch.power(self._outputs)))
        across = -(-self._outputs // columns)
        rows = 32 if self._outputs >= WIDER else 64 if self._outputs >= WIDE else 128
        largest = x if x.numel() > out.numel() else out
        with launch.on_device(out):
            launch.kernels("triton_convolution").convolve[(-(-count // rows), across)](
                out, x, self._weight, self._bias, self._slope, count, *size, height, width, *self._padding,
                stride=self._stride, inputs=self._inputs, outputs=self._outputs, index=launch.index_type(largest),
                rows=rows, columns=columns, depth=min(DEPTH, max(16, launch.power(self._inputs))),
                num_warps=4, num_stages=3,
            )  # fmt: skip
        return out.permute(0, 3, 1, 2)
