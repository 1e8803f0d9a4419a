"""The route of a CUDA card without one: PyTorch's fake tensors know each tensor's device and type, and hold no values.

The filter's own code runs; replaced are what needs a driver or memory (pinning, events, addresses, values on the host),
the engine's thread, since dispatch modes belong to a thread, and Triton's launches, which are bound by Triton's own
binder, checked and counted.
"""

from __future__ import annotations

import importlib
import inspect
import os
import sys
from collections import Counter, defaultdict
from contextlib import ExitStack, contextmanager, nullcontext
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

import numpy as np
import torch
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vsrife.engine.executor import DeviceExecutor
from vsrife.motion import devices, launch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["CARD", "FakeCard"]

CARD = torch.device("cuda", 0)
NO_WORK = {
    "_local_scalar_dense", "_reshape_alias", "_unsafe_view", "alias", "as_strided", "detach", "device", "diagonal",
    "empty", "empty_like", "empty_strided", "expand", "lift_fresh", "new_empty", "new_empty_strided", "permute",
    "resize_", "select", "slice", "split", "split_with_sizes", "squeeze", "t", "transpose", "unbind", "unfold",
    "unsqueeze", "view",
}  # fmt: skip
"""Operations that launch nothing: views, and memory that is not written."""
ONE_TYPE = ("addmm", "bmm", "convolution", "mm")
"""Operations that refuse operands of different types, which fake tensors do not."""
LARGEST_GRID = 65535
ALIGNMENT = 512
"""Of addresses that PyTorch's allocator gives."""
VALUE = 0.5
"""What every value on the host is read as."""


