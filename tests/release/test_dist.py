"""What a release consists of: files that are checked, built reproducibly, with a bill of materials and notes."""

from __future__ import annotations

import hashlib
import json
import runpy
import tomllib
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from support import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DIST = runpy.run_path(str(ROOT / "scripts/dist.py"))
NOTES: Callable[[str, str], str] = runpy.run_path(str(ROOT / "scripts/release_notes.py"))["notes"]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
NAME = "some-1.0-py3-none-any.whl"
METADATA = "Metadata-Version: 2.4\nName: some\nVersion: 1.0\nDescription-Content-Type: text/markdown\n\nA text.\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
HASH = "sha256=ypeBEsobvcr6wjGzmiPcTaeG7_gUfE5yuYB3ha_uSLs"
"""Of the letter a, as a record writes it."""


def record_line(name: str, content: str) -> str:
    import base64

    digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
    return f"{name},sha256={digest},{len(content)}\n"


def wheel(folder: Path, *, name: str = NAME, metadata: str = METADATA, content: str = "a", more: str = "") -> Path:
    files = {"some/a.txt": content, "some-1.0.dist-info/METADATA": metadata, "some-1.0.dist-info/WHEEL": WHEEL}
    record = f"some/a.txt,{HASH},1\n" + "".join(record_line(*item) for item in list(files.items())[1:])
    files["some-1.0.dist-info/RECORD"] = record + "some-1.0.dist-info/RECORD,,\n"
    with zipfile.ZipFile(folder / name, "w") as archive:
        for place, text in (files | ({more: "x"} if more else {})).items():
            archive.writestr(place, text)
    return folder / name


def test_a_good_wheel_has_no_faults(tmp_path: Path) -> None:
    assert DIST["check"](wheel(tmp_path)) == []


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"content": "b"}, "some/a.txt is not what the record says"),
        ({"more": "some/b.txt"}, "some/b.txt is not in the record"),
        ({"name": "some-1.0-py3-none-win_amd64.whl"}, "its tags are not those of its name"),
        ({"name": "some-1.1-py3-none-any.whl"}, "its metadata is of some 1.0"),
        ({"metadata": METADATA.replace("Version: 1.0\n", "")}, "'version' is a required field"),
        ({"metadata": METADATA.partition("\n\n")[0] + "\n"}, "it has no description"),
    ],
)
def test_a_fault_is_named(changed: dict[str, str], fault: str, tmp_path: Path) -> None:
    assert fault in DIST["check"](wheel(tmp_path, **changed))


def test_the_bill_of_materials_lists_what_is_shipped_and_what_is_needed(tmp_path: Path) -> None:
    built = wheel(tmp_path)
    found = DIST["sbom"](PROJECT, [built])
    parts = {part["name"]: part for part in found["components"]}
    assert len(parts) == len(found["components"])
    assert parts[built.name]["hashes"][0]["content"] == hashlib.sha256(built.read_bytes()).hexdigest()
    models = {name for name, part in parts.items() if part["type"] == "machine-learning-model"}
    assert models == {path.name for path in (ROOT / "models").glob("*.safetensors")}
    for name in models:
        assert parts[name]["hashes"][0]["content"] == hashlib.sha256((ROOT / "models" / name).read_bytes()).hexdigest()
    direct = {text.split(">")[0] for text in PROJECT["dependencies"]}
    assert direct <= set(parts)
    (needs,) = found["dependencies"]
    assert {ref for ref in needs["dependsOn"] if not ref.startswith("pkg:")} == models
    assert {ref.split("/")[1].split("@")[0] for ref in needs["dependsOn"] if ref.startswith("pkg:")} == direct
    assert {*needs["dependsOn"], needs["ref"]} <= {
        part["bom-ref"] for part in (*parts.values(), found["metadata"]["component"])
    }


def test_the_bill_of_materials_fits_its_schema(tmp_path: Path) -> None:
    schema = pytest.importorskip("cyclonedx.schema", reason="cyclonedx-python-lib[json-validation] is not installed")
    validator = pytest.importorskip("cyclonedx.validation.json").JsonStrictValidator(schema.SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(DIST["sbom"](PROJECT, [wheel(tmp_path)]))) is None


def test_notes_are_the_section_of_the_version() -> None:
    text = "# Changelog\n\n## 1.1.0 (2026-12-01)\n\n### New\n\n- this\n\n## 1.0.0 (unreleased)\n\n- that\n"
    assert NOTES(text, "1.1.0") == "### New\n\n- this"
    with pytest.raises(ValueError, match=r"the heading must be 1\.0\.0 with a date, got 1\.0\.0 \(unreleased\)"):
        NOTES(text, "1.0.0")
    with pytest.raises(ValueError, match=r"must have a section 1\.1$"):
        NOTES(text, "1.1")


def test_the_changelog_has_a_section_of_the_version() -> None:
    assert f"\n## {PROJECT['version']} (" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
