"""What `model` means: vsrife's names, the ncnn plugin's names and numbers."""

from __future__ import annotations

import pytest

from vsrife.errors import ModelError
from vsrife.networks import CATALOG, LEGACY
from vsrife.weights.names import NUMBERS, resolve

NCNN = """
    9/10 3.9, 11/12 4.0, 13/14 4.1, 15/16 4.2, 17/18 4.3, 19/20 4.4, 21/22 4.5, 23/24 4.6, 25/26 4.7, 27/28 4.8,
    29/30 4.9, 31/32 4.10, 33/34 4.11, 35/36 4.12, 37/38 4.12-lite, 39/40 4.13, 41/42 4.13-lite, 43/44 4.14,
    45/46 4.14-lite, 47/48 4.15, 49/50 4.15-lite, 51/52 4.16-lite, 53/54 4.17, 55/56 4.17-lite, 57/58 4.18,
    59/60 4.19, 61/62 4.20, 63 4.21, 64 4.22, 65 4.22-lite, 66 4.23, 67/68 4.24, 69 4.25, 70 4.25-lite, 71 4.25-heavy,
    72 4.26, 73 4.26-large
"""
"""The plugin's list as its users know it."""


@pytest.mark.parametrize("line", NCNN.replace("\n", " ").split(","))
def test_the_ncnn_plugins_numbers(line: str) -> None:
    numbers, name = line.split()
    for number, ensemble in zip(numbers.split("/"), (False, True), strict=False):
        if name == "3.9":
            with pytest.raises(ModelError, match=f"^model {number} is the ncnn plugin's rife-v3.9, which this pa"):
                resolve(number)
        else:
            expected = name.replace("-large", "-heavy").replace("-", ".")
            assert resolve(number) == (expected, ensemble)
            assert expected in CATALOG


def test_numbers_without_a_network() -> None:
    assert len(NUMBERS) == 74
    for number in range(11):
        with pytest.raises(
            ModelError, match=f"^model {number} is the ncnn plugin's rife.*, which this package does not have"
        ):
            resolve(str(number))
    with pytest.raises(ModelError, match=r"^model must be a name or .* numbers up to 73, got 74$"):
        resolve("74")


@pytest.mark.parametrize("name", [*CATALOG, *LEGACY])
def test_own_names_mean_themselves(name: str) -> None:
    assert resolve(name) == (name, False)


@pytest.mark.parametrize(
    ("spelt", "name", "ensemble"),
    [
        ("4.12-lite", "4.12.lite", False),
        ("4.12_lite", "4.12.lite", False),
        ("v4.6", "4.6", False),
        ("rife-v4.6", "4.6", False),
        ("rife-v4", "4.0", False),
        ("flownet_v4.25.heavy", "4.25.heavy", False),
        ("rife-v4.26_ensembleFalse", "4.26", False),
        ("rife-v4.20_ensembleTrue", "4.20", True),
        ("rife-v4.4_ensembleTrue_fastFalse", "4.4", True),
        ("rife-v4.25-heavy_beta", "4.25.heavy", False),
        ("rife-v4.26-large", "4.26.heavy", False),
        ("v3.6", "3.6", False),
        ("auto", "4.26", False),
    ],
)
def test_other_spellings(spelt: str, name: str, ensemble: bool) -> None:
    assert resolve(spelt) == (name, ensemble)


@pytest.mark.parametrize(("model", "like"), [("NANO", "nano"), ("4.25.lit", "4.25.lite or 4.22.lite or 4.15.lite")])
def test_what_is_misspelt_is_told_what_it_looks_like(model: str, like: str) -> None:
    with pytest.raises(ModelError) as caught:
        resolve(model)
    assert str(caught.value) == f"model must be one that `vsrife models` lists, perhaps {like}, got {model}"


@pytest.mark.parametrize("model", ["", "4.99", "rife-v2.3", "4.6 ", "٤", "4.6/..", "x" * 500, "a\nb", "-1", "9" * 400])
def test_what_means_nothing(model: str) -> None:
    with pytest.raises(ModelError) as caught:
        resolve(model)
    message = str(caught.value)
    assert message.startswith("model must be ")
    assert "\n" not in message
    assert len(message) < 700
