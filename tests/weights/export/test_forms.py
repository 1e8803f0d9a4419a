"""Which networks each form refuses, in one line that says what carries them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from weights.export.networks import CONFIGS, moving

from vsrife.errors import ArgumentError, ModelError
from vsrife.networks import AnyConfig, HDv3Config, IFNetConfig, PaperConfig, RefinedConfig
from vsrife.weights.export import Form, export_network

if TYPE_CHECKING:
    from pathlib import Path

SMALL = (6, 6, 6)
ADAPTIVE = (
    IFNetConfig((6, 6), (2, 1), doubles=True),
    HDv3Config(SMALL, swaps=False, adapts=True),
    RefinedConfig((6, 6), (2, 1), doubles=True),
)


@pytest.mark.parametrize("config", ADAPTIVE, ids=lambda config: type(config).__name__)
@pytest.mark.parametrize("to", ["onnx", "ncnn", "torchscript"])
def test_adaptive_scale(config: AnyConfig, to: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"^model mine adapts its scale .*; core.rife.RIFE runs it$"):
        export_network(moving(config), "mine", Form(to), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (PaperConfig(any_time=True, widths=SMALL), "has a RefineNet"),
        (RefinedConfig((6, 6), (2, 1)), "has a RefineNet"),
        (HDv3Config(SMALL), "serves the middle between two frames alone"),
    ],
)
@pytest.mark.parametrize("to", ["onnx", "ncnn"])
def test_networks_that_torchscript_carries(config: AnyConfig, reason: str, to: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"^model mine {reason}, which {to} does not carry here; --to torchscript"):
        export_network(moving(config), "mine", Form(to), tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("options", [{"planes": 7}, {"half": True}, {"size": (64, 64)}])
@pytest.mark.parametrize("to", ["ncnn", "torchscript"])
def test_options_of_onnx(to: str, options: dict[str, object]) -> None:
    with pytest.raises(ArgumentError, match=rf"^(planes|precision|size) must be given for onnx alone, got {to}$"):
        Form(to, **options)


def test_the_picture_step_in_ncnn() -> None:
    with pytest.raises(ArgumentError, match=r"^picture_step must be published for ncnn, .*--to onnx.*, got sharp$"):
        Form("ncnn", picture_step="sharp")


def test_planes() -> None:
    with pytest.raises(ArgumentError, match=r"^planes must be 7 or 11, got 8$"):
        Form("onnx", planes=8)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("4.26", "rife_v4.26.onnx"),
        ("4.25.lite", "rife_v4.25_lite.onnx"),
        ("4.26.heavy", "rife_v4.26_heavy.onnx"),
        ("tuned", "rife_tuned.onnx"),
    ],
)
def test_files_have_the_names_of_vs_mlrts_script(
    name: str, file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    monkeypatch.chdir(tmp_path)
    assert str(export_network(moving(CONFIGS["one block"]), name, Form("onnx"))) == file
    assert [path.name for path in tmp_path.iterdir()] == [file]
