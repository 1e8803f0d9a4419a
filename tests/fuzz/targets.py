"""What is fuzzed: every parser of text or files from outside, small valid inputs of each, and what it may do.

A parser returns, or raises a `RifeError` of one printable line. It starts no program, opens no connection and writes,
renames or removes no file. `scripts/fuzz_parsers.py` runs these for long, `test_parsers.py` for a few seconds.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import sys
import zipfile
from contextlib import contextmanager, suppress
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from safetensors.torch import save

from vsrife.errors import RifeError
from vsrife.networks import HeadConfig, IFNetConfig, make
from vsrife.networks.described import described, read_config
from vsrife.timing.timecodes import read_timecodes
from vsrife.training import checkpoint
from vsrife.weights import read_metadata, resolve
from vsrife.weights.convert import _model_name
from vsrife.weights.detection import expected_shapes
from vsrife.weights.files import read_weights
from vsrife.weights.loading import open_weights
from vsrife.weights.store import find, imported_path, read_manifest

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["TARGETS", "ForbiddenError", "Target", "attempt", "mutated", "warm", "watched"]

LONGEST_LINE = 1500
"""Characters of an error; the longest true one lists all models."""
BETWEEN = b"\n=====\n"
"""Parts an input of two files: before it the .param, after it the .bin."""
FORBIDDEN = (
    "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "subprocess.Popen", "pty.spawn",
    "socket.connect", "socket.bind", "socket.getaddrinfo", "urllib.Request", "ctypes.dlopen", "exec",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.chmod", "os.link", "os.symlink",
    "shutil.rmtree", "shutil.move", "shutil.copyfile", "tempfile.mkstemp", "tempfile.mkdtemp",
)  # fmt: skip
"""Audit events (PEP 578) that no parser may cause."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
TINY = IFNetConfig((8, 4), scales=(2, 1), head=HeadConfig(4, 4))


class Target(NamedTuple):
    """One parser.

    Args:
        name: what the table calls it.
        seeds: makes small valid inputs.
        read: parses an input; it may use the folder.
    """

    name: str
    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes, Path], object]


class ForbiddenError(Exception):
    """A parser did what none may; not an error that any of them catches."""


_watching: list[str] = []
_caught: list[str] = []


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _watching:
        return
    writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
    if event in FORBIDDEN or writes:
        _caught.append(f"{_watching[-1]}: {event} {arguments!r:.100}")


@cache
def _hook() -> None:
    sys.addaudithook(_audit)


@contextmanager
def watched(name: str) -> Iterator[None]:
    """What is read inside must not act.

    Raises:
        ForbiddenError: it did.
    """
    _hook()
    _watching.append(name)
    try:
        yield
    finally:
        _watching.pop()
    if _caught:
        events = list(_caught)
        _caught.clear()
        raise ForbiddenError(events)


def attempt(target: Target, data: bytes, folder: Path) -> str:
    """Parse an input; the error's line, empty where it was taken.

    Raises:
        AssertionError: the error is not one printable line, without the name that the boundary adds.
        Exception: whatever else the parser let through.
    """
    try:
        target.read(data, folder)
    except RifeError as error:
        line = str(error)
        assert line.isprintable(), f"not one printable line: {line!r:.300}"
        assert len(line) <= LONGEST_LINE, f"{len(line)} characters: {line:.300}"
        assert line.strip(), "an empty message"
        assert "RIFE: " not in line, f"a name that the boundary adds: {line}"
        return line
    return ""


def warm(target: Target, folder: Path) -> None:
    """Parse the valid inputs once, so that what is imported on the way is there when it is watched."""
    for data in target.seeds():
        with suppress(RifeError, ForbiddenError):
            target.read(data, folder)


