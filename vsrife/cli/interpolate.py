"""`vsrife interpolate`: a film at another rate, with its sound and all its other streams."""

from __future__ import annotations

import logging
import re
import signal
import sys
import time
from contextlib import contextmanager, nullcontext
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.cli.filter_options import NETWORK, add_filter_options, given_options
from vsrife.errors import ArgumentError, RifeError, shown
from vsrife.timing.rates import ntsc_rate

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from vsrife.film import Request, Summary
    from vsrife.film.cluster import ClusterClient

__all__ = ["add_to"]

NUMBER = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(?:/(\d{1,9}))?")
CLOCK = re.compile(r"(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,9}(?:\.\d{1,9})?)")
NTSC = Fraction(1, 200)
"""How far a decimal rate may be from n·1000/1001 to be taken as that: 23.98 is 24000/1001."""
NTSC_SHARE = Fraction(1, 2000)
"""The same as a share of the rate: 2.0 is not 2000/1001."""
BUG = "VideoSource: no return value"
"""VapourSynth's warning when bestsource is asked for times, of no use to anyone."""
REPORT_SECONDS = 60.0
"""Seconds between two lines about the progress."""
LINE = "{desc}{n_fmt} of {total_fmt} frames, {rate_fmt}, {remaining} left"
ARGUMENTS = (*NETWORK, "matrix", "sc_threshold")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "interpolate",
        help="double the frame rate of a film, or convert it to another rate",
        description="Interpolates between the frames of a film and writes a new film with the same sound, subtitles, "
        "chapters, attachments, timing and colours. Finished segments are kept in a folder beside the output until "
        "all are done, so that --resume continues a run that was stopped or killed.",
    )
    parser.add_argument("source", type=Path, metavar="IN", help="a film, or a .vpy script, which has no sound")
    parser.add_argument(
        "output", type=Path, nargs="?", metavar="OUT", help="the new film: .mkv, .mp4, .m4v, .mov or .webm"
    )
    when = parser.add_argument_group("time")
    when.add_argument("--multi", metavar="X", help="multiply the frame rate, for example by 2, 2.5 or 5/3; default: 2")
    when.add_argument("--fps", metavar="RATE", help="frames a second: 60, 60000/1001, or 59.94 (taken as 60000/1001)")
    when.add_argument("--start", metavar="TIME", help="start of the part to convert: seconds, or hours:minutes:seconds")
    when.add_argument("--duration", metavar="TIME", help="length of the part to convert")
    when.add_argument("--preview", action="store_true", help="convert ten seconds only, from --start or the middle")
    how = parser.add_argument_group("arguments of the filter")
    add_filter_options(how, ARGUMENTS)
    how.add_argument(
        "--dedup",
        action="store_true",
        help="interpolate across repeated frames, for animation drawn on twos and threes",
    )
    how.add_argument("--no-sc", action="store_true", help="interpolate across scene changes as well")
    how.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="any other argument of the filter, repeatable"
    )
    file = parser.add_argument_group("output")
    file.add_argument(
        "--encoder",
        default="auto",
        metavar="NAME",
        help="x264, x265, av1, vp9, ffv1, prores, nvenc_h264, nvenc_hevc or nvenc_av1; default: x264 for 8 bits, x265 "
        "above and for HDR, av1 for .webm; with alpha prores for .mov, vp9 for .webm",
    )
    file.add_argument(
        "--quality", type=float, metavar="X", help="quality on the encoder's own scale, where lower is better"
    )
    file.add_argument("--preset", metavar="NAME", help="preset of the encoder: fast, slow, 6 …")
    file.add_argument(
        "--encoder-option",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option of FFmpeg's encoder, repeatable",
    )
    file.add_argument("--segment", default="10", metavar="SECONDS", help="length of a segment; default: 10")
    run_ = parser.add_argument_group("run")
    run_.add_argument("--resume", action="store_true", help="continue a run that did not finish")
    run_.add_argument("--overwrite", action="store_true", help="replace the output, or start a run over")
    run_.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="address of a Dask scheduler whose workers convert the segments (tcp://HOST:8786), or local:N for N "
        "processes on this computer",
    )
    run_.add_argument("--vpy", action="store_true", help="only print a script that makes the same frames")
    run_.add_argument("--quiet", action="store_true", help="print errors only")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Interpolate a film.

    Raises:
        RifeError: an argument, the film or the output cannot be used.
        KeyboardInterrupt: the keyboard or SIGTERM stopped it; the message says what can be resumed.
    """
    if options.output is None and not options.vpy:
        raise RifeError("output must be given, got only the source")
    if options.output is not None and not options.output.name:  # an empty name, or a folder's
        raise ArgumentError("output", str(options.output), "a file's name", verb="have")
    try:
        from vsrife import film
    except ImportError as error:
        raise RifeError(f"{error.name or error} is not installed; pip install '.[video]'") from error
    request = _request(options)
    source: Path = options.source.expanduser()
    reporter = ProgressBar(quiet=options.quiet or options.vpy)
    try:
        with _stopped_by_sigterm(), _log_to(reporter), _cluster(options) as cluster:
            if options.vpy:
                print(film.script_of(source, request), end="")
                return
            output: Path = options.output.expanduser()
            keep = {"resume": options.resume, "overwrite": options.overwrite}
            done = film.interpolate(source, output, request, reporter, **keep, cluster=cluster)
    except ImportError as error:
        raise RifeError(f"{error.name or error} is not installed; pip install '.[video]'") from error
    except KeyboardInterrupt:
        reporter.close()
        kept = film.kept_segments(options.output, keep=not (options.preview or options.vpy))
        raise KeyboardInterrupt(f"stopped, {kept}") from None
    finally:
        reporter.close()
    if not options.quiet:
        print(_summary(output, done))


def _cluster(options: argparse.Namespace) -> AbstractContextManager[ClusterClient | None]:
    """The client of the named cluster, if any."""
    if options.cluster is None or options.vpy:
        return nullcontext()
    from vsrife.film.cluster import connect

    return connect(options.cluster)


def _request(options: argparse.Namespace) -> Request:
    from vsrife.film import EncoderOptions, Request, filter_arguments

    given = given_options(options, ARGUMENTS)
    if options.dedup:
        given.append(("dedup", "1"))
    if options.no_sc:
        given.append(("sc", "0"))
    return Request(
        _rate("multi", options.multi),
        _rate("fps", options.fps),
        filter_arguments([*given, *_pairs("set", options.set)]),
        EncoderOptions(
            options.encoder, options.quality, options.preset, _pairs("encoder-option", options.encoder_option)
        ),
        _time("start", options.start),
        _time("duration", options.duration),
        options.preview,
        _rate("segment", options.segment) or Fraction(10),
    )


def _rate(name: str, text: str | None) -> Fraction | None:
    """A number from text; a decimal frame rate near n·1000/1001 is taken as that."""
    if text is None:
        return None
    match = NUMBER.fullmatch(text.strip())
    if not match or (match[2] and not int(match[2])):
        raise ArgumentError(name, text, "a number above 0 or a fraction")
    value = Fraction(match[1]) / int(match[2] or 1)
    if name == "fps" and "." in match[1] and not match[2]:
        value = ntsc_rate(value, min(NTSC, value * NTSC_SHARE)) if value.denominator > 1 else value
    if value <= 0:
        raise ArgumentError(name, text, "above 0")
    return value


def _time(name: str, text: str | None) -> Fraction | None:
    if text is None:
        return None
    match = CLOCK.fullmatch(text.strip())
    if not match:
        raise ArgumentError(name, text, "seconds or hours:minutes:seconds")
    hours, minutes, seconds = int(match[1] or 0), int(match[2] or 0), Fraction(match[3])
    if (match[2] and seconds >= 60) or (match[1] and minutes >= 60):
        raise ArgumentError(name, text, "below 60 after a colon")
    return hours * 3600 + minutes * 60 + seconds


def _pairs(name: str, texts: list[str]) -> tuple[tuple[str, str], ...]:
    pairs = []
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise ArgumentError(name, text, "NAME=VALUE")
        pairs.append((key.strip(), value.strip()))
    return tuple(pairs)


class ProgressBar:
    """Reports on stderr: a bar and lines above it; without a terminal, a line every `REPORT_SECONDS`.

    Args:
        quiet: report nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: Any = None
        self._what = ""
        self._first = 0
        self._began = self._reported = time.monotonic()

    def stage(self, what: str, total: int = 0, done: int = 0) -> None:
        from tqdm import tqdm

        self.close()
        self._what, self._first = what, done
        self._began = self._reported = time.monotonic()
        if not self._quiet:
            self._bar = tqdm(
                desc=what,
                total=total or None,
                initial=done,
                unit="frame",
                leave=False,
                dynamic_ncols=True,
                disable=None,
            )

    def watch(self, done: int, total: int) -> None:
        if self._bar is None:
            return
        now = time.monotonic()
        if not self._bar.disable:
            self._bar.update(done - self._bar.n)
        elif now - self._reported >= REPORT_SECONDS:
            self._reported = now
            about = {"initial": self._first, "prefix": f"{self._what}: ", "unit": " frames", "bar_format": LINE}
            self.log(" ".join(self._bar.format_meter(done, total, now - self._began, **about).split()))

    def log(self, line: str) -> None:
        if not self._quiet:
            from tqdm import tqdm

            tqdm.write(line, file=sys.stderr)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


