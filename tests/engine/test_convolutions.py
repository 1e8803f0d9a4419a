"""Fused convolutions against PyTorch's own, one operation after another."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from vsrife.engine.convolutions import KEPT_LAYOUTS, Convolution

CPU = torch.device("cpu")
LAYERS = {
    "3×3": lambda: nn.Conv2d(16, 24, 3, 1, 1),
    "shrinking": lambda: nn.Conv2d(32, 16, 3, 2, (0, 1)),
    "in groups": lambda: nn.Conv2d(16, 16, 3, 1, 1, groups=2),
    "transposed": lambda: nn.ConvTranspose2d(24, 32, 4, 2, 1),
}


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("slope", [None, 0.2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_fused_is_one_after_another(layer: str, slope: float | None, dtype: torch.dtype) -> None:
    torch.manual_seed(1)
    module = LAYERS[layer]().requires_grad_(False)
    for height, width in ((9, 14), (8, 8), (21, 30)):
        x = torch.randn(2, module.in_channels, height, width).to(dtype).contiguous(memory_format=torch.channels_last)
        # in fp32, of what was rounded
        exact = module.__class__.forward(module.to(dtype).float(), x.float())
        if slope is not None:
            exact = nn.functional.leaky_relu(exact, slope)
        for fused in (True, False):
            out = Convolution(module, slope, dtype, CPU, fused=fused)(x)
            assert out.dtype == dtype
            assert out.is_contiguous(memory_format=torch.channels_last)
            assert torch.allclose(out.float(), exact, atol=1e-5 if dtype == torch.float32 else 2e-2, rtol=1e-2)


def test_inputs_of_another_precision_are_converted() -> None:
    torch.manual_seed(2)
    convolution = Convolution(nn.Conv2d(8, 8, 3, 1, 1).requires_grad_(False), 0.2, torch.bfloat16, CPU)
    x = torch.randn(1, 8, 6, 6).contiguous(memory_format=torch.channels_last)
    assert torch.equal(convolution(x), convolution(x.bfloat16()))


def test_many_sizes_keep_few_layouts() -> None:
    torch.manual_seed(3)
    module = nn.Conv2d(16, 16, 3, 1, 1).requires_grad_(False)
    convolution = Convolution(module, None, torch.float32, CPU)
    for size in range(5, 5 + 3 * KEPT_LAYOUTS):
        x = torch.randn(1, 16, size, size + 1).contiguous(memory_format=torch.channels_last)
        assert torch.allclose(convolution(x), module(x), atol=1e-5)
    assert len(convolution._laid_out) <= KEPT_LAYOUTS
