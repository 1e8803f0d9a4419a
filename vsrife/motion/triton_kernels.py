"""The primitives' kernels for CUDA and ROCm in Triton; `vsrife.motion.gpu` calls them.

A program makes one piece of one row of the output. Each sample reads maps at four positions and each of the two
pictures at four positions; neighbouring samples read neighbouring positions, so that memory is read about once.
Coordinates are fp32 and clamped, so that no index leaves a tensor whatever the flow is; NaN counts as 0.

Tiles are (position, …, channel), so that neighbours in memory are neighbours in a thread. All that is
known when a network is built is `constexpr`; sizes, scales and times are not, and Triton is told not to look whether
they are 1 or divisible by 16: a picture of another size compiles nothing.
"""
# mypy: ignore-errors
# (a language of its own; mypy does not know it)

from __future__ import annotations

import triton
import triton.language as tl

__all__ = ["block_input", "cell_flow", "encode", "to_rgb", "warp_and_blend"]

MAPS = [f"{side}{index}" for index in range(5) for side in ("height", "width")]
"""Names of the maps' sizes."""


@triton.jit
def _place(at, size):
    """Position of `at` on `size` samples: the two beside it and the second one's weight."""
    at = tl.where(at > 0, at, 0.0)  # not a number becomes 0 too
    at = tl.where(at < size - 1, at, size - 1)
    low = at.to(tl.int32)
    return low, tl.minimum(low + 1, size - 1), at - low.to(tl.float32)


@triton.jit
def _mixed(a, b, weight):
    return a + (b - a) * weight


@triton.jit
def _corners(row0, row1, column0, column1, weight_y, weight_x):
    """Bilinear from pointers to two rows, counted from which two columns lie."""
    a = tl.load(row0 + column0).to(tl.float32)
    b = tl.load(row0 + column1).to(tl.float32)
    c = tl.load(row1 + column0).to(tl.float32)
    d = tl.load(row1 + column1).to(tl.float32)
    return _mixed(_mixed(a, b, weight_x), _mixed(c, d, weight_x), weight_y)


@triton.jit
def _added(
    flow,
    state,
    data,
    height,
    width,
    scale,
    n,
    y,
    x,
    channel,
    channels: tl.constexpr,
    shuffled: tl.constexpr,
    whole: tl.constexpr,
    index: tl.constexpr,
):
    """The sums with one more map, at row `y` (one) and columns `x` (positions) of the picture.

    `flow` (positions × end × x, y) is in picture pixels; `state` gets the map's `channel`s (1 × … × …) if `whole`.
    """
    y0, y1, weight_y = _place((y + 0.5) / scale - 0.5, height)
    x0, x1, weight_x = _place((x + 0.5) / scale - 0.5, width)
    if shuffled:
        row0 = (y0 >> 1).to(index) * (2 * width) + (y0 & 1) * 2
        row1 = (y1 >> 1).to(index) * (2 * width) + (y1 & 1) * 2
        column0 = (x0 >> 1) * 4 + (x0 & 1)
        column1 = (x1 >> 1) * 4 + (x1 & 1)
    else:
        row0, row1, column0, column1 = y0.to(index) * width, y1.to(index) * width, x0, x1
    data += n.to(tl.int64) * height * width * channels
    data0, data1 = data + row0 * channels, data + row1 * channels
    column0, column1 = (column0 * channels)[:, None, None], (column1 * channels)[:, None, None]
    weight_x = weight_x[:, None, None]
    pair = tl.arange(0, 2)[None, :, None] * 2 + tl.arange(0, 2)[None, None, :]
    flow += _corners(data0, data1, column0 + pair, column1 + pair, weight_y, weight_x) * scale
    if whole:
        state += _corners(data0, data1, column0 + channel, column1 + channel, weight_y, weight_x)
    return flow, state


