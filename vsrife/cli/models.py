"""`vsrife models`: list, download, import, describe and export models."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vsrife.errors import ArgumentError, ModelError, shown
from vsrife.networks.catalog import CONFIGS
from vsrife.weights import Entry, find, imported, manifest, read_metadata, resolve, user_folder

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

__all__ = ["add_to"]

HEADINGS = ("model", "architecture", "licence", "size", "")
SIZE = HEADINGS.index("size")
UNKNOWN = "–"


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its actions."""
    parser = commands.add_parser("models", help="list, fetch, import, look at and export models")
    parser.set_defaults(run=list_models)
    actions = parser.add_subparsers(metavar="ACTION", help="without one, the models are listed")

    fetch = actions.add_parser("fetch", help="download published models")
    which = fetch.add_mutually_exclusive_group(required=True)
    which.add_argument("names", nargs="*", default=[], metavar="NAME", help="as in the list")
    which.add_argument("--all", action="store_true", help="every model of the list")
    fetch.set_defaults(run=fetch_models)

    bring = actions.add_parser("import", help="keep a weights file of your own as a model")
    _add_file(bring)
    bring.add_argument("--name", help="what to call it; the file's own name if not given")
    bring.add_argument("--model", help="the version it is of, where its shapes do not tell")
    bring.set_defaults(run=import_model)

    info = actions.add_parser("info", help="show which network a weights file is of")
    _add_file(info)
    info.set_defaults(run=describe)

    export = actions.add_parser("export", help="write a model for another engine")
    export.add_argument("name", metavar="NAME", help="as in the list, or a weights file")
    export.add_argument("--to", required=True, choices=("onnx", "ncnn", "torchscript"), help="the form to write")
    export.add_argument("--model", help="the version a file is of, where its shapes do not tell")
    export.add_argument(
        "--output", type=_path, help="the file, or ncnn's folder; named as scripts expect it if not given"
    )
    export.add_argument("--planes", type=int, choices=(7, 11), help="of ONNX: 7 pads pictures inside, the default")
    export.add_argument("--precision", choices=("fp32", "fp16"), default="fp32", help="of ONNX: its convolutions")
    export.add_argument("--size", metavar="WxH", help="of ONNX: the only size it takes; any by default")
    export.add_argument(
        "--picture-step", choices=("published", "sharp"), default="published",
        help="of ONNX and TorchScript: picture step that turns flow and mask into the picture: published, the "
        "network's own, or sharp, the filter's default",
    )  # fmt: skip
    export.set_defaults(run=export_model)


def list_models(_: argparse.Namespace) -> None:
    """Print every model, our own, published or imported, and whether it is present."""
    rows = [HEADINGS, *_rows()]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[SIZE] = row[SIZE].rjust(widths[SIZE])
        print("  ".join(cells).rstrip())
    print(f"\nDownloaded and imported models are in {user_folder()}")


def fetch_models(options: argparse.Namespace) -> None:
    """Download models that are absent."""
    names = list(manifest()) if options.all else [resolve(name).name for name in options.names]
    entries = []
    for name in names:
        if name not in manifest():
            raise ModelError(f"model {name} cannot be downloaded; import a file of it with vsrife models import")
        entries.append(manifest()[name])

    from vsrife.weights import fetch

    for entry in entries:
        if find(entry.name) is None:
            fetch(entry, lambda line: print(line, file=sys.stderr))
        elif not options.all:
            print(f"model {entry.name} is installed: {find(entry.name)}")


def import_model(options: argparse.Namespace) -> None:
    """Check a weights file and keep its fp16 form in the user's folder."""
    from vsrife.weights.convert import import_weights

    name, architecture, target = import_weights(options.file, options.name, options.model)
    print(f'{shown(options.file.name, 200)} is a {architecture} network, kept as model="{name}": {target}')


