"""The forms a network can be exported to: which networks each can carry, and what its files are called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vsrife.errors import ArgumentError, ModelError, shown
from vsrife.networks import SMALLEST, IFNet, IFNetConfig
from vsrife.weights.export.ncnn import FOLDERS, check_folder, write_ncnn
from vsrife.weights.export.onnx import PLANES, write_onnx
from vsrife.weights.export.torchscript import write_torchscript

if TYPE_CHECKING:
    from vsrife.networks import AnyConfig, LegacyNetwork

__all__ = ["Form", "export_network"]

LARGEST = 1 << 14
"""Columns or rows of a fixed size."""


@dataclass(frozen=True)
class Form:
    """What a network is exported to.

    Args:
        to: the engine's format.
        planes: of ONNX: input planes, 7 or 11; None for 7.
        half: of ONNX: whether its weights and convolutions are fp16.
        size: of ONNX: the width and height it is made for; None for any.
        picture_step: what makes the picture: `published`, the networks' own, or `sharp`, the filter's.
    """

    to: Literal["onnx", "ncnn", "torchscript"]
    planes: int | None = None
    half: bool = False
    size: tuple[int, int] | None = None
    picture_step: Literal["published", "sharp"] = "published"

    def __post_init__(self) -> None:
        if self.planes not in (None, *PLANES):
            raise ArgumentError("planes", self.planes, f"{PLANES[0]} or {PLANES[1]}")
        if self.to == "onnx":
            return
        if self.to == "ncnn" and self.picture_step == "sharp":
            allowed = "published for ncnn, which has no lookup for the sharp kernel (--to onnx carries it)"
            raise ArgumentError("picture_step", self.picture_step, allowed)
        for name, value in (("planes", self.planes), ("precision", self.half), ("size", self.size)):
            if value:
                raise ArgumentError(name, self.to, "onnx alone", verb="be given for")

    def check(self, config: AnyConfig, name: str) -> None:
        """Check that this form carries a network.

        Raises:
            ModelError: it does not; the message says what does.
        """
        name = shown(name, 60)
        if getattr(config, "doubles", False) or getattr(config, "adapts", False):
            raise ModelError(
                f"model {name} adapts its scale to the motion, which no exported form carries; core.rife.RIFE runs it"
            )
        if self.to == "torchscript" or (isinstance(config, IFNetConfig) and not config.refines):
            return
        reason = "has a RefineNet" if config.refines else "serves the middle between two frames alone"
        raise ModelError(f"model {name} {reason}, which {self.to} does not carry here; --to torchscript does")


def export_network(network: IFNet | LegacyNetwork, name: str, form: Form, output: Path | None = None) -> Path:
    """Write a network in another engine's form.

    Args:
        network: from `load_network`.
        name: of the model.
        form: what to write.
        output: the file, or ncnn's folder; None for the name that the engine's scripts look for, in this folder.

    Returns:
        The file or folder.

    Raises:
        ModelError: the form cannot carry the network.
        ArgumentError: the size or the folder's name does not suit the network.
        RifeError: a package is missing, or a file cannot be written.
    """
    config = network.config
    form.check(config, name)
    sharp = form.picture_step == "sharp"
    if form.to == "torchscript" or not isinstance(network, IFNet):
        target = output or Path(f"{name}.pt")
        write_torchscript(network, target, sharp=sharp)
        return target
    alignment = config.alignment(1)
    if form.to == "ncnn":
        target = output or Path(_folder(name, alignment))
        check_folder(target, alignment)
        write_ncnn(network, target)
        return target
    planes = form.planes or PLANES[0]
    if form.size:
        step = 1 if planes == PLANES[0] else alignment
        if not all(SMALLEST <= side <= LARGEST and side % step == 0 for side in form.size):
            multiples = f", multiples of {alignment} with {planes} planes" if step > 1 else ""
            allowed = f"WIDTHxHEIGHT, {SMALLEST} to {LARGEST}{multiples}"
            raise ArgumentError("size", "x".join(map(str, form.size)), allowed)
    target = output or Path(_file(name))
    write_onnx(network, target, planes=planes, half=form.half, size=form.size, sharp=sharp)
    return target


def _file(name: str) -> str:
    """The name of an ONNX file, as vs-mlrt's script spells it."""
    spelt = re.sub(r"\.(lite|heavy)$", r"_\1", name)
    return f"rife_v{spelt}.onnx" if name[:1].isdigit() else f"rife_{spelt}.onnx"


def _folder(name: str, alignment: int) -> str:
    """The name of an ncnn folder, by which the plugin tells the padding."""
    published = f"rife-v{name}".replace(".lite", "-lite").replace(".heavy", "-heavy")
    if name.startswith("4.") and _suits(published, alignment):
        return published
    size = next((size for size in FOLDERS if size % alignment == 0), None)
    if size is None:
        raise ModelError(
            f"model {shown(name, 60)} needs multiples of {alignment} pixels and the ncnn plugin pads to "
            f"{', '.join(map(str, FOLDERS))}; --to onnx carries it"
        )
    return f"{FOLDERS[size]}-{name}"


def _suits(folder: str, alignment: int) -> bool:
    try:
        check_folder(Path(folder), alignment)
    except ArgumentError:
        return False
    return True
