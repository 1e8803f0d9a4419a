"""Fused convolutions against PyTorch's own, one operation after another."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import numpy as np
import pytest
import torch
from support import random_network, texture
from tolerances import CONVOLVED, SUMMED
from torch import nn

from vsrife.engine import (
    Colour,
    Engine,
    HostFrame,
    Interpolator,
    Options,
    PictureFormat,
    Task,
    Timestep,
    choose_engines,
    resolve_precision,
)
from vsrife.engine.convolutions import CACHED_LAYOUTS, Convolution, has_fused

CPU = torch.device("cpu")
LAYERS = {
    "3×3": lambda: nn.Conv2d(16, 24, 3, 1, 1),
    "shrinking": lambda: nn.Conv2d(32, 16, 3, 2, (0, 1)),
    "in groups": lambda: nn.Conv2d(16, 16, 3, 1, 1, groups=2),
    "transposed": lambda: nn.ConvTranspose2d(24, 32, 4, 2, 1),
}


LACKING = (
    "bf16: this CPU has no AVX-512 (avx512bw) or AVX-NE-CONVERT, which oneDNN's bf16 convolutions need: "
    "computing in fp32 instead"
)


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("slope", [None, 0.2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("fused", [True, False])
def test_fused_is_one_after_another(layer: str, slope: float | None, dtype: torch.dtype, fused: bool) -> None:
    if fused and not has_fused(dtype):
        pytest.skip(f"oneDNN fuses no convolutions of {dtype} on this CPU")
    torch.manual_seed(1)
    module = LAYERS[layer]().requires_grad_(False)
    for height, width in ((9, 14), (8, 8), (21, 30)):
        x = torch.randn(2, module.in_channels, height, width).to(dtype).contiguous(memory_format=torch.channels_last)
        # in fp32, of what was rounded
        exact = module.__class__.forward(module.to(dtype).float(), x.float())
        if slope is not None:
            exact = nn.functional.leaky_relu(exact, slope)
        out = Convolution(module, slope, dtype, CPU, fused=fused)(x)
        assert out.dtype == dtype
        assert out.is_contiguous(memory_format=torch.channels_last)
        assert torch.allclose(out.float(), exact, **CONVOLVED[dtype])


def test_inputs_of_another_precision_are_converted() -> None:
    torch.manual_seed(2)
    convolution = Convolution(nn.Conv2d(8, 8, 3, 1, 1).requires_grad_(False), 0.2, torch.bfloat16, CPU)
    x = torch.randn(1, 8, 6, 6).contiguous(memory_format=torch.channels_last)
    assert torch.equal(convolution(x), convolution(x.bfloat16()))


def test_many_sizes_keep_few_layouts() -> None:
    torch.manual_seed(3)
    module = nn.Conv2d(16, 16, 3, 1, 1).requires_grad_(False)
    convolution = Convolution(module, None, torch.float32, CPU)
    for size in range(5, 5 + 3 * CACHED_LAYOUTS):
        x = torch.randn(1, 16, size, size + 1).contiguous(memory_format=torch.channels_last)
        assert torch.allclose(convolution(x), module(x), atol=SUMMED)
    assert len(convolution._reordered) <= CACHED_LAYOUTS


def test_bf16_is_fp32_where_the_cpu_does_not_convolve_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vsrife.engine.device.computes_bf16", lambda: False)
    monkeypatch.setattr("vsrife.engine.device._is_x86", lambda: True)
    monkeypatch.setattr("vsrife.engine.device._cpu_has_bf16", lambda: True)
    lines: list[str] = []
    assert resolve_precision("auto", CPU, lines.append) == torch.float32
    assert resolve_precision("fp32", CPU, lines.append) == torch.float32
    assert resolve_precision("bf16", torch.device("cuda"), lines.append) == torch.bfloat16
    assert lines == []
    assert resolve_precision("bf16", CPU) == torch.float32
    network, form = random_network("4.6"), PictureFormat("rgb", 32, True, 0, 0, 64, 48)
    frames = []
    for precision in ("fp32", "bf16"):
        (engine,), _ = choose_engines(
            "cpu", precision, lambda device, dtype, **_: Engine(network, device, dtype), lines.append
        )
        out = [np.empty((48, 64), np.float32) for _ in range(3)]
        ends = [HostFrame(n, list(texture(64, 48, 5 * n, 3 * n)), Colour()) for n in range(2)]
        Interpolator(engine, form, Options()).render(Task(*ends, Timestep(0.5), form), out)
        frames.append(np.stack(out).tobytes())
    assert lines == [LACKING]
    assert frames[0] == frames[1]


WITHOUT = """
import torch
from torch import nn
from vsrife.engine import resolve_precision
from vsrife.engine.convolutions import Convolution, has_fused
cpu = torch.device("cpu")
assert has_fused(torch.float32) and not has_fused(torch.bfloat16)
assert resolve_precision("auto", cpu, print) == resolve_precision("bf16", cpu, print) == torch.float32
Convolution(nn.Conv2d(8, 8, 3).requires_grad_(False), 0.2, torch.bfloat16, cpu)(torch.zeros(1, 8, 6, 6))
"""


@pytest.mark.skipif(platform.machine().lower() not in ("x86_64", "amd64"), reason="AVX is x86's")
@pytest.mark.skipif(not has_fused(torch.float32), reason="there is no oneDNN here")
def test_a_cpu_without_avx512() -> None:
    """As oneDNN sees it when it is told to do without."""
    environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, LACKING + "\n"), done.stderr[-2000:]
