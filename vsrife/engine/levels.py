"""How a CUDA card is used, as far as it was proven on this machine: `VSRIFE_CUDA`, and what a probe found."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vsrife.engine import card_record
from vsrife.errors import ArgumentError, RifeError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Level", "choose_level", "fall", "is_off", "level_of", "set_level", "wanted_level"]

VARIABLE = "VSRIFE_CUDA"
OFF, AUTO = "off", "auto"
FREE_BYTES = 2 << 30
"""Free memory, besides that of a frame, from which on a card is probed during its use; a probe takes half of it."""


class Level(IntEnum):
    """How a card is used. Frames are the same at every level."""

    EAGER = 0
    """Every operation is launched by itself."""
    GRAPHS = 1
    """An estimate is captured once as a CUDA graph, see `vsrife.engine.graphs`."""
    RING = 2
    """Graphs, and copies beside the computation, see `vsrife.engine.streams`."""


_levels: dict[torch.device, Level] = {}
_fallen: set[torch.device] = set()
_lock = threading.Lock()


def wanted_level() -> str:
    """What `VSRIFE_CUDA` asks for: `off`, `auto` or the name of a level in lower case.

    Raises:
        RifeError: the variable has another value.
    """
    text = os.environ.get(VARIABLE, "") or AUTO
    allowed = (OFF, *(level.name.lower() for level in Level), AUTO)
    if text not in allowed:
        raise ArgumentError(VARIABLE, text, f"one of {', '.join(allowed)}")
    return text


def is_off() -> bool:
    """Whether the user wants no CUDA card to be used."""
    return wanted_level() == OFF


def level_of(device: torch.device) -> Level:
    """How a card is used in this process."""
    return _levels.get(device, Level.EAGER)


def set_level(device: torch.device, level: Level) -> None:
    """Have a card used at a level from the next frame on, unless it has fallen from it."""
    with _lock:
        _levels[device] = Level.EAGER if device in _fallen else level


def fall(device: torch.device, why: str) -> None:
    """Have a card used eagerly for the rest of the process; unless the user fixed its level, later ones do so too."""
    with _lock:
        _fallen.add(device)
        _levels[device] = Level.EAGER
    if wanted_level() == AUTO:
        card_record.write(device, {"level": Level.EAGER.name.lower(), "why": why})


def choose_level(device: torch.device, log: Callable[[str], None], frame_bytes: int) -> None:
    """Have a card used at the level that the user fixed, or that was proven on this machine.

    Where nothing is known of the card it stays as it is, at first eager, and a probe is started in the background.

    Args:
        device: a CUDA card that makes right frames eagerly.
        log: takes a line where the card is used eagerly, with the reason.
        frame_bytes: memory that a frame of the filter needs; a probe is not started where it would take that.
    """
    if (name := wanted_level()) not in (AUTO, OFF):
        set_level(device, Level[name.upper()])
        return
    record = card_record.read(device) or {}
    known = {level.name.lower(): level for level in Level}
    level = known.get(str(record.get("level")))
    if level is not None:
        set_level(device, level)
        if level is Level.EAGER:
            log(f"{device} is used eagerly: {record.get('why') or 'its probe failed'}")
        return
    found = _start_probe(device, frame_bytes)
    if level_of(device) is Level.EAGER:  # else it is in use at a level that is being proven anew
        log(f"{device} is used eagerly: {found}")


def _start_probe(device: torch.device, frame_bytes: int) -> str:
    """Start a probe of a card in the background, if that can be; returns what to say about it."""
    advice = "`vsrife doctor` finds out whether it can be faster"
    python = _python()
    if python is None:
        return advice
    try:
        if torch.cuda.mem_get_info(device)[0] < FREE_BYTES + frame_bytes:
            return f"{advice}; there is no memory to do so now"
        if (why := card_record.begin(device)) is not None:
            return f"{why}; {advice}"
        quiet = subprocess.DEVNULL
        subprocess.Popen(
            [python, "-P", "-m", "vsrife.engine.probe", str(device)], stdin=quiet, stdout=quiet, stderr=quiet,
            start_new_session=True, creationflags=_flags(),
        )  # fmt: skip
    except (OSError, RifeError, RuntimeError):  # also without a home folder
        return advice
    return "a probe in the background finds out whether it can be faster, for filters that are created later"


def _python() -> Path | None:
    """The Python interpreter that can run a module; None where a host, as a player, embeds Python and none is found."""
    folder, names = Path(sys.prefix), ("python.exe", "Scripts/python.exe") if os.name == "nt" else ("bin/python3",)
    candidates = (Path(sys.executable or "none"), *(folder / name for name in names))
    return next((path for path in candidates if path.name.lower().startswith("python") and path.is_file()), None)


def _flags() -> int:
    """Windows: no window, and a low priority."""
    if sys.platform == "win32":
        return subprocess.CREATE_NO_WINDOW | subprocess.BELOW_NORMAL_PRIORITY_CLASS
    return 0
