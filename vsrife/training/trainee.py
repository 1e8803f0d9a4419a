"""A network together with its teacher, and what a batch of triplets says of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from vsrife.errors import RifeError
from vsrife.networks import Estimate, IFNet, mean_estimate, privileged_block
from vsrife.networks.paper import PaperBlock, PaperIFNet
from vsrife.training.losses import bels, distillation_loss, endpoint_error, laplacian_loss, missing_detail

if TYPE_CHECKING:
    from vsrife.networks import LegacyNetwork, MeanEstimate, Stages
    from vsrife.training.augment import Triplet
    from vsrife.training.options import TrainOptions

__all__ = ["Losses", "Trainee", "awaken", "floats", "found", "made", "silence"]

PRELU = 0.25
"""The slope that PyTorch's PReLU begins with."""
FAINT = 0.1
"""Share of PyTorch's weights that a block's last layer begins with."""


class Losses(NamedTuple):
    """What training makes small, each already weighted; the total is their sum.

    Args:
        picture: the made picture's, by its Laplacian pyramid and, if so wanted, its PSNR.
        teacher: that of the picture the privileged teacher makes.
        distillation: the flow's distance to the teacher's.
        guide: the motion's and the mask's distance to the guide's.
        detail: how much of the guide's or, without one, the truth's gradient energy the picture lacks.
    """

    picture: Tensor
    teacher: Tensor
    distillation: Tensor
    guide: Tensor
    detail: Tensor

    @property
    def total(self) -> Tensor:
        """Their sum."""
        return self.picture + self.teacher + self.distillation + self.guide + self.detail


