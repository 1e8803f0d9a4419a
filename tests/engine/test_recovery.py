"""Out of memory wherever something is allocated, and kernels that fail: the frame is right or the error is clear."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from support import psnr, texture, trained
from tolerances import FLOW, RECOVERED_DB
from torch.utils._python_dispatch import TorchDispatchMode

from vsrife.engine import (
    Colour,
    Engine,
    HostFrame,
    Interpolator,
    Options,
    PictureFormat,
    Task,
    Timestep,
    memory,
    recovery,
    release_memory,
    shared_engine,
)
from vsrife.engine.convolutions import Convolution, has_fused
from vsrife.engine.frame_maker import FrameMaker
from vsrife.errors import RifeError
from vsrife.motion import why_no_kernels
from vsrife.motion.cpu import CpuBlockInput, CpuKernels
from vsrife.motion.kernels import reports_failure
from vsrife.motion.library import Library

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CPU = torch.device("cpu")
FORM = PictureFormat("yuv", 8, False, 1, 1, 60, 50)
BAND = 16
MESSAGE = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 6 GiB"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(trained(), CPU, torch.float32)


def source(number: int) -> HostFrame:
    red, green, blue = (255 * texture(60, 50, 3 * number, 2 * number)).astype(np.uint8)
    return HostFrame(number, [red, green[::2, ::2].copy(), blue[::2, ::2].copy()], Colour())


SOURCES = [source(number) for number in range(4)]


def task(number: int) -> Task:
    return Task(SOURCES[number], SOURCES[number + 1], Timestep(0.5), FORM)


def interpolate(interpolator: Interpolator, number: int = 0) -> np.ndarray:
    out = [np.empty(FORM.shape(plane), np.uint8) for plane in range(3)]
    interpolator.render(task(number), out)
    return np.concatenate([plane.ravel() for plane in out])


def interpolate_in_bands(engine: Engine, options: Options) -> np.ndarray:
    out = [np.empty(FORM.shape(plane), np.uint8) for plane in range(3)]
    maker = FrameMaker(engine, FORM, options, BAND)
    EXECUTE(maker, lambda maker: maker.render(task(0), out))
    return np.concatenate([plane.ravel() for plane in out])


@dataclass
class Shortage:
    """Memory that runs out at the `at`th allocation of a frame's making, so many times."""

    at: int
    times: int
    sites: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def execute(self, maker: FrameMaker, operation: Callable[[FrameMaker], Any]) -> Any:
        def short(maker: FrameMaker) -> Any:
            here.count, here.shortage = 0, self
            try:
                with _Allocations():
                    return operation(maker)
            finally:
                self.sites, here.shortage = here.count, None

        return EXECUTE(maker, short)

    def count(self) -> None:
        here.count += 1
        if here.count == self.at:
            with self.lock:
                if not self.times:
                    return
                self.times -= 1
            raise torch.OutOfMemoryError(MESSAGE)


class _Allocations(TorchDispatchMode):
    """Counts PyTorch's operators that return new memory."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if any(returned.alias_info is None for returned in func._schema.returns):
            here.shortage.count()
        return func(*args, **(kwargs or {}))


EXECUTE, KERNEL = recovery.execute, Library.run

here = threading.local()


def _kernel(self: Library, name: str, job: Any) -> None:
    if getattr(here, "shortage", None):
        here.shortage.count()
    KERNEL(self, name, job)


@pytest.fixture
def shortage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, int], Shortage]]:
    def begin(at: int, times: int) -> Shortage:
        gc.collect()  # memory that earlier frames hold is not there to be used again
        shortage = Shortage(at, times)
        monkeypatch.setattr(recovery, "execute", shortage.execute)
        return shortage

    monkeypatch.setattr(Library, "run", _kernel)
    monkeypatch.setattr(recovery, "BAND", BAND)
    monkeypatch.setattr(memory, "gc", SimpleNamespace(collect=lambda: None))  # which takes longer than a frame
    return begin


def test_cached_memory_is_released(engine: Engine) -> None:
    interpolator = Interpolator(engine, FORM, Options(keep_motions=True))
    before = interpolate(interpolator)
    (maker,) = interpolator._recovery._makers
    frames = [weakref.ref(frame) for entry in maker._frames._frames._entries.values() for frame in entry.values]
    motions = [weakref.ref(motion) for entry in maker._finder._motions._entries.values() for motion, _ in entry.values]
    assert (len(frames), len(motions)) == (2, 1)
    release_memory(torch.device("meta"))
    assert all(cached() for cached in (*frames, *motions))
    release_memory(CPU)
    gc.collect()
    assert not any(cached() for cached in (*frames, *motions))
    assert (interpolate(interpolator) == before).all()


def sites(begin: Callable[[int, int], Shortage], engine: Engine, options: Options) -> tuple[int, np.ndarray]:
    """How many allocations a filter's first frame has once weights are laid out, and the frame."""
    begin(0, 0)
    interpolate(Interpolator(engine, FORM, options))
    plenty = begin(0, 0)
    frame = interpolate(Interpolator(engine, FORM, options))
    assert plenty.sites > 60
    return plenty.sites, frame


