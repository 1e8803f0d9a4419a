"""What a made frame asks of a CUDA card, counted on fake tensors; and that every route keeps to the card."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from fake_card import CARD, FakeCard
from support import random_network
from tape import Recorder

from vsrife.engine import (
    Colour,
    Engine,
    HostFrame,
    Interpolator,
    Options,
    PictureFormat,
    Task,
    Timestep,
    levels,
)
from vsrife.engine.cards import WORKING_BYTES
from vsrife.engine.graphs import GraphedEstimator
from vsrife.engine.task import time_tensor
from vsrife.engine.torch_estimator import TorchEstimator
from vsrife.motion import gpu, launch
from vsrife.networks import CATALOG, IFNet

if TYPE_CHECKING:
    from collections.abc import Callable

    from vsrife.networks import LegacyNetwork

pytest.importorskip("triton", reason="Triton is not here")
MIB = 1 << 20
MIDDLE = Timestep(0.5, motion_at=0.5)
"""As a clip is doubled."""


def form_of(width: int, height: int, name: str = "yuv420p8") -> PictureFormat:
    rest = {
        "yuv420p8": ("yuv", 8, False, 1, 1),
        "yuv422p16": ("yuv", 16, False, 1, 0),
        "yuv444ps": ("yuv", 32, True, 0, 0),
        "rgb24": ("rgb", 8, False, 0, 0),
        "rgbh": ("rgb", 16, True, 0, 0),
        "gray10": ("gray", 10, False, 0, 0),
    }
    return PictureFormat(*rest[name], width, height)


def frame(form: PictureFormat, number: int) -> HostFrame:
    return HostFrame(number, [np.zeros(form.shape(plane), form.dtype) for plane in range(form.planes)], Colour())


def target(form: PictureFormat) -> list[np.ndarray]:
    return [np.empty(form.shape(plane), form.dtype) for plane in range(form.planes)]


def proven(network: IFNet | LegacyNetwork) -> Engine:
    """An engine whose kernels need no proof."""
    engine = Engine(network, CARD, torch.float16)
    engine.fault = ""
    return engine


def double(interpolator: Interpolator, form: PictureFormat, number: int, *, cuts: bool = True) -> None:
    """Make the frame behind a source frame, as the filter does."""
    left, right = frame(form, number), frame(form, number + 1)
    task = Task(left, right, MIDDLE, form)
    if cuts:
        assert interpolator.render_unless_cut(task, target(form), 2) < 2
    else:
        interpolator.render(task, target(form))


@pytest.mark.parametrize(("width", "height", "memory"), [(1920, 1080, 420), (3840, 2160, 1640)])
def test_what_a_frame_asks_of_a_card(width: int, height: int, memory: int) -> None:
    """The default network in fp16, at twice the rate, with the detector, once all that is kept is there."""
    form = form_of(width, height)
    network = random_network("4.26")
    with FakeCard() as card:
        interpolator = Interpolator(proven(network), form, Options())
        for number in range(2):
            card.reset()
            double(interpolator, form, number)
        print(f"{width}x{height}: {card.summary()}")
        assert sum(card.launches.values()) <= 86, card.launches
        assert card.by_name()["triton convolve"] == 54
        assert sum(card.copies.values()) == 2, card.copies  # the planes there, and the frame with thumbnails back
        assert sum(card.waits.values()) == 1, card.waits
        assert card.peak <= memory * MIB
        kept, pixels = interpolator._recovery._makers[0]._frames.size, width * height
        assert 0.9 * WORKING_BYTES < (card.peak - kept) / pixels < WORKING_BYTES


class Replays:
    """Graphs of a simulated card: a replay is one launch."""

    def __init__(self, card: FakeCard) -> None:
        self._card = card

    def capture(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        return lambda: self._card.launches.update({("graph", "replay"): 1}), work()

    def release(self) -> None: ...


def graphed(network: IFNet | LegacyNetwork, card: FakeCard) -> Engine:
    """An engine on a card that replays graphs."""
    engine = proven(network)
    assert isinstance(engine.graphed, GraphedEstimator)
    engine.graphed = GraphedEstimator(engine.estimator, CARD, engine.notes.append, Replays(card))
    return engine


def test_what_a_frame_asks_of_a_card_that_replays_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """One launch in the place of an estimate's, and a copy for each of its three inputs and five maps."""
    form, network = form_of(1920, 1080), random_network("4.26")
    monkeypatch.setenv("VSRIFE_CUDA", "graphs")
    monkeypatch.setattr(levels, "_levels", {})
    with FakeCard() as card:
        interpolator = Interpolator(graphed(network, card), form, Options())
        counts = []
        for number in range(4):
            card.reset()
            double(interpolator, form, number)
            counts.append(sum(card.launches.values()))
        print(f"with graphs: {card.summary()}; {dict(card.by_name())}")
        assert counts[0] > 80
        assert counts[3] <= 30, card.launches
        assert card.by_name()["graph"] == 1
        assert card.by_name()["triton block_input"] == 0
        assert sum(card.copies.values()) == 2
        assert sum(card.waits.values()) == 1


