"""The two functions that a native node calls: which source frames output n needs, and filling it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from vsrife.errors import RifeError
from vsrife.plugin.formats import FrameReader, alike_alphas, new_frame, picture_format, target_planes, weights
from vsrife.plugin.pairing import Decision, MissingFrames, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import vapoursynth as vs
    from numpy.typing import NDArray

    from vsrife.engine import HostFrame, Interpolator, PictureFormat, Task, Timestep
    from vsrife.plugin.advice import SlowAdvice
    from vsrife.plugin.arguments import Arguments
    from vsrife.plugin.pairing import Frames, Key, Pace, Pairing
    from vsrife.plugin.properties import OutputProperties
    from vsrife.plugin.schedule import Schedule

    Planes = Sequence[NDArray[Any]]

__all__ = ["Call", "MotionRenderer", "PictureRenderer", "one_line"]

_clips = count(1)
"""Numbers of companions, see `FrameReader`."""


@dataclass(frozen=True)
class Call:
    """What all nodes of one call of the filter share. Holds no node and no frame: nothing keeps itself alive."""

    schedule: Schedule
    arguments: Arguments
    interpolator: Interpolator
    reader: FrameReader
    pairing: Pairing
    properties: OutputProperties
    advice: SlowAdvice | None = None


class Renderer(ABC):
    """The functions of one node.

    Args:
        call: what the nodes share.
        roles: the roles of the node's clips, in their order; the first is the one whose properties outputs have.
        form: the output's format.
    """

    def __init__(self, call: Call, roles: Iterable[Role], form: PictureFormat) -> None:
        self._call = call
        self._roles = tuple(roles)
        self._own = self._roles[0]
        self._form = form
        self._judges = True
        """Whether cuts are looked for before a picture is made, and not at the same time."""

    def plan(self, n: int) -> dict[str, Any]:
        """The frames output n needs, as far as that is decided; with `passthrough` its properties too."""
        return self.render(n, (), (), ())

    def render(
        self,
        n: int,
        frames: vs.VideoFrame | Sequence[vs.VideoFrame],
        numbers: int | Sequence[int],
        clips: int | Sequence[int],
        planes: int | Sequence[int] = (),
        strides: int | Sequence[int] = (),
    ) -> dict[str, Any]:
        """Fill output n and return its properties, or pass a source frame through, or ask for what is missing."""
        try:
            keys = [(self._roles[c], k) for c, k in zip(_listed(clips), _listed(numbers), strict=True)]
            target = target_planes(self._form, _listed(planes), _listed(strides))
            return self._step(n, dict(zip(keys, _listed(frames), strict=True)), target)
        except Exception as error:
            reason = error.message if isinstance(error, RifeError) else f"{type(error).__name__}: {error}"
            return {"error": one_line(f"RIFE: frame {n} failed, {reason}")}

    def _step(self, n: int, frames: Frames, target: Planes, *, judge: bool = False) -> dict[str, Any]:
        decision = self._call.pairing.decide(n, frames, judge=judge or self._judges)
        if isinstance(decision, MissingFrames):
            return self._request(decision.keys, frames) | {"write": int(decision.likely_made)}
        timeline, writes = self._call.schedule.timeline, self._writes(decision)
        shown = decision.passthrough  # or the source frame at or before the moment: its properties the output has
        if shown is None:
            shown = min(timeline.at(n).left, timeline.frames - 1)
        like = shown if decision.like is None else decision.like
        if not writes and not frames and like == shown:
            properties = self._call.properties.decided(n, decision, shown)
            if properties is not None:
                return self._request([(self._own, shown)], frames) | {"passthrough": 0} | properties
        needed = self._required_frames(decision) if writes else [(self._own, shown)]
        keys = [(self._own, like), *needed, *self._duration_frames(n)]
        if any(key not in frames for key in keys) or (writes and not target):
            return self._request(keys, frames) | {"write": int(writes)}
        written = self._write(decision, frames, target) if writes else {}
        if written is None:
            return self._step(n, frames, target, judge=True)
        own = {number: frame.props for (role, number), frame in frames.items() if role is self._own}
        properties = self._call.properties.of(n, decision, like, own)
        answer = {"like": list(frames).index((self._own, like)), **properties, **written}
        if decision.passthrough is not None and not writes:
            answer["passthrough"] = list(frames).index((self._own, decision.passthrough))
        return answer | self._extra_properties(decision)

    def _request(self, keys: Iterable[Key], frames: Frames) -> dict[str, Any]:
        """An answer that asks for the frames that are missing."""
        missing = [key for key in dict.fromkeys(keys) if key not in frames]
        if not missing:
            return {}
        clips = [self._roles.index(role) for role, _ in missing]
        return {"frames": [number for _, number in missing], "clips": clips}

    def _duration_frames(self, n: int) -> list[Key]:
        """The source frames whose durations decide how long output n lasts."""
        return [(self._own, number) for number in self._call.schedule.duration_frames(n)]

    @abstractmethod
    def _writes(self, decision: Decision) -> bool:
        """Whether an output is written; else a source frame is passed through."""

    @abstractmethod
    def _required_frames(self, decision: Decision) -> list[Key]:
        """The frames from which an output is written."""

    @abstractmethod
    def _write(self, decision: Decision, frames: Frames, target: Planes) -> dict[str, Any] | None:
        """Fill the planes of an output; returns the properties that are made along with it, None where a cut is found
        that contradicts the decision."""

    def _extra_properties(self, decision: Decision) -> dict[str, str]:
        return {}

    def _pair(self, decision: Decision, frames: Frames) -> tuple[HostFrame, HostFrame]:
        """The clip's two frames around the output."""
        left, right = (self._call.reader.read(end, frames[Role.CLIP, end]) for end in (decision.left, decision.right))
        return left, right


