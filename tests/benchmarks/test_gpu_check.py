"""`benchmarks/gpu_check.py` and what it uses, on a CPU: that it runs, what a frame is, and what a hung part costs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import gpu_check
import gpu_floors
import gpu_speed
import pytest
from parts import run_part, run_parts
from peers.candidates import CANDIDATES
from peers.job import Job
from support import ROOT

from vsrife.engine import Interpolator

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


@pytest.mark.parametrize(("bits", "at_once"), [(8, 1), (10, 3)])
def test_every_frame_of_a_film_is_new(bits: int, at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs: list[tuple[int, int]] = []
    render = Interpolator.render_unless_cut

    def counted(self: Interpolator, task: Any, target: list[np.ndarray], threshold: float) -> float:
        pairs.append((task.left.number, task.right.number))
        assert target[0].dtype.itemsize * 8 >= bits
        assert int(task.left.planes[0].max()) > 1 << (bits - 2)
        return render(self, task, target, threshold)

    monkeypatch.setattr(Interpolator, "render_unless_cut", counted)
    film = gpu_check.Film("cpu", "fp32", 64, 48, bits, at_once)
    assert film.run(4, None) > 0
    assert film.run(100, 0.0) == 0  # no time is left
    assert sorted(pairs) == [(n, n + 1) for n in range(2 * at_once + 3 + 4)]


def test_parts_run_on_a_cpu() -> None:
    """Those that need no process of their own; the last result of each counts."""
    (*_, frames) = gpu_check.run_one("frames", gpu_check.DRY, None)
    assert frames["64x48 fp32"]["psnr_to_cpu_fp32"] > 100
    (*_, stages) = gpu_check.run_one("stages", gpu_check.DRY, None)
    assert set(stages) == {f"{film} {stage}" for film in ("1080p", "2160p") for stage in gpu_check.STAGES}
    for film in ("1080p", "2160p"):
        spans = {stage: stages[f"{film} {stage}"]["ms"] for stage in gpu_check.STAGES}
        assert all(span > 0 for span in spans.values())
        assert spans["frame with detector"] > spans["network"] > spans["correction"]
    shown = gpu_check.table({"card": "CPU", "date": "today", "parts": {"frames": frames | {"seconds": 1.0}}})
    assert shown.count("\n") == 2
    assert "| frames: 64x48 fp32 | psnr_to_cpu_fp32 " in shown


def test_every_stage_has_floors_that_are_there() -> None:
    floors = {stage.name for stage in gpu_floors.stages_of("4.26", 1920, 1080)}
    for _, _, parts in gpu_check.STAGES.values():
        assert all(any(name.startswith(part) for name in floors) for part in parts)


def test_all_parts_take_eight_minutes_at_most() -> None:
    assert sum(gpu_check.PARTS.values()) <= 480
    assert sum(gpu_speed.SECTIONS.values()) <= 480
    assert set(gpu_check.RIVALS) <= set(CANDIDATES)
    assert all(hasattr(gpu_speed.Bench, name) for name in gpu_speed.SECTIONS)


SCRIPT = """
import subprocess, sys, time
sys.path.insert(0, {folder!r})
from parts import say
name = sys.argv[2]
say({{"half": name}})
if name == "hangs":
    subprocess.run([sys.executable, "-c", "import time; time.sleep(600)"])
if name == "fails":
    raise ValueError("broken")
say({{"whole": sys.argv[3]}})
"""


def test_a_part_that_hangs_or_fails_costs_its_own_time_alone(tmp_path: Path) -> None:
    script, target = tmp_path / "script.py", tmp_path / "out" / "found.json"
    script.write_text(SCRIPT.format(folder=str(ROOT / "benchmarks")), encoding="utf-8")
    found = run_parts(script, {"hangs": 2.0, "fails": 60.0, "works": 60.0}, ["yes"], target)
    assert json.loads(target.read_text(encoding="utf-8")) == found
    for part in found.values():
        assert part.pop("seconds") > 0
    assert found == {
        "hangs": {"half": "hangs", "failed": "no end after 2 s"},
        "fails": {"half": "fails", "failed": "ended with status 1: ValueError: broken"},
        "works": {"whole": "yes"},
    }
    silent = run_part([sys.executable, "-c", "print('nothing')"], 60)
    assert silent["failed"] == "no result: nothing"


def test_the_command_of_sections_runs_on_a_cpu(tmp_path: Path) -> None:
    target = tmp_path / "speed.json"
    command = [
        sys.executable,
        str(ROOT / "benchmarks" / "gpu_speed.py"),
        "--dry",
        "--out",
        str(target),
    ]
    subprocess.run(command, check=True, capture_output=True)
    found = json.loads(target.read_text(encoding="utf-8"))
    assert found["floors"]["gmacs"] > 1
    assert found["network"]["torch.float32"]["psnr_to_cpu_fp32"] > 80


@pytest.mark.parametrize(
    ("plugin", "version", "given"), [("trt", 101300, ["--stronglyTyped"]), ("trt", 110000, []), ("trt_rtx", 0, [])]
)
def test_tensorrt_gets_the_exported_network(
    plugin: str, version: int, given: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from peers import mlrt

    job = Job(str(tmp_path), 64, 48, 2, 2, 1, "rgb")
    monkeypatch.setattr(
        mlrt, "core", SimpleNamespace(**{plugin: SimpleNamespace(Version=lambda: {"tensorrt_version": version})})
    )
    monkeypatch.setattr(mlrt, "find_spec", lambda name: None)
    assert "vsmlrt.py is not installed" in mlrt.missing(job, plugin=plugin)
    monkeypatch.setattr(mlrt, "find_spec", lambda name: name)
    assert "no network" in mlrt.missing(job, plugin=plugin)
    model = job.file("published-fp16", "onnx")
    model.touch()
    assert mlrt.missing(job, plugin=plugin) is None
    backend = SimpleNamespace(TRT=lambda **named: ("TRT", named), TRT_RTX=lambda **named: ("TRT_RTX", named))
    script = SimpleNamespace(Backend=backend, inference=lambda clips, path, backend: (clips, path, backend))
    monkeypatch.setattr(mlrt.importlib, "import_module", lambda name: script)
    clips, path, (kind, named) = mlrt._by_script(["left", "right", "time"], str(model), job, plugin, 2)
    assert (clips, path, kind) == (["left", "right", "time"], str(model), plugin.upper())
    assert named == {"num_streams": 2, "use_cuda_graph": True, "engine_folder": str(tmp_path), "custom_args": given}


def test_the_documentation_shows_what_is_computed() -> None:
    """The numbers of kernels are taken from the page, since `test_card_route.py` counts them."""
    page = (ROOT / "docs" / "performance.md").read_text(encoding="utf-8")
    (kernels,) = set(re.findall(r"\| (\d+) kernels' starts and ends", page))
    assert gpu_floors.table(int(kernels)) in page
    counts = dict(re.findall(r"^\| ([\w.]+) \| (\d+) \| [\d.]+ ms \| [\d.]+ ms \|", page, re.MULTILINE))
    assert counts[gpu_floors.DEFAULT] == kernels
    assert gpu_floors.against_published({model: int(count) for model, count in counts.items()}) in page
