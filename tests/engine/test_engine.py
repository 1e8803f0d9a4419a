"""The engine's frames against the published networks', in every architecture, precision, scale and ensemble."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import lru_cache

import numpy as np
import pytest
import torch
from support import ROOT, psnr, random_network, texture, trained
from tolerances import HALF_DB, PUBLISHED, ROUTES_DB, VIEWS_DB

from vsrife.engine import (
    Colour,
    Engine,
    HostFrame,
    Interpolator,
    Options,
    PictureFormat,
    Task,
    Timestep,
    resolve_device,
    resolve_precision,
)
from vsrife.engine import device as device_module
from vsrife.engine.kernel_estimator import FEWEST_ROWS, STRIP_BYTES, strip_rows
from vsrife.errors import RifeError
from vsrife.networks import CATALOG, LEGACY, IFNet, LegacyNetwork, mean_estimate

CPU = torch.device("cpu")
RGBS = PictureFormat("rgb", 32, True, 0, 0, 150, 110)


def pair(form: PictureFormat) -> tuple[np.ndarray, np.ndarray]:
    return texture(form.width, form.height, 0, 0), texture(form.width, form.height, 9, 4)


@lru_cache(maxsize=4)
def engine_of(network: IFNet | LegacyNetwork, precision: str, *, compiled: bool) -> Engine:
    return Engine(network, CPU, resolve_precision(precision, CPU), compiled=compiled)


def through_engine(
    network: IFNet | LegacyNetwork,
    precision: str,
    t: float = 0.5,
    scale: float = 1,
    ensemble: int = 0,
    *,
    compiled: bool = True,
    form: PictureFormat = RGBS,
) -> np.ndarray:
    first, second = pair(form)
    engine = engine_of(network, precision, compiled=compiled)
    interpolator = Interpolator(engine, form, Options(scale, ensemble, picture="published"))
    out = [np.empty((form.height, form.width), np.float32) for _ in range(3)]
    interpolator.render(
        Task(HostFrame(0, list(first), Colour()), HostFrame(1, list(second), Colour()), Timestep(t), form), out
    )
    return np.stack(out)


def published(
    network: IFNet | LegacyNetwork, t: float = 0.5, *, form: PictureFormat = RGBS, **options: float
) -> np.ndarray:
    first, second = (torch.from_numpy(p)[None] for p in pair(form))
    with torch.inference_mode():
        picture: np.ndarray = network(first, second, t, **options)[0].numpy()
    return picture


@pytest.mark.parametrize(("t", "compiled"), [(0.125, True), (0.5, True), (0.9, True), (0.3, False)])
@pytest.mark.parametrize("scale", [0.25, 0.5, 1, 2])
def test_the_engine_is_the_published_network(t: float, scale: float, compiled: bool) -> None:
    network = trained()
    frame = through_engine(network, "fp32", t, scale, compiled=compiled)
    assert np.abs(frame - published(network, t, scale=scale)).max() <= PUBLISHED["trained"]


REPRESENTATIVES = {config: name for name, config in CATALOG.items()}


@pytest.mark.parametrize("name", REPRESENTATIVES.values())
def test_every_architecture_runs_without_full_size_intermediates(name: str) -> None:
    network = random_network(name)
    assert np.abs(through_engine(network, "fp32") - published(network)).max() <= PUBLISHED["random"]


@pytest.mark.parametrize("name", ["4.0", "4.2", "4.6", "4.14.lite", "4.26.heavy"])
def test_architectures_without_compiled_kernels(name: str) -> None:
    network = random_network(name)
    assert np.abs(through_engine(network, "fp32", compiled=False) - published(network)).max() <= PUBLISHED["random"]


@pytest.mark.parametrize("name", ["4.26", "4.6", "4.24", "4.0"])
@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_few_digits_come_close(name: str, precision: str) -> None:
    network = trained() if name == "4.26" else random_network(name)
    assert psnr(through_engine(network, precision), published(network), 1) > HALF_DB["published"]


@pytest.mark.parametrize("name", ["4.0", "4.6", "4.9", "4.24"])
def test_the_published_ensemble(name: str) -> None:
    network = random_network(name)
    expected = published(network, ensemble=True)
    assert np.abs(through_engine(network, "fp32", ensemble=1) - expected).max() <= PUBLISHED["random"]
    assert np.abs(through_engine(network, "fp32") - expected).max() > 1e-3


@pytest.mark.parametrize("name", LEGACY)
def test_legacy_networks_run_through_their_residual(name: str) -> None:
    """The filter's route, motion and residual apart, against the published form."""
    network = random_network(name)
    frame = through_engine(network, "fp32").clip(0, 1)
    assert np.abs(frame - published(network)).max() <= PUBLISHED["random"]


@pytest.mark.parametrize("t", [0.25, 0.75, 0.3, 0.99, 0.01])
def test_a_midpoint_only_network_serves_other_times(t: float) -> None:
    network = random_network("3.6")
    assert not network.config.any_time
    assert psnr(through_engine(network, "fp32", t), published(network, t), 1) > ROUTES_DB


@pytest.mark.parametrize(("name", "passes"), [("4.26", 2), ("4.26", 8), ("4.6", 4), ("paper", 2), ("3.6", 8)])
def test_several_views_are_the_mean_of_full_size_motion(name: str, passes: int) -> None:
    """The filter's mean of small maps against the mean of full-size flows."""
    network = trained() if name == "4.26" else random_network(name)
    first, second = (torch.from_numpy(p)[None] for p in pair(RGBS))
    with torch.inference_mode():
        expected = mean_estimate(network, first, second, 0.5, passes=passes).picture(first, second)[0].numpy()
    frame = through_engine(network, "fp32", 0.5, ensemble=passes).clip(0, 1)
    assert psnr(frame, expected, 1) > VIEWS_DB


