"""The command `vsrife doctor`, where all is well and where something is missing, broken, in the way or stuck."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import vapoursynth as vs

from vsrife.cli import doctor, main
from vsrife.cli.doctor import LIMITS, ask, examine, shortened
from vsrife.cli.doctor_text import advice, text, works
from vsrife.engine import card_record

if TYPE_CHECKING:
    from collections.abc import Callable

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="libraries and signals of POSIX systems")
MISSING = "raise ImportError('it is not here')\n"
STUCK = "import time\ntime.sleep(60)\n"
CRASHES = "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)\n"
NOISY = "print('vsrife-answer is not what this line begins with')\nraise ValueError('broken\\nin two lines')\n"
NO_TRITON = "Triton cannot be imported (No module named 'triton')"
WITHOUT_WORD = "import os\nos._exit(7)\n"


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """What it finds on this machine, by `python -m vsrife`."""
    done = subprocess.run(
        [sys.executable, "-m", "vsrife", "doctor", "--json"], capture_output=True, text=True, timeout=240, check=False
    )
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.stderr == ""
    assert done.returncode == int(not found["works"])
    return found


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts modules of other contents in the place of real ones, for processes that are started."""

    def put(**modules: str) -> None:
        for name, content in modules.items():
            (tmp_path / f"{name}.py").write_text(content, encoding="utf-8")

    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return put


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The plugin folder of a copy of VapourSynth that processes load in the place of the real one; empty."""
    target = tmp_path / "vapoursynth"
    shutil.copytree(
        Path(vs.__file__).parent, target, ignore=shutil.ignore_patterns("plugins", "include", "__pycache__")
    )
    (target / "plugins").mkdir()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return target / "plugins"


def our_library() -> Path:
    folder = Path(vs.__file__).parent / "plugins" / "rife"
    return next(path for path in folder.iterdir() if path.suffix in (".so", ".dylib", ".dll"))


def test_all_is_well_here(whole: dict[str, Any]) -> None:
    assert whole["works"]
    tested = whole["self_test"]
    assert tested["made"] == tested["frames"] >= 1
    assert tested["psnr"] > 40 > tested["psnr_of_a_blend"]
    assert tested["made_fps"] > 0
    server = whole["vapoursynth"]
    assert server["plugins"]["rife"]["path"] == server["file"]
    assert whole["torch"]["auto"]["device"] in {device["name"] for device in whole["torch"]["devices"]}
    assert whole["models"]["here"]["4.26"] == "bundled"


def test_the_text_says_it_all(whole: dict[str, Any]) -> None:
    lines = text(whole).splitlines()
    assert lines[-1] == "Nothing to mend." or lines[-1].startswith("Advice: ")
    rows = {line[:26].strip(): line[26:] for line in lines if line.startswith("  ")}
    assert rows["VapourSynth"].endswith(f"(core {vs.__version__}, API {vs.__api_version__})")
    assert rows["core.rife"].startswith("org.vsrife.plugin ")
    assert rows["interpolated frames"] == f"{whole['self_test']['frames']} of {whole['self_test']['frames']}, 320x180"
    assert rows["auto"].startswith(f"{whole['torch']['auto']['device']} in {whole['torch']['auto']['precision']}: ")
    assert any(line.startswith("  RIFE: model 4.26 (bundled) on ") for line in lines)
    assert len([line for line in lines if "RIFE: model" in line]) == 1
    assert str(Path.home()) + os.sep not in text(whole)


def test_nothing_is_here(
    fake: Callable[..., None], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake(torch=MISSING, vapoursynth=MISSING)
    monkeypatch.setenv("PATH", "")
    assert main(["doctor"]) == 1
    out, error = capsys.readouterr()
    assert error == ""
    assert "Traceback" not in out
    assert [line for line in out.splitlines() if line.startswith("Advice: ")] == [
        "Advice: VapourSynth does not run in this Python (ImportError: it is not here): pip install vapoursynth",
        "Advice: PyTorch does not run in this Python (ImportError: it is not here): pip install torch",
        "Advice: the self test failed: ImportError: it is not here",
        *[line for line in out.splitlines() if line.startswith("Advice: vspipe is not on the PATH")],
    ]
    assert "vspipe is not on the PATH" in out


def test_torch_alone_is_missing(fake: Callable[..., None]) -> None:
    fake(torch=MISSING)
    assert ask("torch", 60) == {"error": "ImportError: it is not here"}
    answer = ask("self_test", 60)
    assert answer["error"].endswith("RIFE: PyTorch cannot be imported (it is not here); pip install torch")


@pytest.mark.parametrize(
    ("content", "limit", "said"),
    [
        (STUCK, 1.5, "no answer after 1.5 s"),
        pytest.param(CRASHES, 60, "crashed, SIGSEGV", marks=POSIX),
        (NOISY, 60, "ValueError: broken in two lines"),
        (WITHOUT_WORD, 60, "ended with status 7"),
    ],
)
def test_what_ends_a_process_is_one_line(fake: Callable[..., None], content: str, limit: float, said: str) -> None:
    fake(vapoursynth=content)
    assert ask("vapoursynth", limit) == {"error": said}


@POSIX
def test_no_plugin_is_there(copied: Path, whole: dict[str, Any]) -> None:
    found = whole | {"vapoursynth": ask("vapoursynth", 60), "source_filters": []}
    assert found["vapoursynth"]["file"] is None
    said = advice(found)
    assert said[0] == f"the plugin is not in {copied}: python -m pip install . in a clone of vsrife, with this Python"
    assert said[-1] == "no source filter is installed that opens films: pip install vapoursynth-bestsource"
    assert f"not in {copied}" in text(found | {"advice": said})


@POSIX
def test_the_plugin_is_there_but_broken(copied: Path, whole: dict[str, Any]) -> None:
    (copied / "rife").mkdir()
    broken = copied / "rife" / our_library().name
    broken.write_bytes(b"no library")
    shutil.copy(our_library().with_name("manifest.vs"), broken.parent)
    server = ask("vapoursynth", 60)
    assert server["file"] == str(broken)
    assert "rife" not in server["plugins"]
    assert server["refused"].startswith("Error: Failed to load ")
    said = advice(whole | {"vapoursynth": server})
    assert said[0].startswith(f"VapourSynth does not load {broken} (Error: Failed to load ")


@POSIX
@pytest.mark.parametrize("both", [False, True])
def test_another_plugin_has_the_name(copied: Path, whole: dict[str, Any], both: bool) -> None:
    (copied / "rife").mkdir()
    other = copied / "rife" / "other.so"
    other.write_bytes(our_library().read_bytes().replace(b"org.vsrife.plugin\0", b"com.holywu.rife\0\0\0"))
    if both:
        shutil.copy(our_library(), copied / "rife")
        names = f"[VapourSynth Manifest V1]\nother\n{our_library().stem}\n"  # folders are read in no known order
        (copied / "rife" / "manifest.vs").write_text(names, encoding="ascii")
    server = ask("vapoursynth", 60)
    assert server["plugins"]["rife"]["id"] == "com.holywu.rife"
    kept = "remove it" if both else "remove it, then python -m pip install . in a clone of vsrife, with this Python"
    said = advice(whole | {"vapoursynth": server})
    assert said[0] == f"core.rife is another plugin, com.holywu.rife at {other}: {kept}"
    if both:
        (line,) = server["log"]
        assert "namespace rife already populated by" in line
        assert f"  {line}\n" in text(whole | {"vapoursynth": server, "advice": said})


def program(folder: Path, content: str) -> Path:
    path = folder / "vspipe"
    path.write_text(f"#!/bin/sh\n{content}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@POSIX
@pytest.mark.parametrize(
    ("content", "limits", "said"),
    [
        ("echo 'Failed to initialize VSScript' >&2; exit 1", {},
         "vspipe does not start (ended with status 1: Failed to initialize VSScript): "
         "run `vapoursynth config` in this Python's environment"),
        ("exec sleep 60", {"version": 1},
         "vspipe does not start (no answer after 1 s): run `vapoursynth config` in this Python's environment"),
        ("echo 'Core R81'; echo 'vsrife-answer:{\"prefix\": \"/elsewhere\", \"python\": \"3.13.0\"}'", {},
         "vspipe runs another Python, in /elsewhere: run `vapoursynth config` in this Python's environment, or install "
         "vsrife there"),
        ("echo 'Core R81'; test $1 = --version || { echo 'No attribute with the name rife' >&2; exit 1; }", {},
         "vspipe starts but makes no frame: ended with status 1: No attribute with the name rife"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_vspipe(
    content: str,
    limits: dict[str, float],
    said: str,
    fake: Callable[..., None],
    whole: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = program(tmp_path, content)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/usr/bin{os.pathsep}/bin")
    found = doctor._vspipe({**LIMITS, **limits})
    assert found["path"] == str(path)
    assert advice(whole | {"vspipe": found}) == [*advice(whole | {"vspipe": {"path": "x", "starts": True}}), said]
    assert works(whole | {"vspipe": found})
    assert str(path) in text(whole | {"vspipe": found, "advice": [said]})


@POSIX
def test_vspipe_is_tried_with_this_python(whole: dict[str, Any]) -> None:
    pipe = whole["vspipe"]
    if not pipe.get("starts"):
        pytest.skip("vspipe does not start here")
    assert pipe["this_python"] is True
    assert "error" not in pipe


@pytest.mark.parametrize(
    ("part", "changes", "said"),
    [
        ("self_test", {"psnr": 12.5}, "interpolated frames are wrong, 12.5 dB from the truth: please report this"),
        ("self_test", {"psnr": 31.0, "psnr_of_a_blend": 35.0}, "interpolated frames are wrong, 31.0 dB from the truth"),
        ("self_test", {"made": 0}, "interpolated frames are wrong, "),
        ("self_test", {"same_in_both_orders": False}, "frames differ with the order they are asked for in"),
        ("torch", {"kernels": {"kind": "", "why_no_others": "no Triton"}},
         "frames are made by PyTorch alone, which is slower: no Triton"),
        ("models", {"writable": False, "folder": "~/x"}, "models cannot be fetched into ~/x: make it writable"),
    ],
)  # fmt: skip
def test_advice(part: str, changes: dict[str, Any], said: str, whole: dict[str, Any]) -> None:
    found = copy.deepcopy(whole)
    found[part] |= changes
    given = advice(found)
    assert len([line for line in given if line.startswith(said)]) == 1
    assert works(found) == (part != "self_test")
    assert text(found | {"advice": given}).count("Advice: ") == len(given)


@pytest.mark.parametrize(
    ("system", "cuda", "why", "named"),
    [
        ("Windows-11-10.0.26100-SP0", "13.0", NO_TRITON, True),
        ("Windows-11-10.0.26100-SP0", "13.0", "Triton 3.2.0 does not run the kernels (a C compiler)", False),
        ("Windows-11-10.0.26100-SP0", None, NO_TRITON, False),
        ("Linux-6.8", "13.0", NO_TRITON, False),
    ],
)
def test_triton_for_windows_is_named(
    system: str, cuda: str | None, why: str, named: bool, whole: dict[str, Any]
) -> None:
    found = copy.deepcopy(whole)
    found["system"]["name"] = system
    found["torch"] |= {"cuda": cuda, "kernels": {"kind": "", "why_no_others": why}}
    (line,) = (said for said in advice(found) if said.startswith("frames are made by PyTorch alone"))
    assert ("; pip install triton-windows" in line) is named


def test_a_triton_of_another_name_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        doctor, "versions", lambda names: {name: "3.8" if name == "triton-xpu" else None for name in names}
    )
    listed = doctor._packages()
    assert listed["triton-xpu"] == "3.8"
    assert "triton-windows" not in listed
    assert listed["triton"] is None


PROBED = {
    "level": "graphs",
    "why": "ring: its frames differ from those made eagerly",
    "precision": "fp16",
    "levels": {
        "eager": {"db": 71.2, "why": "", "ms": 2.31, "waits": 0},
        "graphs": {"db": 71.2, "why": "", "ms": 1.04, "waits": 2},
        "ring": {"db": 41.0, "why": "its frames differ from those made eagerly", "wrong": True},
    },
}


def test_cards_have_a_table(whole: dict[str, Any]) -> None:
    found = whole | {"cards": {"cuda:0": PROBED, "cuda:1": {"error": "crashed, SIGSEGV: Fatal Python error"}}}
    said = advice(found)
    lines = text(found | {"advice": said}).splitlines()
    rows = {line[:26].strip(): line[26:] for line in lines[lines.index("Cards") + 1 :]}
    assert rows["cuda:0"] == "is best used at the level graphs, in fp16"
    assert rows["eager"] == "2.31 ms a frame, 71.2 dB to the reference"
    assert rows["graphs"] == "1.04 ms a frame, 71.2 dB to the reference, 2 waits"
    assert rows["ring"] == "41.0 dB to the reference, not used: its frames differ from those made eagerly"
    assert rows["cuda:1"] == "could not be probed: crashed, SIGSEGV: Fatal Python error"
    assert [line for line in said if line.startswith("cuda")] == [
        "cuda:0 makes wrong frames at the level ring (its frames differ from those made eagerly): please report this",
        "cuda:1 could not be probed (crashed, SIGSEGV: Fatal Python error)",
    ]
    failed = PROBED | {"levels": {"ring": {"why": "expected all tensors on one, but found a different device"}}}
    assert not [line for line in advice(whole | {"cards": {"cuda:0": failed}}) if line.startswith("cuda")]
    assert "Cards" not in text(whole | {"cards": {}, "advice": []}).splitlines()


def test_every_card_is_probed(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [{"name": name, "what": ""} for name in ("cpu", "cuda:0", "cuda:1", "mps")]
    asked: list[tuple[Any, ...]] = []

    def answer(*given: Any) -> dict[str, Any]:
        asked.append(given)
        return {"devices": devices} if given[0] == "torch" else {"answers": given[0]}

    monkeypatch.setattr(doctor, "ask", answer)
    monkeypatch.setattr(doctor, "_vspipe", lambda _: {})
    monkeypatch.delenv("VSRIFE_CUDA", raising=False)
    assert examine(LIMITS)["cards"] == {name: {"answers": "card"} for name in ("cuda:0", "cuda:1")}
    assert asked[2:] == [
        *(("card", LIMITS["card"], name) for name in ("cuda:0", "cuda:1")),
        ("self_test", LIMITS["self_test"]),
    ]
    assert card_record.LIMIT < LIMITS["card"] < card_record.PATIENCE
    monkeypatch.setenv("VSRIFE_CUDA", "off")
    assert examine(LIMITS)["cards"] == {}


def test_a_card_that_is_not_here_is_one_line() -> None:
    (name,) = found = ask("card", LIMITS["card"], "cuda:77")
    assert name == "error"
    assert found[name].startswith("RifeError: device cuda:77 does not exist")


def test_a_driver_without_cuda_in_pytorch(whole: dict[str, Any]) -> None:
    found = whole | {"driver": "570.1", "torch": whole["torch"] | {"cuda": None, "rocm": None}}
    line = "NVIDIA's driver 570.1 is installed, but PyTorch is built without CUDA: install it with the command that https://"
    assert len([said for said in advice(found) if said.startswith(line)]) == 1
    assert not [said for said in advice(whole) if said.startswith(line)]


def test_what_the_tools_need_is_named_with_its_command(whole: dict[str, Any]) -> None:
    found = whole | {"packages": whole["packages"] | {"av": None, "matplotlib": None}}
    line = "vsrife interpolate and compare do not run without PyAV, matplotlib: pip install '.[video]' in a clone of "
    assert advice(found)[-1].startswith(line)
    assert works(found)


@POSIX
def test_a_folder_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = tmp_path / "file"
    taken.touch()
    monkeypatch.setenv("VSRIFE_MODELS", str(taken))
    assert not doctor._models()["writable"]
    monkeypatch.setenv("VSRIFE_MODELS", str(tmp_path / "new" / "folder"))
    assert doctor._models()["writable"]
    assert not (tmp_path / "new").exists()


def test_home_is_not_told(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path(os.sep, "home", "someone")
    monkeypatch.setattr(Path, "home", lambda: home)
    given = {"a": [f"at {home / 'x'}: {home}", f"{home}else", 3, None], "b": str(home)}
    assert shortened(given) == {"a": [f"at {Path('~', 'x')}: ~", f"{home}else", 3, None], "b": "~"}


def test_a_part_that_fails_is_left_out(fake: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError("no such thing")

    fake(torch=MISSING, vapoursynth=MISSING)
    for name in ("machine", "versions", "_models", "_vspipe"):
        monkeypatch.setattr(doctor, name, fails)
    found = examine(LIMITS)
    assert found["machine"] == found["models"] == {"error": "OSError: no such thing"}
    said = advice(found)
    assert "the models cannot be read: OSError: no such thing" in said
    assert text(found | {"advice": said})
