"""Timecode files: what is written is what is read, and whatever else comes out as one line."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vsrife.errors import RifeError
from vsrife.timing.moments import Moment
from vsrife.timing.timecodes import read_timecodes
from vsrife.timing.timeline import TimedTimeline

if TYPE_CHECKING:
    from pathlib import Path

    from vsrife.timing.source_times import SourceTimes

V1, V2 = "# timecode format v1\n", "# timecode format v2\n"
shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def read(folder: Path, content: str | bytes, frames: int) -> SourceTimes:
    path = folder / "times.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_timecodes(path, frames)


def refusal(folder: Path, content: str | bytes, frames: int = 3) -> str:
    with pytest.raises(RifeError) as caught:
        read(folder, content, frames)
    message = str(caught.value)
    assert message.startswith("timecodes ")
    assert "\n" not in message
    assert len(message) < 200
    return message


def durations(times: SourceTimes) -> list[Fraction]:
    return [times.start(k + 1) - times.start(k) for k in range(times.frames)]


def milliseconds(*values: str) -> list[Fraction]:
    return [Fraction(value) / 1000 for value in values]


@shared_folder
@given(
    steps=st.lists(st.integers(1, 10**9), min_size=1, max_size=30), places=st.integers(0, 9), begin=st.integers(0, 99)
)
def test_v2_is_read_exactly(tmp_path: Path, steps: list[int], places: int, begin: int) -> None:
    values = [begin + sum(steps[:k]) for k in range(len(steps) + 1)]
    lines = [f"{value // 10**places}.{value % 10**places:0{places}}" if places else str(value) for value in values]
    times = read(tmp_path, V2 + "\n".join(lines), len(steps))
    assert durations(times) == [Fraction(step, 1000 * 10**places) for step in steps]
    assert times.start(0) == 0


def test_v2_without_an_end_repeats_the_last_duration(tmp_path: Path) -> None:
    assert durations(read(tmp_path, V2 + "0\n42\n83\n", 3)) == milliseconds("42", "41", "41")
    assert durations(read(tmp_path, V2 + "0\n42\n83\n", 2)) == milliseconds("42", "41")
    assert durations(read(tmp_path, V2 + "7\n49.5\n", 1)) == milliseconds("42.5")


@pytest.mark.parametrize(
    "content",
    [
        "# timestamp format v2\n0\n42\n83\n",
        "\ufeff# TimeCode Format V2\r\n0\r\n42\r\n83\r\n",
        "\n\n#timecodes format v2  \n\n# a comment\n 0 \n42.\n\n# another, ünïcode\n83.000",
    ],
)
def test_v2_in_its_spellings(tmp_path: Path, content: str) -> None:
    assert durations(read(tmp_path, content, 3)) == milliseconds("42", "41", "41")


@pytest.mark.parametrize(
    ("lines", "unit"),
    [
        ("0\n42\n83", Fraction(1, 1000)),
        ("0.000000\n42.000000\n83.000000", Fraction(1, 1000)),
        ("0\n41.71\n83", Fraction(1, 10**5)),
        ("0\n41.708333\n83.416667", Fraction(1, 10**9)),
    ],
)
def test_v2_is_as_fine_as_its_finest_time(tmp_path: Path, lines: str, unit: Fraction) -> None:
    assert read(tmp_path, V2 + lines, 3).unit == unit


@pytest.mark.parametrize("form", ["%.0f", "%.3f", "%.6f"])
def test_a_constant_rate_is_found_again_at_any_rounding(tmp_path: Path, form: str) -> None:
    times = read(tmp_path, V2 + "".join(form % (n * 1001 / 24) + "\n" for n in range(500)), 500)
    timeline = TimedTimeline(times, Fraction(24000, 1001))
    assert [timeline.at(n) for n in range(timeline.length)] == [Moment(n, Fraction(0)) for n in range(500)]


def test_v1_ranges_and_what_is_assumed(tmp_path: Path) -> None:
    content = "# timecode format v1\nassume 25\n# the slow part\n1,2,12.5\n\n4 , 4 , 60000/1001\n6,900,50\n"
    times = read(tmp_path, content, 8)
    a, b, c, d = Fraction(1, 25), Fraction(2, 25), Fraction(1001, 60000), Fraction(1, 50)
    assert durations(times) == [a, b, b, a, c, a, d, d]
    assert times.unit is None


@pytest.mark.parametrize(
    ("written", "fps"),
    [
        ("23.976", Fraction(24000, 1001)),
        ("23.976024", Fraction(24000, 1001)),
        ("23.976023976", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("29.970030", Fraction(30000, 1001)),
        ("47.952", Fraction(48000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("119.88", Fraction(120000, 1001)),
        ("11.988012", Fraction(12000, 1001)),
        ("24", Fraction(24)),
        ("24.", Fraction(24)),
        ("23.98", Fraction(2398, 100)),
        ("24.97", Fraction(2497, 100)),
        ("25.0", Fraction(25)),
        ("17.5", Fraction(35, 2)),
        ("999", Fraction(999)),
        ("1000000.5", Fraction(2000001, 2)),
        ("24000/1001", Fraction(24000, 1001)),
        ("2997/125", Fraction(2997, 125)),
    ],
)
def test_v1_rates(tmp_path: Path, written: str, fps: Fraction) -> None:
    assert durations(read(tmp_path, f"{V1}Assume {written}\n", 1)) == [1 / fps]
    assert durations(read(tmp_path, f"{V1}Assume 1\n0,0,{written}\n", 1)) == [1 / fps]


@shared_folder
@given(runs=st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["25", "50", "12.5", "62.5", "1000/7"])), min_size=1))
def test_v1_and_v2_of_one_clip_agree(tmp_path: Path, runs: list[tuple[int, str]]) -> None:
    ranges, starts, frame, time = [], ["0"], 0, Fraction(0)
    for length, fps in runs:
        ranges.append(f"{frame},{frame + length - 1},{fps}")
        frame += length
        for _ in range(length):
            time += 1000 / Fraction(fps)
            starts.append(f"{time.numerator}" if time.denominator == 1 else f"{float(time)}")
    by_rate = read(tmp_path, V1 + "Assume 24\n" + "\n".join(ranges), frame)
    by_time = read(tmp_path, V2 + "\n".join(starts), frame)
    assert [by_rate.start(k) for k in range(frame + 1)] == [by_time.start(k) for k in range(frame + 1)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must be a v1 or v2 file, '# timecode format v1' or v2 its first line, got '' (line 1)"),
        ("\n\n0\n42\n", "must be a v1 or v2 file, '# timecode format v1' or v2 its first line, got 0 (line 3)"),
        (
            "# timecode format v4\n0\n",
            "must be a v1 or v2 file, '# timecode format v1' or v2 its first line, got # timecode format v4 (line 1)",
        ),
        (V2 + "0\n42\nx\n", "must have one time in milliseconds a line, got x (line 4)"),
        (V2 + "0\n-42\n", "must have one time in milliseconds a line, got -42 (line 3)"),
        (V2 + "0\nnan\n", "must have one time in milliseconds a line, got nan (line 3)"),
        (V2 + "0\ninf\n", "must have one time in milliseconds a line, got inf (line 3)"),
        (V2 + "0\n1e400\n", "must have one time in milliseconds a line, got 1e400 (line 3)"),
        (V2 + "0\n١\n", "must have one time in milliseconds a line, got ١ (line 3)"),
        (V2 + "0\n" + "1" * 31, f"must have one time in milliseconds a line, got {'1' * 31} (line 3)"),
        (
            V2 + "0\n" + "1" * 10**6,
            f"must have lines of at most 100 characters, got {'1' * 57}... (line 3)",
        ),
        (V2 + "0\n42\n42.0\n", "must have a later time in each line than in the one before, got 42.0 (line 4)"),
        (V2 + "0\n42.5\n42.25\n", "must have a later time in each line than in the one before, got 42.25 (line 4)"),
        (V2, "must have a time for each of the clip's 3 frames, one more for its end at most, got 0"),
        (V2 + "0\n42\n", "must have a time for each of the clip's 3 frames, one more for its end at most, got 2"),
        (
            V2 + "0\n1\n2\n3\n4\n# no\n5\n",
            "must have a time for each of the clip's 3 frames, one more for its end at most, got 6",
        ),
        (V1, "of format v1 must begin with 'Assume <fps>', got '' (line 1)"),
        (V1 + "0,1,24\n", "of format v1 must begin with 'Assume <fps>', got 0,1,24 (line 2)"),
        (V1 + "Assume 0\n", "must have frame rates above 0, as 24000/1001 or 23.976, got Assume 0 (line 2)"),
        (V1 + "Assume 1/0\n", "must have frame rates above 0, as 24000/1001 or 23.976, got Assume 1/0 (line 2)"),
        (V1 + "Assume 1/2/3\n", "must have frame rates above 0, as 24000/1001 or 23.976, got Assume 1/2/3 (line 2)"),
        (V1 + "Assume 1e400\n", "must have frame rates above 0, as 24000/1001 or 23.976, got Assume 1e400 (line 2)"),
        (V1 + "Assume -24\n", "must have frame rates above 0, as 24000/1001 or 23.976, got Assume -24 (line 2)"),
        (V1 + "Assume 24\n0,1\n", "of format v1 must have 'first,last,fps' in each line, got 0,1 (line 3)"),
        (V1 + "Assume 24\n0,-1,5\n", "of format v1 must have 'first,last,fps' in each line, got 0,-1,5 (line 3)"),
        (V1 + "Assume 24\n0,1,nan\n", "must have frame rates above 0, as 24000/1001 or 23.976, got 0,1,nan (line 3)"),
        (V1 + "Assume 24\n1,0,5\n", "must have ranges that rise and do not overlap, got 1,0,5 (line 3)"),
        (V1 + "Assume 24\n0,1,5\n1,2,6\n", "must have ranges that rise and do not overlap, got 1,2,6 (line 4)"),
        (
            V1 + "Assume 24\n3,5,5\n",
            "must have ranges that begin before the clip's end, 3 frames, got 3,5,5 (line 3)",
        ),
    ],
    ids=range(29),
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, content: str, message: str) -> None:
    assert refusal(tmp_path, content) == f"timecodes {message}"


def test_one_frame_needs_its_end(tmp_path: Path) -> None:
    message = "timecodes of 1 frame must have two times, its start and its end, got "
    assert refusal(tmp_path, V2 + "0\n", 1) == message + "1"
    assert refusal(tmp_path, V2 + "0\n1\n2\n", 1) == message + "3"


def test_frames_beyond_any_clip_are_cut_off(tmp_path: Path) -> None:
    times = read(tmp_path, f"{V1}Assume 24\n2,{'9' * 50},{'9' * 30}\n", 3)
    assert durations(times) == [Fraction(1, 24), Fraction(1, 24), Fraction(1, int("9" * 30))]


def test_rates_without_a_common_denominator_are_refused(tmp_path: Path) -> None:
    ranges = "".join(f"{n},{n},{10**29 + n}/{10**29}\n" for n in range(200))
    with pytest.raises(RifeError, match="must have a common denominator of at most 4096 bits"):
        read(tmp_path, f"{V1}Assume 24\n{ranges}", 200)


def test_what_is_no_file(tmp_path: Path) -> None:
    def message(path: Path) -> str:
        with pytest.raises(RifeError) as caught:
            read_timecodes(path, 3)
        return str(caught.value)

    assert message(tmp_path / "none.txt") == "timecodes cannot be read: No such file or directory (none.txt)"
    assert message(tmp_path) == f"timecodes must be a file, got something else ({tmp_path.name})"
    assert message(tmp_path / ("x" * 5000)).startswith("timecodes cannot be read: ")
    assert message(tmp_path / "a\0b").startswith("timecodes must be the path of a file, got ")


def test_a_file_too_large_to_be_one_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "sparse.txt"
    with path.open("wb") as file:
        file.truncate(2**26 + 1)
    with pytest.raises(RifeError, match=r"^timecodes must be at most 67108864 bytes, got 67108865$"):
        read_timecodes(path, 3)


HEADERS = st.sampled_from([b"", b"\xef\xbb\xbf", V1.encode(), V2.encode(), V1.encode() + b"Assume 24\n"])
NUMBERS = st.sampled_from(["0", "1", "2", "41.708", "83", "1e400", "nan", "24000/1001", "-1", "9" * 40, "0.0", "1/0"])
ENTRIES = st.lists(st.lists(NUMBERS, max_size=4).map(",".join) | st.just("# note"), max_size=8).map("\n".join)


@shared_folder
@given(header=HEADERS, body=st.binary() | st.text().map(str.encode) | ENTRIES.map(str.encode), frames=st.integers(1, 5))
def test_anything_is_read_or_refused(tmp_path: Path, header: bytes, body: bytes, frames: int) -> None:
    message = "timecodes "
    try:
        times = read(tmp_path, header + body, frames)
    except RifeError as error:
        message = str(error)
    else:
        assert times.frames == frames
        assert all(duration > 0 for duration in durations(times))
    assert message.startswith(("timecodes ", "every source frame ", "the source frames' times "))
    assert message.isprintable()
    assert len(message) < 200
