"""What is particular to AMD's GPUs: the code that a PyTorch has for them, and convolutions on channels-last tensors."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import cache

import torch
from torch.nn.functional import conv2d

__all__ = ["convolve_channels_last", "why_no_code"]

VARIABLE = "PYTORCH_MIOPEN_SUGGEST_NHWC"


def why_no_code(device: torch.device) -> str:
    """Why PyTorch cannot compute on an AMD GPU, in one line; empty where it can.

    PyTorch sees GPUs that it has no code for. A name such as `gfx11-generic` stands for all that begin with `gfx11`;
    `gfx9-generic` for a few of those with `gfx9` alone, and is passed over.
    """
    name = str(torch.cuda.get_device_properties(device).gcnArchName)
    built_for = torch.cuda.get_arch_list()
    kind = name.partition(":")[0]  # what follows are features: gfx90a:sramecc+:xnack-
    generic = [each for each in built_for if each.endswith("-generic") and each != "gfx9-generic"]
    families = [each.removesuffix("-generic").replace("-", "") for each in generic]
    if not built_for or kind in (each.partition(":")[0] for each in built_for) or kind.startswith(tuple(families)):
        return ""
    card = f"{torch.cuda.get_device_name(device)} ({kind})"
    return f"PyTorch {torch.__version__} has no code for {card}, only for {', '.join(built_for)}"


@cache
def convolve_channels_last(device: torch.device) -> None:
    """Have PyTorch hand channels-last tensors to MIOpen as they are; else it transposes around every convolution.

    PyTorch asks an environment variable at a process's first convolution on ROCm and never again. It is set for such a
    convolution here, and the environment is as before afterwards. What the user has set stays; where the process has
    convolved before, nothing changes.
    """
    if device.type != "cuda" or not torch.version.hip or VARIABLE in os.environ:
        return
    os.environ[VARIABLE] = "1"
    try:
        with suppress(RuntimeError):  # which the first convolution of a frame raises, too
            x = torch.zeros(1, 8, 4, 4, device=device).contiguous(memory_format=torch.channels_last)
            conv2d(x, torch.zeros(8, 8, 3, 3, device=device))
    finally:
        del os.environ[VARIABLE]
