"""The two functions a native node calls: which source frames output n needs, and filling it."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from vsrife.errors import RifeError
from vsrife.plugin.formats import source_planes, target_planes, weights
from vsrife.plugin.pairing import Decision, Need, Pairing
from vsrife.plugin.properties import colour, duration, guesses, own_duration, position, scene_changes, span
from vsrife.plugin.schedule import far_from

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from fractions import Fraction

    import vapoursynth as vs
    from numpy.typing import NDArray

    from vsrife.engine import HostFrame, Interpolator, PictureFormat
    from vsrife.plugin.arguments import Arguments
    from vsrife.plugin.pairing import Key
    from vsrife.plugin.schedule import Schedule

    Have = Mapping[Key, vs.VideoFrame]

__all__ = ["Call", "MotionRenderer", "PictureRenderer", "one_line"]

LONGEST_SPAN = 32
"""Source frames whose own durations an output frame sums."""


@dataclass(frozen=True)
class Call:
    """What all nodes of one call of the filter share. Holds no node and no frame: nothing keeps itself alive."""

    schedule: Schedule
    arguments: Arguments
    interpolator: Interpolator
    form: PictureFormat
    pairing: Pairing
    log: Callable[[str], None]
    warn: Callable[[str], None]
    warned: list[bool]


class Renderer:
    """The functions of one node.

    Args:
        call: what it shares with the others.
        roles: the part of each of the node's clips, in their order.
    """

    def __init__(self, call: Call, roles: Sequence[str]) -> None:
        self._call = call
        self._roles = tuple(roles)
        self._own = roles[0]

    def plan(self, n: int) -> dict[str, Any]:
        """The frames output n needs, as far as that can be told."""
        try:
            return self._request(self._advance(n, {}, (), ()), {})
        except Exception as error:
            return _failed(n, error)

    def render(
        self,
        n: int,
        frames: vs.VideoFrame | Sequence[vs.VideoFrame],
        numbers: int | Sequence[int],
        clips: int | Sequence[int],
        planes: int | Sequence[int] = (),
        strides: int | Sequence[int] = (),
    ) -> dict[str, Any]:
        """Fill output frame n, say which source frame it is, or ask for more frames; returns its properties."""
        try:
            keys = [(self._roles[c], k) for c, k in zip(_listed(clips), _listed(numbers), strict=True)]
            have = dict(zip(keys, _listed(frames), strict=True))
            said = self._advance(n, have, _listed(planes), _listed(strides))
            return self._request(said, have) if isinstance(said, Need) else said
        except Exception as error:
            return _failed(n, error)

    def _advance(self, n: int, have: Have, planes: Sequence[int], strides: Sequence[int]) -> dict[str, Any] | Need:
        decision = self._call.pairing.decide(n, have)
        if isinstance(decision, Need):
            return decision
        keys = self._wanted(n, decision)
        if any(key not in have for key in keys):
            return Need(keys)
        return self._answer(n, decision, have, planes, strides)

    @abstractmethod
    def _wanted(self, n: int, decision: Decision) -> tuple[Key, ...]:
        """The frames a decision is carried out with."""

    @abstractmethod
    def _answer(
        self, n: int, decision: Decision, have: Have, planes: Sequence[int], strides: Sequence[int]
    ) -> dict[str, Any]:
        """Carry it out."""

    def _request(self, said: dict[str, Any] | Need, have: Have) -> dict[str, Any]:
        """Ask the native node for what is missing, and for an output to write to."""
        assert isinstance(said, Need)
        keys = [key for key in dict.fromkeys(said.keys) if key not in have]
        return {
            "frames": [number for _, number in keys],
            "clips": [self._roles.index(role) for role, _ in keys],
            "write": 1,
        }

    def _shown(self, n: int, decision: Decision) -> int:
        """The source frame whose properties the output has: the one that is shown, or is at or before it."""
        if decision.take is not None:
            return decision.take
        return min(self._call.pairing.timeline.at(n).left, self._call.pairing.timeline.frames - 1)

    def _spanned(self, n: int) -> list[Key]:
        """Source frames whose durations count: the left one, and all that are covered where the rate is unknown."""
        schedule = self._call.schedule
        if not schedule.step:
            return []
        moment, last = schedule.timeline.at(n), schedule.timeline.frames - 1
        end = moment.left
        if not schedule.clip_fps:
            end = min(math.ceil(moment.left + moment.timestep + schedule.step) - 1, end + LONGEST_SPAN)
        return [(self._own, number) for number in range(min(moment.left, last), min(end, last) + 1)]

    def _seconds(self, n: int, shown: int, have: Have) -> Fraction | None:
        """How long output n lasts: what the timeline says, or its source frames' share."""
        schedule = self._call.schedule
        known = schedule.timeline.duration(n)
        if known is not None or not schedule.step:
            return known
        own = own_duration(have[self._own, shown].props)
        differs = own is not None and schedule.clip_fps > 0 and far_from(own, schedule.clip_fps)
        if differs and schedule.target:
            self._warn_of_variable_rate(shown, own)
        if schedule.clip_fps and schedule.fps and not (differs and not schedule.target):
            return 1 / schedule.fps
        moment = schedule.timeline.at(n)
        durations = {k: own_duration(frame.props) for (role, k), frame in have.items() if role == self._own}
        known_durations = {k: seconds for k, seconds in durations.items() if seconds is not None}
        return span(moment.left + moment.timestep, schedule.step, known_durations)

    def _warn_of_variable_rate(self, shown: int, own: Fraction | None) -> None:
        call = self._call
        if not call.warned[0]:
            call.warned[0] = True
            call.warn(
                f"frame {shown} lasts {own} s, which is not the clip's frame rate: where frames differ in duration, "
                "vfr=1 or timecodes= keeps picture and sound together"
            )

    def _absolute_time(self, n: int, shown: int, have: Have) -> dict[str, float]:
        """The moment's own time where the frame that is shown has one and the left one says how long it lasts."""
        moment = self._call.schedule.timeline.at(n)
        left = have.get((self._own, moment.left))
        start, own = have[self._own, shown].props.get("_AbsoluteTime"), own_duration(left.props) if left else None
        if not isinstance(start, float) or own is None or not 0 <= shown - moment.left <= 1:
            return {}
        return {"_AbsoluteTime": start + float((moment.left - shown + moment.timestep) * own)}

    def _colour(self, frame: vs.VideoFrame, form: PictureFormat) -> Any:
        matrix = self._call.arguments.matrix_number
        is_rgb = form.family == "rgb"
        return colour(frame.props, is_rgb=is_rgb, width=form.width, height=form.height, matrix=matrix)

    def _source(self, role: str, number: int, have: Have, form: PictureFormat) -> HostFrame:
        from vsrife.engine import HostFrame

        frame = have[role, number]
        if role == "clip":
            matrix = self._call.arguments.matrix_number
            for guess in guesses(frame.props, form.family, form.width, form.height, matrix):
                self._call.log(guess)
        return HostFrame(number, source_planes(frame), self._colour(frame, form))