def describe(options: argparse.Namespace) -> None:
    """Print the network, size and hash of a weights file."""
    from vsrife.networks.described import described
    from vsrife.weights.detection import names_of
    from vsrife.weights.download import sha256
    from vsrife.weights.loading import open_weights
    from vsrife.weights.ncnn import files_of

    file = _file_or_model(options.file)
    state, name, config = open_weights(file, None)
    named = "architecture" in read_metadata(file)
    own = described(config) if CONFIGS.get(name) != config else None
    parameters = sum(value.numel() for value in state.values())
    kinds = sorted({str(value.dtype).removeprefix("torch.") for value in state.values()})
    lines = [
        ("architecture", own or (f"{name}, as the file says" if named else " or ".join(names_of(state)))),
        ("parameters", f"{parameters:,} in {len(state)} tensors, {', '.join(kinds)}"),
    ]
    for path in files_of(file) or (file,):
        lines += [("file", f"{shown(path, 200)} ({path.stat().st_size:,} bytes)"), ("sha256", sha256(path))]
    for key, value in lines:
        print(f"{key + ':':<14}{value}")


def _file_or_model(given: Path) -> Path:
    """A file that exists, or that of a model by its name.

    Raises:
        RifeError: it is neither.
    """
    name = str(given)
    if given.exists() or (name not in manifest() and name not in imported()):
        return given
    path = find(name)
    if path is None:
        raise ModelError(f"model {name} is not here; run vsrife models fetch {name}")
    return path


def export_model(options: argparse.Namespace) -> None:
    """Write a model in another engine's form."""
    known = options.name in CONFIGS or options.name in imported()
    path = None if known or not _path(options.name).exists() else _path(options.name)
    if path is None and options.model is not None:
        raise ArgumentError("model", options.name, "a weights file", verb="be given for")
    model = options.model
    if path is None:
        model, ensemble = resolve(options.name)
        if ensemble:
            raise ModelError(f"ensembles are not exported; RIFE(model={model!r}, ensemble=2) runs one")
    size = _parse_size(options.size)

    from vsrife.weights import load_network
    from vsrife.weights.export import Form, export_network

    form = Form(options.to, options.planes, options.precision == "fp16", size, options.picture_step)
    if path is None and model in CONFIGS:
        form.check(CONFIGS[model], model)
    network = load_network(model, path, log=lambda line: print(line, file=sys.stderr))
    if path:
        model = path.name if path.is_dir() else path.stem
    target = export_network(network, model, form, options.output)
    print(f"{shown(options.name, 200)} is written for {options.to}: {shown(target, 200)}")


def _parse_size(text: str | None) -> tuple[int, int] | None:
    """The width and height of `1920x1080`."""
    if text is None:
        return None
    found = re.fullmatch("([0-9]{1,5})x([0-9]{1,5})", text)
    if not found:
        raise ArgumentError("size", text, "WIDTHxHEIGHT, such as 1920x1080")
    return int(found[1]), int(found[2])


def _add_file(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "file",
        type=_path,
        metavar="FILE",
        help=".safetensors, .pkl, .pth or ncnn's folder; for info also a model's name",
    )


def _path(text: str) -> Path:
    """A path, its `~` expanded where that user exists."""
    try:
        return Path(text).expanduser()
    except RuntimeError:
        return Path(text)


def _rows() -> Iterator[tuple[str, ...]]:
    for entry in manifest().values():
        path = find(entry.name)
        yield entry.name, _network(entry.architecture), entry.license, _size(entry, path), _state(entry, path)
    for name, path in imported().items():
        if name not in manifest():
            architecture = read_metadata(path).get("architecture", UNKNOWN)
            yield name, _network(architecture), UNKNOWN, _megabytes(path.stat().st_size), "imported"


def _network(architecture: str) -> str:
    """The first version with the same network, which is the network's name."""
    config = CONFIGS.get(architecture)
    return next((name for name, other in CONFIGS.items() if other == config), architecture)


def _size(entry: Entry, path: Path | None) -> str:
    size = path.stat().st_size if path else entry.size
    return _megabytes(size) if size else UNKNOWN


def _state(entry: Entry, path: Path | None) -> str:
    if path is None:
        return "downloaded on first use"
    if path != entry.path:
        return "imported"
    return "bundled" if entry.bundled else "downloaded"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
