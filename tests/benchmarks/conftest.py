"""The benchmarks' modules, found as their commands find them."""

from __future__ import annotations

import sys

from support import ROOT

sys.path.append(str(ROOT / "benchmarks"))
