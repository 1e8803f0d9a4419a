"""State dicts in and out of files. Nothing in a file is ever executed."""

from __future__ import annotations

import pickle
import warnings
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file

from vsrife.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

__all__ = ["inference_weights", "read_metadata", "read_weights"]

TRAINING_ONLY = ("teacher.", "block_tea.", "caltime.", "contextnet.", "unet.", "lossfn.")
"""Parts of a published file that the 4.x networks do not run: training's own, and what 4.0 kept of its ancestors."""


def inference_weights(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The part of a published state dict that inference needs, under its bare names."""
    bare = {name.removeprefix("module."): value for name, value in state.items()}
    return {name: value for name, value in bare.items() if not name.startswith(TRAINING_ONLY)}


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a .safetensors, .pkl or .pth file.

    A pickle is read by `torch.load(weights_only=True)`, which refuses everything but tensors and plain containers.

    Raises:
        ModelError: the file is missing, of another kind, damaged, or a pickle that asks for code to be run.
    """
    if not path.is_file():
        raise ModelError(f"RIFE: model_path must be a file that exists, got {path}")
    try:
        match path.suffix.lower():
            case ".safetensors":
                state = load_file(path)
            case ".pkl" | ".pth" | ".pt":
                with warnings.catch_warnings(action="ignore"):
                    state = torch.load(path, map_location="cpu", weights_only=True)
            case _:
                raise ModelError(f"RIFE: model_path must end in .safetensors, .pkl or .pth, got {path.name}")
    except pickle.UnpicklingError as error:
        raise ModelError(f"RIFE: {path.name} is refused: it holds more than plain weights") from error
    except (SafetensorError, RuntimeError, OSError, EOFError, ValueError, KeyError, AttributeError) as error:
        if isinstance(error, ModelError):
            raise
        raise ModelError(f"RIFE: {path.name} cannot be read as weights: {_first_line(error)}") from error
    if not isinstance(state, dict) or not all(isinstance(v, torch.Tensor) for v in state.values()) or not state:
        raise ModelError(f"RIFE: {path.name} must hold a dictionary of tensors")
    return inference_weights(state)


def read_metadata(path: Path) -> dict[str, str]:
    """The text metadata of a .safetensors file; empty for every other kind."""
    if path.suffix.lower() != ".safetensors":
        return {}
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)
