"""Cuts, repeats, and the runs between them."""

from __future__ import annotations

import subprocess
import weakref
from fractions import Fraction
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np
import pytest
import torch
import vapoursynth as vs
from support import data, texture, video

from vsrife.detect.repeats import repeats
from vsrife.footage import Frame, marked, open_footage, runs
from vsrife.footage.marks import one_thread, unit
from vsrife.motion.openmp import _runtime

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CUTS = [30, 76, 137, 187, 242]
"""The first frames of the shots of bikes.mp4 but the first, found by eye."""


def shown(*scenes: str) -> Iterator[Frame]:
    """Frames at 60 a second of scenes one after the other; each letter is a picture, further on than the one before."""
    number = 0
    for seed, letters in enumerate(scenes):
        for letter in letters:
            picture = texture(160, 90, 3.0 * ord(letter), 0, 7 + seed)
            rgb = torch.from_numpy((picture * 255).round().astype(np.uint8))
            yield Frame(number, Fraction(number, 60), rgb)
            number += 1


def numbers(longest: int, *scenes: str) -> list[tuple[int, list[int]]]:
    """Each run's shot and its frames' numbers."""
    return [(run.shot, [frame.number for frame in run.frames]) for run in runs(shown(*scenes), longest)]


@pytest.mark.vpy("unique-core")
def test_the_cuts_of_real_footage() -> None:
    marks = [mark for _, mark in marked(open_footage(video("bikes.mp4")).frames())]
    assert [n for n, mark in enumerate(marks) if mark.cut] == CUTS
    assert not any(mark.repeat for mark in marks)


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize(("name", "start", "scale"), [("bikes.mp4", 24, "iw:ih"), ("bigbuckbunny.mp4", 60, "640:360")])
def test_repeats_are_those_of_the_full_comparison(name: str, start: int, scale: str, tmp_path: Path) -> None:
    source = data(f"clips/{name}")
    if not hasattr(vs.core, "bs"):
        pytest.skip("vapoursynth-bestsource is not installed")
    film = tmp_path / "twos.mkv"
    twice = f"trim=start_frame={start}:end_frame={start + 14},setpts=N/25/TB,fps=50,scale={scale}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(source), "-vf", twice, "-threads", "1"]
    subprocess.run([*command, "-c:v", "libx264", "-crf", "20", str(film)], check=True)
    pairs = list(marked(open_footage(film).frames()))
    full = [repeats(unit(a.rgb), unit(b.rgb)) for (a, _), (b, _) in pairwise(pairs)]
    assert [mark.repeat for _, mark in pairs] == [False, *full]
    # the encoder saw each picture twice
    assert sum(full[0::2]) >= 12
    assert not any(full[1::2])


def test_every_picture_is_in_a_run_of_its_shot() -> None:
    assert numbers(7, "abcd", "klmnop") == [(0, [0, 1, 2, 3]), (1, [4, 5, 6, 7, 8, 9])]
    assert numbers(3, "abcdefgh") == [(0, [0, 1, 2]), (0, [3, 4, 5]), (0, [6, 7])]
    assert numbers(7, "a", "kl", "tuv") == [(1, [1, 2]), (2, [3, 4, 5])]


def test_repeats_are_left_out_and_times_are_of_what_remains() -> None:
    twos, threes = (list(runs(shown("".join(k * letter for letter in "abcdefgh")), 7)) for k in (2, 3))
    assert [frame.time for frame in twos[0].frames] == [Fraction(n, 30) for n in range(7)]
    assert [frame.time for frame in threes[0].frames] == [Fraction(n, 20) for n in range(7)]
    pictures = [frame.rgb for frame in twos[0].frames]
    once = [frame.rgb for frame in shown("abcdefg")]
    assert all(torch.equal(a, b) for a, b in zip(pictures, once, strict=True))


def test_a_run_has_one_hold() -> None:
    # on ones, then on twos, then on ones; d and h belong to both
    assert numbers(9, "abcddeeffgghij") == [(0, [0, 1, 2, 3]), (0, [3, 5, 7, 9, 11]), (0, [11, 12, 13])]
    # film at 60: no two neighbours are shown equally long
    film = "aaabbcccddeeeffggghh"
    assert all(len(frames) == 2 for _, frames in numbers(9, film))
    assert len({len(list(same)) for _, same in groupby(film)}) == 2
    # at rest, and then on
    assert numbers(9, "abc" + 6 * "d" + "efg") == [(0, [0, 1, 2, 3]), (0, [9, 10, 11])]
    assert numbers(9, 30 * "a") == []


def test_pytorch_keeps_its_threads() -> None:
    torch.set_num_threads(2)  # which the fixture undoes
    within = []
    for frame, _ in marked(shown("abc")):
        within.append((frame.number, torch.get_num_threads()))
    assert within == [(0, 2), (1, 2), (2, 2)]
    with one_thread():
        assert torch.get_num_threads() == 1 or not hasattr(_runtime(), "omp_set_num_threads")
    assert torch.get_num_threads() == 2


def test_no_more_frames_are_held_than_a_run_has() -> None:
    seen: list[weakref.ref[torch.Tensor]] = []
    most = 0

    def watched() -> Iterator[Frame]:
        nonlocal most
        for frame in shown("abcdefghijklmnopqrstuvwxyz"):
            seen.append(weakref.ref(frame.rgb))
            yield frame
            del frame
            most = max(most, sum(picture() is not None for picture in seen))

    for run in runs(watched(), 4):
        del run
    assert len(seen) == 26
    assert most <= 4 + 3
