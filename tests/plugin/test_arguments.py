"""Arguments are checked once, and there is one list of them."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from typing import get_type_hints

import pytest
import vapoursynth as vs

from vsrife.errors import RifeError
from vsrife.plugin.arguments import Arguments

NATIVE_TYPES = {"int": int, "float": float, "data": str}


@pytest.mark.vpy("unique-core")
def test_the_native_signature_is_the_dataclass() -> None:
    clip, *rest = vs.core.rife.RIFE.signature.rstrip(";").split(";")
    assert clip == "clip:vnode"
    native = {}
    for argument in rest:
        name, kind, optional = argument.split(":")
        assert optional == "opt"
        native[name] = NATIVE_TYPES[kind]
    hints = get_type_hints(Arguments)
    python = {}
    for field in dataclasses.fields(Arguments):
        kinds = [k for k in getattr(hints[field.name], "__args__", (hints[field.name],)) if k is not type(None)]
        python[field.name] = kinds[0]
    assert list(native.items()) == list(python.items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"multi": 0.0}, "RIFE: multi must be a number above 0, got 0"),
        ({"multi": float("nan")}, "RIFE: multi must be a number above 0, got nan"),
        ({"multi": float("inf")}, "RIFE: multi must be a number above 0, got inf"),
        ({"multi": 2.0, "fps_num": 60, "fps_den": 1}, "RIFE: multi must be the only rate, got fps_num too"),
        ({"factor_den": 0}, "RIFE: factor_den must be at least 1, got 0"),
        ({"fps_num": 60}, "RIFE: fps_den must be given too, got fps_num alone"),
        ({"fps_den": 1}, "RIFE: fps_num must be given too, got fps_den alone"),
        ({"scale": 3.0}, "RIFE: scale must be 0.25, 0.5, 1, 2 or 4, got 3"),
        ({"scale": float("nan")}, "RIFE: scale must be 0.25, 0.5, 1, 2 or 4, got nan"),
        ({"model": b"\xff"}, r"RIFE: model must be printable text, got b'\xff'"),
        ({"device": ""}, "RIFE: device must be printable text, got ''"),
        ({"ensemble": 3}, "RIFE: ensemble must be 0, 1, 2, 4 or 8, got 3"),
        ({"ensemble_mask": "best"}, "RIFE: ensemble_mask must be one of own, mean, logit, got best"),
    ],
)
def test_bad_arguments_say_what_is_allowed(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(RifeError) as caught:
        Arguments(**arguments)  # type: ignore[arg-type]
    assert str(caught.value) == message


def test_an_unknown_matrix_lists_the_known() -> None:
    with pytest.raises(RifeError, match=r"^RIFE: matrix must be one of 709 \(1\), .*, got rgb$"):
        Arguments(matrix="rgb")


@pytest.mark.parametrize(
    ("given", "number"), [("709", 1), ("1", 1), ("2020ncl", 9), ("9", 9), ("ictcp", 14), ("601", 6)]
)
def test_a_matrix_is_taken_by_name_and_number(given: str, number: int) -> None:
    assert Arguments(matrix=given).matrix_number == number


@pytest.mark.parametrize(
    ("arguments", "fps", "rate"),
    [
        ({}, Fraction(24), Fraction(2)),
        ({"multi": 2.5}, Fraction(0), Fraction(5, 2)),
        ({"multi": 1 / 3}, Fraction(24), Fraction(1, 3)),
        ({"factor_num": 5}, Fraction(24), Fraction(5)),
        ({"factor_den": 3}, Fraction(24), Fraction(2, 3)),
        ({"fps_num": 60, "fps_den": 1}, Fraction(24000, 1001), Fraction(1001, 400)),
        ({"fps_num": 60, "fps_den": 1}, Fraction(10000000, 417083), Fraction(1251249, 500000)),
        ({"fps_num": 60, "fps_den": 1, "factor_num": 7}, Fraction(30), Fraction(2)),
    ],
)
def test_rates(arguments: dict[str, float], fps: Fraction, rate: Fraction) -> None:
    assert Arguments(**arguments).rate(fps) == rate  # type: ignore[arg-type]


def test_a_target_rate_needs_a_known_one() -> None:
    with pytest.raises(RifeError, match=r"^RIFE: fps_num and fps_den need a clip with a frame rate"):
        Arguments(fps_num=60, fps_den=1).rate(Fraction(0))