def mutated(seed: bytes, others: list[bytes], places: random.Random) -> bytes:
    """An input with one to four bytes, runs or words changed, cut, doubled or taken from another."""
    data = bytearray(seed)
    for _ in range(places.randint(1, 4)):
        at = places.randrange(len(data) + 1)
        length = places.choice((1, 1, 2, 4, 8, places.randrange(64)))
        match places.randrange(8):
            case 0:
                data[at : at + 1] = bytes([places.randrange(256)])
            case 1:
                del data[at : at + length]
            case 2:
                data[at:at] = data[at : at + length] * places.choice((1, 2, 50))
            case 3:
                other = places.choice(others)
                start = places.randrange(len(other) + 1)
                data[at : at + length] = other[start : start + length]
            case 4:
                words = (
                    b"0",
                    b"-1",
                    b"9" * 25,
                    b"\0",
                    b"\n",
                    b"\r",
                    b"nan",
                    b"1e400",
                    b"\xff\xff\xff\xff",
                    b"\x80",
                    b"\xe2\x80\xa8",
                )
                data[at:at] = places.choice(words)
            case 5:
                value = places.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, places.getrandbits(32)))
                data[at : at + 4] = struct.pack("<I", value)
            case 6:
                data[at : at + 8] = struct.pack("<Q", places.choice((0, 2**63 - 1, 2**64 - 1, places.getrandbits(64))))
            case 7 if data:
                data[at % len(data)] ^= 1 << places.randrange(8)
    return bytes(data[: places.choice((None, None, None, places.randrange(len(data) + 1)))])


# --- files --------------------------------------------------------------------------------------------------------


def _file(folder: Path, name: str, data: bytes) -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def _reader(name: str, read: Callable[[Path], object]) -> Callable[[bytes, Path], object]:
    def parse(data: bytes, folder: Path) -> object:
        path = _file(folder, name, data)
        with watched(name):
            return read(path)

    return parse


@cache
def _tiny_state() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {name: value.detach() for name, value in make(TINY).half().state_dict().items()}


def _small_state() -> dict[str, torch.Tensor]:
    return {"module.block0.conv0.0.0.weight": torch.ones(3, 2), "block0.bias": torch.arange(3).half()}


def _safetensors_seeds() -> list[bytes]:
    own = {"architecture": "tiny", "config": described(TINY)}
    return [save(_tiny_state(), own), save(_tiny_state()), save(_small_state(), {"architecture": "4.26"}), save({})]


def _header_seeds() -> list[bytes]:
    found = []
    for data in _safetensors_seeds():
        (length,) = struct.unpack("<Q", data[:8])
        found.append(data[8 : 8 + length])
    return found


def _read_header(data: bytes, folder: Path) -> object:
    """A header of the right length before zeros, so that what it says is looked at."""
    body = struct.pack("<Q", len(data)) + data + bytes(_tiny_bytes())
    path = _file(folder, "header.safetensors", body)
    with watched("header"):
        read_metadata(path)
        return open_weights(path, None)


@cache
def _tiny_bytes() -> int:
    return sum(value.numel() * value.element_size() for value in _tiny_state().values())


def _saved(state: object, *, zipped: bool = True) -> bytes:
    content = io.BytesIO()
    torch.save(state, content, _use_new_zipfile_serialization=zipped)
    return content.getvalue()


def _pickle_seeds() -> list[bytes]:
    """The pickles inside torch.save's zip, and some that ask for code."""
    state = {"module.a": torch.ones(3, 2), "b": torch.ones(12).half()}  # of 24 bytes each, as `_read_pickle` has them
    found = [_inner(_saved(thing)) for thing in (state, {"a": torch.nn.Parameter(torch.ones(6))}, [state], {})]
    return [*found, pickle.dumps(_Evil("os", "system"), 2), pickle.dumps(_Evil("builtins", "eval"), 2)]


class _Evil:
    """Pickles to a call of any function by name."""

    def __init__(self, module: str, name: str) -> None:
        self.called = (module, name)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        module, name = self.called
        return getattr(__import__(module), name), ("0",)


def _inner(zipped: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        return next(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))


