"""Arguments are checked once, and there is one list of them."""

from __future__ import annotations

import dataclasses
import inspect
import types
from collections.abc import Sequence
from fractions import Fraction
from typing import get_type_hints

import pytest
import vapoursynth as vs

from vsrife.engine.task import ESTIMATES, PICTURES
from vsrife.errors import RifeError
from vsrife.plugin.arguments import CHOICES, Arguments, arguments_of, descriptions

NATIVE_TYPES = {"int": int, "float": float, "data": str, "vnode": vs.VideoNode}


@pytest.mark.vpy("unique-core")
@pytest.mark.parametrize("function", ["RIFE", "Motion", "At", "Replace"])
def test_the_native_signature_is_the_dataclass(function: str) -> None:
    clip, *rest = getattr(vs.core.rife, function).signature.rstrip(";").split(";")
    assert clip == "clip:vnode"
    native = {}
    for argument in rest:
        name, kind, optional, *empty = argument.split(":")
        assert optional == "opt"
        assert empty == ["empty"] * (name == "frames")  # a script's list may be that of no bad frame
        of = NATIVE_TYPES[kind.removesuffix("[]")]
        native[name] = Sequence[of] if kind.endswith("[]") else of
    hints = get_type_hints(Arguments, localns={"Clip": vs.VideoNode})
    python = {}
    for name in arguments_of(function):
        kinds = [hints[name]]
        if isinstance(hints[name], types.UnionType):
            kinds = [kind for kind in hints[name].__args__ if kind is not type(None)]
        python[name] = kinds[0]
    assert list(native.items()) == list(python.items())


def test_every_argument_belongs_to_a_function() -> None:
    names = {name for function in ("RIFE", "Motion", "At", "Replace") for name in arguments_of(function)}
    assert names == {field.name for field in dataclasses.fields(Arguments)}


def test_every_argument_is_described(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python 3.13 takes the common indentation out of docstrings, which 3.12 keeps."""
    found = descriptions()
    assert found.keys() == {field.name for field in dataclasses.fields(Arguments)}
    monkeypatch.setattr(Arguments, "__doc__", inspect.cleandoc(Arguments.__doc__ or ""))
    assert descriptions() == found


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"multi": 0.0}, "multi must be a number above 0, got 0"),
        ({"multi": float("nan")}, "multi must be a number above 0, got nan"),
        ({"multi": float("inf")}, "multi must be a number above 0, got inf"),
        ({"multi": 2.0, "fps_num": 60, "fps_den": 1}, "multi must be the only rate, got fps_num too"),
        ({"factor_den": 0}, "factor_den must be at least 1, got 0"),
        ({"fps_num": 60}, "fps_den must be given too, got fps_num alone"),
        ({"fps_den": 1}, "fps_num must be given too, got fps_den alone"),
        ({"scale": 3.0}, "scale must be 0.25, 0.5, 1, 2 or 4, got 3"),
        ({"scale": 0.5000001}, "scale must be 0.25, 0.5, 1, 2 or 4, got 0.5000001"),
        ({"scale": float("nan")}, "scale must be 0.25, 0.5, 1, 2 or 4, got nan"),
        ({"model": b"\xff"}, r"model must be printable text, got b'\xff'"),
        ({"device": ""}, "device must be printable text, got ''"),
        ({"sc": 2}, "sc must be 0 or 1, got 2"),
        ({"sc_mode": "cut"}, "sc_mode must be hold, nearest or blend, got cut"),
        ({"sc_threshold": 1.5}, "sc_threshold must be 0 to 1, got 1.5"),
        ({"dedup_limit": 1}, "dedup_limit must be 2 to 16, got 1"),
        ({"limit": 33}, "limit must be 1 to 32, got 33"),
        ({"prop": ""}, "prop must be printable text, got ''"),
        ({"skip_threshold": float("nan")}, "skip_threshold must be 0 to 200, got nan"),
        ({"show": "all"}, "show must be flow, mask, cuts or time, got all"),
        (
            {"vfr": 1, "timecodes": "a.txt", "fps_num": 60, "fps_den": 1},
            "timecodes and vfr=1 must not both be given: the file says what the frames would",
        ),
        (
            {"positions": [1.0], "multi": 2.0},
            "positions must be the only timing beside fps_num/fps_den, got multi too",
        ),
        (
            {"positions": [1.0], "factor_den": 2},
            "positions must be the only timing beside fps_num/fps_den, got factor_den too",
        ),
        (
            {"positions": [1.0], "fps_num": 60, "fps_den": 1, "timecodes": "a.txt"},
            "positions must be the only timing beside fps_num/fps_den, got timecodes too",
        ),
        ({"ensemble": 3}, "ensemble must be 0, 1, 2, 4 or 8, got 3"),
        ({"ensemble_mask": "best"}, "ensemble_mask must be own, mean or logit, got best"),
    ],
)
def test_bad_arguments_say_what_is_allowed(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(RifeError) as caught:
        Arguments(**arguments)
    assert str(caught.value) == message


def test_an_unknown_matrix_lists_the_known() -> None:
    with pytest.raises(RifeError, match=r"^matrix must be one of 709 \(1\), .*, got rgb$"):
        Arguments(matrix="rgb")


@pytest.mark.parametrize(
    ("given", "number"), [("709", 1), ("1", 1), ("2020ncl", 9), ("9", 9), ("ictcp", 14), ("601", 6)]
)
def test_a_matrix_is_taken_by_name_and_number(given: str, number: int) -> None:
    assert Arguments(matrix=given).matrix_number == number


@pytest.mark.parametrize(
    ("arguments", "rate"),
    [
        ({}, Fraction(2)),
        ({"multi": 2.5}, Fraction(5, 2)),
        ({"multi": 1 / 3}, Fraction(1, 3)),
        ({"factor_num": 5}, Fraction(5)),
        ({"factor_den": 3}, Fraction(2, 3)),
    ],
)
def test_rates(arguments: dict[str, float], rate: Fraction) -> None:
    assert Arguments(**arguments).rate_of(Fraction(24)) == rate
    assert Arguments(**arguments).fps is None


def test_the_filter_and_the_engine_allow_the_same() -> None:
    """The arguments must not import the engine, which needs PyTorch."""
    assert (CHOICES["picture"], CHOICES["estimates"]) == (PICTURES, ESTIMATES)