@pytest.mark.parametrize("passes", [2, 4, 8])
def test_views_agree_on_an_easy_texture(passes: int) -> None:
    """On an easy texture every view agrees, so their mean is near the plain pass; and near the truth."""
    network = trained()
    mean = through_engine(network, "fp32", 0.3, ensemble=passes)
    truth = texture(150, 110, 9 * 0.3, 4 * 0.3)
    inside = np.s_[:, 16:-16, 16:-16]
    assert psnr(mean[inside], through_engine(network, "fp32", 0.3)[inside], 1) > 36
    assert psnr(mean[inside], truth[inside], 1) > 36


def test_4_0_doubles_its_scales() -> None:
    network = random_network("4.0")
    with torch.no_grad():
        network.get_submodule("block1").get_submodule("lastconv").weight.mul_(40)
    doubled = published(network)
    network.config = CATALOG["4.0"].__class__(**{**vars(CATALOG["4.0"]), "doubles": False})
    plain = published(network)
    network.config = CATALOG["4.0"]
    assert np.abs(doubled - plain).max() > 1e-2
    assert psnr(through_engine(network, "fp32"), doubled, 1) > ROUTES_DB


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_stays_close(precision: str) -> None:
    network = trained()
    assert psnr(through_engine(network, precision), through_engine(network, "fp32"), 1) >= HALF_DB["fp32"]


def test_the_two_ends_swap() -> None:
    """Frames swapped and time reversed give nearly the same picture: left and right are not mixed up."""
    network = trained()
    first, second = pair(RGBS)
    engine = Engine(network, CPU, torch.float32)
    results = []
    for a, b, t in ((first, second, 0.25), (second, first, 0.75)):
        out = [np.empty((RGBS.height, RGBS.width), np.float32) for _ in range(3)]
        task = Task(HostFrame(0, list(a), Colour()), HostFrame(1, list(b), Colour()), Timestep(t), RGBS)
        Interpolator(engine, RGBS, Options()).render(task, out)
        results.append(np.stack(out)[:, 12:-12, 12:-12])
    truth = texture(150, 110, 2.25, 1)[:, 12:-12, 12:-12]
    assert psnr(results[0], results[1], 1) > 38
    assert min(psnr(result, truth, 1) for result in results) > 36


def test_devices() -> None:
    assert resolve_device("cpu") == CPU
    if not torch.cuda.is_available():
        assert resolve_device("auto") == CPU
        with pytest.raises(RifeError, match=r"^device cuda:3 does not exist: PyTorch .* sees 0 cuda devices$"):
            resolve_device("cuda:3")
    for name in ("gpu", "cuda:", "cuda:x", "cuda:٣", "cpu:0", "mps:1", "x" * 500):
        with pytest.raises(RifeError, match=r"^device must be one of auto, cpu.{,120}$"):
            resolve_device(name)


INTERPRETED = """
import numpy as np
from support import random_network
from tolerances import PUBLISHED
from test_engine import published, through_engine
from vsrife.motion import launch
from vsrife.engine import PictureFormat
assert launch.INTERPRETED
network = random_network("4.26")
form = PictureFormat("rgb", 32, True, 0, 0, 100, 60)
assert np.abs(through_engine(network, "fp32", form=form) - published(network, form=form)).max() <= PUBLISHED["random"]
"""


def test_the_route_of_a_graphics_card() -> None:
    """From planes to planes by Triton's kernels, which its interpreter runs here."""
    pytest.importorskip("triton", reason="Triton is not here")
    folders = os.pathsep.join(map(str, (ROOT / "tests", ROOT / "tests" / "engine")))
    environment = os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": folders}
    run = subprocess.run(
        [sys.executable, "-c", INTERPRETED], env=environment, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]


@pytest.mark.parametrize("flag", ["_is_avx512_bf16_supported", "_is_amx_tile_supported", None])
@pytest.mark.parametrize("by_library", [True, False])
def test_auto_is_bf16_where_hardware_and_library_have_it(
    flag: str | None, by_library: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_module, "_is_x86", lambda: True)
    monkeypatch.setattr(device_module, "computes_bf16", lambda: by_library)
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda name=name: name == flag, raising=False)
    expected = torch.bfloat16 if flag and by_library else torch.float32
    assert resolve_precision("auto", CPU) == expected
    monkeypatch.setattr(device_module, "_is_x86", lambda: False)
    assert resolve_precision("auto", CPU) == torch.float32


def test_precisions_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "has_sound_fp16", lambda device: True)
    assert resolve_precision("auto", torch.device("cuda")) == torch.float16
    assert resolve_precision("fp32", CPU) == torch.float32
    with pytest.raises(RifeError, match=r"^precision must be one of auto, fp32, fp16, bf16, got int8$"):
        resolve_precision("int8", CPU)


def test_strips_are_even_and_fill_a_cache() -> None:
    for height, row in ((384, 40960), (1088, 122880), (2176, 245760), (24, 5120), (4352, 10**7)):
        rows = strip_rows(height, row)
        assert rows % 2 == 0 or rows == height
        assert rows in (height, FEWEST_ROWS) or rows * row <= STRIP_BYTES
    assert strip_rows(24, 5120) == 24