@triton.jit
def _motion(
    flow,
    state,
    map0, height0, width0, scale0,
    map1, height1, width1, scale1,
    map2, height2, width2, scale2,
    map3, height3, width3, scale3,
    map4, height4, width4, scale4,
    n,
    y,
    x,
    channel,
    maps: tl.constexpr,
    channels: tl.constexpr,
    last_channels: tl.constexpr,
    shuffled: tl.constexpr,
    accumulates: tl.constexpr,
    index: tl.constexpr,
):  # fmt: skip
    """The sum of all maps, see `_added`; `state` is that of the last map alone, unless the masks are summed too."""
    if maps > 0:
        flow, state = _added(
            flow, state, map0, height0, width0, scale0, n, y, x, channel,
            last_channels if maps == 1 else channels, shuffled, accumulates or maps == 1, index,
        )  # fmt: skip
    if maps > 1:
        flow, state = _added(
            flow, state, map1, height1, width1, scale1, n, y, x, channel,
            last_channels if maps == 2 else channels, shuffled, accumulates or maps == 2, index,
        )  # fmt: skip
    if maps > 2:
        flow, state = _added(
            flow, state, map2, height2, width2, scale2, n, y, x, channel,
            last_channels if maps == 3 else channels, shuffled, accumulates or maps == 3, index,
        )  # fmt: skip
    if maps > 3:
        flow, state = _added(
            flow, state, map3, height3, width3, scale3, n, y, x, channel,
            last_channels if maps == 4 else channels, shuffled, accumulates or maps == 4, index,
        )  # fmt: skip
    if maps > 4:
        flow, state = _added(
            flow, state, map4, height4, width4, scale4, n, y, x, channel,
            last_channels, shuffled, True, index,
        )  # fmt: skip
    return flow, state


@triton.jit
def _tap(k, scale, size, second: tl.constexpr):
    """One of the two pixels that shrinking reads around the centre of output `k`, and its weight."""
    centre = (k.to(tl.float32) + 0.5) * scale - 0.5
    centre = tl.where(centre > 0, centre, 0.0)
    low = tl.minimum(centre.to(tl.int32), size - 1)
    weight = centre - low.to(tl.float32)
    if second:
        return tl.minimum(low + 1, size - 1), weight
    return low, 1 - weight


