"""The advice to users whose CPU is slower than real time, by an invented clock."""

from __future__ import annotations

from threading import Thread

import pytest
import vapoursynth as vs
from support import moving_clip

from vsrife.plugin.advice import MEASURED, SKIPPED, SlowAdvice

pytestmark = pytest.mark.vpy("unique-core")


def advised(required: float, seconds: float, *, cores: int = 2, frames: int = SKIPPED + MEASURED) -> list[str]:
    """What is said after so many frames that take so many seconds of processor time each."""
    lines: list[str] = []
    advice = SlowAdvice(lambda: required, lines.append, lambda: seconds * advice._count, cores)
    for _ in range(frames):
        advice.count()
    return lines


def test_the_rate_is_that_of_all_cores() -> None:
    (line,) = advised(24, 0.5)
    assert line == (
        "4.26 makes about 4 interpolated frames a second on this CPU when nothing else uses it, and real time takes "
        '24; model="nano" makes about twice as many'
    )
    assert advised(24, 0.5, frames=500) == [line]


@pytest.mark.parametrize(
    ("required", "seconds", "cores", "frames"), [(24, 0.08, 2, 99), (24, 0.5, 13, 99), (24, 9, 1, 31)]
)
def test_nothing_is_said_in_real_time_or_before_enough_frames(
    required: float, seconds: float, cores: int, frames: int
) -> None:
    assert advised(required, seconds, cores=cores, frames=frames) == []


def test_it_is_said_once_from_however_many_threads() -> None:
    lines: list[str] = []
    advice = SlowAdvice(lambda: 1e9, lines.append, cores=2)
    threads = [Thread(target=lambda: [advice.count() for _ in range(MEASURED)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lines) == 1


def test_every_interpolated_frame_of_a_doubled_clip_counts() -> None:
    lines: list[str] = []
    handle = vs.core.add_log_handler(lambda _, message: lines.append(message))
    clip = moving_clip(64, 64, length=SKIPPED + MEASURED + 1).std.AssumeFPS(fpsnum=1_000_000, fpsden=1)
    filtered = vs.core.rife.RIFE(clip, device="cpu", precision="fp32")
    for n in range(1, 2 * (SKIPPED + MEASURED), 2):
        filtered.get_frame(n).close()
        assert any("real time takes" in line for line in lines) == (n == 2 * (SKIPPED + MEASURED) - 1)
    vs.core.remove_log_handler(handle)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [({}, True), ({"model": "auto"}, True), ({"model": "4.26"}, False), ({"model": "nano"}, False)],
)
def test_only_the_network_that_the_filter_chose_is_judged(arguments: dict[str, object], says: bool) -> None:
    lines: list[str] = []
    handle = vs.core.add_log_handler(lambda _, message: lines.append(message))
    # no computer makes this many frames a second
    clip = moving_clip(64, 64, length=5).std.AssumeFPS(fpsnum=1_000_000, fpsden=1)
    filtered = vs.core.rife.RIFE(clip, multi=SKIPPED + MEASURED, device="cpu", precision="fp32", **arguments)
    for n in range(1, SKIPPED + MEASURED + 4):
        filtered.get_frame(n).close()
    vs.core.remove_log_handler(handle)
    assert sum("real time takes" in line for line in lines) == says