class PictureRenderer(Renderer):
    """Of the clip itself, or of another (`companion`) that is moved along its motion.

    Args:
        call: what it shares with the others.
        roles: the part of each of the node's clips; the first is the one whose planes are moved.
        form: the format of that clip.
        single: those of its clips that have one frame for all.
    """

    def __init__(self, call: Call, roles: Sequence[str], form: PictureFormat, single: frozenset[str]) -> None:
        super().__init__(call, roles)
        self._form = form
        self._single = single

    def _wanted(self, n: int, decision: Decision) -> tuple[Key, ...]:
        shown = self._shown(n, decision)
        keys = [(self._own, shown)]
        if decision.take is None or self._call.arguments.show:
            ends = (decision.left, decision.right)
            keys += [(role, end) for role in ("clip", self._own) for end in ends]
            if "protect" in self._roles:
                keys += [("protect", self._at("protect", end)) for end in ends]
            if "times" in self._roles:
                keys.append(("times", self._at("times", decision.left)))
        return (*keys, *self._spanned(n))

    def _answer(
        self, n: int, decision: Decision, have: Have, planes: Sequence[int], strides: Sequence[int]
    ) -> dict[str, Any]:
        shown = self._shown(n, decision)
        written = decision.take is None or self._call.arguments.show
        if written:
            self._write(decision, have, target_planes(self._form, planes, strides))
        index = list(have).index((self._own, shown))
        return {
            "like" if written else "take": index,
            **self._properties(n, decision, shown, have),
        }

    def _at(self, role: str, number: int) -> int:
        return 0 if role in self._single else number

    def _write(self, decision: Decision, have: Have, target: Sequence[NDArray[Any]]) -> None:
        from vsrife.engine import Overlay, RenderMode, Task, Timestep

        call = self._call
        left, right = (self._source("clip", end, have, call.form) for end in (decision.left, decision.right))
        companions = None
        if self._own == "companion":
            companions = (
                self._source("companion", decision.left, have, self._form),
                self._source("companion", decision.right, have, self._form),
            )
        timestep = Timestep(float(decision.timestep))
        if "times" in self._roles:
            times = weights(have["times", self._at("times", decision.left)])
            if decision.kind == "cut" and call.arguments.sc_mode == "nearest":
                times = (times >= 0.5).astype(np.float32)
            timestep = Timestep(map=times)
        protect = None
        if "protect" in self._roles:
            ends = [weights(have["protect", self._at("protect", end)]) for end in (decision.left, decision.right)]
            protect = np.maximum(*ends)
        mode = RenderMode.INTERPOLATE if decision.kind == "made" else RenderMode.CROSSFADE
        if decision.take is not None:
            mode = RenderMode.RIGHT if decision.take == decision.right else RenderMode.LEFT
        overlay = None
        if call.arguments.show:
            score = decision.score or 0.0
            overlay = Overlay(call.arguments.show, decision.kind, float(decision.timestep), score)
        call.interpolator.render(Task(left, right, timestep, self._form, mode, companions, protect, overlay), target)

    def _properties(self, n: int, decision: Decision, shown: int, have: Have) -> dict[str, Any]:
        call, properties = self._call, have[self._own, shown].props
        nearest = call.arguments.sc_mode == "nearest"
        return {
            **({} if "times" in self._roles else position(decision)),
            **duration(self._seconds(n, shown, have)),
            **scene_changes(properties, n, shown, call.schedule.timeline, nearest=nearest),
            **self._absolute_time(n, shown, have),
            **({"RifeShow": _described(decision)} if call.arguments.show in ("cuts", "time") else {}),
        }


