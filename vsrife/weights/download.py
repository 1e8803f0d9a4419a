"""Downloads of published models into the user's folder: complete, checked, and one process at a time."""

from __future__ import annotations

import hashlib
import os
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from vsrife.errors import ModelError, first_line, shown
from vsrife.files import atomic_write, reason
from vsrife.weights.detection import check
from vsrife.weights.files import read_weights

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsrife.weights.store import Entry

__all__ = ["check_hash", "fetch", "sha256"]

SCHEMES = ("https",)
TIMEOUT = 30
"""Seconds without an answer after which a download is given up."""


def fetch(entry: Entry, log: Callable[[str], None] | None = None) -> Path:
    """Download a published model unless its file is present; returns the file.

    The file appears at its path only once it is complete, has the known hash, if there is one, and loads strictly into
    its network. The hash of a first download is recorded beside it, and every later one must have it.

    Args:
        entry: of a model that is not bundled.
        log: receives a line when a download begins and when it ends.

    Raises:
        ModelError: the download failed, is not the model, or `VSRIFE_OFFLINE` is set.
    """
    from filelock import FileLock

    target = entry.path
    if os.environ.get("VSRIFE_OFFLINE", "0") not in ("", "0") and not target.is_file():
        raise ModelError(
            f"model {entry.name} is not installed and VSRIFE_OFFLINE forbids downloading it; "
            f"put {entry.source} at {target}"
        )
    log = log or (lambda line: None)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if target.is_file():
                return target
            partial = target.with_name(f".part-{target.name}")
            try:
                log(f"fetching model {entry.name} from {entry.source}")
                _download(entry, partial)
                _install(entry, partial)
                log(f"model {entry.name} is at {target}")
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            f"model {entry.name} could not be fetched, {target.parent} cannot be written "
            f"({reason(error)}); VSRIFE_MODELS names another folder"
        ) from error
    return target


def check_hash(entry: Entry) -> None:
    """Compare a model's file with the hash in the manifest, or with the one recorded when it was downloaded.

    Raises:
        ModelError: the hashes differ.
    """
    expected = entry.sha256 or _recorded(entry)
    if expected is None or sha256(entry.path) == expected:
        return
    remedy = "install the package again"
    if not entry.bundled:
        remedy = "delete it to fetch it again"
        if not entry.sha256:
            remedy += f", or delete {_record(entry).name} beside it to use it as it is"
    raise ModelError(f"model {entry.name} is damaged: {entry.path} no longer has its recorded hash; {remedy}")


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _download(entry: Entry, partial: Path) -> None:
    import requests
    from pooch import HTTPDownloader  # type: ignore[import-untyped]

    _refuse_scheme(entry.source, entry)

    def follow(response: requests.Response, *_: Any, **__: Any) -> None:
        if response.is_redirect:
            _refuse_scheme(urljoin(response.url, response.headers["location"]), entry)

    terminal = sys.stderr is not None and sys.stderr.isatty()
    downloader = HTTPDownloader(progressbar=terminal, chunk_size=1 << 16, timeout=TIMEOUT, hooks={"response": follow})
    try:
        downloader(entry.source, str(partial), None)
    except requests.RequestException as error:
        raise ModelError(
            f"model {entry.name} could not be fetched ({_cause(error)}); put {entry.source} at {entry.path}"
        ) from error


def _install(entry: Entry, partial: Path) -> None:
    """Check a complete download and move it to its path.

    Raises:
        ModelError: it has another hash, or is not the model's weights.
    """
    found = sha256(partial)
    recorded = _recorded(entry)
    expected = entry.sha256 or recorded
    if expected and found != expected:
        note = f"; if it was replaced on purpose, delete {_record(entry)}" if expected == recorded else ""
        raise ModelError(f"model {entry.name} is refused: {entry.source} has sha256 {found}, expected {expected}{note}")
    try:
        check(read_weights(partial, "the file"), entry.architecture)
    except ModelError as error:
        raise ModelError(
            f"model {entry.name} is refused, {entry.source} is not its weights: {error.message}"
        ) from error
    if not entry.sha256:
        with atomic_write(_record(entry)) as record:
            record.write_text(f"{found}  {entry.file}\n", encoding="ascii")
    try:
        partial.replace(entry.path)
    except OSError:
        if recorded is None:
            _record(entry).unlink(missing_ok=True)
        raise


def _record(entry: Entry) -> Path:
    return entry.path.with_name(f"{entry.file}.sha256")


def _recorded(entry: Entry) -> str | None:
    """The recorded hash of the first download; None without one."""
    try:
        return _record(entry).read_text(encoding="ascii", errors="replace").split(maxsplit=1)[0]
    except (FileNotFoundError, IndexError):
        return None


def _refuse_scheme(url: str, entry: Entry) -> None:
    if urlsplit(url).scheme not in SCHEMES:
        raise ModelError(f"model {entry.name} is fetched by https alone, got {shown(url, 200)}")


def _cause(error: Exception) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    return first_line(error)
