"""vsrife and other ways to run the same network, measured together: `python benchmarks/compare.py [--quick]`.

Everyone makes the same frames between the same frames with the weights of 4.26, in three ways ("paths"):

- `network`: RGBS frames in memory to RGBS frames in memory: vsrife's engine, the peers' networks.
- `yuv420p8`: a real `vspipe script.vpy -` from 8-bit 4:2:0 to 8-bit 4:2:0. For peers that counts the conversion to
  RGBS and back which their users must write; for vsrife its cut detector, which is on by default.
- `rgb`: the same in the peers' own format, RGBS (RGBH on a card).

Candidates take turns: each round runs every one of them, beginning with another one each time, so that a machine that
slows down does so for all. Each run is a process of its own. One that is kept alive would lend the others its idle
threads and memory, its peak memory would be that of all its cases, and a real vspipe does not wait between rounds.

A run's figure is made frames a second: the slope of a straight line through the moments at which they were there,
from the last of the warm-up on (see `vsrife.cli.figures.rate`). Source frames that are passed on take time, but do not
count. What it takes to start (from the process to the first made frame) is measured apart. A figure of the table is the
median of the rounds with its quartiles. vspipe is stopped while it still works on later frames, so that the end is as
busy as the middle. Peak memory is what the process had resident until then, its source frames included, which are the
same for all. `others_cores` in the JSON is how many cores other programs used meanwhile; it should be near 0.

Where the CPU has AVX-512, the doubled cases run a second time without it, as on the many CPUs that have AVX2 alone,
with those candidates that heed a limit (`LIMITS`), in fp32. oneDNN, PyTorch and vsrife heed it in all they do; OpenVINO
in its convolutions, and in its other kernels from the version on that knows OV_CPU_MAX_ISA. ncnn and ONNX Runtime know
no limit.

The first made frame of each run is held against the published form's in fp32; less than 35 dB is an error, not a
figure. Candidates that are not installed, or that fail, are named in the JSON and the table, with the reason.

The clip is every other frame of `clips/big-buck-bunny-1080p-60fps-30sec.mp4` from frame 600 in the folder VSRIFE_DATA,
scaled, decoded before anything is measured; without it a moving texture. vsrife 5.7.0 is fetched by pip (VSRIFE_PEER
names a folder that holds its wheel). Peers: `pip install vapoursynth-mlrt-ov vapoursynth-mlrt-ort onnx ncnn ccvfi
torchvision opencv-python-headless`. Linux only. Writes `results/speed-cpu.json`, or `speed-cuda.json` with `--card`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

from measure import CandidateError, MissingError, Run, environment, prepare, run
from peers.candidates import ALL, CANDIDATES, Candidate
from peers.job import Job
from table import table

from vsrife.cli.benchmark import parse_size
from vsrife.cli.figures import Spread, machine, versions
from vsrife.errors import RifeError

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("VSRIFE_DATA", HERE.parents[1] / "shared" / "data"))
CLIP = DATA / "clips" / "big-buck-bunny-1080p-60fps-30sec.mp4"
WHEEL = "vsrife-5.7.0-py3-none-any.whl"
SIZES = ("640x360", "1280x720", "1920x1080")
RATES = {"2x": Fraction(2), "24to60": Fraction(5, 2)}
QUICK = (("network", "640x360", "2x"), ("yuv420p8", "640x360", "2x"))
PLAN = (
    *QUICK,
    ("yuv420p8", "640x360", "24to60"),
    ("rgb", "640x360", "2x"),
    ("network", "1280x720", "2x"),
    ("yuv420p8", "1280x720", "2x"),
    ("network", "1920x1080", "2x"),
    ("yuv420p8", "1920x1080", "2x"),
)
"""What runs where nothing is chosen: all candidates in the first two, the main ones in the others. `--sizes`, `--rates`
or `--paths` choose every combination of themselves, for all."""
LIMITED = "avx2"
LIMITS = {
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "OV_CPU_MAX_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "VSRIFE_VARIANT": "avx2",
}
"""Environment variables that keep oneDNN, OpenVINO's own kernels, PyTorch's and ours from using AVX-512."""


@dataclass(frozen=True)
class Case:
    """What all are measured at.

    Args:
        path: see above.
        size: as `640x360`.
        rate: of `RATES`.
        frames: made ones in a run.
        warm: made ones before.
        main: whether only the main candidates run.
        instructions: `LIMITED`, or all that the CPU has where empty.
    """

    path: str
    size: str
    rate: str
    frames: int
    warm: int
    main: bool
    instructions: str = ""

    def takes(self, one: Candidate, *, named: bool) -> bool:
        """Whether a candidate runs in this case; those that are extra do where they are named, or this is limited."""
        if self.path not in one.paths or (self.main and not one.main):
            return False
        return one.limited if self.instructions else named or not one.extra

    def job(self, folder: Path, *, card: bool) -> Job:
        """With enough source frames, in whole cycles of the rate, for vspipe to be busy until the last is measured."""
        factor, (width, height) = RATES[self.rate], parse_size(self.size)
        made, cycle = factor.numerator - 1, factor.denominator
        spare = 2 + min(os.cpu_count() or 1, 8) // 2
        pairs = cycle * -(-(self.frames + self.warm) // made) + cycle * -(-spare // cycle)
        numbers = factor.numerator, factor.denominator
        return Job(str(folder), width, height, pairs, *numbers, self.path, half=card and self.path == "rgb")


def cases(options: argparse.Namespace, flags: list[str]) -> list[Case]:
    """Of the command line, on a CPU with these flags."""
    chosen = QUICK if options.quick else PLAN
    if options.sizes or options.rates or options.paths:
        sizes, rates = options.sizes or SIZES[:1], options.rates or ["2x"]
        chosen = tuple((path, size, rate) for path in options.paths or ALL for size in sizes for rate in rates)
    found = []
    for path, size, rate in chosen:
        width, height = parse_size(size)
        fewer = width * height / (640 * 360)
        frames = options.frames or (60 if options.card else 3 if options.quick else max(4, round(9 / fewer)))
        warm = 10 if options.card else 1 if fewer > 1 or options.quick else 2
        # whole cycles, as some make all frames of a pair at once
        cycle = RATES[rate].numerator - 1
        main = chosen is PLAN and (path, size, rate) not in QUICK
        found.append(Case(path, size, rate, -(-frames // cycle) * cycle, -(-warm // cycle) * cycle, main))
    if "avx512f" in flags and not options.card:
        found += [replace(one, instructions=LIMITED) for one in found if one.rate == "2x" and one.path != "rgb"]
    return found


def candidates(options: argparse.Namespace) -> list[Candidate]:
    """Of the command line: those named, or all that are for this kind of machine."""
    if options.candidates:
        return [CANDIDATES[key] for key in options.candidates]
    return [one for one in CANDIDATES.values() if one.card == options.card]


def labelled(one: Candidate, flags: list[str]) -> str:
    """With what `auto` stands for on a CPU with these flags, in vsrife and OpenVINO alike."""
    automatic = "bf16" if {"avx512_bf16", "amx_bf16"} & set(flags) else "fp32"
    return f"{one.label}, {automatic}" if one.options.get("precision") == "auto" else one.label


def unpack_peer(folder: Path) -> None:
    """vsrife 5.7.0's wheel, as it is; without it those that need it fail, and say so."""
    target, given = folder / "vsrife57", os.environ.get("VSRIFE_PEER")
    wheel = Path(given or folder) / WHEEL
    if not wheel.is_file():
        fetch = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), "vsrife==5.7.0"]
        subprocess.run(fetch, capture_output=True, check=False)
        wheel = folder / WHEEL
    if wheel.is_file():
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target)


