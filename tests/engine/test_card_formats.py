"""Every route through the engine keeps to a CUDA card: formats, ways to make a frame, options, precisions, networks.

On fake tensors, see `fake_card`, with small networks and pictures; what a route costs there is bounded, too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from fake_card import CARD, FakeCard
from support import random_network

from vsrife.engine import (
    Colour,
    Engine,
    HostFrame,
    Interpolator,
    Options,
    Overlay,
    PictureFormat,
    RenderMode,
    Task,
    Timestep,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vsrife.networks import IFNet, LegacyNetwork

pytest.importorskip("triton", reason="Triton is not here")
WIDTH, HEIGHT = 84, 52
"""Sides that neither a network's alignment nor 16 divides."""
FAMILIES = {
    "gray": ("gray", 0, 0),
    "rgb": ("rgb", 0, 0),
    "420": ("yuv", 1, 1),
    "422": ("yuv", 1, 0),
    "444": ("yuv", 0, 0),
}
SAMPLES = {"8": (8, False), "10": (10, False), "16": (16, False), "half": (16, True), "single": (32, True)}
FORMATS = [f"{family} {samples}" for family in FAMILIES for samples in SAMPLES]
IN_FULL = ("420 8", "422 10", "444 single", "rgb half", "gray 16")
"""Formats that are made in every way, each family and each kind of samples once."""
IN_BRIEF = ("made", "times", "blurred", "companion", "repeats", "show flow")
SMALL = "nano"
NETWORKS = ("4.0", "4.4", "4.6", "4.14.lite", "4.25.lite", "4.26", "paper", "paper-2r", "3.8", "4.0.refine")
"""One of each architecture: with and without a head, doubled scales, summed masks, hidden channels, before 4.x."""
HALF = Timestep(0.5, motion_at=0.5)
MAP = np.full((HEIGHT, WIDTH), 0.3, np.float32)


def form_of(name: str, width: int = WIDTH, height: int = HEIGHT) -> PictureFormat:
    family, samples = name.split()
    kind, *subsampling = FAMILIES[family]
    return PictureFormat(kind, *SAMPLES[samples], *subsampling, width, height)


def frame(form: PictureFormat, number: int, clip: int = 0) -> HostFrame:
    return HostFrame(number, target(form), Colour(), clip)


def target(form: PictureFormat) -> list[np.ndarray]:
    return [np.zeros(form.shape(plane), form.dtype) for plane in range(form.planes)]


class Route:
    """Asks an interpolator for frames of one format."""

    def __init__(self, interpolator: Interpolator, form: PictureFormat) -> None:
        self.interpolator, self.form = interpolator, form
        self.ends = frame(form, 0), frame(form, 1)

    def render(self, timestep: Timestep = HALF, form: PictureFormat | None = None, **changes: object) -> None:
        self.interpolator.render(Task(*self.ends, timestep, form or self.form, **changes), target(form or self.form))

    def blur(self) -> None:
        task = Task(*self.ends, Timestep(0.25), self.form, until=0.75)
        self.interpolator.blur([task, replace(task, weight=2.0)], target(self.form))

    def companion(self) -> None:
        """A larger one, of another format."""
        form = form_of("rgb 16", 2 * WIDTH, 2 * HEIGHT)
        self.render(form=form, companions=(frame(form, 0, 1), frame(form, 1, 1)))


CALLS: dict[str, Callable[[Route], object]] = {
    "made": Route.render,
    "made unless cut": lambda route: route.interpolator.render_unless_cut(
        Task(*route.ends, HALF, route.form), target(route.form), 2
    ),
    "near an end": lambda route: route.render(Timestep(0.1, motion_at=0.5)),
    "shared": lambda route: route.render(Timestep(0.4, motion_at=0.4, shares_motion=True)),
    "times": lambda route: route.render(Timestep(map=MAP)),
    "protected": lambda route: route.render(protect=MAP),
    "faded": lambda route: route.render(mode=RenderMode.CROSSFADE),
    "faded by times": lambda route: route.render(Timestep(map=MAP), mode=RenderMode.CROSSFADE),
    "right": lambda route: route.render(mode=RenderMode.RIGHT),
    "blurred": Route.blur,
    "companion": Route.companion,
    "motion": lambda route: route.interpolator.write_motion(
        *route.ends, HALF, np.zeros((5 * HEIGHT, WIDTH), np.float32)
    ),
    "cut": lambda route: route.interpolator.cut_score(*route.ends),
    "repeats": lambda route: route.interpolator.repeats(*route.ends),
    "psnr": lambda route: route.interpolator.luma_psnr(*route.ends),
} | {
    f"show {show}": lambda route, show=show: route.render(overlay=Overlay(show, "made", 0.5, 0.1))
    for show in ("flow", "mask", "time", "cuts")
}
WAITS = {"times": 2, "faded by times": 3, "protected": 2, "blurred": 3, "repeats": 3} | dict.fromkeys(
    ("show flow", "show mask", "show time", "show cuts"), 8
)
"""The most waits of a call, 1 where nothing is said: maps and colours come from pageable memory, and blurs ask how
far things move."""


