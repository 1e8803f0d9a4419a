"""Makes the pictures of docs/arguments.md and docs/gallery.md with the filter itself.

python scripts/doc_pictures.py bigbuckbunny.mp4 [docs/pictures]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
import vapoursynth as vs
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont
from vapoursynth import core

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Picture = NDArray[np.uint8]
    Panel = tuple[str, Picture]

GAP, LINE, TEXT = 8, 24, 16
INK, PAPER = (30, 34, 40), (255, 255, 255)
BLUE, ORANGE, GREY = "#1769c4", "#d9730d", "#5b6470"
MOVING = 40
"""A frame of the film with much motion to the next ones."""


def main(film: Path, folder: Path) -> None:
    """Make all of them."""
    clip = core.bs.VideoSource(str(film), cachemode=0)
    small = clip.resize.Spline36(640, 360, format=vs.RGB24, matrix_in=vs.MATRIX_BT709)
    tables = {
        "show.jpg": show(small),
        "scale.jpg": scale(small),
        "ensemble.jpg": ensemble(small),
        "picture.jpg": picture_step(small),
        "sc_mode.jpg": sc_mode(small),
        "protect.png": protect(small),
    }
    for name, rows in tables.items():
        save(rows, folder / name)
    dedup(folder / "dedup.png")
    for name, sides in sliders(small).items():
        for side, picture in zip(("left", "right"), sides, strict=True):
            Image.fromarray(picture).save(folder / f"{name}-{side}.webp", quality=82, method=6)


def sliders(clip: vs.VideoNode) -> dict[str, tuple[Picture, Picture]]:
    """Two pictures of the same place by name: without an argument, and with it."""
    pair = clip[MOVING] + clip[MOVING + 4]
    published, sharp = (pixels(core.rife.RIFE(pair, multi=4, picture=form), 1) for form in ("published", "sharp"))
    truth = pixels(clip, MOVING + 1).astype(int)
    box = busiest((np.abs(published - truth) - np.abs(sharp - truth)).sum(2), 54, 96)
    blurred = core.rife.RIFE(pair, multi=1, shutter=360)
    film = clip[MOVING] + core.std.BlankClip(clip, length=1, color=[12, 12, 16]) + clip[MOVING + 2]
    return {
        "picture": (grown(published[box], 5), grown(sharp[box], 5)),
        "bars": letterboxed(clip),
        "still": captioned(clip),
        "shutter": (fitted(pixels(clip, MOVING)), fitted(pixels(blurred, 0))),
        "replace": (fitted(pixels(film, 1)), fitted(pixels(core.rife.Replace(film, frames=[1]), 1))),
    }


def letterboxed(clip: vs.VideoNode) -> tuple[Picture, Picture]:
    """The edge of a film with black bars that pans, with `bars=0` and `bars=1`."""
    parts = [clip[MOVING].std.CropAbs(640, 240, top=top).std.AddBorders(top=60, bottom=60) for top in (100, 84)]
    off, on = (pixels(core.rife.RIFE(parts[0] + parts[1], bars=bars), 1) for bars in (0, 1))
    rows = slice(42, 69)
    columns = busiest(np.abs(off[rows].astype(int) - on[rows]).sum(2), 27, 48)[1]
    return grown(off[rows, columns], 10), grown(on[rows, columns], 10)


def captioned(clip: vs.VideoNode) -> tuple[Picture, Picture]:
    """A line of text that stands still before a film that pans, with `still=0` and `still=1`."""
    whole = pixels(clip, MOVING)
    frames = [clip_of(written(whole[60:330, x : x + 480])) for x in (0, 24, 48, 72)]
    film = core.std.Splice(frames)
    off, on = (pixels(core.rife.RIFE(film, still=still), 3) for still in (0, 1))
    box = slice(68, 203), slice(120, 360)
    return grown(off[box], 2), grown(on[box], 2)


def fitted(picture: Picture) -> Picture:
    """A picture of 640×360 at the size of the others."""
    return np.asarray(Image.fromarray(picture).resize((480, 270), Image.Resampling.LANCZOS))


def pixels(clip: vs.VideoNode, n: int) -> Picture:
    """Frame n of an RGB24 clip, H×W×3."""
    with clip.get_frame(n) as frame:
        return np.stack([np.asarray(frame[plane]) for plane in range(3)], 2).astype(np.uint8)


def show(clip: vs.VideoNode) -> list[list[Panel]]:
    """The four drawings: half-way between two frames, and at a cut."""
    clip = clip.resize.Spline36(480, 270)
    left, right = clip[MOVING], clip[MOVING + 2]
    other = close_up(clip)
    pairs = {"flow": left + right, "mask": left + right, "time": left + right, "cuts": left + other}
    panels = [(f'show="{name}"', pixels(core.rife.RIFE(pair, show=name), 1)) for name, pair in pairs.items()]
    return [panels[:2], panels[2:]]


def close_up(clip: vs.VideoNode) -> vs.VideoNode:
    """Another shot, of the same size: a part of the picture, enlarged."""
    width, height = clip.width, clip.height
    part = {"src_left": 0.61 * width, "src_top": 0.36 * height, "src_width": 0.3 * width, "src_height": 0.3 * height}
    return clip[MOVING].resize.Spline36(width, height, **part)


def scale(clip: vs.VideoNode) -> list[list[Panel]]:
    """Motion over two frames, found at three sizes."""
    pair = clip[MOVING] + clip[MOVING + 2]
    made = [(f"scale={size:g}", pixels(core.rife.RIFE(pair, show="flow", scale=size), 1)) for size in (0.25, 1, 4)]
    return [[(text, shrunk(picture, 2)) for text, picture in made]]


def ensemble(clip: vs.VideoNode) -> list[list[Panel]]:
    """A frame made by one look and by eight, and the true one: where they differ most."""
    pair, truth = clip[MOVING] + clip[MOVING + 2], pixels(clip, MOVING + 1)
    one, eight = (pixels(core.rife.RIFE(pair, ensemble=looks), 1) for looks in (0, 8))
    box = busiest(np.abs(one.astype(int) - eight).sum(2), 100, 150)
    panels = [("one look", one), ("ensemble=8", eight), ("the dropped frame", truth)]
    return [[(text, grown(picture[box], 2)) for text, picture in panels]]


def picture_step(clip: vs.VideoNode) -> list[list[Panel]]:
    """A quarter of the way between two frames, in both forms, and the true frame: where the forms differ most."""
    pair, truth = clip[MOVING] + clip[MOVING + 4], pixels(clip, MOVING + 1)
    published, sharp = (pixels(core.rife.RIFE(pair, multi=4, picture=form), 1) for form in ("published", "sharp"))
    box = busiest(np.abs(published.astype(int) - sharp).sum(2), 100, 150)
    panels = [('picture="published"', published), ('picture="sharp"', sharp), ("the dropped frame", truth)]
    return [[(text, grown(picture[box], 2)) for text, picture in panels]]


def sc_mode(clip: vs.VideoNode) -> list[list[Panel]]:
    """From one shot to another, by each mode."""
    clip = clip.resize.Spline36(160, 90)
    left, right = clip[MOVING], close_up(clip)
    rows = []
    for mode in ("hold", "nearest", "blend"):
        made = core.rife.RIFE(left + right, multi=4, sc_mode=mode)
        texts = (f'"{mode}": A', "A + 1/4", "A + 1/2", "A + 3/4", "B")
        rows.append([(text, pixels(made, n)) for n, text in enumerate(texts)])
    return rows


def protect(clip: vs.VideoNode) -> list[list[Panel]]:
    """A line of text that stands still over a picture that moves."""
    width, height, top = 300, 90, 30
    picture = pixels(clip, MOVING)[180 : 180 + height]
    frames = [written(picture[:, x : x + width]) for x in (200, 240)]
    pair = core.std.Splice([clip_of(frame) for frame in frames])
    mask = core.std.BlankClip(format=vs.GRAY8, width=width, height=height - 2 * top, length=1, color=255)
    mask = core.std.AddBorders(mask, top=top, bottom=top)
    panels = [("left frame", frames[0]), ("right frame", frames[1])]
    panels += [
        ("made", pixels(core.rife.RIFE(pair), 1)),
        ("with protect", pixels(core.rife.RIFE(pair, protect=mask), 1)),
    ]
    return [panels[:2], panels[2:]]


def written(picture: Picture) -> Picture:
    """A picture with a line of text."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    middle = (image.width / 2, image.height / 2)
    draw.text(
        middle, "Where are we going?", (255, 255, 255), font(22), anchor="mm", stroke_width=2, stroke_fill=(0, 0, 0)
    )
    return np.asarray(image)


