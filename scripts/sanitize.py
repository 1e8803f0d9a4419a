"""Runs the native code under sanitizers, and on an emulated ARM: `python scripts/sanitize.py [address] [thread] [arm]`.

`address` builds the plugin and its kernels with AddressSanitizer and UndefinedBehaviorSanitizer, puts the library into
a copy of VapourSynth's package in the place of the installed one, and runs the native tests on it. `thread` builds the
kernels with ThreadSanitizer together with `tests/fuzz/race.c`, which runs them from many threads at once and compares
what they make with what one thread makes. `arm` builds the kernels for aarch64, by gcc and by Zig's clang, which makes
the wheels, and runs their own tests on them: `tests/fuzz/emulated.py` sends each job to a program in qemu-aarch64 and
brings back what NEON made. Arrays end there where a page begins that nobody may touch.

Needs gcc and its sanitizer libraries, and Linux; `arm` is left out where Debian's `qemu-user` or
`gcc-aarch64-linux-gnu` is not installed.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ROOT / "vsrife/native"
FLAGS = ("-std=c11", "-O1", "-g", "-fno-omit-frame-pointer", "-ffp-contract=fast", "-Wall", "-Wextra", "-Wno-psabi")
UNDEFINED = "undefined,float-cast-overflow,float-divide-by-zero"
TESTS = (
    "tests/motion/test_cpu.py", "tests/motion/test_openmp.py", "tests/engine/test_winograd.py",
    "tests/engine/test_strided.py",
    "tests/plugin/test_node.py", "tests/plugin/test_layers.py", "tests/faults/test_sources.py",
)  # fmt: skip
KERNEL_TESTS = ("tests/motion/test_cpu.py", "tests/engine/test_winograd.py", "tests/engine/test_strided.py")
RELEASED = ("-std=c11", "-O3", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-Wno-psabi")
"""As `hatch_build.py` compiles."""
LEFT_OUT = "thousand or ten_scripts or huge_clip"
"""Tests that take minutes under a sanitizer, or measure memory, of which it takes much."""
SUPPRESSED = "interceptor_via_lib:libvapoursynthfilters\n"
"""VapourSynth R81's own `std.RemoveFrameProps` reads a property's name after it is freed; not ours to mend."""
STACK = 70
"""Lines of a report that are shown."""
REPORT = re.compile(r"(runtime error: .*|ERROR: AddressSanitizer: .*|WARNING: ThreadSanitizer: .*)")


def main() -> int:
    """The command; its status is 1 where a sanitizer or a test found something."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=("address", "thread", "arm", []), help="all without")
    parser.add_argument("--tests", nargs="*", default=TESTS, help="test files to run under address")
    parser.add_argument("--rounds", type=int, default=20, help="of the race check (20)")
    options = parser.parse_args()
    compiler = shutil.which(os.environ.get("CC", "gcc"))
    if compiler is None or sys.platform != "linux":
        print("sanitize: needs gcc on Linux")
        return 2
    failed = 0
    with tempfile.TemporaryDirectory(prefix="vsrife-sanitize-") as folder:
        for what in options.what or ("address", "thread", "arm"):
            place = Path(folder) / what
            place.mkdir()
            if what == "address":
                failed += address(compiler, place, options.tests)
            else:
                failed += thread(compiler, place, options.rounds) if what == "thread" else arm(place)
    return int(failed > 0)


def address(compiler: str, place: Path, tests: list[str]) -> int:
    """The tests on a library that checks every access and every undefined operation."""
    package = _package()
    overlay = place / "vapoursynth"
    shutil.copytree(package, overlay, ignore=shutil.ignore_patterns("librife.so", "__pycache__"))
    library = overlay / "plugins/rife/librife.so"
    command = [
        compiler, *FLAGS, "-shared", "-fPIC", "-fvisibility=hidden", f"-fsanitize=address,{UNDEFINED}",
        "-DVSRIFE_VERSION_MAJOR=0", "-DVSRIFE_VERSION_MINOR=0", f"-I{package / 'include'}",
        *map(str, sorted(NATIVE.glob("*.c"))), "-o", str(library), "-ldl",
    ]  # fmt: skip
    subprocess.run(command, check=True)
    logs = place / "logs"
    logs.mkdir()
    suppressed = place / "suppressed.txt"
    suppressed.write_text(SUPPRESSED, encoding="ascii")
    environment = os.environ | {
        "LD_PRELOAD": " ".join(_runtime(compiler, name) for name in ("libasan.so", "libubsan.so")),
        "ASAN_OPTIONS": f"detect_leaks=0:log_path={logs}/asan:allocator_may_return_null=1:detect_odr_violation=0"
        f":suppressions={suppressed}",
        "UBSAN_OPTIONS": f"print_stacktrace=1:log_path={logs}/ubsan",
        "PYTHONPATH": str(place),
        "PYTHONMALLOC": "malloc",
    }
    loaded = (
        "import ctypes, vapoursynth as vs; from vsrife.motion import library\n"
        "assert vs.core.rife.identifier == 'org.vsrife.plugin'; assert library.kernel_library(); print(library._path())"
    )
    found = subprocess.run([sys.executable, "-c", loaded], env=environment, capture_output=True, text=True, check=False)
    if found.stdout.strip() != str(library):
        print(f"address: the checked library is not the one in use: {found.stdout}{found.stderr[-2000:]}")
        return 1
    return sum(_failed(test, environment, logs) for test in tests)


