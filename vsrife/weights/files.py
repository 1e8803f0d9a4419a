"""State dicts from files. Nothing in a file is ever executed."""

from __future__ import annotations

import pickle
import warnings
from typing import TYPE_CHECKING

import torch
from safetensors.torch import load_file

from vsrife.errors import ModelError, first_line, shown
from vsrife.weights.ncnn import files_of, read_ncnn

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

__all__ = ["inference_weights", "read_weights"]

TRAINING_ONLY = ("teacher.", "block_tea.", "caltime.", "lossfn.")
"""Parts of a published file that only training runs."""


def inference_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A published state dict without the parts that only training needs, under its bare names."""
    bare = {name.removeprefix("module."): value for name, value in state.items()}
    return {name: value for name, value in bare.items() if not name.startswith(TRAINING_ONLY)}


def read_weights(path: Path, label: str | None = None) -> dict[str, Tensor]:
    """Read a .safetensors, .pkl or .pth file, or ncnn's pair of files by their folder or by either of them.

    A pickle is read by `torch.load(weights_only=True)`, which refuses everything but tensors and plain containers.

    Args:
        path: the file or folder.
        label: what errors call it; without it, its name.

    Raises:
        ModelError: the file is missing, of another kind, damaged, or a pickle that asks for code to be run.
    """
    try:
        if not path.exists():
            raise ModelError(f"model_path must be a file or ncnn's folder that exists, got {shown(path, 200)}")
        pair = files_of(path)
        if pair:
            return read_ncnn(*pair)
        if not path.is_file():  # to open a pipe would be to wait for a writer
            raise ModelError(f"model_path must be a file or ncnn's folder, got something else, {shown(path, 200)}")
    except OSError as error:
        raise ModelError(f"model_path cannot be examined ({error.strerror}), got {shown(path, 200)}") from error
    label = label or shown(path.name, 200)
    if path.suffix.lower() not in (".safetensors", ".pkl", ".pth", ".pt"):
        raise ModelError(f"model_path must end in .safetensors, .pkl, .pth or ncnn's .param, got {label}")
    try:
        state = _load(path)
    except pickle.UnpicklingError as error:
        raise ModelError(f"{label} is refused: it holds more than plain weights") from error
    except Exception as error:  # a damaged pickle makes torch raise errors of nearly every kind
        raise ModelError(f"{label} cannot be read as weights: {first_line(error)}") from error
    if not isinstance(state, dict) or not state or not all(_is_weight(*item) for item in state.items()):
        raise ModelError(f"{label} must hold a dictionary of tensors")
    return inference_weights(state)


def _load(path: Path) -> object:
    if path.suffix.lower() == ".safetensors":
        return load_file(path)
    with warnings.catch_warnings(action="ignore"):
        return torch.load(path, map_location="cpu", weights_only=True)


def _is_weight(name: object, value: object) -> bool:
    return isinstance(name, str) and isinstance(value, torch.Tensor) and value.layout == torch.strided
