"""Convolutions on channels-last tensors, with their activation fused and their weights laid out once for each size."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Convolution", "computes_bf16", "has_fused"]

KEPT_LAYOUTS = 8
"""Sizes of a layer's input whose weights are kept laid out; a first layer has two for a picture, of its strips."""


class Convolution:
    """A convolution and its leaky ReLU.

    Args:
        layer: the convolution, or transposed convolution; its weights are taken as they are.
        slope: of the activation for negative values, None without one.
        dtype: of weights and output; sums are fp32.
        device: where it runs.
        fused: by oneDNN, with the activation in it and weights laid out for the input's size; None where that is here
            for the dtype.
    """

    def __init__(
        self,
        layer: nn.Conv2d | nn.ConvTranspose2d,
        slope: float | None,
        dtype: torch.dtype,
        device: torch.device,
        *,
        fused: bool | None = None,
    ) -> None:
        assert layer.bias is not None
        self._transposed = isinstance(layer, nn.ConvTranspose2d)
        self._stride, self._padding, self._groups = list(layer.stride), list(map(int, layer.padding)), layer.groups
        self._slope = slope
        self._dtype = dtype
        self._weight = layer.weight.detach().to(device, dtype)
        self._bias = layer.bias.detach().to(device, dtype)
        self._fused = device.type == "cpu" and has_fused(dtype) if fused is None else fused
        self._laid_out: dict[tuple[int, ...], Tensor] = {}
        if not self._fused:
            self._weight = self._weight.to(memory_format=torch.channels_last)

    def __call__(self, x: Tensor) -> Tensor:
        """N×C×h×w, channels last; the same out, in the convolution's dtype."""
        x = x.to(self._dtype)
        return self._one(x) if self._fused else self._two(x)

    def _two(self, x: Tensor) -> Tensor:
        if self._transposed:
            out = conv_transpose2d(x, self._weight, self._bias, self._stride, self._padding, groups=self._groups)
        else:
            out = conv2d(x, self._weight, self._bias, self._stride, self._padding, groups=self._groups)
        return out if self._slope is None else leaky_relu(out, self._slope, inplace=True)

    def _one(self, x: Tensor) -> Tensor:
        activation = ("none", [], "") if self._slope is None else ("leaky_relu", [self._slope], "")
        run = _op("_convolution_transpose_pointwise" if self._transposed else "_convolution_pointwise")
        weight = self._laid_out.get((*x.shape, torch.get_num_threads()))
        if weight is None:
            weight = self._lay_out(x)
        return run(x, weight, self._bias, *self._arguments(), *activation)

    def _arguments(self) -> tuple[object, ...]:
        """Padding, for transposed ones output padding, stride, dilation and groups."""
        zero = ([0, 0],) if self._transposed else ()
        return (self._padding, *zero, self._stride, [1, 1], self._groups)

    def _lay_out(self, x: Tensor) -> Tensor:
        """The weights as oneDNN wants them for this input and number of threads; others it lays out at each call."""
        name = f"_reorder_convolution_{'transpose_' if self._transposed else ''}weight"
        if len(self._laid_out) >= KEPT_LAYOUTS:
            self._laid_out = {}
        weight = _op(name)(self._weight, *self._arguments(), list(x.shape))
        self._laid_out[(*x.shape, torch.get_num_threads())] = weight
        return weight


@cache
def _op(name: str) -> Callable[..., Tensor]:
    found: Callable[..., Tensor] = getattr(torch.ops.mkldnn, name).default
    return found


def computes_bf16() -> bool:
    """Whether the CPU's convolutions are made of bf16 by what makes them of fp32: oneDNN, or PyTorch without it."""
    return has_fused(torch.bfloat16) or not has_fused(torch.float32)


@cache
def has_fused(dtype: torch.dtype) -> bool:
    """Whether oneDNN and the fused operators that PyTorch's compiler uses are here, and compute in a dtype on this CPU.

    They are tried, as they are called here: what oneDNN asks of a CPU differs from version to version.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    x = torch.zeros(1, 8, 4, 4, dtype=dtype).contiguous(memory_format=torch.channels_last)
    try:
        for layer in (nn.Conv2d(8, 8, 3, 2, 1), nn.ConvTranspose2d(8, 8, 4, 2, 1)):
            Convolution(layer, 0.2, dtype, torch.device("cpu"), fused=True)(x)
    except (AttributeError, RuntimeError, TypeError):
        return False
    return True
