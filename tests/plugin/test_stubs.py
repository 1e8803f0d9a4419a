"""What editors and type checkers know: the Python twins' keywords, and `core.rife` by the tool vsstubs."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import vapoursynth as vs
from support import ROOT

import vsrife
from vsrife.plugin.arguments import Arguments, arguments_of
from vsrife.plugin.keywords import AtArguments, MotionArguments, ReplaceArguments, RifeArguments, VsrifeArguments

CONFIG = """
[mypy]
strict = True
[mypy-vapoursynth.*]
follow_untyped_imports = True
[mypy-torch.*,numpy.*,vsrife.engine.*,vsrife.networks.*,vsrife.weights.*,vsrife.plugin.create]
follow_imports = skip
[mypy-vsrife.*]
follow_imports = silent
"""
TWINS = """
from fractions import Fraction

import vapoursynth as vs
from vsrife import at, estimate_motion, replace_frames, rife


def script(clip: vs.VideoNode, mask: vs.VideoNode) -> None:
    reveal_type(rife(clip))
    reveal_type(rife(clip, Fraction(5, 2), model="4.6", sc=True, protect=mask, trt=True))
    reveal_type(rife(clip, extra=[mask]))
    reveal_type(at(clip, 0.3, device="cpu"))
    reveal_type(at(clip, mask, extra=[mask]))
    reveal_type(estimate_motion(clip, timestep=0.5)[0])
    reveal_type(replace_frames(clip, [3, 4], sc=0))
    rife(clip, modle="4.6")
    rife(clip, scale="0.5")
    at(clip, 0.5, multi=2)
"""
NODE = "vapoursynth.vapoursynth.VideoNode"


def checked(code: str, folder: Path, *search: Path) -> list[str]:
    """What mypy says of a script, without places; strictly, and of the script alone."""
    (folder / "script.py").write_text(code, encoding="utf-8")
    (folder / "mypy.ini").write_text(CONFIG, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--no-error-summary", "--config-file", "mypy.ini", "--no-pretty"]
    done = subprocess.run(
        [*command, "--cache-dir", str(folder / "cache"), "script.py"],
        capture_output=True,
        text=True,
        cwd=folder,
        env=os.environ | {"MYPYPATH": os.pathsep.join(map(str, search))},
        timeout=240,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return [line.split(": ", 1)[1] for line in done.stdout.splitlines() if line.startswith("script.py")]


@pytest.mark.parametrize(
    ("function", "keywords", "own"),
    [
        ("RIFE", RifeArguments, {"multi", "extra"}),
        ("Motion", MotionArguments, set()),
        ("At", AtArguments, {"timestep", "extra"}),
        ("Replace", ReplaceArguments, {"frames", "extra"}),
    ],
)
def test_keywords_are_the_arguments(function: str, keywords: type[Any], own: set[str]) -> None:
    known = get_type_hints(Arguments, localns={"Clip": vs.VideoNode})
    expected = {name: known[name] | None for name in arguments_of(function) if name not in own}
    expected["device"] |= Sequence[str]  # which the twins join to one text
    given = get_type_hints(keywords)
    if function == "RIFE":
        ported = get_type_hints(VsrifeArguments)
        assert not ported.keys() & known.keys()
        given = {name: kind for name, kind in given.items() if name not in ported}
    assert given == expected
    assert not keywords.__required_keys__


def test_twins_take_what_is_theirs_beside_the_keywords() -> None:
    named = {
        function.__name__: [p.name for p in inspect.signature(function).parameters.values() if p.kind != p.VAR_KEYWORD]
        for function in (vsrife.rife, vsrife.at, vsrife.estimate_motion, vsrife.replace_frames)
    }
    assert named == {
        "rife": ["clip", "multi", "extra"],
        "at": ["clip", "timestep", "extra"],
        "estimate_motion": ["clip"],
        "replace_frames": ["clip", "frames", "extra"],
    }


def test_types_are_told_to_users() -> None:
    assert Path(vsrife.__file__).with_name("py.typed").is_file()


def test_a_type_checker_knows_the_twins(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    said = checked(TWINS, tmp_path, ROOT)
    shown = [line.replace("builtins.", "") for line in said if line.startswith("note: Revealed")]
    kinds = (NODE, NODE, f"list[{NODE}]", NODE, f"list[{NODE}]", NODE, NODE)
    assert shown == [f'note: Revealed type is "{kind}"' for kind in kinds]
    wrong = "\n".join(line for line in said if line.startswith("error: "))
    assert 'Unexpected keyword argument "modle"' in wrong
    assert 'No overload variant of "rife" matches argument types "VideoNode", "str"' in wrong
    assert 'Unexpected keyword argument "multi"' in wrong


@pytest.mark.skipif(find_spec("vsstubs") is None, reason="vsstubs is not installed")
def test_vsstubs_writes_the_plugins_types(tmp_path: Path) -> None:
    package = tmp_path / "stubs" / "vapoursynth"  # a search path has no "-stubs" packages
    package.mkdir(parents=True)
    command = [sys.executable, "-m", "vsstubs", "--output", str(package / "__init__.pyi")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    code = """
import vapoursynth as vs

clip = vs.core.std.BlankClip()
vs.core.rife.RIFE(clip, multi=2.5, model="4.6", sc=True, extra=[clip])
vs.core.rife.At(clip, timestep=0.3)
vs.core.rife.Replace(clip, frames=[1, 2])
clip.rife.Motion(timestep=0.5)
vs.core.rife.RIFE(clip, mutli=2)
vs.core.rife.RIFE(clip, scale="0.5")
"""
    said = checked(code, tmp_path, tmp_path / "stubs")
    errors = [line for line in said if line.startswith("error: ")]
    assert len(errors) == 2, said
    assert 'Unexpected keyword argument "mutli"' in errors[0]
    assert 'Argument "scale"' in errors[1]


@pytest.mark.vpy("unique-core")
def test_the_native_functions_say_their_arguments() -> None:
    for name in ("RIFE", "Motion", "At", "Replace"):
        signature = getattr(vs.core.rife, name).__signature__
        assert list(signature.parameters) == ["clip", *arguments_of(name)]
