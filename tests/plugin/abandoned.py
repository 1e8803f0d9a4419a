"""Throws environments away while frames are being made; prints how often that went well."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import psutil
from vsengine.policy import GlobalStore, Policy
from vsengine.vpy import load_script

SCRIPT = Path(__file__).with_name("reloaded.vpy")
ROUNDS = 12
MOST_GROWTH = 3
"""Threads between the first four rounds and the last four: one left in every round makes 5, in every second one 3."""


def main() -> None:
    threads = []
    with Policy(GlobalStore()) as policy:
        for number in range(ROUNDS):
            answered = threading.Semaphore(0)
            with load_script(SCRIPT, policy) as script:
                script.result()
                with script.environment.use():
                    clip = script.environment.outputs[0].clip
                    wanted = [(7 * k + number) % clip.num_frames for k in range(6)]
                    for future in [clip.get_frame_async(n) for n in wanted]:
                        future.add_done_callback(lambda _, answered=answered: answered.release())
                    if number % 3 == 0:
                        answered.acquire()
                    del clip, future
            del script
            for _ in range(len(wanted) - (number % 3 == 0)):  # each still ends, with a frame or an error
                assert answered.acquire(timeout=30)
            gc.collect()
            threads.append(psutil.Process().num_threads())
    # a thread that is just ending may be counted, and a library may start one late
    grown = min(threads[-4:]) - max(threads[:4])
    assert grown < MOST_GROWTH, threads
    print(f"{ROUNDS} rounds")


if __name__ == "__main__":
    main()
