"""What a cluster costs: for each segment, each worker and each byte, on one machine over the loopback.

    python benchmarks/cluster.py film.mkv [--workers 2] [--segment 1] [--seconds 4] [--json out.json]

Where the machine is busy, times are upper bounds; the CPU time of the process that deals segments out (the scheduler is
in it) is not touched by that. At first workers load the network; again, they open the film anew. "Between two
segments" is how long a worker has none.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import pickle
import statistics
import tempfile
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import distributed

from vsrife.film import EncoderOptions, Request, filter_arguments, plan_job, render_segment, work_folder
from vsrife.film.cluster import connect
from vsrife.film.cluster_facts import gather_facts
from vsrife.film.cluster_worker import SegmentWorker

TASKS = 200
"""Tasks that do nothing, for the cost of a task."""


class Quiet:
    """A reporter that reports nothing."""

    def stage(self, what: str, total: int = 0, done: int = 0) -> None:
        pass

    def watch(self, done: int, total: int) -> None:
        pass

    def log(self, line: str) -> None:
        pass


def nothing(number: int) -> int:
    """A task."""
    return number


def clocks() -> tuple[float, float]:
    """Time, and CPU time of this process alone."""
    return time.perf_counter(), time.process_time()


def since(before: tuple[float, float], count: int = 1) -> tuple[float, float]:
    """Milliseconds of both since then, for each of `count`."""
    now = clocks()
    return (now[0] - before[0]) * 1000 / count, (now[1] - before[1]) * 1000 / count


def gaps(tasks: list[dict[str, Any]]) -> tuple[float, float]:
    """Milliseconds between the end of a worker's task and the begin of its next: their median, and the longest."""
    found = []
    for worker in {task["worker"] for task in tasks}:
        own = sorted((s["start"], s["stop"]) for t in tasks if t["worker"] == worker for s in t["startstops"])
        found += [(later[0] - earlier[1]) * 1000 for earlier, later in itertools.pairwise(own)]
    return statistics.median(found), max(found)


def measure(film: Path, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """All figures, by name; pairs but the last are milliseconds and CPU milliseconds of this process."""
    request = Request(
        arguments=filter_arguments([("precision", "fp32")]),
        encoder=EncoderOptions(options.encoder),
        duration=options.seconds,
        segment_seconds=options.segment,
    )
    before = clocks()
    planned = plan_job(film, ".mkv", request)
    job = planned.job
    found: dict[str, Any] = {"segments": len(job.segments), "frames": job.frames, "planning": since(before)}
    for segment in job.segments[:1]:  # loads the network
        render_segment(job, segment, folder / "warm.mkv", clip=planned.clip)
    before = clocks()
    sizes = [render_segment(job, s, folder / s.name, clip=planned.clip).bytes for s in job.segments]
    found["alone, a segment"] = since(before, len(job.segments))
    found["bytes of a segment"] = sum(sizes) / len(sizes)
    found["bytes to a worker, once"] = len(pickle.dumps(SegmentWorker(job, folder, "", gather_facts(job), local=False)))
    found["bytes to a worker, a segment"] = len(pickle.dumps(job.segments[0]))
    segments = work_folder(folder / "film.mkv")
    segments.mkdir()
    with connect(f"local:{options.workers}") as cluster:
        before = clocks()
        client = cluster.dask(distributed)
        found["start of the workers"] = since(before)
        before = clocks()
        client.gather(client.map(nothing, range(TASKS), pure=False))
        found["a task that does nothing"] = since(before, TASKS)
        before = clocks()
        cluster.render(job, job.segments, segments, Quiet(), 0)
        found["cluster, a segment, at first"] = since(before, len(job.segments))
        with distributed.get_task_stream(client=client) as stream:
            before = clocks()
            cluster.render(job, job.segments, segments, Quiet(), 0)
            found["cluster, a segment, again"] = since(before, len(job.segments))
        found["between two segments"] = gaps(stream.data)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--segment", type=Fraction, default=Fraction(1), help="seconds")
    parser.add_argument("--seconds", type=Fraction, default=Fraction(4), help="of the film")
    parser.add_argument("--encoder", default="x264")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(options.film.absolute(), options, Path(folder))
    found |= {"workers": options.workers, "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    for name, value in found.items():
        second = "longest" if name.startswith("between") else "CPU here"
        shown = f"{value[0]:.2f} ms, {second} {value[1]:.2f} ms" if isinstance(value, tuple) else f"{value:,.0f}"
        print(f"{name:32}{shown}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
