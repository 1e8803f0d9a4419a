"""Opens a script in vsview without a screen, seeks, loads it anew and photographs the window.

Arguments: the script, the picture's file, how often to load it anew, and `source=film` for the script. Prints, as JSON,
the frames that were shown.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from vsview.app.main import Application, MainWindow
from vsview.app.plugins.manager import PluginManager
from vsview.logging import setup_logging

if TYPE_CHECKING:
    from collections.abc import Callable

SEEKS = (1, 101, 3, 77, 2, 235, 0, 51)
LIMIT = 20


def main() -> None:
    setup_logging(
        level=logging.INFO, vs_level=logging.INFO, vsengine_level=None, qt_level=None, log_file=None, is_gui_mode=False
    )
    app = Application([sys.argv[0]], no_settings=True)
    PluginManager.load()
    window = MainWindow()
    window.resize(1280, 800)
    window.show()
    window.load_new_script(Path(sys.argv[1]), **dict(word.split("=", 1) for word in sys.argv[4:]))

    def until(test: Callable[[], bool], what: str) -> None:
        began = time.monotonic()
        while not test():
            app.processEvents()
            time.sleep(0.005)
            if time.monotonic() - began > LIMIT:
                raise SystemExit(f"{what}: not within {LIMIT} s")

    until(lambda: hasattr(window.stack.currentWidget(), "playback"), "the workspace")
    space = window.stack.currentWidget()
    seen: list[int] = []

    def seek(n: int) -> None:
        until(lambda: space.playback.can_reload and not space.playback.is_rendering, "a quiet moment")
        space.playback.seek_to_frame_coalesced(n)
        until(lambda: not space.playback.is_rendering and space.playback.state.current_frame == n, f"frame {n}")
        seen.append(n)

    until(lambda: space.playback.can_reload, "the first frame")
    for n in SEEKS:
        seek(n)
    for k in range(int(sys.argv[3])):
        count = space.reload_count
        space.reload_content()
        until(lambda count=count: space.reload_count > count and space.playback.can_reload, f"reload {k}")
        until(lambda: space.content_area.isEnabled(), f"reload {k}")
        seek(SEEKS[-1] + 2 * k)
    until(lambda: space.playback.can_reload, "a quiet moment")
    window.grab().save(sys.argv[2])
    print(json.dumps({"seen": seen, "frames": space.outputs_manager.current_voutput.vs_output.clip.num_frames}))
    sys.stdout.flush()
    os._exit(0)  # a window that is closed asks


main()
