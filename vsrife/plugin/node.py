"""From arguments to a frame-server node."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

import vapoursynth as vs

from vsrife.errors import RifeError
from vsrife.networks.catalog import DEFAULT
from vsrife.plugin.arguments import INT64_MAX, Arguments
from vsrife.plugin.formats import check_clip, picture_format, source_planes, target_planes
from vsrife.plugin.native import native_plugin
from vsrife.plugin.properties import colour, cut_between, duration, integer, position
from vsrife.plugin.timeline import Moment, Timeline
from vsrife.weights import resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vsrife.engine import Colour, Interpolator, PictureFormat

__all__ = ["create"]

LONGEST = 2**31 - 1


def create(clip: vs.VideoNode, **arguments: Any) -> dict[str, Any]:
    """Make the node `core.rife.RIFE` returns; what is wrong is returned as `error`, one line, for the native side."""
    try:
        return {"clip": _create(clip, Arguments(**arguments))}
    except RifeError as error:
        return {"error": _one_line(str(error))}
    except OSError as error:
        return {"error": _one_line(f"RIFE: a file cannot be used: {error.strerror}: {str(error.filename)[:80]}")}
    except Exception as error:
        return {"error": _one_line(f"RIFE: internal error, {type(error).__name__}: {error}")}


def _create(clip: vs.VideoNode, arguments: Arguments) -> vs.VideoNode:
    check_clip(clip)
    rate = arguments.rate(clip.fps)
    timeline = Timeline(clip.num_frames, rate)
    fps = clip.fps * rate
    if timeline.length > LONGEST:
        raise RifeError(f"RIFE: the rate must give at most {LONGEST} frames, got {_brief(timeline.length)}")
    if max(fps.numerator, fps.denominator, rate.numerator, rate.denominator) > INT64_MAX:
        raise RifeError("RIFE: the output frame rate and its ratio to the clip's must be fractions of 64-bit integers")

    renderer = _Renderer(timeline, fps, arguments, _interpolator(clip, arguments), picture_format(clip))
    node: vs.VideoNode = native_plugin().Node(
        clip=clip,
        plan=renderer.plan,
        render=renderer.render,
        num_frames=timeline.length,
        fps_num=fps.numerator,
        fps_den=fps.denominator if fps else 0,  # 0/0 is VapourSynth's unknown rate
    )
    return node


def _interpolator(clip: vs.VideoNode, arguments: Arguments) -> Interpolator:
    try:
        from vsrife import engine
    except ImportError as error:
        raise RifeError(f"RIFE: PyTorch cannot be imported ({error}); pip install torch") from error
    device = engine.resolve_device(arguments.device)
    dtype = engine.resolve_precision(arguments.precision, device)
    model, ensemble = arguments.model, arguments.ensemble
    if model or not arguments.model_path:
        model, with_ensemble = resolve(model or DEFAULT)
        ensemble = ensemble or int(with_ensemble)
    fetch = bool(arguments.auto_download)
    shared = engine.shared_engine(model, arguments.path, device, dtype, fetch=fetch, log=_log)
    if ensemble == 1 and not shared.has_ensemble:
        raise RifeError("RIFE: ensemble must be 0, 2, 4 or 8 for a network that was published without one, got 1")
    options = engine.Options(arguments.scale, ensemble, arguments.ensemble_mask)
    return engine.Interpolator(shared, picture_format(clip), options)


def _log(message: str) -> None:
    vs.core.log_message(vs.MESSAGE_TYPE_INFORMATION, f"RIFE: {message.removeprefix('RIFE: ')}")


class _Renderer:
    """The two functions the native node calls. Holds no node and no frame, so that nothing keeps itself alive."""

    def __init__(
        self, timeline: Timeline, fps: Fraction, arguments: Arguments, interpolator: Interpolator, form: PictureFormat
    ) -> None:
        self._timeline = timeline
        self._fps = fps
        self._sc = bool(arguments.sc)
        self._matrix = arguments.matrix_number
        self._interpolator = interpolator
        self._form = form

    def plan(self, n: int) -> dict[str, Any]:
        """The source frames output frame n needs."""
        return {"frames": list(self._timeline.sources(self._timeline.at(n)))}

    def render(
        self,
        n: int,
        frames: vs.VideoFrame | Sequence[vs.VideoFrame],
        planes: int | Sequence[int] = (),
        strides: int | Sequence[int] = (),
    ) -> dict[str, Any]:
        """Fill output frame n, or say which source frame it is; returns its properties."""
        try:
            return self._render(n, _listed(frames), _listed(planes), _listed(strides))
        except Exception as error:
            return {"error": _one_line(f"RIFE: frame {n} failed, {type(error).__name__}: {error}")}

    def _render(
        self, n: int, frames: Sequence[vs.VideoFrame], planes: Sequence[int], strides: Sequence[int]
    ) -> dict[str, Any]:
        moment = self._timeline.at(n)
        left = frames[0].props
        made = len(frames) == 2 and not (self._sc and cut_between(left, frames[1].props))
        if made:
            self._interpolate(moment, frames, planes, strides)
        return {
            **({} if made else {"take": 0}),
            **position(moment, made=made),
            **duration(left, self._timeline.rate, self._fps),
            **self._scene_changes(n, moment, left),
            **self._absolute_time(moment, left),
        }

    def _interpolate(
        self, moment: Moment, frames: Sequence[vs.VideoFrame], planes: Sequence[int], strides: Sequence[int]
    ) -> None:
        from vsrife.engine import Source

        left, right = (
            Source(moment.left + offset, source_planes(frame), self._colour(frame))
            for offset, frame in enumerate(frames)
        )
        target = target_planes(self._form, planes, strides)
        self._interpolator.render(left, right, float(moment.timestep), target)

    def _colour(self, frame: vs.VideoFrame) -> Colour:
        form = self._form
        is_rgb = form.family == "rgb"
        return colour(frame.props, is_rgb=is_rgb, width=form.width, height=form.height, matrix=self._matrix)

    def _scene_changes(self, n: int, moment: Moment, left: Any) -> dict[str, int]:
        """A cut belongs to the last output before it and the first after it, not to all that share a source frame."""
        changes = {}
        if integer(left, "_SceneChangePrev") and n > 0 and self._timeline.at(n - 1).left == moment.left:
            changes["_SceneChangePrev"] = 0
        if integer(left, "_SceneChangeNext") and self._timeline.at(n + 1).left == moment.left:
            changes["_SceneChangeNext"] = 0
        return changes

    def _absolute_time(self, moment: Moment, left: Any) -> dict[str, float]:
        """The moment's own time where its source frame has one and says how long it lasts."""
        start = left.get("_AbsoluteTime")
        num, den = integer(left, "_DurationNum"), integer(left, "_DurationDen")
        if not isinstance(start, float) or not num or not den:
            return {}
        return {"_AbsoluteTime": start + float(moment.timestep * Fraction(num, den))}


def _listed(value: Any) -> Sequence[Any]:
    """VapourSynth hands over lists of one as the one."""
    return value if isinstance(value, (list, tuple)) else [value]


def _brief(number: int) -> str:
    """An integer that may have hundreds of digits."""
    digits = str(number)
    return digits if len(digits) <= 20 else f"a number of {len(digits)} digits"


def _one_line(message: str) -> str:
    return " ".join(message.split())[:1000]
