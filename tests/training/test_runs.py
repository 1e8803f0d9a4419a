"""Runs that are killed, shared among processes, and gone on with."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file
from training.runs import ENVIRONMENT, SMALL, command, losses, trained

from vsrife.cli import main
from vsrife.weights import load_network

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted run."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    done = trained(out, *SMALL, "--steps", "24", "--save-every", "4", "--validate-every", "12")
    assert done.returncode == 0, done.stderr
    return out


def test_a_run_leaves_a_model_its_card_curves_and_pictures(whole: Path) -> None:
    names = {path.name for path in whole.iterdir()}
    assert names == {
        "checkpoint.safetensors", "log.csv", "model.md", "model.safetensors", "options.json", "validation.csv",
        "pictures-000000.png", "pictures-000012.png", "pictures-000024.png",
    }  # fmt: skip
    network = load_network(None, whole / "model.safetensors")
    assert network.config.widths == (12, 8, 8)
    assert not network.config.refines
    card = (whole / "model.md").read_text()
    assert "dB before" in card
    assert "| steps | 24 |" in card
    assert len(losses(whole)) == 24
    first, *_, last = (float(values[0]) for values in losses(whole).values())
    assert first > 0
    assert last > 0


def test_a_run_keeps_a_share_of_the_weights_it_started_from(whole: Path, tmp_path: Path) -> None:
    init = ("--data", "scenes:40", "--init", str(whole / "model.safetensors"), *SMALL[SMALL.index("--crop") :])
    out = tmp_path / "out"
    made = {}
    for keep in ("0", "0.25", "1"):
        asked = ("--resume",) if out.exists() else (*init, "--steps", "3", "--learning-rate", "1e-2")
        assert main(["train", "--out", str(out), "--device", "cpu", *asked, "--keep", keep]) == 0
        made[keep] = load_file(out / "model.safetensors")
        steps = [row.split(",")[0] for row in (out / "validation.csv").read_text().splitlines()]
        assert steps == ["step", "0", "3"]
    first = load_file(whole / "model.safetensors")
    assert not all(torch.equal(value, first[key]) for key, value in made["0"].items())
    for key, value in made["0"].items():
        assert torch.equal(made["1"][key], first[key])
        assert torch.allclose(made["0.25"][key].float(), value.float().lerp(first[key].float(), 0.25), atol=1e-3)


def test_killed_and_resumed_it_goes_on_as_if_nothing_had_been(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    arguments = (*SMALL, "--steps", "24", "--save-every", "4", "--validate-every", "12")
    process = subprocess.Popen(command(out, *arguments), env=ENVIRONMENT, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        if (out / "checkpoint.safetensors").exists() and len(losses(out)) >= 6:
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not list(out.glob(".*")) or (out / "checkpoint.safetensors").exists()
    assert trained(out, "--resume").returncode == 0
    assert losses(out) == losses(whole)
    one, other = (load_file(run / "checkpoint.safetensors") for run in (out, whole))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)


def test_two_processes_are_as_good_as_one(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "two"
    done = trained(out, *SMALL, "--steps", "8", "--warmup", "2", processes=2)
    assert done.returncode == 0, done.stderr
    alone = tmp_path / "one"
    assert trained(alone, *SMALL, "--steps", "8", "--warmup", "2").returncode == 0
    together = losses(out)
    for step, values in losses(alone).items():
        assert [float(v) for v in together[step]] == pytest.approx([float(v) for v in values], rel=1e-4, abs=1e-6)
    one, other = (load_file(run / "checkpoint.safetensors") for run in (alone, out))
    for key, value in one.items():
        if key.startswith("trainee:"):
            assert (value - other[key]).abs().max() <= 1e-4


def test_a_run_is_left_after_its_minutes_and_gone_on_with(tmp_path: Path) -> None:
    out = tmp_path / "short"
    assert main(["train", "--out", str(out), *SMALL, "--steps", "6", "--minutes", "0.00001"]) == 0
    assert list(losses(out)) == [1]
    assert main(["train", "--out", str(out), "--resume", "--minutes", "5"]) == 0
    assert list(losses(out)) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--model", "paper"), "train: data must hold moving pictures, got nothing that moves"),
        (("--data", "scenes:0", "--model", "paper"), "train: data must be scenes[:NUMBER][:PIXELS][:KIND], the"),
        (("--data", "scenes:4:x", "--model", "paper"), "train: data must be scenes[:NUMBER][:PIXELS][:KIND], the"),
        (("--data", "scenes:4:9:film", "--model", "paper"), "train: data must be scenes of another kind than film, or"),
        (("--data", "scenes:4"), "train: model or init must be given, one of them, got neither"),
        (("--data", "scenes:4", "--model", "4.26", "--init", "4.26"), "train: model or init must be given"),
        (("--data", "scenes:4", "--model", "9.9"), "train: model must be one of "),
        (("--data", "scenes:4", "--model", "3.6"), "train: the network must be the paper's IFNet or IFNet_m"),
        (("--data", "scenes:4", "--model", "paper", "--widths", "8", "8"), "train: widths must be as many as scales"),
        (("--data", "scenes:4", "--model", "paper", "--batch", "0"), "train: batch must be 1 or more, got 0"),
        (("--data", "scenes:4", "--model", "paper", "--precision", "fp8"), "train: precision must be one of fp32,"),
        (("--data", "scenes:4", "--model", "paper", "--learning-rate", "nan"), "train: learning_rate must be 0 or"),
        (("--data", "scenes:4", "--init", "4.26", "--freeze", "nose"), "train: freeze must begin the names"),
        (("--data", "scenes:4", "--model", "paper", "--keep", "0.5"), "train: keep needs init, trained weights,"),
        (("--data", "scenes:4", "--model", "paper", "--head", "8"), "train: head must be of a network that has one"),
        (("--data", "nowhere.mkv", "--model", "paper"), "nowhere.mkv"),
        (("--resume",), "train: out must be a run's folder to resume"),
    ],
)  # fmt: skip
def test_nonsense_is_one_line(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "--out", str(tmp_path / "out"), "--device", "cpu", *arguments]) == 1
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert message in said[0]


def test_a_run_is_not_written_over_and_its_options_stay(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--out", str(whole), *SMALL]) == 1
    assert "holds a run; --resume continues it" in capsys.readouterr().err
    assert main(["train", "--out", str(whole), "--resume", "--batch", "8"]) == 1
    assert "train: batch must stay 4, got 8 for a run that is resumed" in capsys.readouterr().err
