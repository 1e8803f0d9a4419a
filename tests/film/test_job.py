"""What decides a film: as data that survives a file, with exact times, and the same bytes from another process."""

from __future__ import annotations

import pickle
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

from vsrife.errors import RifeError
from vsrife.film import EncoderOptions, Request, filter_arguments, finished_segment, plan_job, probe, render_segment
from vsrife.film.job import load_job
from vsrife.film.others import left_out
from vsrife.film.segments import plan_segments
from vsrife.film.source import Film

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")

X265 = EncoderOptions("x265", preset="ultrafast")
PRECISE = filter_arguments([("precision", "fp32")])


def film(times: tuple[int, ...] = (), rate: Fraction = Fraction(25), frames: int = 4) -> Film:
    return Film("/film.mkv", 1, 2, 0, frames, 0, frames, rate, Fraction(0), Fraction(1, 1000), times=times)


def test_a_variable_rate_is_found_and_a_rounded_one_is_not(uneven_film: Path, steady_film: Path) -> None:
    uneven, steady = probe(uneven_film), probe(steady_film)
    assert uneven.times[:4] == (0, 67, 133, 167)
    assert uneven.times[-1] == 2000
    assert (steady.times, steady.rate, steady.frames) == ((), 25, 75)
    # the index is not kept beside the film
    assert [path.name for path in steady_film.parent.iterdir()] == [steady_film.name]


def test_a_job_survives_its_file(uneven_film: Path) -> None:
    request = Request(multi=Fraction(5, 2), arguments=PRECISE, segment_seconds=Fraction(1))
    job = plan_job(uneven_film, ".mkv", request).job
    stored = load_job(job.text())
    assert stored["segments"] == job.segments
    assert len(job.segments) == 2
    assert job.difference(stored) is None
    assert plan_job(uneven_film, ".mkv", request, before=stored).job == job
    other = replace(job, arguments=(*job.arguments, ("scale", 0.5)))
    assert job.difference(load_job(other.text())) == "scale was 0.5, is None"
    assert replace(job, film=replace(job.film, size=1)).difference(stored) == f"film's size was {job.film.size}, is 1"
    assert replace(job, film=replace(job.film, changed=1)).difference(stored) == "the film was modified since then"
    assert replace(job, film=replace(job.film, stop=1)).difference(stored) == "start or duration was another one"
    assert replace(job, version="9").difference(stored) == f"version was {job.version}, is 9"
    faster = plan_job(uneven_film, ".mkv", replace(request, multi=Fraction(3))).job
    assert faster.difference(stored) == "multi or fps was another one"


@pytest.mark.parametrize("text", ["{}", "[]", "no JSON", "null"])
def test_a_job_of_another_version_is_refused(text: str) -> None:
    with pytest.raises(RifeError, match=r"^job\.json is not one of this version$"):
        load_job(text)


def test_what_a_container_does_not_take_is_named(uneven_film: Path, steady_film: Path) -> None:
    film = probe(uneven_film)
    assert left_out(film, "matroska") == []
    assert left_out(film, "mp4") == [
        "mp4 does not take subtitle stream 2 (srt, fra), it is left out",
        "mp4 does not take attachment stream 3 (note.txt), it is left out",
    ]
    assert left_out(probe(steady_film), "mp4") == []


def test_times_are_exact(uneven_film: Path) -> None:
    job = plan_job(uneven_film, ".mkv", Request(multi=Fraction(5, 2), arguments=PRECISE)).job
    assert job.tick == Fraction(1, 5000)
    times = job.film.times
    for n in range(job.frames):
        k, rest = divmod(n * 2, 5)
        expected = Fraction(times[k]) + Fraction(rest, 5) * (times[k + 1] - times[k])
        assert job.time(n) * job.tick == expected / 1000
    assert job.time(job.frames) * job.tick == 2


def test_parts_of_a_film() -> None:
    part = film().part(Fraction(5, 100), Fraction(1, 25))
    assert (part.first, part.stop, part.begins, part.seconds) == (1, 2, Fraction(1, 25), Fraction(1, 25))
    uneven = film((0, 10, 40, 50, 90)).part(Fraction(35, 1000), None)
    assert (uneven.first, uneven.stop, uneven.times) == (1, 4, (10, 40, 50, 90))
    assert uneven.begins == Fraction(1, 100)
    assert [uneven.at(Fraction(ms, 1000)) for ms in (0, 1, 30, 31, 80, 99)] == [0, 1, 1, 2, 3, 3]
    with pytest.raises(RifeError, match=r"^start must be before the film's end at 0\.160 s, got 9$"):
        film().part(Fraction(9), None)


def test_segments_end_at_cuts(steady_film: Path) -> None:
    # the film is cut at frame 40, 0.1 s after the nominal end of the first segment
    planned = plan_job(steady_film, ".mkv", Request(arguments=PRECISE, segment_seconds=Fraction(3, 2)))
    assert [(segment.first, segment.stop) for segment in planned.job.segments] == [(0, 80), (80, 150)]
    others = plan_segments(replace(planned.job, segment_seconds=Fraction(1)), planned.source)
    assert [segment.first for segment in others] == [0, 50, 100]


def test_a_job_that_was_sent_elsewhere_makes_the_same_bytes(steady_film: Path, tmp_path: Path) -> None:
    request = Request(arguments=PRECISE, segment_seconds=Fraction(1, 2), duration=Fraction(1), encoder=X265)
    planned = plan_job(steady_film, ".mkv", request)
    segment = planned.job.segments[1]
    mine = render_segment(planned.job, segment, tmp_path / "mine.mkv", clip=planned.clip)
    theirs = render_segment(*pickle.loads(pickle.dumps((planned.job, segment, tmp_path / "theirs.mkv"))))
    assert mine == theirs
    assert mine.made > 0
    assert (tmp_path / "mine.mkv").read_bytes() == (tmp_path / "theirs.mkv").read_bytes()
    assert finished_segment(tmp_path / "mine.mkv", segment) == mine
    with (tmp_path / "mine.mkv").open("ab") as file:
        file.write(b"more")
    assert finished_segment(tmp_path / "mine.mkv", segment) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([("foo", "1")], r"set must name one of model, .*, got foo"),
        ([("multi", "2")], r"set must not name multi, which follows from the film and --multi or --fps"),
        ([("scale", "x")], r"scale must be a number, got x"),
        ([("scale", "3")], r"scale must be 0\.25, 0\.5, 1, 2 or 4, got 3"),
        ([("ensemble", "2.5")], r"ensemble must be an integer, got 2\.5"),
    ],
)
def test_arguments_of_the_filter_are_checked(settings: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(RifeError, match=f"^{message}$"):
        filter_arguments(settings)


def test_requests_are_checked() -> None:
    with pytest.raises(RifeError, match=r"^multi and fps must not both be given$"):
        Request(multi=Fraction(2), fps=Fraction(60))
    with pytest.raises(RifeError, match=r"^multi must be above 0 and at most 1000, got 1e\+06$"):
        Request(multi=Fraction(10**6))
    with pytest.raises(RifeError, match=r"^segment must be 0\.5 to 3600 s, got 0\.1$"):
        Request(segment_seconds=Fraction(1, 10))
