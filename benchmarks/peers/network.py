"""One candidate's network on frames in memory: `network.py JOB MODULE OPTIONS PICTURE`, in a process of its own.

Writes the first picture to the file PICTURE and prints JSON: `stamps`, the clock when each frame was made; `peak_mib`;
`card_mib` on a card; `versions` that packages do not tell; or `missing`, why it cannot run.
"""

from __future__ import annotations

import importlib
import json
import sys
import time

import numpy as np

from peers.job import Job
from vsrife.cli.figures import peak_mib


def main() -> None:
    """The command."""
    job, options = Job.read(sys.argv[1]), json.loads(sys.argv[3])
    module = importlib.import_module(f"peers.{sys.argv[2]}")
    if why := module.missing(job, **options):
        print(json.dumps({"missing": why}))
        return
    stamps = []
    for number, picture in enumerate(module.network(job, **options)):
        stamps.append(time.perf_counter())
        if number == 0:
            np.asarray(picture(), np.float32).tofile(sys.argv[4])
    torch = sys.modules.get("torch")
    card = torch.cuda.max_memory_allocated() if torch and torch.cuda.is_available() else 0
    print(json.dumps({
        "stamps": stamps,
        "peak_mib": peak_mib(),
        "card_mib": round(card / 2**20) or None,
        "versions": module.known(),
    }))  # fmt: skip


if __name__ == "__main__":
    main()
