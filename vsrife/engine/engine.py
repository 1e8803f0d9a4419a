"""A network on a device, shared by every filter that asks for the same."""

from __future__ import annotations

import copy
import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from vsrife.engine.device import PRECISIONS
from vsrife.engine.executor import check_not_forked, device_executor
from vsrife.engine.graphs import GraphedEstimator
from vsrife.engine.kept import Kept
from vsrife.engine.kernel_estimator import KernelEstimator
from vsrife.engine.memory import register
from vsrife.engine.picture import align_edges, chroma_grid, rgb_matrix, to_rgb
from vsrife.engine.published_estimator import PublishedEstimator
from vsrife.engine.torch_estimator import TorchEstimator
from vsrife.engine.unproven import is_unproven
from vsrife.motion import device_kernels, why_no_kernels
from vsrife.networks import LegacyNetwork, RefinedIFNet
from vsrife.weights import load_network

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import Tensor

    from vsrife.engine.estimator import MotionEstimator
    from vsrife.engine.executor import DeviceExecutor
    from vsrife.engine.picture import Colour, PictureFormat
    from vsrife.networks import IFNet

__all__ = ["Engine", "shared_engine"]


class Engine:
    """A network on one device: its motion estimator, the device's kernels and its executor.

    4.x networks run without full-size intermediates, by the kernels where they know the device and the precision, else
    by PyTorch alone. The other networks run in the form they were published in, in fp32.

    Args:
        network: the network with its weights.
        device: where it runs.
        dtype: dtype of its convolutions.
        compiled: whether the compiled kernels are used where they can be.
        executor: the threads it runs on; None for the device's shared ones.

    Raises:
        RifeError: this process was forked from one that had an engine.
    """

    def __init__(
        self,
        network: IFNet | LegacyNetwork,
        device: torch.device,
        dtype: torch.dtype,
        *,
        compiled: bool = True,
        executor: DeviceExecutor | None = None,
    ) -> None:
        self.device = device
        self.executor = executor or device_executor(device)
        self.kernels = device_kernels(device, dtype) if compiled else None
        self.why_slower = "" if self.kernels else why_no_kernels(device) or "the kernels failed"
        """Why the compiled kernels are not used, in one line; empty where they are."""
        self.estimator: MotionEstimator
        if isinstance(network, (LegacyNetwork, RefinedIFNet)):
            self.estimator = PublishedEstimator(network, device)
        elif self.kernels and KernelEstimator.supports(network, self.kernels, dtype):
            self.estimator = KernelEstimator(network, self.kernels, dtype)
        else:
            self.estimator = TorchEstimator(network, device, dtype)
            if self.kernels:
                names = [name for name, precision in PRECISIONS.items() if precision in self.kernels.precisions]
                self.why_slower = f"the {self.kernels.name} compute in {' and '.join(names)}"
                if dtype in self.kernels.precisions:
                    self.why_slower = f"the {self.kernels.name} take at most {self.kernels.max_maps} blocks"
        self.notes: list[str] = []
        """Lines about its graphs, for the log of the filter that makes the next frame."""
        self.graphed: MotionEstimator = self.estimator
        """The estimator, which replays graphs at the levels of a card that have them."""
        plain = isinstance(self.estimator, (KernelEstimator, TorchEstimator)) and self.estimator.takes_batches
        if device.type == "cuda" and plain:  # other estimates decide by values
            self.graphed = GraphedEstimator(self.estimator, device, self.notes.append)
        self.config = self.estimator.config
        self.dtype = self.estimator.dtype
        self._network = network
        needs_proof = is_unproven(device) or (self.kernels and device.type == "cuda")
        self.fault: str | None = None if needs_proof else ""
        """How frames differ from what is right; empty where they do not, None until it is known."""
        self._without_kernels: Engine | None = None
        self._lock = threading.Lock()

    @property
    def any_time(self) -> bool:
        """Whether the network finds motion at every time; the others are midpoint-only."""
        return self.config.any_time

    @property
    def has_ensemble(self) -> bool:
        """Whether the network was published with an ensemble inside."""
        return bool(getattr(self.config, "ensemble", False))

    def to_rgb(self, planes: tuple[Tensor, ...], form: PictureFormat, colour: Colour, align: int) -> Tensor:
        """A frame's planes as the RGB picture that networks see, its last row and column repeated: 1×H×W×3, fp32.

        Args:
            planes: h×w each, on the device, in the clip's own values.
            form: the clip's format.
            colour: how samples become RGB.
            align: divisor of both sides of the result.
        """
        if self.kernels is None or any(plane.dtype not in self.kernels.plane_types for plane in planes):
            return align_edges(to_rgb(planes, form, colour), align).permute(0, 2, 3, 1)
        chroma = chroma_grid(form, colour.chroma_location) if form.subsampled else None
        return self.kernels.to_rgb(planes, rgb_matrix(form, colour), chroma, align)

    def without_kernels(self) -> Engine:
        """The engine by PyTorch alone, created when it is first asked for."""
        with self._lock:
            if self._without_kernels is None:
                self._without_kernels = Engine(
                    self._network, self.device, self.dtype, compiled=False, executor=self.executor
                )
            return self._without_kernels

    def reference(self) -> Engine:
        """A new engine of the same network in fp32, by PyTorch alone and without graphs.

        It is the CPU's where PyTorch on this device is to be proven.
        """
        if is_unproven(self.device):
            return Engine(copy.deepcopy(self._network), torch.device("cpu"), torch.float32)
        engine = Engine(self._network, self.device, torch.float32, compiled=False, executor=self.executor)
        engine.graphed = engine.estimator
        return engine

    def release(self) -> None:
        """Give up memory that is kept for later."""
        self.graphed.release()
        if self.kernels:
            self.kernels.release()


