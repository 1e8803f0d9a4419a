"""Published models from the network into the user's folder: whole, checked, and one process at a time."""

from __future__ import annotations

import hashlib
import os
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from vsrife.errors import ModelError
from vsrife.weights.detection import check
from vsrife.weights.files import read_weights, replacing
from vsrife.weights.wording import said

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vsrife.weights.store import Entry

__all__ = ["check_hash", "fetch", "sha256"]

SCHEMES = ("https",)
TIMEOUT = 30
"""Seconds without an answer after which a download is given up."""


def fetch(entry: Entry, log: Callable[[str], None] | None = None) -> Path:
    """The file of a published model, downloaded unless it is here.

    It lies at its path only once it is whole, has the known hash, if there is one, and loads strictly into its network.
    The hash of a first download is kept beside it and asked of every later one.

    Args:
        entry: of a model that is not bundled.
        log: is told, in a line each, what is downloaded.

    Raises:
        ModelError: it cannot be had, is not what it should be, or `VSRIFE_OFFLINE` is set.
    """
    from filelock import FileLock

    target = entry.path
    if os.environ.get("VSRIFE_OFFLINE", "0") not in ("", "0") and not target.is_file():
        raise ModelError(
            f"model {entry.name} is not here and VSRIFE_OFFLINE forbids fetching it; put {entry.source} at {target}"
        )
    say = log or (lambda line: None)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            if target.is_file():
                return target
            partial = target.with_name(f".part-{target.name}")
            try:
                say(f"fetching model {entry.name} from {entry.source}")
                _download(entry, partial)
                _keep(entry, partial)
                say(f"model {entry.name} is at {target}")
            finally:
                partial.unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            f"model {entry.name} could not be fetched, {target.parent} cannot be written "
            f"({error.strerror or error}); VSRIFE_MODELS names another folder"
        ) from error
    return target


def check_hash(entry: Entry) -> None:
    """Hold a model's file against the manifest, or against what was recorded when it was downloaded.

    Raises:
        ModelError: the file has changed.
    """
    expected = entry.sha256 or _recorded(entry)
    if expected is None or sha256(entry.path) == expected:
        return
    remedy = "install the package again"
    if not entry.bundled:
        remedy = "delete it to fetch it again"
        if not entry.sha256:
            remedy += f", or delete {_record(entry).name} beside it to use it as it is"
    raise ModelError(f"model {entry.name} is damaged: {entry.path} has not the hash it had; {remedy}")


def sha256(path: Path) -> str:
    """The hash of a file."""
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
            f"model {entry.name} could not be fetched ({_reason(error)}); put {entry.source} at {entry.path}"
        ) from error


def _keep(entry: Entry, partial: Path) -> None:
    """Give a complete download its name, if it is what it should be."""
    found = sha256(partial)
    recorded = _recorded(entry)
    expected = entry.sha256 or recorded
    if expected and found != expected:
        note = f"; if it was replaced on purpose, delete {_record(entry)}" if expected == recorded else ""
        raise ModelError(f"model {entry.name} is refused: {entry.source} has sha256 {found}, expected {expected}{note}")
    try:
        check(read_weights(partial), entry.architecture)
    except ModelError as error:
        reason = error.message.replace(partial.name, "the file")
        raise ModelError(f"model {entry.name} is refused, {entry.source} is not its weights: {reason}") from error
    if not entry.sha256:
        with replacing(_record(entry)) as record:
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
    """The hash of the first download; None where there was none."""
    try:
        return _record(entry).read_text(encoding="ascii", errors="replace").split(maxsplit=1)[0]
    except (FileNotFoundError, IndexError):
        return None


def _refuse_scheme(url: str, entry: Entry) -> None:
    if urlsplit(url).scheme not in SCHEMES:
        raise ModelError(f"model {entry.name} is fetched by https alone, got {said(url)}")


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"the server answers {error.response.status_code}"
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    return said(error)
