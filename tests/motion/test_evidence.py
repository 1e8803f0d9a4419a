"""The correction of a motion, against what is known of the pictures."""

from __future__ import annotations

import pytest
import torch
from tolerances import FLOW, RESAMPLED, ROUNDED, SUMMED
from torch import Tensor
from torch.nn.functional import interpolate

from vsrife.motion import (
    CELL,
    BlockMap,
    CorrectedMotion,
    Motion,
    PackedMap,
    SampleGrid,
    cell_grid,
    find_correction,
    mean_luma,
)
from vsrife.motion.evidence import shift_in_time

HEIGHT, WIDTH = 96, 128
GRID = cell_grid(HEIGHT, WIDTH)
INNER = (..., slice(8, -8), slice(8, -8), slice(None))


def texture(seed: int = 1) -> Tensor:
    """Smooth random luma, with room for displacement: 1×1×(HEIGHT + 64)×(WIDTH + 64)."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 1, (HEIGHT + 64) // 4, (WIDTH + 64) // 4, generator=generator)
    return interpolate(coarse, scale_factor=4, mode="bicubic").clamp(0, 1)


def displaced(picture: Tensor, dx: float, dy: float) -> Tensor:
    """The middle of a texture, whose content lies (dx, dy) pixels further right and down: 1×1×HEIGHT×WIDTH.

    Fourier's shift theorem gives the exact values.
    """
    spectrum = torch.fft.rfft2(picture.double())
    fy = torch.fft.fftfreq(picture.shape[-2], dtype=torch.float64)[:, None]
    fx = torch.fft.rfftfreq(picture.shape[-1], dtype=torch.float64)[None]
    moved_by = torch.fft.irfft2(spectrum * torch.exp(-2j * torch.pi * (fx * dx + fy * dy)), s=picture.shape[-2:])
    return moved_by[..., 32:-32, 32:-32].float()


def luma(picture: Tensor) -> Tensor:
    """What a correction is found from, of a grey picture."""
    return mean_luma(picture[0, 0, :, :, None].expand(1, HEIGHT, WIDTH, 3), GRID)


def constant(*values: float) -> Tensor:
    return torch.tensor(values).view(1, -1, 1, 1).expand(1, -1, GRID.height, GRID.width).clone()


def test_cells_are_means_of_their_pixels() -> None:
    picture = torch.rand(1, 1, HEIGHT, WIDTH, generator=torch.Generator().manual_seed(2))
    expected = torch.nn.functional.avg_pool2d(picture, CELL)
    assert torch.allclose(luma(picture)[..., ::CELL, ::CELL], expected, atol=ROUNDED)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 19), (270, 481)])
def test_cells_cover_every_picture(height: int, width: int) -> None:
    grid = cell_grid(height, width)
    assert CELL * grid.height >= height
    assert CELL * grid.width >= width
    assert grid.width % 2 == 0
    ys, xs = grid.coordinates(torch.device("cpu"))
    assert (float(ys[0]), float(xs[1])) == (0.5, 2.5)


@pytest.mark.parametrize("time", [0.1, 0.25, 0.5, 0.8])
@pytest.mark.parametrize(("dx", "dy"), [(0.5, 0.0), (1.0, -0.5), (3.0, 1.5)])
def test_small_motion_is_found_to_a_few_hundredths_of_a_pixel(time: float, dx: float, dy: float) -> None:
    """The network's motion is 0.6 pixels off and misplaced by time, as that of 4.x networks is."""
    picture = texture()
    first, last = luma(displaced(picture, 0, 0)), luma(displaced(picture, dx, dy))
    straight = constant(dx - 0.6, dy + 0.6)
    own = constant(0, 0, dx - 0.6, dy + 0.6)
    found = find_correction(first, last, own, straight, time)[INNER]
    flow = found[..., :4] + found[..., 4:5] * own.permute(0, 2, 3, 1)[INNER]
    truth = torch.tensor([-time * dx, -time * dy, (1 - time) * dx, (1 - time) * dy])
    assert (flow - truth).abs().mean() < 0.03
    assert found[..., 4].max() < 0.1, "the network's flow is replaced"
    assert (found[..., 5] - (1 - time)).abs().mean() < 0.1, "the pictures are blended by time"
    assert found[..., 7].mean() > 0.9, "the kernel is sharp"


