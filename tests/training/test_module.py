"""The loop and what it trains."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from support import texture

from vsrife.errors import RifeError
from vsrife.networks import CATALOG, LEGACY, IFNet, make, privileged_block
from vsrife.networks.config import HeadConfig
from vsrife.networks.paper import PaperIFNet
from vsrife.training.data import Triplet, TripletSet
from vsrife.training.distributed import Team
from vsrife.training.initial import graft, kaiming_init
from vsrife.training.loop import Step, rate_at, train
from vsrife.training.module import TrainingModule, estimate_batch, interpolate_batch, to_floats
from vsrife.training.options import TrainOptions
from vsrife.training.start import start

if TYPE_CHECKING:
    from pathlib import Path

CPU = Team(torch.device("cpu"))
NAMES = [*{config: name for name, config in CATALOG.items()}.values(), "paper", "paper-m", "4.0.refine"]


class Fixed:
    """Eight triplets of textures that move, always the same."""

    def __init__(self, size: int = 64, count: int = 8) -> None:
        self.kept = []
        for n in range(count):
            step = np.random.default_rng(n).uniform(-3, 3, 2)
            pictures = [texture(size, size, *(k * step), seed=n) for k in range(3)]
            self.kept.append([(p.transpose(1, 2, 0) * 255).round().astype(np.uint8) for p in pictures])

    def __len__(self) -> int:
        return len(self.kept)

    def draw(self, index: int, rng: np.random.Generator, *, any_time: bool) -> tuple[list[np.ndarray], float]:
        return self.kept[index], 0.5


def batch(count: int = 2, size: int = 64) -> Triplet:
    kept = TripletSet([Fixed(size, count)], size, any_time=False, augments=False)
    rows = [kept[0, n] for n in range(count)]
    return to_floats(Triplet(*(torch.stack(column) for column in zip(*rows, strict=True))), torch.device("cpu"))


def narrow(name: str) -> PaperIFNet | IFNet:
    config = {**CATALOG, **LEGACY}[name]
    config = replace(config, widths=tuple(8 for _ in config.widths))
    if isinstance(config, type(CATALOG["4.26"])):
        config = replace(config, doubles=False)
    torch.manual_seed(1)
    network = make(config)
    assert isinstance(network, IFNet | PaperIFNet)
    return network


@pytest.mark.parametrize("name", NAMES)
def test_every_network_is_trained_whole(name: str) -> None:
    network = narrow(name)
    module = TrainingModule(network, TrainOptions())
    size = max(64, network.config.alignment(1))
    losses = module(batch(1, size))
    losses.total.backward()
    unused = [key for key, p in module.named_parameters() if p.grad is None]
    assert unused == []
    assert all(math.isfinite(float(p.grad.norm())) for p in module.parameters() if p.grad is not None)
    assert losses.picture > 0
    assert losses.teacher > 0


@pytest.mark.parametrize("name", ["4.26", "4.6", "paper-m", "paper", "4.0.refine"])
def test_stages_end_in_the_estimate(name: str) -> None:
    network = narrow(name).eval()
    example = batch(1, max(64, network.config.alignment(1)))
    times = torch.full_like(example.img0[:, :1], 0.5)
    teacher = privileged_block(network.config)
    with torch.no_grad():
        stages = network.stages(example.img0, example.img1, times, example.truth, teacher)
        estimate = network.estimate(example.img0, example.img1, 0.5)
    assert len(stages.student) == len(network.config.widths)
    for one, other in zip(stages.student[-1], estimate, strict=True):
        assert (one is None and other is None) or torch.equal(one, other)
    assert stages.teacher is not None
    assert not torch.equal(stages.teacher.flow, estimate.flow)


def test_the_teacher_of_a_pretrained_network_starts_where_that_stands() -> None:
    options = TrainOptions(init="4.26")
    begun = start(options)
    assert begun.pretrained
    example = batch(1)
    fresh = TrainingModule(begun.network, options, pretrained=True)
    times = torch.full_like(example.img0[:, :1], 0.5)
    stages = begun.network.stages(example.img0, example.img1, times, example.truth, fresh.teacher)
    assert stages.teacher is not None
    assert torch.equal(stages.teacher.flow, stages.student[-1].flow)


def test_a_graft_keeps_what_fits_and_adds_nothing_at_first() -> None:
    whole = start(TrainOptions(init="4.26")).network
    options = TrainOptions(init="4.26", widths=(192, 128, 128, 80), scales=(16, 8, 4, 2))
    grafted = start(options).network
    assert grafted.config.widths == (192, 128, 128, 80)
    example = batch(1)
    times = torch.full_like(example.img0[:, :1], 0.5)
    with torch.no_grad():
        ours = grafted.stages(example.img0, example.img1, times).student
        theirs = whole.stages(example.img0, example.img1, times).student
    assert torch.equal(ours[1].flow, theirs[1].flow)
    assert torch.equal(ours[-1].flow, theirs[1].flow)


def test_scaled_flow_is_that_of_the_middle_times_twice_its_share() -> None:
    network = narrow("paper-m")
    example = batch(1)._replace(timestep=torch.tensor([0.25]))
    middle = network.stages(example.img0, example.img1, torch.full_like(example.img0[:, :1], 0.5)).student[-1]
    scaled = estimate_batch(network, example, "scaled")
    assert torch.allclose(scaled.flow[:, :2], 0.5 * middle.flow[:, :2])
    assert torch.allclose(scaled.flow[:, 2:], 1.5 * middle.flow[:, 2:])


def test_a_narrower_graft_keeps_the_channels_that_do_something() -> None:
    config = replace(CATALOG["4.26"], widths=(8, 8), scales=(8, 4))
    torch.manual_seed(2)
    small, wide = make(config).eval(), make(replace(config, widths=(8, 12))).eval()
    places = {12: torch.tensor([0, 2, 3, 5, 6, 8, 9, 11]), 6: torch.tensor([0, 1, 3, 4])}
    known = small.state_dict()
    for key, value in wide.state_dict().items():
        if key.startswith("block1."):
            value.zero_()  # but where the small block's channels are strewn in
            index = [
                places[n] if n != m else torch.arange(n) for n, m in zip(value.shape, known[key].shape, strict=True)
            ]
            value[torch.meshgrid(*index, indexing="ij")] = known[key]
    other = make(config).eval()
    graft(other, {**known, **{k: v for k, v in wide.state_dict().items() if k.startswith("block1.")}})
    assert all(torch.equal(value, known[key]) for key, value in other.state_dict().items())


def test_a_narrower_head_keeps_the_channels_that_do_something() -> None:
    wanted = replace(CATALOG["4.26"], widths=(8, 8), scales=(8, 4), head=HeadConfig(hidden=3, channels=4))
    torch.manual_seed(3)
    small, wide = make(wanted).eval(), make(replace(wanted, head=HeadConfig(hidden=5, channels=4))).eval()
    places = iter(torch.tensor(kept) for kept in ([0, 1, 2], [0, 2, 4], [1, 2, 3], [0, 1, 4], [0, 1, 2, 3]))
    known, strewn = small.state_dict(), wide.state_dict()
    inputs = next(places)
    for layer, outputs in enumerate(places):  # each layer's channels lie elsewhere
        index = (inputs, outputs) if layer == 3 else (outputs, inputs)
        weight, bias = strewn[f"encode.cnn{layer}.weight"].zero_(), strewn[f"encode.cnn{layer}.bias"].zero_()
        weight[index[0][:, None], index[1]] = known[f"encode.cnn{layer}.weight"]
        bias[outputs] = known[f"encode.cnn{layer}.bias"]
        inputs = outputs
    other = make(wanted).eval()
    graft(other, wide.state_dict())
    for layer in range(4):
        for kind in ("weight", "bias"):
            key = f"encode.cnn{layer}.{kind}"
            assert torch.equal(other.state_dict()[key], known[key])


@pytest.mark.parametrize("name", ["paper", "4.26"])
def test_one_block_is_taught_too(name: str) -> None:
    config = {**CATALOG, **LEGACY}[name]
    network = make(replace(config, widths=(8,), scales=(4,)))
    assert isinstance(network, IFNet | PaperIFNet)
    losses = TrainingModule(network, TrainOptions())(batch(1))
    assert losses.teacher > 0


def test_a_guide_pulls_the_motion_to_its_own() -> None:
    guide, network = narrow("4.26").eval(), narrow("4.26")
    torch.manual_seed(5)
    options = TrainOptions(guide="4.26", guide_passes=1, distillation=0.0, sharpness=1.0, picture=0.0)
    module = TrainingModule(network, options, guide=guide)
    assert float(module(batch(2)).picture.detach()) == 0
    assert not any("guide" in key for key in module.state_dict())
    assert float(module(batch(2)).guide.detach()) == pytest.approx(0, abs=1e-6)  # it is the guide still
    with torch.no_grad():
        for parameter in network.block4.lastconv.parameters():
            parameter.add_(0.1)
    assert float(module(batch(2)).guide.detach()) > 1e-4


def test_a_guide_pulls_the_features_to_its_own() -> None:
    guide, network = narrow("4.26").eval(), narrow("4.26")
    options = TrainOptions(guide="4.26", guide_passes=1, guide_flow=0.0, guide_mask=0.0, guide_features=2.0)
    module = TrainingModule(network, options, guide=guide)
    example = batch(2)
    assert isinstance(guide, IFNet)
    assert float(module(example).guide.detach()) == 0
    with torch.no_grad():
        network.get_parameter("encode.cnn3.bias").add_(0.1)
        both = guide.features(torch.cat((example.img0, example.img1)))
    wanted = 2 * (0.01 / both.var((0, 2, 3))).mean()
    assert float(module(example).guide.detach()) == pytest.approx(float(wanted), rel=1e-3)
    with pytest.raises(RifeError, match=r"guide_features needs a guide whose head gives .* the network's, 0, got 4$"):
        TrainingModule(narrow("paper-m"), options, guide=guide)


def test_the_pictures_psnr_is_a_loss() -> None:
    network, example = narrow("4.26"), batch(2)
    plain, more = (TrainingModule(network, TrainOptions(distillation=0.0, psnr=weight)) for weight in (0.0, 0.5))
    shown = plain.eval()(example), more.eval()(example)
    with torch.no_grad():
        error = (interpolate_batch(network, example) - example.truth).square().mean((1, 2, 3)).log10().mean()
    assert float((shown[1].picture - shown[0].picture).detach()) == pytest.approx(float(0.5 * error), abs=1e-4)


def run(options: TrainOptions, folder: Path, steps: int, network: IFNet | PaperIFNet | None = None) -> list[Step]:
    done: list[Step] = []

    def after(step: Step, _: torch.nn.Module) -> bool:
        done.append(step)
        return False

    torch.manual_seed(2)
    module = TrainingModule(network or narrow("paper"), options)
    kept = TripletSet([Fixed()], 64, any_time=False, augments=False)
    train(module, kept, options, steps, CPU, folder / "c.safetensors", before=lambda *_: None, after=after)
    return done


def test_parts_of_a_batch_add_up_to_it(tmp_path: Path) -> None:
    options = TrainOptions(batch=8, workers=0, learning_rate=1e-3)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    one = run(options, tmp_path / "a", 3)
    four = run(replace(options, accumulate=4), tmp_path / "b", 3)
    assert [s.loss for s in four] == pytest.approx([s.loss for s in one], rel=1e-4)
    assert [s.norm for s in four] == pytest.approx([s.norm for s in one], rel=1e-3)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_near_single(precision: str, tmp_path: Path) -> None:
    options = TrainOptions(batch=8, workers=0, learning_rate=1e-4)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    exact = run(options, tmp_path / "a", 3)
    half = run(replace(options, precision=precision), tmp_path / "b", 3)
    assert [s.loss for s in half] == pytest.approx([s.loss for s in exact], rel=0.04)


def test_a_gradient_that_is_no_number_changes_nothing_and_ends_the_run_in_time(tmp_path: Path) -> None:
    network = narrow("paper")
    spoilt = dict(network.named_parameters())["block0.conv0.0.0.weight"]
    spoilt.register_hook(lambda grad: grad * math.nan)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(RifeError, match=r"^the gradient was not finite 10 times in a row, up to step 10;"):
        run(TrainOptions(batch=8, workers=0), tmp_path, 30, network)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert not (tmp_path / "c.safetensors").exists()


def test_rates_rise_straight_and_fall_as_a_cosine() -> None:
    options = TrainOptions(warmup=10)
    assert rate_at(0, 110, options) == pytest.approx(3e-5)
    assert rate_at(9, 110, options) == pytest.approx(3e-4)
    assert rate_at(10, 110, options) == pytest.approx(3e-4)
    assert rate_at(60, 110, options) == pytest.approx((3e-4 + 3e-6) / 2)
    assert rate_at(110, 110, options) == pytest.approx(3e-6)
    assert rate_at(2000, 10**6, TrainOptions()) == pytest.approx(3e-4)
    assert rate_at(100, 1000, TrainOptions(init="4.26")) == pytest.approx(1e-5)


def test_a_checkpoint_of_another_run_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    options = TrainOptions(batch=8, workers=0, save_every=1)
    run(options, tmp_path, 1)
    with pytest.raises(RifeError, match=r"^.*c.safetensors cannot be resumed from: "):
        run(options, tmp_path, 2, narrow("paper-m"))
    whole = (tmp_path / "c.safetensors").read_bytes()
    (tmp_path / "c.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RifeError, match=r"cannot be resumed from"):
        run(options, tmp_path, 2)


def test_eight_triplets_are_learnt_by_heart(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = make(replace(LEGACY["paper"], widths=(32, 24, 16), refines=False))
    assert isinstance(network, PaperIFNet)
    options = TrainOptions(batch=8, workers=0, learning_rate=3e-3, ema=0.0, save_every=10_000, distillation=0.0)
    run(options, tmp_path, 260, network)
    example = batch(8)
    with torch.no_grad():
        error = (interpolate_batch(network, example) - example.truth).square().mean((1, 2, 3))
    assert float((-10 * error.log10()).mean()) >= 40


@torch.no_grad()
def test_fresh_blocks_hand_on_as_much_as_they_see_and_move_nearly_nothing() -> None:
    torch.manual_seed(0)
    block = make(replace(LEGACY["paper"], widths=(48, 32, 24))).blocks[1]
    seen = torch.randn(4, block.conv0[0][0].in_channels, 64, 64)
    assert varies(block.convblock(block.conv0(seen))) < 1e-2 * varies(block.conv0(seen))  # PyTorch's own weights
    kaiming_init(block)
    x = block.conv0(seen)
    assert 0.5 < varies(x) < 2
    assert 0.5 < varies(block.convblock(x)) / varies(x) < 2
    assert float(block(seen).square().mean().sqrt()) < 0.2  # pixels


def varies(x: torch.Tensor) -> float:
    """The variance of a channel's values, the mean of all channels."""
    return float(x.var((0, 2, 3)).mean())


def test_runs_from_nothing_begin_with_such_weights_and_others_do_not() -> None:
    options = TrainOptions(data=("scenes",), model="paper", widths=(16, 12, 8), refine=False)
    module = TrainingModule(start(options).network, options)
    for block in (*module.network.blocks, module.teacher):
        assert not any(bool(m.bias.any()) for m in block.modules() if isinstance(m, torch.nn.ConvTranspose2d))
    later = replace(options, model="4.6", widths=(8, 8, 8, 8))
    for layer in TrainingModule(start(later).network, later).modules():
        assert not isinstance(layer, torch.nn.ConvTranspose2d) or bool(layer.bias.any())
    again = TrainingModule(start(options).network, options)
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), again.parameters(), strict=True))