class MotionRenderer(Renderer):
    """Of flow and mask, five pictures one below another.

    Args:
        call: what it shares with the others.
        roles: the part of each of the node's clips.
        form: of the output.
    """

    def __init__(self, call: Call, roles: Sequence[str], form: PictureFormat) -> None:
        super().__init__(call, roles)
        self._form = form

    def _wanted(self, n: int, decision: Decision) -> tuple[Key, ...]:
        return ("clip", self._shown(n, decision)), ("clip", decision.left), ("clip", decision.right), *self._spanned(n)

    def _answer(
        self, n: int, decision: Decision, have: Have, planes: Sequence[int], strides: Sequence[int]
    ) -> dict[str, Any]:
        (target,) = target_planes(self._form, planes, strides)
        if decision.kind == "made":
            left, right = (self._source("clip", end, have, self._call.form) for end in (decision.left, decision.right))
            from vsrife.engine import Timestep

            timestep = Timestep(float(decision.timestep))
            self._call.interpolator.write_motion(left, right, timestep, target)
        else:
            target[:] = 0
            if decision.take in (None, decision.left):
                target[-self._call.form.height :] = 1
        shown = self._shown(n, decision)
        return {
            "like": list(have).index(("clip", shown)),
            **position(decision),
            **duration(self._seconds(n, shown, have)),
            **self._absolute_time(n, shown, have),
        }


def _described(decision: Decision) -> str:
    score = "" if decision.score is None else f"  cut score {decision.score:.3f}"
    return f"{decision.left} + {decision.timestep} to {decision.right}  {decision.kind}{score}"


def _failed(n: int, error: Exception) -> dict[str, Any]:
    said = error.message if isinstance(error, RifeError) else f"{type(error).__name__}: {error}"
    return {"error": one_line(f"RIFE: frame {n} failed, {said}")}


def _listed(value: Any) -> Sequence[Any]:
    """VapourSynth hands over lists of one as the one."""
    return value if isinstance(value, (list, tuple)) else [value]


def one_line(message: str) -> str:
    """A message as VapourSynth shows it."""
    return " ".join(message.split())[:1000]