@triton.jit(
    do_not_specialize=[*MAPS, "height", "width", "full_height", "first_row", "out_step", "out_width", "times_step"]
)
def block_input(
    out,
    encoded0,
    apart: tl.int64,
    times,
    map0, height0, width0, scale0,
    map1, height1, width1, scale1,
    map2, height2, width2, scale2,
    map3, height3, width3, scale3,
    map4, height4, width4, scale4,
    height,
    width,
    full_height,
    first_row,
    out_step,
    out_width,
    scale,
    times_step,
    maps: tl.constexpr,
    taps: tl.constexpr,
    encoded: tl.constexpr,
    padded: tl.constexpr,
    map_channels: tl.constexpr,
    time_channel: tl.constexpr,
    shuffled: tl.constexpr,
    accumulates: tl.constexpr,
    times_map: tl.constexpr,
    index: tl.constexpr,
    block: tl.constexpr,
):  # fmt: skip
    """Rows of a block's input, N×rows×out_width×(2·encoded + map_channels); grid: pieces of a row, rows, N.

    Bound by memory: an output pixel writes (2·encoded + map_channels)·b bytes and reads min(scale², 4)·2·encoded·a
    bytes of encoded pictures, where their values have a bytes and the output's b; the maps, of scale² times fewer
    pixels, come from the cache. 4.26's finest block (encoded 8, map_channels 16, a = b = 2) moves 96 bytes a pixel,
    0.2 GB at 1080p.

    Args:
        apart: values from the encoded picture at time 0 to the one at time 1.
        full_height: rows of the whole input, outside which all is 0.
        first_row: which of them is the first of `out`.
        out_step: values of `out` from one pair to the next.
        taps: pixels read along each side, 1 at scale 1 and else 2.
        padded: `encoded` up to a power of two.
        times_step: values of `times` from one pair to the next, 0 for the same.
        times_map: whether `times` is a map, else one value.
    """
    ox = tl.program_id(0) * block + tl.arange(0, block)
    asked = tl.program_id(1) + first_row
    is_row = (asked >= 0) & (asked < full_height)
    oy = tl.minimum(tl.maximum(asked, 0), full_height - 1)
    n = tl.program_id(2)
    ends = tl.arange(0, 2)
    part = tl.arange(0, padded)
    is_encoded = (part < encoded)[None, None, :]
    first_of = n.to(tl.int64) * height * width * encoded
    # a distance rather than a choice of two pointers, of which the compiler would forget how they are aligned
    pictures = encoded0 + first_of + (ends * apart.to(tl.int64))[None, :, None] + part[None, None, :]
    # (quarter, part of it): the tile that holds the flow's four channels as its first quarter
    quarter = tl.arange(0, map_channels // 4)[None, :, None]
    channel = quarter * 4 + tl.arange(0, 4)[None, None, :]

    encodings = tl.zeros((block, 2, padded), tl.float32)
    state = tl.zeros((block, map_channels // 4, 4), tl.float32)
    flows = tl.zeros((block, 2, 2), tl.float32)
    time = tl.zeros((block,), tl.float32)
    times += n * times_step
    for below in tl.static_range(taps):
        for beside in tl.static_range(taps):
            if taps == 1:
                y, x = oy, ox
                weight = tl.full((block,), 1.0, tl.float32)
            else:
                y, weight_y = _tap(oy, scale, height, below)
                x, weight_x = _tap(ox, scale, width, beside)
                weight = weight_x * weight_y
            if maps == 0:
                # positions past the end of the row read its last pixel and are not stored
                pixel = y.to(index) * width + tl.minimum(x, width - 1)
                here = tl.load(pictures + (pixel * encoded)[:, None, None], mask=is_encoded, other=0.0).to(tl.float32)
            else:
                flow, more = _motion(
                    tl.zeros((block, 2, 2), tl.float32), tl.zeros((block, map_channels // 4, 4), tl.float32),
                    map0, height0, width0, scale0, map1, height1, width1, scale1, map2, height2, width2, scale2,
                    map3, height3, width3, scale3, map4, height4, width4, scale4,
                    n, y.to(tl.float32), x.to(tl.float32), channel,
                    maps, map_channels, map_channels, shuffled, accumulates, index,
                )  # fmt: skip
                state += more * weight[:, None, None]
                flows += flow * weight[:, None, None]
                flow_x, flow_y = tl.split(flow)
                y0, y1, to_y = _place(y.to(tl.float32) + flow_y, height)
                x0, x1, to_x = _place(x.to(tl.float32)[:, None] + flow_x, width)
                row0, row1 = y0.to(index) * width, y1.to(index) * width
                a = tl.load(pictures + ((row0 + x0) * encoded)[:, :, None], mask=is_encoded, other=0.0).to(tl.float32)
                b = tl.load(pictures + ((row0 + x1) * encoded)[:, :, None], mask=is_encoded, other=0.0).to(tl.float32)
                c = tl.load(pictures + ((row1 + x0) * encoded)[:, :, None], mask=is_encoded, other=0.0).to(tl.float32)
                d = tl.load(pictures + ((row1 + x1) * encoded)[:, :, None], mask=is_encoded, other=0.0).to(tl.float32)
                to_x, to_y = to_x[:, :, None], to_y[:, :, None]
                here = _mixed(_mixed(a, b, to_x), _mixed(c, d, to_x), to_y)
            encodings += here * weight[:, None, None]
            if times_map:
                time += tl.load(times + y.to(index) * width + tl.minimum(x, width - 1)).to(tl.float32) * weight
    if not times_map:
        time += tl.load(times).to(tl.float32)

    flow = tl.reshape(flows / scale, (block, 4))[:, None, :]
    state = tl.where(quarter == 0, flow, state)
    state = tl.where(channel == time_channel, time[:, None, None], tl.where(channel > time_channel, 0.0, state))
    encodings, state = tl.where(is_row, encodings, 0.0), tl.where(is_row, state, 0.0)
    total: tl.constexpr = 2 * encoded + map_channels
    row = out + n.to(tl.int64) * out_step + tl.program_id(1).to(tl.int64) * out_width * total
    inside = (ox < out_width)[:, None, None]
    to = row + (ox * total)[:, None, None]
    tl.store(
        to + ends[None, :, None] * encoded + part[None, None, :],
        encodings.to(out.dtype.element_ty),
        inside & is_encoded,
    )
    tl.store(to + (2 * encoded + channel), state.to(out.dtype.element_ty), inside)


@triton.jit
def _write(out, blended, stride, y, x, width, peak, rounds: tl.constexpr):
    """Store a row's piece; integers are rounded half to even and clipped."""
    if rounds:
        blended = tl.where(blended > 0, blended, 0.0)
        blended = tl.where(blended < peak, blended, peak)
        blended = ((blended + 12582912.0) - 12582912.0).to(tl.int32)  # above 2²³ there are integers alone
    tl.store(out + y.to(tl.int64) * stride + x, blended.to(out.dtype.element_ty), x < width)


@triton.jit
def _warped_plane(
    first, last, out, stride, y0, y1, to_y, x0, x1, to_x, weight, sharpness, overshoot, y, x, height, width, peak,
    sharp: tl.constexpr, rounds: tl.constexpr, index: tl.constexpr,
):  # fmt: skip
    """Sample one plane at both ends, blend and store it; see `warp_and_blend`."""
    ends = tl.where(tl.arange(0, 2) == 0, first, last)[None, :]
    if sharp:
        sampled = _sharp(ends, y0, to_y, x0, to_x, sharpness, overshoot, height, width, index)
    else:
        sampled = _corners(ends + y0.to(index) * width, ends + y1.to(index) * width, x0, x1, to_y, to_x)
    at0, at1 = tl.split(sampled)
    _write(out, _mixed(at1, at0, weight), stride, y, x, width, peak, rounds)


@triton.jit
def _four(f, sharpness, overshoot):
    """Weights of the four pixels along one side, see `vsrife.motion.reference.sharp_sample`."""
    g = 1 - f
    share = sharpness * f * g
    outer, inner, smooth = share * (overshoot - g / 2), share * (overshoot - f / 2), share * (f - g)
    return outer, g - smooth - inner, f + smooth - outer, inner


@triton.jit
def _sharp(ends, y0, to_y, x0, to_x, sharpness, overshoot, height, width, index: tl.constexpr):
    """Cubic lookup without ringing, at both ends."""
    low_y, low_x = tl.minimum(y0, tl.maximum(height - 2, 0)), tl.minimum(x0, tl.maximum(width - 2, 0))
    to_y, to_x = to_y + (y0 - low_y).to(tl.float32), to_x + (x0 - low_x).to(tl.float32)
    down = _four(to_y, sharpness, overshoot)
    across = _four(to_x, sharpness, overshoot)
    total = to_x * 0
    least, most = total + float("inf"), total - float("inf")
    for r in tl.static_range(4):
        row = ends + tl.minimum(tl.maximum(low_y + (r - 1), 0), height - 1).to(index) * width
        line = total * 0
        for c in tl.static_range(4):
            value = tl.load(row + tl.minimum(tl.maximum(low_x + (c - 1), 0), width - 1)).to(tl.float32)
            least, most = tl.where(value < least, value, least), tl.where(value > most, value, most)
            line += value * across[c]
        total += line * down[r]
    total = tl.where(total < least, least, total)  # what is not a number stays
    return tl.where(total > most, most, total)


@triton.jit
def _correction_channel(row0, row1, x0, x1, weight_y, weight_x, channel: tl.constexpr):
    """One channel of a correction, at one row and some columns."""
    return _corners(row0 + channel, row1 + channel, x0 * 8, x1 * 8, weight_y, weight_x)


@triton.jit(do_not_specialize=[*MAPS, "height", "width", "cell_rows", "cell_columns", "stride0", "stride1", "stride2"])
def warp_and_blend(
    first0, last0, out0, stride0,
    first1, last1, out1, stride1,
    first2, last2, out2, stride2,
    map0, height0, width0, scale0,
    map1, height1, width1, scale1,
    map2, height2, width2, scale2,
    map3, height3, width3, scale3,
    map4, height4, width4, scale4,
    correction, cell_rows, cell_columns, cell,
    overshoot,
    height,
    width,
    step_y,
    step_x,
    offset_y,
    offset_x,
    peak,
    planes: tl.constexpr,
    maps: tl.constexpr,
    channels: tl.constexpr,
    last_channels: tl.constexpr,
    shuffled: tl.constexpr,
    accumulates: tl.constexpr,
    sharp: tl.constexpr,
    rounds: tl.constexpr,
    index: tl.constexpr,
    block: tl.constexpr,
):  # fmt: skip
    """Planes that share their sites, warped along the motion and blended; grid: pieces of a row, rows.

    Bound by memory where samples are wide and by the instructions that load where they are narrow: a sample reads two
    of its size and writes one, 3 bytes of 8-bit video and 12 of fp32; and does 8 loads, 32 by the sharp kernel, besides
    12 for each map (of 4 bytes in fp16, from the cache), which up to three planes share.

    Args:
        stride0: samples from one row of `out0` to the next; of the planes read it is `width`.
        correction: cell_rows×cell_columns×8, see `vsrife.motion.field.CorrectedMotion`.
        cell: pixels along a cell's side.
        overshoot: of the sharp kernel.
        channels: of a map's pixel.
        last_channels: the same of the last map.
        sharp: whether the motion has a correction.
        rounds: to integers, half to even, and clips to 0..`peak`.
    """
    x = tl.program_id(0) * block + tl.arange(0, block)
    y = tl.program_id(1)
    at_y, at_x = y.to(tl.float32) * step_y + offset_y, x.to(tl.float32) * step_x + offset_x
    flow, mask = _motion(
        tl.zeros((block, 2, 2), tl.float32), tl.zeros((block, 1, 1), tl.float32),
        map0, height0, width0, scale0, map1, height1, width1, scale1, map2, height2, width2, scale2,
        map3, height3, width3, scale3, map4, height4, width4, scale4,
        tl.program_id(2), at_y, at_x,
        tl.full((1, 1, 1), 4, tl.int32), maps, channels, last_channels, shuffled, accumulates, index,
    )  # fmt: skip
    weight = 1 / (1 + tl.exp(-tl.reshape(mask, (block,))))
    sharpness = weight[:, None]
    if sharp:
        c0, c1, part_y = _place((at_y + 0.5) / cell - 0.5, cell_rows)
        k0, k1, part_x = _place((at_x + 0.5) / cell - 0.5, cell_columns)
        row0 = correction + c0.to(index) * cell_columns * 8
        row1 = correction + c1.to(index) * cell_columns * 8
        pair = tl.arange(0, 2)[None, :, None] * 2 + tl.arange(0, 2)[None, None, :]
        added = _corners(
            row0, row1, (k0 * 8)[:, None, None] + pair, (k1 * 8)[:, None, None] + pair, part_y, part_x[:, None, None]
        )
        flow = flow * _correction_channel(row0, row1, k0, k1, part_y, part_x, 4)[:, None, None] + added
        weight = weight * _correction_channel(row0, row1, k0, k1, part_y, part_x, 6)
        weight += _correction_channel(row0, row1, k0, k1, part_y, part_x, 5)
        sharpness = _correction_channel(row0, row1, k0, k1, part_y, part_x, 7)[:, None]
    flow_x, flow_y = tl.split(flow)
    y0, y1, to_y = _place(y.to(tl.float32) + flow_y / step_y, height)
    x0, x1, to_x = _place(x.to(tl.float32)[:, None] + flow_x / step_x, width)
    _warped_plane(
        first0, last0, out0, stride0, y0, y1, to_y, x0, x1, to_x, weight, sharpness, overshoot, y, x, height, width,
        peak, sharp, rounds, index,
    )  # fmt: skip
    if planes > 1:
        _warped_plane(
            first1, last1, out1, stride1, y0, y1, to_y, x0, x1, to_x, weight, sharpness, overshoot, y, x, height, width,
            peak, sharp, rounds, index,
        )  # fmt: skip
    if planes > 2:
        _warped_plane(
            first2, last2, out2, stride2, y0, y1, to_y, x0, x1, to_x, weight, sharpness, overshoot, y, x, height, width,
            peak, sharp, rounds, index,
        )  # fmt: skip


@triton.jit(do_not_specialize=[*MAPS, "height", "width"])
def cell_flow(
    out,
    map0, height0, width0, scale0,
    map1, height1, width1, scale1,
    map2, height2, width2, scale2,
    map3, height3, width3, scale3,
    map4, height4, width4, scale4,
    height,
    width,
    step_y,
    step_x,
    offset_y,
    offset_x,
    maps: tl.constexpr,
    channels: tl.constexpr,
    last_channels: tl.constexpr,
    shuffled: tl.constexpr,
    accumulates: tl.constexpr,
    has_mask: tl.constexpr,
    index: tl.constexpr,
    block: tl.constexpr,
):  # fmt: skip
    """A motion's flow on a grid, 4×height×width, and its mask logits as a fifth plane; grid: pieces of a row, rows."""
    x = tl.program_id(0) * block + tl.arange(0, block)
    y = tl.program_id(1)
    flow, logit = _motion(
        tl.zeros((block, 2, 2), tl.float32), tl.zeros((block, 1, 1), tl.float32),
        map0, height0, width0, scale0, map1, height1, width1, scale1, map2, height2, width2, scale2,
        map3, height3, width3, scale3, map4, height4, width4, scale4,
        tl.program_id(2), y.to(tl.float32) * step_y + offset_y, x.to(tl.float32) * step_x + offset_x,
        tl.full((1, 1, 1), 4, tl.int32), maps, channels, last_channels, shuffled, accumulates, index,
    )  # fmt: skip
    part = tl.arange(0, 2)[None, :, None] * 2 + tl.arange(0, 2)[None, None, :]
    place = (y.to(index) * width + x)[:, None, None]
    inside = (x < width)[:, None, None]
    tl.store(out + part.to(index) * (height * width) + place, tl.where(flow - flow == 0, flow, 0.0), inside)
    if has_mask:
        tl.store(out + 4 * height * width + place, tl.where(logit - logit == 0, logit, 0.0), inside)


@triton.jit
def _finite(value):
    """NaN and -∞ become 0, +∞ becomes 1."""
    return tl.where(value - value == 0, value, tl.where(value > 0, 1.0, 0.0))


@triton.jit(do_not_specialize=["height", "width", "chroma_height", "chroma_width", "out_width"])
def to_rgb(
    out,
    plane0,
    plane1,
    plane2,
    height,
    width,
    chroma_height,
    chroma_width,
    step_y,
    step_x,
    offset_y,
    offset_x,
    red0, red1, red2, red3,
    green0, green1, green2, green3,
    blue0, blue1, blue2, blue3,
    out_width,
    planes: tl.constexpr,
    index: tl.constexpr,
    block: tl.constexpr,
):  # fmt: skip
    """RGB clamped to 0..1, height×width×3 and its edge repeated; grid: pieces of a row, rows.

    Bound by memory: a pixel writes 12 bytes and reads one sample of luma and, in 4:2:0, half of one of chroma; 13.5
    bytes of 8-bit video.
    """
    ox = tl.program_id(0) * block + tl.arange(0, block)
    oy = tl.program_id(1)
    x, y = tl.minimum(ox, width - 1), tl.minimum(oy, height - 1)
    luma = _finite(tl.load(plane0 + y.to(index) * width + x).to(tl.float32))
    red, green, blue = luma * red0 + red3, luma * green0 + green3, luma * blue0 + blue3
    if planes == 3:
        y0, y1, weight_y = _place((y.to(tl.float32) - offset_y) / step_y, chroma_height)
        x0, x1, weight_x = _place((x.to(tl.float32) - offset_x) / step_x, chroma_width)
        row0, row1 = y0.to(index) * chroma_width, y1.to(index) * chroma_width
        u = _chroma(plane1, row0, row1, x0, x1, weight_y, weight_x)
        v = _chroma(plane2, row0, row1, x0, x1, weight_y, weight_x)
        red += u * red1 + v * red2
        green += u * green1 + v * green2
        blue += u * blue1 + v * blue2
    # red, green, blue, blue: tiles are powers of two
    rgb = tl.reshape(tl.join(tl.join(red, blue), tl.join(green, blue)), (block, 4))
    rgb = tl.where(rgb > 0, rgb, 0.0)
    rgb = tl.where(rgb < 1, rgb, 1.0)
    channel = tl.arange(0, 4)[None, :]
    to = out + (oy.to(index) * out_width + ox)[:, None] * 3 + channel
    tl.store(to, rgb, (ox < out_width)[:, None] & (channel < 3))


@triton.jit
def _chroma(plane, row0, row1, x0, x1, weight_y, weight_x):
    a = _finite(tl.load(plane + (row0 + x0)).to(tl.float32))
    b = _finite(tl.load(plane + (row0 + x1)).to(tl.float32))
    c = _finite(tl.load(plane + (row1 + x0)).to(tl.float32))
    d = _finite(tl.load(plane + (row1 + x1)).to(tl.float32))
    return _mixed(_mixed(a, b, weight_x), _mixed(c, d, weight_x), weight_y)


@triton.jit(do_not_specialize=["height", "width"])
def encode(
    out,
    picture,
    features,
    height,
    width,
    count: tl.constexpr,
    channels: tl.constexpr,
    padded: tl.constexpr,
    index: tl.constexpr,
    block: tl.constexpr,
):
    """A picture and its features beside each other, N×height×width×channels; grid: pieces of a row, rows, N.

    Bound by memory: a pixel writes `channels` values and reads 3 of fp32 and `count` features.

    Args:
        features: N × height/2 × width/2 × (2, 2, count).
        count: features a pixel, 0 without.
        padded: `channels` up to a power of two.
    """
    x = tl.program_id(0) * block + tl.arange(0, block)
    y = tl.program_id(1)
    n = tl.program_id(2)
    channel = tl.arange(0, padded)[None, :]
    inside = (x < width)[:, None]
    pixel = (y.to(index) * width + x)[:, None]
    pixels = n.to(tl.int64) * height * width
    rgb = picture + pixels * 3 + pixel * 3 + channel
    value = tl.load(rgb, mask=inside & (channel < 3), other=0.0).to(tl.float32)
    if count > 0:
        four = ((y >> 1).to(index) * (width >> 1) + (x >> 1))[:, None] * 4 + ((y & 1) * 2 + (x & 1))[:, None]
        feature = features + pixels * count + four * count + (channel - 3)
        is_feature = inside & (channel >= 3) & (channel < 3 + count)
        value += tl.load(feature, mask=is_feature, other=0.0).to(tl.float32)
    tl.store(
        out + pixels * channels + pixel * channels + channel,
        value.to(out.dtype.element_ty),
        inside & (channel < channels),
    )
