"""Opens a script in vspreview without a screen, seeks, loads it anew and photographs the window.

Arguments: the script, the picture's file, how often to load it anew, and `source=film` for the script. Prints, as JSON,
the frames that were shown.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt6.QtWidgets import QApplication
from vspreview import qt_patch  # noqa: F401 - before all else of it
from vspreview.core.vsenv import set_vsengine_loop
from vspreview.main import MainWindow

SEEKS = (1, 101, 3, 77, 2, 235, 0, 51)


def main() -> None:
    app = QApplication(sys.argv[:1])
    set_vsengine_loop()
    script = Path(sys.argv[1])
    window = MainWindow(script.parent, False, True, False)
    window.resize(1280, 800)
    window.load_script(script, [tuple(word.split("=", 1)) for word in sys.argv[4:]])
    window.show()
    seen: list[int] = []

    def seek(n: int) -> None:
        window.switch_frame(n)
        app.processEvents()
        seen.append(int(window.current_output.last_showed_frame))

    for n in SEEKS:
        seek(n)
    for k in range(int(sys.argv[3])):
        window.reload_script()
        app.processEvents()
        seek(SEEKS[-1] + 2 * k)
    began = time.monotonic()
    while time.monotonic() - began < 0.3:
        app.processEvents()
    window.grab().save(sys.argv[2])
    print(json.dumps({"seen": seen, "frames": int(window.current_output.total_frames)}))
    sys.stdout.flush()
    os._exit(0)  # a window that is closed asks


main()