def _failed(test: str, environment: dict[str, str], logs: Path) -> bool:
    """Run a test file, in a process of its own since a report ends it; whether anything was found."""
    run = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "timeout=3600"]
    run += ["-k", f"not ({LEFT_OUT})", test]
    done = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    texts = [path.read_text(errors="replace") for path in logs.iterdir()]
    for path in logs.iterdir():
        path.unlink()
    reports = _reports(texts)
    last = next(reversed(done.stdout.splitlines()), f"ended with {done.returncode}")
    print(f"address, undefined: {test}: {last}; {len(reports)} reports", flush=True)
    for text in texts:
        print("\n".join(text.splitlines()[:STACK]))
    if done.returncode:
        print(done.stdout[-3000:] + done.stderr[-3000:])
    return bool(done.returncode or reports)


def thread(compiler: str, place: Path, rounds: int) -> int:
    """The kernels from many threads at once."""
    program = place / "race"
    sources = [str(ROOT / "tests/fuzz/race.c"), str(NATIVE / "kernels.c")]
    flags = [*FLAGS, "-std=gnu11", "-fsanitize=thread", f"-I{NATIVE}"]
    subprocess.run([compiler, *flags, *sources, "-o", str(program), "-lm", "-lpthread"], check=True)
    done = subprocess.run([program, str(rounds)], capture_output=True, text=True, check=False)
    reports = _reports([done.stderr])
    print(f"thread: {done.stdout.strip() or done.stderr[-500:]}; {len(reports)} reports")
    for report in reports:
        print(f"  {report}")
    return int(done.returncode != 0 or bool(reports))


def arm(place: Path) -> int:
    """The kernels' tests on NEON, once for each compiler; the number of files that failed."""
    emulator, linker = shutil.which("qemu-aarch64"), shutil.which("aarch64-linux-gnu-gcc")
    if emulator is None or linker is None:
        gone = [name for name, path in (("qemu-user", emulator), ("gcc-aarch64-linux-gnu", linker)) if path is None]
        print(f"arm: left out, for want of {' and '.join(gone)}")
        return 0
    compilers = {"gcc": [linker]}
    if find_spec("ziglang"):
        compilers["zig"] = [sys.executable, "-m", "ziglang", "cc", "-target", "aarch64-linux-gnu.2.17"]
    failed = 0
    for name, compiler in compilers.items():
        kernels, program = place / f"{name}.o", place / name
        subprocess.run([*compiler, *RELEASED, "-c", str(NATIVE / "kernels.c"), "-o", str(kernels)], check=True)
        sources = [str(ROOT / "tests/fuzz/jobs.c"), str(kernels)]
        command = [linker, "-std=gnu11", "-O1", "-static", f"-I{NATIVE}", *sources, "-o", str(program), "-lpthread"]
        subprocess.run(command, check=True)
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT / "tests/fuzz"), os.environ.get("PYTHONPATH")))),
            "VSRIFE_KERNELS_COMMAND": shlex.join([emulator, str(program)]),
        }
        for test in KERNEL_TESTS:
            run = [sys.executable, "-m", "pytest", "-n", "0", "-p", "emulated", "-p", "no:cacheprovider", test]
            run += ["-o", "timeout=3600", "-k", "not variant_in_use"]
            done = subprocess.run(run, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
            last = next(reversed(done.stdout.splitlines()), f"ended with {done.returncode}")
            print(f"arm, {name}: {test}: {last}", flush=True)
            if done.returncode:
                print(done.stdout[-3000:] + done.stderr[-3000:])
            failed += bool(done.returncode)
    return failed


def _package() -> Path:
    """VapourSynth's package, which the plugin is installed into."""
    spec = find_spec("vapoursynth")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("sanitize: VapourSynth is not installed")
    return Path(spec.submodule_search_locations[0])


def _runtime(compiler: str, name: str) -> str:
    """A sanitizer's library."""
    done = subprocess.run([compiler, f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return str(Path(done.stdout.strip()).resolve())


def _reports(texts: Iterable[str]) -> list[str]:
    """What was found, each once."""
    return sorted({match[1][:200] for text in texts for match in REPORT.finditer(text)})


if __name__ == "__main__":
    sys.exit(main())
