"""Engines that stay loaded for a while."""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

import torch

from vsrife.engine import kept
from vsrife.engine.kept import Kept

if TYPE_CHECKING:
    import pytest

CPU = torch.device("cpu")


class Loaded:
    """Anything that can be referenced weakly."""


def test_the_last_two_are_kept() -> None:
    objects = Kept[Loaded](CPU)
    references = []
    for name in ("a", "b", "a", "c"):
        loaded = Loaded()
        references.append(weakref.ref(loaded))
        objects.keep(name, loaded)
    del loaded
    assert [reference() is not None for reference in references] == [False, False, True, True]
    objects.release()
    assert not any(reference() for reference in references)


def test_none_is_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "SECONDS", 0.05)
    ended = threading.Event()
    loaded = Loaded()
    weakref.finalize(loaded, ended.set)
    Kept[Loaded](CPU).keep("a", loaded)
    del loaded
    assert ended.wait(60)


def test_asking_again_starts_the_time_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(kept, "time", type("Clock", (), {"monotonic": staticmethod(lambda: now[0])}))
    timers: list[threading.Timer] = []
    monkeypatch.setattr(threading.Timer, "start", lambda timer: timers.append(timer))
    objects, loaded = Kept[Loaded](CPU), Loaded()
    alive = weakref.ref(loaded)
    objects.keep("a", loaded)
    now[0] = kept.SECONDS - 1
    objects.keep("a", loaded)
    del loaded
    now[0] = kept.SECONDS
    timers[-1].function()
    assert alive() is not None
    assert timers[-1].interval == kept.SECONDS - 1
    now[0] = 2 * kept.SECONDS
    timers[-1].function()
    assert alive() is None
    assert len(timers) == 2