@pytest.fixture(scope="module")
def networks() -> dict[str, IFNet | LegacyNetwork]:
    return {name: random_network(name) for name in (SMALL, *NETWORKS)}


@pytest.fixture(scope="module")
def card(networks: dict[str, IFNet | LegacyNetwork]) -> Iterator[FakeCard]:
    with FakeCard() as card:
        yield card


@pytest.fixture(scope="module")
def engine(networks: dict[str, IFNet | LegacyNetwork], card: FakeCard) -> Engine:
    return proven(networks[SMALL])


def proven(network: IFNet | LegacyNetwork, dtype: torch.dtype = torch.float16, *, compiled: bool = True) -> Engine:
    engine = Engine(network, CARD, dtype, compiled=compiled)
    engine.fault = ""
    return engine


@pytest.mark.parametrize("name", FORMATS)
def test_every_way_to_make_a_frame(name: str, engine: Engine, card: FakeCard) -> None:
    """The network runs once for each time, as its motion does not depend on the planes."""
    form = form_of(name)
    route = Route(Interpolator(engine, form, Options(keep_motions=True)), form)
    CALLS["made unless cut"](route)
    for what in CALLS if name in IN_FULL else IN_BRIEF:
        card.reset()
        CALLS[what](route)
        waits = sum(card.waits.values())
        assert waits <= WAITS.get(what, 1), (what, card.waits)
        pinned = 2 if what == "companion" else 0
        assert sum(card.copies.values()) <= waits + pinned, (what, card.copies)


OPTIONS = [
    Options(ensemble=2), Options(ensemble=4, mask="mean"), Options(scale=0.5), Options(scale=2),
    Options(picture="published"), Options(estimates="pair"), Options(bars=True), Options(still=True),
]  # fmt: skip


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_option(options: Options, engine: Engine, card: FakeCard) -> None:
    form = form_of("420 8")
    route = Route(Interpolator(engine, form, options), form)
    for plane in (*route.ends[0].planes, *route.ends[1].planes):
        plane[plane.shape[0] // 4 : -plane.shape[0] // 4, ::3] = 200  # a picture between bars
    for what in ("made", "times", "companion"):
        CALLS[what](route)


def test_a_companion_is_uploaded_once(engine: Engine, card: FakeCard) -> None:
    """Each frame of the clip and of two companions once, whatever the number of outputs."""
    form, other = form_of("420 8"), form_of("rgb half")
    interpolator = Interpolator(engine, form, Options(keep_motions=True))
    card.reset()
    for left in range(3):
        ends = frame(form, left), frame(form, left + 1)
        for time in (0.25, 0.5):
            for clip in (1, 2):
                companions = frame(other, left, clip), frame(other, left + 1, clip)
                task = Task(*ends, Timestep(time), other, companions=companions)
                interpolator.render(task, target(other))
    assert card.uploads() == 3 * 4
    cache = interpolator._recovery._makers[0]._frames
    size = cache.size
    cache.release()
    assert cache.size == 0 < 2 * 4 * 3 * 2 * WIDTH * HEIGHT < size


@pytest.mark.parametrize("name", ["420 8", "444 half"])
def test_bands(name: str, engine: Engine, card: FakeCard) -> None:
    form = form_of(name)
    interpolator = Interpolator(engine, form, Options())
    interpolator._recovery._makers[0] = interpolator._recovery._makers[0].in_bands(16)
    for what in ("made", "times", "companion"):
        CALLS[what](Route(interpolator, form))


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network(name: str, networks: dict[str, IFNet | LegacyNetwork], card: FakeCard) -> None:
    form, engine = form_of("420 8"), proven(networks[name])
    for ensemble in (0, 1) if engine.has_ensemble else (0, 2):
        Route(Interpolator(engine, form, Options(ensemble=ensemble)), form).render()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_every_precision(dtype: torch.dtype, networks: dict[str, IFNet | LegacyNetwork], card: FakeCard) -> None:
    form = form_of("420 10")
    Route(Interpolator(proven(networks[SMALL], dtype), form, Options()), form).render()


def test_pytorch_alone(networks: dict[str, IFNet | LegacyNetwork], card: FakeCard) -> None:
    engine = proven(networks[SMALL], compiled=False)
    for name in ("420 8", "rgb half"):
        form = form_of(name)
        route = Route(Interpolator(engine, form, Options(keep_motions=True)), form)
        for what in IN_BRIEF:
            CALLS[what](route)
