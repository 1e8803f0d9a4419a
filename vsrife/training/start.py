"""The network that training starts from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import torch

from vsrife.errors import ArgumentError, RifeError
from vsrife.networks import CONFIGS, IFNet, IFNetConfig, PaperConfig, make
from vsrife.networks.paper import PaperIFNet
from vsrife.training.initial import graft, kaiming_init
from vsrife.weights import load_network, resolve

if TYPE_CHECKING:
    from torch import nn

    from vsrife.networks import AnyConfig, LegacyNetwork
    from vsrife.training.options import TrainOptions

__all__ = ["Start", "freeze", "load_model", "start"]


class Start(NamedTuple):
    """The start of training.

    Args:
        network: of the paper or of the 4.x line, without adaptive scale.
        config: the config it is published with.
        pretrained: whether its weights are trained.
    """

    network: IFNet | PaperIFNet
    config: AnyConfig
    pretrained: bool


def start(options: TrainOptions) -> Start:
    """Make the network that training starts from.

    Raises:
        RifeError: there is no such model, or networks of its kind cannot be trained here.
    """
    if (options.init is None) == (options.model is None):
        got = f"{options.model} and {options.init}" if options.init else "neither"
        raise RifeError(f"model or init must be given, one of them, got {got}")
    torch.manual_seed(options.seed)
    if options.init is None:
        name = resolve(options.model or "").name
        if name not in CONFIGS:
            raise ArgumentError("model", name, "a network's name")
        config = _reshape(CONFIGS[name], options)
        network = _trainable(config)
        kaiming_init(network)
        return Start(network, config, False)
    trained = load_model(options.init)
    config = _reshape(trained.config, options)
    network = _trainable(config)
    graft(network, trained.state_dict())
    return Start(network, config, True)


def load_model(name: str) -> IFNet | LegacyNetwork:
    """Load a model by its name or its file.

    Raises:
        ModelError: there is no such model or file.
    """
    path = Path(name).expanduser()
    return load_network(None, path) if path.exists() else load_network(name, None)


def freeze(network: nn.Module, parts: tuple[str, ...]) -> None:
    """Exclude parameters from training, by the beginning of their names.

    Raises:
        RifeError: no parameter's name begins so.
    """
    for part in parts:
        frozen = [p for name, p in network.named_parameters() if name.startswith(part)]
        if not frozen:
            raise RifeError(f"freeze must begin the names of some parameters, got {part}")
        for parameter in frozen:
            parameter.requires_grad_(False)


def _reshape(config: AnyConfig, options: TrainOptions) -> AnyConfig:
    """A config with the options' blocks and parts."""
    widths, scales = options.widths or config.widths, options.scales or config.scales
    if len(widths) != len(scales):
        raise ArgumentError("widths", len(widths), f"as many as scales, {len(scales)}")
    config = replace(config, widths=widths, scales=scales)
    if options.head is not None:
        if not isinstance(config, IFNetConfig) or config.head is None:
            raise RifeError("head must be of a network that has one, which the 4.x line has from 4.7 on")
        config = replace(config, head=replace(config.head, hidden=options.head))
    if isinstance(config, PaperConfig) and not options.refine:
        config = replace(config, refines=False)
    return config


def _trainable(config: AnyConfig) -> IFNet | PaperIFNet:
    if isinstance(config, IFNetConfig):
        return make(replace(config, doubles=False))
    network = make(config)
    if not isinstance(network, PaperIFNet) or network.config.fine or network.config.turned:
        raise RifeError("the network must be the paper's IFNet or IFNet_m or of the 4.x line")
    return network
