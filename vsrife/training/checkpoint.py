"""The state of a run in one file, written completely or not at all. Plain tensors: nothing in it is executed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from vsrife.errors import RifeError, first_line
from vsrife.files import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn

__all__ = ["restore", "save"]

OPTIMISER, SCALER = "optimiser", "scaler"


def save(
    path: Path, step: int, modules: dict[str, nn.Module], optimiser: torch.optim.Optimizer, scaler: torch.amp.GradScaler
) -> None:
    """Write a run's state.

    Args:
        path: of the file, .safetensors; an older one is replaced.
        step: number of steps done.
        modules: by name.
        optimiser: AdamW, or another whose state is tensors.
        scaler: of fp16's gradients.

    Raises:
        RifeError: the file cannot be written.
    """
    tensors = {f"{name}:{key}": value for name, module in modules.items() for key, value in module.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"{OPTIMISER}:{number}:{key}": value for key, value in state.items()}
    tensors |= {f"{SCALER}:{key}": torch.tensor(value) for key, value in scaler.state_dict().items()}
    with atomic_write(path, failures=(OSError, SafetensorError)) as partial:
        save_file(
            {key: value.detach().contiguous().clone() for key, value in tensors.items()}, partial, {"step": str(step)}
        )


def restore(
    path: Path, modules: dict[str, nn.Module], optimiser: torch.optim.Optimizer, scaler: torch.amp.GradScaler
) -> int:
    """Restore a state that `save` wrote for a run of the same kind; returns the number of steps done.

    Raises:
        RifeError: the file is damaged or of another run.
    """
    tensors: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            step = int((file.metadata() or {})["step"])
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
        for name, module in modules.items():
            module.load_state_dict(_part(tensors, name))
        state: dict[int, dict[str, Any]] = {}
        for key, value in _part(tensors, OPTIMISER).items():
            number, _, item = key.partition(":")
            state.setdefault(int(number), {})[item] = value
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
        if scaler.is_enabled():
            scaler.load_state_dict({key: value.item() for key, value in _part(tensors, SCALER).items()})
    except (SafetensorError, OSError, KeyError, ValueError, RuntimeError) as error:
        raise RifeError(f"{path} cannot be resumed from: {first_line(error)}") from error
    return step


def _part(tensors: dict[str, Tensor], name: str) -> dict[str, Tensor]:
    return {key.removeprefix(f"{name}:"): value for key, value in tensors.items() if key.startswith(f"{name}:")}