class FakeCard(TorchDispatchMode):
    """Counts, while it is entered, what a card would be asked for.

    Attributes:
        launches: kernels by name and by the line of the package that launches them. PyTorch adds a convolution's bias
            by a kernel of its own.
        copies: between host and card, by direction and line.
        waits: where the host waits for the card, by line.
        variants: by kernel of Triton's, what it would be compiled for: types, constants, and what Triton takes from
            values and addresses (an integer of 1, or divisible by 16).
        peak: the most bytes of the card's memory in use.
    """

    def __init__(self) -> None:
        super().__init__()
        self.launches: Counter[tuple[str, str]] = Counter()
        self.copies: Counter[tuple[str, str]] = Counter()
        self.waits: Counter[str] = Counter()
        self.variants: defaultdict[str, set[str]] = defaultdict(set)
        self._pinned: list[StorageWeakRef] = []
        self._storages: dict[int, tuple[StorageWeakRef, int]] = {}
        self._addresses: dict[int, tuple[StorageWeakRef, int]] = {}
        self._random = Random(1)
        self.peak = 0

    def reset(self) -> None:
        """Count from here on."""
        for counter in (self.launches, self.copies, self.waits):
            counter.clear()
        self.peak = self._memory()

    def by_name(self) -> Counter[str]:
        """Launches of each kernel."""
        total: Counter[str] = Counter()
        for (name, _), count in self.launches.items():
            total[name] += count
        return total

    def uploads(self) -> int:
        """Copies to the card."""
        return sum(count for (direction, _), count in self.copies.items() if direction == "to the card")

    def summary(self) -> str:
        """All counts in one line."""
        counted = (self.launches, "launches"), (self.copies, "copies"), (self.waits, "waits")
        return ", ".join(f"{sum(counter.values())} {what}" for counter, what in counted) + f", {self.peak >> 20} MiB"

    def __enter__(self) -> Self:
        _empty_caches()
        stack = self._stack = ExitStack()
        for change in (
            patch.object(FakeTensor, "data_ptr", lambda tensor: self._address(tensor)),
            patch.object(FakeTensor, "numpy", _numpy, create=True),
            patch.object(FakeTensor, "tolist", lambda tensor: self._tolist(tensor), create=True),
            patch.object(FakeTensor, "new_tensor", _new_tensor, create=True),
            patch.object(FakeTensor, "is_pinned", lambda tensor: self._is_pinned(tensor), create=True),
            patch.object(torch.Tensor, "__deepcopy__", lambda tensor, memo: tensor.detach().clone()),
            patch.object(torch.nn.Module, "_apply", replace_parameters),
            patch.object(DeviceExecutor, "run", lambda executor, work: work()),
            patch.object(torch.cuda, "Event", lambda **_: SimpleNamespace(record=lambda *_: None, query=self._is_past)),
            patch.object(torch.cuda, "current_stream", lambda *_: SimpleNamespace(synchronize=self._wait)),
            patch.object(torch.cuda, "get_device_properties", lambda *_: SimpleNamespace(total_memory=24 << 30)),
            patch.object(torch.cuda, "get_device_capability", lambda *_: (9, 0)),
            patch.object(devices, "why_no_triton", lambda device=None: ""),
            patch.dict(os.environ, {"VSRIFE_CUDA": os.environ.get("VSRIFE_CUDA", "eager")}),
            patch.object(launch, "on_device", lambda tensor: nullcontext()),
            patch.object(launch, "kernels", lambda module="triton_kernels": _Launcher(module, self)),
        ):
            stack.enter_context(change)
        stack.enter_context(FakeTensorMode(allow_non_fake_inputs=True))
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._stack.close()
        _empty_caches()

    @contextmanager
    def _counting(self) -> Iterator[None]:
        """As when it is entered, without what that replaces: operations in a dispatched one are not dispatched."""
        super().__enter__()
        try:
            yield
        finally:
            super().__exit__(None, None, None)

    def __torch_dispatch__(
        self, func: Any, types: object, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        name = func.overloadpacket.__name__
        if name == "device":
            return func(*args, **kwargs)
        if name == "grid_sampler":  # which asks cuDNN whether it likes the arguments
            with self._counting():
                return torch.ops.aten.grid_sampler_2d.default(*args, **kwargs)
        if torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd"):
            with self._counting():
                out = func.decompose(*args, **kwargs)
            if out is not NotImplemented:
                return out
        if name == "_local_scalar_dense":
            if args[0].device.type == "cuda":
                self._copy("to the host", blocking=True)
            return False if args[0].dtype == torch.bool else VALUE
        pinned = kwargs.pop("pin_memory", False)
        read = _tensors((args, kwargs))
        mixed = {str(x.dtype) for x in read} if name in ONE_TYPE else set()
        assert len(mixed) < 2, f"{name} gets {' and '.join(sorted(mixed))}"
        out = func(*args, **kwargs)
        written = _tensors(out)
        if pinned:
            self._pinned += [StorageWeakRef(tensor.untyped_storage()) for tensor in written]
        self._track(written)
        kinds = {tensor.device.type for tensor in (*read, *written)}
        if name not in ("_to_copy", "copy_") and all(x.dim() == 0 for x in read if x.device.type == "cpu"):
            kinds.discard("cpu")  # numbers that are handed over with a launch
        if "cuda" in kinds and name not in NO_WORK:
            if "cpu" in kinds:
                host = next(x for x in (*read, *written) if x.device.type == "cpu")
                to_host = written[0].device.type == "cpu"
                blocking = not kwargs.get("non_blocking", False) or not self._is_pinned(host)
                if name == "copy_" and len(args) > 2:
                    blocking = not args[2] or not self._is_pinned(host)
                self._copy("to the host" if to_host else "to the card", blocking=blocking)
            else:
                self.launches[name, _where()] += 1
                if name == "convolution" and args[2] is not None:
                    self.launches["bias", _where()] += 1
        return out

    def launch(self, name: str, grid: tuple[int, ...], tensors: list[torch.Tensor], variant: str = "") -> None:
        """Count a launch of Triton's, and check what it is given."""
        self.variants[name].add(variant)
        where = {str(tensor.device) for tensor in tensors}
        assert where == {str(CARD)}, f"{name} gets tensors on {', '.join(sorted(where))}"
        assert max(grid[1:], default=1) <= LARGEST_GRID, f"{name} has a grid of {grid}"
        self.launches[f"triton {name}", _where()] += 1

    def _address(self, tensor: torch.Tensor) -> int:
        """Anywhere in the card's memory, as its allocator aligns it."""
        storage = tensor.untyped_storage()
        known, address = self._addresses.get(storage._cdata, (None, 0))
        if known is None or known.expired():
            address = self._random.randrange(1 << 38) * ALIGNMENT
            self._addresses[storage._cdata] = StorageWeakRef(storage), address
        return address + tensor.storage_offset() * tensor.element_size()

    def _copy(self, direction: str, *, blocking: bool) -> None:
        self.copies[direction, _where()] += 1
        if blocking:
            self._wait()

    def _wait(self) -> None:
        self.waits[_where()] += 1

    def _is_past(self) -> bool:
        self._wait()
        return True

    def _tolist(self, tensor: torch.Tensor) -> Any:
        if tensor.device.type == "cuda":
            self._copy("to the host", blocking=True)
        return np.full(tuple(tensor.shape), VALUE).tolist()

    def _is_pinned(self, tensor: torch.Tensor) -> bool:
        pointer = tensor.untyped_storage()._cdata
        return any(pinned.cdata == pointer and not pinned.expired() for pinned in self._pinned)

    def _track(self, tensors: list[torch.Tensor]) -> None:
        """Count the memory of tensors on the card."""
        for tensor in tensors:
            if tensor.device.type == "cuda" and isinstance(tensor, FakeTensor):
                storage = tensor.untyped_storage()
                self._storages[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self.peak = max(self.peak, self._memory())

    def _memory(self) -> int:
        """Bytes of the tensors that are alive."""
        for pointer in [pointer for pointer, (storage, _) in self._storages.items() if storage.expired()]:
            del self._storages[pointer]
        return sum(size for _, size in self._storages.values())


class _Launcher:
    """The kernels' module, whose kernels are bound, checked and counted where they would be launched."""

    def __init__(self, module: str, card: FakeCard) -> None:
        self._module, self._card = importlib.import_module(f"vsrife.motion.{module}"), card

    def __getattr__(self, name: str) -> Any:
        binder, card = _binder(getattr(self._module, name)), self._card

        class Kernel:
            def __class_getitem__(cls, grid: tuple[int, ...]) -> Any:
                def launch(*args: Any, **named: Any) -> None:
                    given, specialisation, options = binder(*args, **named)
                    tensors = [x for x in given.values() if isinstance(x, torch.Tensor)]
                    card.launch(name, grid, tensors, f"{specialisation} {options}")

                return launch

        return Kernel


@cache
def _binder(kernel: Any) -> Any:
    """Triton's own, which tells what of a launch's arguments decides what is compiled."""
    backend = importlib.import_module("triton.compiler").make_backend(
        importlib.import_module("triton.backends.compiler").GPUTarget("cuda", 90, 32)
    )
    create = importlib.import_module("triton.runtime.jit").create_function_from_signature
    return create(kernel.signature, kernel.params, backend)


def _empty_caches() -> None:
    """Empty what the package caches by arguments: fake tensors and their values are of use within their mode alone."""
    for name, module in list(sys.modules.items()):
        if name.startswith("vsrife."):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear") and inspect.signature(value).parameters:
                    value.cache_clear()


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _where() -> str:
    """The innermost line of the package on the stack."""
    frame: FrameType | None = sys._getframe(1)
    while frame := frame.f_back:
        _, found, file = frame.f_code.co_filename.rpartition("/vsrife/")
        if found:
            return f"{file}:{frame.f_lineno}"
    return "elsewhere"


def _numpy(tensor: torch.Tensor, **_: Any) -> np.ndarray[Any, Any]:
    assert tensor.device.type == "cpu", f"numpy() of a tensor on {tensor.device}"
    return np.zeros(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))


def _new_tensor(tensor: torch.Tensor, data: Any, dtype: torch.dtype | None = None) -> torch.Tensor:
    """`Tensor.new_tensor`, which writes to the memory that a fake tensor does not have."""
    return torch.tensor(data, dtype=dtype or tensor.dtype).to(tensor.device)


def replace_parameters(module: torch.nn.Module, move: Any, recurse: bool = True) -> torch.nn.Module:
    """`nn.Module._apply` that replaces parameters: those of fake tensors cannot take the place of others' memory."""
    for child in module.children():
        child._apply(move)
    for table in (module._parameters, module._buffers):
        for key, value in table.items():
            if value is not None:
                table[key] = torch.nn.Parameter(move(value.detach()), requires_grad=False)
    return module
