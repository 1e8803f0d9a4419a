"""The command `vsrife evaluate`."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from support import data, texture

from vsrife.cli import main
from vsrife.evaluation import find_ffmpeg
from vsrife.weights import find

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")
QUICK = ["--device", "cpu", "--precision", "fp32"]


def written(folder: Path, names: list[str]) -> Path:
    """Pictures of a texture that moves."""
    folder.mkdir(parents=True)
    for step, name in enumerate(names):
        picture = texture(80, 64, 4 * step, step)
        Image.fromarray((picture * 255).round().astype(np.uint8).transpose(1, 2, 0)).save(folder / name)
    return folder


@pytest.fixture
def ucf101(tmp_path: Path) -> Path:
    written(tmp_path / "ucf101/1", ["frame_00.png", "frame_01_gt.png", "frame_02.png"])
    return tmp_path / "ucf101"


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    return written(tmp_path / "frames", [f"{k:03d}.png" for k in range(9)])


def rows(out: str) -> list[list[str]]:
    """The cells of all tables."""
    lines = [line.strip("|").split("|") for line in out.splitlines() if line.startswith("|") and "---" not in line]
    return [[cell.strip() for cell in line] for line in lines]


def test_several_paths_and_models(
    ucf101: Path, frames: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = tmp_path / "mine" / "flownet.safetensors"
    own.parent.mkdir()
    own.symlink_to(find("4.26"))
    files = [tmp_path / "figures.json", tmp_path / "worst.png"]
    wanted = ["--json", str(files[0]), "--sheet", str(files[1]), "--factor", "2", "--metrics", "psnr", "ssim"]
    assert main(["evaluate", str(ucf101), str(frames), "--model", "4.26", f"4.26={own}", *QUICK, *wanted]) == 0
    out, error = capsys.readouterr()
    assert error == ""
    headings = [line for line in out.splitlines() if line and not line.startswith("|")]
    assert headings == [
        "ucf101: UCF101, 1 interpolated picture, float32 on cpu",
        "frames, 4 interpolated pictures, float32 on cpu",
    ]
    first, second = rows(out)[:4], rows(out)[4:]
    for table in (first, second):
        assert table[0] == ["model", "PSNR", "SSIM"]
        assert [row[0] for row in table[1:]] == ["blend", "4.26", "mine"]
        assert table[2][1:] == table[3][1:]
        assert float(table[2][1]) > float(table[1][1]) + 5
    record = json.loads(files[0].read_text(encoding="utf-8"))
    assert record["machine"]["device"] == "cpu"
    assert record["precision"] == "float32"
    assert record["arguments"]["factor"] == 2
    assert [suite["path"] for suite in record["suites"]] == [str(ucf101), str(frames)]
    assert [len(suite["cases"]) for suite in record["suites"]] == [3, 12]
    assert f"{record['suites'][1]['means'][1]['psnr']:.2f}" == second[2][1]
    assert Image.open(files[1]).format == "PNG"
    assert {path.name for path in tmp_path.iterdir()} == {"ucf101", "frames", "mine", "figures.json", "worst.png"}


def test_what_is_measured_by_itself(ucf101: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(ucf101), *QUICK]) == 0
    heading = rows(capsys.readouterr().out)[0]
    vmaf = ["VMAF"] if find_ffmpeg() else []
    assert heading == ["model", "PSNR", "SSIM", "SSIM, the paper's", "IE", "sharpness", *vmaf]


def test_without_libvmaf_the_column_is_left_out(
    ucf101: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("vsrife.evaluation.vmaf._candidates", list)
    monkeypatch.setattr("vsrife.evaluation.perceptual.PACKAGE", "a_package_that_is_not_here")
    reason = (
        "evaluate: vmaf cannot be measured: no ffmpeg with libvmaf is found (pip install imageio-ffmpeg, or --ffmpeg)"
    )
    assert main(["evaluate", str(ucf101), *QUICK]) == 0
    out, error = capsys.readouterr()
    assert error == reason + "\n"
    assert "VMAF" not in out
    assert main(["evaluate", str(ucf101), *QUICK, "--metrics", "psnr", "st_lpips"]) == 0
    out, error = capsys.readouterr()
    assert error.startswith("evaluate: st_lpips cannot be measured: its weights are not here (")
    assert rows(out)[0] == ["model", "PSNR"]
    assert main(["evaluate", str(ucf101), *QUICK, "--metrics", "vmaf"]) == 1
    assert capsys.readouterr().err == reason + "\n"


def test_a_part_of_a_clip(capsys: pytest.CaptureFixture[str]) -> None:
    clip = data("clips/bikes.mp4")
    options = ["--factor", "4", "--span", "0.5:1", "--size", "160", "--limit", "2", "--metrics", "psnr"]
    assert main(["evaluate", str(clip), *QUICK, *options]) == 0
    assert capsys.readouterr().out.startswith("bikes.mp4, 6 interpolated pictures, float32 on cpu\n\n| model |")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "9.9"], "evaluate: model must be one of "),
        (["--model", "nope.pkl"], "evaluate: model_path must be a file or ncnn's folder that exists, got nope.pkl"),
        (["--scale", "3"], "evaluate: scale must be 0.25, 0.5, 1, 2 or 4, got 3"),
        (["--ensemble", "5"], "evaluate: ensemble must be 0, 1, 2, 4 or 8, got 5"),
        (["--device", "tpu"], "evaluate: device must be one of "),
        (["--precision", "fp8"], "evaluate: precision must be one of "),
        (["--suite", "x"], "evaluate: suite must be one of vimeo90k, "),
        (["--metrics", "beauty"], "evaluate: metrics must be of psnr, "),
        (["--factor", "4"], "evaluate: factor must be 2 for UCF101, got 4"),
        (["--span", "1:0"], "evaluate: span must be two rising shares from 0 to 1, got 1:0"),
        (["--limit", "0"], "evaluate: limit must be at least 1, got 0"),
        (["--size", "5"], "evaluate: size must be sides of 16 to 16384, got 5"),
        (["--ffmpeg", sys.executable], "evaluate: ffmpeg must be a program that has libvmaf, got "),
        (["--json", "no/such/folder/x.json"], "evaluate: json must be a file in a folder that exists, got "),
        (["--sheet", "."], "evaluate: sheet must be a file in a folder that exists, got ."),
    ],
)
def test_errors_are_one_line(
    arguments: list[str], message: str, ucf101: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(ucf101), *arguments]) == 1
    out, error = capsys.readouterr()
    assert out == ""
    assert error.startswith(message)
    assert error.count("\n") == 1


def test_a_clip_without_a_case_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = written(tmp_path / "still", ["0.png"])
    for k in (1, 2):
        (folder / f"{k}.png").write_bytes((folder / "0.png").read_bytes())
    assert main(["evaluate", str(folder), *QUICK, "--metrics", "psnr"]) == 1
    message = "evaluate: still has no case without a cut or a repeat; --repeats keeps the latter\n"
    assert capsys.readouterr().err == message
    assert main(["evaluate", str(folder), *QUICK, "--metrics", "psnr", "--repeats"]) == 0


def test_the_command_line_imports_no_torch() -> None:
    code = "import sys; from vsrife.cli import main\ntry: main(['evaluate', '--help'])\nexcept SystemExit: pass\n"
    code += "print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False"
