"""Pictures from files: videos, scripts and folders as frames cut at scene changes, and windows of them for training.

Importing this package imports neither torch nor vapoursynth: a process that only reads windows needs numpy alone.
"""

from vsrife.footage.extract import extract_windows
from vsrife.footage.frames import Footage, Frame
from vsrife.footage.marks import Mark, Run, marked, runs
from vsrife.footage.opening import open_footage, open_video
from vsrife.footage.sets import open_vimeo, window_set
from vsrife.footage.windows import Window, WindowOptions, WindowSet, open_windows

__all__ = [
    "Footage",
    "Frame",
    "Mark",
    "Run",
    "Window",
    "WindowOptions",
    "WindowSet",
    "extract_windows",
    "marked",
    "open_footage",
    "open_video",
    "open_vimeo",
    "open_windows",
    "runs",
    "window_set",
]
