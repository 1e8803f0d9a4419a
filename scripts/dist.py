"""Builds what a release consists of into `dist/` and checks it: `python scripts/dist.py`.

That is the sdist, a wheel for each platform of `hatch_build.py`, built from the unpacked sdist, and an SBOM in
CycloneDX's form. Everything is built twice, in two folders, and has to be the same bytes. `SOURCE_DATE_EPOCH` counts as
usual; without it the files have hatchling's fixed date, so that anybody gets the same bytes from the same source and
the versions of `requirements/ci.txt`.
"""

from __future__ import annotations

import argparse
import base64
import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import Any

from packaging.metadata import Metadata
from packaging.utils import canonicalize_name, parse_sdist_filename, parse_wheel_filename

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from hatch_build import TARGETS  # noqa: E402 - the build hook lies beside the package

PURL = "pkg:pypi/{}@{}"


def main() -> int:
    """The command; its status is 1 where a file is wrong or two builds differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder, whose vsrife-* are replaced (dist)")
    parser.add_argument("--target", nargs="*", choices=tuple(TARGETS), default=tuple(TARGETS), help="default: all")
    parser.add_argument("--once", action="store_true", help="build once, and leave the comparison out")
    options = parser.parse_args()
    out: Path = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    for path in out.glob("vsrife-*"):
        path.unlink()
    faults: list[str] = []
    with tempfile.TemporaryDirectory(prefix="vsrife-dist-") as folder:
        for path in build(ROOT, Path(folder) / "first", options.target):
            shutil.copy(path, out)
        built = sorted(out.glob("vsrife-*"))
        if not options.once:
            again = {path.name: digest(path) for path in build(ROOT, Path(folder) / "another", options.target)}
            faults += [f"{path.name}: two builds differ" for path in built if again.get(path.name) != digest(path)]
    for path in built:
        faults += [f"{path.name}: {fault}" for fault in check(path)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = json.dumps(sbom(project, built), indent=1, ensure_ascii=False) + "\n"
    (out / f"vsrife-{project['version']}.cdx.json").write_text(text, encoding="utf-8")
    for path in sorted(out.glob("vsrife-*")):
        print(f"{digest(path)}  {path.name}")
    same = "" if options.once else ", and the same when built again"
    print("\n".join(faults) or f"{len(built)} files are valid{same}")
    return int(bool(faults))


def build(source: Path, folder: Path, targets: list[str]) -> list[Path]:
    """The sdist of a folder, and from it the wheels; hatchling and a compiler must be installed."""
    run(source, folder / "files", "--sdist")
    (sdist,) = (folder / "files").iterdir()
    with tarfile.open(sdist) as archive:
        archive.extractall(folder / "source", filter="data")
    (unpacked,) = (folder / "source").iterdir()
    for target in targets:
        print(f"building for {target} in {folder}", file=sys.stderr, flush=True)
        run(unpacked, folder / "files", "--wheel", target)
    return sorted((folder / "files").iterdir())


def run(source: Path, out: Path, kind: str, target: str = "") -> None:
    """Build a distribution with the packages that are installed."""
    command = [sys.executable, "-m", "build", kind, "--no-isolation", "--outdir", str(out), str(source)]
    environment = {name: value for name, value in os.environ.items() if name not in {"VSRIFE_TARGET", "PYTHONPATH"}}
    done = subprocess.run(
        command, env=environment | ({"VSRIFE_TARGET": target} if target else {}), capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")


def digest(path: Path) -> str:
    """A file's SHA-256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check(path: Path) -> list[str]:
    """What is wrong with a distribution: its name, its metadata, the files of its record."""
    files = members(path)
    metadata = next((files[name] for name in sorted(files) if name.endswith(("/PKG-INFO", ".dist-info/METADATA"))), b"")
    try:
        read = Metadata.from_email(metadata, validate=True)
    except ExceptionGroup as error:
        return [str(each) for each in error.exceptions]
    faults = [] if read.description and read.description_content_type else ["it has no description"]
    if path.suffix != ".whl":
        name, version = parse_sdist_filename(path.name)
        tags = None
    else:
        name, version, _, tags = parse_wheel_filename(path.name)
        faults += wheel_faults(files, {str(tag) for tag in tags})
    if (name, version) != (canonicalize_name(read.name), read.version):
        faults.append(f"its metadata is of {read.name} {read.version}")
    return faults


def members(path: Path) -> dict[str, bytes]:
    """The files of a distribution."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    with tarfile.open(path) as archive:
        return {each.name: file.read() for each in archive if (file := archive.extractfile(each))}


def wheel_faults(files: dict[str, bytes], tags: set[str]) -> list[str]:
    """What is wrong with the record and the tags of a wheel."""
    folder = next(name.split("/")[0] for name in files if name.endswith(".dist-info/RECORD"))
    record = {row[0]: row[1] for row in csv.reader(files[f"{folder}/RECORD"].decode().splitlines())}
    faults = [f"{name} is not in the record" for name in files if name not in record]
    for name, hashed in record.items():
        found = base64.urlsafe_b64encode(hashlib.sha256(files.get(name, b"")).digest()).rstrip(b"=").decode()
        if not name.endswith(("/RECORD", "/RECORD.jws")) and hashed != f"sha256={found}":
            faults.append(f"{name} is not what the record says")
    if set(message_from_bytes(files[f"{folder}/WHEEL"]).get_all("Tag", [])) != tags:
        faults.append("its tags are not those of its name")
    return faults


def sbom(project: dict[str, Any], built: list[Path]) -> dict[str, Any]:
    """The bill of materials: the built files, the bundled weights, and the packages of `requirements/runtime.txt`."""
    lock = (ROOT / "requirements/runtime.txt").read_text(encoding="ascii").splitlines()
    packages = dict(line.split("==") for line in lock if not line.startswith("#"))
    manifest = tomllib.loads((ROOT / "models/manifest.toml").read_text(encoding="utf-8"))
    weights = [manifest["defaults"] | own for own in manifest["models"].values() if "bundled" in own]
    components = [
        {"type": "file", "bom-ref": path.name, "name": path.name, "hashes": [sha256(digest(path))]} for path in built
    ]
    components += [
        {
            "type": "machine-learning-model",
            "bom-ref": model["bundled"],
            "name": model["bundled"],
            "publisher": model["author"],
            "licenses": [{"license": {"id": model["license"]}}],
            "hashes": [sha256(model["sha256"])],
        }
        for model in weights
    ]
    refs = {name: PURL.format(name, version) for name, version in packages.items()}
    components += [
        {"type": "library", "bom-ref": refs[name], "name": name, "version": version, "purl": refs[name]}
        for name, version in packages.items()
    ]
    direct = [name for text in project["dependencies"] if (name := canonicalize_name(text.split(">")[0])) in refs]
    product = {"type": "library", "bom-ref": "vsrife", "name": "vsrife", "version": project["version"]}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": product | {"licenses": [{"license": {"id": project["license"]}}]}},
        "components": components,
        "dependencies": [
            {"ref": "vsrife", "dependsOn": [*(model["bundled"] for model in weights), *(refs[name] for name in direct)]}
        ],
    }


def sha256(value: str) -> dict[str, str]:
    """A hash as CycloneDX writes it."""
    return {"alg": "SHA-256", "content": value}


if __name__ == "__main__":
    sys.exit(main())
