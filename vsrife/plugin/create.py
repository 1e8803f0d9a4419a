"""From arguments to frame-server nodes."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import vapoursynth as vs

from vsrife.errors import ArgumentError, RifeError, shown
from vsrife.networks.catalog import DEFAULT
from vsrife.plugin.advice import SlowAdvice, required_rate
from vsrife.plugin.arguments import Arguments
from vsrife.plugin.blurring import MOST, Blurring
from vsrife.plugin.clips import check_clips
from vsrife.plugin.formats import FrameReader, picture_format
from vsrife.plugin.host import log, native_plugin, once, warn
from vsrife.plugin.pacing import REACH, Pacing
from vsrife.plugin.pairing import Pairing, Role
from vsrife.plugin.ports import ported
from vsrife.plugin.properties import OutputProperties
from vsrife.plugin.renderer import Call, MotionRenderer, PictureRenderer, Renderer, one_line
from vsrife.plugin.replacing import Replacing, checked_frames
from vsrife.plugin.schedule import LONGEST, offset_schedule, rate_schedule
from vsrife.timing.moments import fraction
from vsrife.weights import origin, resolve

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction

    from vsrife.engine import Engine, Interpolator
    from vsrife.plugin.schedule import Schedule

__all__ = ["FUNCTIONS"]

Nodes = list[vs.VideoNode]
SMALLEST_TEXT = (40, 48)
NOT_OF_MOTION = ["_Range", "_ColorRange", "_ChromaLocation", "_Alpha"]
"""Properties that flow and mask do not take from the picture; previewers need the others, of RGB but the matrix."""


def answer(name: str, make: Callable[[vs.VideoNode, Arguments], Nodes]) -> Callable[..., dict[str, Any]]:
    """The Python side of a native function: its clips, or an `error` of one line that begins with its name."""

    def create(clip: vs.VideoNode, **given: Any) -> dict[str, Any]:
        try:
            return {"clip": make(clip, Arguments(**(OWN_DEFAULTS.get(name, {}) | given)))}
        except RifeError as error:
            message = error.message
        except OSError as error:
            message = f"a file cannot be used: {error.strerror}: {shown(error.filename, 80)}"
        except vs.Error as error:
            message = str(error)
        except Exception as error:
            message = f"internal error, {type(error).__name__}: {error}"
        return {"error": one_line(f"{name}: {message}")}

    return create


def rife(clip: vs.VideoNode, arguments: Arguments) -> Nodes:
    """The clip at another rate, and then its companions."""
    check_clips(clip, arguments)
    if arguments.list_gpu:
        from vsrife.engine import described_devices

        lines = described_devices()
        log("devices: " + "; ".join(lines))
        return [_core().text.Text(clip, "\n".join(lines)) if _takes_text(clip) else clip]
    arguments = ported(arguments, once(log))
    return _pictures(clip, arguments, rate_schedule(clip, arguments, once(log)))


def at(clip: vs.VideoNode, arguments: Arguments) -> Nodes:
    """A picture at a time after each source frame, the same for all pixels or one for each."""
    check_clips(clip, arguments)
    if arguments.timestep is None and arguments.timestep_clip is None:
        raise RifeError("timestep must be a number from 0 to 1, or timestep_clip a clip, got neither")
    return _pictures(clip, arguments, offset_schedule(clip, 0.5 if arguments.timestep is None else arguments.timestep))


def motion(clip: vs.VideoNode, arguments: Arguments) -> Nodes:
    """Flow and mask of every output frame: the four components of flow and the weight of the left frame."""
    check_clips(clip, arguments)
    if arguments.timestep is None:
        schedule = rate_schedule(clip, arguments, once(log))
    else:
        schedule = offset_schedule(clip, arguments.timestep)
    call = _call(clip, arguments, schedule, has_cuts=False)
    if not call.interpolator.any_time:
        raise RifeError("model must be one for arbitrary timesteps, got a midpoint-only one")
    height = clip.height
    stacked = _core().std.BlankClip(format=vs.GRAYS, width=clip.width, height=5 * height, length=1, keep=True)
    roles = {Role.CLIP: clip} | _marked_clips(arguments)
    node = _node(MotionRenderer(call, roles, picture_format(stacked)), roles, call, stacked)
    is_rgb = clip.format.color_family == vs.RGB
    node = _core().std.RemoveFrameProps(node, [*NOT_OF_MOTION, "_Matrix"] if is_rgb else NOT_OF_MOTION)
    return [_core().std.Crop(node, top=part * height, bottom=(4 - part) * height) for part in range(5)]


def replaced(clip: vs.VideoNode, arguments: Arguments) -> Nodes:
    """The clip with its bad frames made anew from the good ones around them, and then its companions."""
    check_clips(clip, arguments)
    return _pictures(clip, arguments, offset_schedule(clip, 0), checked_frames(arguments, clip.num_frames))


FUNCTIONS = {"RIFE": rife, "Motion": motion, "At": at, "Replace": replaced}
"""Native function → the function that makes its nodes."""
OWN_DEFAULTS = {"Replace": {"sc_mode": "nearest"}}
"""Defaults of a function that differ from the dataclass's."""


