"""The kernel's 3×3 convolutions of stride 2 against sums of products in fp64."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import pytest
import torch
from support import kernel_variant
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from vsrife.engine.convolutions import Convolution
from vsrife.engine.strided import FEWEST_PIXELS, StridedConvolution
from vsrife.motion.library import Library, Strided, kernel_library
from vsrife.networks import CATALOG, OWN

if TYPE_CHECKING:
    from collections.abc import Iterator

CPU = torch.device("cpu")
WIDTHS = sorted({width for config in (*CATALOG.values(), *OWN.values()) for width in config.widths})
TOLERANCE = 1e-5
"""Of the largest error of sums whose terms' squares add up to about 1; a missing term is 0.01 at least."""


@pytest.fixture(params=["base", "avx2", "avx512"], autouse=True)
def variant(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from kernel_variant(request.param)


def layer(inputs: int, outputs: int, above: int = 1) -> nn.Conv2d:
    torch.manual_seed(2)
    made = nn.Conv2d(inputs, outputs, 3, 2, (above, 1)).requires_grad_(False)
    made.weight.normal_(std=(inputs * 9) ** -0.5)
    return made


def picture(count: int, channels: int, height: int, width: int) -> Tensor:
    x = torch.randn(count, channels, height, width, generator=torch.Generator().manual_seed(1))
    return x.contiguous(memory_format=torch.channels_last)


def error(module: nn.Conv2d, x: Tensor, slope: float | None) -> float:
    out = StridedConvolution(module, slope)(x)
    assert out.is_contiguous(memory_format=torch.channels_last)
    exact = module.double()(x.double())
    module.float()
    return float((out - (exact if slope is None else leaky_relu(exact, slope))).abs().max())


@pytest.mark.parametrize("channels", WIDTHS)
def test_every_width_of_the_networks(channels: int) -> None:
    assert error(layer(channels // 2, channels), picture(1, channels // 2, 9, 14), 0.2) <= TOLERANCE


@pytest.mark.parametrize("size", [(1, 2), (2, 4), (3, 2), (4, 6), (7, 12), (8, 26), (17, 38)])
@pytest.mark.parametrize("slope", [None, 0.2, 0.0])
def test_every_edge_and_slope(size: tuple[int, int], slope: float | None) -> None:
    assert error(layer(5, 40), picture(3, 5, *size), slope) <= TOLERANCE
    if size[0] > 2:
        assert error(layer(5, 16, above=0), picture(2, 5, *size), slope) <= TOLERANCE


def test_strips_of_any_height_on_any_number_of_threads_are_the_whole() -> None:
    module, x = layer(24, 32, above=0), picture(2, 24, 41, 28)
    convolution, threads = StridedConvolution(module, 0.2), torch.get_num_threads()
    try:
        whole = convolution(x)
        for rows, count in ((2, 1), (6, 3), (8, 2), (14, 5)):
            torch.set_num_threads(count)
            out = torch.full((2, 20, 14, 32), torch.nan)
            strip = torch.empty(2, rows + 1, 28, 24)
            for top in range(0, 40, rows):
                part = strip[:, : 41 - top]
                part.copy_(x[:, :, top : top + rows + 1].permute(0, 2, 3, 1))
                convolution(part.permute(0, 3, 1, 2), out[:, top // 2 : (top + rows) // 2])
            assert torch.equal(out.permute(0, 3, 1, 2), whole)
    finally:
        torch.set_num_threads(threads)


def test_weights_outlast_a_thread_that_prepares_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    convolution, x = StridedConvolution(layer(8, 16), 0.2), picture(1, 8, 6, 8)
    library = kernel_library()
    assert library is not None
    run = type(library).run
    alive = []

    def replace_and_run(self: Library, name: str, job: Strided) -> None:
        cached = weakref.ref(convolution._panels)
        vars(convolution)["_panels"] = convolution._panels.clone()
        alive.append(cached() is not None)
        run(self, name, job)

    monkeypatch.setattr(type(library), "run", replace_and_run)
    convolution(x)
    assert alive == [True]


def test_what_the_kernel_does_not_know_stays_with_pytorch(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    unknown = [
        nn.Conv2d(16, 16, 3, 1, 1), nn.Conv2d(16, 16, 3, 2, 0), nn.Conv2d(16, 16, 3, 2, 1, groups=2),
        nn.Conv2d(16, 8, 3, 2, 1), nn.Conv2d(16, 16, 5, 2, 1),
    ]  # fmt: skip
    assert not any(StridedConvolution.knows(module, torch.float32, CPU) for module in unknown)
    for above in (0, 1):
        known = layer(3, 16, above)
        assert StridedConvolution.knows(known, torch.float32, CPU) == (variant == "avx2")
        assert not StridedConvolution.knows(known, torch.bfloat16, CPU)
        assert not StridedConvolution.knows(known, torch.float32, torch.device("meta"))
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    assert not StridedConvolution.knows(layer(3, 16), torch.float32, CPU)


def test_small_pictures_and_odd_widths_stay_with_onednn(monkeypatch: pytest.MonkeyPatch, variant: str) -> None:
    if variant != "avx2":
        pytest.skip("the other variants compute no layer of stride 2 in the engine")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    convolution = Convolution(layer(3, 16), None, torch.float32, CPU)
    wide = 2 * (FEWEST_PIXELS // 10)
    assert convolution.writes_rows((20, wide))
    assert not convolution.writes_rows((18, wide))
    assert not convolution.writes_rows((20, wide + 1))
    for size in ((20, wide), (18, wide), (20, wide + 1)):
        x = picture(1, 3, *size)
        assert torch.allclose(convolution(x), convolution._run_separately(x), atol=TOLERANCE)
