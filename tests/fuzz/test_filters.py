"""Functions of the filter against arguments, formats and sizes of every kind: frames as announced, or one line.

Seeded, a few seconds; `VSRIFE_FUZZ=20` has twenty times as many sets tried.
"""

from __future__ import annotations

import gc
import json
import os
from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
import vapoursynth as vs
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from vsrife.errors import ModelError
from vsrife.networks import CATALOG, IFNetConfig, make
from vsrife.networks.described import described, read_config

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.vpy("unique-core")
SETS = 60 * int(os.environ.get("VSRIFE_FUZZ", "1"))
LIMITS = settings(max_examples=SETS, suppress_health_check=list(HealthCheck))
TINY = IFNetConfig((8, 8), scales=(4, 2), ensemble=True)
FAMILIES = st.sampled_from([vs.GRAY, vs.RGB, vs.YUV, vs.YUV, vs.YUV])
DEPTHS = st.sampled_from([8, 9, 10, 12, 14, 16, "half", "single", 32])
SIDES = st.sampled_from([1, 8, 15, 16, 17, 18, 20, 24, 31, 32, 33, 48])
FRAMES = st.sampled_from([1, 1, 2, 3, 3, 5, 7])
texts = st.text(max_size=6) | st.sampled_from(
    ["auto", "cpu", "hold", "709", "4.26", "flow", "$(touch x)", "a\0b", "../x"]
)
whole = st.integers(-2, 5) | st.integers(-(2**63), 2**63 - 1)
RIGHT = {
    "RIFE": {
        "multi": st.sampled_from([2.0, 2.5, 0.5, 1 / 3]),
        "dedup": st.integers(0, 1),
        "skip": st.integers(0, 1),
        "show": st.sampled_from(["flow", "mask", "cuts", "time"]),
        "sc_mode": st.sampled_from(["hold", "nearest", "blend"]),
        "extra": st.just("clip"),
        "protect": st.just("mask"),
        "shutter": st.sampled_from([45.0, 360.0]),
        "pace": st.just(1),
    },
    "Motion": {"timestep": st.sampled_from([0.0, 0.5, 1.0]), "sc": st.integers(0, 1)},
    "Replace": {"prop": st.just("Odd"), "limit": st.integers(1, 3), "extra": st.just("clip")},
    "At": {"timestep": st.sampled_from([0.0, 0.3, 1.0]), "extra": st.just("clip"), "protect": st.just("mask")},
}
COMMON = {
    "scale": st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0]),
    "ensemble": st.sampled_from([0, 1, 2]),
    "matrix": st.sampled_from(["709", "ycgco", "2020ncl"]),
    "sc_threshold": st.sampled_from([0.0, 0.15, 1.0]),
}
NONSENSE = {
    **dict.fromkeys(("scale", "sc_threshold"), st.floats()),
    **dict.fromkeys(("ensemble", "sc", "auto_download"), whole),
    **dict.fromkeys(("model", "matrix", "device", "precision", "sc_mode", "ensemble_mask"), texts),
}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A network of a few thousand weights that makes little motion."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    state = {name: value * 0.5 for name, value in make(TINY).state_dict().items()}
    save_file(state, path, {"config": described(TINY)})
    return str(path)


@st.composite
def clips(draw: st.DrawFn) -> vs.VideoNode | None:
    """A clip of any format VapourSynth has; None where it has not that one."""
    family, depth = draw(FAMILIES), draw(DEPTHS)
    sample = vs.FLOAT if isinstance(depth, str) else vs.INTEGER
    bits = {"half": 16, "single": 32}.get(depth, depth) if isinstance(depth, str) else depth
    horizontal, vertical = (draw(st.integers(0, 4)), draw(st.integers(0, 4))) if family == vs.YUV else (0, 0)
    width, height, length = draw(SIDES), draw(SIDES), draw(FRAMES)
    try:
        form = vs.core.query_video_format(family, sample, bits, horizontal, vertical)
        blank = vs.core.std.BlankClip(format=form.id, width=width, height=height, length=length, keep=True)
    except vs.Error:
        return None
    return noisy(blank)


def noisy(clip: vs.VideoNode) -> vs.VideoNode:
    """Every frame another noise, within what the format holds."""

    def fill(n: int, f: vs.VideoFrame) -> vs.VideoFrame:
        rng = np.random.default_rng(n)
        out = f.copy()
        out.props["Odd"] = n % 2
        for plane in range(f.format.num_planes):
            target = np.asarray(out[plane])
            if f.format.sample_type == vs.FLOAT:
                target[...] = rng.random(target.shape)
            else:
                target[...] = rng.integers(0, 1 << f.format.bits_per_sample, target.shape)
        return out

    return clip.std.ModifyFrame(clip, fill)


@st.composite
def argument_sets(draw: st.DrawFn, function: str) -> dict[str, object]:
    """Mostly right; a third with one argument that may be anything."""
    chosen = draw(st.fixed_dictionaries({}, optional=RIGHT[function] | COMMON))
    if function == "At":
        chosen.setdefault("timestep", 0.5)
    if function == "Replace":
        chosen.setdefault("prop", "Odd")
    if draw(st.integers(0, 2)) == 0:
        name = draw(st.sampled_from(sorted(NONSENSE)))
        chosen[name] = draw(NONSENSE[name])
    return chosen