def test_where_the_ends_disagree_the_network_decides() -> None:
    """Two pictures that have nothing in common, and large motion: flow and weight stay, the kernel is soft."""
    own = constant(-20, 0, 20, 0)
    found = find_correction(
        luma(displaced(texture(1), 0, 0)), luma(displaced(texture(2), 0, 0)), own, constant(40, 0), 0.5
    )
    assert torch.equal(found[..., 4], torch.ones_like(found[..., 4]))
    assert torch.equal(found[..., 6], torch.ones_like(found[..., 6]))
    assert not found[..., :4].any()
    assert not found[..., 5].any()
    assert found[..., 7].mean() < 0.2


def test_a_worse_straight_motion_does_not_win() -> None:
    """The network's flow makes the ends agree, the straight motion does not."""
    picture = texture()
    first, last = luma(displaced(picture, 0, 0)), luma(displaced(picture, 12, 0))
    own, straight = constant(-6, 0, 6, 0), constant(4, 6)
    found = find_correction(first, last, own, straight, 0.5)[INNER]
    assert found[..., 4].mean() > 0.95


def test_a_pair_at_rest_stays_at_rest() -> None:
    picture = luma(displaced(texture(), 0, 0))
    found = find_correction(picture, picture, constant(0, 0, 0, 0), constant(0, 0), 0.3)
    assert not found[..., :5].any()
    assert torch.allclose(found[..., 5], torch.full_like(found[..., 5], 0.7))
    assert not found[..., 6].any()


def test_a_map_of_times_is_every_time_at_its_place() -> None:
    picture = texture()
    first, last = luma(displaced(picture, 0, 0)), luma(displaced(picture, 2, 1))
    times = torch.linspace(0.1, 0.9, GRID.width).expand(1, 1, GRID.height, GRID.width)
    own, straight = constant(-1, -0.5, 1, 0.5), constant(2, 1)
    found = find_correction(first, last, own, straight, times)[INNER]
    flow = found[..., :4] + found[..., 4:5] * own.permute(0, 2, 3, 1)[INNER]
    inner = times[0, 0, 8:-8, 8:-8]
    assert (flow[0, ..., 0] + 2 * inner).abs().mean() < 0.05
    assert (flow[0, ..., 3] - (1 - inner)).abs().mean() < 0.05
    assert (found[0, ..., 5] - (1 - inner) * (1 - found[0, ..., 6])).abs().max() < ROUNDED


def test_values_are_looked_up_where_the_content_is() -> None:
    """A ramp that moves 8 pixels to the right: at ¼ its value at x is what it is at ½ two pixels further right."""
    ramp = torch.arange(GRID.width, dtype=torch.float32).expand(1, 1, GRID.height, GRID.width).contiguous()
    values, motion = shift_in_time(ramp, constant(8.0, 0.0), since=0.5, time=0.25)
    assert torch.allclose(motion, constant(8.0, 0.0), atol=RESAMPLED)
    assert torch.allclose(values[..., 4:-4], (ramp + 2 / CELL)[..., 4:-4], atol=FLOW)


def test_a_refined_motion_is_the_networks_with_its_correction() -> None:
    generator = torch.Generator().manual_seed(5)
    network = Motion((BlockMap(torch.randn(1, 5, HEIGHT // 2, WIDTH // 2, generator=generator), 2),))
    stored = torch.rand(1, GRID.height, GRID.width, 8, generator=generator)
    grid = SampleGrid(HEIGHT, WIDTH)
    ys, xs = grid.coordinates(torch.device("cpu"))
    own, weight, none = network.blend(ys, xs)
    assert none is None
    flow, mixed, sharpness = CorrectedMotion(network, PackedMap(stored, 8, CELL)).blend(ys, xs)
    ups = interpolate(stored.permute(0, 3, 1, 2), scale_factor=CELL, mode="bilinear")
    assert torch.allclose(flow, own * ups[:, 4:5] + ups[:, :4], atol=RESAMPLED)
    assert torch.allclose(mixed, weight * ups[:, 6:7] + ups[:, 5:6], atol=SUMMED)
    assert sharpness is not None
    assert torch.allclose(sharpness, ups[:, 7:8], atol=SUMMED)
