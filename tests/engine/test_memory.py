"""Out of memory, injected wherever something is allocated: the frame is right or the error is clear, and it goes on."""

from __future__ import annotations

import errno
import gc
import threading
import weakref
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from support import psnr, texture
from torch.utils._python_dispatch import TorchDispatchMode

from vsrife.engine import Colour, Engine, HostFrame, Interpolator, Options, PictureFormat, Task, memory, place
from vsrife.engine.memory import give_back, is_out_of_memory, wanted_bytes
from vsrife.engine.worker import Worker
from vsrife.errors import RifeError
from vsrife.motion.library import Kernels
from vsrife.weights import load_network

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

CPU = torch.device("cpu")
FORM = PictureFormat("yuv", 8, False, 1, 1, 60, 50)
ALIKE = 80.0
"""dB between frames made whole and in bands."""
MESSAGE = "CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 6 GiB"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(load_network("4.26", None), CPU, torch.float32)


def source(number: int) -> HostFrame:
    red, green, blue = (255 * texture(60, 50, 3 * number, 2 * number)).astype(np.uint8)
    return HostFrame(number, [red, green[::2, ::2].copy(), blue[::2, ::2].copy()], Colour())


SOURCES = [source(number) for number in range(4)]


def made(interpolator: Interpolator, number: int = 0) -> np.ndarray:
    out = [np.empty(FORM.shape(plane), np.uint8) for plane in range(3)]
    interpolator.render(Task(SOURCES[number], SOURCES[number + 1], 0.5, FORM), out)
    return np.concatenate([plane.ravel() for plane in out])


@dataclass
class Shortage:
    """Memory that runs out at the `at`th allocation of a frame's making, so many times."""

    at: int
    times: int
    sites: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, worker: Worker, work: Callable[[Worker], Any]) -> Any:
        def short(worker: Worker) -> Any:
            here.count, here.shortage = 0, self
            try:
                with _Allocations():
                    return work(worker)
            finally:
                self.sites, here.shortage = here.count, None

        return RUN(worker, short)

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


RUN, KERNEL = Worker.run, Kernels.run
here = threading.local()


def _kernel(self: Kernels, name: str, job: Any) -> None:
    if getattr(here, "shortage", None):
        here.shortage.count()
    KERNEL(self, name, job)


@pytest.fixture
def shortage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int, int], Shortage]]:
    def begin(at: int, times: int) -> Shortage:
        shortage = Shortage(at, times)
        monkeypatch.setattr(Worker, "run", lambda worker, work: shortage.run(worker, work))
        return shortage

    monkeypatch.setattr(Kernels, "run", _kernel)
    monkeypatch.setattr(place, "BAND", 16)
    monkeypatch.setattr(memory, "gc", SimpleNamespace(collect=lambda: None))  # which takes longer than a frame
    return begin


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("vsrife: no memory for moved"),
        torch.OutOfMemoryError(MESSAGE),
        RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 12 bytes."),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
    ids=lambda error: str(error)[:24],
)
def test_what_is_out_of_memory(error: Exception) -> None:
    assert is_out_of_memory(error)
    wrapped = RuntimeError("a frame failed")
    wrapped.__cause__ = error
    assert is_out_of_memory(wrapped)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("shape mismatch"),
        ValueError("out of memory of the alphabet"),
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("out of resource: shared memory, Required: 131072, Hardware limit: 101376"),
    ],
)
def test_what_is_not(error: Exception) -> None:
    assert not is_out_of_memory(error)


def test_real_allocators_are_known() -> None:
    """One that no machine can fulfil, asked of PyTorch and of NumPy."""
    for allocate in (lambda: torch.empty(1 << 50, dtype=torch.uint8), lambda: np.empty(1 << 50, np.uint8)):
        with pytest.raises((RuntimeError, MemoryError)) as raised:
            allocate()
        assert is_out_of_memory(raised.value)
        assert wanted_bytes(raised.value) == 1 << 50
    assert wanted_bytes(torch.OutOfMemoryError(MESSAGE)) == 2 << 30
    assert wanted_bytes(MemoryError()) is None


def test_what_is_kept_is_given_back(engine: Engine) -> None:
    interpolator = Interpolator(engine, FORM, Options(keep_motions=True))
    before = made(interpolator)
    worker = interpolator._places[0]._worker
    frames = [weakref.ref(once.frame) for once in worker._sources._kept.values() if once.frame]
    motions = [weakref.ref(once.found[0]) for once in worker._motions.values() if once.found]
    assert (len(frames), len(motions)) == (2, 1)
    give_back(torch.device("meta"))
    assert all(kept() for kept in (*frames, *motions))
    give_back(CPU)
    gc.collect()
    assert not any(kept() for kept in (*frames, *motions))
    assert (made(interpolator) == before).all()


def sites(begin: Callable[[int, int], Shortage], engine: Engine, options: Options) -> tuple[int, np.ndarray]:
    """How many allocations a filter's first frame has once weights are laid out, and the frame."""
    plenty = begin(0, 0)
    made(Interpolator(engine, FORM, options))
    frame = made(Interpolator(engine, FORM, options))
    assert plenty.sites > 60
    return plenty.sites, frame


