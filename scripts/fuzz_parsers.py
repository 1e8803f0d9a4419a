"""Fuzzes the parsers of `tests/fuzz/targets.py` and prints what was tried: `python scripts/fuzz_parsers.py`.

Each parser runs in a process of its own, for `--runs` inputs or `--seconds`. With atheris (`pip install atheris`)
inputs are chosen by what code they reach; without it they are seeded mutations of the valid ones. Findings are kept in
`--out`, one input for each place of fault.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

LARGEST_INPUT = 32768
MEMORY = 3000
"""Megabytes a parser's process may use."""
SLOW = 5
"""Seconds one input may take."""


def main() -> int:
    """The command; its status is 1 where something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("targets", nargs="*", help="parsers to fuzz; all without")
    parser.add_argument("--seconds", type=float, default=60, help="for each at most (60)")
    parser.add_argument("--runs", type=int, default=100_000, help="inputs for each at most (100000)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(tempfile.gettempdir()) / "vsrife-fuzz", help="for findings")
    parser.add_argument("--engine", choices=("auto", "atheris", "mutation"), default="auto")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        return one(options)
    options.out.mkdir(parents=True, exist_ok=True)
    names = options.targets or listed()
    print(f"{'parser':<20}{'inputs':>10}{'taken':>9}{'seconds':>9}{'edges':>8}{'features':>10}  findings", flush=True)
    faults = 0
    for name in names:
        row = child(name, options)
        faults += len(row["findings"])
        edges, features = row.get("edges", "–"), row.get("features", "–")
        print(
            f"{name:<20}{row['inputs']:>10}{row['taken']:>9}{row['seconds']:>9.0f}{edges:>8}{features:>10}"
            f"  {'; '.join(row['findings']) or '0'}",
            flush=True,
        )
    return int(faults > 0)


def listed() -> list[str]:
    """The parsers' names, without importing them into this process."""
    code = f"import sys; sys.path[:0] = {sys.path[:2]!r}; from fuzz.targets import TARGETS; print('\\n'.join(TARGETS))"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()


def child(name: str, options: argparse.Namespace) -> dict[str, Any]:
    """Fuzz one parser in a process of its own."""
    place = options.out / name.replace(" ", "-")
    place.mkdir(exist_ok=True)
    result = place / "result.json"
    result.unlink(missing_ok=True)
    command = [
        sys.executable, __file__, "--one", name, "--seconds", str(options.seconds), "--runs", str(options.runs),
        "--seed", str(options.seed), "--out", str(place), "--engine", options.engine,
    ]  # fmt: skip
    log = place / "log.txt"
    with log.open("wb") as file:
        status = subprocess.run(command, stdout=file, stderr=file, check=False).returncode
    row: dict[str, Any] = {"inputs": 0, "taken": 0, "seconds": 0.0, "findings": []}
    if result.is_file():
        row |= json.loads(result.read_text(encoding="utf-8"))
    said = log.read_text(encoding="utf-8", errors="replace")
    coverage = re.findall(r"cov: (\d+) ft: (\d+)", said)
    if coverage:
        row["edges"], row["features"] = map(int, coverage[-1])
    if status or not row["seconds"]:
        row["findings"].append(f"process ended with {status}, see {log}")
    return row


class Search:
    """One parser's inputs, tried and counted.

    Args:
        name: of the parser.
        out: folder of the findings.
        runs: inputs at most.
        seconds: at most.
    """

    def __init__(self, name: str, out: Path, runs: int, seconds: float) -> None:
        from fuzz.targets import TARGETS, warm

        self.target = TARGETS[name]
        self.out, self.runs, self.seconds = out, runs, seconds
        self.inputs = self.taken = 0
        self.findings: dict[str, str] = {}
        memory = Path("/dev/shm")
        self.folder = Path(tempfile.mkdtemp(prefix="vsrife-fuzz-", dir=memory if memory.is_dir() else None))
        warm(self.target, self.folder)
        self.began = time.monotonic()

    @property
    def done(self) -> bool:
        """Whether it has been enough."""
        return self.inputs >= self.runs or time.monotonic() - self.began > self.seconds

    def try_input(self, data: bytes) -> None:
        """Parse an input, and keep it where the parser does what it must not."""
        from fuzz.targets import attempt

        began = time.monotonic()
        try:
            self.taken += not attempt(self.target, data, self.folder)
        except Exception as error:
            place = traceback.extract_tb(error.__traceback__)[-1]
            self.keep(f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}", data, error)
        if time.monotonic() - began > SLOW:
            self.keep(f"slower than {SLOW} s", data, None)
        self.inputs += 1

    def keep(self, what: str, data: bytes, error: BaseException | None) -> None:
        """The first input of each fault, with its traceback."""
        if what in self.findings:
            return
        file = self.out / f"finding-{len(self.findings)}"
        file.write_bytes(data)
        self.findings[what] = file.name
        said = "".join(traceback.format_exception(error)) if error else ""
        file.with_suffix(".txt").write_text(f"{what}\n{said}", encoding="utf-8", errors="backslashreplace")

    def write(self) -> None:
        """Hand the counts to the process that asked."""
        row = {
            "inputs": self.inputs,
            "taken": self.taken,
            "seconds": time.monotonic() - self.began,
            "findings": list(self.findings),
        }
        (self.out / "result.json").write_text(json.dumps(row), encoding="utf-8")


def one(options: argparse.Namespace) -> int:
    """What a parser's own process does."""
    import os

    os.environ["VSRIFE_MODELS"] = str(options.out / "models")
    os.environ["VSRIFE_OFFLINE"] = "1"
    atheris = None
    if options.engine != "mutation":
        try:
            import atheris
        except ImportError:
            if options.engine == "atheris":
                raise
    if atheris:
        with atheris.instrument_imports(include=["vsrife", "tomllib", "json"], enable_loader_override=False):
            import torch
            from torch import _weights_only_unpickler as unpickler

            search = Search(options.one, options.out, options.runs, options.seconds)
        unpickler.Unpickler.load = atheris.instrument_func(unpickler.Unpickler.load)
        torch.serialization._load = atheris.instrument_func(torch.serialization._load)
        torch.serialization._legacy_load = atheris.instrument_func(torch.serialization._legacy_load)
        reached(atheris, search, options)
    else:
        search = Search(options.one, options.out, options.runs, options.seconds)
        mutations(search, options.seed)
    return 0


def mutations(search: Search, seed: int) -> None:
    """Seeded changes of the valid inputs."""
    from fuzz.targets import mutated

    seeds = search.target.seeds()
    places = random.Random(seed)
    while not search.done:
        search.try_input(mutated(places.choice(seeds), seeds, places))
    search.write()


def reached(atheris: Any, search: Search, options: argparse.Namespace) -> None:
    """Inputs that libFuzzer makes from what the earlier ones reached. It ends the process itself."""
    import os

    corpus = options.out / "corpus"
    corpus.mkdir(exist_ok=True)
    for number, data in enumerate(search.target.seeds()):
        (corpus / f"seed-{number}").write_bytes(data)

    def try_one(data: bytes) -> None:
        search.try_input(data)
        if search.done:
            search.write()
            sys.stderr.flush()
            os._exit(0)

    arguments = [
        sys.argv[0], f"-seed={options.seed}", f"-max_len={LARGEST_INPUT}", f"-rss_limit_mb={MEMORY}", "-timeout=20",
        f"-artifact_prefix={search.out}/", "-reload=0",
        f"-max_total_time={int(options.seconds) + 60}",
        str(corpus),
    ]  # fmt: skip
    atheris.Setup(arguments, try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
