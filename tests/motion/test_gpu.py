"""Triton's kernels against the reference, without a GPU by Triton's interpreter; and that they compile for GPUs.

Triton reads `TRITON_INTERPRET` when it is imported, so that this file is run again in processes of their own:
functions called `check_…` where kernels run, by the interpreter or on a GPU, and `compile_…` where they are compiled.
"""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import pytest
import torch
from support import ROOT
from tolerances import FLOW, ROUNDED, SUMMED, TRITON, TRITON_HALF_PLANE, triton_steps
from torch import Tensor
from torch.nn.functional import pad

from vsrife.motion import (
    CELL,
    CorrectedMotion,
    KernelError,
    Motion,
    SampleGrid,
    cell_flow,
    cell_grid,
    find_correction,
    gpu,
    launch,
    mean_luma,
    reference,
    supports,
)
from vsrife.motion.field import PackedMap, resample
from vsrife.motion.gpu_convolution import TritonConvolution
from vsrife.motion.packing import Packing
from vsrife.networks import CATALOG, IFNet

if TYPE_CHECKING:
    from types import ModuleType

needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")
DEVICE = torch.device("cpu") if launch.INTERPRETED else torch.device("cuda", 0)
KERNELS = gpu.TritonKernels(DEVICE)
TIME = torch.full((1, 1, 1, 1), 0.3)
EXACT = TRITON[torch.float32]


def again(functions: str, only: str = "", **env: str) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-o",
        f"python_functions={functions}_*",
        "-k",
        only,
        __file__,
    ]
    done = subprocess.run(command, env=os.environ | env, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-1000:]


@needs_triton
@pytest.mark.parametrize("part", ["corrections or convolutions", "not (corrections or convolutions)"])
def test_the_kernels_are_the_reference_by_the_interpreter(part: str) -> None:
    again("check", part, TRITON_INTERPRET="1", CUDA_VISIBLE_DEVICES="")


@needs_triton
@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU here")
def test_the_kernels_are_the_reference_on_a_gpu() -> None:
    again("check", TRITON_INTERPRET="0")


@pytest.mark.skipif(torch.cuda.is_available() or launch.INTERPRETED, reason="the kernels run here")
def test_without_a_gpu_it_says_so_in_one_line() -> None:
    assert gpu.why_no_triton() == f"PyTorch {torch.__version__} sees no CUDA or ROCm device"


@pytest.mark.skipif(launch.INTERPRETED, reason="the kernels run here")
def test_a_device_short_of_memory_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("triton")
    answers = [KernelError("encode"), torch.zeros(1)]
    answers[0].__cause__ = torch.OutOfMemoryError("CUDA out of memory")

    def encode(*_: object) -> Tensor:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(gpu.TritonKernels, "encode", encode)
    gpu._failure.cache_clear()
    try:
        assert "OutOfMemoryError: CUDA out of memory" in gpu.why_no_triton(torch.device("cpu"))
        assert gpu.why_no_triton(torch.device("cpu")) == ""
        assert gpu.why_no_triton(torch.device("cpu")) == ""
        assert not answers
    finally:
        gpu._failure.cache_clear()


