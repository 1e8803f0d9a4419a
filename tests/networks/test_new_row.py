"""A new version is one row in the table: everything else follows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import vapoursynth as vs
from safetensors.torch import save_file
from support import moving_clip

from vsrife.networks import CATALOG, CONFIGS, make

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.vpy("unique-core")
def test_a_hypothetical_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(CATALOG["4.26"], widths=(96, 64, 48, 32, 16))
    for table in (CATALOG, CONFIGS):
        monkeypatch.setitem(table, "4.98", row)  # what one more line in catalog.py does
    file = tmp_path / "flownet.safetensors"
    save_file({name: value.contiguous() for name, value in make(CONFIGS["4.98"]).state_dict().items()}, file)
    with pytest.raises(vs.Error, match=r"^RIFE: the weights in flownet.safetensors are not those of a 4.26 network"):
        vs.core.rife.RIFE(moving_clip(length=2), model="4.26", model_path=str(file))
    for arguments in ({}, {"model": "4.98"}):
        made = vs.core.rife.RIFE(moving_clip(length=2), model_path=str(file), **arguments).get_frame(1)
        assert made.props["RifeMade"] == 1
