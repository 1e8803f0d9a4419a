"""The kernel's 3×3 convolutions against sums of products in fp64."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

import pytest
import torch
from support import kernel_variant
from tolerances import WINOGRAD
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from vsrife.engine import winograd
from vsrife.engine.convolutions import Convolution, has_fused
from vsrife.engine.winograd import WinogradConvolution
from vsrife.errors import RifeError
from vsrife.motion.library import Library, Winograd, kernel_library
from vsrife.networks import CATALOG, OWN

if TYPE_CHECKING:
    from collections.abc import Iterator

CPU = torch.device("cpu")
WIDTHS = sorted(
    {width for config in (*CATALOG.values(), *OWN.values()) for width in config.widths}
    | {config.head.hidden for config in CATALOG.values() if config.head}
)


@pytest.fixture(params=["base", "avx2", "avx512"], autouse=True)
def variant(request: pytest.FixtureRequest) -> Iterator[str]:
    yield from kernel_variant(request.param)


def picture(count: int, channels: int, height: int, width: int) -> Tensor:
    x = torch.randn(count, channels, height, width, generator=torch.Generator().manual_seed(1))
    return x.contiguous(memory_format=torch.channels_last)


def layer(inputs: int, outputs: int, *, transposed: bool = False) -> nn.Conv2d | nn.ConvTranspose2d:
    """A layer whose outputs for `picture` have a variance of about 1."""
    torch.manual_seed(2)
    made = nn.ConvTranspose2d(inputs, outputs, 4, 2, 1) if transposed else nn.Conv2d(inputs, outputs, 3, 1, 1)
    made.requires_grad_(False)
    made.weight.normal_(std=(inputs * (4 if transposed else 9)) ** -0.5)
    return made


def exact(module: nn.Module, x: Tensor, slope: float | None) -> Tensor:
    out: Tensor = module.double()(x.double())
    module.float()
    return out if slope is None else leaky_relu(out, slope)


def bf16_lies_as_near_as_rounding_allows(
    module: nn.Conv2d | nn.ConvTranspose2d, x: Tensor, slope: float | None
) -> None:
    """A bf16 has 8 significant bits, so that rounding moves a value by at most a 256th of it."""
    x = x.bfloat16()
    out, wanted = WinogradConvolution(module, slope, torch.bfloat16)(x), exact(module, x, slope)
    assert out.dtype == torch.bfloat16
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert bool(((out - wanted).abs() <= wanted.abs() / 256 + 10 * WINOGRAD).all())


def error(module: nn.Conv2d | nn.ConvTranspose2d, x: Tensor, slope: float | None) -> float:
    """The root of the mean square; the largest error is below ten times as much."""
    out = WinogradConvolution(module, slope)(x)
    assert out.is_contiguous(memory_format=torch.channels_last)
    wrong = out - exact(module, x, slope)
    root = float(wrong.square().mean().sqrt())
    assert float(wrong.abs().max()) <= 10 * WINOGRAD
    return root


@pytest.mark.parametrize("channels", WIDTHS)
def test_every_width_of_the_networks(channels: int) -> None:
    assert error(layer(channels, channels), picture(1, channels, 10, 13), 0.2) <= WINOGRAD
    bf16_lies_as_near_as_rounding_allows(layer(channels, channels), picture(1, channels, 10, 13), 0.2)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (3, 2), (4, 4), (5, 8), (6, 6), (7, 31), (17, 5)])
@pytest.mark.parametrize("slope", [None, 0.2, 0.0])
def test_every_edge_and_slope(size: tuple[int, int], slope: float | None) -> None:
    assert error(layer(24, 40), picture(3, 24, *size), slope) <= WINOGRAD
    assert error(layer(24, 16, transposed=True), picture(3, 24, *size), slope) <= WINOGRAD
    bf16_lies_as_near_as_rounding_allows(layer(24, 40), picture(3, 24, *size), slope)
    bf16_lies_as_near_as_rounding_allows(layer(24, 16, transposed=True), picture(3, 24, *size), slope)


@pytest.mark.parametrize("outputs", [8, 16, 32, 64])
def test_a_transposed_convolution(outputs: int) -> None:
    assert error(layer(32, outputs, transposed=True), picture(2, 32, 9, 14), None) <= WINOGRAD


def test_a_residual_layer_keeps_what_it_adds_to() -> None:
    """A kernel with 1 at its centre, as residual layers have them, on values of two sizes beside each other."""
    module = layer(32, 32)
    module.weight.mul_(0.1)
    module.weight[range(32), range(32), 1, 1] += 1
    assert error(module, picture(1, 32, 20, 20) * torch.logspace(-3, 0, 32).view(1, -1, 1, 1), 0.2) <= WINOGRAD


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_bits_depend_on_neither_threads_nor_batch_nor_position(dtype: torch.dtype) -> None:
    module, x = layer(48, 48), picture(3, 48, 40, 36).to(dtype)
    convolution, threads = WinogradConvolution(module, 0.2, dtype), torch.get_num_threads()
    try:
        whole = convolution(x)
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            assert torch.equal(convolution(x), whole)
            assert torch.equal(convolution(x[1:2].contiguous(memory_format=torch.channels_last)), whole[1:2])
        # the same tiles with other tiles beside them
        part = x[:, :, 8:24, 12:].contiguous(memory_format=torch.channels_last)
        assert torch.equal(convolution(part)[:, :, 4:12, 4:], whole[:, :, 12:20, 16:])
    finally:
        torch.set_num_threads(threads)


def test_weights_outlast_a_thread_that_prepares_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    convolution, x = WinogradConvolution(layer(16, 16), 0.2), picture(1, 16, 6, 8)
    library = kernel_library()
    assert library is not None
    run = type(library).run
    alive = []

    def replace_and_run(self: Library, name: str, job: Winograd) -> None:
        cached = [weakref.ref(tensor) for tensor in convolution._transformed]
        vars(convolution)["_transformed"] = tuple(tensor.clone() for tensor in convolution._transformed)
        alive.extend(reference() is not None for reference in cached)
        run(self, name, job)

    monkeypatch.setattr(type(library), "run", replace_and_run)
    convolution(x)
    assert alive == [True, True]


def test_what_the_kernel_does_not_know_stays_with_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSRIFE_CONVOLUTIONS", "c")
    known = [nn.Conv2d(32, 40, 3, 1, 1), nn.ConvTranspose2d(16, 8, 4, 2, 1), nn.Conv2d(16, 24, 3, 1, 1)]
    unknown = [
        nn.Conv2d(32, 32, 3, 2, 1), nn.Conv2d(32, 32, 3, 1, 0), nn.Conv2d(32, 32, 3, 1, 1, groups=2),
        nn.Conv2d(8, 32, 3, 1, 1), nn.Conv2d(32, 8, 3, 1, 1), nn.Conv2d(32, 32, 5, 1, 1),
        nn.ConvTranspose2d(32, 12, 4, 2, 1), nn.ConvTranspose2d(32, 8, 2, 2, 1),
    ]  # fmt: skip
    assert [WinogradConvolution.knows(module, torch.float32, CPU) for module in known] == [True, True, True]
    assert [WinogradConvolution.knows(module, torch.bfloat16, CPU) for module in known] == [True, False, False]
    for module in unknown:
        assert not WinogradConvolution.knows(module, torch.float32, CPU)
        assert not WinogradConvolution.knows(module, torch.bfloat16, CPU)
    for dtype in (torch.float32, torch.bfloat16):
        assert not WinogradConvolution.knows(known[0], dtype, torch.device("meta"))
    assert not WinogradConvolution.knows(known[0], torch.float16, CPU)


@pytest.mark.parametrize("capability", ["AVX2", "AVX512", "DEFAULT"])
@pytest.mark.parametrize("has_amx", [False, True])
def test_cpus_use_what_was_measured_to_be_faster(
    capability: str, has_amx: bool, monkeypatch: pytest.MonkeyPatch, variant: str
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: has_amx)
    known = nn.Conv2d(32, 40, 3, 1, 1)
    in_fp32 = variant == "avx512" or (variant, capability) == ("avx2", "AVX2")
    in_bf16 = variant == "avx512" and not has_amx
    assert WinogradConvolution.knows(known, torch.float32, CPU) == in_fp32
    assert WinogradConvolution.knows(known, torch.bfloat16, CPU) == in_bf16
    for value, used in (("c", True), ("pytorch", False)):
        monkeypatch.setenv("VSRIFE_CONVOLUTIONS", value)
        assert WinogradConvolution.knows(known, torch.float32, CPU) == used
        assert WinogradConvolution.knows(known, torch.bfloat16, CPU) == used


def test_a_variable_that_chooses_nobody_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSRIFE_CONVOLUTIONS", "mkl")
    with pytest.raises(RifeError, match=r"^VSRIFE_CONVOLUTIONS must be c or pytorch, got mkl$"):
        WinogradConvolution.knows(nn.Conv2d(32, 40, 3, 1, 1), torch.float32, CPU)


def test_small_pictures_stay_with_onednn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VSRIFE_CONVOLUTIONS", "c")
    sizes: list[tuple[int, ...]] = []
    monkeypatch.setattr(winograd.WinogradConvolution, "__call__", lambda _, x: sizes.append(tuple(x.shape[2:])) or x)
    for dtype in [torch.float32, *([torch.bfloat16] if has_fused(torch.bfloat16) else [])]:
        convolution = Convolution(layer(32, 32), None, dtype, CPU)
        for size in ((6, 10), (12, 20), (1, 400), (40, 40)):
            convolution(picture(1, 32, *size))
    assert sizes[:2] == [(12, 20), (40, 40)]
    assert sizes[2:] == ([(40, 40)] if has_fused(torch.bfloat16) else [])
