"""Copies beside the computation race with nothing, on imitated streams that find races; and never wait."""

from __future__ import annotations

from contextlib import nullcontext
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from fake_card import CARD, FakeCard
from races import Races, Stream
from support import random_network

from vsrife.engine import Colour, Engine, HostFrame, Options, PictureFormat, Task, Timestep, levels, streams
from vsrife.engine.frame_maker import FrameMaker
from vsrife.engine.levels import Level, set_level
from vsrife.engine.transfer import HostCopy

if TYPE_CHECKING:
    from vsrife.engine.transfer import Pending

pytest.importorskip("triton", reason="Triton is not here")
FORM = PictureFormat("yuv", 8, False, 1, 1, 128, 72)
FRAMES = 6
IN_PROGRESS = 2


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> None:
    """The level with copies beside the computation, whose streams are those of the test."""
    monkeypatch.setattr(levels, "_levels", {})
    monkeypatch.setattr(streams, "_streams", {})
    set_level(CARD, Level.RING)


def film(*, waits: bool = True) -> Races:
    """Make frames of a film, some of which are in progress at once, with the detector."""
    network = random_network("nano")
    with FakeCard() as card:
        engine = Engine(network, CARD, torch.float16)
        engine.graphed = engine.estimator
        maker = FrameMaker(engine, FORM, Options())
        races = Races(card)
        with torch.inference_mode(), races:
            pending: list[Pending[Any]] = []
            for number in range(FRAMES):
                left, right = (
                    HostFrame(n, [np.zeros(FORM.shape(k), np.uint8) for k in range(3)], Colour())
                    for n in (number, number + 1)
                )
                target = [np.empty(FORM.shape(plane), np.uint8) for plane in range(3)]
                maker.cut_score(left, right)  # its thumbnails are copied, too
                pending.append(maker.render(Task(left, right, Timestep(0.5), FORM), target))
                while waits and len(pending) > IN_PROGRESS:
                    pending.pop(0).finish()
                if number == 0:
                    card.reset()  # what is made once
            assert not card.waits  # those of finished frames are the imitated events'
            for each in pending:
                each.finish()
    return races


def test_frames_in_progress_race_with_nothing() -> None:
    races = film()
    assert not races.found, races.found[:5]
    assert races.by_stream["up"] == FRAMES + 1
    assert races.by_stream["down"] == 2 * FRAMES  # the frames, and the thumbnails of each pair
    assert races.by_stream["compute"] > 20 * FRAMES


def test_at_the_other_levels_there_is_one_stream() -> None:
    set_level(CARD, Level.GRAPHS)
    races = film()
    assert not races.found
    assert set(races.by_stream) == {"compute"}


def without(owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, name, lambda *_, **__: None)


def test_work_that_does_not_wait_for_the_upload_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Stream, "wait_stream", lambda self, other: None if other.name == "up" else self.clock.update(other.clock)
    )
    assert any(" on compute and " in race and race.endswith(" on up") for race in film().found)


def test_a_download_that_does_not_wait_for_the_work_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        Stream, "wait_stream", lambda self, other: None if self.name == "down" else self.clock.update(other.clock)
    )
    assert any("copy_ on down and " in race for race in film().found)


def test_memory_that_is_used_again_too_early_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    without(Races, "share", monkeypatch)
    found = film(waits=False).found
    assert any(race.startswith("memory of up is used again before ") for race in found), found[:3]
    assert any(race.startswith("memory of compute is used again before copy_ on down") for race in found), found[:3]


def test_a_frame_that_is_read_before_it_is_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    without(Races, "wait", monkeypatch)
    assert any("the host on host and copy_ on down" in race for race in film().found)


def test_cards_have_streams_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "Stream", made.append)
    cards = [torch.device("cuda", index) for index in range(2)]
    for card in cards:
        set_level(card, Level.RING)
    first, second = (streams.copy_streams(card) for card in cards)
    assert first is not second
    assert streams.copy_streams(cards[0]) is first
    assert made == [cards[0]] * 2 + [cards[1]] * 2
    set_level(cards[1], Level.GRAPHS)
    assert streams.copy_streams(cards[1]) is None


def test_a_card_that_falls_back_copies_on_one_stream_from_the_next_frame_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames in progress are finished as they began."""
    event = SimpleNamespace(query=lambda: True, record=lambda *_: None)
    monkeypatch.setattr(torch.cuda, "Event", lambda **_: event)
    stream = SimpleNamespace(wait_stream=lambda _: None)
    with FakeCard():
        monkeypatch.setattr(torch.cuda, "Stream", lambda _: stream)
        monkeypatch.setattr(torch.cuda, "stream", lambda _: nullcontext())
        monkeypatch.setattr(torch.Tensor, "record_stream", lambda *_: None)
        copy = HostCopy(torch.zeros(4, device=CARD))
        set_level(CARD, Level.EAGER)
        again = HostCopy(torch.zeros(4, device=CARD))
        assert copy.get().shape == again.get().shape == (4,)