def test_once_at_every_site(engine: Engine, shortage: Callable[[int, int], Shortage]) -> None:
    """Made again as a whole: the same bytes, and the next frame too."""
    count, whole = sites(shortage, engine, Options())
    after = made(Interpolator(engine, FORM, Options()), 1)
    for at in range(1, count + 1):
        said: list[str] = []
        injected = shortage(at, 1)
        interpolator = Interpolator(engine, FORM, Options(), tell=said.append)
        assert (made(interpolator) == whole).all(), at
        assert injected.times == 0
        assert len(said) == 1
        assert said[0].startswith("RIFE: 60x50: cpu is out of memory: what was kept for later is given back")
        if at % 10 == 0:
            assert (made(interpolator, 1) == after).all(), at
        assert interpolator._places[0].band == 0


@pytest.mark.parametrize("options", [Options(), Options(ensemble=2)], ids=["plain", "ensemble"])
def test_again_and_the_filter_goes_on_in_bands(
    engine: Engine, shortage: Callable[[int, int], Shortage], options: Options
) -> None:
    count, whole = sites(shortage, engine, options)
    for at in range(1, count + 1, max(1, count // 10)):
        said: list[str] = []
        shortage(at, 2)
        interpolator = Interpolator(engine, FORM, options, tell=said.append)
        banded = made(interpolator)
        assert psnr(banded, whole, 255) >= ALIKE, at
        assert interpolator._places[0].band == 16
        assert [line.split(": ")[2][:30] for line in said] == ["cpu is out of memory", "cpu is still out of memory"]
        assert (made(interpolator) == banded).all()
        assert (banded == made(Interpolator(engine, FORM, Options(options.scale, options.ensemble, band=16)))).all()


def test_three_times_and_the_spare_device_makes_it(engine: Engine, shortage: Callable[[int, int], Shortage]) -> None:
    count, whole = sites(shortage, engine, Options())
    spare = Engine(load_network("4.26", None), CPU, torch.float32)
    for at in range(2, count + 1, max(1, count // 5)):
        said: list[str] = []
        shortage(at, 3)
        interpolator = Interpolator(engine, FORM, Options(), spare=lambda: spare, tell=said.append)
        assert (made(interpolator) == whole).all()
        assert said[2:] == ["RIFE: 60x50: cpu has no memory for a frame: it is made on cpu instead"]
        assert psnr(made(interpolator), whole, 255) >= ALIKE


@pytest.mark.parametrize("several", [False, True])
def test_for_good_is_one_clear_line_and_goes_by(
    engine: Engine, shortage: Callable[[int, int], Shortage], several: bool
) -> None:
    count, whole = sites(shortage, engine, Options())
    engines = [engine, Engine(load_network("4.26", None), CPU, torch.float32)] if several else engine
    line = r"^RIFE: out of memory: 60x50 needs about 2048 MiB more on cpu; try scale=0.5 or fewer frames at once$"
    for at in range(3, count // 3, max(1, count // 9)):
        injected = shortage(at, 1000)
        interpolator = Interpolator(engines, FORM, Options())
        for _ in range(2):
            with pytest.raises(RifeError, match=line):
                made(interpolator)
        injected.times = 0
        assert psnr(made(interpolator), whole, 255) >= ALIKE


def test_many_frames_at_once_run_short_and_none_hangs(engine: Engine, shortage: Callable[[int, int], Shortage]) -> None:
    shortage(0, 0)
    expected = [made(Interpolator(engine, FORM, Options()), number) for number in range(3)]
    injected = shortage(40, 12)
    interpolator = Interpolator(engine, FORM, Options())
    results: list[tuple[int, np.ndarray]] = []
    refused: list[str] = []

    def ask(number: int) -> None:
        while True:
            try:
                results.append((number, made(interpolator, number)))
                return
            except RifeError as error:  # three times in a row the same frame's; a script asks again
                refused.append(str(error))

    callers = [threading.Thread(target=ask, args=(n % 3,), daemon=True) for n in range(9)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
    assert len(results) == 9
    assert injected.times == 0
    assert all(line.startswith("RIFE: out of memory: 60x50 needs about 2048 MiB more on cpu") for line in refused)
    for number, frame in results:
        assert psnr(frame, expected[number], 255) >= ALIKE


def test_comparisons_and_motion_survive_it(engine: Engine, shortage: Callable[[int, int], Shortage]) -> None:
    ends: Sequence[HostFrame] = SOURCES[:2]

    def answers(interpolator: Interpolator) -> list[Any]:
        target = np.empty((5 * FORM.height, FORM.width), np.float32)
        interpolator.motion(*ends, 0.5, target)
        compared = interpolator.cut_score(*ends), interpolator.luma_psnr(*ends), interpolator.repeats(*ends)
        return [*compared, target]

    shortage(0, 0)
    expected = answers(Interpolator(engine, FORM, Options()))
    for at, times in ((5, 1), (30, 2), (70, 2), (9, 3)):
        shortage(at, times)
        found = answers(
            Interpolator(engine, FORM, Options()) if times < 3 else Interpolator([engine] * 2, FORM, Options())
        )
        assert found[:3] == expected[:3]
        assert np.abs(found[3] - expected[3]).max() < 1e-3
