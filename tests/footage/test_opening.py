"""What is opened, and how it is read: sources of every kind, colours, and what is refused."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np
import pytest
import vapoursynth as vs
from PIL import Image
from support import converted, moving_clip, planes

from vsrife.errors import RifeError
from vsrife.footage import open_footage

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

pytestmark = pytest.mark.vpy("unique-core")
LENGTH, WIDTH, HEIGHT = 12, 64, 48
SCRIPT = """
import numpy as np
import vapoursynth as vs

assert __name__ == "__vapoursynth__"
pictures = np.load("pictures.npy")  # beside the script

def fill(n, f):
    out = f.copy()
    for plane in range(3):
        np.copyto(np.asarray(out[plane]), pictures[n][..., plane])
    return out

blank = vs.core.std.BlankClip(format=vs.RGB24, width=64, height=48, length=len(pictures), fpsnum=25, fpsden=1)
vs.core.std.ModifyFrame(blank, blank, fill).set_output()
vs.core.std.BlankClip(length=3).set_output(4)
"""


@pytest.fixture(scope="module")
def pictures() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (LENGTH, HEIGHT, WIDTH, 3), dtype=np.uint8)


def read(source: Path | vs.VideoNode) -> NDArray[np.uint8]:
    """All frames, T×H×W×3, whose numbers and times at 25 a second are as they should be."""
    footage = open_footage(source)
    frames = list(footage.frames())
    assert [frame.number for frame in frames] == list(range(footage.length))
    assert all(frame.time * 25 == frame.number for frame in frames)
    assert all(frame.rgb.is_contiguous() and frame.cut is None for frame in frames)
    return np.stack([frame.rgb.permute(1, 2, 0).numpy() for frame in frames])


def test_a_folder_is_read_in_natural_order(pictures: NDArray[np.uint8], tmp_path: Path) -> None:
    for n, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"frame{n + 1}.PNG", format="png")
    (tmp_path / "notes.txt").write_text("not a picture")
    assert np.array_equal(read(tmp_path), pictures)


def test_a_script_is_run_in_its_folder_and_leaves_the_outputs(pictures: NDArray[np.uint8], tmp_path: Path) -> None:
    np.save(tmp_path / "pictures.npy", pictures)
    script = tmp_path / "film.vpy"
    script.write_text(SCRIPT)
    (tmp_path / "other.vpy").write_text(SCRIPT.replace("len(pictures)", "5"))
    mine = vs.core.std.BlankClip(length=7)
    mine.set_output(2)
    first, other = open_footage(script), open_footage(tmp_path / "other.vpy")
    assert {index: output.clip.num_frames for index, output in vs.get_outputs().items()} == {2: 7}
    assert (first.length, other.length, first.name) == (LENGTH, 5, "film.vpy")
    vs.clear_outputs()
    assert np.array_equal(read(script), pictures)
    assert np.array_equal(read(first.clip), pictures)


def test_a_video_file(pictures: NDArray[np.uint8], tmp_path: Path) -> None:
    if not hasattr(vs.core, "bs"):
        pytest.skip("vapoursynth-bestsource is not installed")
    video = tmp_path / "film.mkv"
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", "25", "-i", "-"]
    coded = ["-c:v", "ffv1", "-pix_fmt", "gbrp", str(video)]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *raw, *coded]
    subprocess.run(command, input=pictures.tobytes(), check=True)
    assert np.array_equal(read(video), pictures)


def test_colours_are_read_as_the_frames_say_or_as_players_guess() -> None:
    red_601, red_709, grey = (81, 90, 240), (63, 102, 240), (128, 128, 128)  # H.273's codes
    for code, width, props, expected in (
        (red_601, 640, {}, (255, 0, 0)),
        (red_709, 1280, {}, (255, 0, 0)),
        (red_709, 640, {"_Matrix": 1}, (255, 0, 0)),
        (red_601, 1280, {"_Matrix": 6}, (255, 0, 0)),
        (red_709, 1280, {"_Matrix": 3}, (255, 0, 0)),
        (grey, 640, {}, (130, 130, 130)),
        (grey, 640, {"_Range": 1}, (128, 128, 128)),
    ):
        clip = vs.core.std.BlankClip(format=vs.YUV444P8, width=width, height=32, length=2, color=code)
        frame = next(open_footage(clip.std.SetFrameProps(**props)).frames())
        assert frame.rgb.shape == (3, 32, width)
        assert frame.rgb[:, 0, 0].tolist() == pytest.approx(expected, abs=1)


def test_a_given_matrix_wins() -> None:
    clip = vs.core.std.BlankClip(format=vs.YUV444P8, width=64, height=32, length=2, color=(63, 102, 240))
    frame = next(open_footage(clip.std.SetFrameProps(_Matrix=6), matrix=1).frames())
    assert frame.rgb[:, 0, 0].tolist() == pytest.approx([255, 0, 0], abs=1)


def test_every_format_shows_the_same_picture() -> None:
    clip = moving_clip(WIDTH, HEIGHT, length=2, form=vs.RGB24)
    colours = np.stack(planes(clip.get_frame(0))).astype(float)
    grey = np.tensordot([0.2126, 0.7152, 0.0722], colours, 1)[None].repeat(3, 0)
    for form in (vs.GRAY8, vs.GRAYS, vs.YUV420P10, vs.YUV444P16, vs.YUV444PS, vs.RGB48, vs.RGBS):
        frame = next(open_footage(converted(clip, form)).frames())
        expected = grey if vs.core.get_video_format(form).color_family == vs.GRAY else colours
        assert np.abs(frame.rgb.numpy() - expected).mean() < 1.5


def test_smaller_pictures_have_even_sides() -> None:
    footage = open_footage(moving_clip(128, 90, length=3, form=vs.RGB24))
    frames = list(footage.frames(1, scale=1 / 3))
    assert [frame.number for frame in frames] == [1, 2]
    small = frames[0].rgb
    assert small.shape == (3, 30, 42)
    whole = next(footage.frames(1)).rgb
    assert (whole.float().mean((1, 2)) - small.float().mean((1, 2))).abs().max() < 1


def refused(source: Path | vs.VideoNode, **arguments: int) -> str:
    with pytest.raises(RifeError) as caught:
        list(open_footage(source, **arguments).frames())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bad_files_are_refused_in_one_line(tmp_path: Path) -> None:
    missing = "open_footage: source must be a file or folder that exists, got "
    assert refused(tmp_path / "film.mkv") == missing + str(tmp_path / "film.mkv")
    (tmp_path / "film.mkv").write_bytes(b"no video" * 99)
    if hasattr(vs.core, "bs"):
        assert refused(tmp_path / "film.mkv").startswith("open_footage: source must be a video, got ")
    assert refused(tmp_path) == f"open_footage: source must be a folder that holds pictures, got {tmp_path}"


def test_bad_folders_are_refused_in_one_line(tmp_path: Path) -> None:
    picture = np.random.default_rng(5).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    for n in range(3):
        Image.fromarray(picture).save(tmp_path / f"{n}.png")
    whole = (tmp_path / "2.png").read_bytes()
    (tmp_path / "3.png").write_bytes(whole[: len(whole) // 2])
    assert "3.png cannot be read (" in refused(tmp_path)
    (tmp_path / "3.png").write_text("no picture")
    path = tmp_path / "3.png"
    assert refused(tmp_path) == f"open_footage: path must be a picture, got {path}"
    Image.fromarray(picture[:30]).save(path)
    wanted = f"open_footage: {tmp_path} must hold pictures of one size, 40x32, got 40x30 in 3.png"
    assert refused(tmp_path) == wanted


def test_bad_scripts_are_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "film.vpy"
    vs.core.std.BlankClip(length=7).set_output()
    for script, message in {
        "import vapoursynth\n\nfoo()\n": "fails in line 3: NameError: name 'foo' is not defined",
        "raise ValueError('two\\nlines')": "fails in line 1: ValueError: two",
        "def (:": "fails in line 1: SyntaxError: invalid syntax",
        "import sys\nsys.exit(2)": "fails in line 2: SystemExit: 2",
        "x = 1": "must set a clip as output 0, got none",
        "import vapoursynth as vs\nvs.core.std.BlankAudio().set_output()": "must set a clip as output 0, got none",
    }.items():
        path.write_text(script)
        assert refused(path) == f"open_footage: film.vpy {message}"
        assert vs.get_output().clip.num_frames == 7


def test_bad_clips_are_refused_in_one_line() -> None:
    blank, core = vs.core.std.BlankClip(length=3, width=64, height=64), vs.core
    variable = core.std.Splice([blank, core.std.BlankClip(length=3, width=32, height=64)], mismatch=True)
    one_format = "open_footage: clip must have one format and size throughout, got a variable one"
    assert refused(variable) == one_format
    mixed = core.std.Splice([blank, core.std.BlankClip(blank, format=vs.GRAY8)], mismatch=True)
    assert refused(mixed) == one_format
    assert refused(blank[0]) == "open_footage: clip must have at least 2 frames, got 1"
    assert refused(blank.std.Crop(right=52)) == "open_footage: clip must be at least 16x16, got 12x64"
    timeless = core.std.BlankClip(blank, fpsnum=0, fpsden=1)
    assert refused(timeless) == "open_footage: clip must have a frame rate, or frames with a duration"
    assert refused(blank, matrix=3) == "open_footage: matrix must be one of 1, 4, 5, 6, 7, 8, 9, 14, got 3"


def test_a_frame_that_fails_is_named() -> None:
    blank = vs.core.std.BlankClip(length=30, width=64, height=64)

    def fail(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        if n == 20:
            raise ValueError("no such frame")
        return f

    assert refused(vs.core.std.ModifyFrame(blank, blank, fail)) == (
        "clip cannot be read at frame 20 (ValueError: no such frame)"
    )


def test_bad_arguments_are_refused_before_anything_is_read() -> None:
    footage = open_footage(vs.core.std.BlankClip(length=3, width=64, height=64))
    for arguments, message in (
        ({"start": -1}, "start must be at least 0, got -1"),
        ({"step": 0}, "step must be at least 1, got 0"),
        ({"scale": 1.5}, "scale must be above 0 and at most 1, got 1.5"),
    ):
        with pytest.raises(RifeError) as caught:
            footage.frames(**arguments)
        assert str(caught.value) == f"Footage.frames: {message}"
