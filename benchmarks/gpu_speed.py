"""Correctness and speed on a graphics card, in one run: `python benchmarks/gpu_speed.py` on a machine with CUDA.

It compares the kernels and the network to the reference, and measures each kernel and a whole frame beside what the
card's memory and arithmetic allow, with and without CUDA graphs, from host frames to host frames, and beside vsrife
5.7.0's network. Each section is a process with a time limit. Films are measured by `gpu_check.py`.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import statistics
import sys
import time
import types
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gpu_floors import described, floors, input_bytes, peaks_of, rounded, stages_of
from parts import run_parts, say
from torch import Tensor

from vsrife.engine import Colour, HostFrame, Options, PictureFormat, Task, Timestep, shared_engine
from vsrife.engine.frame_maker import FrameMaker
from vsrife.engine.graphs import CudaGraphs, Graphs
from vsrife.engine.kernel_estimator import KernelEstimator
from vsrife.engine.levels import Level, set_level
from vsrife.engine.picture import align_edges, chroma_grid, rgb_matrix, to_rgb
from vsrife.engine.recovery import execute
from vsrife.engine.torch_estimator import TorchEstimator
from vsrife.motion import (
    CELL,
    CorrectedMotion,
    Motion,
    PackedMap,
    SampleGrid,
    cell_flow,
    cell_grid,
    device_kernels,
    find_correction,
    gpu,
    launch,
    reference,
)
from vsrife.motion.packing import Packing
from vsrife.networks import CATALOG, DEFAULT
from vsrife.weights import load_network

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vsrife.networks import IFNetConfig

FRAMES = 60
THREADS = 6


# Measuring ------------------------------------------------------------------------------------------------------------


def event() -> Any:
    """One that knows the time."""
    return torch.cuda.Event(enable_timing=True)


def timed(work: Callable[[], object], runs: int = 30) -> float:
    """Median milliseconds of the device for one call."""
    for _ in range(5):
        work()
    spans = []
    for _ in range(runs):
        begin, end = event(), event()
        begin.record()
        work()
        end.record()
        end.synchronize()
        spans.append(begin.elapsed_time(end))
    return statistics.median(spans)


def launched(work: Callable[[], object], times: int = 20) -> float:
    """Milliseconds of one call where Python launches nothing: many calls in one graph."""
    backend = CudaGraphs(torch.device("cuda", torch.cuda.current_device()))
    backend.warm_up(work)

    def many() -> Sequence[Tensor]:
        for _ in range(times):
            work()
        return ()

    replay, _ = backend.capture(many)
    return timed(replay, 10) / times


def kernel(work: Callable[[], object], moved: float, peaks: tuple[float, float]) -> dict[str, float | None]:
    """A kernel's time, what it moves a second, and how that compares to the memory's peak."""
    span = launched(work)
    rate = moved / span / 1e9
    return {"ms": rounded(span), "tb_per_s": rounded(rate), "of_peak": rounded(rate / peaks[0])}


class Bench:
    """The sections of a run.

    Args:
        model: the network's name.
        width: of the frames.
        height: of the frames.
        peer: the unpacked wheel of vsrife 5.7.0, None to look for none.
        device: a card, or the CPU for `network`.
    """

    def __init__(self, model: str, width: int, height: int, peer: Path | None, device: torch.device) -> None:
        self.device = device
        self.config = CATALOG[model]
        self.model, self.width, self.height, self.peer = model, width, height, peer
        self.gpu_kernels: Any = gpu.TritonKernels(device) if device.type == "cuda" else device_kernels(device)
        self.packing = Packing(self.config.features, self.config.hidden_channels)
        align = self.config.alignment(1)
        self.rows, self.columns = height + -height % align, width + -width % align
        self.peaks = peaks_of(torch.cuda.get_device_name(device) if device.type == "cuda" else "")
        self.form = PictureFormat("yuv", 8, False, 1, 1, width, height)

    def correctness(self) -> dict[str, Any]:
        """Largest difference of every kernel to the reference, both on the card; `allowed` by its values."""
        found: dict[str, Any] = {}
        for name in (self.model, "4.6", "4.13", "4.0"):
            config = CATALOG[name]
            packing = Packing(config.features, config.hidden_channels)
            for dtype in (torch.float32, torch.float16):
                size = 2, 128, 192, packing.encoded_channels
                encoded0, encoded1 = (self._random(*size, seed=k).to(dtype) for k in (1, 2))
                maps: list[PackedMap] = []
                worst = 0.0
                for index, scale in enumerate(config.scales):
                    motion = Motion(tuple(maps), config.accumulates_mask)
                    difference = self._input_difference(encoded0, encoded1, motion, scale, packing, dtype)
                    worst = max(worst, difference)
                    maps.append(self._map(config, index, 128, 192, dtype, count=2))
                found[f"block_input {name} {dtype}"] = verdict(worst, 1e-4 if dtype == torch.float32 else 1.5e-3)
        motion = Motion(tuple(self._map(self.config, k, 128, 192, torch.float16) for k in range(3)))
        found |= self._corrections(motion)
        for plane_type, peak in ((torch.uint8, 255), (torch.uint16, 65535), (torch.float32, 0), (torch.float16, 0)):
            for grid in (SampleGrid(128, 192), SampleGrid(64, 96, 2, 2, 0.5, 0)):
                shape = (2, grid.height, grid.width)
                first, last = ((self._random(*shape, seed=k) * (peak or 1)).to(plane_type) for k in (3, 4))
                out = [torch.empty_like(first[0]) for _ in range(2)]
                for form, along in (("", motion), (" sharp", self._corrected_motion(motion, 128, 192))):
                    self.gpu_kernels.warp_and_blend_into(list(first), list(last), along, grid, out, peak)
                    expected = reference.warp_and_blend(first.float()[None], last.float()[None], along, grid)[0]
                    expected = expected.round().clamp(0, peak) if peak else expected
                    worst = float((torch.stack([x.float() for x in out]) - expected).abs().max())
                    allowed = max(1, peak * 1e-4) if peak else 1e-4 if plane_type == torch.float32 else 1e-3
                    found[f"warp_and_blend {plane_type} step {grid.step_x}{form}"] = verdict(worst, allowed)
        wild = [PackedMap(m.stored.clone(), m.channels, m.scale) for m in motion.maps if isinstance(m, PackedMap)]
        for m in wild:
            m.stored.flatten()[::7] = float("inf")
            m.stored.flatten()[::11] = float("nan")
        plane = self._random(128, 192, seed=5)
        (warped,) = self.gpu_kernels.warp_and_blend([plane], [plane], Motion(tuple(wild)), SampleGrid(128, 192))
        found["wild flow stays inside"] = verdict(float((warped.nan_to_num(0.5) - 0.5).abs().max()), 0.5)
        count, rgb = self.packing.features, self._random(1, 64, 96, 3, seed=7)
        features = self._random(1, 4 * count, 32, 48, seed=6)
        spread = features.view(1, 2, 2, count, 32, 48).permute(0, 4, 1, 5, 2, 3).reshape(1, 64, 96, count)
        got = self.gpu_kernels.encode(rgb, features, self.packing)[..., : 3 + count]
        found["encode"] = verdict(float((got - torch.cat((rgb, spread), 3)).abs().max()), 0)
        form = PictureFormat("yuv", 8, False, 1, 1, 190, 126)
        planes = tuple((self._random(*form.shape(k), seed=k) * 255).to(torch.uint8) for k in range(3))
        expected = align_edges(to_rgb(planes, form, Colour()), 64).permute(0, 2, 3, 1)
        got = self.gpu_kernels.to_rgb(planes, rgb_matrix(form, Colour()), chroma_grid(form, 0), 64)
        found["rgb"] = verdict(float((got - expected).abs().max()), 1e-5)
        return found

    def network(self) -> dict[str, Any]:
        """The network by the kernels in fp16 (a CPU: bf16) and fp32 beside PyTorch in fp32 on the CPU, on a texture."""
        network = load_network(self.model, None, fetch=False)
        cpu = torch.device("cpu")
        truth = TorchEstimator(network, cpu, torch.float32)
        pictures = [textured(256, 384, n) for n in range(2)]
        grid = SampleGrid(256, 384)
        with torch.inference_mode():
            motion, _ = truth.estimate(*(truth.encode(p.permute(0, 2, 3, 1)) for p in pictures), time_on(cpu), 1)
            expected = reference.warp_and_blend(*pictures, motion, grid)
            found: dict[str, Any] = {}
            for dtype in (torch.float32, torch.float16 if self.device.type == "cuda" else torch.bfloat16):
                estimator = KernelEstimator(network, self.gpu_kernels, dtype)
                ends = [p.to(self.device) for p in pictures]
                encoded = [estimator.encode(p.permute(0, 2, 3, 1)) for p in ends]
                motion, _ = estimator.estimate(*encoded, time_on(self.device), 1)
                warped = reference.warp_and_blend(*ends, motion, grid).cpu()
                error = float((warped - expected).square().mean())
                found[str(dtype)] = {"psnr_to_cpu_fp32": rounded(-10 * np.log10(max(error, 1e-12)))}
        return found

    def kernels(self) -> dict[str, Any]:
        """Each kernel at the frame's size in fp16, beside what it has to move."""
        config, size = self.config, (self.rows, self.columns)
        found: dict[str, Any] = {}
        for dtype in (torch.float16, torch.float32):
            shape = 1, *size, self.packing.encoded_channels
            encoded0, encoded1 = (self._random(*shape, seed=k).to(dtype) for k in (1, 2))
            maps: list[PackedMap] = []
            for index, scale in enumerate(config.scales):
                motion = Motion(tuple(maps), config.accumulates_mask)
                fill = self._filling(encoded0, encoded1, motion, scale)
                moved = input_bytes(config, index, *size, 2, dtype.itemsize)
                found[f"input {index} (1/{scale:g}), {dtype} pictures"] = kernel(fill, moved, self.peaks)
                maps.append(self._map(config, index, *size, torch.float16))
        motion = Motion(tuple(maps), config.accumulates_mask)
        kept = sum(m.stored.numel() * 2 for m in maps)
        for name, grid, planes in self._groups(torch.uint8):
            warp = self._warping(planes, motion, grid)
            found[f"warped {name}"] = kernel(warp, 3 * planes[0].numel() * len(planes) // 2 + kept, self.peaks)
        planes = [torch.zeros(self.form.shape(k), dtype=torch.uint8, device=self.device) for k in range(3)]
        matrix = rgb_matrix(self.form, Colour())
        chroma, align = chroma_grid(self.form, 0), config.alignment(1)
        kernels, half = self.gpu_kernels, gpu.TritonKernels(self.device, torch.float16)
        found["rgb"] = kernel(
            lambda: kernels.to_rgb(planes, matrix, chroma, align), 13.5 * size[0] * size[1], self.peaks
        )
        rgb = self._random(1, *size, 3, seed=1)
        head = self._random(1, size[0] // 2, size[1] // 2, 4 * config.features, seed=2).half().permute(0, 3, 1, 2)
        moved = (12 + (config.features + self.packing.encoded_channels) * 2) * size[0] * size[1]
        found["encode"] = kernel(lambda: half.encode(rgb, head, self.packing), moved, self.peaks)
        return found

    def launches(self) -> dict[str, Any]:
        """Milliseconds of the finest input and of luma by positions and warps of a program, for `launch.LAUNCH`."""
        config, size = self.config, (self.rows, self.columns)
        encoded0, encoded1 = (self._random(1, *size, self.packing.encoded_channels, seed=k).half() for k in (1, 2))
        maps = [self._map(config, k, *size, torch.float16) for k in range(len(config.scales))]
        before = Motion(tuple(maps[:-1]), config.accumulates_mask)
        _, grid, planes = self._groups(torch.uint8)[0]
        found: dict[str, Any] = {"now": f"{launch.LAUNCH['block']} positions, {launch.LAUNCH['num_warps']} warps"}
        kept = dict(launch.LAUNCH)
        try:
            for block in (32, 64, 128, 256):
                for warps in (1, 2, 4, 8):
                    launch.LAUNCH.update(block=block, num_warps=warps)
                    found[f"{block} positions, {warps} warps"] = {
                        "input": rounded(launched(self._filling(encoded0, encoded1, before, config.scales[-1]))),
                        "warped": rounded(launched(self._warping(planes, Motion(tuple(maps)), grid))),
                    }
        finally:
            launch.LAUNCH.update(kept)
        return found

    def engine(self) -> dict[str, Any]:
        """Milliseconds of a frame whose source frames are on the card: motion and the three planes of 4:2:0."""
        estimator = KernelEstimator(load_network(self.model, None, fetch=False), self.gpu_kernels, torch.float16)
        pictures = [self._random(1, self.rows, self.columns, 3, seed=k) for k in (1, 2)]
        groups = self._groups(torch.uint8)
        lines: list[str] = []
        graphs = Graphs(CudaGraphs(self.device), lambda planes: [plane.clone() for plane in planes], lines.append)

        def interpolate(time: Tensor, encoded0: Tensor, encoded1: Tensor) -> list[Tensor]:
            motion, _ = estimator.estimate(encoded0, encoded1, time, 1)
            return [plane for _, grid, planes in groups for plane in self._warping(planes, motion, grid)()]

        with torch.inference_mode():
            encoded = [estimator.encode(picture) for picture in pictures]
            times = [time_on(self.device, t) for t in (0.5, 0.25)]
            torch.cuda.reset_peak_memory_stats()
            found: dict[str, Any] = {
                "encode_ms": rounded(timed(lambda: estimator.encode(pictures[0]))),
                "eager_ms": rounded(timed(lambda: interpolate(times[0], *encoded))),
            }
            found["graph_ms"] = rounded(timed(lambda: graphs.run("frame", interpolate, (times[0], *encoded))))
            same = []
            for time_tensor in times:
                plain = interpolate(time_tensor, *encoded)
                replayed = graphs.run("frame", interpolate, (time_tensor, *encoded))
                same.append(all(torch.equal(*pair) for pair in zip(plain, replayed, strict=True)))
            found["graph_makes_the_same"] = same
            found["graph_log"] = lines
            found["peak_mib"] = round(torch.cuda.max_memory_allocated() / 2**20)
            graphs.close()
        stages = floors(self.config, self.rows, self.columns)
        wanted = [s for s in stages if s.name.startswith(("input", "block", "warped"))]
        low = sum(s.milliseconds(self.peaks) for s in wanted)
        macs = sum(s.macs for s in wanted)
        found["floor_ms"] = rounded(low)
        if found["graph_ms"]:
            found["tflop_per_s"] = rounded(2 * macs / found["graph_ms"] / 1e9)
            found["times_the_floor"] = rounded(found["graph_ms"] / low)
        return found

    def filter(self) -> dict[str, Any]:
        """From host frames to host frames at 2x through the interpolator, as the filter calls it, at every level."""
        engine = shared_engine(self.model, None, self.device, torch.float16, fetch=False)
        planes = [host_frame(self.form, n) for n in range(6)]
        found: dict[str, Any] = {}
        made: list[list[Any]] = []
        for level in Level:
            set_level(self.device, level)
            maker = FrameMaker(engine, self.form, Options(requests=THREADS))

            def frame(left: int, maker: FrameMaker = maker) -> list[Any]:
                first, last = (HostFrame(n, planes[n % len(planes)], Colour()) for n in (left, left + 1))
                target = [np.empty_like(plane) for plane in planes[0]]
                task = Task(first, last, Timestep(0.5), self.form)
                execute(maker, lambda maker: maker.render(task, target))
                return target

            with ThreadPoolExecutor(THREADS) as pool:
                list(pool.map(frame, range(12)))
                torch.cuda.reset_peak_memory_stats()
                started = time.perf_counter()
                made.append(list(pool.map(frame, range(100, 100 + FRAMES))))
                span = time.perf_counter() - started
            pairs = zip(made[0], made[-1], strict=True)
            found[level.name.lower()] = {
                "made_fps": rounded(FRAMES / span),
                "out_fps_at_2x": rounded(2 * FRAMES / span),
                "peak_mib": round(torch.cuda.max_memory_allocated() / 2**20),
                "as_eager": all(np.array_equal(a, b) for one, two in pairs for a, b in zip(one, two, strict=True)),
            }
        return found

    def vsrife57(self) -> dict[str, Any]:
        """Milliseconds of vsrife 5.7.0's network, eager fp16, on pictures that are on the card."""
        if self.peer is None:
            return {"left_out": "--peer names the folder of its unpacked wheel"}
        package = types.ModuleType("vsrife_peer")
        package.__path__ = [str(self.peer / "vsrife")]
        sys.modules["vsrife_peer"] = package
        module = importlib.import_module(f"vsrife_peer.IFNet_HDv3_v{self.model.replace('.', '_')}")
        state = load_network(self.model, None, fetch=False).state_dict()
        network = module.IFNet(1, False).eval()
        if self.config.head:
            network.encode = module.Head().eval()
        network.load_state_dict(state)
        network = network.to(self.device, torch.float16)
        size = {"device": self.device, "dtype": torch.float16}
        pictures = [self._random(1, 3, self.rows, self.columns, seed=k).half() for k in (1, 2)]
        divisor = torch.tensor([(self.columns - 1) / 2, (self.rows - 1) / 2], device=self.device)
        across = torch.linspace(-1, 1, self.columns, device=self.device).view(1, 1, 1, -1).expand(1, 1, self.rows, -1)
        down = torch.linspace(-1, 1, self.rows, device=self.device).view(1, 1, -1, 1).expand(1, 1, -1, self.columns)
        grid = torch.cat((across, down), 1)
        when = torch.full((1, 1, self.rows, self.columns), 0.5, **size)
        with torch.inference_mode():
            features = [network.encode(picture) for picture in pictures] if self.config.head else []
            torch.cuda.reset_peak_memory_stats()
            span = timed(lambda: network(*pictures, when, divisor, grid, *features), 10)
        return {"eager_ms": rounded(span), "peak_mib": round(torch.cuda.max_memory_allocated() / 2**20)}

    def _corrected_motion(self, motion: Motion, height: int, width: int) -> CorrectedMotion:
        """A motion with a random correction."""
        cells = cell_grid(height, width)
        stored = self._random(1, cells.height, cells.width, 8, seed=9)
        stored[..., :4] = 6 * stored[..., :4] - 3
        return CorrectedMotion(motion, PackedMap(stored, 8, CELL))

    def _corrections(self, motion: Motion) -> dict[str, Any]:
        """Flow at cells and corrections on the card against those on the host."""
        cells, host = cell_grid(128, 192), torch.device("cpu")
        maps = (m for m in motion.maps if isinstance(m, PackedMap))
        there = Motion(tuple(PackedMap(m.stored.float().cpu(), m.channels, m.scale) for m in maps))
        flow, expected = self.gpu_kernels.cell_flow(motion, cells), cell_flow(there, cells, host)
        found = {"cell_flow": verdict(float((flow.cpu() - expected).abs().max()), 1e-3)}
        rgb = [self._random(1, 128, 192, 3, seed=k) for k in (3, 4)]
        luma0, luma1 = (self.gpu_kernels.mean_luma(each, cells) for each in rgb)
        given = luma0, luma1, flow, flow[:, 2:] - flow[:, :2]
        got = self.gpu_kernels.find_correction(*given, 0.4).cpu()
        on_host = [x.cpu() for x in given]
        expected = find_correction(on_host[0], on_host[1], on_host[2], on_host[3], 0.4)
        differs = ((got - expected).abs().amax(-1) > 1e-3).float().mean()
        return found | {"correction, share of cells that differ": verdict(float(differs), 0.01)}

    def _random(self, *shape: int, seed: int) -> Tensor:
        return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)).to(self.device)

    def _map(
        self, config: IFNetConfig, index: int, height: int, width: int, dtype: torch.dtype, count: int = 1
    ) -> PackedMap:
        """A block's map that leads some pixels away."""
        packing, scale = Packing(config.features, config.hidden_channels), config.map_scale(config.scales[index])
        rows, columns = int(height / scale), int(width / scale)
        shape = (rows // 2, columns // 2, 2, 2) if config.shuffle else (rows, columns)
        stored = (self._random(count, *shape, packing.map_channels, seed=index + 20) - 0.5).to(dtype)
        return PackedMap(stored, 5 + packing.hidden_channels, scale)

    def _input_difference(
        self, encoded0: Tensor, encoded1: Tensor, motion: Motion, scale: float, packing: Packing, dtype: torch.dtype
    ) -> float:
        count, height, width, _ = encoded0.shape
        shape = count, int(height / scale), int(width / scale), packing.input_channels
        out = torch.empty(shape, dtype=dtype, device=self.device)
        time = time_on(self.device, 0.3)
        self.gpu_kernels.block_input(encoded0, encoded1, motion, time, scale=scale, packing=packing).fill(0, out)
        plain = [x[..., : 3 + packing.features].float().permute(0, 3, 1, 2) for x in (encoded0, encoded1)]
        expected = reference.block_input(*plain, motion, time, scale=scale, hidden_channels=packing.hidden_channels)
        got = out.float().permute(0, 3, 1, 2)[:, packing.input_positions(first=not motion.maps)]
        return float(((got - expected).abs() / expected.abs().clamp(min=1)).max())

    def _filling(self, encoded0: Tensor, encoded1: Tensor, motion: Motion, scale: float) -> Callable[[], object]:
        """A function that evaluates a block's input in fp16."""
        shape = (1, int(self.rows / scale), int(self.columns / scale), self.packing.input_channels)
        out = torch.empty(shape, dtype=torch.float16, device=self.device)
        time = time_on(self.device)
        strips = self.gpu_kernels.block_input(encoded0, encoded1, motion, time, scale=scale, packing=self.packing)
        return lambda: strips.fill(0, out)

    def _warping(self, planes: Sequence[Tensor], motion: Any, grid: SampleGrid) -> Callable[[], list[Tensor]]:
        """A function that warps and blends planes: the first half at time 0, the others at time 1."""
        half = len(planes) // 2
        out = [torch.empty_like(plane) for plane in planes[:half]]

        def warp() -> list[Tensor]:
            self.gpu_kernels.warp_and_blend_into(planes[:half], planes[half:], motion, grid, out, 255)
            return out

        return warp

    def _groups(self, dtype: torch.dtype) -> list[tuple[str, SampleGrid, list[Tensor]]]:
        """Luma and chroma of two frames."""
        chroma = chroma_grid(self.form, 0)
        groups = (("luma", SampleGrid(self.height, self.width), 1), ("chroma", chroma, 2))
        return [
            (name, grid, [(self._random(grid.height, grid.width, seed=k) * 255).to(dtype) for k in range(2 * count)])
            for name, grid, count in groups
        ]


def time_on(device: torch.device, time: float = 0.5) -> Tensor:
    """A time on a device, as estimators take it."""
    return torch.full((1, 1, 1, 1), time, device=device)


def verdict(worst: float, allowed: float) -> dict[str, Any]:
    """A difference and whether it may be."""
    return {"worst": worst if np.isfinite(worst) else None, "allowed": allowed, "right": bool(worst <= allowed)}


def textured(height: int, width: int, number: int) -> Tensor:
    """A smooth picture, 1×3×H×W, that moves by (5, 2) pixels a frame."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x + 5 * number, y + 2 * number
    planes = []
    for _ in range(3):
        waves = rng.uniform((0.02, 0, 0), (0.3, 2 * np.pi, 2 * np.pi), (16, 3))
        total = sum(np.sin(f * (x * np.cos(d) + y * np.sin(d)) + p) for f, d, p in waves)
        planes.append((0.5 + 0.05 * total).clip(0, 1))
    return torch.from_numpy(np.stack(planes).astype(np.float32))[None]


def host_frame(form: PictureFormat, number: int) -> list[Any]:
    """A frame of 8-bit 4:2:0."""
    picture = textured(form.height, form.width, number)[0].numpy() * 219 + 16
    shapes = [form.shape(plane) for plane in range(3)]
    return [np.ascontiguousarray(picture[k, :h, :w].astype(np.uint8)) for k, (h, w) in enumerate(shapes)]


SECTIONS = {
    "correctness": 120,
    "network": 50,
    "kernels": 60,
    "engine": 60,
    "filter": 40,
    "vsrife57": 50,
    "launches": 100,
}
"""The limit of each in seconds, eight minutes together."""


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT, choices=sorted(CATALOG))
    parser.add_argument("--size", default="1920x1080", help="of the frames")
    parser.add_argument("--peer", type=Path, help="folder of vsrife 5.7.0's unpacked wheel")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, help="sections, all of them where left out")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "speed-gpu.json")
    parser.add_argument("--dry", action="store_true", help="on the CPU, the section `network` alone")
    parser.add_argument("--part", choices=SECTIONS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    width, height = (int(side) for side in options.size.split("x"))
    if not options.dry and not torch.cuda.is_available():
        print(f"gpu_speed: PyTorch {torch.__version__} sees no CUDA device here", file=sys.stderr)
        sys.exit(2)
    if options.part:
        device = torch.device("cpu") if options.dry else torch.device("cuda", 0)
        say(getattr(Bench(options.model, width, height, options.peer, device), options.part)())
        return
    card = "CPU, dry" if options.dry else torch.cuda.get_device_name()
    given = ["--model", options.model, "--size", options.size, *(["--dry"] * options.dry)]
    given += ["--peer", str(options.peer)] if options.peer else []
    names = options.only or (["network"] if options.dry else list(SECTIONS))
    result: dict[str, Any] = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "card": card,
        "peaks_tb_per_s_and_tflop_per_s": [rounded(peak) for peak in peaks_of(card)],
        "torch": torch.__version__,
        "kernels": gpu.why_no_triton() or "Triton",
        "python": platform.python_version(),
        "model": options.model,
        "size": options.size,
        "floors": described(stages_of(options.model, width, height), peaks_of(card)),
    }
    result |= run_parts(Path(__file__), {name: SECTIONS[name] for name in names}, given, options.out)
    options.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
