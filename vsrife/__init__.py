"""RIFE frame interpolation for VapourSynth: `core.rife.RIFE(clip, multi=2)`.

Importing this package imports neither torch nor vapoursynth; its functions do so when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vsrife.plugin.function import at, clear_cache, estimate_motion, replace_frames, rife

__all__ = ["at", "clear_cache", "estimate_motion", "replace_frames", "rife"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from vsrife.plugin import function

        return getattr(function, name)
    if name == "__version__":
        from importlib.metadata import version

        return version("vsrife")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