def measure(case: Case, who: list[Candidate], rounds: int, job: Job, env: dict[str, str]) -> dict[str, Any]:
    """A case's entry in the JSON: each candidate's figures, or why there are none."""
    began = cpu_seconds()
    if case.instructions:
        env = env | LIMITS
    runs: dict[str, list[Run]] = {one.key: [] for one in who}
    failed: dict[str, dict[str, str]] = {}
    for number in range(rounds):
        first = number % max(len(who), 1)
        for one in who[first:] + who[:first]:
            if one.key in failed:
                continue
            try:
                done = run(one, job, case.frames, case.warm, env)
            except CandidateError as error:
                failed[one.key] = {"missing" if isinstance(error, MissingError) else "error": str(error)}
                print(f"  {one.label}: {error}", file=sys.stderr, flush=True)
                continue
            runs[one.key].append(done)
            what = " ".join(filter(None, (case.path, case.size, case.rate, case.instructions)))
            print(f"  {what} round {number + 1}: {one.label} {done.fps:.2f}", file=sys.stderr, flush=True)
    results = {one.key: failed.get(one.key) or entry(runs[one.key], ours=one.ours) for one in who}
    about = {"path": case.path, "size": case.size, "rate": case.rate, "frames": case.frames, "warm_up": case.warm}
    if case.instructions:
        about["instructions"] = case.instructions
    others, passed = (now - then for now, then in zip(cpu_seconds(), began, strict=True))
    return about | {"rounds": rounds, "others_cores": round(max(others / passed, 0), 2), "candidates": results}


