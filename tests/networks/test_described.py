"""Configs as text."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsrife.errors import ModelError
from vsrife.networks import CATALOG, LEGACY, PaperConfig
from vsrife.networks.described import described, read_config

CONFIGS = {**CATALOG, **LEGACY}


@pytest.mark.parametrize("name", CONFIGS)
def test_every_config_comes_back(name: str) -> None:
    back = read_config(described(CONFIGS[name]))
    assert back == CONFIGS[name]
    assert type(back) is type(CONFIGS[name])


@given(
    widths=st.lists(st.integers(2, 2048), min_size=1, max_size=8),
    refines=st.booleans(),
    any_time=st.booleans(),
)
def test_configs_of_no_table_come_back(widths: list[int], refines: bool, any_time: bool) -> None:
    config = PaperConfig(any_time, widths=tuple(widths), scales=(1,) * len(widths), refines=refines)
    assert read_config(described(config)) == config
    lite = replace(CATALOG["4.26"], widths=tuple(widths), scales=(2,) * len(widths))
    assert read_config(described(lite)) == lite


GOOD = json.loads(described(CATALOG["4.26"]))


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "{}", "null", '{"kind": "other"}', '{"kind": "ifnet"}', '{"kind": ["ifnet"]}',
        *(json.dumps({**GOOD, **change}) for change in (
            {"widths": [192]}, {"widths": []}, {"widths": 5}, {"widths": [0] * 5}, {"widths": [10**9] * 5},
            {"widths": [1.5] * 5}, {"widths": [True] * 5}, {"widths": [8] * 9, "scales": [1] * 9}, {"groups": 0},
            {"outputs": 10**6}, {"outputs": "13"}, {"body": "code"}, {"head": 3},
            {"head": {"hidden": -1, "channels": 4}},
            {"head": {"hidden": 16}}, {"shuffle": 1}, {"unknown": 1},
        )),
    ],
)  # fmt: skip
def test_what_no_network_can_be_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ModelError, match=r"^the file's network is described by something else than a config: ") as e:
        read_config(text)
    assert "\n" not in str(e.value)