def _pictures(clip: vs.VideoNode, arguments: Arguments, schedule: Schedule, bad: frozenset[int] | None = None) -> Nodes:
    """The clip, then its companions, at the output's times.

    Args:
        clip: the clip.
        arguments: the script's.
        schedule: when outputs are shown.
        bad: numbers of the frames that `Replace` is told of.
    """
    call = _call(clip, arguments, schedule, bad=bad)
    others = _marked_clips(arguments)
    if arguments.protect is not None:
        others[Role.PROTECT] = arguments.protect
    if arguments.timestep_clip is not None:
        others[Role.TIMES] = arguments.timestep_clip
        if not call.interpolator.any_time:
            raise RifeError("timestep_clip needs a model for arbitrary timesteps, got a midpoint-only one")
    single = frozenset(role for role in (Role.PROTECT, Role.TIMES) if role in others and others[role].num_frames == 1)
    roles = {Role.CLIP: clip} | others
    node = _node(PictureRenderer(call, roles, call.reader.form, single), roles, call)
    if arguments.show in ("cuts", "time") and _takes_text(clip):
        node = _core().text.FrameProps(node, ["RifeShow"])
    nodes = [node]
    for extra in arguments.extras:
        roles = {Role.COMPANION: extra, Role.CLIP: clip} | others
        nodes.append(_node(PictureRenderer(call, roles, picture_format(extra), single), roles, call))
    return nodes


def _call(
    clip: vs.VideoNode,
    arguments: Arguments,
    schedule: Schedule,
    *,
    has_cuts: bool = True,
    bad: frozenset[int] | None = None,
) -> Call:
    interpolator = _interpolator(clip, arguments)
    reader = FrameReader(picture_format(clip), arguments.matrix_number, once(log))
    whole_frame = arguments.timestep_clip is None
    replaces = bad is not None or arguments.prop is not None
    marks = Role.CLIP if arguments.prop_clip is None else Role.BAD
    properties = OutputProperties(
        schedule,
        nearest=arguments.sc_mode == "nearest",
        warn=_WarnOnce(schedule),
        has_position=whole_frame,
        has_cuts=has_cuts and not replaces,
    )
    cuts = Role.CLIP if arguments.sc_clip is None else Role.CUTS
    # clips stay with the nodes: what they call holds none, so that nothing keeps itself alive
    clips: dict[str, Any] = dict.fromkeys(("sc_clip", "prop_clip", "extra", "protect", "timestep_clip"))
    arguments = replace(arguments, timestep=None, frames=None, **clips)
    make: Callable[..., Pairing] = Pairing
    if replaces:
        make = partial(Replacing, bad=bad, marks=marks, log=once(log, "limit"))
    if arguments.pace:
        make = Pacing
        if not interpolator.any_time:
            raise RifeError("pace needs a model for arbitrary timesteps, got a midpoint-only one")
    if arguments.shutter is not None:
        make = partial(Blurring, _share(arguments.shutter, schedule))
    pairing = make(schedule.timeline, arguments, interpolator, reader, cuts=cuts, snap_to_source=whole_frame)
    return Call(
        schedule, arguments, interpolator, reader, pairing, properties, _advice(arguments, interpolator, schedule)
    )


def _advice(arguments: Arguments, interpolator: Interpolator, schedule: Schedule) -> SlowAdvice | None:
    """Counts interpolated frames where the filter chose the network and a CPU runs it."""
    chosen = arguments.model in (None, "auto") and not arguments.model_path
    if not chosen or not interpolator.on_cpu:
        return None
    return SlowAdvice(partial(required_rate, schedule), once(log, "real time"))


