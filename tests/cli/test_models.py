"""The command `vsrife models`."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from support import ROOT, data

from vsrife.cli import main
from vsrife.networks import CATALOG, CONFIGS, make
from vsrife.weights import load_network, manifest, models_folder

if TYPE_CHECKING:
    from pathlib import Path

MODEL = "4.15.lite"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSRIFE_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that were downloaded, by a download that makes them up."""
    names: list[str] = []

    def download(entry: object, partial: Path) -> None:
        names.append(entry.name)
        state = make(CONFIGS[entry.architecture]).state_dict()
        torch.save({name: value.half() for name, value in state.items()}, partial)

    monkeypatch.setattr("vsrife.weights.download._download", download)
    return names


def saved(folder: Path, name: str) -> str:
    path = folder / "flownet.pkl"
    torch.save(make(CONFIGS[name]).state_dict(), path)
    return str(path)


def failed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on stderr of a command that fails."""
    assert main(arguments) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert error.count("\n") == 1
    assert error.startswith("models: ")
    return error.rstrip()


def test_the_list(folder: Path, tmp_path: Path, asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "fetch", MODEL]) == 0
    assert main(["models", "import", saved(tmp_path, "4.22.lite"), "--name", "mine"]) == 0
    capsys.readouterr()
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = {line.split()[0]: line.split() for line in lines[1:-2]}
    assert lines[0].split() == ["model", "architecture", "licence", "size"]
    assert list(rows) == [*manifest(), "mine"]
    assert rows["4.26"] == ["4.26", "4.25", "MIT", "11.3", "MB", "bundled"]
    assert rows["4.3"] == ["4.3", "4.2", "MIT", "–", "downloaded", "on", "first", "use"]
    assert rows[MODEL] == [MODEL, MODEL, "MIT", "5.3", "MB", "downloaded"]
    assert rows["mine"] == ["mine", "4.22.lite", "–", "9.7", "MB", "imported"]
    assert lines[-1] == f"Downloaded and imported models are in {folder}"


def test_fetch(folder: Path, asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "fetch", "4.15-lite", "v4.6", "4.26"]) == 0
    assert asked == [MODEL, "4.6"]
    out, error = capsys.readouterr()
    assert out == f"model 4.26 is installed: {manifest()['4.26'].path}\n"
    assert error.splitlines()[1] == f"model {MODEL} is at {folder / f'flownet_v{MODEL}.pkl'}"
    assert load_network(MODEL, None, fetch=False).config == CATALOG[MODEL]


def test_fetch_all(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    some = {name: manifest()[name] for name in ("4.15.lite", "4.22.lite", "4.26")}
    monkeypatch.setattr("vsrife.cli.models.manifest", lambda: some)
    assert main(["models", "fetch", "--all"]) == 0
    assert asked == ["4.15.lite", "4.22.lite"]


def test_import_and_info(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = saved(tmp_path, "4.22.lite")
    assert main(["models", "import", file, "--name", "mine"]) == 0
    target = folder / "mine.safetensors"
    assert capsys.readouterr().out == f'flownet.pkl is a 4.22.lite network, kept as model="mine": {target}\n'
    assert load_network("mine", None).config == CATALOG["4.22.lite"]
    assert main(["models", "info", str(target)]) == 0
    network, parameters, place, digest = capsys.readouterr().out.splitlines()
    assert network == "architecture: 4.22.lite, as the file says"
    assert parameters == "parameters:   4,866,052 in 128 tensors, float16"
    assert place == f"file:         {target} ({target.stat().st_size:,} bytes)"
    assert digest.startswith("sha256:       ")


def test_info_of_files_of_several_networks(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "info", str(data("ncnn/rife-v4.26_ensembleFalse"))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "architecture: 4.25 or 4.26"
    assert [line.split(":")[0] for line in lines[2:]] == ["file", "sha256"] * 2
    bundled = models_folder() / manifest()["4.26"].file
    assert main(["models", "info", str(bundled)]) == 0
    described = capsys.readouterr().out
    assert f"sha256:       {manifest()['4.26'].sha256}" in described
    assert main(["models", "info", "4.26"]) == 0
    assert capsys.readouterr().out == described


def test_errors_are_one_line(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = saved(tmp_path, "4.22.lite")
    assert "not those of a 4.6 network" in failed(["models", "import", file, "--name", "4.6"], capsys)
    assert "must be a file" in failed(["models", "info", str(tmp_path / "none.pkl")], capsys)
    assert "run vsrife models fetch 4.6" in failed(["models", "info", "4.6"], capsys)
    assert "which this package does not have" in failed(["models", "fetch", "5"], capsys)
    assert "cannot be downloaded" in failed(["models", "fetch", "paper"], capsys)
    folder.touch()
    assert "cannot be written" in failed(["models", "import", file, "--name", "mine"], capsys)


def test_wrong_use_is_told_by_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["models", "fetch"], ["models", "fetch", "4.6", "--all"], ["nothing"]):
        with pytest.raises(SystemExit) as caught:
            main(arguments)
        assert caught.value.code == 2
        assert "Traceback" not in capsys.readouterr().err


def test_an_interrupted_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vsrife.cli.models.find", interrupt)
    assert main(["models"]) == 130
    assert capsys.readouterr() == ("", "models: stopped\n")


@pytest.mark.parametrize("arguments", [["--help"], ["models", "--help"], ["models"]])
def test_it_starts_without_torch(arguments: list[str]) -> None:
    code = f"""
import sys
sys.argv = ["vsrife", *{arguments!r}]
sys.modules["torch"] = sys.modules["vapoursynth"] = sys.modules["pooch"] = None
from vsrife.cli import main
main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "models" in done.stdout


def test_as_a_module_and_as_a_script() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "vsrife", "models", "info", "none"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr == "models: model_path must be a file or ncnn's folder that exists, got none\n"
    assert 'vsrife = "vsrife.cli:main"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["models", "export", "rife-v4.26", "--to", "ncnn"]) == 0
    assert capsys.readouterr().out == "rife-v4.26 is written for ncnn: rife-v4.26\n"
    written = load_network("4.26", tmp_path / "rife-v4.26").state_dict()
    for name, value in load_network("4.26", None).state_dict().items():
        assert torch.equal(written[name], value), name

    file = saved(tmp_path, "4.22.lite")
    assert main(["models", "export", file, "--to", "ncnn", "--output", "rife-v4-mine"]) == 0
    assert load_network(None, tmp_path / "rife-v4-mine").config == CONFIGS["4.22.lite"]


def test_export_refuses(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def error(*arguments: str) -> str:
        return failed(["models", "export", *arguments], capsys)

    assert error("24", "--to", "ncnn") == "models: ensembles are not exported; RIFE(model='4.6', ensemble=2) runs one"
    assert error("4.26", "--to", "onnx", "--size", "big").endswith("WIDTHxHEIGHT, such as 1920x1080, got big")
    assert error("4.26", "--to", "ncnn", "--size", "64x64") == "models: size must be given for onnx alone, got ncnn"
    assert error("4.26", "--to", "ncnn", "--model", "4.6") == "models: model must be given for a weights file, got 4.26"
    assert "--to onnx carries it" in error("4.26", "--to", "ncnn", "--picture-step", "sharp")
    assert error("4.99", "--to", "ncnn").startswith("models: model must be one ")
    assert "adapts its scale" in error("4.0", "--to", "ncnn")
    assert "adapts its scale" in error(saved(tmp_path, "4.0"), "--to", "ncnn")
    assert asked == []
    assert [path.name for path in tmp_path.iterdir()] == ["flownet.pkl"]
