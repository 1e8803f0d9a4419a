"""One film on several workers: the packets of one machine, whatever becomes of them, and a line where it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from support import ROOT, heed_interrupts

from vsrife import film
from vsrife.cli import main
from vsrife.errors import RifeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

distributed = pytest.importorskip("distributed")

from vsrife.film import cluster, cluster_facts, cluster_worker  # noqa: E402 - distributed is there

pytestmark = pytest.mark.vpy("unique-core")

FIXED = ("--precision", "fp32", "--quiet")
SEGMENTS = ("--segment", "0.5", "--preset", "ultrafast")
"""Six of them."""


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    """No process but those that were there before."""
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    environment = dict(os.environ)
    yield
    left = [child for child in psutil.Process().children(recursive=True) if child.pid not in before]
    _, left = psutil.wait_procs([child for child in left if "resource_tracker" not in " ".join(child.cmdline())], 10)
    assert not left
    assert {**os.environ, "PYTEST_CURRENT_TEST": ""} == {**environment, "PYTEST_CURRENT_TEST": ""}


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """The address of a cluster of two workers, which is there by itself."""
    before = dict(os.environ)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=50
    ) as there:
        yield there.scheduler_address
    for name in set(os.environ) - set(before):
        del os.environ[name]


@pytest.fixture(scope="module")
def alone(steady_film: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The film of one machine."""
    made = tmp_path_factory.mktemp("alone") / "film.mkv"
    assert main(["interpolate", str(steady_film), str(made), *FIXED, *SEGMENTS]) == 0
    return made