@contextmanager
def _log_to(reporter: ProgressBar) -> Iterator[None]:
    """Report VapourSynth's log: all lines of this filter, and warnings of others."""
    import vapoursynth as vs

    def report(kind: int, message: str) -> None:
        ours = message.startswith("RIFE: ")
        if not message.startswith(BUG) and (ours or kind >= vs.MESSAGE_TYPE_WARNING):
            reporter.log(message)

    logger = logging.getLogger("vapoursynth")  # which would print the warnings, too
    discard, before = logging.NullHandler(), logger.propagate
    handle = vs.core.add_log_handler(report)
    logger.addHandler(discard)
    logger.propagate = False
    try:
        yield
    finally:
        logger.propagate = before
        logger.removeHandler(discard)
        vs.core.remove_log_handler(handle)


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Let SIGTERM stop the run as the keyboard does."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _summary(output: Path, done: Summary) -> str:
    speed = f", {done.rendered / done.took:.1f} frames a second" if done.rendered and done.took > 0 else ""
    minutes, seconds = divmod(float(done.seconds), 60)
    return (
        f"{shown(output)}: {done.frames} frames, {done.made / done.frames:.0%} interpolated, "
        f"{int(minutes)}:{seconds:06.3f}, {done.bytes / 1e6:.1f} MB{speed}"
    )
