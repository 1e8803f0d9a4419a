"""Triplets to train on, from footage and synthetic scenes: drawing, augmentation (section 4.1), order in batches."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from vsrife.training.kinds import FILM, OVERLAYS, film_texture
from vsrife.training.kinds import TEXTURES as TEXTURE_KINDS
from vsrife.training.scenes import random_scene, random_texture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from vsrife.footage import WindowSet

    Picture = NDArray[np.uint8]

__all__ = ["Batches", "FootageTriplets", "SceneTriplets", "Triplet", "TripletSet", "Triplets", "augment"]

EVEN = 1e-3
"""The largest distance from the middle, as a share of the interval, of a frame that stands for t = ½."""
TEXTURES = 24
"""Textures that scenes share: generated once in each worker, in each scene with other colours, turned and zoomed."""


class Triplet(NamedTuple):
    """Three pictures of a scene: RGB, uint8, 3×H×W each, in a batch N×3×H×W.

    Args:
        img0: at time 0.
        img1: at time 1.
        truth: at `timestep`.
        timestep: 0 < t < 1; in a batch N values, fp32.
    """

    img0: Tensor
    img1: Tensor
    truth: Tensor
    timestep: Tensor


class Triplets(Protocol):
    """A source of triplets, pure functions of a number and a generator; its length is that of an epoch."""

    def __len__(self) -> int: ...

    def draw(self, index: int, rng: np.random.Generator, *, any_time: bool) -> tuple[Sequence[Picture], float]:
        """First, true and last picture, H×W×3 of one size, and the time of the true one; ½ unless `any_time`."""


@dataclass(frozen=True)
class FootageTriplets:
    """Triplets of windows cut out of films, one of each window in an epoch.

    Three frames of a window are drawn, and t is the middle one's position between the others by their real times.
    """

    windows: WindowSet

    def __len__(self) -> int:
        return len(self.windows)

    def draw(self, index: int, rng: np.random.Generator, *, any_time: bool) -> tuple[Sequence[Picture], float]:
        window = self.windows[index]
        first, middle, last = _choose_frames(np.asarray(window.times), rng, any_time=any_time)
        times = window.times
        t = (times[middle] - times[first]) / (times[last] - times[first])
        pictures = [np.asarray(window.pictures[n]) for n in (first, middle, last)]
        return pictures, float(t) if any_time else 0.5


@dataclass(frozen=True)
class SceneTriplets:
    """Triplets of synthetic scenes, each of another scene.

    Args:
        count: triplets in an epoch.
        size: sides of the pictures.
        reach: the longest motion in pixels.
        seed: of the scenes.
        kind: one of `KINDS`, or `FILM`.
        films: their pictures cover the layers of the kind `FILM`, which needs at least one.
    """

    count: int
    size: int
    reach: float = 64
    seed: int = 0
    kind: str = "noise"
    films: tuple[WindowSet, ...] = ()

    def __len__(self) -> int:
        return self.count

    @cached_property
    def _textures(self) -> list[Tensor]:
        texture = TEXTURE_KINDS.get(self.kind, random_texture)
        return [texture(np.random.default_rng((self.seed, n))) for n in range(TEXTURES)]

    def _texture(self, rng: np.random.Generator) -> Tensor:
        if self.kind == FILM:
            film = self.films[int(rng.integers(len(self.films)))]
            window = film[int(rng.integers(len(film)))]
            return film_texture(rng, np.asarray(window.pictures[int(rng.integers(len(window.pictures)))]))
        chosen = self._textures[int(rng.integers(TEXTURES))][torch.from_numpy(rng.permutation(3))]
        contrast = rng.uniform(0.6, 1) * (1 if rng.random() < 0.5 else -1)
        return 0.5 + contrast * (chosen - 0.5)

    def draw(self, index: int, rng: np.random.Generator, *, any_time: bool) -> tuple[Sequence[Picture], float]:
        scene = random_scene(rng, self.size, self.size, reach=self.reach, texture=self._texture)
        t = float(rng.uniform(0.05, 0.95)) if any_time else 0.5
        pictures = torch.stack([scene.picture(time) for time in (0, t, 1)]).numpy()
        if self.kind in OVERLAYS:
            pictures = OVERLAYS[self.kind](rng, pictures)
        return list((pictures.clip(0, 1) * 255).round().astype(np.uint8).transpose(0, 2, 3, 1)), t


class TripletSet(Dataset[Triplet]):
    """Several sources as one set. The item (epoch, index) is a pure function of these two and the seed.

    Args:
        sources: concatenated in this order.
        crop: sides of the pictures.
        seed: of all that is drawn.
        any_time: whether t is drawn, or ½.
        augments: whether crops are random, mirrored, turned, and reversed in time and in colour.
    """

    def __init__(
        self, sources: Sequence[Triplets], crop: int, seed: int = 0, *, any_time: bool, augments: bool = True
    ) -> None:
        self._sources = list(sources)
        self._ends = np.cumsum([len(source) for source in sources])
        self._crop = crop
        self._seed = seed
        self._any_time = any_time
        self._augments = augments

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, place: tuple[int, int]) -> Triplet:
        epoch, index = place
        rng = np.random.default_rng((self._seed, epoch, index))
        number = int(np.searchsorted(self._ends, index, side="right"))
        source = self._sources[number]
        own = index - int(self._ends[number]) + len(source)
        (first, truth, last), t = source.draw(own, rng, any_time=self._any_time)
        return augment(first, truth, last, t, self._crop, rng if self._augments else None)


def augment(
    first: Picture, truth: Picture, last: Picture, timestep: float, crop: int, rng: np.random.Generator | None
) -> Triplet:
    """Crop a triplet, mirror it, turn it by a quarter, and reverse it in time and in colour.

    Args:
        first: H×W×3, at time 0.
        truth: H×W×3, at `timestep`.
        last: H×W×3, at time 1.
        timestep: of the truth.
        crop: sides of the result; a smaller picture is mirrored at its border.
        rng: draws all of it; without it, the centre is cropped and nothing else done.
    """
    height, width = first.shape[:2]
    room = max(height - crop, 0), max(width - crop, 0)
    top, left = (int(rng.integers(r + 1)) if rng else r // 2 for r in room)
    pictures = np.stack([picture[top : top + crop, left : left + crop] for picture in (first, truth, last)])
    lack = [(0, 0), *((0, crop - side) for side in pictures.shape[1:3]), (0, 0)]
    if any(after for _, after in lack):
        pictures = np.pad(pictures, lack, mode="symmetric")
    if rng:
        flips = rng.random(5) < 0.5
        if flips[0]:
            pictures = pictures[:, ::-1]
        if flips[1]:
            pictures = pictures[:, :, ::-1]
        if flips[2]:
            pictures = pictures.transpose(0, 2, 1, 3)
        if flips[3]:
            pictures = pictures[..., ::-1]
        if flips[4]:
            pictures, timestep = pictures[::-1], 1 - timestep
    img0, middle, img1 = (torch.from_numpy(np.ascontiguousarray(p.transpose(2, 0, 1))) for p in pictures)
    return Triplet(img0, img1, middle, torch.tensor(timestep, dtype=torch.float32))


@dataclass
class Batches:
    """The places (epoch, index) of each batch, for one process of several; epochs follow one another without a gap.

    All processes of a step together see `batch` consecutive places of the shuffled set, each an equal share, so that
    the number of processes changes only which process sees which place.

    Args:
        length: of the set.
        batch: places in a step, of all processes; a multiple of `processes`.
        steps: number of steps.
        start: the first step.
        rank: of this process.
        processes: number of processes.
        seed: of the shuffling.
    """

    length: int
    batch: int
    steps: int
    start: int = 0
    rank: int = 0
    processes: int = 1
    seed: int = 0

    def __len__(self) -> int:
        return self.steps - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        share = self.batch // self.processes
        shuffled, order = -1, np.empty(0, np.int64)
        for step in range(self.start, self.steps):
            places = []
            for place in range(step * self.batch + self.rank * share, step * self.batch + (self.rank + 1) * share):
                epoch, index = divmod(place, self.length)
                if epoch != shuffled:
                    shuffled, order = epoch, np.random.default_rng((self.seed, epoch)).permutation(self.length)
                places.append((epoch, int(order[index])))
            yield places


def _choose_frames(times: NDArray[np.float64], rng: np.random.Generator, *, any_time: bool) -> tuple[int, int, int]:
    """Three frames of a window, the middle one half-way between the others unless `any_time`."""
    if any_time:
        first, middle, last = sorted(rng.choice(len(times), 3, replace=False))
        return int(first), int(middle), int(last)
    even = [
        (middle - reach, middle, middle + reach)
        for middle in range(1, len(times) - 1)
        for reach in range(1, min(middle, len(times) - 1 - middle) + 1)
        if abs(times[middle - reach] + times[middle + reach] - 2 * times[middle])
        <= EVEN * (times[middle + reach] - times[middle - reach])
    ]
    # where a rate varies and no frame is half-way, the nearest to it has to do
    if not even:
        middle = min(range(1, len(times) - 1), key=lambda n: abs(times[n - 1] + times[n + 1] - 2 * times[n]))
        return middle - 1, middle, middle + 1
    return even[int(rng.integers(len(even)))]
