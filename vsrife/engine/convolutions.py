"""Convolutions on channels-last tensors with a fused activation, and weights reordered once for each input size."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, leaky_relu

from vsrife.engine.same_bits import same_bits
from vsrife.engine.strided import StridedConvolution
from vsrife.engine.winograd import WinogradConvolution
from vsrife.motion.gpu_convolution import TritonConvolution
from vsrife.motion.kernels import KernelError, reports_failure
from vsrife.motion.thread_count import threads_of, usable_threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Convolution", "computes_bf16", "has_fused"]

CACHED_LAYOUTS = 8
"""Input sizes of a layer for which reordered weights are cached; a first layer has two for a picture, of its strips."""


class Convolution:
    """A convolution and its leaky ReLU; raises `KernelError` where it fails.

    By Triton's kernel where that knows the layer, else by PyTorch, on CPUs by oneDNN's fused operators.

    Args:
        layer: the convolution or transposed convolution.
        slope: the activation's slope for negative values, None without an activation.
        dtype: dtype of weights and output; sums are fp32.
        device: where it runs.
        fused: whether oneDNN runs both as one, with weights reordered for the input's size; None where it can, in this
            dtype, and the kernels of `vsrife.engine.winograd` and `vsrife.engine.strided` are not faster. Those and
            Triton's are used for None alone.
    """

    name = "convolutions"

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
        self._by_triton: TritonConvolution | None = None
        self._in_c: WinogradConvolution | StridedConvolution | None = None
        if fused is None and isinstance(layer, nn.Conv2d) and TritonConvolution.supports(layer, dtype, device):
            self._by_triton = TritonConvolution(layer, slope, dtype, device)
            return
        self._transposed = isinstance(layer, nn.ConvTranspose2d)
        self._stride, self._padding, self._groups = list(layer.stride), list(map(int, layer.padding)), layer.groups
        self._slope = slope
        self._dtype = dtype
        self._weight = layer.weight.detach().to(device, dtype)
        self._bias = layer.bias.detach().to(device, dtype)
        self._fused = device.type == "cpu" and has_fused(dtype) if fused is None else fused
        if fused is None and WinogradConvolution.knows(layer, dtype, device):
            self._in_c = WinogradConvolution(layer, slope, dtype)
        elif fused is None and isinstance(layer, nn.Conv2d) and StridedConvolution.knows(layer, dtype, device):
            self._in_c = StridedConvolution(layer, slope)
        self._reordered: dict[tuple[int, ...], Tensor] = {}
        if not self._fused:
            self._weight = self._weight.to(memory_format=torch.channels_last)

    def writes_rows(self, size: Sequence[int]) -> bool:
        """Whether a picture of this height and width can be convolved in strips of any height, with the same bits."""
        return isinstance(self._in_c, StridedConvolution) and self._in_c.pays(size)

    @reports_failure
    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """N×C×h×w, channels last, to a tensor of the same form in the convolution's dtype.

        Args:
            x: the input.
            out: see `StridedConvolution`; only where `writes_rows`.
        """
        if out is not None:
            assert isinstance(self._in_c, StridedConvolution)
            return self._in_c(x, out)
        if self._by_triton:
            return self._by_triton(x)
        x = x.to(self._dtype)
        if self._in_c and self._in_c.pays(x.shape[2:]):
            return self._in_c(x)
        return self._run_fused(x) if self._fused else self._run_separately(x)

    def _run_separately(self, x: Tensor) -> Tensor:
        if self._transposed:
            out = conv_transpose2d(x, self._weight, self._bias, self._stride, self._padding, groups=self._groups)
        else:
            out = conv2d(x, self._weight, self._bias, self._stride, self._padding, groups=self._groups)
        return out if self._slope is None else leaky_relu(out, self._slope, inplace=True)

    def _run_fused(self, x: Tensor) -> Tensor:
        own, most = torch.get_num_threads(), usable_threads()
        if most == own or not self._ignores_threads(x, (own, most)):
            return self._run_reordered(x)
        with threads_of(most):
            return self._run_reordered(x)

    def _run_reordered(self, x: Tensor) -> Tensor:
        weight = self._reordered.get((*x.shape, torch.get_num_threads()))
        if weight is None:
            weight = self._reorder(x)
        return self._run_op(x, weight, self._bias)

    def _run_op(self, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        activation = ("none", [], "") if self._slope is None else ("leaky_relu", [self._slope], "")
        run = _op("_convolution_transpose_pointwise" if self._transposed else "_convolution_pointwise")
        return run(x, weight, bias, *self._arguments(), *activation)

    def _ignores_threads(self, x: Tensor, threads: tuple[int, int]) -> bool:
        """Whether the bits for an input like this are the same on both numbers of threads."""
        layer = self._transposed, self._slope, str(self._arguments())
        return same_bits(self._run_without_bias, x.shape, self._weight.shape, self._dtype, layer, threads)

    def _run_without_bias(self, x: Tensor, weight: Tensor) -> Tensor:
        return self._run_op(x, self._reorder_for(x, weight), torch.zeros_like(self._bias))

    def _arguments(self) -> tuple[object, ...]:
        """Padding, output padding of transposed convolutions, stride, dilation and groups."""
        zero = ([0, 0],) if self._transposed else ()
        return (self._padding, *zero, self._stride, [1, 1], self._groups)

    def _reorder(self, x: Tensor) -> Tensor:
        """The weights in oneDNN's order for this input and number of threads; others it reorders at each call."""
        if len(self._reordered) >= CACHED_LAYOUTS:
            self._reordered = {}
        weight = self._reorder_for(x, self._weight)
        self._reordered[(*x.shape, torch.get_num_threads())] = weight
        return weight

    def _reorder_for(self, x: Tensor, weight: Tensor) -> Tensor:
        name = f"_reorder_convolution_{'transpose_' if self._transposed else ''}weight"
        return _op(name)(weight, *self._arguments(), list(x.shape))


@cache
def _op(name: str) -> Callable[..., Tensor]:
    op: Callable[..., Tensor] = getattr(torch.ops.mkldnn, name).default
    return op


def computes_bf16() -> bool:
    """Whether the CPU's bf16 convolutions are by the library of its fp32 ones: oneDNN, or PyTorch without it."""
    return has_fused(torch.bfloat16) or not has_fused(torch.float32)


@cache
def has_fused(dtype: torch.dtype) -> bool:
    """Whether this PyTorch has oneDNN's fused operators, and they compute in a dtype on this CPU.

    They belong to PyTorch's compiler, and what oneDNN needs from a CPU differs by version, so that they are tried.
    """
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    x = torch.zeros(1, 8, 4, 4, dtype=dtype).contiguous(memory_format=torch.channels_last)
    try:
        for layer in (nn.Conv2d(8, 8, 3, 2, 1), nn.ConvTranspose2d(8, 8, 4, 2, 1)):
            Convolution(layer, 0.2, dtype, torch.device("cpu"), fused=True)(x)
    except KernelError:
        return False
    return True
