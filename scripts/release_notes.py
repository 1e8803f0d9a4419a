"""Prints the section of CHANGELOG.md of a release: `python scripts/release_notes.py v0.1.0`.

The tag has to be the version of pyproject.toml, and the section's heading has to have a date.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """The command; its status is 1 where the section cannot be released."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tag", help="the version with a v before it")
    tag = parser.parse_args().tag
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    try:
        if tag != f"v{version}":
            raise ValueError(f"the tag must be v{version}, the version of pyproject.toml, got {tag}")
        print(notes((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version))
    except ValueError as error:
        print(f"release_notes: {error}", file=sys.stderr)
        return 1
    return 0


def notes(changelog: str, version: str) -> str:
    """The text below a version's heading.

    Raises:
        ValueError: there is no such heading, or it has no date.
    """
    for section in re.split(r"^## ", changelog, flags=re.M)[1:]:
        heading, _, text = section.partition("\n")
        if heading.split()[0] == version:
            if not re.fullmatch(r"\S+ \(\d{4}-\d\d-\d\d\)", heading):
                raise ValueError(f"the heading must be {version} with a date, got {heading}")
            return text.strip()
    raise ValueError(f"CHANGELOG.md must have a section {version}")


if __name__ == "__main__":
    sys.exit(main())