def dedup(path: Path) -> None:
    """Where a ball drawn on twos is in each output frame, with and without `dedup`."""
    places = [20 + 12 * (n // 2) for n in range(12)]
    clip = core.std.Splice([clip_of(ball(x)) for x in places])
    lines = {
        "source, on twos": clip,
        "multi=2": core.rife.RIFE(clip),
        "multi=2, dedup=1": core.rife.RIFE(clip, dedup=1),
    }
    mpl.rcParams.update({"font.size": 10, "axes.edgecolor": GREY, "text.color": GREY})
    figure = Figure(figsize=(6.4, 3), layout="constrained")
    axes = figure.subplots()
    for (label, of), colour, mark in zip(lines.items(), (GREY, ORANGE, BLUE), ("s", "o", "o"), strict=True):
        rate = of.num_frames // clip.num_frames
        measured = [place(pixels(of, n)) for n in range(of.num_frames)]
        size = 6 if rate == 1 else 3.5
        axes.plot([n / rate for n in range(len(measured))], measured, mark, color=colour, markersize=size, label=label,
                  fillstyle="none" if rate == 1 else "full")  # fmt: skip
    axes.set(xlabel="time, in source frames", ylabel="the ball's place, pixels", xlim=(-0.3, 10.3), ylim=(14, 88))
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=110, facecolor="white")


def ball(x: float) -> Picture:
    """An orange ball before a dark picture with some texture."""
    rows, columns = np.mgrid[0:96, 0:128]
    picture = np.empty((96, 128, 3))
    picture[:] = (60 + 12 * np.sin(rows / 5) * np.cos(columns / 7))[..., None]
    inside = np.clip(10.5 - np.hypot(rows - 48, columns - x), 0, 1)[..., None]
    return (picture * (1 - inside) + np.array([255, 150, 30]) * inside).round().astype(np.uint8)


def place(picture: Picture) -> float:
    """The column of the ball's centre."""
    orange = np.clip(picture[..., 0].astype(float) - picture[..., 2] - 20, 0, None).sum(0)
    return float((orange * np.arange(len(orange))).sum() / orange.sum())


def clip_of(picture: Picture) -> vs.VideoNode:
    """A clip of one RGB24 frame."""
    height, width = picture.shape[:2]
    blank = core.std.BlankClip(format=vs.RGB24, width=width, height=height, length=1, fpsnum=24, keep=True)

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        out = f.copy()
        for plane in range(3):
            np.copyto(np.asarray(out[plane]), picture[..., plane])
        return out

    return core.std.ModifyFrame(blank, blank, fill)


def busiest(amount: NDArray[np.int_], height: int, width: int) -> tuple[slice, slice]:
    """The window of a size that holds most."""
    total = np.pad(amount, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    held = total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]
    top, left = np.unravel_index(held.argmax(), held.shape)
    return slice(int(top), int(top) + height), slice(int(left), int(left) + width)


def shrunk(picture: Picture, by: int) -> Picture:
    """A picture at 1/by of its size."""
    return np.asarray(Image.fromarray(picture).reduce(by))


def grown(picture: Picture, by: int) -> Picture:
    """A picture with every pixel by × by times."""
    return picture.repeat(by, 0).repeat(by, 1)


def save(rows: Sequence[Sequence[Panel]], path: Path) -> None:
    """Panels with a line above each."""
    height, width = rows[0][0][1].shape[:2]
    columns = max(map(len, rows))
    size = (columns * (width + GAP) + GAP, len(rows) * (height + LINE + GAP) + GAP)
    sheet = Image.new("RGB", size, PAPER)
    draw = ImageDraw.Draw(sheet)
    for row, panels in enumerate(rows):
        for column, (text, picture) in enumerate(panels):
            x, y = GAP + column * (width + GAP), GAP + row * (height + LINE + GAP)
            draw.text((x, y + LINE / 2), text, INK, font(TEXT), anchor="lm")
            sheet.paste(Image.fromarray(picture), (x, y + LINE))
    sheet.save(path, quality=88) if path.suffix == ".jpg" else sheet.save(path, optimize=True)


def font(size: int) -> ImageFont.FreeTypeFont:
    """The one that matplotlib carries."""
    return ImageFont.truetype(Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).parents[1] / "docs" / "pictures")