def cpu_seconds() -> tuple[float, float]:
    """CPU seconds that neither this program nor its children used, the host's among them, and the clock."""
    ticks = [int(text) for text in Path("/proc/stat").read_text(encoding="utf-8").split("\n", 1)[0].split()[1:9]]
    user, nice, system, _, _, *others = ticks  # idle, waiting; interrupts and what the host took
    busy = sum((user, nice, system, *others)) / os.sysconf("SC_CLK_TCK")
    own = sum(os.times()[:4])
    return busy - own, time.perf_counter()


def entry(runs: list[Run], *, ours: bool) -> dict[str, Any]:
    """A candidate's figures in the JSON; an error where our frames, which no run may change, were not the same."""
    likenesses = sorted({one.psnr for one in runs})
    if ours and len(likenesses) > 1:
        return {"error": f"the runs' frames differ: {likenesses[0]:.2f} to {likenesses[-1]:.2f} dB"}
    figures = {
        "made_fps": vars(Spread.of([one.fps for one in runs])),
        "rounds_made_fps": [round(one.fps, 3) for one in runs],
        "start_seconds": vars(Spread.of([one.start for one in runs], 2)),
        "psnr_to_published_fp32": min(one.psnr for one in runs),
        "peak_mib": max((one.peak_mib for one in runs if one.peak_mib), default=None),
        "card_mib": max((one.card_mib for one in runs if one.card_mib), default=None),
        "versions": runs[0].versions,
    }
    return {key: value for key, value in figures.items() if value}


def revision() -> str | None:
    """Of the repository, marked where files of the package differ from it."""
    try:

        def git(*words: str) -> str:
            done = subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True, check=True)
            return done.stdout.strip()

        return git("rev-parse", "--short=12", "HEAD") + (
            "+changes" if git("status", "--porcelain", "../vsrife") else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return None


def parsed(words: list[str] | None = None) -> argparse.Namespace:
    """The command line, that of this process for None."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one small size, few frames, one round: about a minute")
    parser.add_argument("--sizes", nargs="+", metavar="WxH")
    parser.add_argument("--rates", nargs="+", choices=RATES)
    parser.add_argument("--paths", nargs="+", choices=ALL)
    parser.add_argument("--candidates", nargs="+", choices=CANDIDATES, metavar="KEY", help=", ".join(CANDIDATES))
    parser.add_argument("--card", action="store_true", help="those that run on a card")
    parser.add_argument("--rounds", type=int, help="default: 3; quick: 1")
    parser.add_argument("--frames", type=int, help="made ones in each run; default: fewer, the larger they are")
    parser.add_argument("--json", type=Path, help="default: results/speed-cpu.json or speed-cuda.json; quick: none")
    return parser.parse_args(words)


def main() -> None:
    """The command."""
    options = parsed()
    began = time.perf_counter()
    who, rounds = candidates(options), options.rounds or (1 if options.quick else 3)
    clip = CLIP if CLIP.is_file() else None
    here = machine()
    if "avx512f" not in here["flags"] and not options.card:
        print("compare: this CPU has no AVX-512: measured as it is", file=sys.stderr, flush=True)
    record: dict[str, Any] = {
        "machine": here,
        "revision": revision(),
        "clip": clip.name if clip else "moving texture",
        "packages": {},
        "labels": {one.key: labelled(one, here["flags"]) for one in who},
        "options": {one.key: one.options for one in who},
        "ours": [one.key for one in who if one.ours],
        "cases": [],
    }
    names = {"vsrife", "torch", "numpy", "VapourSynth", *(name for one in who for name in one.packages)}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            env = environment(folder)
            unpack_peer(folder)
            todo = [(case, case.job(folder, card=options.card)) for case in cases(options, here["flags"])]
            longest = {job.file("clip", "rgb"): job for _, job in sorted(todo, key=lambda one: one[1].pairs)}
            for job in longest.values():
                prepare(job, clip, env)
            for case, job in todo:
                prepare(job, clip, env)
                taken = [one for one in who if case.takes(one, named=bool(options.candidates))]
                record["cases"].append(measure(case, taken, rounds, job, env))
        except (RifeError, CandidateError, subprocess.CalledProcessError) as error:
            sys.exit(f"compare: {error}")
    reported = {
        k: v
        for case in record["cases"]
        for one in case["candidates"].values()
        for k, v in one.pop("versions", {}).items()
    }
    record["packages"] = {k: v for k, v in versions(sorted(names)).items() if v} | reported
    record["seconds"] = round(time.perf_counter() - began)
    print(table(record))
    target = options.json or (
        None if options.quick else HERE / "results" / f"speed-{'cuda' if options.card else 'cpu'}.json"
    )
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(json.dumps(record, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
