"""A 3×3 convolution with its bias and leaky ReLU in one Triton kernel; `vsrife.motion.gpu_convolution` calls it."""
# mypy: ignore-errors
# (a language of its own; mypy does not know it)

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["convolve"]


@triton.jit(do_not_specialize=["count", "height", "width", "out_height", "out_width", "above", "beside"])
def convolve(
    out, picture, weight, bias, slope, count, height, width, out_height, out_width, above, beside,
    stride: tl.constexpr, inputs: tl.constexpr, outputs: tl.constexpr,
    index: tl.constexpr, rows: tl.constexpr, columns: tl.constexpr, depth: tl.constexpr,
):  # fmt: skip
    """N×out_height×out_width×outputs of N×height×width×inputs; grid: pieces of all positions, of output channels.

    A product of matrices whose left one, positions × (taps, inputs), is read from the picture as it is needed. Sums are
    fp32. PyTorch runs convolution, bias and activation as three kernels, each of which writes all it computes: this one
    writes once, 2 bytes a value instead of 10 read and written. A picture of another size compiles nothing.

    Args:
        weight: 9×inputs×outputs.
        slope: factor of negative values; 1 without an activation.
        count: positions of all pictures.
        above: rows of zeros above the picture.
        beside: columns of zeros left of it.
        rows: positions of one program.
        columns: output channels of one program.
        depth: input channels that are multiplied at a time.
    """
    position = tl.program_id(0) * rows + tl.arange(0, rows)
    x = position % out_width
    y = (position // out_width) % out_height
    n = position // (out_width * out_height)
    top, left = y * stride - above, x * stride - beside
    channel = tl.program_id(1) * columns + tl.arange(0, columns)
    k = tl.arange(0, depth)
    parts: tl.constexpr = (inputs + depth - 1) // depth
    total = tl.zeros((rows, columns), tl.float32)
    for step in range(9 * parts):
        tap = step // parts
        part = (step % parts) * depth + k
        at_y, at_x = top + tap // 3, left + tap % 3
        inside = (at_y >= 0) & (at_y < height) & (at_x >= 0) & (at_x < width) & (position < count)
        pixel = ((n.to(index) * height + at_y) * width + at_x) * inputs
        values = tl.load(
            picture + pixel[:, None] + part[None, :], mask=inside[:, None] & (part < inputs)[None, :], other=0.0
        )
        weights = tl.load(
            weight + (tap * inputs + part)[:, None] * outputs + channel[None, :],
            mask=(part < inputs)[:, None] & (channel < outputs)[None, :],
            other=0.0,
        )
        total = tl.dot(values.to(weight.dtype.element_ty), weights, total)
    total += tl.load(bias + channel, mask=channel < outputs, other=0.0).to(tl.float32)[None, :]
    total = tl.where(total > 0, total, total * slope)
    tl.store(
        out + (position.to(index) * outputs)[:, None] + channel[None, :],
        total.to(out.dtype.element_ty),
        (position < count)[:, None] & (channel < outputs)[None, :],
    )
