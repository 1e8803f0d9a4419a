"""Hatchling build hook: compiles the native plugin and kernels and places them where VapourSynth autoloads them from.

`VSRIFE_TARGET` cross-builds with PyPI's ziglang: x86_64-linux, aarch64-linux, x86_64-windows, x86_64-macos or
aarch64-macos. Without it the system's C compiler builds for this machine, or ziglang where there is none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Target(NamedTuple):
    """A platform a wheel can be built for: the compiler's triple, the library's name and the wheel's platform tag."""

    triple: str
    library: str
    tag: str


TARGETS = {
    "x86_64-linux": Target("x86_64-linux-gnu.2.17", "librife.so", "manylinux_2_17_x86_64"),
    "aarch64-linux": Target("aarch64-linux-gnu.2.17", "librife.so", "manylinux_2_17_aarch64"),
    "x86_64-windows": Target("x86_64-windows-gnu", "rife.dll", "win_amd64"),
    "x86_64-macos": Target("x86_64-macos.11.0", "librife.dylib", "macosx_11_0_x86_64"),
    "aarch64-macos": Target("aarch64-macos.11.0", "librife.dylib", "macosx_11_0_arm64"),
}
LIBRARIES = {"win32": "rife.dll", "darwin": "librife.dylib"}
PLUGIN_FOLDER = "vapoursynth/plugins/rife"


def system_compiler() -> list[str] | None:
    """The C compiler this machine has, as the start of a command line."""
    named = os.environ.get("CC")
    if named:
        return named.split()
    if sys.platform == "win32":
        return None
    found = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    return [found] if found else None


def compile_plugin(sources: list[Path], library: Path, version: str, target: Target | None) -> None:
    """Compile `sources` into the shared library `library`."""
    import vapoursynth

    compiler = None if target else system_compiler()
    if compiler is None:
        compiler = [sys.executable, "-m", "ziglang", "cc"]
        if target:
            compiler += ["-target", target.triple]
    major, minor = version.split(".")[:2]
    windows = library.suffix == ".dll"
    library.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            *compiler, "-std=c11", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math",
            "-Wall", "-Wextra", "-Wno-psabi",
            "-shared", "-fvisibility=hidden",
            *([] if windows else ["-fPIC"]),
            *([f"-Wl,-install_name,@rpath/{library.name}"] if library.suffix == ".dylib" else []),
            *(["-s"] if target else []),  # what is for debuggers has the folder and the time of the build in it
            f"-DVSRIFE_VERSION_MAJOR={major}", f"-DVSRIFE_VERSION_MINOR={minor}",
            f"-I{vapoursynth.get_include()}", *map(str, sources), "-o", str(library),
            *(["-ldl"] if library.suffix == ".so" else []),
        ],
        check=True,
    )  # fmt: skip


class NativePluginHook(BuildHookInterface[Any]):
    """Adds the compiled plugin, its manifest and the wheel's platform tag."""

    PLUGIN_NAME = "custom"

    def target(self) -> Target | None:
        """The platform to cross-build for, None for this one."""
        name = os.environ.get("VSRIFE_TARGET")
        if not name:
            return None
        if name not in TARGETS:
            raise ValueError(f"VSRIFE_TARGET must be one of {', '.join(TARGETS)}, got {name}")
        return TARGETS[name]

    def dependencies(self) -> list[str]:
        """What the build needs beside the requirements that always hold."""
        return ["ziglang>=0.13"] if self.target() or not system_compiler() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, and say which files go where and what the wheel is called."""
        if self.target_name != "wheel":
            return
        target = self.target()
        name = target.library if target else LIBRARIES.get(sys.platform, "librife.so")
        build = Path(self.root) / "build" / (os.environ.get("VSRIFE_TARGET") or "native")
        library = build / name
        sources = sorted((Path(self.root) / "vsrife/native").glob("*.c"))
        compile_plugin(sources, library, self.metadata.version, target)
        manifest = build / "manifest.vs"
        manifest.write_text(f"[VapourSynth Manifest V1]\n{library.stem}\n", encoding="ascii")

        files = {str(path): f"{PLUGIN_FOLDER}/{path.name}" for path in (library, manifest)}
        build_data["force_include"].update(files)
        build_data.setdefault("force_include_editable", {}).update(files)
        platform = target.tag if target else sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
