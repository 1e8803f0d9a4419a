"""RIFE frame interpolation for VapourSynth: `core.rife.RIFE(clip, multi=2)`.

Importing this package imports neither torch nor vapoursynth; `rife` does so when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vsrife.plugin.function import rife

__all__ = ["rife"]


def __getattr__(name: str) -> Any:
    if name == "rife":
        from vsrife.plugin.function import rife

        return rife
    if name == "__version__":
        from importlib.metadata import version

        return version("vsrife")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