def _share(shutter: float, schedule: Schedule) -> Fraction:
    """The share of the time to the next output for which a shutter is open.

    Raises:
        ArgumentError: it is open for longer than can be blurred.
    """
    share, timeline = fraction(shutter) / 360, schedule.timeline
    touched = share * timeline.frames / timeline.length
    if touched > MOST - 1:
        raise ArgumentError("shutter", f"{float(touched):g}", f"at most {MOST - 1} source frames", verb="cover")
    return share


class _WarnOnce:
    """Warns of the first frame whose duration is not that of the clip's rate, once for each script."""

    def __init__(self, schedule: Schedule) -> None:
        self._done = False
        if schedule.target:
            self._advice = "where frames differ in duration, vfr=1 or timecodes= keeps picture and sound together"
        else:
            self._advice = (
                f"outputs last their share of it, but {schedule.fps} frames a second are announced; "
                "vfr=1 announces a variable rate"
            )

    def __call__(self, number: int, seconds: Fraction) -> None:
        if not self._done:
            self._done = True
            line = f"frame {number} lasts {seconds} s, which is not the clip's frame rate: {self._advice}"
            once(warn, self._advice)(line)


def _marked_clips(arguments: Arguments) -> dict[Role, vs.VideoNode]:
    """The clips of which only the frame properties are read."""
    clips = {Role.CUTS: arguments.sc_clip, Role.BAD: arguments.prop_clip}
    return {role: clip for role, clip in clips.items() if clip is not None}


def _node(
    renderer: Renderer, roles: dict[Role, vs.VideoNode], call: Call, template: vs.VideoNode | None = None
) -> vs.VideoNode:
    fps = call.schedule.fps
    node: vs.VideoNode = native_plugin().Node(
        clips=list(roles.values()),
        plan=renderer.plan,
        render=renderer.render,
        num_frames=min(call.schedule.timeline.length, LONGEST),
        fps_num=fps.numerator,
        fps_den=fps.denominator if fps else 0,  # 0/0 is VapourSynth's unknown rate
        **({} if template is None else {"template": template}),
    )
    return node


def _interpolator(clip: vs.VideoNode, arguments: Arguments) -> Interpolator:
    try:
        from vsrife import engine
    except ImportError as error:
        raise RifeError(f"PyTorch cannot be imported ({error}); pip install torch") from error
    engine.resolve_devices(arguments.device)  # before what may fetch a model
    model, ensemble = arguments.model, arguments.ensemble
    if model or not arguments.model_path:
        model, with_ensemble = resolve(model or DEFAULT)
        ensemble = ensemble or int(with_ensemble)
    fetch = bool(arguments.auto_download)
    make = partial(engine.shared_engine, model, arguments.path, fetch=fetch, log=log)
    tell = once(warn)
    engines, spare = engine.choose_engines(arguments.device, arguments.precision, make, tell)
    shared = engines[0]
    for each in {each.device: each for each in engines}.values():
        _tell_what_runs(model, arguments, each)
    if ensemble == 1 and not shared.has_ensemble:
        raise RifeError("ensemble must be 0, 2, 4 or 8 for a network that was published without one, got 1")
    options = engine.Options(
        arguments.scale,
        ensemble,
        arguments.ensemble_mask,
        keep_motions=bool(arguments.extras),
        picture=arguments.picture,
        estimates=arguments.estimates,
        requests=_core().num_threads + (2 * REACH if arguments.pace else 0),
        bars=bool(arguments.bars),
        still=bool(arguments.still),
    )
    return engine.Interpolator(engines, picture_format(clip), options, spare=spare, log=tell)


def _tell_what_runs(model: str | None, arguments: Arguments, shared: Engine) -> None:
    """Which network, where and in which precision, why where the filter chose, and what makes it slow."""
    from vsrife.engine import PRECISIONS, why_auto

    what = arguments.path.name if arguments.path else f"{model} ({origin(model or '')})"
    precision = next(name for name, dtype in PRECISIONS.items() if dtype == shared.dtype)
    why = why_auto(arguments.device, arguments.precision, shared.device, shared.dtype)
    once(log)(f"model {what} on {shared.device} in {precision}" + (f": {why}" if why else ""))
    if shared.why_slower:
        once(warn)(f"runs by PyTorch alone, which is slower: {shared.why_slower}")


def _core() -> Any:
    """The current core, whose plugins have no types."""
    return vs.core


def _takes_text(clip: vs.VideoNode) -> bool:
    """Whether VapourSynth can write on it."""
    is_half = clip.format.sample_type == vs.FLOAT and clip.format.bits_per_sample == 16
    return not is_half and clip.width >= SMALLEST_TEXT[0] and clip.height >= SMALLEST_TEXT[1]
