"""A server on this machine in the place of the releases, and a folder of models to fetch into."""

from __future__ import annotations

import io
import threading
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import torch

from vsrife.networks import CONFIGS, make
from vsrife.weights import download, loading, manifest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from vsrife.weights import Entry

MODEL = "4.15.lite"


@dataclass
class Release:
    """What the server answers.

    Args:
        body: of every answer.
        entry: the model, with the server's address.
        sent: bytes to send before the connection is closed, all where None.
        status: of every answer.
        location: where an answer redirects to.
        stall: whether to wait after the bytes are sent, until `go`.
    """

    body: bytes
    entry: Entry
    sent: int | None = None
    status: int = 200
    location: str | None = None
    stall: bool = False
    requests: int = 0
    go: threading.Event = field(default_factory=threading.Event)
    reached: threading.Event = field(default_factory=threading.Event)


@pytest.fixture(scope="session")
def published() -> bytes:
    torch.manual_seed(1)
    content = io.BytesIO()
    torch.save({f"module.{name}": value.half() for name, value in make(CONFIGS[MODEL]).state_dict().items()}, content)
    return content.getvalue()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VSRIFE_MODELS", str(tmp_path / "models"))
    monkeypatch.delenv("VSRIFE_OFFLINE", raising=False)
    return tmp_path / "models"


@pytest.fixture
def release(published: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Release]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.requests += 1
            self.send_response(served.status)
            self.send_header("Content-Length", str(len(served.body)))
            if served.location:
                self.send_header("Location", served.location)
            self.end_headers()
            self.wfile.write(served.body[: served.sent])
            served.reached.set()
            if served.stall:
                served.go.wait(60)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_port}/flownet_v{MODEL}.pkl"
    served = Release(published, replace(manifest()[MODEL], source=address))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(download, "SCHEMES", ("https", "http"))
    monkeypatch.setattr(loading, "manifest", lambda: {MODEL: served.entry})
    yield served
    served.go.set()
    server.shutdown()
    server.server_close()
    thread.join()