class PictureRenderer(Renderer):
    """Makes pictures of the clip itself, or of a companion that is warped with its motion.

    Args:
        call: what the nodes share.
        roles: the roles of the node's clips; the first is the one whose planes are made.
        form: the format of that clip.
        single: the roles whose clips have one frame for all outputs.
    """

    def __init__(self, call: Call, roles: Iterable[Role], form: PictureFormat, single: frozenset[Role]) -> None:
        super().__init__(call, roles, form)
        self._single = single
        self._companion = FrameReader(form, call.reader.matrix, clip=next(_clips))
        self._alpha = next(_clips)
        self._judges = call.arguments.show is not None

    def _writes(self, decision: Decision) -> bool:
        return decision.passthrough is None or self._call.arguments.show is not None

    def _required_frames(self, decision: Decision) -> list[Key]:
        parts: list[Decision | Pace] = [*_parts(decision), *decision.paces]
        ends = dict.fromkeys(end for part in parts for end in (part.left, part.right))
        keys = [(role, end) for role in (Role.CLIP, self._own) for end in ends]
        if Role.PROTECT in self._roles:
            keys += [self._key(Role.PROTECT, end) for end in ends]
        if Role.TIMES in self._roles:
            keys.append(self._key(Role.TIMES, decision.left))
        return keys

    def _key(self, role: Role, number: int) -> Key:
        return role, 0 if role in self._single else number

    def _write(self, decision: Decision, frames: Frames, target: Planes) -> dict[str, Any] | None:
        parts = _parts(decision)
        alphas = [found for part in parts if (found := self._alphas(part, frames)) is not None]
        has_alpha = len(alphas) == len(parts)
        tasks = [replace(self._task(part, frames), keeps_motion=has_alpha) for part in parts]
        if decision.unless_cut:
            call = self._call
            score = call.interpolator.render_unless_cut(tasks[0], target, call.pairing.cut_threshold)
            if call.pairing.note_cut(decision, score):
                return None
        else:
            self._render(tasks, target)
        if self._call.advice and decision.kind == "made" and self._own is Role.CLIP:
            self._call.advice.count()
        if not has_alpha:
            return {}
        alpha, form = new_frame(alphas[0][0]), picture_format(alphas[0][0])
        reader = FrameReader(form, None, clip=self._alpha)
        for index, (part, (left, right)) in enumerate(zip(parts, alphas, strict=True)):
            ends = reader.read(part.left, left), reader.read(part.right, right)
            paces = []
            for pace, task in zip(part.paces, tasks[index].paces, strict=True):
                found = self._alphas(pace, frames)
                if found and picture_format(found[0]) == form:
                    both = reader.read(pace.left, found[0]), reader.read(pace.right, found[1])
                    paces.append(replace(task, form=form, companions=both, overlay=None))
            tasks[index] = replace(tasks[index], form=form, companions=ends, overlay=None, paces=tuple(paces))
        self._render(tasks, [np.asarray(alpha[0])])
        return {"_Alpha": alpha}

    def _render(self, tasks: list[Task], target: Planes) -> None:
        if tasks[0].until is None:
            self._call.interpolator.render(tasks[0], target)
        else:
            self._call.interpolator.blur(tasks, target)

    def _alphas(self, decision: Decision | Pace, frames: Frames) -> tuple[vs.VideoFrame, vs.VideoFrame] | None:
        """The two frames' alpha, VapourSynth's property `_Alpha`; None unless both have the same kind of it."""
        if isinstance(decision, Decision) and decision.passthrough is not None:
            return None
        return alike_alphas(*(frames[self._own, end].props for end in (decision.left, decision.right)))

    def _task(self, decision: Decision, frames: Frames) -> Task:
        """The output's own planes, or those of a part of its blur."""
        from vsrife.engine import Overlay, RenderMode, Task, Timestep

        call, ends = self._call, (decision.left, decision.right)
        companions = None
        if self._own is Role.COMPANION:
            left, right = (self._companion.read(end, frames[Role.COMPANION, end]) for end in ends)
            companions = left, right
        timestep = _timestep(decision)
        if Role.TIMES in self._roles:
            times = weights(frames[self._key(Role.TIMES, decision.left)])
            if decision.kind == "cut" and call.arguments.sc_mode == "nearest":
                times = (times >= 0.5).astype(np.float32)
            timestep = Timestep(map=times)
        protect = None
        if Role.PROTECT in self._roles:
            protect = np.maximum(*(weights(frames[self._key(Role.PROTECT, end)]) for end in ends))
        mode = RenderMode.INTERPOLATE if decision.kind == "made" else RenderMode.CROSSFADE
        if decision.passthrough is not None or decision.left == decision.right:
            mode = RenderMode.RIGHT if decision.passthrough == decision.right else RenderMode.LEFT
        overlay = None
        if call.arguments.show:
            score = decision.score or 0.0
            overlay = Overlay(call.arguments.show, decision.kind, float(decision.timestep), score)
        pair = self._pair(decision, frames)
        task = Task(*pair, timestep, self._form, mode, companions, protect, overlay)
        for part in decision.blur:
            task = replace(task, until=float(part.end), weight=float(part.weight))
        return replace(task, paces=tuple(self._pace(task, pace, frames) for pace in decision.paces))

    def _pace(self, task: Task, pace: Pace, frames: Frames) -> Task:
        """The output's planes for things that are held for a run."""
        from vsrife.engine import RenderMode, Timestep

        read, ends = self._call.reader.read, (pace.left, pace.right)
        run = tuple(read(number, frames[Role.CLIP, number]) for number in pace.around)
        left, right = (run[pace.around.index(end)] for end in ends)
        companions = None
        if self._own is Role.COMPANION:
            first, last = (self._companion.read(end, frames[Role.COMPANION, end]) for end in ends)
            companions = first, last
        timestep = Timestep(float(pace.timestep))
        mode = RenderMode.INTERPOLATE
        return replace(task, left=left, right=right, timestep=timestep, companions=companions, mode=mode, run=run)

    def _extra_properties(self, decision: Decision) -> dict[str, str]:
        if self._call.arguments.show not in ("cuts", "time"):
            return {}
        score = "" if decision.score is None else f"  cut score {decision.score:.3f}"
        where = f"{decision.left} + {decision.timestep} to {decision.right}"
        return {"RifeShow": f"{where}  {decision.kind}{score}"}