class Trainee(nn.Module):
    """What is trained: the network and the block that sees the truth (section 3.3 of the paper).

    Args:
        network: of the paper or of the 4.x line, one that does not look again at twice the scale.
        options: of the run.
        pretrained: whether the network has learnt already; the teacher then starts where the network stands.
        guide: a network whose motion is a target; it is no part of the state.

    Raises:
        RifeError: the guide's features are wanted, and the two networks have not as many.
    """

    def __init__(
        self,
        network: IFNet | PaperIFNet,
        options: TrainOptions,
        *,
        pretrained: bool = False,
        guide: IFNet | LegacyNetwork | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        # a teacher is of its network's kind, which types cannot say
        self.teacher: Any = privileged_block(network.config) if options.distillation else None
        if self.teacher is not None:
            (silence if pretrained else awaken)(self.teacher)
        self._options = options
        if options.guide_features and not (0 < _features(network) == _features(guide)):
            raise RifeError(
                "guide_features needs a guide whose head gives as many features as the network's, "
                f"{_features(network)}, got {_features(guide)}"
            )
        self._guide = [guide] if guide else []  # in a list, so that it is no submodule

    def forward(self, batch: Triplet) -> Losses:
        """The losses of a batch of pictures in 0..1, whose sides are multiples of the network's alignment."""
        img0, img1, truth, timestep = batch
        times = timestep.view(-1, 1, 1, 1).expand_as(img0[:, :1])
        options = self._options
        stages = self._stages(img0, img1, times, truth)
        picture = _warped(stages.student[-1], img0, img1)
        nothing = picture.new_zeros(())
        taught = nothing
        if stages.teacher is not None:
            taught = laplacian_loss(_warped(stages.teacher, img0, img1), truth, options.levels)
        guide, sharp = nothing, truth
        if self._guide:
            with torch.no_grad():
                wanted = mean_estimate(self._guide[0], img0, img1, times, passes=options.guide_passes)
                sharp = _plain(wanted, img0, img1) if options.sharpness else truth
            guide = self._guided(stages.student[-1], wanted)
            if options.guide_features:
                guide = guide + options.guide_features * self._features_apart(img0, img1)
        own = options.picture * laplacian_loss(picture, truth, options.levels)
        return Losses(
            own + options.psnr * bels(picture, truth) if options.psnr else own,
            taught,
            options.distillation * distillation_loss(stages, img0, img1, truth),
            guide,
            options.sharpness * missing_detail(picture, sharp) if options.sharpness else nothing,
        )

    def _stages(self, img0: Tensor, img1: Tensor, times: Tensor, truth: Tensor) -> Stages:
        if self._options.flow == "direct":
            return self.network.stages(img0, img1, times, truth, self.teacher)
        middle = self.network.stages(img0, img1, torch.full_like(times, 0.5))
        return middle._replace(student=tuple(_scaled(stage, times) for stage in middle.student))

    def _guided(self, last: Estimate, wanted: MeanEstimate) -> Tensor:
        """How far the motion is from the guide's."""
        flow, weight = wanted.flow.float(), wanted.weight.float()
        loss = self._options.guide_flow * endpoint_error(last.flow, flow, weight)
        return loss + self._options.guide_mask * (last.mask.float().sigmoid() - weight).abs().mean()

    def _features_apart(self, img0: Tensor, img1: Tensor) -> Tensor:
        """Mean square difference of the head's features and the guide's, in shares of the variance of the latter."""
        both = torch.cat((img0, img1))
        own, other = cast("IFNet", self.network), cast("IFNet", self._guide[0])
        with torch.no_grad():
            wanted = other.features(both).float()
            variance = wanted.var((0, 2, 3), keepdim=True).clamp(min=1e-8)
        return ((own.features(both).float() - wanted).square() / variance).mean()


def found(network: IFNet | PaperIFNet, batch: Triplet, flow: str = "direct") -> Estimate:
    """What a network estimates of a batch in 0..1, at its times; `flow` as in `TrainOptions`."""
    times = batch.timestep.view(-1, 1, 1, 1).expand_as(batch.img0[:, :1])
    if flow == "direct":
        return network.stages(batch.img0, batch.img1, times).student[-1]
    return _scaled(network.stages(batch.img0, batch.img1, torch.full_like(times, 0.5)).student[-1], times)


def made(network: IFNet | PaperIFNet, batch: Triplet, flow: str = "direct") -> Tensor:
    """The pictures it makes of them: N×3×H×W in 0..1."""
    return _warped(found(network, batch, flow), batch.img0, batch.img1).clamp(0, 1)


def floats(batch: Triplet, device: torch.device) -> Triplet:
    """A batch of bytes in 0..1, on a device."""
    img0, img1, truth = (x.to(device, non_blocking=True).float() / 255 for x in batch[:3])
    return batch._replace(img0=img0, img1=img1, truth=truth, timestep=batch.timestep.to(device))


def _plain(wanted: MeanEstimate, img0: Tensor, img1: Tensor) -> Tensor:
    """The picture of a mean estimate."""
    return Estimate(wanted.flow.float(), wanted.weight.float().logit(1e-6)).blend(img0, img1)


def _features(network: nn.Module | None) -> int:
    """A pixel has from a network's head."""
    return network.config.head.channels if isinstance(network, IFNet) and network.config.head else 0


def awaken(module: nn.Module) -> None:
    """Fresh weights for the paper's blocks in what has learnt nothing (He et al. 2015).

    PyTorch's own halve what goes through each of the ten convolutions, so that the deeper ones tell nothing apart and
    take long to begin. Motion starts near none. Blocks of the 4.x line gain nothing by it and are left alone.
    """
    for block in module.modules():
        for layer in block.modules() if isinstance(block, PaperBlock) else ():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, a=PRELU)
            elif isinstance(layer, nn.ConvTranspose2d):
                layer.weight.data.mul_(FAINT)
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None:
                nn.init.zeros_(layer.bias)


def silence(block: nn.Module) -> None:
    """Has a block add nothing at first."""
    last = [module for module in block.modules() if isinstance(module, nn.ConvTranspose2d)][-1]
    nn.init.zeros_(last.weight)
    if last.bias is not None:
        nn.init.zeros_(last.bias)


def _scaled(estimate: Estimate, times: Tensor) -> Estimate:
    """Motion and mask of the middle taken to other times, as if all moved in a straight line at one speed."""
    share = torch.cat((times, times, 1 - times, 1 - times), 1)
    return estimate._replace(flow=2 * share * estimate.flow)


def _warped(estimate: Estimate, img0: Tensor, img1: Tensor) -> Tensor:
    """The picture that an estimate makes, in fp32."""
    residual = estimate.residual
    exact = Estimate(estimate.flow.float(), estimate.mask.float(), None if residual is None else residual.float())
    return exact.picture(img0, img1)
