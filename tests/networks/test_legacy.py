"""The networks besides the 4.x line's fast form: shapes, other times than the middle, and what `estimate` promises."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from peers_support import published, randomised
from support import data, texture
from tolerances import RESAMPLED, ROUNDED, SUMMED

from vsrife.errors import RifeError
from vsrife.networks import CATALOG, CONFIGS, LEGACY, TIME_STEP, HDv3Config, IFNet, PaperConfig, RefinedIFNet, make

if TYPE_CHECKING:
    from vsrife.networks import LegacyNetwork

MIDDLE_ONLY = [name for name, config in LEGACY.items() if not config.any_time]


def pictures(width: int = 96, height: int = 64) -> list[torch.Tensor]:
    return [torch.from_numpy(texture(width, height, 4 * t, t))[None] for t in (0, 1)]


@pytest.fixture(scope="module")
def three_six() -> LegacyNetwork:
    """3.6 with random weights that move pictures by pixels."""
    network = randomised(make(CONFIGS["3.6"]))
    with torch.no_grad():
        for block in network.blocks:
            block.conv1[-1].weight *= 8
    return network


@pytest.mark.parametrize("name", LEGACY)
def test_every_name_is_built(name: str) -> None:
    network = make(CONFIGS[name])
    assert network.config is LEGACY[name]
    assert isinstance(network, IFNet) == (name == "4.0.refine")
    assert type(make(CONFIGS["4.0"])) is IFNet
    assert not LEGACY.keys() & CATALOG.keys()


def test_parameters() -> None:
    def parameters(name: str) -> int:
        with torch.device("meta"):
            return sum(p.numel() for p in make(CONFIGS[name]).parameters())

    assert parameters("3.6") == parameters("3.8") == 2_277_600
    variants = ("paper", "paper-2t", "paper-2r", "paper-large")
    assert len({parameters(name) for name in variants}) == 1
    refinenet = parameters("4.0.refine") - parameters("4.0")
    blocks = sum(p.numel() for name, p in make(CONFIGS["paper"]).named_parameters() if name.startswith("block"))
    assert parameters("paper") == blocks + refinenet


@pytest.mark.parametrize(
    ("name", "scale", "alignment"),
    [("paper", 1, 16), ("paper-m", 0.5, 32), ("paper-2r", 1, 8), ("3.6", 4, 16), ("3.8", 1, 32), ("4.0.refine", 1, 64)],
)
def test_alignment_is_derived(name: str, scale: float, alignment: int) -> None:
    assert LEGACY[name].alignment(scale) == alignment


@pytest.mark.parametrize("name", LEGACY)
@pytest.mark.parametrize("scale", [0.5, 1])
def test_any_size_is_padded_and_cropped(name: str, scale: float) -> None:
    network = randomised(make(CONFIGS[name]))
    small = pictures(70, 50)
    align = network.config.alignment(scale)
    large = [torch.nn.functional.pad(x, (0, -70 % align, 0, -50 % align), mode="replicate") for x in small]
    with torch.inference_mode():
        made = network(*small, scale=scale)
        estimate = network.estimate(*large, 0.5, scale)
        assert made.shape == small[0].shape
        assert torch.equal(made, estimate.picture(*large)[..., :50, :70])
        assert (estimate.residual is not None) == network.config.refines
    assert float(made.min()) >= 0
    assert float(made.max()) <= 1


def test_a_refined_picture_is_clamped() -> None:
    network = randomised(make(CONFIGS["paper"]))
    torch.nn.init.constant_(network.unet.conv.bias, 20)
    with torch.inference_mode():
        assert float(network(*pictures()).min()) == 1


@pytest.mark.parametrize("name", ["paper-m", "4.0.refine"])
def test_a_constant_map_of_times_is_that_time(name: str) -> None:
    network = randomised(make(CONFIGS[name]))
    ends = pictures(70, 50)
    with torch.inference_mode():
        early, late = network(*ends, 0.25), network(*ends, 0.75)
        assert torch.equal(early, network(*ends, torch.full((1, 1, 50, 70), 0.25)))
    assert float((early - late).abs().mean()) > 0.01


def test_other_times_are_halves_of_halves(three_six: LegacyNetwork) -> None:
    first, last = pictures()
    with torch.inference_mode():
        middle = three_six(first, last)
        quarter = three_six(first, middle)
        assert torch.equal(three_six(first, last, 0.25), quarter)
        assert torch.equal(three_six(first, last, 0.375), three_six(quarter, middle))
        assert torch.equal(three_six(first, last, 0.75), three_six(middle, last))
        assert torch.equal(three_six(first, last, 0), first)
        assert torch.equal(three_six(first, last, 1), last)
        near = three_six(first, last, 0.25 + 0.49 * TIME_STEP)
        assert torch.equal(near, quarter)
        assert not torch.equal(three_six(first, last, 0.25 + 0.51 * TIME_STEP), quarter)


@pytest.mark.parametrize("name", MIDDLE_ONLY)
def test_times_that_cannot_be_served_are_refused(name: str) -> None:
    network = make(CONFIGS[name])
    ends = pictures()
    with pytest.raises(RifeError, match=r"timestep must be 0\.\.1 .*, got 1\.5"):
        network(*ends, 1.5)
    with pytest.raises(RifeError, match="got a map"):
        network(*ends, torch.full((1, 1, 64, 96), 0.25))
    with pytest.raises(RifeError, match=r"timestep must be 0\.5 for an estimate .*, got 0\.25"):
        network.estimate(*ends, 0.25)


def test_3_6_treats_both_ends_alike(three_six: LegacyNetwork) -> None:
    first, last = pictures()
    with torch.inference_mode():
        there, back = three_six.estimate(first, last), three_six.estimate(last, first)
    assert float(there.flow.abs().max()) > 2
    assert torch.allclose(there.flow, torch.cat((back.flow[:, 2:], back.flow[:, :2]), 1), atol=RESAMPLED)
    assert torch.allclose(there.mask, -back.mask, atol=SUMMED)


@pytest.mark.parametrize("config", [HDv3Config(), HDv3Config(two_steps=False), HDv3Config(swaps=False)])
def test_flow_is_in_pixels(config: HDv3Config) -> None:
    """Blocks that say the same everywhere, in pixels of their output: the sum over 4 + 2 + 1 picture pixels to one."""
    network = make(config)
    said, mask = torch.tensor([1.0, 2, 3, 4]), 0.5
    for parameter in network.parameters():
        torch.nn.init.zeros_(parameter)
    for block in network.blocks:
        block.get_parameter("conv1.2.bias" if config.two_steps else "conv1.0.bias").data.copy_(said)
        block.get_parameter("conv2.2.bias" if config.two_steps else "conv2.bias").data.fill_(mask)
    with torch.inference_mode():
        estimate = network.estimate(*pictures())
    mean = (said + said.roll(2)) / 2 if config.swaps else said
    expected = mean * (7 if config.two_steps else 14)
    assert torch.allclose(estimate.flow, expected.view(1, 4, 1, 1).expand_as(estimate.flow), atol=RESAMPLED)
    assert torch.allclose(estimate.mask, torch.full_like(estimate.mask, 0 if config.swaps else 3 * mask), atol=SUMMED)


@pytest.mark.parametrize(("far", "scale"), [(False, 1), (True, 0.5)])
def test_3_8_doubles_its_scales_for_far_motion(far: bool, scale: float) -> None:
    """Its first look is at scale 8 and finds 7.9 or 8.1 px there, on the two sides of the 64 px it doubles from."""
    adapting, plain = make(LEGACY["3.8"]), make(replace(LEGACY["3.8"], adapts=False))
    randomised(adapting)
    head = adapting.blocks[0].conv1[-1]
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.constant_(head.bias, 8.1 if far else 7.9)
    plain.load_state_dict(adapting.state_dict())
    ends = pictures(128, 128)
    with torch.inference_mode():
        assert torch.equal(adapting.eval()(*ends), plain.eval()(*ends, scale=scale))


def test_2t_is_the_average_with_the_turned_pass() -> None:
    once, twice = make(PaperConfig(any_time=True)), make(PaperConfig(any_time=True, turned=True))
    twice.load_state_dict(randomised(once).state_dict())
    ends = pictures()
    time = torch.linspace(0, 1, 96).expand(1, 1, 64, 96)
    with torch.inference_mode():
        turned = once(*(x.flip(2, 3) for x in ends), time.flip(2, 3)).flip(2, 3)
        assert torch.allclose(twice(*ends, time), (once(*ends, time) + turned) / 2, atol=ROUNDED)


def test_refined_motion_is_that_of_4_0() -> None:
    state = published(data("weights/v4.0-vsrife2/flownet.pkl"))
    refined = make(LEGACY["4.0.refine"]).eval()
    assert isinstance(refined, RefinedIFNet)
    refined.load_state_dict(state, strict=True)
    plain = make(CATALOG["4.0"]).eval()
    plain.load_state_dict({name: value for name, value in state.items() if name.startswith("block")}, strict=True)
    ends = pictures(128, 64)
    with torch.inference_mode():
        blend = refined.estimate(*ends, 0.3)._replace(residual=None).picture(*ends)
        assert torch.allclose(blend, plain(*ends, 0.3), atol=ROUNDED)
        assert not torch.allclose(blend, refined(*ends, 0.3), atol=1e-3)
