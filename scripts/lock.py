"""Writes the versions of packages as they are installed here into `requirements`: `ci.txt` and `runtime.txt`.

`python scripts/lock.py` in a set-up .venv; `scripts/setup` then installs those of the tests where it can, and
`scripts/dist.py` lists those that the package itself needs in the SBOM.
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[1]
LOCKS = {"ci.txt": ("test",), "runtime.txt": ()}
"""File → the extras whose packages it has beside those of the package itself."""
HEAD = """\
# Versions the tests are run with on Python 3.12, Linux x86-64, as constraints: pip install -c requirements/{} {}
# Written by: python scripts/lock.py
"""


def main() -> int:
    """The command."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    for name, extras in LOCKS.items():
        versions = locked(extras)
        head = HEAD.format(name, f"-e '.[{','.join(extras)}]'" if extras else ".")
        lines = "".join(f"{package}=={version}\n" for package, version in sorted(versions.items()))
        (ROOT / "requirements" / name).write_text(head + lines, encoding="ascii")
        print(f"requirements/{name}: {len(versions)} packages")
    return 0


def locked(extras: Sequence[str]) -> dict[str, str]:
    """Package → version, of all that the project needs with some of its extras."""
    found: dict[str, str] = {}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(f"vsrife[{extra}]" for extra in extras)]
    seen: set[tuple[str, tuple[str, ...]]] = set()
    while wanted:
        requirement = Requirement(wanted.pop())
        name = canonicalize_name(requirement.name)
        chosen = tuple(sorted(requirement.extras))
        if (name, chosen) in seen:
            continue
        seen.add((name, chosen))
        if name == "vsrife":
            wanted += [each for extra in chosen for each in project["optional-dependencies"][extra]]
            continue
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue
        found[name] = Version(installed.version).public  # without what says of which index or card a build is
        for text in installed.requires or ():
            further = Requirement(text)
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in ("", *chosen)):
                wanted.append(text.partition(";")[0])
    return found


if __name__ == "__main__":
    sys.exit(main())
