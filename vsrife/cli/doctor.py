"""`vsrife doctor`: whether the filter works here, and what to do where it does not."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.cli.doctor_text import advice, text, works
from vsrife.cli.figures import machine, versions
from vsrife.cli.processes import answer_of, describe_end, one_line, run_process
from vsrife.errors import RifeError
from vsrife.weights import imported, manifest, origin, user_folder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["add_to", "ask", "examine", "shortened"]

SCRIPT = Path(__file__).with_name("doctor.vpy")
PACKAGES = (
    "vsrife", "VapourSynth", "torch", "triton", "numpy", "safetensors", "vapoursynth-bestsource", "av",
    "pillow", "matplotlib", "imageio-ffmpeg", "vsjetengine",
)  # fmt: skip
TRITONS = ("triton-windows", "pytorch-triton-rocm", "pytorch-triton-xpu", "triton-xpu", "pytorch-triton")
"""Packages other than `triton` that are imported by its name; those that are here are listed."""
MOST_LINES = 20
"""Lines of a log that are printed at most."""
LIMITS = {
    "torch": 120, "vapoursynth": 60, "card": 280, "self_test": 180, "vspipe": 120, "version": 30, "nvidia-smi": 15,
}  # fmt: skip
"""Seconds after which a process is given up."""
SOURCE_FILTERS = ("bs", "ffms2", "lsmas")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "doctor",
        help="check that the filter works here, and say what to do where it does not",
        description="Looks at VapourSynth, its plugins, vspipe, PyTorch, devices and models, makes some frames whose "
        "truth is known, finds out how CUDA cards are used best, and gives advice. What it prints can be pasted into "
        "an issue. Exit status 0 where the filter works, 1 where it does not.",
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Examine and print.

    Returns:
        The exit status: 0 where the filter works.
    """
    found = shortened(examine(LIMITS))
    found["works"] = works(found)
    found["advice"] = advice(found)
    print(json.dumps(found, indent=1, ensure_ascii=False) if options.json else text(found))
    return 0 if found["works"] else 1


def examine(limits: Mapping[str, float]) -> dict[str, Any]:
    """Everything that is printed but the advice; a part that cannot be had holds `error`, one line.

    Args:
        limits: seconds for each process, see `LIMITS`.
    """
    with ThreadPoolExecutor(3) as pool:
        answers = {name: pool.submit(ask, name, limits[name]) for name in ("torch", "vapoursynth")}
        pipe = pool.submit(_guarded, lambda: _vspipe(limits))
        found: dict[str, Any] = {
            "date": time.strftime("%Y-%m-%d"),
            "machine": _guarded(machine),
            "system": _guarded(lambda: {"name": platform.platform(), "python": sys.version.split()[0]}),
            "python_folder": sys.prefix,
            "packages": _guarded(_packages),
            "driver": _driver(limits["nvidia-smi"]),
            "models": _guarded(_models),
            **{name: answer.result() for name, answer in answers.items()},
            "vspipe": pipe.result(),
        }
    plugins = found["vapoursynth"].get("plugins", {})
    found["source_filters"] = [name for name in SOURCE_FILTERS if name in plugins]
    names = (device["name"] for device in found["torch"].get("devices", ()))
    cards = [name for name in names if name.startswith("cuda") and os.environ.get("VSRIFE_CUDA") != "off"]
    found["cards"] = {name: ask("card", limits["card"], name) for name in cards}
    found["self_test"] = ask("self_test", limits["self_test"])
    return found


def ask(what: str, limit: float, *arguments: str) -> dict[str, Any]:
    """The answer of a process of its own, see `doctor.vpy`; what ends it instead is `error`, one line.

    Args:
        what: the name of a function there.
        limit: seconds.
        arguments: what the function takes.
    """
    return _answer([sys.executable, "-P", str(SCRIPT), what, *arguments], limit)


def shortened(value: Any) -> Any:
    """A value with the user's home folder as `~` in every text."""
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [shortened(item) for item in value]
    if not isinstance(value, str):
        return value
    for home in _homes():
        parts = value.split(home)
        ends = [part[:1] in ("", os.sep, "/", '"', "'", ":", " ", ",", ";", ")") for part in parts[1:]]
        value = parts[0] + "".join(("~" if end else home) + part for end, part in zip(ends, parts[1:], strict=True))
    return value


def _homes() -> list[str]:
    try:
        home = Path.home()
        found = {str(home), str(home.resolve())}
    except (RuntimeError, OSError):
        return []
    return sorted((name for name in found if len(Path(name).parts) > 1), key=len, reverse=True)


def _guarded(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The facts that `work` gathers, or its error: the doctor goes on whatever is broken."""
    try:
        return work()
    except Exception as error:
        return {"error": one_line(f"{type(error).__name__}: {error}")}


def _answer(command: Sequence[str], limit: float) -> dict[str, Any]:
    """The answer of a process, with the lines of its log; `error`, one line, where there is none."""
    try:
        answer, done = answer_of(command, limit)
    except RifeError as error:
        return {"error": str(error)}
    if not done.returncode and done.stderr.strip():  # where VapourSynth logs what it does not load
        lines = map(one_line, filter(str.strip, done.stderr.splitlines()))
        answer["log"] = [*lines, *answer.get("log", ())][:MOST_LINES]
    return answer


def _vspipe(limits: Mapping[str, float]) -> dict[str, Any]:
    """The vspipe that is found first, whether it starts, and with which Python."""
    beside = Path(sys.executable).parent
    path = shutil.which("vspipe")
    near = shutil.which("vspipe", path=str(beside))
    if path is None:
        return {"path": None, "beside": near}
    found: dict[str, Any] = {"path": path, "beside": near}
    try:
        version = run_process([path, "--version"], limits["version"])
    except RifeError as error:
        return found | {"starts": False, "error": str(error)}
    if version.returncode:
        return found | {"starts": False, "error": describe_end(version)}
    core = next((line for line in version.stdout.splitlines() if line.startswith("Core ")), "")
    found |= {"starts": True, "core": core.removeprefix("Core ")}
    answer = _answer([path, "-a", "probe=vspipe", "-s", "1", "-e", "1", str(SCRIPT), "--"], limits["vspipe"])
    if "prefix" in answer:
        found["this_python"] = Path(answer["prefix"]).resolve() == Path(sys.prefix).resolve()
    return found | answer


def _packages() -> dict[str, Any]:
    others = {name: version for name, version in versions(TRITONS).items() if version}
    return versions(PACKAGES) | others


def _models() -> dict[str, Any]:
    folder = user_folder()
    exists = next((path for path in (folder, *folder.parents) if path.exists()), folder)
    here = {name: how for name in manifest() if (how := origin(name))}
    here |= {name: "imported" for name in imported() if name not in here}
    writable = exists.is_dir() and os.access(exists, os.W_OK | os.X_OK)
    return {"here": here, "published": len(manifest()), "folder": str(folder), "writable": writable}


def _driver(limit: float) -> str | None:
    """The version of NVIDIA's driver, None where there is none."""
    path = shutil.which("nvidia-smi")
    if path is None:
        return None
    try:
        done = run_process([path, "--query-gpu=driver_version", "--format=csv,noheader"], limit)
    except RifeError as error:
        return f"nvidia-smi: {error}"
    return next(iter(done.stdout.split()), None) if done.returncode == 0 else f"nvidia-smi {describe_end(done)}"
