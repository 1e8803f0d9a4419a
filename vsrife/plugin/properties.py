"""The frame properties of output frames."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from vsrife.frame_properties import Properties, integer, own_duration
from vsrife.plugin.arguments import INT64_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from vsrife.plugin.pairing import Decision
    from vsrife.plugin.schedule import Schedule
    from vsrife.timing.timeline import Timeline

__all__ = ["OutputProperties", "duration", "position", "superfluous_flags"]

HALF = Fraction(1, 2)
OF_THE_SAMPLES = (
    "_Matrix", "_ColorSpace", "_Transfer", "_Primaries", "_Range", "_ChromaLocation", "_FieldBased", "_Alpha",
)  # fmt: skip
"""Properties without which a frame's samples are read wrongly, and its alpha."""


class OutputProperties:
    """The properties that an output frame has beside, or instead of, those of the source frame that it shows.

    Args:
        schedule: when outputs are shown.
        nearest: whether the later half of a cut shows the right frame.
        warn: takes a line, once, about a frame whose duration is not what the schedule relies on.
        has_position: whether the whole frame lies at one time between two source frames.
        has_cuts: whether the flags of scene changes are changed.
    """

    def __init__(
        self,
        schedule: Schedule,
        *,
        nearest: bool,
        warn: Callable[[int, Fraction], None],
        has_position: bool = True,
        has_cuts: bool = True,
    ) -> None:
        self._schedule = schedule
        self._nearest = nearest
        self._warn = warn
        self._has_position = has_position
        self._has_cuts = has_cuts

    def of(self, n: int, decision: Decision, shown: int, frames: Mapping[int, Properties]) -> dict[str, Any]:
        """The properties of output n.

        Args:
            n: the output.
            decision: what it shows.
            shown: the source frame whose properties it has.
            frames: properties of source frames, among them that one, the one that is passed through or else the left
                one, and `schedule.duration_frames(n)`.
        """
        durations = {number: own for number, props in frames.items() if (own := own_duration(props)) is not None}
        if not self._schedule.is_trusted and self._schedule.departs(durations.get(shown)):
            self._warn(shown, durations[shown])
        cleared = {name: 0 for name in self._flags(n, shown) if integer(frames[shown], name)}
        samples: Properties = {}
        if decision.like is not None:
            samples = frames[decision.left if decision.passthrough is None else decision.passthrough]
        return {
            **{name: samples[name] for name in OF_THE_SAMPLES if name in samples},
            **(position(decision) if self._has_position else {}),
            **duration(self._schedule.duration(n, shown, durations)),
            **cleared,
            **self._absolute_time(n, shown, frames, durations),
        }

    def decided(self, n: int, decision: Decision, shown: int) -> dict[str, Any] | None:
        """The properties of output n, where those of a source frame that is passed through do not change them.

        `assumed` names source properties, and `values` has the integers that they have where they are there at all: a
        source frame of which that is not true has other properties, see `of`. None where any frame may have.
        """
        schedule = self._schedule
        if schedule.step and not schedule.clip_fps:
            return None
        assumed = dict.fromkeys(self._flags(n, shown), 0)
        if schedule.step:
            usual = 1 / schedule.clip_fps
            assumed |= {"_DurationNum": usual.numerator, "_DurationDen": usual.denominator}
        moment = schedule.timeline.at(n)
        if moment.left == shown and moment.timestep:
            assumed["_AbsoluteTime"] = 0  # is a float where it is there, and must be moved
        return {
            **(position(decision) if self._has_position else {}),
            **duration(schedule.usual_duration(n)),
            **({"assumed": list(assumed), "values": list(assumed.values())} if assumed else {}),
        }

    def _flags(self, n: int, shown: int) -> list[str]:
        return superfluous_flags(n, shown, self._schedule.timeline, nearest=self._nearest) if self._has_cuts else []

    def _absolute_time(
        self,
        n: int,
        shown: int,
        frames: Mapping[int, Properties],
        durations: Mapping[int, Fraction],
    ) -> dict[str, float]:
        """The moment's own time, where the frame that is shown has one.

        It lies between the own times of the frames on either side. Where one of them is not at hand, and where time
        runs backwards, it follows from how long the left one lasts.
        """
        moment = self._schedule.timeline.at(n)
        times = [frames.get(number, {}).get("_AbsoluteTime") for number in (shown, moment.left, moment.left + 1)]
        start, left, right = (time if isinstance(time, float) else None for time in times)
        if start is None or not 0 <= shown - moment.left <= 1:
            return {}
        if left is not None and right is not None and left < right:
            return {"_AbsoluteTime": left + float(moment.timestep) * (right - left)}
        own = durations.get(moment.left)
        return {} if own is None else {"_AbsoluteTime": start + float((moment.left - shown + moment.timestep) * own)}


def position(decision: Decision) -> dict[str, int]:
    """Where an output frame lies between two source frames, whether it is interpolated, and whether at a cut."""
    timestep = decision.timestep
    if timestep.denominator > INT64_MAX:
        timestep = timestep.limit_denominator(INT64_MAX)
    return {
        "RifeLeft": decision.left,
        "RifeRight": decision.right,
        "RifeTimeNum": timestep.numerator,
        "RifeTimeDen": timestep.denominator,
        "RifeMade": int(decision.kind == "made"),
        "RifeCut": int(decision.kind == "cut"),
    }


def duration(seconds: Fraction | None) -> dict[str, int]:
    """An output frame's duration, where it is known and fits into properties."""
    if seconds is None or max(seconds.numerator, seconds.denominator) > INT64_MAX:
        return {}
    return {"_DurationNum": seconds.numerator, "_DurationDen": seconds.denominator}


def superfluous_flags(n: int, shown: int, timeline: Timeline, *, nearest: bool) -> list[str]:
    """The scene change flags of source frame `shown` that output n must not have.

    A cut belongs to the last output before it and the first one after it, not to all that share a source frame.

    Args:
        n: the output.
        shown: the source frame whose properties it has.
        timeline: of the outputs.
        nearest: whether the later half of a cut shows the right frame.
    """
    flags = []
    if n > 0:
        before = timeline.at(n - 1)
        if before.left == shown or (nearest and before.left == shown - 1 and before.timestep >= HALF):
            flags.append("_SceneChangePrev")
    after = timeline.at(n + 1)
    early = after.left == shown and not (nearest and after.timestep >= HALF)
    if early or (nearest and after.left == shown - 1):
        flags.append("_SceneChangeNext")
    return flags
