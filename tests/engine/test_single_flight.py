"""Values are computed once while they are cached, whoever asks, and again after an error or a release."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from vsrife.engine.single_flight import SingleFlight


def test_threads_that_ask_together_share_one_computation() -> None:
    cache = SingleFlight[str, int](2)
    computed: list[int] = []
    started, go = threading.Event(), threading.Event()

    def compute() -> int:
        started.set()
        assert go.wait(10)
        computed.append(1)
        return 42

    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(cache.get, "key", compute) for _ in range(4)]
        assert started.wait(10)
        go.set()
        assert [each.result(10) for each in waiting] == [42] * 4
    assert len(computed) == 1


def test_other_keys_do_not_wait() -> None:
    cache = SingleFlight[str, int](2)
    assert cache.get("outer", lambda: 1 + cache.get("inner", lambda: 2)) == 3


def test_the_values_used_last_stay() -> None:
    cache = SingleFlight[str, str](2)
    for key in ("a", "b", "a", "c"):
        cache.get(key, lambda key=key: key)
    assert cache.get("a", lambda: "computed again") == "a"
    assert cache.get("c", lambda: "computed again") == "c"
    assert cache.get("b", lambda: "computed again") == "computed again"


def test_an_error_is_not_cached() -> None:
    cache = SingleFlight[str, int](2)
    with pytest.raises(ZeroDivisionError):
        cache.get("key", lambda: 1 // 0)
    assert cache.get("key", lambda: 3) == 3


def test_a_release_drops_all_but_what_is_being_computed() -> None:
    cache = SingleFlight[str, int](3)
    cache.get("done", lambda: 1)

    def compute() -> int:
        cache.release()
        return 2

    assert cache.get("running", compute) == 2
    assert cache.get("running", lambda: 0) == 2
    assert cache.get("done", lambda: 0) == 0
