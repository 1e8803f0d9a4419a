"""CUDA graphs without a card: operations are recorded with their arguments, and done again into the same memory.

What a graph cannot carry shows as on a card: numbers of the host stay those of the capture, memory that was not there
then is never read, a capture computes nothing, and reading a value ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Recorder", "Tape"]

POISON = 0x7F
READ = ("_local_scalar_dense", "equal", "is_nonzero", "item", "nonzero")
"""Operations that the host waits for."""


class Recorder(TorchDispatchMode):
    """Records operations while it is entered; in inference mode those that consist of others stay whole.

    Attributes:
        steps: the operation, its arguments and its results.
        trace: the same for comparison: names, and all arguments; of tensors the shapes and types.
    """

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[Any, Any, Any, Any]] = []
        self.trace: list[tuple[object, ...]] = []

    def __torch_dispatch__(self, func: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func.overloadpacket.__name__ in READ:
            raise RuntimeError("operation not permitted when stream is capturing\nmore")
        out = func(*args, **kwargs)
        self.steps.append((func, args, kwargs, out))
        leaves = [_described(leaf) for leaf in tree_leaves((args, kwargs, out))]
        self.trace.append((str(func), *leaves))
        return out


class Tape:
    """A `Backend` of `vsrife.engine.graphs`.

    Args:
        error: raised by captures.
    """

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[str] = []
        self.error = error

    def capture(self, work: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
        self.calls.append("capture")
        if self.error:
            raise self.error
        with Recorder() as recorder:
            result = work()
        known: set[int] = set()
        for _, args, kwargs, out in recorder.steps:
            known |= {_storage(x) for x in _tensors((args, kwargs))}
            for made in _tensors(out):
                if _storage(made) not in known:
                    made.untyped_storage().fill_(POISON)
                    known.add(_storage(made))

        def replay() -> None:
            self.calls.append("replay")
            for func, args, kwargs, out in recorder.steps:
                again = func(*args, **kwargs)
                for old, new in zip(_tensors(out), _tensors(again), strict=True):
                    if _storage(old) != _storage(new):
                        old.copy_(new)

        return replay, result

    def release(self) -> None:
        self.calls.append("release")


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]


def _storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _described(leaf: Any) -> object:
    return (tuple(leaf.shape), leaf.stride(), leaf.dtype, leaf.device) if isinstance(leaf, torch.Tensor) else leaf
