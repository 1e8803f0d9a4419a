"""A card's streams, imitated: what is queued on which one, after what, and with which memory, so that races are found.

Every access to memory is tagged with its stream and its place there. Two of them, one of which writes, race unless one
is known to come first: by the order of a stream, an event, or the host's waiting. Memory that is given back may be
written at once by the stream that it was allocated on.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import patch

import torch
from torch._subclasses.fake_tensor import FakeTensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from fake_card import FakeCard

__all__ = ["Races"]

HOST = "host"
Clock = dict[str, int]


class Stream:
    """An imitated stream; its clock says how far every stream is known to be, where its next work begins."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.clock: Clock = defaultdict(int)

    def wait_stream(self, other: Stream) -> None:
        _join(self.clock, other.clock)


@dataclass
class _Memory:
    storage: StorageWeakRef
    stream: Stream
    on_host: bool
    last: dict[tuple[str, bool], tuple[int, str]] = field(default_factory=dict)
    """By stream and whether it writes: the place of the last access, and the operation."""
    shared_with: set[str] = field(default_factory=set)


class Races(TorchDispatchMode):
    """Notes, while it is entered within a `FakeCard`, what races.

    Attributes:
        found: a line for each race.
        by_stream: number of operations on each stream.
    """

    def __init__(self, card: FakeCard) -> None:
        super().__init__()
        self.found: list[str] = []
        self.by_stream: Clock = defaultdict(int)
        self._card = card
        self._host: Clock = defaultdict(int)
        self._default = self._current = Stream("compute")
        self._memory: dict[int, _Memory] = {}

    def __enter__(self) -> Self:
        names = iter(("up", "down", "third"))
        races, launch, numpy = self, self._card.launch, FakeTensor.numpy

        class Event:
            def __init__(self, **_: Any) -> None:
                self._clock: Clock = {}

            def record(self, stream: Stream) -> None:
                self._clock = dict(stream.clock)

            def query(self) -> bool:
                races.wait(self._clock)
                return True

        def launched(name: str, grid: tuple[int, ...], tensors: list[torch.Tensor], *more: str) -> None:
            launch(name, grid, tensors, *more)
            races.access(name, [], tensors)

        def read(tensor: FakeTensor, **named: Any) -> Any:
            races.access_by_host(tensor)
            return numpy(tensor, **named)

        self._patches = ExitStack()
        for change in (
            patch.object(torch.cuda, "Stream", lambda device: Stream(next(names))),
            patch.object(torch.cuda, "Event", Event),
            patch.object(torch.cuda, "stream", self._on),
            patch.object(torch.cuda, "current_stream", lambda *_: self._current),
            patch.object(FakeTensor, "record_stream", lambda tensor, stream: races.share(tensor, stream), create=True),
            patch.object(FakeTensor, "numpy", read),
            patch.object(self._card, "launch", launched),
        ):
            self._patches.enter_context(change)
        return super().__enter__()

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._patches.close()

    def __torch_dispatch__(self, func: Any, types: object, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        stream = self._current
        out = func(*args, **kwargs)
        named = [(argument, args[k]) for k, argument in enumerate(func._schema.arguments[: len(args)])]
        named += [(each, kwargs[each.name]) for each in func._schema.arguments if each.name in kwargs]
        written = [value for each, value in named if each.alias_info is not None and each.alias_info.is_write]
        touched = _tensors((args, kwargs, out))
        known = {x.untyped_storage()._cdata for x in _tensors((args, kwargs))}
        new = [x for x in _tensors(out) if x.untyped_storage()._cdata not in known]
        for x in new:
            self._memory[x.untyped_storage()._cdata] = _Memory(
                StorageWeakRef(x.untyped_storage()), stream, x.device.type == "cpu"
            )
        if any(x.device.type == "cuda" for x in touched) and (new or written or not func.is_view):
            self.access(func.overloadpacket.__name__, touched, [*new, *_tensors(written)])
        return out

    def access(self, name: str, read: Iterable[torch.Tensor], written: Iterable[torch.Tensor]) -> None:
        """Note an operation that is queued on the current stream."""
        stream = self._current
        self._reuse()
        _join(stream.clock, self._host)
        stream.clock[stream.name] += 1
        self.by_stream[stream.name] += 1
        self._note(stream.name, stream.clock, name, read, written)

    def access_by_host(self, tensor: torch.Tensor) -> None:
        """Note that the host reads or writes memory now."""
        self._host[HOST] += 1
        self._note(HOST, self._host, "the host", (), (tensor,))

    def share(self, tensor: torch.Tensor, stream: Stream) -> None:
        """Note that memory is not to be used again before a stream is past what is queued on it."""
        self._memory[tensor.untyped_storage()._cdata].shared_with.add(stream.name)

    def wait(self, clock: Clock) -> None:
        """Note that the host knows how far the streams are."""
        _join(self._host, clock)

    @contextmanager
    def _on(self, stream: Stream) -> Iterator[None]:
        self._current, before = stream, self._current
        try:
            yield
        finally:
            self._current = before

    def _note(
        self, actor: str, clock: Clock, name: str, read: Iterable[torch.Tensor], written: Iterable[torch.Tensor]
    ) -> None:
        writes = {x.untyped_storage()._cdata for x in written}
        for key in {x.untyped_storage()._cdata for x in read} | writes:
            if memory := self._memory.get(key):
                for (other, wrote), (place, what) in memory.last.items():
                    if other != actor and (wrote or key in writes) and clock[other] < place:
                        self.found.append(f"{name} on {actor} and {what} on {other}")
                memory.last[actor, key in writes] = clock[actor], name

    def _reuse(self) -> None:
        """Have memory that was given back written by its stream."""
        for key in [key for key, memory in self._memory.items() if memory.storage.expired()]:
            memory = self._memory.pop(key)
            stream = memory.stream
            if memory.on_host:  # which PyTorch hands out again once the copies that it saw are done
                continue
            for (other, _), (place, what) in memory.last.items():
                if other not in (stream.name, HOST, *memory.shared_with) and stream.clock[other] < place:
                    self.found.append(f"memory of {stream.name} is used again before {what} on {other}")


def _join(clock: Clock, other: Clock) -> None:
    for name, place in other.items():
        clock[name] = max(clock[name], place)


def _tensors(tree: Any) -> list[torch.Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, torch.Tensor)]
