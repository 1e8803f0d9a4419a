"""A network on a device, shared by every filter that asks for the same."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vsrife.engine.fast_form import FastForm
from vsrife.engine.packed_form import PackedForm
from vsrife.engine.picture import aligned, chroma_grid, rgb_matrix, rgb_view
from vsrife.engine.pool import Pool
from vsrife.engine.slot import check_not_forked, device_slot
from vsrife.motion import BlockMap, Motion
from vsrife.motion.compiled import by_triton, compiled, reference_only, why_reference
from vsrife.networks import LegacyNetwork, RefinedIFNet
from vsrife.weights import load_network

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsrife.engine.picture import Colour, PictureFormat
    from vsrife.engine.slot import Slot
    from vsrife.networks import AnyConfig, IFNet

__all__ = ["Engine", "shared_engine"]


class Engine:
    """A network on one device, ready to estimate motion.

    A 4.x network runs in its fast form, without a full-size intermediate. The networks before it run as published, in
    fp32, and keep what they add to the picture apart from the motion.

    Args:
        network: with its weights.
        device: where it runs.
        dtype: of its convolutions.
        compiled: whether the compiled kernels are used where they are here and know the device and the dtype.
        slot: whose threads run it; None for the device's.

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
        slot: Slot | None = None,
    ) -> None:
        self.device = device
        self.dtype = dtype
        self.slot = slot or device_slot(device)
        self._network = network
        self._reference: Engine | None = None
        self._lock = threading.Lock()
        self._pool = Pool()
        self._fast: FastForm | None = None
        self._plain: LegacyNetwork | RefinedIFNet | None = None
        self.config: AnyConfig = network.config
        if isinstance(network, (LegacyNetwork, RefinedIFNet)):
            self._plain = network.to(device)
            self.dtype = torch.float32
        else:
            packed = compiled and _kernels_know(device, dtype)
            self._fast = (PackedForm if packed else FastForm)(network, device, dtype)

    def view(self, planes: tuple[Tensor, ...], form: PictureFormat, colour: Colour, align: int) -> Tensor:
        """What a network looks at, see `rgb_view`, aligned: 1×H×W×3, fp32."""
        kernels = compiled(self.device)
        if kernels is None or any(plane.dtype not in kernels.PLANE_TYPES for plane in planes):
            return aligned(rgb_view(planes, form, colour), align).permute(0, 2, 3, 1)
        chroma = chroma_grid(form, colour.chroma_location) if form.subsampled else None
        matrix = rgb_matrix(form, colour)
        if by_triton(self.device):
            return kernels.seen(planes, matrix, chroma, align).permute(0, 2, 3, 1)
        out = self._pool.empty(1, form.height + -form.height % align, form.width + -form.width % align, 3)
        kernels.seen(planes, matrix, chroma, align, out)
        return out

    @property
    def any_time(self) -> bool:
        """Whether the network finds motion at every time; the others know the middle alone."""
        return self.config.any_time

    @property
    def slower(self) -> str:
        """Why compiled kernels are not used, in one line; empty where they are."""
        known = not self._fast or isinstance(self._fast, PackedForm)
        return why_reference(self.device) or ("" if known else "the kernels in C compute in fp32 and bf16")

    @property
    def has_ensemble(self) -> bool:
        """Whether the network was published with an ensemble inside."""
        return bool(getattr(self.config, "ensemble", False))

    @property
    def has_bands(self) -> bool:
        """Whether it can work on a band of rows at a time."""
        return self._fast is not None

    def without_kernels(self) -> Engine:
        """The same by PyTorch alone, made when it is first asked for."""
        with self._lock:
            if self._reference is None:
                with reference_only():
                    self._reference = Engine(self._network, self.device, self.dtype, compiled=False, slot=self.slot)
            return self._reference

    def release(self) -> None:
        """Give up memory that is kept for later."""
        self._pool.clear()
        if isinstance(self._fast, PackedForm):
            self._fast.release()

    def look(self, picture: Tensor, band: int = 0) -> Tensor:
        """What the network sees of an aligned N×3×H×W RGB picture: itself and its head features, fp32.

        Args:
            picture: that.
            band: rows that are made at a time, see `vsrife.engine.bands`; 0 for the whole picture.
        """
        return self._fast.look(picture, band) if self._fast else picture

    def motion(
        self,
        look0: Tensor,
        look1: Tensor,
        timestep: float | Tensor,
        scale: float,
        *,
        ensemble: bool = False,
        band: int = 0,
    ) -> tuple[Motion, Tensor | None]:
        """Motion between two looked-at pictures, and what a refining network adds to the picture (RGB, aligned size).

        Args:
            look0: `look` of the picture at time 0.
            look1: the same at time 1.
            timestep: 0..1, or a 1×1×H×W map of times for a network that knows every time.
            scale: flow scale.
            ensemble: the ensemble published inside the network, for those that have one.
            band: rows of a block's input that are made and read at a time, where the network allows that; 0 for all.
        """
        if self._fast:
            return self._fast.motion(look0, look1, timestep, scale, ensemble=ensemble, band=band), None
        assert self._plain
        estimate = self._plain.estimate(look0, look1, timestep, scale)
        whole = BlockMap(torch.cat((estimate.flow, estimate.mask), 1).float().contiguous(), 1)
        return Motion((whole,)), estimate.residual

    def both_ways(
        self, look0: Tensor, look1: Tensor, timestep: float | Tensor, scale: float, *, band: int = 0
    ) -> tuple[tuple[Motion, Tensor | None], tuple[Motion, Tensor | None]]:
        """`motion` of a pair as it is and with its ends exchanged and the time reversed, the latter as it sees it.

        A 4.x network takes the two as one batch, which costs less than one after the other; but not one that looks at
        the motion it found before it goes on, and not where memory is short.
        """
        if not self._fast or self._fast.config.doubles or band:
            there = self.motion(look0, look1, timestep, scale, band=band)
            return there, self.motion(look1, look0, 1 - timestep, scale, band=band)
        if not isinstance(timestep, Tensor):
            timestep = look0.new_full((1, 1, 1, 1), timestep)
        times = torch.cat((timestep, 1 - timestep))
        motion = self._fast.motion(torch.cat((look0, look1)), torch.cat((look1, look0)), times, scale)
        return (motion.part(0), None), (motion.part(1), None)


def _kernels_know(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a device's compiled kernels are here and know a precision."""
    return compiled(device) is not None and (device.type != "cpu" or dtype in (torch.float32, torch.bfloat16))


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
    """The engine for a model, device and precision: made by the first who asks, kept while someone holds it.

    `fetch` and `log` are those of `vsrife.weights.load_network`, `part` and `parts` those of `device_slot`.

    Raises:
        ModelError: see there.
        RifeError: see `Engine`.
    """
    check_not_forked()  # before the lock, which in a child may be held for ever
    key = _Key(model, path, _stamp(path), device, dtype, part, parts)
    with _lock:
        engine = _engines.get(key)
        if engine is None:
            network = load_network(model, path, fetch=fetch, log=log)
            engine = _engines[key] = Engine(network, device, dtype, slot=device_slot(device, part, parts))
        return engine


def _stamp(path: Path | None) -> tuple[tuple[int, int], ...]:
    """What changes when a user's file, or one in ncnn's folder, is written again."""
    if path is None or not path.exists():
        return ()
    files = sorted(path.glob("flownet.*")) if path.is_dir() else [path]
    return tuple((status.st_mtime_ns, status.st_size) for status in (file.stat() for file in files))
