"""Creates and destroys ten environments, each with a filter at work; prints memory and threads after each.

What glibc's allocator keeps for reuse is handed back before each reading, so that only what is still held counts.
"""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from pathlib import Path

import psutil
from vsengine.policy import GlobalStore, Policy
from vsengine.vpy import load_script

SCRIPT = Path(__file__).with_name("reloaded.vpy")
ROUNDS = 10


def main() -> None:
    levels = []
    threads = []
    with Policy(GlobalStore()) as policy:
        for _ in range(ROUNDS):
            with load_script(SCRIPT, policy) as script:
                script.result()
                with script.environment.use():
                    clip = script.environment.outputs[0].clip
                    for n in (1, 3, 2, 5):
                        clip.get_frame(n).close()
                    del clip
            del script
            gc.collect()
            if sys.platform == "linux":
                ctypes.CDLL(None).malloc_trim(0)
            levels.append(psutil.Process().memory_info().rss)
            threads.append(psutil.Process().num_threads())
    json.dump({"rss": levels, "threads": threads}, sys.stdout)


if __name__ == "__main__":
    main()