def expected_frames(function: str, given: dict[str, object], clip: vs.VideoNode) -> int:
    """By arithmetic alone."""
    if function in ("At", "Replace") or "timestep" in given:
        return clip.num_frames
    factors = {2.0: (2, 1), 2.5: (5, 2), 0.5: (1, 2), 1 / 3: (1, 3)}
    numerator, denominator = factors[given.get("multi", 2.0)]
    return -(-clip.num_frames * numerator // denominator)


@pytest.mark.parametrize("function", ["RIFE", "Motion", "At", "Replace"])
def test_any_clip_and_arguments_work_or_raise_one_line(
    function: str, weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VSRIFE_OFFLINE", "1")
    keep = vs.core.rife.RIFE(vs.core.std.BlankClip(width=16, height=16), model_path=weights)  # holds the network
    outcomes = Counter[str]()

    @LIMITS
    @given(clip=clips(), arguments=argument_sets(function))
    def attempt_one(clip: vs.VideoNode | None, arguments: dict[str, object]) -> None:
        if clip is None:
            return
        shown = dict(arguments)
        if arguments.pop("extra", None):
            arguments["extra"] = [clip[::-1]]
        if arguments.pop("protect", None):
            arguments["protect"] = vs.core.std.BlankClip(
                format=vs.GRAY8, width=clip.width, height=clip.height, length=1, color=128
            )
        try:
            made = getattr(vs.core.rife, function)(clip, model_path=weights, **arguments)
        except vs.Error as error:
            message = str(error)
            assert message.startswith(f"{function}: "), message
            assert "internal" not in message, message
            assert message.isprintable(), ascii(message)
            outcomes["refused"] += 1
            return
        outcomes["worked"] += 1
        for node in made if isinstance(made, list) else [made]:
            if function == "RIFE":
                assert node.format.id == clip.format.id
            assert (node.width, node.height) == (clip.width, clip.height)
            assert node.num_frames == expected_frames(function, shown, clip)
            for n in {0, node.num_frames // 2, node.num_frames - 1}:
                with node.get_frame(n) as frame:
                    assert frame.format.id == node.format.id
                    assert (frame.width, frame.height) == (node.width, node.height)
                    for plane in range(frame.format.num_planes):
                        values = np.asarray(frame[plane])
                        if frame.format.sample_type == vs.FLOAT:
                            assert np.isfinite(values).all()
                        else:
                            assert values.max() < 1 << frame.format.bits_per_sample
                    outcomes["frames"] += 1

    attempt_one()
    del keep
    gc.collect()
    assert outcomes["worked"] >= SETS / 6, outcomes
    assert outcomes["refused"] >= SETS / 6, outcomes


def configs() -> st.SearchStrategy[dict[str, object]]:
    """Small networks, right ones and others."""
    sizes = st.integers(1, 4).flatmap(
        lambda count: st.tuples(
            st.lists(st.sampled_from([2, 4, 6, 8, 7]), min_size=count, max_size=count),
            st.lists(st.sampled_from([1, 2, 4, 8, 3]), min_size=count, max_size=count),
        )
    )
    heads = st.none() | st.fixed_dictionaries(
        {
            "hidden": st.integers(1, 8),
            "channels": st.sampled_from([1, 4, 7, 8, 16]),
            "layers": st.integers(1, 4),
            "named": st.booleans(),
        }
    )
    return st.builds(
        lambda both, head, rest: {"widths": both[0], "scales": both[1], "head": head, **rest},
        sizes,
        heads,
        st.fixed_dictionaries(
            {
                "body": st.sampled_from(["prelu", "plain", "residual"]),
                "groups": st.sampled_from([1, 1, 2]),
                "outputs": st.sampled_from([5, 6, 13, 4, 9]),
                **dict.fromkeys(
                    ("shuffle", "carries_hidden", "accumulates_mask", "ensemble", "doubles"), st.booleans()
                ),
            }
        ),
    )


def test_every_described_network_runs_or_is_refused(tmp_path: Path) -> None:
    """What a file says of its network is refused in one line, or runs."""
    outcomes = Counter[str]()
    clip = noisy(vs.core.std.BlankClip(format=vs.YUV420P8, width=50, height=34, length=2, keep=True))
    base = json.loads(described(CATALOG["4.26"]))
    lines: list[str] = []

    @settings(LIMITS, max_examples=SETS // 2)
    @given(change=configs())
    def attempt_one(change: dict[str, object]) -> None:
        try:
            config = read_config(json.dumps(base | change))
        except ModelError as error:
            outcomes["refused"] += 1
            lines.append(str(error))
            return
        torch.manual_seed(2)
        path = tmp_path / f"{outcomes.total()}.safetensors"
        save_file(make(config).state_dict(), path, {"config": described(config)})
        frame = vs.core.rife.RIFE(clip, model_path=str(path), sc=0).get_frame(1)
        assert frame.props["RifeMade"] == 1
        outcomes["ran"] += 1
        path.unlink()

    attempt_one()
    assert all(line.isprintable() for line in lines)
    assert min(outcomes["ran"], outcomes["refused"]) >= 3, outcomes
