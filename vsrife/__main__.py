"""`python -m vsrife` is the command `vsrife`."""

from __future__ import annotations

import sys

from vsrife.cli import main

sys.exit(main())
