"""Small films with everything films have, made and read by an ffmpeg that the package never uses."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SUBTITLES = "1\n00:00:00,200 --> 00:00:00,900\nHello\n\n2\n00:00:01,100 --> 00:00:01,800\nthere\n"
CHAPTERS = (
    ";FFMETADATA1\ntitle=A small film\n"
    "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=900\ntitle=First\n"
    "[CHAPTER]\nTIMEBASE=1/1000\nSTART=900\nEND=2000\ntitle=Second\n"
)
MASTERING = "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)"
UNEVEN = "select='not(mod(n,2))+not(mod(n,5))+eq(n,59)'"
"""Of 30 frames a second, those that last 1/15 or 1/30 s."""


@dataclass(frozen=True)
class Ffmpeg:
    """The independent reader."""

    exe: str

    def run(self, *arguments: str | Path) -> bytes:
        done = subprocess.run([self.exe, "-v", "error", "-y", *map(str, arguments)], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def about(self, path: Path) -> str:
        """What it prints of a file."""
        return subprocess.run(
            [self.exe, "-hide_banner", "-i", str(path)], capture_output=True, text=True, check=False
        ).stderr

    def packets(self, path: Path, stream: str, *, copy: bool = True) -> list[tuple[Fraction, Fraction, str]]:
        """Time, duration and hash of each packet, or each frame, by time."""
        how = ["-c", "copy"] if copy else ["-fps_mode", "passthrough", "-enc_time_base", "demux"]
        lines = self.run("-i", path, "-map", f"0:{stream}", *how, "-f", "framemd5", "-").decode().splitlines()
        tick = next(Fraction(line.split(": ")[1]) for line in lines if line.startswith("#tb"))
        rows = [[part.strip() for part in line.split(",")] for line in lines if not line.startswith("#")]
        return sorted((int(row[2]) * tick, int(row[3]) * tick, row[5]) for row in rows)

    def shown(self, path: Path) -> str:
        """How it says the first frame is shown: colours, sites, aspect, HDR metadata."""
        done = subprocess.run(
            [self.exe, "-hide_banner", "-i", str(path), "-vf", "showinfo", "-frames:v", "1", "-f", "null", "-"],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stderr


@pytest.fixture(scope="session")
def ffmpeg() -> Ffmpeg:
    return Ffmpeg(pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe())


@pytest.fixture(scope="session")
def uneven_film(ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of HDR10 with a variable frame rate, sound, subtitles, chapters and an attachment, as .mkv."""
    folder = tmp_path_factory.mktemp("uneven")
    (folder / "text.srt").write_text(SUBTITLES, encoding="utf-8")
    (folder / "chapters.txt").write_text(CHAPTERS, encoding="utf-8")
    (folder / "note.txt").write_text("a note\n", encoding="utf-8")
    film = folder / "uneven.mkv"
    ffmpeg.run(
        *("-f", "lavfi", "-i", "testsrc2=s=96x64:r=30:d=2", "-f", "lavfi", "-i", "sine=f=440:r=48000:d=2"),
        *("-i", folder / "text.srt", "-i", folder / "chapters.txt"),
        *("-map", "0:v", "-map", "1:a", "-map", "2:s", "-map_metadata", "3", "-map_chapters", "3"),
        *(
            "-vf",
            f"{UNEVEN},setsar=4/3,format=yuv420p10le",
            "-fps_mode",
            "vfr",
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
        ),
        *("-x265-params", f"log-level=error:master-display={MASTERING}:max-cll=1000,400:chromaloc=2"),
        *("-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc", "-color_range", "tv"),
        *(
            "-chroma_sample_location",
            "topleft",
            "-bsf:v",
            "hevc_metadata=colour_primaries=9:transfer_characteristics=16",
        ),
        *("-c:a", "flac", "-c:s", "srt", "-metadata:s:a:0", "language=deu", "-metadata:s:s:0", "language=fra"),
        *("-metadata:s:a:0", "title=Ton", "-attach", folder / "note.txt", "-metadata:s:t:0", "mimetype=text/plain"),
        film,
    )
    return film


@pytest.fixture(scope="session")
def steady_film(ffmpeg: Ffmpeg, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of 8-bit BT.709 at 25 frames a second with sound, cut in the middle, as .mp4."""
    film = tmp_path_factory.mktemp("steady") / "steady.mp4"
    ffmpeg.run(
        *("-f", "lavfi", "-i", "testsrc2=s=96x64:r=25:d=1.6", "-f", "lavfi", "-i", "mandelbrot=s=96x64:r=25"),
        *("-f", "lavfi", "-i", "sine=f=440:r=48000:d=3", "-map", "[v]", "-map", "2:a"),
        *("-filter_complex", "[0][1]concat=n=2,trim=duration=3,format=yuv420p,setparams=colorspace=bt709"
          ":color_primaries=bt709:color_trc=bt709:range=tv[v]"),
        *("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac"),
        film,
    )  # fmt: skip
    return film
