"""Fetching a model while the disk, the folder or the server does what it should not."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import torch

from vsrife.errors import ModelError
from vsrife.networks import CONFIGS, make
from vsrife.weights import download, fetch, manifest
from vsrife.weights.store import PLAIN_NAME, read_manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsrife.weights import Entry

MODEL = "4.15.lite"
FILE = f"flownet_v{MODEL}.pkl"
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /dev/full and limits")


@dataclass
class Server:
    """What it answers: a body and, path by path, where to look instead."""

    body: bytes
    address: str = ""
    location: str | None = None

    @property
    def entry(self) -> Entry:
        return replace(manifest()[MODEL], source=f"{self.address}/{FILE}")


@pytest.fixture(scope="module")
def body() -> bytes:
    torch.manual_seed(1)
    content = io.BytesIO()
    torch.save({name: value.half() for name, value in make(CONFIGS[MODEL]).state_dict().items()}, content)
    return content.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSRIFE_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.delenv("VSRIFE_OFFLINE", raising=False)
    return tmp_path / "models"


@pytest.fixture
def server(body: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            away = served.location if "moved" not in self.path else None
            self.send_response(302 if away else 200)
            if away:
                self.send_header("Location", away)
            self.send_header("Content-Length", str(len(served.body)))
            self.end_headers()
            with suppress(ConnectionError):  # whoever refuses hangs up
                self.wfile.write(served.body)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served = Server(body, f"http://127.0.0.1:{listening.server_port}")
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setattr(download, "SCHEMES", ("https", "http"))
    yield served
    listening.shutdown()
    listening.server_close()
    thread.join()


def refused(entry: Entry) -> str:
    with pytest.raises(ModelError) as caught:
        fetch(entry)
    line = str(caught.value)
    assert line.startswith(f"model {MODEL} ")
    assert line.isprintable()
    return line


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.suffix != ".lock"}


@LINUX
def test_a_full_disk(server: Server, folder: Path) -> None:
    folder.mkdir()
    (folder / f".part-{FILE}").symlink_to("/dev/full")  # every write there says: no space left on device
    assert "No space left on device" in refused(server.entry)
    assert left(folder) == set()
    assert fetch(server.entry).read_bytes() == server.body


IN_A_PROCESS = """
import resource, sys
from pathlib import Path
from dataclasses import replace
from vsrife.cli.command import main
from vsrife.errors import RifeError
from vsrife.weights import download, manifest
from vsrife.weights.convert import import_weights
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
download.SCHEMES = ("http",)
try:
    if sys.argv[1] == "fetch":
        download.fetch(replace(manifest()["4.15.lite"], source=sys.argv[2]))
    else:
        import_weights(Path(sys.argv[2]), "mine", None)
except RifeError as error:
    print(error)
"""


@LINUX
@pytest.mark.parametrize("action", ["fetch", "import"])
def test_files_may_not_grow(action: str, server: Server, folder: Path, tmp_path: Path) -> None:
    """A limit that the system holds the process to, in the middle of a file."""
    source = tmp_path / "own.pkl"
    source.write_bytes(server.body)
    given = server.entry.source if action == "fetch" else str(source)
    command = [sys.executable, "-c", IN_A_PROCESS, action, given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert not done.stdout.startswith(("RIFE: ", "\n"))
    assert "cannot be written" in done.stdout
    assert left(folder) == set()


def test_folders_that_cannot_be_written(server: Server, folder: Path, tmp_path: Path) -> None:
    folder.touch()  # a file in the place of the folder, which stops root too
    assert "cannot be written" in refused(server.entry)
    folder.unlink()
    folder.symlink_to(tmp_path / "loop")
    (tmp_path / "loop").symlink_to(folder)
    assert "cannot be written" in refused(server.entry)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root writes everywhere")
def test_a_folder_without_permission(server: Server, folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o500)
    assert "cannot be written" in refused(server.entry)
    folder.chmod(0o700)
    assert left(folder) == set()


def test_a_folder_in_the_place_of_the_file(server: Server, folder: Path) -> None:
    (folder / FILE).mkdir(parents=True)
    assert "cannot be written" in refused(server.entry)
    assert left(folder) == {FILE}


def test_a_wrong_hash_leaves_nothing(server: Server, folder: Path) -> None:
    wrong = replace(server.entry, sha256="0" * 64)
    assert f"has sha256 {hashlib.sha256(server.body).hexdigest()}, expected {'0' * 64}" in refused(wrong)
    assert left(folder) == set()
    fetch(server.entry)
    (folder / FILE).unlink()
    server.body = server.body[:-1] + b"\xff"
    assert "is refused" in refused(server.entry)
    assert left(folder) == {f"{FILE}.sha256"}


@pytest.mark.parametrize("to", ["http://127.0.0.1:1/moved.pkl", "file:///etc/passwd", "ftp://127.0.0.1/moved", "//"])
def test_no_redirect_away_from_https(to: str, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first answer stands for an https one; where it leads to must be https too."""
    asked: list[str] = []
    real = download._refuse_scheme

    def only_first(url: str, entry: Entry) -> None:
        asked.append(url)
        monkeypatch.setattr(download, "SCHEMES", ("https", "http") if len(asked) == 1 else ("https",))
        real(url, entry)

    monkeypatch.setattr(download, "_refuse_scheme", only_first)
    server.location = to
    assert "is fetched by https alone, got " in refused(server.entry)
    assert len(asked) == 2
    assert left(folder) == set()


def test_redirects_end(server: Server, folder: Path) -> None:
    server.location = f"{server.address}/again"
    assert "could not be fetched" in refused(server.entry)
    assert left(folder) == set()


@pytest.mark.parametrize(
    "file",
    ["../up.pkl", "..", "/etc/passwd", "a\\\\b.pkl", "C:\\\\x.pkl", ".hidden", "a%2f..%2fb", "x" * 300, "a\\u0000b"],
)
@pytest.mark.parametrize("where", ["bundled", "source", "name"])
def test_no_manifest_leads_out_of_the_folder(where: str, file: str, folder: Path, tmp_path: Path) -> None:
    name, own = (
        (file, "") if where == "name" else ("4.6", f'{where} = "{"https://example.org/" * (where == "source")}{file}"')
    )
    path = tmp_path / "manifest.toml"
    path.write_text(
        '[defaults]\nauthor = "a"\nlicense = "MIT"\narchitecture = "4.6"\nsource = "https://example.org/{name}.pkl"\n'
        f'[models]\n[models."{name}"]\n{own}\n',
        encoding="utf-8",
    )
    if where != "source" or not PLAIN_NAME.fullmatch(file.rpartition("/")[2]):
        with pytest.raises(ModelError) as caught:
            read_manifest(path)
        assert str(caught.value).isprintable()
        return
    (entry,) = read_manifest(path).values()  # the last part of the source is taken
    assert entry.path.parent == folder
    assert "/" not in entry.file
    assert "\\" not in entry.file