@dataclass(frozen=True)
class _Key:
    model: str | None
    path: Path | None
    stamp: tuple[tuple[int, int], ...]
    device: torch.device
    dtype: torch.dtype
    part: int
    parts: int


_engines: weakref.WeakValueDictionary[_Key, Engine] = weakref.WeakValueDictionary()
_kept: dict[torch.device, Kept[Engine]] = {}
_lock = threading.Lock()


def shared_engine(
    model: str | None,
    path: Path | None,
    device: torch.device,
    dtype: torch.dtype,
    *,
    fetch: bool = True,
    log: Callable[[str], None] | None = None,
    part: int = 0,
    parts: int = 1,
) -> Engine:
    """The engine of a model, device and precision, created where nothing references one and none is kept.

    `fetch` and `log` are those of `vsrife.weights.load_network`, `part` and `parts` those of `device_executor`.

    Raises:
        ModelError: the model cannot be loaded, see `load_network`.
        RifeError: the engine cannot be created, see `Engine`.
    """
    check_not_forked()  # before the lock, which a fork may have left locked
    key = _Key(model, path, _stamp(path), device, dtype, part, parts)
    with _lock:
        engine = _engines.get(key)
        if engine is None:
            network = load_network(model, path, fetch=fetch, log=log)
            executor = device_executor(device, part, parts)
            engine = _engines[key] = Engine(network, device, dtype, executor=executor)
        kept = _kept.get(device)
        if kept is None:
            kept = _kept[device] = Kept(device)
            register(kept)
    kept.keep(key, engine)
    return engine


def _stamp(path: Path | None) -> tuple[tuple[int, int], ...]:
    """Times and sizes of a user's file, or of those in ncnn's folder, which change when they are written again."""
    if path is None or not path.exists():
        return ()
    files = sorted(path.glob("flownet.*")) if path.is_dir() else [path]
    return tuple((status.st_mtime_ns, status.st_size) for status in (file.stat() for file in files))
