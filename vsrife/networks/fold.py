"""Networks with fewer operations: β folded into the convolutions."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn

from vsrife.networks.blocks import SLOPE, ResidualConv

if TYPE_CHECKING:
    from vsrife.networks.ifnet import IFNet

__all__ = ["folded"]


def folded(network: IFNet) -> IFNet:
    """Copy a network, each residual layer as one convolution.

    `conv(x)·β + x` is the convolution with kernel `β·W + δ` and bias `β·b`, δ being 1 at the centre tap from each
    channel to itself. The copy computes the same function; its parameters no longer have the published names.
    """
    network = copy.deepcopy(network)
    for block in network.blocks:
        for index, layer in enumerate(block.convblock):
            if isinstance(layer, ResidualConv):
                block.convblock[index] = nn.Sequential(_fold(layer), nn.LeakyReLU(SLOPE, inplace=True))
    return network


@torch.no_grad()
def _fold(layer: ResidualConv) -> nn.Conv2d:
    conv, beta = layer.conv, layer.beta.view(-1)
    channels = torch.arange(conv.out_channels)
    conv.weight.mul_(beta.view(-1, 1, 1, 1))
    conv.weight[channels, channels % conv.weight.shape[1], 1, 1] += 1
    if conv.bias is not None:
        conv.bias.mul_(beta)
    return conv
