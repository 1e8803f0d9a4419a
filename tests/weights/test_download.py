"""Fetching: whole, checked, once, and nothing left behind otherwise."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from vsrife.errors import ModelError
from vsrife.networks import CATALOG
from vsrife.weights import fetch, load_network

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Release

MODEL = "4.15.lite"
FILE = f"flownet_v{MODEL}.pkl"
IN_A_PROCESS = """
import sys
from dataclasses import replace
from vsrife.weights import download, manifest
download.SCHEMES = ("http",)
download.fetch(replace(manifest()["4.15.lite"], source=sys.argv[1]), print)
"""


def files(folder: Path) -> set[str]:
    """What lies in a folder, beside the locks."""
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


def process(release: Release) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", IN_A_PROCESS, release.entry.source], stdout=subprocess.PIPE, text=True
    )


def refused(release: Release, match: str) -> None:
    with pytest.raises(ModelError, match=match) as caught:
        fetch(release.entry)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"model {MODEL} ")


def test_fetched_once_and_recorded(release: Release, folder: Path, published: bytes) -> None:
    lines: list[str] = []
    path = fetch(release.entry, lines.append)
    assert path == folder / FILE
    assert path.read_bytes() == published
    digest = hashlib.sha256(published).hexdigest()
    assert (folder / f"{FILE}.sha256").read_text() == f"{digest}  {FILE}\n"
    assert lines == [
        f"fetching model {MODEL} from {release.entry.source}",
        f"model {MODEL} is at {path}",
    ]
    assert fetch(release.entry) == path
    assert release.requests == 1
    assert files(folder) == {FILE, f"{FILE}.sha256"}


def test_first_use_fetches(release: Release) -> None:
    assert load_network(MODEL, None).config == CATALOG[MODEL]
    assert load_network("4.15-lite", None).config == CATALOG[MODEL]
    assert release.requests == 1


def test_what_was_recorded_is_enforced(release: Release, folder: Path) -> None:
    path = fetch(release.entry)
    changed = bytearray(path.read_bytes())
    changed[-1000] ^= 1
    path.write_bytes(changed)
    with pytest.raises(ModelError, match=f"^model {MODEL} is damaged: .*; delete it to fetch it again, or delete"):
        load_network(MODEL, None)
    path.unlink()
    release.body = bytes(changed)
    refused(
        release, f"is refused: .* has sha256 .*, expected .*; if it was replaced on purpose, delete .*{FILE}.sha256$"
    )
    assert files(folder) == {f"{FILE}.sha256"}
    (folder / f"{FILE}.sha256").unlink()
    fetch(release.entry)


def test_a_known_hash_is_enforced(release: Release, folder: Path, published: bytes) -> None:
    release.entry = replace(release.entry, sha256="0" * 64)
    refused(release, "is refused: .* has sha256 .*, expected 0{64}$")
    assert files(folder) == set()
    release.entry = replace(release.entry, sha256=hashlib.sha256(published).hexdigest())
    assert files(fetch(release.entry).parent) == {FILE}


@pytest.mark.parametrize("damage", ["cut", "flipped", "page", "empty"])
def test_a_damaged_file_is_refused(release: Release, folder: Path, damage: str) -> None:
    release.body = {
        "cut": release.body[: len(release.body) // 2],
        "flipped": bytes(255 - byte for byte in release.body[:4096]) + release.body[4096:],
        "page": b"<html>not found</html>",
        "empty": b"",
    }[damage]
    refused(release, "is refused, http.* is not its weights: ")
    assert files(folder) == set()


def test_another_network_is_refused(release: Release, folder: Path) -> None:
    release.entry = replace(release.entry, architecture="4.26")
    refused(release, "is not its weights: the weights in the file are not those of a 4.26 network: ")
    assert files(folder) == set()


def test_a_broken_connection(release: Release, folder: Path) -> None:
    release.sent = 1000
    refused(release, f"could not be fetched \\(the connection broke\\); put http.* at {folder / FILE}$")
    assert files(folder) == set()
    release.sent = None
    fetch(release.entry)


def test_a_missing_release(release: Release) -> None:
    release.status = 404
    refused(release, r"could not be fetched \(the server answers 404\); put ")


def test_offline(release: Release, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put = f"put {release.entry.source} at {folder / FILE}$"
    with pytest.raises(
        ModelError, match=f'is not installed and may not be downloaded; run "vsrife models fetch .*", or {put}'
    ):
        load_network(MODEL, None, fetch=False)
    monkeypatch.setenv("VSRIFE_OFFLINE", "1")
    with pytest.raises(ModelError, match=f"is not installed and VSRIFE_OFFLINE forbids downloading it; {put}"):
        load_network(MODEL, None)
    assert release.requests == 0
    assert not folder.exists()
    monkeypatch.delenv("VSRIFE_OFFLINE")
    release.entry = replace(release.entry, source=f"http://127.0.0.1:9/{FILE}")
    refused(release, f"could not be fetched \\(no connection\\); put http://127.0.0.1:9/{FILE} at {folder / FILE}$")


def test_a_file_put_there_by_hand(release: Release, folder: Path, published: bytes) -> None:
    folder.mkdir()
    (folder / FILE).write_bytes(published)
    assert load_network(MODEL, None, fetch=False).config == CATALOG[MODEL]
    assert files(folder) == {FILE}
    (folder / FILE).write_bytes(published[:100000])
    with pytest.raises(ModelError, match=f"^{FILE} cannot be read as weights"):
        load_network(MODEL, None, fetch=False)


def test_only_https(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    release.status, release.location = 302, "ftp://127.0.0.1/model.pkl"
    refused(release, "is fetched by https alone, got ftp://127.0.0.1/model.pkl$")
    assert release.requests == 1
    monkeypatch.undo()
    refused(release, "is fetched by https alone, got http://")
    assert release.requests == 1


def test_a_folder_that_cannot_be_written(release: Release, folder: Path) -> None:
    folder.touch()
    refused(release, "cannot be written .*; VSRIFE_MODELS names another folder$")


def test_killed_in_the_middle(release: Release, folder: Path, published: bytes) -> None:
    release.stall, release.sent = True, len(published) // 2
    child = process(release)
    assert release.reached.wait(60)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size for path in folder.glob(".part-*")) and time.monotonic() < deadline:
        time.sleep(0.02)
    child.kill()
    child.wait()
    assert not (folder / FILE).exists()
    release.stall, release.sent = False, None
    release.go.set()
    assert fetch(release.entry).read_bytes() == published
    assert files(folder) == {FILE, f"{FILE}.sha256"}


def test_two_processes_at_once(release: Release, folder: Path, published: bytes) -> None:
    children = [process(release), process(release)]
    says = [child.communicate(timeout=120)[0] for child in children]
    assert [child.returncode for child in children] == [0, 0]
    assert release.requests == 1
    assert sorted(len(say.splitlines()) for say in says) == [0, 2]
    assert (folder / FILE).read_bytes() == published
    assert files(folder) == {FILE, f"{FILE}.sha256"}