class Noting:
    """Kernels whose launches are noted with all arguments that are no tensors."""

    def __init__(self, kernels: Any, calls: list[object]) -> None:
        self._kernels, self._calls = kernels, calls

    def __getattr__(self, name: str) -> Any:
        kernel, calls = getattr(self._kernels, name), self._calls

        class Grids:
            def __getitem__(self, grid: tuple[int, ...]) -> Any:
                def start(*given: Any, **named: Any) -> None:
                    plain = [x for x in given if not isinstance(x, torch.Tensor)]
                    calls.append((name, grid, plain, {key: named[key] for key in sorted(named)}))
                    kernel[grid](*given, **named)

                return start

        return Grids()


def noting(start: Callable[..., None], calls: list[object]) -> Any:
    """`Launch.__call__` that notes all arguments that are no tensors."""

    def call(self: Any, *tensors: torch.Tensor) -> None:
        calls.append((self._grid, self._arguments, sorted(self._options.items()), len(tensors)))
        start(self, *tensors)

    return call


@pytest.mark.parametrize("name", ["4.6", "4.25.lite", "4.26"])
def test_what_is_captured_of_the_kernels_depends_on_no_value(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same operations and launches with the same numbers at other times, and nothing that waits."""
    network, start = random_network(name), launch.Launch.__call__
    traces = []
    with FakeCard() as card, torch.no_grad():
        estimator, kernels = proven(network).estimator, launch.kernels
        ends = [torch.zeros(1, 128, 256, estimator.packing.encoded_channels, device=CARD) for _ in range(2)]
        estimator.estimate(*ends, time_tensor(0.5, CARD), 1)
        card.reset()
        for when in (time_tensor(0.5, CARD), time_tensor(0.21, CARD).clone()):
            calls: list[object] = []
            monkeypatch.setattr(
                launch, "kernels", lambda module="triton_kernels", to=calls: Noting(kernels(module), to)
            )
            monkeypatch.setattr(launch.Launch, "__call__", noting(start, calls))
            with Recorder() as recorder:
                estimator.estimate(*ends, when, 1)
            traces.append((recorder.trace, calls))
        assert not card.copies
        assert not card.waits
    assert traces[0] == traces[1]
    assert len(traces[0][1]) > 30


def test_a_network_of_more_blocks_than_kernels_take_runs_by_pytorch() -> None:
    config = CATALOG["4.26"]
    count = gpu.MAX_MAPS + 1
    config = replace(config, widths=config.widths[-1:] * count, scales=(16.0,) * (count - 1) + config.scales[-1:])
    network = IFNet(config).eval()
    with FakeCard():
        engine = Engine(network, CARD, torch.float16)
        assert isinstance(engine.estimator, TorchEstimator)
        assert engine.why_slower == f"the {engine.kernels.name} take at most {gpu.MAX_MAPS} blocks"


def test_the_proof_of_the_kernels_stays_on_the_card() -> None:
    """By the kernels and by PyTorch alone; there are no values, so that all frames are alike."""
    network = random_network("nano")
    with FakeCard() as card:
        engine = Engine(network, CARD, torch.float16)
        assert engine.fault is None
        double(Interpolator(engine, form_of(96, 64), Options()), form_of(96, 64), 0, cuts=False)
        assert engine.fault == ""
        assert card.by_name()["triton block_input"] > card.by_name()["grid_sampler_2d"] / 10 > 0


def test_nothing_is_compiled_in_mid_film() -> None:
    """Neither where tensors lie, nor times, nor sizes decide what Triton compiles."""
    network = random_network("nano")
    with FakeCard() as card:
        engine = proven(network)
        interpolator = Interpolator(engine, form_of(192, 128), Options())
        double(interpolator, form_of(192, 128), 0)
        first = {name: set(found) for name, found in card.variants.items()}
        assert set(first) > {"block_input", "convolve", "correction", "encode", "to_rgb", "warp_and_blend"}
        for number, time in ((1, 0.5), (2, 0.25), (3, 1 / 3)):
            form = form_of(192, 128)
            ends = frame(form, number), frame(form, number + 1)
            interpolator.render(Task(*ends, Timestep(time, motion_at=time), form), target(form))
        for size in ((250, 134), (66, 50), (640, 360)):
            double(Interpolator(engine, form_of(*size), Options()), form_of(*size), 0)
        assert {name: found - first.get(name, set()) for name, found in card.variants.items() if name in first} == {
            name: set() for name in first
        }


# That the counter finds what it is for --------------------------------------------------------------------------------


def test_a_wait_more_is_counted_where_it_is() -> None:
    with FakeCard() as card:
        total = torch.zeros(4, device=CARD).sum()
        assert not card.waits
        for read in (total.item, lambda: bool(total), total.cpu, total.tolist):
            card.reset()
            read()
            assert sum(card.waits.values()) == sum(card.copies.values()) == 1


def test_a_copy_waits_unless_it_is_pinned() -> None:
    with FakeCard() as card:
        pageable, pinned = torch.empty(4), torch.empty(4, pin_memory=True)
        for host, waits in ((pageable, 1), (pinned, 0), (pinned[1:], 0)):
            card.reset()
            host.to(CARD, non_blocking=True)
            assert (sum(card.copies.values()), sum(card.waits.values())) == (1, waits)
        card.reset()
        pinned.copy_(torch.zeros(4, device=CARD), non_blocking=True)
        assert (sum(card.copies.values()), sum(card.waits.values())) == (1, 0)
        pinned.to(CARD)
        assert sum(card.waits.values()) == 1


def test_a_tensor_of_the_host_among_the_cards_is_found() -> None:
    with FakeCard() as card:
        there, here = torch.zeros(2, 2, device=CARD), torch.zeros(2, 2)
        with pytest.raises(RuntimeError, match="device"):
            there + here
        with pytest.raises(AssertionError, match="encode gets tensors on cpu, cuda:0"):
            card.launch("encode", (1, 1, 1), [there, here])


def test_a_type_that_differs_is_found() -> None:
    with FakeCard():
        x, weight = torch.zeros(1, 8, 4, 4, device=CARD), torch.zeros(8, 8, 3, 3, device=CARD, dtype=torch.float16)
        with pytest.raises(AssertionError, match=r"convolution gets torch\.float16 and torch\.float32"):
            torch.nn.functional.conv2d(x, weight)


def test_launches_that_a_kernel_does_not_fit_are_found() -> None:
    with FakeCard() as card:
        out = torch.zeros(1, device=CARD)
        with pytest.raises(TypeError, match="missing 6 required positional arguments"):
            launch.kernels().encode[(1, 1, 1)](out, out, out, 4)
        with pytest.raises(AssertionError, match="has a grid of"):
            card.launch("encode", (1, 70000, 1), [out])


def test_what_triton_would_compile_anew_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it looks at sizes, those that 16 divides, or a single one; and tensors that lie elsewhere or differ."""
    module = importlib.import_module("vsrife.motion.triton_kernels")
    monkeypatch.setattr(module, "encode", importlib.import_module("triton").jit(module.encode.fn))
    with FakeCard() as card:
        out, rgb = (torch.zeros(64, device=CARD) for _ in range(2))
        given = {"count": 0, "channels": 4, "padded": 4, "index": launch.index_type(out), **launch.LAUNCH}

        def found(*changed: object) -> int:
            launch.kernels().encode[1, 1, 1](*changed, **given)
            return len(card.variants["encode"])

        assert found(out, rgb, rgb, 5, 7) == found(out.clone(), rgb.clone(), rgb[4:], 9, 11) == 1
        assert found(out, rgb, rgb, 16, 7) == 2
        assert found(out, rgb, rgb, 1, 7) == 3
        assert found(out, rgb[1:], rgb, 5, 7) == 4
        assert found(out.half(), rgb, rgb, 5, 7) == 5
        assert found(out, rgb, rgb, 1 << 31, 7) == 6


def test_a_bias_is_a_kernel_of_its_own() -> None:
    with FakeCard() as card:
        x, weight, bias = (torch.zeros(size, device=CARD) for size in ((1, 8, 4, 4), (8, 8, 3, 3), (8,)))
        card.reset()
        torch.nn.functional.conv2d(x, weight)
        torch.nn.functional.conv2d(x, weight, bias)
        assert card.by_name() == {"convolution": 2, "bias": 1}


def test_memory_is_counted_as_long_as_a_view_is_left() -> None:
    with FakeCard() as card:
        whole = torch.empty(MIB, dtype=torch.uint8, device=CARD)
        part = whole[:4]
        del whole
        card.reset()
        assert card.peak == MIB
        del part
        card.reset()
        assert card.peak == 0
