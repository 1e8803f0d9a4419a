"""The correction of a motion in Triton, see `vsrife.motion.evidence`; `vsrife.motion.gpu_evidence` calls the kernels.

PyTorch's operations launch a kernel for each step and read and write a map at each; here a correction is a kernel for
each map whose neighbours the next step reads. Neighbours beyond an edge are the last ones again. Bound by the loads of
neighbours, which come from the cache: of memory a cell moves 276 bytes, 144 MB at 1080p.
"""
# mypy: ignore-errors
# (a language of its own; mypy does not know it)

from __future__ import annotations

import triton
import triton.language as tl

from vsrife.motion.triton_kernels import _corners, _place

__all__ = ["correction", "ends", "mean_luma", "refinement"]


@triton.jit
def _beside(at, by, size):
    """A position moved by some samples and kept on `size` of them."""
    return tl.minimum(tl.maximum(at + by, 0), size - 1)


@triton.jit
def _luma(rgb, red, green, blue):
    return tl.load(rgb) * red + tl.load(rgb + 1) * green + tl.load(rgb + 2) * blue


@triton.jit(do_not_specialize=["height", "width", "stride"])
def mean_luma(out, rgb, height, width, stride, red, green, blue, index: tl.constexpr, block: tl.constexpr):
    """The mean luma of 2×2 pixels from each one on, height×width; grid: pieces of a row, rows.

    Args:
        stride: pixels from one row of `rgb` to the next.
    """
    x = tl.program_id(0) * block + tl.arange(0, block)
    y = tl.program_id(1)
    row0, row1 = rgb + y.to(index) * stride * 3, rgb + _beside(y, 1, height).to(index) * stride * 3
    column0, column1 = _beside(x, 0, width) * 3, _beside(x, 1, width) * 3
    above = _luma(row0 + column0, red, green, blue) + _luma(row0 + column1, red, green, blue)
    below = _luma(row1 + column0, red, green, blue) + _luma(row1 + column1, red, green, blue)
    tl.store(out + y.to(index) * width + x, (above + below) / 4, x < width)


@triton.jit
def _time(time, times, place, inside, has_map: tl.constexpr):
    if has_map:
        time = tl.load(times + place, inside, other=0.0)
    return time


@triton.jit
def _sample(luma, y, x, flow_y, flow_x, height, width, index: tl.constexpr):
    """Luma where a flow leads from a cell: two values of luma are a cell apart."""
    y0, y1, part_y = _place((2 * y).to(tl.float32) + flow_y, 2 * height)
    x0, x1, part_x = _place((2 * x).to(tl.float32) + flow_x, 2 * width)
    return _corners(luma + y0.to(index) * 2 * width, luma + y1.to(index) * 2 * width, x0, x1, part_y, part_x)


@triton.jit
def _store_ends(
    mean, difference, luma0, luma1, motion_x, motion_y, time, y, x, height, width, place, inside, index: tl.constexpr
):
    """Store mean and difference of the two ends of straight motion."""
    first = _sample(luma0, y, x, -time * motion_y, -time * motion_x, height, width, index)
    last = _sample(luma1, y, x, (1 - time) * motion_y, (1 - time) * motion_x, height, width, index)
    tl.store(mean + place, (first + last) / 2, inside)
    tl.store(difference + place, last - first, inside)


