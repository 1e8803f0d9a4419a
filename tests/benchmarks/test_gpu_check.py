"""`benchmarks/gpu_check.py` on a CPU: that it runs, and what it counts as a frame."""

from __future__ import annotations

from importlib.util import module_from_spec, spec_from_file_location
from typing import TYPE_CHECKING

import pytest
from support import ROOT

from vsrife.engine import Interpolator

if TYPE_CHECKING:
    from types import ModuleType

    import numpy as np


@pytest.fixture(scope="module")
def gpu_check() -> ModuleType:
    spec = spec_from_file_location("gpu_check", ROOT / "benchmarks" / "gpu_check.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("bits", "at_once"), [(8, 1), (10, 3)])
def test_every_frame_of_a_film_is_new(
    gpu_check: ModuleType, bits: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs: list[tuple[int, int]] = []
    render = Interpolator.render_unless_cut

    def counted(self: Interpolator, task: object, target: list[np.ndarray], threshold: float) -> float:
        pairs.append((task.left.number, task.right.number))
        assert target[0].dtype.itemsize * 8 >= bits
        assert int(task.left.planes[0].max()) > 1 << (bits - 2)
        return render(self, task, target, threshold)

    monkeypatch.setattr(Interpolator, "render_unless_cut", counted)
    assert gpu_check.film("cpu", "fp32", 64, 48, bits, at_once, count=4) > 0
    assert sorted(pairs) == [(n, n + 1) for n in range(2 * at_once + 3 + 4)]
