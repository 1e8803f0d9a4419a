"""The kernels in C against the reference, in every variant that this CPU runs."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import platform
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from support import kernel_variant
from tolerances import BLOCK_INPUT, FLOW, PLANE, PLANE_OF_ANY_SIZE, ROUNDED, STEPS, plane_limit
from torch import Tensor
from torch.nn.functional import interpolate

from vsrife.motion import (
    CELL,
    BlockMap,
    CorrectedMotion,
    KernelError,
    Motion,
    PackedMap,
    SampleGrid,
    block_input,
    cell_flow,
    cell_grid,
    find_correction,
    mean_luma,
    supports,
    warp_and_blend,
)
from vsrife.motion.cpu import CpuKernels
from vsrife.motion.library import JOBS, Library, _path, kernel_library
from vsrife.motion.packing import Packing

if TYPE_CHECKING:
    from collections.abc import Iterator

HEIGHT, WIDTH = 64, 96
KERNELS = CpuKernels()
TIME = torch.full((1, 1, 1, 1), 0.3)


@pytest.fixture(params=["base", "avx2", "avx512"])
def variant(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from kernel_variant(request.param)


def random(*shape: int, seed: int) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def packed_motion(
    scales: tuple[float, ...], packing: Packing, *, count: int = 1, reach: float = 1, shuffled: bool = True,
    dtype: torch.dtype = torch.float32, accumulates: bool = False,
) -> Motion:  # fmt: skip
    """Maps of a few pixels of motion, padded with zeros."""
    generator = torch.Generator().manual_seed(3)
    maps = []
    for scale in scales:
        height, width = int(HEIGHT / scale), int(WIDTH / scale)
        shape = (count, height // 2, width // 2, 2, 2) if shuffled else (count, height, width)
        stored = torch.zeros(*shape, packing.map_channels)
        channels = 5 + packing.hidden_channels
        stored[..., :channels] = reach * torch.randn(*shape, channels, generator=generator)
        maps.append(PackedMap(stored.to(dtype), channels, scale))
    return Motion(tuple(maps), accumulates)


def refined(motion: Motion) -> CorrectedMotion:
    """A motion with a random correction: some pixels of flow, shares and weights in 0..1."""
    grid = cell_grid(HEIGHT, WIDTH)
    stored = random(1, grid.height, grid.width, 8, seed=11)
    stored[..., :4] = 6 * stored[..., :4] - 3
    stored[..., 5] *= 1 - stored[..., 6]
    return CorrectedMotion(motion, PackedMap(stored, 8, CELL))


def plain[M: (Motion, CorrectedMotion)](motion: M) -> M:
    if isinstance(motion, CorrectedMotion):
        assert isinstance(motion.motion, Motion)
        return CorrectedMotion(plain(motion.motion), motion.correction)
    return Motion(tuple(BlockMap(m.data, m.scale) for m in motion.maps), motion.accumulates_mask)


def encoded(packing: Packing, count: int = 1) -> tuple[Tensor, Tensor]:
    """Two encoded pictures; their padding is 0."""
    pictures = random(2, count, HEIGHT, WIDTH, packing.encoded_channels, seed=5)
    pictures[..., 3 + packing.features :] = 0
    return pictures[0], pictures[1]


def both_inputs(
    packing: Packing, motion: Motion, time: Tensor, scale: float, count: int = 1,
    dtype: torch.dtype = torch.float32,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """The kernels' input of a block, in the order of the published form, and the reference's."""
    encoded0, encoded1 = encoded(packing, count)
    out = torch.full((count, int(HEIGHT / scale), int(WIDTH / scale), packing.input_channels), 7.0).to(dtype)
    KERNELS.block_input(encoded0, encoded1, motion, time, scale=scale, packing=packing).fill(0, out)
    positions = packing.input_positions(first=not motion.maps)
    unused = [c for c in range(packing.input_channels) if c not in positions]
    # the first block does not use the maps' channels, the others use all but the padding
    assert not out[..., unused].any()
    used = (x[..., : 3 + packing.features].permute(0, 3, 1, 2).contiguous() for x in (encoded0, encoded1))
    expected = block_input(*used, plain(motion), time, scale=scale, hidden_channels=packing.hidden_channels)
    return out[..., positions].permute(0, 3, 1, 2).float(), expected


@pytest.mark.parametrize("scale", [0.5, 1, 2, 4, 8])
@pytest.mark.parametrize("features", [0, 4, 8, 16])
def test_a_blocks_input_is_the_references(variant: str, scale: float, features: int) -> None:
    packing = Packing(features, 8 if features in (4, 16) else 0)
    motion = packed_motion((16, 8, 4, 2), packing)
    got, expected = both_inputs(packing, motion, TIME, scale)
    assert torch.allclose(got, expected, **BLOCK_INPUT[torch.float32])
    assert expected.std() > 0.1


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("features", [4, 8])
def test_hidden_channels_and_the_mask(variant: str, scale: float, features: int) -> None:
    for packing, accumulates, shuffled in (
        (Packing(features, 8), False, True),
        (Packing(features, 0), True, True),
        (Packing(features, 0), True, False),
    ):
        motion = packed_motion((8, 4, 2), packing, accumulates=accumulates, shuffled=shuffled)
        got, expected = both_inputs(packing, motion, random(1, 1, HEIGHT, WIDTH, seed=9), scale)
        assert torch.allclose(got, expected, **BLOCK_INPUT[torch.float32])


@pytest.mark.parametrize("scale", [0.5, 1, 2, 16])
def test_the_first_block_reads_unwarped_pictures(variant: str, scale: float) -> None:
    got, expected = both_inputs(Packing(4, 8), Motion(), torch.full((1, 1, 1, 1), 0.7), scale)
    assert torch.allclose(got, expected, atol=ROUNDED)


def test_a_batch_has_its_own_times(variant: str) -> None:
    packing = Packing(4, 8)
    motion = packed_motion((8, 4), packing, count=2)
    got, expected = both_inputs(packing, motion, torch.tensor([0.2, 0.8]).view(2, 1, 1, 1), 2, count=2)
    assert torch.allclose(got, expected, **BLOCK_INPUT[torch.float32])
    assert not torch.allclose(got[0], got[1])


def test_bf16_maps_and_output_are_rounded_to_nearest(variant: str) -> None:
    packing = Packing(4, 8)
    motion = packed_motion((8, 4, 2), packing, dtype=torch.bfloat16)
    exact, _ = both_inputs(packing, motion, TIME, 1)
    got, expected = both_inputs(packing, motion, TIME, 1, dtype=torch.bfloat16)
    assert torch.equal(got, exact.bfloat16().float())
    assert torch.allclose(got, expected, **BLOCK_INPUT[torch.bfloat16])


@pytest.mark.parametrize(("rows", "scale"), [(2, 1), (6, 1), (10, 2), (16, 4)])
def test_strips_are_the_whole_with_a_row_of_zeros_above(variant: str, rows: int, scale: int) -> None:
    packing = Packing(4, 8)
    motion = packed_motion((8, 4, 2), packing)
    height, width = HEIGHT // scale, WIDTH // scale
    strips = KERNELS.block_input(*encoded(packing), motion, TIME, scale=scale, packing=packing)
    whole = torch.full((1, height + 2, width, packing.input_channels), 7.0)
    strips.fill(-1, whole)
    assert not whole[:, 0].any()
    assert not whole[:, -1].any()
    for start in range(0, height, rows):
        strip = torch.full((1, min(rows, height - start) + 1, width, packing.input_channels), 7.0)
        strips.fill(start - 1, strip)
        assert torch.equal(strip, whole[:, start : start + strip.shape[1]])


def test_flow_that_leaves_the_picture_or_is_not_a_number(variant: str) -> None:
    packing = Packing(4, 8)
    motion = packed_motion((8, 4), packing, reach=1e4)
    got, expected = both_inputs(packing, motion, TIME, 2)
    # of the pictures; at 80,000 pixels a coordinate has two digits after the point
    assert torch.allclose(got[:, :14], expected[:, :14], atol=3e-2)
    motion.maps[0].stored[:, 1, 2] = torch.nan
    motion.maps[0].stored[:, 2, 3] = torch.inf
    got, _ = both_inputs(packing, motion, TIME, 1)
    assert got[:, :14].isfinite().all()


PLANES = {torch.uint8: 255, torch.uint16: 65535, torch.float32: 0}
CHROMA = SampleGrid(HEIGHT // 2, WIDTH // 2, 2, 2, 0.5, 0)


def both_planes(
    dtype: torch.dtype, motion: Motion | CorrectedMotion, grid: SampleGrid, planes: int = 1, peak: float | None = None
) -> tuple[Tensor, Tensor]:
    """The kernels' planes and the reference's, rounded and clipped as they are to be stored."""
    limit = PLANES[dtype] if peak is None else peak
    scale = limit or 3
    ends = [(scale * random(planes, grid.height, grid.width, seed=seed)).to(dtype) for seed in (1, 2)]
    out = [torch.full((grid.height, grid.width + 5), 9).to(dtype) for _ in range(planes)]
    targets = [plane[:, : grid.width] for plane in out]
    assert supports(KERNELS, [*ends[0], *ends[1]], motion)
    KERNELS.warp_and_blend_into(list(ends[0]), list(ends[1]), motion, grid, targets, limit)
    for plane in out:
        assert (plane[:, grid.width :].float() == 9).all(), "the gap between rows was written"
    expected = warp_and_blend(ends[0].float()[None], ends[1].float()[None], plain(motion), grid)[0]
    if limit:
        expected = expected.round().clamp(0, limit)
    return torch.stack([plane[:, : grid.width].float() for plane in out]), expected


@pytest.mark.parametrize("dtype", PLANES)
@pytest.mark.parametrize(
    "grid",
    [
        SampleGrid(HEIGHT, WIDTH),
        CHROMA,
        SampleGrid(HEIGHT, WIDTH // 4, 1, 4, 0, 1.5),
        SampleGrid(50, 71, 64 / 50, 96 / 71, 0.14, 0.2),
    ],
)
@pytest.mark.parametrize("sharp", [False, True])
def test_planes_are_the_references(variant: str, dtype: torch.dtype, grid: SampleGrid, sharp: bool) -> None:
    motion = packed_motion((16, 8, 4, 2, 1), Packing(4, 0))
    got, expected = both_planes(dtype, refined(motion) if sharp else motion, grid, planes=2)
    assert (got - expected).abs().max() <= plane_limit(PLANE, PLANES[dtype])
    assert ((got - expected).abs() > 0.5).float().mean() <= STEPS[dtype]


def test_ten_bits_are_clipped_to_their_own_peak(variant: str) -> None:
    motion = packed_motion((8, 4, 2, 1), Packing(4, 0))
    got, _ = both_planes(torch.uint16, motion, CHROMA, peak=1023)
    assert got.max() <= 1023
    for planes in (torch.tensor([[2000.0]]), torch.tensor([[0.0]])):
        ends = [planes.expand(HEIGHT, WIDTH).to(torch.uint16)]
        out = torch.empty(HEIGHT, WIDTH, dtype=torch.uint16)
        KERNELS.warp_and_blend_into(ends, ends, motion, SampleGrid(HEIGHT, WIDTH), [out], 1023)
        assert (out.float() == planes.clamp(max=1023)).all()


def test_halves_are_rounded_to_even(variant: str) -> None:
    still = Motion(tuple(PackedMap(torch.zeros(1, HEIGHT, WIDTH, 8), 5, 1) for _ in range(1)))
    first, last = torch.zeros(HEIGHT, WIDTH, dtype=torch.uint8), torch.ones(HEIGHT, WIDTH, dtype=torch.uint8)
    last[:, ::2] = 3  # means of ½ and 1½
    out = torch.empty(HEIGHT, WIDTH, dtype=torch.uint8)
    KERNELS.warp_and_blend_into([first], [last], still, SampleGrid(HEIGHT, WIDTH), [out], 255)
    assert (out[:, ::2] == 2).all()
    assert (out[:, 1::2] == 0).all()


def test_not_a_number_stays_where_it_is(variant: str) -> None:
    still = Motion((PackedMap(torch.zeros(1, HEIGHT, WIDTH, 8), 5, 1),))
    first = random(HEIGHT, WIDTH, seed=1)
    first[20, 30] = torch.nan
    (plane,) = KERNELS.warp_and_blend([first], [first], still, SampleGrid(HEIGHT, WIDTH))
    bad = plane.isnan().nonzero()
    assert len(bad) > 0
    assert (bad - torch.tensor([20, 30])).abs().max() <= 1


@settings(max_examples=40)
@given(
    height=st.integers(2, 70), width=st.integers(2, 70), align=st.sampled_from([2, 32, 64]), seed=st.integers(0, 99),
    step=st.sampled_from([(1, 1), (2, 2), (1, 2), (4, 4)]), dtype=st.sampled_from(list(PLANES)), sharp=st.booleans(),
)  # fmt: skip
def test_any_size(
    height: int, width: int, align: int, seed: int, step: tuple[int, int], dtype: torch.dtype, sharp: bool
) -> None:
    """Planes of every size move without reading or writing elsewhere, and as the reference's do."""
    grid = SampleGrid(max(2, height // step[0]), max(2, width // step[1]), *step, 0, 0.5)
    generator = torch.Generator().manual_seed(seed)
    maps = []
    for scale in (16, 4, 1):
        shape = (1, max(2, -(-height // scale)), max(2, -(-width // scale) * 2 // 2 + width % 2), 8)
        stored = torch.zeros(shape)
        stored[..., :5] = torch.randn(*shape[:3], 5, generator=generator)
        maps.append(PackedMap(stored[:, :, : shape[2] // 2 * 2].contiguous(), 5, scale))
    motion = Motion(tuple(maps))
    got, expected = both_planes(dtype, refined(motion) if sharp else motion, grid)
    assert (got - expected).abs().max() <= plane_limit(PLANE_OF_ANY_SIZE, PLANES[dtype])


def evidence_of(height: int, width: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Luma of two pictures that show the same on the left, two pixels apart; a network's flow and straight motion."""
    grid = cell_grid(height, width)
    rows, columns = CELL * grid.height, CELL * grid.width
    size = (1, 3, rows // 8 + 2, columns // 8 + 2)
    same, other = (
        interpolate(random(*size, seed=seed), scale_factor=8, mode="bicubic").clamp(0, 1).permute(0, 2, 3, 1)
        for seed in (1, 2)
    )
    last = torch.cat((same[:, :, 2 : 2 + columns // 2], other[:, :, columns // 2 : columns]), 2)
    luma0, luma1 = (mean_luma(picture.contiguous(), grid) for picture in (same, last))
    away = interpolate(6 * random(1, 6, 3, 3, seed=4) - 3, size=(grid.height, grid.width), mode="bilinear")
    straight = torch.tensor([-2.0, 0]).view(1, 2, 1, 1) + away[:, :2] * torch.linspace(0, 4, grid.width)
    own = torch.cat((straight * -0.4, straight * 0.6), 1) + away[:, 2:] / 3
    return luma0, luma1, own, straight


@pytest.mark.parametrize("size", [(96, 160), (17, 19), (270, 482)])
@pytest.mark.parametrize("mapped", [False, True])
def test_corrections_are_the_references(variant: str, size: tuple[int, int], mapped: bool) -> None:
    luma0, luma1, own, straight = evidence_of(*size)
    time = random(1, 1, *own.shape[-2:], seed=6) if mapped else 0.4
    expected = find_correction(luma0, luma1, own, straight, time)
    got = KERNELS.find_correction(luma0, luma1, own, straight, time)
    if size != (17, 19):
        for channel in (4, 6, 7):  # evidence decides one way here and another there
            assert 0.02 < (expected[..., channel] > 0.5).float().mean() < 0.98
    # where the ends agree about as well along two motions, the last digit may choose the other
    assert ((got - expected).abs().amax(-1) > FLOW).float().mean() < 0.002


def test_cells_are_the_references(variant: str) -> None:
    grid = cell_grid(HEIGHT - 3, WIDTH - 5)
    motion = packed_motion((16, 8, 4, 2, 1), Packing(4, 8), accumulates=True)
    assert torch.allclose(
        KERNELS.cell_flow(motion, grid), cell_flow(plain(motion), grid, torch.device("cpu")), atol=FLOW
    )
    rgb = random(1, HEIGHT, WIDTH, 3, seed=2)
    assert torch.allclose(KERNELS.mean_luma(rgb, grid), mean_luma(rgb, grid), atol=ROUNDED)


def test_results_do_not_depend_on_the_number_of_threads(variant: str) -> None:
    packing = Packing(4, 8)
    motion = packed_motion((8, 4, 2), packing)
    evidence = evidence_of(96, 160)
    results = []
    threads = torch.get_num_threads()
    try:
        for count in (1, 2, 3, 7):
            torch.set_num_threads(count)
            planes = both_planes(torch.uint16, refined(motion), CHROMA)[0]
            results.append((both_inputs(packing, motion, TIME, 1)[0], planes, KERNELS.find_correction(*evidence, 0.3)))
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(x, y) for each in results for x, y in zip(each, results[0], strict=True))


def test_features_lie_beside_their_pixels(variant: str) -> None:
    for features, dtype in (
        (0, torch.float32),
        (4, torch.float32),
        (4, torch.bfloat16),
        (8, torch.bfloat16),
        (16, torch.float32),
    ):
        packing = Packing(features, 0)
        rgb = random(1, HEIGHT, WIDTH, 3, seed=1)
        head = random(1, 4 * features, HEIGHT // 2, WIDTH // 2, seed=2).to(dtype) if features else None
        encoded = KERNELS.encode(rgb, head, packing)
        assert torch.equal(encoded[..., :3], rgb)
        assert not encoded[..., 3 + features :].any()
        if head is not None:
            parts = head.float().view(1, 2, 2, features, HEIGHT // 2, WIDTH // 2)
            spread = parts.permute(0, 3, 4, 1, 5, 2).reshape(1, features, HEIGHT, WIDTH)
            assert torch.equal(encoded[..., 3 : 3 + features].permute(0, 3, 1, 2), spread)


def test_structures_are_as_large_as_in_c() -> None:
    library = ctypes.CDLL(str(_path()))
    for name, job in JOBS.items():
        assert getattr(library, f"vsrife_size_{name}")() == ctypes.sizeof(job), name


def test_a_variant_that_this_cpu_lacks() -> None:
    library = kernel_library()
    assert library is not None
    with pytest.raises(ValueError, match=r"^variant must be one that this CPU runs, got sse9$"):
        library.use("sse9")
    assert library.variant != "sse9"


@pytest.mark.parametrize(("named", "status"), [("base", 0), ("sse9", 1)])
def test_the_environment_names_a_variant(named: str, status: int) -> None:
    code = "from vsrife.motion.library import kernel_library as k, why_no_library; print(k().variant, why_no_library())"
    environment = os.environ | {"VSRIFE_VARIANT": named}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == status
    refused = "VSRIFE_VARIANT must be one that this CPU runs, of base, avx2, avx512, got sse9"
    assert done.stdout.strip() == ("base" if status == 0 else "")
    assert (refused in done.stderr) == (status == 1)


def test_a_library_of_another_version_is_refused() -> None:
    with pytest.raises(OSError, match="kernels of version 0"):
        Library(Path(ctypes.util.find_library("m") or "libm.so.6"))


def test_a_failure_is_an_error_of_the_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Library, name: str, job: object) -> None:
        raise MemoryError(f"no memory for {name}")

    monkeypatch.setattr(Library, "run", fail)
    with pytest.raises(KernelError, match=r"^kernels in C, encode: no memory for encode$") as raised:
        KERNELS.encode(random(1, 4, 4, 3, seed=1), None, Packing(0, 0))
    assert isinstance(raised.value.__cause__, MemoryError)
    strips = KERNELS.block_input(*encoded(Packing(0, 0)), Motion(), TIME, scale=1, packing=Packing(0, 0))
    with pytest.raises(KernelError, match=r"^kernels in C, fill: no memory for block_input$"):
        strips.fill(0, torch.empty(1, HEIGHT, WIDTH, Packing(0, 0).input_channels))


def test_planes_and_motion_that_are_not_supported() -> None:
    packing = Packing(4, 0)
    motion = packed_motion((4, 2), packing)
    plane = torch.zeros(HEIGHT, WIDTH)
    assert supports(KERNELS, [plane, plane], motion)
    assert not supports(KERNELS, [plane.half()], motion)
    assert not supports(KERNELS, [plane, plane[:4]], motion)
    assert not supports(KERNELS, [plane, plane.byte()], motion)
    assert not supports(KERNELS, [plane[:1]], motion)
    assert not supports(KERNELS, [plane.to("meta")], motion)
    assert not supports(KERNELS, [plane], plain(motion))
    assert not supports(KERNELS, [plane], Motion())
    assert not supports(KERNELS, [plane], packed_motion((2,), packing, count=2))
    assert not supports(KERNELS, [plane], packed_motion((2,) * 9, packing))
    assert not supports(KERNELS, [plane], Motion((*motion.maps, *packed_motion((2,), packing, shuffled=False).maps)))


@pytest.mark.skipif(platform.machine() != "x86_64" or sys.platform != "linux", reason="reads Linux's list")
def test_the_variant_in_use_is_the_best_of_this_cpu() -> None:
    """Whichever compiler built the library: Zig's has no list of its own."""
    flags = set(re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.M)[1].split())
    best = "base"
    if {"avx2", "fma"} <= flags:
        best = "avx2"
        if {"avx512f", "avx512bw", "avx512dq", "avx512vl", "avx512_bf16"} <= flags:
            best = "avx512"
    library = kernel_library()
    assert library is not None
    assert library.use(None) == best