@triton.jit(do_not_specialize=["height", "width"])
def ends(
    mean, difference, own_error, luma0, luma1, own, straight, times, height, width, time,
    has_map: tl.constexpr, index: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """The two ends along straight motion, and how much they differ along the network's; grid: pieces of a row, rows."""
    x = tl.program_id(0) * block + tl.arange(0, block)
    y, inside = tl.program_id(1), x < width
    place, size = y.to(index) * width + x, (height * width).to(index)
    time = _time(time, times, place, inside, has_map)
    motion_x = tl.load(straight + place, inside, other=0.0)
    motion_y = tl.load(straight + size + place, inside, other=0.0)
    _store_ends(
        mean, difference, luma0, luma1, motion_x, motion_y, time, y, x, height, width, place, inside, index
    )  # fmt: skip
    own_x0 = tl.load(own + place, inside, other=0.0)
    own_y0 = tl.load(own + size + place, inside, other=0.0)
    own_x1 = tl.load(own + 2 * size + place, inside, other=0.0)
    own_y1 = tl.load(own + 3 * size + place, inside, other=0.0)
    first = _sample(luma0, y, x, own_y0, own_x0, height, width, index)
    last = _sample(luma1, y, x, own_y1, own_x1, height, width, index)
    tl.store(own_error + place, tl.abs(last - first), inside)


@triton.jit
def _gradients(plane, y, x, height, width, index: tl.constexpr):
    """Central differences across and down."""
    row = plane + y.to(index) * width
    across = tl.load(row + _beside(x, 1, width)) - tl.load(row + _beside(x, -1, width))
    above, below = plane + _beside(y, -1, height).to(index) * width, plane + _beside(y, 1, height).to(index) * width
    return across / 2, (tl.load(below + x) - tl.load(above + x)) / 2


@triton.jit(do_not_specialize=["height", "width"])
def refinement(
    refined, mean_out, difference_out, mean, difference, motion, straight, luma0, luma1, times, height, width, time,
    medium, regulariser, largest_step,
    has_map: tl.constexpr, index: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """One step of Lucas and Kanade, and the two ends along what it gives; grid: pieces of a row, rows.

    Args:
        motion: 2×height×width, what the step starts from; may be `refined`.
    """
    x = tl.program_id(0) * block + tl.arange(0, block)
    y, inside = tl.program_id(1), x < width
    place, size = y.to(index) * width + x, (height * width).to(index)
    xx = tl.zeros((block,), tl.float32)
    xy, yy, xe, ye = xx, xx, xx, xx
    for r in range(5):
        at_y = _beside(y, r - 2, height)
        for c in range(5):
            at_x = _beside(x, c - 2, width)
            across, down = _gradients(mean, at_y, at_x, height, width, index)
            error = tl.load(difference + at_y.to(index) * width + at_x)
            weight = (3 - tl.abs(r - 2)) * (3 - tl.abs(c - 2)) / 81.0
            xx += across * across * weight
            xy += across * down * weight
            yy += down * down * weight
            xe += across * error * weight
            ye += down * error * weight
    xx += regulariser
    yy += regulariser
    determinant = xx * yy - xy * xy
    step_x, step_y = (xy * ye - yy * xe) / determinant, (xy * xe - xx * ye) / determinant
    step_x = tl.minimum(tl.maximum(step_x, -largest_step), largest_step)
    step_y = tl.minimum(tl.maximum(step_y, -largest_step), largest_step)
    start_x = tl.load(straight + place, inside, other=0.0)
    start_y = tl.load(straight + size + place, inside, other=0.0)
    reach = _ramp(tl.sqrt(start_x * start_x + start_y * start_y) / medium)
    motion_x = tl.load(motion + place, inside, other=0.0) + 2 * step_x * reach
    motion_y = tl.load(motion + size + place, inside, other=0.0) + 2 * step_y * reach
    tl.store(refined + place, motion_x, inside)
    tl.store(refined + size + place, motion_y, inside)
    time = _time(time, times, place, inside, has_map)
    _store_ends(
        mean_out, difference_out, luma0, luma1, motion_x, motion_y, time, y, x, height, width, place, inside, index
    )  # fmt: skip


@triton.jit
def _ramp(share):
    """1 up to 1, 0 from 2 on."""
    return tl.minimum(tl.maximum(2 - share, 0.0), 1.0)


@triton.jit
def _agreement(error, tolerance):
    return tl.exp(-(error / tolerance) * (error / tolerance))


@triton.jit(do_not_specialize=["height", "width"])
def correction(
    out, straight, refined, difference, refined_difference, mean, own_error, times, height, width, time,
    small, medium, far, far_from_middle, noise, contrast,
    has_map: tl.constexpr, index: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    """What evidence makes of a motion, height×width×8; grid: pieces of a row, rows.

    Args:
        difference: of the two ends along straight motion.
        refined_difference: the same along refined motion.
        mean: of the ends along refined motion.
        own_error: how much the ends differ along the network's motion.
    """
    x = tl.program_id(0) * block + tl.arange(0, block)
    y, inside = tl.program_id(1), x < width
    place, size = y.to(index) * width + x, (height * width).to(index)
    before = tl.zeros((block,), tl.float32)
    after, own, detail = before, before, before
    for r in range(7):
        at_y = _beside(y, r - 3, height)
        for c in tl.static_range(7):
            across, down = _gradients(mean, at_y, _beside(x, c - 3, width), height, width, index)
            detail += (tl.abs(across) + tl.abs(down)) / 2
    for r in range(5):
        row = _beside(y, r - 2, height).to(index) * width
        for c in tl.static_range(5):
            at = row + _beside(x, c - 2, width)
            before += tl.abs(tl.load(difference + at))
            after += tl.abs(tl.load(refined_difference + at))
            own += tl.load(own_error + at)
    before, after, own, detail = before / 25, after / 25, own / 25, detail / 49

    is_better = after <= before
    motion_x = tl.where(is_better, tl.load(refined + place, inside), tl.load(straight + place, inside))
    motion_y = tl.where(is_better, tl.load(refined + size + place, inside), tl.load(straight + size + place, inside))
    error = tl.minimum(after, before)
    tolerance = noise + contrast * detail
    length = tl.sqrt(motion_x * motion_x + motion_y * motion_y)
    time = _time(time, times, place, inside, has_map)
    limit = tl.where(tl.abs(time - 0.5) > far_from_middle, far, medium)
    likely = _ramp(length / limit) * _agreement(error, tolerance)
    is_right = (error <= own + noise).to(tl.float32)
    share = tl.maximum(_ramp(length / small), likely) * is_right
    x0, y0, x1, y1 = -time * motion_x, -time * motion_y, (1 - time) * motion_x, (1 - time) * motion_y
    here_x, here_y = (2 * x).to(tl.float32), (2 * y).to(tl.float32)
    left, right = tl.minimum(x0, x1) + here_x, tl.maximum(x0, x1) + here_x
    top, bottom = tl.minimum(y0, y1) + here_y, tl.maximum(y0, y1) + here_y
    shown = (left >= 0) & (right <= 2 * width - 1) & (top >= 0) & (bottom <= 2 * height - 1)
    by_time = likely * is_right * shown.to(tl.float32)
    out += place * 8
    tl.store(out, x0 * share, inside)
    tl.store(out + 1, y0 * share, inside)
    tl.store(out + 2, x1 * share, inside)
    tl.store(out + 3, y1 * share, inside)
    tl.store(out + 4, 1 - share, inside)
    tl.store(out + 5, by_time * (1 - time), inside)
    tl.store(out + 6, 1 - by_time, inside)
    tl.store(out + 7, _agreement(tl.minimum(error, own), tolerance), inside)
