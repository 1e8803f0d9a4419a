"""The picture step measured: `python benchmarks/picture.py DATA [--model NAME …] [--choice NAME=VALUE,… …] [--only …]`.

All frames come through the filter in RGB24, fp32. Prints Markdown:

- `columns`: frames that were dropped and interpolated again, at several times between the frames that stay; PSNR, SSIM,
  sharpness and VMAF.
- `scenes`: the same half-way, for 8-bit 4:2:0 converted to RGB afterwards, text that stands over a pan, dark and grainy
  film (against the film without grain), synthetic scenes of moving layers, and line art that moves by a fraction of a
  pixel.
- `placement`: a real texture translated by known distances; where frames between put it, less where it belongs, as a
  share of the motion.
- `steps`: a disc that moves evenly, 50 to 60 frames a second and tenfold; the largest difference between two steps and
  the smallest step, in pixels.
- `pulsing`: sharpness of interpolated frames over that of the source frames beside them, along pans.
"""

from __future__ import annotations

import argparse
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
import vapoursynth as vs
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from vapoursynth import core

from vsrife.evaluation.metrics import psnr, sharpness, ssim
from vsrife.evaluation.vmaf import Vmaf, find_ffmpeg
from vsrife.training.scenes import random_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vsrife.training.scenes import Scene

BUNNY = "big-buck-bunny-1080p-60fps-30sec.mp4"


class Column(NamedTuple):
    """Frames of a clip that are interpolated.

    Args:
        name: the table's.
        clip: the file.
        firsts: first frames of the intervals, none across a cut.
        span: frames from one end of an interval to the other.
        wanted: the frame that is interpolated, counted from the first.
    """

    name: str
    clip: str
    firsts: tuple[int, ...]
    span: int = 2
    wanted: int = 1


BIKES, CITY = (4, 14, 48, 62, 98, 120, 194, 224), (10, 60, 140, 180)
FILM, CARPHONE, COCKATOO, PAN, BIRD = (
    (10, 40, 80, 120), (10, 30, 60, 90), (20, 80, 156, 220), (400, 460, 540), (620, 800, 900),
)  # fmt: skip
COLUMNS = (
    Column("bikes ½", "bikes.mp4", BIKES),
    Column("bikes ¼", "bikes.mp4", BIKES, 4, 1),
    Column("city ½", "cityCC0.mpg", CITY),
    Column("city ¼", "cityCC0.mpg", CITY, 4, 1),
    Column("city ⅛", "cityCC0.mpg", CITY, 8, 1),
    Column("film ½", "bigbuckbunny.mp4", FILM),
    Column("film ¾", "bigbuckbunny.mp4", FILM, 4, 3),
    Column("carphone ½", "carphone_pristine.mp4", CARPHONE),
    Column("carphone ⅓", "carphone_pristine.mp4", CARPHONE, 3, 1),
    Column("cockatoo ½", "cockatoo.mp4", COCKATOO),
    Column("cockatoo ¼", "cockatoo.mp4", COCKATOO, 4, 1),
    Column("slow pan 1/10", BUNNY, PAN, 10, 1),
    Column("slow pan ¼", BUNNY, PAN, 4, 1),
    Column("slow pan ½", BUNNY, PAN, 4, 2),
    Column("bird 1/10", BUNNY, BIRD, 10, 1),
    Column("bird ¼", BUNNY, BIRD, 4, 1),
    Column("bird ½", BUNNY, BIRD, 4, 2),
)
MIDDLEBURY = "Middlebury OTHER ½"
DISTANCES = (0.25, 0.5, 1, 2, 4, 8, 16, 32)
EIGHTHS = tuple(Fraction(k, 8) for k in range(1, 8))
SPEEDS = (0.5, 1, 2, 4, 8, 16)


