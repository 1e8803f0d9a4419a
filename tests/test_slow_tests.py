"""The table of slow tests, and the script that writes it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
from slow_tests import SLOW

TESTS = Path(__file__).parent
SCRIPT = runpy.run_path(str(TESTS.parent / "scripts" / "slow_tests.py"))
LOG = """\
============ slowest durations ============
3.00s call     tests/film/test_run.py::test_killed[0]
1.50s setup    tests/film/test_run.py::test_killed[1]
2.00s call     tests/cli/test_doctor.py::TestText::test_all
0.25s teardown tests/cli/test_doctor.py::test_none[a-b::c]
12 passed in 7.00s
"""


@pytest.mark.parametrize("file", SLOW)
def test_every_function_of_the_table_is_in_its_file(file: str) -> None:
    text = (TESTS / file).read_text(encoding="utf-8")
    assert all(f"def {name}(" in text for name in SLOW[file])
    assert len(set(SLOW[file])) == len(SLOW[file])


def test_times_are_those_of_all_parameters() -> None:
    assert SCRIPT["read"](LOG) == {
        ("film/test_run.py", "test_killed"): 4.5,
        ("cli/test_doctor.py", "test_all"): 2.0,
        ("cli/test_doctor.py", "test_none"): 0.25,
    }


@pytest.mark.parametrize(("budget", "left_out"), [(7, 0), (2.5, 1), (2, 2), (0, 3)])
def test_the_dearest_are_left_out_until_the_others_fit(budget: float, left_out: int) -> None:
    assert len(SCRIPT["slow"](SCRIPT["read"](LOG), budget)) == left_out


def test_what_a_log_does_not_name_stays_while_its_file_has_it() -> None:
    here = Path(__file__).name
    earlier = {here: ("test_times_are_those_of_all_parameters", "test_that_is_gone")}
    written: dict[str, object] = {}
    exec(SCRIPT["table"](SCRIPT["read"](LOG), earlier, 2.5), written)
    assert written["SLOW"] == {
        here: ("test_times_are_those_of_all_parameters",),
        "film/test_run.py": ("test_killed",),
    }
