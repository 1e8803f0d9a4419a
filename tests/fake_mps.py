"""Apple's GPU without one: tensors that say they are on MPS, hold their values on the CPU, and lack what MPS lacks.

The filter's own code runs. Every operation refuses unsigned 16 bits, 64-bit floats, operands on the host, and the named
operations, with PyTorch's own errors.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

import torch
from fake_card import replace_parameters
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

from vsrife.engine.executor import DeviceExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

__all__ = ["MPS", "FakeMps"]

MPS = torch.device("mps", 0)
HERE = ("mps", "meta")
NO_OPERATOR = (
    "The operator '{}' is not currently implemented for the MPS device. If you want this op to be considered for "
    "addition please comment on https://github.com/pytorch/pytorch/issues/141287 and mention use-case, that resulted "
    "in missing op as well as commit hash. As a temporary fix, you can set the environment variable "
    "`PYTORCH_ENABLE_MPS_FALLBACK=1` to use the CPU as a fallback for this op. WARNING: this will be slower than "
    "running natively on MPS."
)
NO_TYPE = {
    torch.float64: "Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64. Please "
    "use float32 instead.",
    torch.uint16: "Trying to convert UInt16 to the MPS backend but it does not have support for that dtype.",
}


class FakeMps(TorchDispatchMode):
    """Makes tensors on MPS possible while it is entered.

    Args:
        lacks: names of operations that raise PyTorch's error.
        spoils: operation → what it does to the result.

    Attributes:
        used: names of the operations that ran on the device.
    """

    def __init__(
        self,
        lacks: Collection[str] = (),
        spoils: Mapping[str, Callable[[torch.Tensor], torch.Tensor]] | None = None,
    ) -> None:
        super().__init__()
        self.lacks, self.spoils = lacks, spoils or {}
        self.used: set[str] = set()

    def __enter__(self) -> Self:
        stack = self._stack = ExitStack()
        for change in (
            patch.object(torch.mps, "empty_cache", lambda: None),
            patch.object(torch.nn.Module, "_apply", replace_parameters),
            *(patch.object(torch, name, _from_host(getattr(torch, name))) for name in ("tensor", "as_tensor")),
            patch.object(torch.Tensor, "new_tensor", _new_tensor),
            patch.object(DeviceExecutor, "run", lambda executor, work: work()),  # modes belong to a thread
        ):
            stack.enter_context(change)
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._stack.close()

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs, name = dict(kwargs or {}), func.overloadpacket.__name__
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        here = [tensor for tensor in given if isinstance(tensor, _Tensor)]
        devices = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.device)]
        to_device = devices[0].type in HERE if devices else bool(here)
        if not here and not to_device:
            return func(*args, **kwargs)
        if name == "copy_":
            to_device = isinstance(args[0], _Tensor)
        elif name not in ("_to_copy", "to"):
            on_host = [x for x in given if x.dim() and not isinstance(x, _Tensor)]
            assert not here or not on_host, f"{name} gets tensors on {MPS} and on the host"
        if to_device and (name in self.lacks or f"{name}.{func._overloadname}" in self.lacks):
            raise NotImplementedError(NO_OPERATOR.format(func.name()))
        wrapped = {id(tensor.inner): tensor for tensor in here}
        plain_args, plain_kwargs = tree_map(_on_host, (args, kwargs))
        out = func(*plain_args, **plain_kwargs)
        if not to_device or not isinstance(out, (torch.Tensor, list, tuple)):
            return out
        self.used.add(name)
        spoil = self.spoils.get(name, lambda result: result)

        def put(leaf: Any) -> Any:
            if not isinstance(leaf, torch.Tensor):
                return leaf
            if leaf.dtype in NO_TYPE:
                raise TypeError(NO_TYPE[leaf.dtype])
            return wrapped[id(leaf)] if id(leaf) in wrapped else _Tensor(spoil(leaf))

        return tree_map(put, out)


class _Tensor(torch.Tensor):
    """A tensor on MPS with its values on the CPU; a meta tensor to PyTorch's C++, which is built without MPS here."""

    inner: torch.Tensor

    @property
    def device(self) -> torch.device:
        return MPS

    @staticmethod
    def __new__(cls, inner: torch.Tensor) -> Self:
        made = torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), dtype=inner.dtype, device="meta"
        )
        made.inner = inner
        return made

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} outside of the mode")


def _from_host(create: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """`torch.tensor` and the like, which write to the memory that these tensors do not have."""

    def created(data: Any, dtype: torch.dtype | None = None, device: torch.device | None = None) -> torch.Tensor:
        if isinstance(data, torch.Tensor):
            return data.to(device or data.device, dtype or data.dtype)
        return create(data, dtype=dtype).to(device or "cpu")

    return created


def _new_tensor(tensor: torch.Tensor, data: Any, dtype: torch.dtype | None = None) -> torch.Tensor:
    return torch.tensor(data, dtype=dtype or tensor.dtype, device=tensor.device)


def _on_host(leaf: Any) -> Any:
    if isinstance(leaf, _Tensor):
        return leaf.inner
    return torch.device("cpu") if isinstance(leaf, torch.device) else leaf
