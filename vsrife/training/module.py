"""A network together with its privileged teacher, and the losses of a batch of triplets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

import torch
from torch import Tensor, nn

from vsrife.errors import RifeError
from vsrife.networks import Estimate, IFNet, Stages, mean_estimate, privileged_block
from vsrife.training.initial import kaiming_init, zero_init_output
from vsrife.training.losses import distillation_loss, endpoint_error, laplacian_loss, log10_mse, missing_detail
from vsrife.training.picture_step import make_picture

if TYPE_CHECKING:
    from vsrife.networks import LegacyNetwork
    from vsrife.networks.paper import PaperIFNet
    from vsrife.training.data import Triplet
    from vsrife.training.options import TrainOptions

__all__ = ["Losses", "TrainingModule", "estimate_batch", "interpolate_batch", "to_floats"]


class Losses(NamedTuple):
    """The terms that training minimises, weighted scalars; the total is their sum.

    Args:
        picture: of the interpolated picture, by its Laplacian pyramid and, if wanted, its PSNR.
        teacher: of the privileged teacher's picture.
        distillation: the distance of the flow to the teacher's.
        guide: the distance of motion and mask to the guide's.
        detail: the gradient energy that the picture lacks, of the guide's or, without one, the truth's.
    """

    picture: Tensor
    teacher: Tensor
    distillation: Tensor
    guide: Tensor
    detail: Tensor

    @property
    def total(self) -> Tensor:
        return self.picture + self.teacher + self.distillation + self.guide + self.detail


class TrainingModule(nn.Module):
    """The network and the block that also sees the truth (section 3.3 of the paper).

    Args:
        network: of the paper or of the 4.x line, without adaptive scale.
        options: of the run.
        pretrained: whether the network's weights are trained; the teacher then starts as the network's estimate.
        guide: a network whose motion is a target; it is not part of the state.

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
            (zero_init_output if pretrained else kaiming_init)(self.teacher)
        self._options = options
        if options.guide_features and not (0 < _features(network) == _features(guide)):
            raise RifeError(
                "guide_features needs a guide whose head gives as many features as the network's, "
                f"{_features(network)}, got {_features(guide)}"
            )
        self._guide = [guide] if guide else []  # in a list, so that it is no submodule

    def forward(self, batch: Triplet) -> Losses:
        """The losses of a batch of pictures in 0..1, whose sides are multiples of the network's alignment."""
        img0, img1, truth, _ = batch
        options = self._options
        stages = _stages(self.network, batch, options.flow, self.teacher)
        picture = make_picture(options.step, stages.student[-1], batch)
        taught = guided = lacking = picture.new_zeros(())
        if stages.teacher is not None:
            taught = laplacian_loss(make_picture("published", stages.teacher, batch), truth, options.levels)
        sharp = truth
        if self._guide:
            with torch.no_grad():
                wanted = mean_estimate(self._guide[0], img0, img1, _times(batch), passes=options.guide_passes)
                flow, weight = wanted.flow.float(), wanted.mask.sigmoid().float()
                if options.sharpness:
                    sharp = Estimate(flow, weight.logit(1e-6)).blend(img0, img1)
            last = stages.student[-1]
            guided = options.guide_flow * endpoint_error(last.flow, flow, weight)
            guided = guided + options.guide_mask * (last.mask.float().sigmoid() - weight).abs().mean()
            if options.guide_features:
                guided = guided + options.guide_features * self._feature_error(img0, img1)
        own = options.picture * laplacian_loss(picture, truth, options.levels)
        if options.psnr:
            own = own + options.psnr * log10_mse(picture, truth)
        if options.sharpness:
            lacking = options.sharpness * missing_detail(picture, sharp)
        distilled = options.distillation * distillation_loss(stages, img0, img1, truth)
        return Losses(own, taught, distilled, guided, lacking)

    def _feature_error(self, img0: Tensor, img1: Tensor) -> Tensor:
        """Mean square difference of the head's features and the guide's, in units of the latter's variance."""
        both = torch.cat((img0, img1))
        own, other = cast("IFNet", self.network), cast("IFNet", self._guide[0])
        with torch.no_grad():
            wanted = other.features(both).float()
            variance = wanted.var((0, 2, 3), keepdim=True).clamp(min=1e-8)
        return ((own.features(both).float() - wanted).square() / variance).mean()


def estimate_batch(network: IFNet | PaperIFNet, batch: Triplet, flow: str = "direct") -> Estimate:
    """Estimate a batch in 0..1 at its times; `flow` as in `TrainOptions`."""
    return _stages(network, batch, flow).student[-1]


def interpolate_batch(
    network: IFNet | PaperIFNet, batch: Triplet, flow: str = "direct", step: str = "published"
) -> Tensor:
    """Interpolate a batch in 0..1 at its times: N×3×H×W in 0..1; `flow` and `step` as in `TrainOptions`."""
    return make_picture(step, estimate_batch(network, batch, flow), batch).clamp(0, 1)


def to_floats(batch: Triplet, device: torch.device) -> Triplet:
    """A uint8 batch as fp32 in 0..1 on a device."""
    img0, img1, truth = (x.to(device, non_blocking=True).float() / 255 for x in batch[:3])
    return batch._replace(img0=img0, img1=img1, truth=truth, timestep=batch.timestep.to(device))


def _times(batch: Triplet) -> Tensor:
    """The timesteps of a batch as an N×1×H×W map."""
    return batch.timestep.view(-1, 1, 1, 1).expand_as(batch.img0[:, :1])


def _stages(network: IFNet | PaperIFNet, batch: Triplet, flow: str, teacher: Any = None) -> Stages:
    """Estimate a batch; `scaled` flow is the midpoint's, scaled as if all moved in straight lines at constant speed."""
    img0, img1, truth, _ = batch
    times = _times(batch)
    if flow == "direct":
        return network.stages(img0, img1, times, truth, teacher)
    student = network.stages(img0, img1, torch.full_like(times, 0.5)).student
    share = 2 * torch.cat((times, times, 1 - times, 1 - times), 1)
    return Stages(tuple(stage._replace(flow=share * stage.flow) for stage in student))


def _features(network: nn.Module | None) -> int:
    """Features a pixel of a network's head, 0 without one."""
    return network.config.features if isinstance(network, IFNet) else 0