def test_without_triton_it_says_so_in_one_line() -> None:
    code = "import sys; sys.modules['triton'] = None; from vsrife.motion import gpu; print(gpu.why_no_triton())"
    env = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Triton cannot be imported (")
    assert done.stdout.count("\n") == 1


pytestmark = pytest.mark.filterwarnings("ignore:.* encountered in:RuntimeWarning")  # NumPy's, of what is not a number

# Results of the kernels -----------------------------------------------------------------------------------------------


def random(*shape: int, seed: int = 1) -> Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def packed(
    height: int,
    width: int,
    scales: tuple[float, ...],
    packing: Packing,
    *,
    count: int = 1,
    shuffled: bool = True,
    dtype: torch.dtype = torch.float32,
    far: float = 1,
    accumulates: bool = False,
    last: int | None = None,
) -> Motion:
    """Maps that lead some pixels away; `last` is what the last map stores a pixel, `far` multiplies what they say."""
    maps = []
    for index, scale in enumerate(scales):
        rows, columns = int(height / scale), int(width / scale)
        channels = last if last and index == len(scales) - 1 else packing.map_channels
        shape = (rows // 2, columns // 2, 2, 2, channels) if shuffled else (rows, columns, channels)
        stored = ((random(count, *shape, seed=index + 7) - 0.5) * 4 * far).to(DEVICE, dtype)
        maps.append(PackedMap(stored, 5 + (packing.hidden_channels if channels > 8 else 0), scale))
    return Motion(tuple(maps), accumulates)


def on_host(motion: Motion) -> Motion:
    maps = tuple(
        PackedMap(m.stored.float().cpu(), m.channels, m.scale) for m in motion.maps if isinstance(m, PackedMap)
    )
    return Motion(maps, motion.accumulates_mask)


def difference(
    packing: Packing,
    scale: float,
    motion: Motion,
    times: Tensor,
    *,
    height: int,
    width: int,
    encoded_dtype: torch.dtype = torch.float32,
    dtype: torch.dtype = torch.float32,
) -> float:
    """The largest to the reference of a block's input, by parts of a value above 1."""
    count = motion.maps[0].data.shape[0] if motion.maps else times.shape[0]
    size = (count, height, width, packing.encoded_channels)
    pictures = [random(*size, seed=seed).to(encoded_dtype) for seed in (1, 2)]
    shape = (count, int(height / scale), int(width / scale), packing.input_channels)
    out = torch.full(shape, float("nan"), dtype=dtype).to(DEVICE)
    ends = [picture.to(DEVICE) for picture in pictures]
    KERNELS.block_input(*ends, motion, times.to(DEVICE), scale=scale, packing=packing).fill(0, out)
    plain = [picture[..., : 3 + packing.features].float().permute(0, 3, 1, 2) for picture in pictures]
    expected = reference.block_input(
        *plain, on_host(motion), times, scale=scale, hidden_channels=packing.hidden_channels
    )
    assert not out.isnan().any()
    got = out.cpu().float().permute(0, 3, 1, 2)[:, packing.input_positions(first=not motion.maps)]
    assert got.shape == expected.shape
    return float(((got - expected).abs() / expected.abs().clamp(min=1)).max())


@pytest.mark.parametrize(
    ("features", "hidden_channels", "scale", "scales", "shuffled", "accumulates"),
    [
        (4, 8, 1, (4, 2, 1), True, False),
        (4, 8, 2, (4,), True, False),
        (4, 8, 8, (4, 2), True, False),
        (4, 8, 0.5, (2,), True, False),
        (8, 8, 4, (4, 2), True, False),
        (8, 0, 1, (4, 2), True, False),
        (16, 8, 1, (4,), True, False),
        (0, 0, 1, (4, 2), True, True),
        (0, 0, 2, (8, 4), False, True),
        (0, 0, 1, (8, 4, 2, 1), False, False),
    ],
)
def check_block_input(
    features: int, hidden_channels: int, scale: float, scales: tuple[float, ...], shuffled: bool, accumulates: bool
) -> None:
    packing = Packing(features, hidden_channels)
    height = 4 if scale == 0.5 else 8
    motion = packed(height, 40, scales, packing, shuffled=shuffled, accumulates=accumulates)
    assert difference(packing, scale, motion, TIME, height=height, width=40) < EXACT


@pytest.mark.parametrize("scale", [0.5, 1, 2, 8])
def check_the_first_block(scale: float) -> None:
    packing = Packing(4, 8)
    assert difference(packing, scale, Motion(), TIME, height=8, width=72) < ROUNDED  # more than one piece of a row


@pytest.mark.parametrize(("scale", "dtype"), [(1, torch.float16), (2, torch.float16), (1, torch.bfloat16)])
def check_short_types(scale: float, dtype: torch.dtype) -> None:
    packing = Packing(4, 8)
    motion = packed(8, 40, (4, 2), packing, dtype=dtype, far=0.4)
    encoded = torch.float16 if dtype == torch.float16 else torch.float32
    got = difference(packing, scale, motion, TIME, height=8, width=40, encoded_dtype=encoded, dtype=dtype)
    assert got < TRITON[dtype]


@pytest.mark.parametrize("kind", ["one", "each", "map", "maps"])
def check_batches_and_times(kind: str) -> None:
    """Two pairs; a time for both, for each, a map for both, for each."""
    packing = Packing(4, 0)
    times = {
        "one": random(1, 1, 1, 1),
        "each": random(2, 1, 1, 1),
        "map": random(1, 1, 8, 40),
        "maps": random(2, 1, 8, 40),
    }
    motion = packed(8, 72, (4,), packing, count=2)
    assert difference(packing, 2, motion, times[kind], height=8, width=40) < EXACT


@pytest.mark.parametrize(("scale", "maps"), [(2, (4,)), (1, ())])
def check_strips_are_the_whole(scale: int, maps: tuple[int, ...]) -> None:
    """With a row of zeros above and below, in memory between two pairs of which something else lies."""
    packing = Packing(4, 0)
    ends = [random(2, 8, 16, packing.encoded_channels, seed=k).to(DEVICE) for k in range(2)]
    rows, columns = 8 // scale, 16 // scale
    motion = packed(8, 16, maps, packing, count=2)
    strips = KERNELS.block_input(*ends, motion, TIME.to(DEVICE), scale=scale, packing=packing)
    whole = torch.empty(2, rows, columns, packing.input_channels, device=DEVICE)
    strips.fill(0, whole)
    room = torch.full((2, 4, columns, packing.input_channels), 9.0, device=DEVICE)
    parts = []
    for first in range(-1, rows + 1, 3):
        strips.fill(first, room[:, :3])
        parts.append(room[:, :3].clone())
    framed = torch.cat(parts, 1)
    assert torch.equal(framed[:, 1 : rows + 1], whole)
    assert not framed[:, 0].any()
    assert not framed[:, rows + 1 :].any()
    assert (room[:, 3] == 9).all()
    with pytest.raises(KernelError, match="out must be"):
        strips.fill(0, room[:, :, 1:])


def check_a_time_reaches_the_right_pair() -> None:
    packing = Packing(0, 0)
    picture = random(2, 4, 4, packing.encoded_channels).to(DEVICE)
    out = torch.empty(2, 4, 4, packing.input_channels, device=DEVICE)
    times = torch.tensor([0.25, 0.75], device=DEVICE).view(2, 1, 1, 1)
    KERNELS.block_input(picture, picture, Motion(), times, scale=1, packing=packing).fill(0, out)
    channel = 2 * packing.encoded_channels + packing.time_channel
    assert out[0, ..., channel].unique().tolist() == [0.25]
    assert out[1, ..., channel].unique().tolist() == [0.75]
    assert not out[..., channel + 1 :].any()


WILD = (float("nan"), float("inf"), -float("inf"), 3e38, -1e9, 1e4)


def guarded(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Random values with not-a-number in memory before and after them."""
    inner = random(*shape)
    whole = torch.full((inner.numel() + 8192,), float("nan")).to(DEVICE, dtype)
    whole[4096:-4096] = inner.flatten().to(DEVICE, dtype)
    return whole[4096:-4096].view(shape)


@pytest.mark.parametrize("scale", [1, 2])
def check_no_flow_leaves_the_picture(scale: int) -> None:
    packing = Packing(4, 0)
    ends = [guarded(1, 8, 32, packing.encoded_channels) for _ in range(2)]
    motion = packed(8, 32, (4, 2), packing)
    for block in motion.maps:
        assert isinstance(block, PackedMap)
        flat = block.stored.view(-1, 8)
        for k, value in enumerate(WILD):
            flat[k :: 2 * len(WILD), k % 4] = value
    out = torch.empty(1, 8 // scale, 32 // scale, packing.input_channels, device=DEVICE)
    KERNELS.block_input(*ends, motion, TIME.to(DEVICE), scale=scale, packing=packing).fill(0, out)
    pictures = out[..., : 2 * packing.encoded_channels]
    assert bool(((pictures >= 0) & (pictures <= 1)).all())
    (plane,) = KERNELS.warp_and_blend([guarded(8, 32)], [guarded(8, 32)], motion, SampleGrid(8, 32))
    assert bool((plane.isnan() | ((plane >= 0) & (plane <= 1))).all())
    quiet = Motion(tuple(PackedMap(m.stored.clone(), 5, m.scale) for m in motion.maps if isinstance(m, PackedMap)))
    for block in quiet.maps:
        block.stored.view(-1, 8)[:, 4] = 0.3
    (plane,) = KERNELS.warp_and_blend([guarded(8, 32)], [guarded(8, 32)], quiet, SampleGrid(8, 32))
    assert bool(((plane >= 0) & (plane <= 1)).all())


LUMA, CHROMA = SampleGrid(8, 40), SampleGrid(4, 20, 2, 2, 0.5, 0)


@pytest.mark.parametrize(
    ("dtype", "peak", "count", "grid", "shuffled", "accumulates"),
    [
        (torch.uint8, 255, 1, LUMA, True, False),
        (torch.uint8, 255, 2, CHROMA, True, False),
        (torch.uint16, 1023, 1, LUMA, True, False),
        (torch.uint16, 65535, 4, CHROMA, True, False),
        (torch.float32, 0, 3, CHROMA, False, True),
        (torch.float32, 0, 1, LUMA, False, True),
        (torch.float16, 0, 2, CHROMA, True, False),
        (torch.float32, 0, 1, SampleGrid(4, 40, 2, 1, 1, 0), True, False),
        (torch.float32, 0, 1, SampleGrid(5, 27, 8 / 5, 40 / 27, 0.3, 0.24), True, False),
        (torch.float32, 0, 1, SampleGrid(1, 70, 8, 40 / 70, 3.5, -0.2), True, False),
    ],
)
@pytest.mark.parametrize("sharp", [False, True])
def check_planes_are_warped_and_blended(
    dtype: torch.dtype, peak: int, count: int, grid: SampleGrid, shuffled: bool, accumulates: bool, sharp: bool
) -> None:
    """Into a target whose rows have gaps; the last map of 8 channels after others of 16, as a network leaves them."""
    plain = packed(8, 40, (4, 2), Packing(4, 8), shuffled=shuffled, accumulates=accumulates, last=8)
    stored = random(1, 4, 20, 8, seed=11)
    motion: Motion | CorrectedMotion = plain
    expected_motion: Motion | CorrectedMotion = on_host(plain)
    if sharp:
        motion = CorrectedMotion(plain, PackedMap(stored.to(DEVICE), 8, CELL))
        expected_motion = CorrectedMotion(on_host(plain), PackedMap(stored, 8, CELL))
    size = (grid.height, grid.width)
    planes = [random(*size, seed=k) * (1.2 * peak or 1) for k in range(2 * count)]
    planes = [(plane.clamp(0, peak).round() if peak else plane).to(dtype) for plane in planes]
    there = [plane.to(DEVICE) for plane in planes]
    room = [torch.zeros(size[0], size[1] + 7, device=DEVICE).to(dtype) for _ in range(count)]
    targets = [target[:, : size[1]] for target in room]
    assert supports(KERNELS, there, motion)
    KERNELS.warp_and_blend_into(there[:count], there[count:], motion, grid, targets, peak)
    first, last = (torch.stack([p.float() for p in half]).unsqueeze(0) for half in (planes[:count], planes[count:]))
    expected = reference.warp_and_blend(first, last, expected_motion, grid)[0]
    if peak:
        expected = expected.round().clamp(0, peak)
    for k, target in enumerate(targets):
        error = (target.cpu().float() - expected[k]).abs()
        if peak:  # what lies near a half may fall to either side
            assert error.max() <= max(1, peak * EXACT)
            assert (error > 0).float().mean() < triton_steps(peak)
        else:
            assert error.max() < (TRITON_HALF_PLANE if dtype == torch.float16 else EXACT)
        assert not room[k][:, size[1] :].float().any()


@pytest.mark.parametrize("shuffled", [False, True])
def check_cells(shuffled: bool) -> None:
    motion = packed(8, 40, (4, 2), Packing(4, 8), shuffled=shuffled, last=8)
    grid = cell_grid(7, 39)
    expected = cell_flow(on_host(motion), grid, torch.device("cpu"))
    assert (KERNELS.cell_flow(motion, grid).cpu() - expected).abs().max() < EXACT
    rgb = random(1, 8, 40, 3)
    assert (KERNELS.mean_luma(rgb.to(DEVICE), grid).cpu() - mean_luma(rgb, grid)).abs().max() < EXACT


@pytest.mark.parametrize("mapped", [False, True])
def check_corrections(mapped: bool) -> None:
    rows, columns = 5, 70  # more than one piece of a row
    luma0, luma1 = random(1, 1, 2 * rows, 2 * columns), random(1, 1, 2 * rows, 2 * columns, seed=2) * 0.1
    luma1 = luma1 + luma0.roll(1, 3)
    own, straight = random(1, 4, rows, columns, seed=3) * 4 - 2, random(1, 2, rows, columns, seed=4) * 20
    time = random(1, 1, rows, columns, seed=5) if mapped else 0.4
    expected = find_correction(luma0, luma1, own, straight, time)
    there = (x.to(DEVICE) for x in (luma0, luma1, own, straight))
    got = KERNELS.find_correction(*there, time.to(DEVICE) if isinstance(time, Tensor) else time).cpu()
    assert ((got - expected).abs().amax(-1) > FLOW).float().mean() < 0.01


@pytest.mark.parametrize(
    ("inputs", "outputs", "stride", "padding", "size", "dtype"),
    [
        (3, 16, 2, 1, (9, 14), torch.float32),
        (32, 48, 1, 1, (7, 12), torch.float16),
        (96, 64, 1, 1, (5, 7), torch.float16),
        (40, 12, 2, (0, 1), (9, 12), torch.float16),
    ],
)
@pytest.mark.parametrize("slope", [0.2, None])
def check_convolutions(
    inputs: int,
    outputs: int,
    stride: int,
    padding: int | tuple[int, int],
    size: tuple[int, int],
    dtype: torch.dtype,
    slope: float | None,
) -> None:
    """Of a batch of two, in fp16, whatever the picture's type; not a number in memory around it."""
    torch.manual_seed(3)
    layer = torch.nn.Conv2d(inputs, outputs, 3, stride, padding).requires_grad_(False)
    x = guarded(2, *size, inputs, dtype=dtype).permute(0, 3, 1, 2)
    assert TritonConvolution.supports(layer, torch.float16, DEVICE)
    got = TritonConvolution(layer, slope, torch.float16, DEVICE)(x).cpu().float()
    given, weight = x.cpu().half().float(), layer.weight.half().float()
    expected = torch.nn.functional.conv2d(given, weight, layer.bias, stride, padding)
    if slope:
        expected = torch.nn.functional.leaky_relu(expected, slope)
    assert got.shape == expected.shape
    assert ((got - expected).abs() / expected.abs().clamp(min=1)).max() < TRITON[torch.float16]


def check_halves_are_rounded_to_even_and_clipped() -> None:
    stored = torch.zeros(1, 1, 1, 2, 2, 8, device=DEVICE)
    motion = Motion((PackedMap(stored, 5, 8),))  # no motion, equal weights
    first = torch.tensor([[0, 1, 2, 3, 255, 254]] * 2, dtype=torch.uint8, device=DEVICE)
    last = torch.tensor([[1, 2, 3, 4, 255, 255]] * 2, dtype=torch.uint8, device=DEVICE)
    out = torch.zeros_like(first)
    KERNELS.warp_and_blend_into([first], [last], motion, SampleGrid(2, 6), [out], 250)
    assert out.tolist() == [[0, 2, 2, 4, 250, 250]] * 2


def check_that_it_can() -> None:
    assert gpu.why_no_triton(DEVICE) == ""
    assert gpu.why_no_triton() == ""


def check_what_it_refuses() -> None:
    packing = Packing(0, 0)
    motion = packed(8, 8, (2,), packing)
    plane = torch.zeros(8, 8, device=DEVICE)
    assert not supports(KERNELS, [plane.double()], motion)
    assert not supports(KERNELS, [plane, plane[:4]], motion)
    assert not supports(KERNELS, [plane], packed(8, 8, (2,), packing, count=2))
    assert not supports(KERNELS, [plane], packed(8, 8, (2,) * 6, packing))
    assert not supports(KERNELS, [plane], Motion((*motion.maps, *packed(8, 8, (2,), packing, shuffled=False).maps)))
    with pytest.raises(KernelError, match="planes must be 8x7"):
        KERNELS.warp_and_blend_into([plane], [plane], motion, SampleGrid(8, 7), [plane], 0)
    with pytest.raises(KernelError, match="as its planes are"):
        KERNELS.warp_and_blend_into([plane], [plane], motion, SampleGrid(8, 8), [plane.half()], 0)
    with pytest.raises(KernelError, match="columns of a target must have no gaps"):
        KERNELS.warp_and_blend_into([plane], [plane], motion, SampleGrid(8, 8), [torch.empty_like(plane).T], 0)
    picture = torch.zeros(1, 8, 8, packing.encoded_channels, device=DEVICE)
    times = torch.zeros(1, 1, 4, 4, device=DEVICE)
    with pytest.raises(KernelError, match="timestep must be a map of 8x8"):
        KERNELS.block_input(picture, picture, Motion(), times, scale=1, packing=packing)


@pytest.mark.parametrize("features", [0, 4, 8, 16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def check_encoded_pictures(features: int, dtype: torch.dtype) -> None:
    packing = Packing(features, 8)
    rgb, head = random(2, 4, 70, 3), random(2, 4 * features, 2, 35)
    head = head.to(torch.float16).float()
    there = head.to(DEVICE, torch.float16) if features else None
    got = gpu.TritonKernels(DEVICE, dtype).encode(rgb.to(DEVICE), there, packing)
    whole = head.view(2, 2, 2, features, 2, 35).permute(0, 4, 1, 5, 2, 3).reshape(2, 4, 70, features)
    expected = torch.cat((rgb, whole), 3)
    expected = pad(expected, (0, packing.encoded_channels - expected.shape[3]))
    assert got.dtype == dtype
    assert torch.equal(got.cpu(), expected.to(dtype))


@pytest.mark.parametrize("dtype", [torch.uint8, torch.uint16, torch.float32, torch.float16])
@pytest.mark.parametrize("chroma", [None, SampleGrid(5, 15, 2, 2, 0.5, 0)])
def check_rgb(dtype: torch.dtype, chroma: SampleGrid | None) -> None:
    size, small = (10, 30), ((chroma.height, chroma.width) if chroma else (10, 30))
    top = {torch.uint8: 255, torch.uint16: 1023}.get(dtype, 1)
    planes = [(random(*s, seed=k) * top).to(dtype) for k, s in enumerate((size, small, small))]
    matrix = [
        [v / top for v in row[:3]] + [row[3]] for row in ((1, 0, 1.5, -0.3), (1, -0.2, -0.5, 0.1), (1, 1.8, 0, -0.4))
    ]
    whole = [plane.float() for plane in planes]
    if dtype.is_floating_point:
        for plane in planes:
            plane[3, 4], plane[2, 2], plane[4, 14] = float("nan"), float("inf"), -float("inf")
        whole = [torch.nan_to_num(plane.float(), 0, 1, 0) for plane in planes]
    if chroma:
        ys, xs = (torch.arange(n, dtype=torch.float32) for n in size)
        at = (ys - chroma.offset_y) / chroma.step_y, (xs - chroma.offset_x) / chroma.step_x
        whole[1:] = [resample(plane[None, None], *at)[0, 0] for plane in whole[1:]]
    values = torch.tensor(matrix)
    rgb = torch.einsum("cp,phw->chw", values[:, :3], torch.stack(whole)) + values[:, 3, None, None]
    expected = pad(rgb.clamp(0, 1)[None], (0, 36 - 30, 0, 12 - 10), mode="replicate")
    got = KERNELS.to_rgb([plane.to(DEVICE) for plane in planes], matrix, chroma, 12)
    assert got.is_contiguous()
    assert torch.allclose(got.cpu(), expected.permute(0, 2, 3, 1), atol=SUMMED)


def check_rgb_of_gray() -> None:
    plane = random(3, 5)
    matrix = [[1, 0, 0, 0], [2, 0, 0, 0], [1, 0, 0, -0.5]]
    got = KERNELS.to_rgb([plane.to(DEVICE)], matrix, None, 4).cpu()
    expected = pad(torch.stack((plane, plane * 2, plane - 0.5))[None].clamp(0, 1), (0, 3, 0, 1), mode="replicate")
    assert torch.allclose(got, expected.permute(0, 2, 3, 1), atol=ROUNDED)


# What they cost ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def gpu_floors() -> ModuleType:
    spec = spec_from_file_location("gpu_floors", ROOT / "benchmarks" / "gpu_floors.py")
    assert spec
    assert spec.loader
    module = sys.modules["gpu_floors"] = module_from_spec(spec)  # dataclasses look there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["4.0", "4.6", "4.7", "4.14.lite", "4.26"])
def test_floors_count_what_the_network_multiplies(gpu_floors: ModuleType, name: str) -> None:
    """`benchmarks/gpu_floors.py` counts from the config; here every convolution of the published form is counted."""
    config = CATALOG[name]
    network = IFNet(config)
    counted = 0

    def count(layer: torch.nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        nonlocal counted
        assert isinstance(layer, (torch.nn.Conv2d, torch.nn.ConvTranspose2d))
        pixels = inputs[0] if isinstance(layer, torch.nn.ConvTranspose2d) else output
        counted += layer.weight.numel() * pixels.shape[-2] * pixels.shape[-1]

    for layer in network.modules():
        if isinstance(layer, (torch.nn.Conv2d, torch.nn.ConvTranspose2d)):
            layer.register_forward_hook(count)
    height, width = 128, 192
    with torch.inference_mode():
        for index, scale in enumerate(config.scales):
            network.blocks[index](torch.zeros(1, config.inputs(index), int(height / scale), int(width / scale)))
        if config.head:
            network.encode(torch.zeros(1, 3, height, width))
    stages = gpu_floors.floors(config, height, width)
    assert sum(stage.macs for stage in stages) == counted
    assert all(stage.bytes > 0 for stage in stages)
    finest = next(stage for stage in stages if stage.name == f"input {len(config.scales) - 1}")
    if name == "4.26":  # 64 bytes written a pixel, two encoded pictures of 16 read, and a few of the maps'
        assert 96 <= finest.bytes / (height * width) < 96 + 32


# That they compile ---------------------------------------------------------------------------------------------------

KERNELS_OF = {
    "triton_kernels": ("block_input", "warp_and_blend", "cell_flow", "to_rgb", "encode"),
    "triton_evidence": ("mean_luma", "ends", "refinement", "correction"),
    "triton_convolution": ("convolve",),
}
MODULE_OF = {name: module for module, names in KERNELS_OF.items() for name in names}
INTEGERS = {
    "above", "beside", "cell_columns", "cell_rows", "chroma_height", "chroma_width", "first_row", "full_height",
    "height", "out_height", "out_step", "out_width", "stride", "times_step", "width",
}  # fmt: skip
FLOATS = {
    "blue", "cell", "contrast", "far", "far_from_middle", "green", "largest_step", "medium", "noise", "offset_x",
    "offset_y", "overshoot", "peak", "red", "regulariser", "scale", "slope", "small", "step_x", "step_y", "time",
}  # fmt: skip
TARGETS = [("cuda", arch, 32) for arch in (75, 80, 86, 89, 90, 100, 120)]
TARGETS += [("hip", "gfx90a", 64), ("hip", "gfx942", 64), ("hip", "gfx1100", 32)]
TARGET = os.environ.get("VSRIFE_TEST_TARGET", "")
USUAL = (75, 90, "gfx942")
"""Architectures that are compiled for unless VSRIFE_EVERY_CARD is set, as in the nightly workflow."""


@needs_triton
@pytest.mark.parametrize("target", TARGETS, ids=str)
def test_the_kernels_compile_where_there_is_no_gpu(target: tuple[Any, ...], tmp_path: object) -> None:
    if target[1] not in USUAL and not os.environ.get("VSRIFE_EVERY_CARD"):
        pytest.skip("VSRIFE_EVERY_CARD=1 compiles for every card")
    again("compile", TRITON_INTERPRET="0", TRITON_CACHE_DIR=str(tmp_path), VSRIFE_TEST_TARGET=str(target[1]))


@pytest.mark.parametrize("target", [each for each in TARGETS if str(each[1]) == TARGET], ids=str)
@pytest.mark.parametrize("name", MODULE_OF)
def compile_for(name: str, target: tuple[Any, ...]) -> None:
    """As 4.26 in fp16 calls them; no value is spilled to memory. On CUDA an encoded pixel is read in one load."""
    if name == "convolve" and target[1] == 75:
        pytest.skip("cuDNN computes convolutions there, see TritonConvolution.supports")
    kernel = compiled(name, target)
    assert spilled(kernel) == 0
    if target[0] == "cuda" and name == "block_input":
        assert kernel.asm["ptx"].count("ld.global.v4.b32") == 4  # the corners; both pictures lie in one tile
    if target[0] == "cuda" and name == "convolve":
        assert "mma" in kernel.asm["ptx"]  # by the matrix units


def compiled(name: str, target: tuple[Any, ...]) -> Any:
    compiler = importlib.import_module("triton.compiler")
    backends = importlib.import_module("triton.backends.compiler")
    language = importlib.import_module("triton.language")
    kernel = getattr(launch.kernels(MODULE_OF[name]), name)
    constants: dict[str, Any] = {
        "sharp": True, "has_mask": True, "has_map": False, "taps": 1, "encoded": 8, "padded": 8, "map_channels": 16,
        "maps": 5 if name in ("warp_and_blend", "cell_flow") else 4, "time_channel": 13, "shuffled": True,
        "accumulates": False, "times_map": False, "index": language.int32, "block": 64, "planes": 3,
        "channels": 8 if name == "encode" else 16, "last_channels": 8, "rounds": True, "count": 4, "stride": 1,
        "inputs": 64, "outputs": 64, "rows": 128, "columns": 64, "depth": 32,
    }  # fmt: skip
    signature, values = {}, {}
    for place, argument in enumerate(kernel.params):
        plain = argument.name.rstrip("0123456789")
        if argument.is_constexpr:
            signature[argument.name] = "constexpr"
            values[place,] = constants[argument.name]
        elif argument.name == "apart":
            signature[argument.name] = "i64"
        elif plain in INTEGERS or argument.name == "count":
            signature[argument.name] = "i32"
        elif plain in FLOATS or re.fullmatch("(red|green|blue)[0-3]", argument.name):
            signature[argument.name] = "fp32"
        else:
            signature[argument.name] = pointer(name, plain)
    aligned = [["tt.divisibility", 16]]
    attributes = {
        (k,): aligned
        for k, (kind, argument) in enumerate(zip(signature.values(), kernel.params, strict=True))
        if kind not in ("constexpr", "fp32") and not argument.do_not_specialize
    }
    source = compiler.ASTSource(kernel, signature, values, attributes)
    options = {"num_warps": 4} if name == "convolve" else {k: v for k, v in launch.LAUNCH.items() if k != "block"}
    return compiler.compile(source, target=backends.GPUTarget(*target), options=options)


def pointer(name: str, argument: str) -> str:
    """The type of a tensor that a kernel gets."""
    if MODULE_OF[name] == "triton_evidence" or argument in ("times", "bias", "correction", "rgb"):
        return "*fp32"
    if argument in ("first", "last", "plane") or (name == "warp_and_blend" and argument == "out"):
        return "*u8"
    is_exact = (name, argument) in (("to_rgb", "out"), ("cell_flow", "out"), ("encode", "picture"))
    return "*fp32" if is_exact else "*fp16"


def spilled(kernel: Any) -> int:
    """Bytes or registers that do not fit into a thread's registers, by what the compilers report."""
    if "amdgcn" in kernel.asm:
        return sum(map(int, re.findall(r"[sv]gpr_spill_count:\s+(\d+)", kernel.asm["amdgcn"])))
    nvidia = importlib.import_module("triton.backends.nvidia").__path__[0]
    tool = Path(nvidia, "bin", "cuobjdump")
    if not tool.exists():
        pytest.skip("there is no cuobjdump here")
    with NamedTemporaryFile(suffix=".cubin") as file:
        file.write(kernel.asm["cubin"])
        file.flush()
        report = subprocess.run([tool, "-res-usage", file.name], capture_output=True, text=True, check=True)
    usage = re.search(r"STACK:(\d+) .*LOCAL:(\d+)", report.stdout + report.stderr)
    assert usage, report
    return int(usage[1]) + int(usage[2])


@pytest.mark.skipif(launch.INTERPRETED, reason="the interpreter compiles nothing")
def test_where_pictures_lie_does_not_decide_what_is_compiled() -> None:
    triton_kernels = pytest.importorskip("vsrife.motion.triton_kernels")
    types = {parameter.name: parameter.annotation_type for parameter in triton_kernels.block_input.params}
    assert types["apart"] == "i64"
