"""Triplets to train on, out of footage and made-up scenes, and in which order each process sees them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from vsrife.training.augment import Triplet, augmented
from vsrife.training.scenes import random_scene, random_texture

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from vsrife.footage import WindowSet

    Picture = NDArray[np.uint8]

__all__ = ["Batches", "FootageTriplets", "SceneTriplets", "TripletSet", "Triplets"]

EVEN = 1e-3
"""How far from the middle, in shares of the distance, a frame may lie that stands for t = ½."""
TEXTURES = 24
"""Textures that scenes share: made once in each worker, in each scene with other colours, turned and zoomed."""


class Triplets(Protocol):
    """A source of triplets: pure functions of a number and a generator."""

    def __len__(self) -> int:
        """How many an epoch has."""

    def draw(self, index: int, rng: np.random.Generator, *, any_time: bool) -> tuple[Sequence[Picture], float]:
        """First, true and last picture, H×W×3 of one size, and the time of the true one; ½ unless `any_time`."""


@dataclass(frozen=True)
class FootageTriplets:
    """Of windows cut out of films: a triplet of each in an epoch.

    Three frames of a window are drawn, and t is where the middle one lies between the others by their real times.
    """

    windows: WindowSet

    def __len__(self) -> int:
        """How many an epoch has."""
        return len(self.windows)

    def draw(self, index: int, rng: np.random.Generator, *, any_time: bool) -> tuple[Sequence[Picture], float]:
        """See `Triplets`."""
        window = self.windows[index]
        first, middle, last = _chosen(np.asarray(window.times), rng, any_time=any_time)
        times = window.times
        t = (times[middle] - times[first]) / (times[last] - times[first])
        pictures = [np.asarray(window.pictures[n]) for n in (first, middle, last)]
        return pictures, float(t) if any_time else 0.5


@dataclass(frozen=True)
class SceneTriplets:
    """Of made-up scenes, every one of them another.

    Args:
        count: how many an epoch has.
        size: of their pictures' sides.
        reach: the farthest that things go, in pixels.
        seed: of the scenes.
    """

    count: int
    size: int
    reach: float = 64
    seed: int = 0

    def __len__(self) -> int:
        """How many an epoch has."""
        return self.count

    @cached_property
    def _textures(self) -> list[Tensor]:
        return [random_texture(np.random.default_rng((self.seed, n))) for n in range(TEXTURES)]

    def _texture(self, rng: np.random.Generator) -> Tensor:
        chosen = self._textures[int(rng.integers(TEXTURES))][torch.from_numpy(rng.permutation(3))]
        contrast = rng.uniform(0.6, 1) * (1 if rng.random() < 0.5 else -1)
        return 0.5 + contrast * (chosen - 0.5)

    def draw(self, index: int, rng: np.random.Generator, *, any_time: bool) -> tuple[Sequence[Picture], float]:
        """See `Triplets`."""
        scene = random_scene(rng, self.size, self.size, reach=self.reach, texture=self._texture)
        t = float(rng.uniform(0.05, 0.95)) if any_time else 0.5
        return [(scene.picture(time) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy() for time in (0, t, 1)], t


class TripletSet(Dataset[Triplet]):
    """Sources as one set. An item is asked for as (epoch, index): a pure function of these and the seed.

    Args:
        sources: one after another.
        crop: of the pictures' sides.
        seed: of what is drawn.
        any_time: whether t is drawn, or ½.
        augments: whether crops are random, and mirrored, turned, reversed in time and in colour.
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
        """How many an epoch has."""
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, place: tuple[int, int]) -> Triplet:
        """One triplet."""
        epoch, index = place
        rng = np.random.default_rng((self._seed, epoch, index))
        number = int(np.searchsorted(self._ends, index, side="right"))
        source = self._sources[number]
        own = index - int(self._ends[number]) + len(source)
        (first, truth, last), t = source.draw(own, rng, any_time=self._any_time)
        return augmented(first, truth, last, t, self._crop, rng if self._augments else None)


@dataclass
class Batches:
    """The places of each batch, for one process of several; the epochs follow one another without a seam.

    All processes of a step together see `batch` consecutive places of the shuffled set, each an equal share, so that
    the number of processes changes nothing but who sees what.

    Args:
        length: of the set.
        batch: places in a step, of all processes.
        steps: how many there are.
        start: the first step.
        rank: of this process.
        processes: how many there are; `batch` is a multiple.
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
        """Steps to come."""
        return self.steps - self.start

    def __iter__(self) -> Iterator[list[tuple[int, int]]]:
        """A list of (epoch, index) for each step."""
        share = self.batch // self.processes
        known, order = -1, np.empty(0, np.int64)
        for step in range(self.start, self.steps):
            places = []
            for place in range(step * self.batch + self.rank * share, step * self.batch + (self.rank + 1) * share):
                epoch, index = divmod(place, self.length)
                if epoch != known:
                    known, order = epoch, np.random.default_rng((self.seed, epoch)).permutation(self.length)
                places.append((epoch, int(order[index])))
            yield places


def _chosen(times: NDArray[np.float64], rng: np.random.Generator, *, any_time: bool) -> tuple[int, int, int]:
    """Three frames of a window, the middle one half-way unless any time will do."""
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
    # where a rate varies and no frame is half-way, the one nearest to it has to do
    if not even:
        middle = min(range(1, len(times) - 1), key=lambda n: abs(times[n - 1] + times[n + 1] - 2 * times[n]))
        return middle - 1, middle, middle + 1
    return even[int(rng.integers(len(even)))]