def footage(data: Path, name: str) -> vs.VideoNode:
    """A clip in RGB24, at most 640 columns."""
    clip = core.bs.VideoSource(str(data / "clips" / name), cachemode=0)
    matrix = vs.MATRIX_BT709 if clip.width >= 1280 else vs.MATRIX_ST170_M
    size = {"width": 640, "height": 640 * clip.height // clip.width // 2 * 2} if clip.width > 640 else {}
    return clip.resize.Bicubic(format=vs.RGB24, matrix_in=matrix, **size)


def picture(frame: vs.VideoFrame) -> Tensor:
    """A frame as uint8, 3×H×W."""
    return torch.from_numpy(np.stack([np.asarray(frame[plane]) for plane in range(3)]))


def clip_of(pictures: list[Tensor]) -> vs.VideoNode:
    """Pictures (uint8, 3×H×W) as a clip."""
    height, width = pictures[0].shape[-2:]
    blank = core.std.BlankClip(format=vs.RGB24, width=width, height=height, length=len(pictures), keep=True)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        for plane in range(3):
            np.copyto(np.asarray(out[plane]), pictures[n][plane].numpy())
        return out

    return core.std.ModifyFrame(blank, blank, fill)


def interpolate(pictures: list[Tensor], arguments: dict[str, Any], **timing: Any) -> Iterator[Tensor]:
    """All output frames."""
    clip = core.rife.RIFE(clip_of(pictures), sc=0, precision="fp32", **timing, **arguments)
    return (picture(frame) for frame in clip.frames(close=True))


def cases(data: Path, column: Column | None) -> Iterator[tuple[Tensor, Tensor, Tensor, int, int]]:
    """First picture, truth, last picture, span and wanted frame of each case; those of Middlebury for None."""
    if column is None:
        for scene in sorted(path for path in (data / "sets/middlebury_other").iterdir() if path.is_dir()):
            files = (scene / f"{name}.png" for name in ("frame10", "frame10i11", "frame11"))
            arrays = [np.array(Image.open(file).convert("RGB")) for file in files]
            first, truth, last = (torch.from_numpy(each.transpose(2, 0, 1).copy()) for each in arrays)
            yield first, truth, last, 2, 1
        return
    clip = footage(data, column.clip)
    for first in column.firsts:
        left, truth, right = (picture(clip.get_frame(first + n)) for n in (0, column.wanted, column.span))
        yield left, truth, right, column.span, column.wanted


def columns(data: Path, choices: dict[str, dict[str, Any]]) -> None:
    """Print a row for each column, with a cell for each choice."""
    print("| | " + " | ".join(choices) + " |\n|---" + "|---" * len(choices) + "|")
    sums: dict[str, list[tuple[float, ...]]] = {label: [] for label in choices}
    for column in (None, *COLUMNS):
        cells = []
        for label, arguments in choices.items():
            scores = []
            with Vmaf(find_ffmpeg() or Path("ffmpeg"), moving=False) as vmaf:
                for first, truth, last, span, wanted in cases(data, column):
                    clip = core.rife.RIFE(clip_of([first, last]), multi=span, sc=0, precision="fp32", **arguments)
                    made = picture(clip.get_frame(wanted))
                    scores.append([float(measure(made, truth)) for measure in (psnr, ssim, sharpness)])
                    vmaf.add(label, made, truth)
                figures = (*np.mean(scores, 0), float(np.mean(vmaf.scores(label))))
            sums[label].append(figures)
            cells.append(figures)
        print(f"| {column.name if column else MIDDLEBURY} | " + " | ".join(map(_cell, cells)) + " |", flush=True)
    print("| mean | " + " | ".join(_cell(tuple(np.mean(each, 0))) for each in sums.values()) + " |", flush=True)


def _cell(figures: tuple[float, ...]) -> str:
    return f"{figures[0]:.2f} / {figures[1]:.4f} / {figures[2]:.3f} / {figures[3]:.1f}"


class Kind(NamedTuple):
    """A kind of picture that columns are turned into.

    Args:
        name: the table's.
        columns: names of the columns.
        change: what is done to the two frames; takes a picture and a seed.
        expect: what is done to the true frame.
        form: format that the filter works in, with BT.709's matrix; RGB24 for None.
    """

    name: str
    columns: tuple[str, ...]
    change: Callable[[Tensor, int], Tensor]
    expect: Callable[[Tensor, int], Tensor]
    form: int | None = None


def scenes(data: Path, choices: dict[str, dict[str, Any]]) -> None:
    """Print a row for each kind of picture, with a cell for each choice."""
    print("| | " + " | ".join(choices) + " |\n|---" + "|---" * len(choices) + "|")
    for kind in (
        Kind("8-bit 4:2:0", ("bikes ½", "city ½", "film ½"), _same, _same, vs.YUV420P8),
        Kind("text over a pan", ("slow pan ½",), _write_text, _write_text),
        Kind("dark and grainy", ("bikes ½", "film ½"), _add_grain, _darken),
    ):
        triplets = [each for column in COLUMNS if column.name in kind.columns for each in cases(data, column)]
        cells = []
        for label, arguments in choices.items():
            scores = []
            with Vmaf(find_ffmpeg() or Path("ffmpeg"), moving=False) as vmaf:
                for first, truth, last, *_ in triplets:
                    pair = _converted([kind.change(first, 0), kind.change(last, 1)], kind.form)
                    made = core.rife.RIFE(pair, multi=2, sc=0, precision="fp32", **arguments)
                    got = picture(made.resize.Bicubic(format=vs.RGB24).get_frame(1))
                    expected = _converted([kind.expect(truth, 2)], kind.form).resize.Bicubic(format=vs.RGB24)
                    wanted = picture(expected.get_frame(0))
                    scores.append([float(measure(got, wanted)) for measure in (psnr, ssim, sharpness)])
                    vmaf.add(label, got, wanted)
                cells.append(_cell((*np.mean(scores, 0), float(np.mean(vmaf.scores(label))))))
        print(f"| {kind.name} | " + " | ".join(cells) + " |", flush=True)
    drawn = [random_scene(np.random.default_rng(seed), 448, 256) for seed in range(8)]
    for name, time in (("½", 0.5), ("⅛", 0.125)):
        cells = []
        for arguments in choices.values():
            scores = []
            for scene in drawn:
                first, truth, last = (_drawn(scene, moment) for moment in (0.0, time, 1.0))
                got = list(interpolate([first, last], arguments, multi=8))[round(8 * time)]
                scores.append([float(measure(got, truth)) for measure in (psnr, ssim, sharpness)])
            cells.append("{:.2f} / {:.4f} / {:.3f}".format(*np.mean(scores, 0)))
        print(f"| synthetic scenes {name} | " + " | ".join(cells) + " |", flush=True)
    for distance in (0.5, 1.0, 3.0):
        first, truth, last = (_line_art(k * distance / 2) for k in range(3))
        cells = []
        for arguments in choices.values():
            got = list(interpolate([first, last], arguments, multi=2))[1]
            figures = [float(measure(got, truth)) for measure in (psnr, ssim, sharpness)]
            cells.append(f"{figures[0]:.2f} / {figures[1]:.4f} / {figures[2]:.3f}")
        print(f"| line art, {distance:g} px | " + " | ".join(cells) + " |", flush=True)


def _converted(pictures: list[Tensor], form: int | None) -> vs.VideoNode:
    clip = clip_of(pictures)
    return clip if form is None else clip.resize.Bicubic(format=form, matrix=vs.MATRIX_BT709)


def _drawn(scene: Scene, time: float) -> Tensor:
    return (scene.picture(time) * 255).round().to(torch.uint8)


def _same(whole: Tensor, seed: int) -> Tensor:
    del seed
    return whole


def _darken(whole: Tensor, seed: int) -> Tensor:
    del seed
    return (whole.float() * 0.3).round().to(torch.uint8)


def _add_grain(whole: Tensor, seed: int) -> Tensor:
    noise = torch.randn(whole.shape, generator=torch.Generator().manual_seed(seed)) * 4
    return (whole.float() * 0.3 + noise).round().clamp(0, 255).to(torch.uint8)


def _write_text(whole: Tensor, seed: int) -> Tensor:
    del seed
    image = Image.fromarray(whole.permute(1, 2, 0).numpy())
    font = ImageFont.load_default(28)
    place = (image.width / 2, image.height * 0.85)
    ImageDraw.Draw(image).text(place, "Where are we going?", "white", font, "mm", stroke_width=2, stroke_fill="black")
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def _line_art(shift_by: float) -> Tensor:
    """Black lines of one to three pixels on white, displaced to the right; drawn at eight times the size."""
    image = Image.new("L", (320 * 8, 192 * 8), 255)
    draw = ImageDraw.Draw(image)
    places = np.random.default_rng(4).uniform(-100, 420, (40, 4))
    for k, (x0, y0, x1, y1) in enumerate(places):
        ends = [(8 * (x0 + shift_by), 8 * y0 * 0.5), (8 * (x1 + shift_by), 8 * y1 * 0.5)]
        draw.line(ends, fill=0, width=8 * (1 + k % 3))
    small = image.resize((320, 192), Image.Resampling.BOX)
    return torch.from_numpy(np.array(small)).expand(3, -1, -1).contiguous()


def texture(data: Path, name: str, number: int) -> Tensor:
    """A real picture, 3×192×448 in fp64, that fades to its rows' means at both sides and has no finest detail."""
    whole = picture(footage(data, name).get_frame(number)).double()[:, :192, :448]
    fade = torch.ones(whole.shape[-1], dtype=torch.float64)
    fade[:40] = torch.linspace(0, 1, 40, dtype=torch.float64)
    fade[-40:] = fade[:40].flip(0)
    mean = whole.mean(-1, keepdim=True)
    return shift(mean + (whole - mean) * fade, 0, cut=0.35)


def shift(rows: Tensor, distance: float, cut: float = 0) -> Tensor:
    """Rows whose content lies `distance` further right, exactly; without those above `cut` where it is given."""
    frequencies = torch.fft.rfftfreq(rows.shape[-1], dtype=torch.float64)
    keep = torch.exp(-((frequencies / cut) ** 4)) if cut else torch.ones_like(frequencies)
    spectrum = torch.fft.rfft(rows) * keep * torch.exp(-2j * torch.pi * frequencies * distance)
    return torch.fft.irfft(spectrum, n=rows.shape[-1])


def distance_of(made: Tensor, rows: Tensor, guess: float) -> float:
    """How far right the content of `rows` lies in a picture: least squares by Gauss and Newton."""
    inner = (..., slice(64, -64))
    for _ in range(6):
        expected = shift(rows, guess)
        slope = (shift(rows, guess + 0.05) - shift(rows, guess - 0.05))[inner] / 0.1
        guess += float((slope * (made.double() - expected)[inner]).sum() / slope.square().sum())
    return guess


def placement(data: Path, choices: dict[str, dict[str, Any]]) -> None:
    """Print a table for each choice: distances by times."""
    sources = (("bikes.mp4", 48), ("cityCC0.mpg", 60), ("bigbuckbunny.mp4", 40))
    textures = [texture(data, *source) for source in sources]
    for label, arguments in choices.items():
        print(f"| {label}, px | " + " | ".join(map(str, EIGHTHS)) + " |\n|---" + "|---" * len(EIGHTHS) + "|")
        for distance in DISTANCES:
            errors = np.zeros((len(textures), len(EIGHTHS)))
            for k, rows in enumerate(textures):
                ends = [x.round().clamp(0, 255).to(torch.uint8) for x in (rows, shift(rows, distance))]
                frames = list(interpolate(ends, arguments, multi=8))[1:8]
                for n, (made, time) in enumerate(zip(frames, EIGHTHS, strict=True)):
                    belongs = float(time) * distance
                    errors[k, n] = (distance_of(made, rows, belongs) - belongs) / distance
            print(f"| {distance:g} | " + " | ".join(f"{e:+.3f}" for e in errors.mean(0)) + " |", flush=True)


def disc(x: float) -> Tensor:
    """A bright disc on a gradient, 3×96×256, at horizontal position x; its edge is one pixel wide."""
    rows, columns_ = torch.meshgrid(torch.arange(96.0), torch.arange(256.0), indexing="ij")
    cover = (12.5 - ((rows - 48) ** 2 + (columns_ - x) ** 2).sqrt()).clamp(0, 1)
    return (40 + 170 * cover).expand(3, -1, -1).round().to(torch.uint8).contiguous()


def centre(made: Tensor) -> float:
    """The disc's horizontal position."""
    weight = (made.double().mean(0) - 40).clamp(min=0)
    return float((weight.sum(0) * torch.arange(256.0)).sum() / weight.sum())


def steps(data: Path, choices: dict[str, dict[str, Any]]) -> None:
    """Print a row for each rate and speed."""
    del data
    print("| | " + " | ".join(choices) + " |\n|---" + "|---" * len(choices) + "|")
    for name, rate in (("50 → 60", Fraction(6, 5)), ("× 10", Fraction(10))):
        for speed in SPEEDS:
            sources = [disc(70 + speed * n) for n in range(7 if rate < 2 else 4)]
            cells = []
            for arguments in choices.values():
                last = int((len(sources) - 1) * rate)
                timing = {"factor_num": rate.numerator, "factor_den": rate.denominator}
                places = [centre(made) for made in list(interpolate(sources, arguments, **timing))[: last + 1]]
                each = [b - a for a, b in pairwise(places)]
                cells.append(f"{max(each) - min(each):.3f}, {min(each):.3f} of {speed / float(rate):.3f}")
            print(f"| {name}, {speed:g} px | " + " | ".join(cells) + " |", flush=True)


def pulsing(data: Path, choices: dict[str, dict[str, Any]]) -> None:
    """Print a row for each pan: interpolated frames at 5/2 times the rate."""
    print("| | " + " | ".join(choices) + " |\n|---" + "|---" * len(choices) + "|")
    for name, file, first, every in (
        ("slow pan", BUNNY, 400, 2), ("slow pan, later", BUNNY, 540, 2), ("city", "cityCC0.mpg", 20, 2),
    ):  # fmt: skip
        clip = footage(data, file)
        sources = [picture(clip.get_frame(first + every * n)) for n in range(7)]
        cells = []
        for arguments in choices.values():
            frames = list(interpolate(sources, arguments, multi=2.5))
            ratios = []
            for n in range(15):
                left, rest = divmod(2 * n, 5)
                if rest:
                    beside = [float(sharpness(frames[n], sources[k])) for k in (left, left + 1)]
                    ratios.append(2 / (1 / beside[0] + 1 / beside[1]))
            cells.append(f"{np.mean(ratios):.3f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


TABLES: dict[str, Callable[[Path, dict[str, dict[str, Any]]], None]] = {
    "columns": columns, "scenes": scenes, "placement": placement, "steps": steps, "pulsing": pulsing,
}  # fmt: skip


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with clips and sets")
    parser.add_argument("--model", nargs="+", default=["4.26"], help="names, or files of weights")
    parser.add_argument("--choice", nargs="+", default=["picture=published", "picture=sharp"], help="filter arguments")
    parser.add_argument("--only", nargs="+", default=list(TABLES), choices=list(TABLES))
    options = parser.parse_args()
    choices = {}
    for model in options.model:
        for text in options.choice:
            where = {"model_path": model} if Path(model).exists() else {"model": model}
            given = dict(each.split("=", 1) for each in text.split(",") if each)
            choices[f"{Path(model).parent.name or model if Path(model).exists() else model}, {text}"] = where | given
    for name in options.only:
        print(f"\n## {name}\n")
        TABLES[name](options.data, choices)


if __name__ == "__main__":
    main()