def test_short_once_at_every_site_the_frame_is_made_again(
    engine: Engine, shortage: Callable[[int, int], Shortage]
) -> None:
    """Made again as a whole: the same bytes, and the next frame too."""
    count, whole = sites(shortage, engine, Options())
    after = interpolate(Interpolator(engine, FORM, Options()), 1)
    for at in range(1, count + 1):
        lines: list[str] = []
        injected = shortage(at, 1)
        interpolator = Interpolator(engine, FORM, Options(), log=lines.append)
        assert (interpolate(interpolator) == whole).all(), at
        assert injected.times == 0
        assert len(lines) == 1
        assert lines[0].startswith("60x50: cpu is out of memory: cached memory is given back")
        if at % 10 == 0:
            assert (interpolate(interpolator, 1) == after).all(), at
        assert interpolator._recovery._makers[0].band == 0
        assert interpolator._recovery._makers[0].engine is engine  # it still has its kernels


@pytest.mark.parametrize("options", [Options(), Options(ensemble=2)], ids=["plain", "ensemble"])
def test_short_twice_the_filter_goes_on_in_bands(
    engine: Engine, shortage: Callable[[int, int], Shortage], options: Options
) -> None:
    count, whole = sites(shortage, engine, options)
    for at in range(1, count + 1, max(1, count // 10)):
        lines: list[str] = []
        shortage(at, 2)
        interpolator = Interpolator(engine, FORM, options, log=lines.append)
        banded = interpolate(interpolator)
        assert psnr(banded, whole, 255) >= RECOVERED_DB, at
        assert interpolator._recovery._makers[0].band == BAND
        assert [line.split(": ")[1][:30] for line in lines] == ["cpu is out of memory", "cpu is still out of memory"]
        assert (interpolate(interpolator) == banded).all()
        assert (banded == interpolate_in_bands(engine, options)).all()


def test_short_three_times_the_spare_device_makes_it(engine: Engine, shortage: Callable[[int, int], Shortage]) -> None:
    count, whole = sites(shortage, engine, Options())
    spare = Engine(trained(), CPU, torch.float32)
    for at in range(2, count + 1, max(1, count // 5)):
        lines: list[str] = []
        shortage(at, 3)
        interpolator = Interpolator(engine, FORM, Options(), spare=lambda: spare, log=lines.append)
        assert (interpolate(interpolator) == whole).all()
        assert lines[2:] == ["60x50: cpu has no memory for a frame: it is made on cpu instead"]
        assert psnr(interpolate(interpolator), whole, 255) >= RECOVERED_DB


@pytest.mark.parametrize("several", [False, True])
def test_short_for_good_is_one_clear_line_and_goes_by(
    engine: Engine, shortage: Callable[[int, int], Shortage], several: bool
) -> None:
    count, whole = sites(shortage, engine, Options())
    engines = [engine, Engine(trained(), CPU, torch.float32)] if several else engine
    line = r"^out of memory: 60x50 needs about 2048 MiB more on cpu; try scale=0.5 or fewer frames at once$"
    for at in range(3, count // 3, max(1, count // 9)):
        injected = shortage(at, 1000)
        interpolator = Interpolator(engines, FORM, Options())
        for _ in range(2):
            with pytest.raises(RifeError, match=line):
                interpolate(interpolator)
        injected.times = 0
        assert psnr(interpolate(interpolator), whole, 255) >= RECOVERED_DB


def test_many_frames_at_once_run_short_and_none_hangs(engine: Engine, shortage: Callable[[int, int], Shortage]) -> None:
    shortage(0, 0)
    expected = [interpolate(Interpolator(engine, FORM, Options()), number) for number in range(3)]
    injected = shortage(40, 12)
    interpolator = Interpolator(engine, FORM, Options())
    frames: list[tuple[int, np.ndarray]] = []
    refused: list[str] = []

    def ask(number: int) -> None:
        while True:
            try:
                frames.append((number, interpolate(interpolator, number)))
                return
            except RifeError as error:  # three times in a row the same frame's; a script asks again
                refused.append(str(error))

    callers = [threading.Thread(target=ask, args=(n % 3,), daemon=True) for n in range(9)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert len(frames) == 9
    assert injected.times == 0
    assert all(line.startswith("out of memory: 60x50 needs about 2048 MiB more on cpu") for line in refused)
    for number, frame in frames:
        assert psnr(frame, expected[number], 255) >= RECOVERED_DB


def test_comparisons_and_motion_recover_too(engine: Engine, shortage: Callable[[int, int], Shortage]) -> None:
    ends: Sequence[HostFrame] = SOURCES[:2]

    def results(interpolator: Interpolator) -> list[Any]:
        target = np.empty((5 * FORM.height, FORM.width), np.float32)
        interpolator.write_motion(*ends, Timestep(0.5), target)
        compared = interpolator.cut_score(*ends), interpolator.luma_psnr(*ends), interpolator.repeats(*ends)
        return [*compared, target]

    shortage(0, 0)
    expected = results(Interpolator(engine, FORM, Options()))
    for at, times in ((5, 1), (30, 2), (70, 2), (9, 3)):
        shortage(at, times)
        recovered = results(
            Interpolator(engine, FORM, Options()) if times < 3 else Interpolator([engine] * 2, FORM, Options())
        )
        assert recovered[:3] == expected[:3]
        assert np.abs(recovered[3] - expected[3]).max() < FLOW


def failing(self: object, *_arguments: object, **_options: object) -> Any:
    raise RuntimeError("ptxas fatal:\n  unsupported toolchain")


KERNELS = [
    (Library, "run", failing),
    (Convolution, "_run_fused" if has_fused(torch.float32) else "_run_separately", failing),
    (CpuBlockInput, "fill", reports_failure(failing)),
    *(
        (CpuKernels, name, reports_failure(failing))
        for name in ("to_rgb", "encode", "block_input", "warp_and_blend_into")
    ),
]


def default_engine() -> Engine:
    return shared_engine("4.26", None, CPU, torch.float32)


@pytest.mark.skipif(bool(why_no_kernels(CPU)), reason="there are no kernels here")
@pytest.mark.parametrize(("owner", "name", "failing"), KERNELS, ids=[name for _, name, _ in KERNELS])
def test_kernels_that_fail_are_replaced_by_pytorch(
    owner: type, name: str, failing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = interpolate(Interpolator(default_engine(), FORM, Options()))
    lines: list[str] = []
    interpolator = Interpolator(default_engine(), FORM, Options(), log=lines.append)
    monkeypatch.setattr(owner, name, failing)
    assert psnr(interpolate(interpolator), expected, 255) > RECOVERED_DB
    why = "(RuntimeError: ptxas fatal: unsupported toolchain)"
    line = f"runs by PyTorch alone from here on, which is slower: the kernels failed on cpu {why}"
    assert lines == [line]
    assert interpolate(interpolator, 1).any()
    assert lines == [line]
    assert not why_no_kernels(CPU)


def test_an_error_of_a_frame_is_not_put_down_to_the_kernels() -> None:
    engine = default_engine()
    interpolator = Interpolator(engine, FORM, Options())
    expected = interpolate(interpolator)
    with pytest.raises(IndexError):
        interpolator.render(Task(HostFrame(7, [], Colour()), SOURCES[1], Timestep(0.5), FORM), [])
    assert (interpolate(interpolator) == expected).all()
    assert interpolator._recovery._makers[0].engine is engine


def lost_on(first: Engine, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A device whose every operation fails for good, as after an error of a card; the devices that were asked."""
    asked: list[str] = []

    def execute(maker: FrameMaker, operation: Callable[[FrameMaker], Any]) -> Any:
        asked.append("lost" if maker.engine is first else "other")
        if maker.engine is first:
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
        return EXECUTE(maker, operation)

    monkeypatch.setattr(recovery, "execute", execute)
    return asked


def test_a_device_that_failed_for_good_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    first, spare = (Engine(trained("nano"), CPU, torch.float32) for _ in range(2))
    expected = interpolate(Interpolator(spare, FORM, Options()))
    asked = lost_on(first, monkeypatch)
    lines: list[str] = []
    interpolator = Interpolator(first, FORM, Options(), spare=lambda: spare, log=lines.append)
    made = [interpolate(interpolator) for _ in range(2)]
    assert asked == ["lost", "other", "other"]
    assert lines == [
        f"{FORM.width}x{FORM.height}: cpu failed and takes no more work in this process (AcceleratorError: CUDA error: "
        "an illegal memory access was encountered): frames are made on another device from here on, where there is one"
    ]
    assert all((each == expected).all() for each in made)


def test_the_only_device_that_failed_for_good_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    only = Engine(trained("nano"), CPU, torch.float32)
    lost_on(only, monkeypatch)
    interpolator = Interpolator(only, FORM, Options())
    for _ in range(2):
        with pytest.raises(RifeError, match=r"^cpu failed and .* \(AcceleratorError: CUDA error: .*\); start the"):
            interpolate(interpolator)
