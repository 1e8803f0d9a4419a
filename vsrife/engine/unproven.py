"""Intel's and Apple's GPUs, whose PyTorch lacks operations and types: the CPU proves their frames first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

__all__ = ["UNPROVEN", "UnfitError", "is_unfit", "is_unproven", "type_on"]

UNPROVEN = ("xpu", "mps")
TEXTS = (
    "not currently implemented for the",
    "not implemented for '",
    "could not run 'aten::",
    "backend but it does not have support for that dtype",
    "framework doesn't support float64",
    "is not supported on mps",
    "bfloat16 is only supported on",
)
"""Messages in lower case of PyTorch's errors where a device has no code for an operation or a type."""


class UnfitError(RuntimeError):
    """The known frames of a device without kernels differ from the CPU's."""


def is_unproven(device: torch.device) -> bool:
    """Whether a device's frames are compared with the CPU's before it makes any for a filter."""
    return device.type in UNPROVEN


def is_unfit(error: BaseException | None, device: torch.device) -> bool:
    """Whether an error, or one of its causes, means that such a device cannot compute what is asked of it."""
    if error is None or not is_unproven(device):
        return False
    if isinstance(error, (UnfitError, NotImplementedError)):
        return True
    if isinstance(error, (RuntimeError, TypeError)) and any(text in str(error).lower() for text in TEXTS):
        return True
    return is_unfit(error.__cause__, device)


def type_on(device: torch.device, plane: NDArray[np.generic]) -> NDArray[np.generic]:
    """A plane in a type that a device knows: MPS has no arithmetic in unsigned 16 bits, which fp32 holds exactly."""
    return plane.astype(np.float32) if device.type == "mps" and plane.dtype == np.uint16 else plane