class Listener:
    """What is told, and something that is done at the first frame."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.most = 0

    def stage(self, what: str, total: int = 0, done: int = 0) -> None:
        self.stages.append(what)

    def watch(self, done: int, total: int) -> None:
        if self.stages[-1].startswith("making"):
            self.most = max(self.most, done)

    def log(self, line: str) -> None:
        pass


def request() -> film.Request:
    return film.Request(
        arguments=film.filter_arguments([("precision", "fp32")]),
        encoder=film.EncoderOptions(preset="ultrafast"),
        segment_seconds=film.Request().segment_seconds / 20,
    )


def test_a_cluster_makes_the_packets_of_one_machine(
    steady_film: Path, alone: Path, scheduler: str, tmp_path: Path, ffmpeg: Any
) -> None:
    made = tmp_path / "film.mkv"
    reporter = Listener()
    with cluster.connect(scheduler) as client:
        done = film.interpolate(steady_film, made, request(), reporter, cluster=client)
    for stream in ("v", "a"):
        assert ffmpeg.packets(made, stream) == ffmpeg.packets(alone, stream)
    assert (done.frames, done.rendered) == (150, 150)
    assert "making frames on 2 workers" in reporter.stages
    assert [path.name for path in tmp_path.iterdir()] == [made.name]


def test_files_that_workers_cannot_put_there_come_back_as_bytes(
    steady_film: Path, scheduler: str, tmp_path: Path, ffmpeg: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = ("--encoder", "ffv1", "--segment", "0.5", "--duration", "1")
    one, many = tmp_path / "one.mkv", tmp_path / "many.mkv"
    assert main(["interpolate", str(steady_film), str(one), *FIXED, *how]) == 0
    monkeypatch.setattr(cluster_worker, "TOKEN", ".elsewhere")  # of this process: workers look for another
    stored = []
    store = cluster.store_segment
    monkeypatch.setattr(cluster, "store_segment", lambda *given: (stored.append(given[0].name), store(*given))[1])
    assert main(["interpolate", str(steady_film), str(many), *FIXED, *how, "--cluster", scheduler]) == 0
    assert sorted(stored) == ["00000.mkv", "00001.mkv"]
    assert ffmpeg.packets(many, "v") == ffmpeg.packets(one, "v")


def test_a_worker_that_is_killed_is_made_up_for(steady_film: Path, alone: Path, tmp_path: Path, ffmpeg: Any) -> None:
    made = tmp_path / "film.mkv"
    killed: list[int] = []

    class Killer(Listener):
        def watch(self, done: int, total: int) -> None:
            super().watch(done, total)
            if not killed and self.most:
                dask = client.dask(distributed)
                busy = {worker for worker, keys in dask.processing().items() if keys}
                killed.append(dask.run(os.getpid, workers=[min(busy)])[min(busy)])
                os.kill(killed[0], signal.SIGKILL)

    reporter = Killer()
    with cluster.connect("local:2") as client:
        done = film.interpolate(steady_film, made, request(), reporter, cluster=client)
    assert killed
    assert done.rendered == 150
    assert ffmpeg.packets(made, "v") == ffmpeg.packets(alone, "v")


def test_interrupted_all_end_and_one_machine_goes_on(
    steady_film: Path, alone: Path, tmp_path: Path, ffmpeg: Any
) -> None:
    made = tmp_path / "film.mkv"
    folder = film.work_folder(made)
    command = [sys.executable, "-m", "vsrife", "interpolate", str(steady_film), str(made), *FIXED, *SEGMENTS]
    process = subprocess.Popen(
        [*command, "--cluster", "local:2"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    while not list(folder.glob("0*.json")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers, too
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert re.fullmatch(r"interpolate: stopped, [1-5] of 6 segments are kept; --resume goes on with them\n", said)
    _, left = psutil.wait_procs([child for child in psutil.process_iter() if _session(child.pid) == process.pid], 10)
    assert not [child for child in left if child.status() != psutil.STATUS_ZOMBIE]
    assert main(["interpolate", str(steady_film), str(made), *FIXED, *SEGMENTS, "--resume"]) == 0
    assert ffmpeg.packets(made, "v") == ffmpeg.packets(alone, "v")


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def test_another_version_is_refused(
    steady_film: Path, scheduler: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(cluster_facts, "own_version", lambda: "9.9")  # of this process
    arguments = [str(steady_film), str(tmp_path / "film.mkv"), *FIXED, "--cluster", scheduler]
    assert main(["interpolate", *arguments]) == 1
    assert re.fullmatch(
        r"interpolate: worker tcp://127\.0\.0\.1:\d+ must have vsrife 9\.9, got \S+\n", capsys.readouterr().err
    )
    assert not list(tmp_path.iterdir())


def test_what_differs_is_named() -> None:
    expected = cluster_facts.Facts("1", "5 bytes", "ab", "libx264")
    for name, message in {
        "version": "must have vsrife 1, got x",
        "film": "must have a film of 5 bytes, got x",
        "weights": "must have the model's weights ab, got x",
        "encoder": "must have the encoder libx264, got x",
    }.items():
        other = cluster_facts.Facts(**{**vars(expected), name: "x"})
        assert other.difference(expected) == message
    assert expected.difference(expected) is None


def test_weights_and_encoders_are_told_apart(steady_film: Path, tmp_path: Path) -> None:
    planned = film.plan_job(steady_film, ".mkv", request())
    facts = cluster_facts.gather_facts(planned.job)
    assert facts == cluster_facts.gather_facts(planned.job)
    assert facts.film == f"{steady_film.stat().st_size} bytes"
    weights = tmp_path / "mine.safetensors"
    found = []
    for content in (b"one", b"two"):
        weights.write_bytes(content)
        found.append(cluster_facts.hash_weights({"model_path": str(weights)}))
    assert len({facts.weights, *found}) == 3


def test_an_error_of_the_job_is_one_line(steady_film: Path, scheduler: str, tmp_path: Path) -> None:
    source, folder = tmp_path / "film.mp4", tmp_path / "work"
    source.write_bytes(steady_film.read_bytes())
    folder.mkdir()
    job = film.plan_job(source, ".mkv", request()).job
    source.unlink()
    wanted = rf"source must be a video, got {re.escape(str(source))} \([^\n]+\)$"
    with cluster.connect(scheduler) as client, pytest.raises(RifeError, match=wanted):
        client.render(job, job.segments, folder, Listener(), 0)
    assert not list(folder.iterdir())


def test_without_workers_it_ends(steady_film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                 capsys: pytest.CaptureFixture[str]) -> None:  # fmt: skip
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    arguments = [str(steady_film), str(tmp_path / "film.mkv"), *FIXED, "--cluster"]
    with distributed.LocalCluster(
        n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0", processes=False, protocol="tcp", silence_logs=50
    ) as empty:
        address = empty.scheduler_address
        assert main(["interpolate", *arguments, address]) == 1
    assert capsys.readouterr().err == (f"interpolate: cluster {address} has had no worker for 0.5 s; nothing is kept\n")


def test_an_address_where_nothing_is_is_one_line(
    steady_film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cluster, "CONNECT", 1.0)
    with socket.socket() as taken:  # and nobody listens
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        assert main(["interpolate", str(steady_film), str(tmp_path / "o.mkv"), *FIXED, "--cluster", address]) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(rf"interpolate: cluster {address} cannot be reached \([^\n]+\)\n", said)


@pytest.mark.parametrize("address", ["here", "local:0", "local:1000", "tcp://host", "http://host:80", "tcp://a\n:1"])
def test_what_is_no_address_is_one_line(
    address: str, steady_film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["interpolate", str(steady_film), str(tmp_path / "o.mkv"), *FIXED, "--cluster", address]) == 1
    said = capsys.readouterr().err
    assert re.fullmatch(r"interpolate: cluster must be tcp://HOST:PORT or local:1 to local:256, got [^\n]+\n", said)


def test_without_the_package_it_says_which(
    steady_film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert main(["interpolate", str(steady_film), str(tmp_path / "o.mkv"), *FIXED, "--cluster", "local:2"]) == 1
    assert capsys.readouterr().err == "interpolate: cluster needs distributed; pip install '.[cluster]'\n"


def test_films_need_no_cluster() -> None:
    code = "import sys, vsrife.film, vsrife.film.cluster; print('distributed' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False False\n"
