"""Names to files: the manifest, the folders, imported models."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from vsrife.errors import ModelError
from vsrife.networks import CATALOG, CONFIGS, DEFAULT, OWN, make
from vsrife.weights import find, imported, load_network, manifest, models_folder, read_metadata, resolve, user_folder
from vsrife.weights.convert import import_weights


def saved(folder: Path, architecture: str, file: str = "flownet.pkl") -> Path:
    path = folder / file
    torch.save(make(CONFIGS[architecture]).state_dict(), path)
    return path


def test_the_user_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VSRIFE_MODELS", str(tmp_path))
    assert user_folder() == tmp_path
    monkeypatch.setenv("VSRIFE_MODELS", "~/models")
    assert user_folder() == Path.home() / "models"
    monkeypatch.delenv("VSRIFE_MODELS")
    assert user_folder().is_absolute()
    assert "vsrife" in user_folder().parts


def test_every_published_model_has_its_source() -> None:
    assert list(manifest()) == [*CATALOG, *OWN]
    for name in CATALOG:
        entry = manifest()[name]
        assert entry.source == f"https://github.com/HolyWu/vs-rife/releases/download/model/flownet_v{name}.pkl"
        assert CATALOG[entry.architecture] == CATALOG[name]
        assert (entry.license, entry.name) == ("MIT", name)


@pytest.mark.parametrize("file", ["../up.pkl", "/etc/passwd", "a/b.pkl", "a\\b.pkl", ".hidden", "", ".."])
def test_no_path_leaves_its_folder(file: str) -> None:
    with pytest.raises(ModelError, match=r"^the manifest's file for model 4.6 must be a plain name"):
        replace(manifest()["4.6"], bundled=None if file in ("", "..") else file, source=f"https://example.org/x/{file}")


def test_find(folder: Path) -> None:
    assert find(DEFAULT) == models_folder() / manifest()[DEFAULT].file
    assert find("4.6") is None
    folder.mkdir()
    (folder / "flownet_v4.6.pkl").touch()
    assert find("4.6") == folder / "flownet_v4.6.pkl"
    assert find("../../etc/passwd") is None


def test_imported_and_used(folder: Path, tmp_path: Path) -> None:
    assert import_weights(saved(tmp_path, "4.22.lite"), "mine", None) == (
        "mine",
        "4.22.lite",
        folder / "mine.safetensors",
    )
    assert imported() == {"mine": folder / "mine.safetensors"}
    assert resolve("mine").name == "mine"
    assert read_metadata(folder / "mine.safetensors") == {"architecture": "4.22.lite"}
    with safe_open(folder / "mine.safetensors", framework="pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float16}  # noqa: SIM118
    assert load_network("mine", None, fetch=False).config == CATALOG["4.22.lite"]


def test_a_published_model_is_imported_under_its_own_name(folder: Path, tmp_path: Path) -> None:
    file = saved(tmp_path, "4.22.lite", "flownet_v4.22.lite.pkl")
    assert import_weights(file, None, None)[0] == "4.22.lite"
    assert load_network("4.22.lite", None, fetch=False).config == CATALOG["4.22.lite"]
    with pytest.raises(ModelError, match=r"^model 4.22.lite is already installed, .*; delete it or give another"):
        import_weights(file, "rife-v4.22-lite", None)


def test_what_shapes_cannot_tell_is_said(folder: Path, tmp_path: Path) -> None:
    file = saved(tmp_path, "paper-2r")
    assert import_weights(file, "a", None)[1] == "paper"
    assert import_weights(file, "b", "paper-2r")[1] == "paper-2r"
    assert load_network("b", None).config == make(CONFIGS["paper-2r"]).config
    assert load_network("paper-2r", file).config == make(CONFIGS["paper-2r"]).config


@pytest.mark.parametrize(
    ("name", "model", "message"),
    [
        ("4.26", None, "is already installed"),
        ("23", None, "must not be a number"),
        ("../x", None, "must be letters, digits"),
        ("a b", None, "must be letters, digits"),
        ("4.6", None, "not those of a 4.6 network"),
        ("4.22.lite", "4.6", "must be a 4.22.lite network, got 4.6"),
        ("x", "4.6", "not those of a 4.6 network"),
        ("x", "9.9", "model must be one of"),
    ],
)
def test_what_cannot_be_imported(folder: Path, tmp_path: Path, name: str, model: str | None, message: str) -> None:
    with pytest.raises(ModelError, match=f"^.*{message}"):
        import_weights(saved(tmp_path, "4.22.lite"), name, model)
    assert not folder.exists()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (float("nan"), r"^flownet.pkl is damaged: block0.lastconv.0.bias must hold finite real numbers$"),
        (1e9, r"^block0.lastconv.0.bias has weights that are too large for fp16"),
    ],
)
def test_numbers_that_fp16_does_not_hold_are_not_imported(
    wrong: float, message: str, folder: Path, tmp_path: Path
) -> None:
    state = make(CONFIGS["4.22.lite"]).state_dict()
    state["block0.lastconv.0.bias"][0] = wrong
    torch.save(state, tmp_path / "flownet.pkl")
    with pytest.raises(ModelError, match=message):
        import_weights(tmp_path / "flownet.pkl", "mine", None)
    assert list(folder.glob("*")) == []
