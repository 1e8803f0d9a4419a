"""The two primitives against the published form's full-size operations."""

from __future__ import annotations

import pytest
import torch
from tolerances import RESAMPLED, ROUNDED, SUMMED
from torch import Tensor
from torch.nn.functional import interpolate

from vsrife.motion import BlockMap, Motion, SampleGrid, block_input, reference, warp_and_blend
from vsrife.motion.field import resample
from vsrife.motion.reference import sample, sharp_sample
from vsrife.networks import backward_warp

HEIGHT, WIDTH = 64, 96


def random_motion(accumulates: bool = False) -> Motion:
    generator = torch.Generator().manual_seed(3)
    maps = []
    for scale in (16, 8, 4, 2):
        data = torch.randn(1, 13, HEIGHT // scale, WIDTH // scale, generator=generator)
        maps.append(BlockMap(data, scale))
    return Motion(tuple(maps), accumulates)


def full_size(motion: Motion) -> tuple[Tensor, Tensor, Tensor]:
    """Flow, mask and hidden channels as the published form keeps them."""
    ups = [interpolate(m.data, scale_factor=m.scale, mode="bilinear") for m in motion.maps]
    flow = sum((up[:, :4] * m.scale for up, m in zip(ups, motion.maps, strict=True)), torch.zeros(()))
    mask = sum((up[:, 4:5] for up in ups), torch.zeros(())) if motion.accumulates_mask else ups[-1][:, 4:5]
    return flow, mask, ups[-1][:, 5:]


@pytest.mark.parametrize("scale", [0.5, 1, 2, 4, 8, 16])
@pytest.mark.parametrize("accumulates", [False, True])
def test_block_input_is_warp_concatenate_shrink(scale: float, accumulates: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    encoded0, encoded1 = torch.rand(2, 1, 7, HEIGHT, WIDTH, generator=generator)
    time = torch.rand(1, 1, HEIGHT, WIDTH, generator=generator)
    motion = random_motion(accumulates)
    flow, mask, hidden = full_size(motion)
    warped0, warped1 = backward_warp(encoded0, flow[:, :2]), backward_warp(encoded1, flow[:, 2:])
    parts = (warped0[:, :3], warped1[:, :3], warped0[:, 3:], warped1[:, 3:], time, mask, hidden, flow / scale)
    expected = interpolate(torch.cat(parts, 1), scale_factor=1 / scale, mode="bilinear")
    got = block_input(encoded0, encoded1, motion, time, scale=scale, hidden_channels=8)
    assert torch.allclose(got, expected, atol=2 * RESAMPLED)


@pytest.mark.parametrize("scale", [0.5, 1, 2, 16])
def test_the_first_block_reads_unwarped_pictures(scale: float) -> None:
    encoded0, encoded1 = torch.rand(2, 1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(2))
    time = torch.full((1, 1, HEIGHT, WIDTH), 0.3)
    expected = interpolate(torch.cat((encoded0, encoded1, time), 1), scale_factor=1 / scale, mode="bilinear")
    got = block_input(encoded0, encoded1, Motion(), torch.full((1, 1, 1, 1), 0.3), scale=scale, hidden_channels=0)
    assert torch.allclose(got, expected, atol=ROUNDED)


def test_planes_are_warped_and_blended() -> None:
    planes0, planes1 = torch.rand(2, 1, 3, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(4))
    motion = random_motion()
    flow, mask, _ = full_size(motion)
    weight = mask.sigmoid()
    expected = backward_warp(planes0, flow[:, :2]) * weight + backward_warp(planes1, flow[:, 2:]) * (1 - weight)
    got = warp_and_blend(planes0, planes1, motion, SampleGrid(HEIGHT, WIDTH))
    assert torch.allclose(got, expected, atol=RESAMPLED)


@pytest.mark.parametrize(("offset_y", "offset_x"), [(0.5, 0), (0.5, 0.5), (0, 0), (1, 0)])
def test_chroma_moves_as_far_as_luma(offset_y: float, offset_x: float) -> None:
    """A linear ramp under a constant flow: every sample must read the ramp at its own place plus the flow."""
    grid = SampleGrid(HEIGHT // 2, WIDTH // 2, 2, 2, offset_y, offset_x)
    flow = torch.tensor([3.0, -2.5, -5.0, 1.5, 20.0]).view(1, 5, 1, 1)
    motion = Motion((BlockMap(flow.expand(1, 5, HEIGHT, WIDTH), 1),))
    ys, xs = grid.coordinates(torch.device("cpu"))
    ramp = (ys.view(-1, 1) * 100 + xs.view(1, -1))[None, None]
    got = warp_and_blend(ramp, ramp * 0, motion, grid)
    inside = (..., slice(3, -3), slice(3, -3))
    assert torch.allclose(got[inside], (ramp + 100 * -2.5 + 3.0)[inside], atol=2e-2)


def test_sampling_clamps_to_the_picture() -> None:
    x = torch.arange(12, dtype=torch.float32).view(1, 1, 3, 4)
    ys = torch.tensor([[[-5.0, 0.0, 9.0, 1.5]]])
    xs = torch.tensor([[[-1.0, 9.0, 1.0, 2.5]]])
    assert torch.allclose(sample(x, ys, xs).flatten(), torch.tensor([0.0, 3.0, 9.0, 8.5]), atol=SUMMED)


def test_resampling_is_bilinear_and_clamped() -> None:
    x = torch.tensor([[0.0, 10.0], [20.0, 30.0]])[None, None]
    got = resample(x, torch.tensor([-1.0, 0.5, 3.0]), torch.tensor([0.25, 1.0]))[0, 0]
    assert torch.allclose(got, torch.tensor([[2.5, 10.0], [12.5, 20.0], [22.5, 30.0]]))


def positions(count: int = 500) -> tuple[Tensor, Tensor]:
    """Random coordinates on a picture and beyond its edges: 1×1×count each."""
    generator = torch.Generator().manual_seed(8)
    y, x = torch.rand(2, 1, 1, count, generator=generator)
    return y * (HEIGHT + 10) - 5, x * (WIDTH + 10) - 5


def keys(distance: float) -> float:
    """Keys' cubic kernel with a = -½."""
    x = abs(distance)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0


def test_the_sharp_kernel_is_cubic_within_the_range_of_its_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys' kernel evaluated at distances, limited to the sixteen pixels within two of the coordinate."""
    monkeypatch.setattr(reference, "OVERSHOOT", 0.0)
    picture = torch.rand(1, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(9))
    ys, xs = positions(200)
    got = sharp_sample(picture, ys, xs, torch.ones_like(ys))[0, 0, 0]
    places = zip(ys[0, 0].clamp(0, HEIGHT - 1).tolist(), xs[0, 0].clamp(0, WIDTH - 1).tolist(), strict=True)
    limited = 0
    for n, (y, x) in enumerate(places):
        row, column = min(int(y), HEIGHT - 2), min(int(x), WIDTH - 2)
        read = [(r, c) for r in range(row - 1, row + 3) for c in range(column - 1, column + 3)]
        values = [float(picture[0, 0, min(max(r, 0), HEIGHT - 1), min(max(c, 0), WIDTH - 1)]) for r, c in read]
        total = sum(keys(y - r) * keys(x - c) * value for (r, c), value in zip(read, values, strict=True))
        assert float(got[n]) == pytest.approx(min(max(total, min(values)), max(values)), abs=RESAMPLED)
        limited += not min(values) <= total <= max(values)
    assert 0 < limited < 200


@pytest.mark.parametrize("sharpness", [0.0, 0.4, 1.0])
def test_the_sharp_kernel_displaces_nothing(sharpness: float) -> None:
    """A linear ramp is reproduced, so that a fraction of a pixel is that fraction."""
    ramp = torch.arange(WIDTH, dtype=torch.float32).expand(1, 1, HEIGHT, WIDTH).contiguous()
    ys, xs = positions()
    inside = xs.clamp(2, WIDTH - 3)
    assert torch.allclose(sharp_sample(ramp, ys, inside, ys * 0 + sharpness)[0], inside, atol=RESAMPLED)


def test_the_sharp_kernel_is_sharper_than_the_bilinear_one() -> None:
    """Half-way between two pixels a fine pattern keeps more of its contrast."""
    rows = 0.5 + 0.5 * torch.cos(torch.arange(WIDTH, dtype=torch.float32) * 2 * torch.pi / 5)
    picture = rows.expand(1, 1, HEIGHT, WIDTH).contiguous()
    xs = (torch.arange(4, WIDTH - 4, dtype=torch.float32) + 0.5).expand(1, 1, -1)
    soft, sharp = (sharp_sample(picture, xs * 0 + 9, xs, xs * 0 + share) for share in (0.0, 1.0))
    assert sharp.std() > 1.15 * soft.std()


def test_the_sharp_kernel_without_sharpness_is_bilinear() -> None:
    picture = torch.rand(1, 2, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(9))
    ys, xs = positions()
    assert torch.allclose(sharp_sample(picture, ys, xs, ys * 0), sample(picture, ys, xs), atol=RESAMPLED)


def test_the_sharp_kernel_is_exact_at_whole_pixels() -> None:
    picture = torch.rand(1, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(9))
    ys, xs = (values.round() for values in positions())
    rows, columns = ys.long().clamp(0, HEIGHT - 1)[0], xs.long().clamp(0, WIDTH - 1)[0]
    assert torch.equal(sharp_sample(picture, ys, xs, ys * 0 + 0.7)[0, 0], picture[0, 0, rows, columns])


def test_a_hard_edge_does_not_ring() -> None:
    """Between black and white nothing is darker or lighter than either, whatever the sharpness."""
    edge = torch.zeros(1, 1, HEIGHT, WIDTH)
    edge[..., WIDTH // 2 :] = 1
    ys, xs = positions()
    got = sharp_sample(edge, ys, xs, ys * 0 + 1)
    assert (got.min(), got.max()) == (0, 1)
    assert ((got > 0) & (got < 1)).any()