def _read_pickle(data: bytes, folder: Path) -> object:
    """A pickle in an archive whose checksums are right."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("archive/data.pkl", data)
        archive.writestr("archive/byteorder", b"little")
        for number in range(3):
            archive.writestr(f"archive/data/{number}", bytes(24))
        archive.writestr("archive/version", b"3\n")
    path = _file(folder, "inner.pkl", content.getvalue())
    with watched("pickle"):
        return read_weights(path)


def _torch_seeds() -> list[bytes]:
    return [_saved(_small_state()), _saved({}), _saved([torch.zeros(1)])]


def _legacy_seeds() -> list[bytes]:
    state = _small_state()
    return [
        _saved(state, zipped=False),
        _saved({"a": torch.ones(2, 2)}, zipped=False),
        pickle.dumps({"a": 1}),
        pickle.dumps({"a": [1.5, "x"]}, 0),
        pickle.dumps(_Evil("os", "system")),
    ]


def _ncnn_seeds() -> list[bytes]:
    """A block of two halving convolutions and the transposed one, with an encoder, in fp32 and fp16."""
    fp32, fp16 = struct.pack("<I", 0), struct.pack("<I", 0x01306B47)
    lines, weights = ["Input in0 0 1 in0"], b""

    def add(kind: str, name: str, out: int, inputs: int, side: int, params: str, tag: bytes) -> None:
        nonlocal weights
        count = out * inputs * side * side
        lines.append(f"{kind} {name} 1 1 a b 0={out} 1={side} 5=1 6={count} {params}")
        values = np.full(count, 0.5, "<f2" if tag is fp16 else "<f4").tobytes()
        weights += tag + values + bytes(-len(values) % 4) + bytes(4 * out)

    add("Convolution", "e0", 2, 3, 1, "3=2", fp16)
    add("Deconvolution", "e1", 2, 2, 1, "3=2", fp16)
    add("Convolution", "b0", 2, 4, 1, "3=2", fp32)
    add("Convolution", "b1", 2, 2, 1, "3=2", fp32)
    lines.append("PReLU p 1 1 a b 0=2")
    weights += bytes(8)
    add("Deconvolution", "d", 5, 2, 1, "3=2", fp32)
    plain = "\n".join(["7767517", f"{len(lines)} 9", *lines]).encode()
    lines += ["MemoryData block0.convblock.0.beta 0 1 b 0=2", "PixelShuffle s 1 1 a b 0=2"]
    shuffled = "\n".join(["7767517", f"{len(lines)} 9", *lines]).encode()
    return [plain + BETWEEN + weights, shuffled + BETWEEN + weights + bytes(8), b"7767517\n0 0\n" + BETWEEN]


def _read_ncnn(data: bytes, folder: Path) -> object:
    param, _, binary = data.partition(BETWEEN)
    path = _file(folder, "net.param", param)
    _file(folder, "net.bin", binary)
    with watched("ncnn"):
        return read_weights(path)


# --- text ---------------------------------------------------------------------------------------------------------


def _text(data: bytes) -> str:
    """Any text at all, lone surrogates too."""
    return data.decode("utf-8", "surrogateescape")


def _read_config(data: bytes, _: Path) -> object:
    """The config, and the network it describes."""
    with watched("config"):
        config = read_config(_text(data))
        return expected_shapes.__wrapped__(config)


def _config_seeds() -> list[bytes]:
    from vsrife.networks import CATALOG, LEGACY

    configs = [TINY, CATALOG["4.0"], CATALOG["4.6"], CATALOG["4.26"], *LEGACY.values()]
    return [described(config).encode() for config in configs]


def _read_name(data: bytes, _: Path) -> object:
    text = _text(data)
    with watched("name"):
        found = find(text)
        assert found is None or text in ("4.26",), f"{text!r} is {found}"
        failed = None
        for read in (resolve, _model_name, imported_path):
            try:
                read(text)
            except RifeError as error:
                failed = failed or error
        if failed:
            raise failed
        return None


def _name_seeds() -> list[bytes]:
    names = ("4.26", "v4.6", "rife-v4.26_ensembleTrue", "flownet_v4.25.heavy", "23", "4.12-lite_beta", "mine", "../x")
    return [name.encode() for name in names]


def _manifest_seeds() -> list[bytes]:
    small = (
        '[defaults]\nauthor = "a"\nlicense = "MIT"\nsource = "https://example.org/m_{name}.pkl"\n'
        '[models]\n"4.0" = { architecture = "4.0" }\n'
        '[models."4.26"]\narchitecture = "4.26"\nbundled = "4.26.safetensors"\nsize = 3\nsha256 = "' + "0" * 64 + '"\n'
    )
    return [small.encode(), b"[defaults]\n[models]\n"]


def _timecode_seeds() -> list[bytes]:
    return [
        b"# timecode format v2\n0\n40\n80.5\n120\n",
        b"# timestamp format v2\n0\n41.708333\n83.416667\n125.125\n166.8\n",
        b"# timecode format v1\nassume 23.976\n0,1,29.97\n2,9,24000/1001\n",
    ]


# --- training -----------------------------------------------------------------------------------------------------


@cache
def _run() -> tuple[dict[str, torch.nn.Module], torch.optim.Optimizer, torch.amp.GradScaler]:
    torch.manual_seed(2)
    network = torch.nn.Linear(2, 1)
    optimiser = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 2)).sum().backward()
    optimiser.step()
    return {"network": network}, optimiser, torch.amp.GradScaler("cpu")


def _checkpoint_seeds() -> list[bytes]:
    from pathlib import Path
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        checkpoint.save(path, 7, *_run())
        return [path.read_bytes()]


def _checkpoint_header_seeds() -> list[bytes]:
    (data,) = _checkpoint_seeds()
    (length,) = struct.unpack("<Q", data[:8])
    return [data[8 : 8 + length]]


def _restore(path: Path) -> int:
    return checkpoint.restore(path, *_run())


def _read_checkpoint_header(data: bytes, folder: Path) -> object:
    (length,) = struct.unpack("<Q", _checkpoint_seeds_cached()[:8])
    body = _checkpoint_seeds_cached()[8 + length :]
    path = _file(folder, "state.safetensors", struct.pack("<Q", len(data)) + data + body)
    with watched("checkpoint"):
        return _restore(path)


@cache
def _checkpoint_seeds_cached() -> bytes:
    return _checkpoint_seeds()[0]


def _arguments_seeds() -> list[bytes]:
    return [
        json.dumps(each).encode()
        for each in (
            {"multi": 2.5, "model": "4.26", "matrix": "709", "sc_mode": "hold"},
            {"fps_num": 60, "fps_den": 1, "vfr": 1, "dedup": 1, "dedup_limit": 4},
            {"positions": [0.5, 1.25], "scale": 0.5, "ensemble": 2, "device": "cpu"},
            {"timestep": 0.5, "sc_threshold": 0.2, "show": "flow", "skip_threshold": 60},
        )
    ]


WHOLE = ("factor_num", "factor_den", "fps_num", "fps_den", "vfr", "dedup", "dedup_limit", "ensemble")
REAL = ("multi", "scale", "timestep", "sc_threshold", "skip_threshold")
TEXTS = ("model", "model_path", "matrix", "sc_mode", "device", "show", "timecodes")


def _passes(name: str, value: object) -> bool:
    """Whether VapourSynth would hand this over: it checks the types."""
    if name in WHOLE:
        return type(value) is int and -(2**63) <= value < 2**63
    if name in REAL:
        return type(value) is float or (type(value) is int and abs(value) < 2**1000)
    if name == "positions":
        return isinstance(value, list) and all(type(n) is float for n in value)
    return name in TEXTS and isinstance(value, str)


def _read_arguments(data: bytes, _: Path) -> object:
    """What the native signature lets through: each argument of its own type."""
    from vsrife.plugin.arguments import Arguments

    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        raise RifeError("arguments: no JSON, nothing tried") from None
    given = {
        name: float(value) if name in REAL and type(value) is int else value
        for name, value in (content.items() if isinstance(content, dict) else ())
        if _passes(name, value)
    }
    arguments = Arguments(**given)
    return arguments.rate_of(Fraction(24)), arguments.fps, arguments.path, arguments.matrix_number


TARGETS = {
    target.name: target
    for target in (
        Target("manifest", _manifest_seeds, _reader("manifest.toml", read_manifest)),
        Target("safetensors", _safetensors_seeds, _reader("own.safetensors", lambda path: open_weights(path, None))),
        Target("safetensors header", _header_seeds, _read_header),
        Target("torch zip", _torch_seeds, _reader("zipped.pkl", read_weights)),
        Target("torch pickle", _pickle_seeds, _read_pickle),
        Target("torch legacy", _legacy_seeds, _reader("legacy.pth", read_weights)),
        Target("ncnn", _ncnn_seeds, _read_ncnn),
        Target("config", _config_seeds, _read_config),
        Target("timecodes", _timecode_seeds, _reader("times.txt", lambda path: read_timecodes(path, 4))),
        Target("names", _name_seeds, _read_name),
        Target("arguments", _arguments_seeds, _read_arguments),
        Target("checkpoint", _checkpoint_seeds, _reader("state.safetensors", _restore)),
        Target("checkpoint header", _checkpoint_header_seeds, _read_checkpoint_header),
    )
}
"""Every parser by its name."""