class MotionRenderer(Renderer):
    """Writes flow and mask, five pictures one below another."""

    def _writes(self, decision: Decision) -> bool:
        return True

    def _required_frames(self, decision: Decision) -> list[Key]:
        return [(Role.CLIP, decision.left), (Role.CLIP, decision.right)]

    def _write(self, decision: Decision, frames: Frames, target: Planes) -> dict[str, Any]:
        (plane,) = target
        if decision.kind == "made":
            timestep = _timestep(decision)
            self._call.interpolator.write_motion(*self._pair(decision, frames), timestep, plane)
            return {}
        plane[:] = 0
        if decision.passthrough in (None, decision.left):
            plane[-len(plane) // 5 :] = 1
        return {}


def _parts(decision: Decision) -> list[Decision]:
    """A decision for each part of a blur; the decision itself where it is of one moment."""
    return [
        replace(decision, left=part.left, right=part.right, timestep=part.begin, blur=(part,)) for part in decision.blur
    ] or [decision]


def _timestep(decision: Decision) -> Timestep:
    from vsrife.engine import Timestep

    if decision.motion is None:
        return Timestep(float(decision.timestep))
    time, is_shared = decision.motion
    return Timestep(float(decision.timestep), motion_at=float(time), shares_motion=is_shared)


def _listed(value: Any) -> Sequence[Any]:
    """VapourSynth hands over lists of one as the one."""
    return value if isinstance(value, (list, tuple)) else [value]


def one_line(message: str) -> str:
    """A message as VapourSynth shows it."""
    return " ".join(message.split())[:1000]
