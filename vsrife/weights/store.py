"""Models by name: the manifest and the folders of their files. Importing this imports no torch."""

from __future__ import annotations

import os
import re
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from vsrife.errors import ModelError, first_line, shown

__all__ = [
    "Entry",
    "find",
    "imported",
    "imported_path",
    "manifest",
    "models_folder",
    "origin",
    "read_metadata",
    "user_folder",
]

PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
"""Allowed names of files: no separator and no leading dot, so that they stay in their folder; and short."""
SHA256 = re.compile(r"[0-9a-f]{64}")
KINDS = {str: "printable text", int: "a whole number"}


@dataclass(frozen=True)
class Entry:
    """A model in the manifest.

    Args:
        name: the name scripts use.
        architecture: the name in `CONFIGS` whose network it fits.
        license: SPDX name.
        author: the author of the weights.
        source: the URL they are published at; for those that were trained here, their card.
        bundled: its file in the models folder, where it comes with the package.
        sha256: of its file; None where it is unknown before the first download.
        size: of its file in bytes; None likewise.
    """

    name: str
    architecture: str
    license: str
    author: str
    source: str
    bundled: str | None = None
    sha256: str | None = None
    size: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            wanted = int if field.name == "size" else str
            right = type(value) is wanted if value is not None else field.default is None
            if not right or (isinstance(value, str) and not value.isprintable()):
                raise ModelError(f"the manifest's {field.name} of a model must be {KINDS[wanted]}, got {shown(value)}")
        if not PLAIN_NAME.fullmatch(self.name):
            raise ModelError(f"the manifest's names must be letters, digits, dots, - and _, got {shown(self.name)}")
        if self.sha256 is not None and not SHA256.fullmatch(self.sha256):
            raise ModelError(f"the manifest's sha256 of model {self.name} must be 64 digits, got {shown(self.sha256)}")
        if not PLAIN_NAME.fullmatch(self.file):
            raise ModelError(f"the manifest's file for model {self.name} must be a plain name, got {shown(self.file)}")

    @property
    def file(self) -> str:
        """The name of its file, bundled or fetched."""
        return self.bundled or urlsplit(self.source).path.rpartition("/")[2]

    @property
    def path(self) -> Path:
        """The path of its file, which exists once it is fetched."""
        return (models_folder() if self.bundled else user_folder()) / self.file


def models_folder() -> Path:
    """The folder of the bundled models: inside an installed package, or beside it in a source checkout."""
    package = Path(__file__).parents[1]
    return next(
        (p for p in (package / "models", package.parent / "models") if (p / "manifest.toml").is_file()), package
    )


def user_folder() -> Path:
    """The folder of fetched and imported models: `VSRIFE_MODELS`, or `vsrife` in the user's caches."""
    named = os.environ.get("VSRIFE_MODELS")
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_cache_path

    return user_cache_path("vsrife", appauthor=False)


@cache
def manifest() -> dict[str, Entry]:
    """Name → entry of every model in the manifest."""
    return read_manifest(models_folder() / "manifest.toml")


def read_manifest(path: Path) -> dict[str, Entry]:
    """Name → entry of every model in a manifest.

    Raises:
        ModelError: it is missing, no TOML, or has other fields than `Entry`.
    """
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
        entries = {}
        for name, own in content["models"].items():
            given = {"name": name, **content["defaults"], **own}
            entries[name] = Entry(**{**given, "source": given["source"].replace("{name}", name)})
        return entries
    except ModelError:
        raise
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ModelError(f"the manifest cannot be read, install the package again: {first_line(error)}") from error


def imported_path(name: str) -> Path:
    """The path of a model that is imported as `name`.

    Raises:
        ModelError: the name is not allowed.
    """
    if not PLAIN_NAME.fullmatch(name):
        raise ModelError(f"a model's name must be letters, digits, dots, - and _, at most 200, got {shown(name)}")
    return user_folder() / f"{name}.safetensors"


def imported() -> dict[str, Path]:
    """Name → file of the user's imported models."""
    files = sorted(user_folder().glob("*.safetensors"))
    return {path.stem: path for path in files if PLAIN_NAME.fullmatch(path.stem)}


def find(name: str) -> Path | None:
    """The file of a model: bundled, imported or fetched; None where it is absent."""
    entry = manifest().get(name)
    paths = [entry.path] if entry and entry.bundled else []
    if PLAIN_NAME.fullmatch(name):
        paths.append(imported_path(name))
    if entry:
        paths.append(entry.path)
    return next((path for path in paths if path.is_file()), None)


def origin(name: str) -> str:
    """The origin of a model: `bundled` with the package, `fetched` or `imported`; empty where it is absent."""
    entry, path = manifest().get(name), find(name)
    if path is None:
        return ""
    if entry is None or path != entry.path:
        return "imported"
    return "bundled" if entry.bundled else "fetched"


def read_metadata(path: Path) -> dict[str, str]:
    """The text metadata of a .safetensors file; empty for every other kind and for files that cannot be read.

    Entries that are not printable are left out, because terminals show them.
    """
    if path.suffix.lower() != ".safetensors":
        return {}
    from safetensors import SafetensorError, safe_open

    try:
        if not path.is_file():
            return {}
        with safe_open(path, framework="numpy") as file:
            content = dict(file.metadata() or {})
    except (SafetensorError, OSError, ValueError):
        return {}
    return {key: value for key, value in content.items() if key.isprintable() and value.isprintable()}
