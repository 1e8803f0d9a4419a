"""Which borders are bars: of made-up frames whose picture is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.engine.bars import Box, find_box
from vsrife.engine.picture import PictureFormat

FORMATS = {
    "YUV420P8": PictureFormat("yuv", 8, False, 1, 1, 96, 64),
    "YUV420P10": PictureFormat("yuv", 10, False, 1, 1, 96, 64),
    "YUV410P8": PictureFormat("yuv", 8, False, 2, 2, 96, 64),
    "RGB24": PictureFormat("rgb", 8, False, 0, 0, 96, 64),
    "GRAYS": PictureFormat("gray", 32, True, 0, 0, 96, 64),
    "RGBH": PictureFormat("rgb", 16, True, 0, 0, 96, 64),
}
Planes = list[np.ndarray]


def frame(form: PictureFormat, box: tuple[int, int, int, int], seed: int, level: float = 16) -> Planes:
    """Noise in rows `top` to `bottom` and columns `left` to `right`; around it a code of 8 bits, and gray in chroma."""
    rng = np.random.default_rng(seed)
    planes = []
    for index in range(form.planes):
        chroma = index > 0 and form.family == "yuv"
        down, across = (form.subsampling_h, form.subsampling_w) if chroma else (0, 0)
        codes = np.full(form.shape(index), 128.0 if chroma else level)
        inside = slice(box[0] >> down, box[1] >> down), slice(box[2] >> across, box[3] >> across)
        codes[inside] = rng.uniform(60, 110, codes[inside].shape)
        values = codes / 255 if form.is_float else np.round(codes * (1 << (form.bits - 8)))
        planes.append(values.astype(form.dtype))
    return planes


def found(first: Planes, last: Planes, form: PictureFormat) -> tuple[int, int, int, int] | None:
    box = find_box(first, last, form)
    return box and (box.top, box.bottom, box.left, box.right)


@given(
    name=st.sampled_from(sorted(FORMATS)),
    sides=st.tuples(*[st.integers(0, 4)] * 2, *[st.integers(0, 6)] * 2),
    seed=st.integers(0, 99),
)
def test_the_picture_is_found_in_every_format(name: str, sides: tuple[int, int, int, int], seed: int) -> None:
    form = FORMATS[name]
    top, bottom, left, right = (4 * side for side in sides)
    truth = top, form.height - bottom, left, form.width - right
    pair = frame(form, truth, seed), frame(form, truth, seed + 1)
    assert found(*pair, form) == (truth if any(sides) else None)


def test_codes_of_compression_belong_to_a_bar_and_others_do_not() -> None:
    form, truth = FORMATS["YUV420P8"], (8, 56, 0, 96)
    for spread, expected in ((2, truth), (4, None)):
        pair = frame(form, truth, 1), frame(form, truth, 2)
        pair[0][0][:8, ::7] += spread
        pair[1][0][56:, ::7] -= spread
        assert found(*pair, form) == expected


def test_a_plane_alone_can_show_the_picture() -> None:
    form, truth = FORMATS["YUV420P8"], (8, 56, 0, 96)
    pair = frame(form, truth, 1), frame(form, truth, 2)
    for planes in pair:
        planes[0][:] = 16
    assert found(*pair, form) == truth
    pair[1][1][3, 5] += 9  # a codec's error just above the picture
    assert found(*pair, form) == (6, 56, 0, 96)
    pair[1][1][1, 5] += 9
    assert found(*pair, form) == (0, 56, 0, 96)


def test_a_bar_ends_at_the_last_whole_sample_of_every_plane() -> None:
    form = FORMATS["YUV420P8"]
    pair = frame(form, (9, 55, 0, 96), 1), frame(form, (9, 55, 0, 96), 2)
    assert found(*pair, form) == (8, 56, 0, 96)


@pytest.mark.parametrize("case", ["moon", "text", "one frame alone", "another value", "another edge", "black", "small"])
def test_what_is_no_bar(case: str) -> None:
    form = FORMATS["YUV420P8"]
    truth = (20, 30, 0, 96) if case == "small" else (8, 56, 0, 96)
    first, last = frame(form, truth, 1), frame(form, truth, 2)
    match case:
        case "moon" | "text":
            y, x = np.mgrid[0:64, 0:96]
            shape = np.hypot(y - 40, x - 40) < 30 if case == "moon" else (y > 8) & (x > 20) & (x < 60)
            first[0][:], last[0][:] = np.where(shape, 200, 16), np.where(shape, 180, 16)
            first[1][:] = last[1][:] = first[2][:] = last[2][:] = 128
        case "one frame alone":
            first = frame(form, (0, 64, 0, 96), 1)
        case "another value":
            first = frame(form, truth, 1, level=24)
        case "another edge":
            first, last = frame(form, (20, 64, 0, 96), 1), frame(form, (8, 64, 0, 96), 2)
        case "black":
            first = frame(form, (0, 0, 0, 0), 1)
            last = frame(form, (0, 0, 0, 0), 1)
    assert found(first, last, form) is None


def test_values_that_are_no_numbers_are_no_bar() -> None:
    form = FORMATS["GRAYS"]
    pair = frame(form, (8, 56, 0, 96), 1), frame(form, (8, 56, 0, 96), 2)
    for planes in pair:
        planes[0][0, 3] = np.nan
    assert found(*pair, form) == (0, 56, 0, 96)


def test_the_box_in_another_size_holds_nothing_of_the_bars() -> None:
    box = Box(24, 156, 10, 320, 180, 320)
    other = PictureFormat("yuv", 8, False, 1, 1, 160, 90)
    assert (box.form(other).width, box.form(other).height) == (154, 66)
    planes = [np.zeros(other.shape(index)) for index in range(3)]
    views = box.crop(planes, other)
    assert [view.shape for view in views] == [(66, 154), (33, 77), (33, 77)]
    assert all(np.shares_memory(view, plane) for view, plane in zip(views, planes, strict=True))
    for side in (1, 3, 7):
        tiny = PictureFormat("gray", 8, False, 0, 0, side, side)
        assert min(box.form(tiny).width, box.form(tiny).height) >= 1
