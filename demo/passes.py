"""Both passes over a clip, and what comes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import vapoursynth as vs
from doubling import check, double
from files import DemoError, demo_clip
from measure import Rebuilt
from sheet import save_sheet
from source import Source

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["run"]

MOMENTS = 3


def run(clip: Path | None, out: Path) -> None:
    """Doubles a clip, or the demo's own, into the folder `out`, measures, and prints what came of it.

    Raises:
        DemoError: the clip cannot be used, or something went wrong on the way.
    """
    source = Source.read(clip or demo_clip())
    print(source, flush=True)
    doubled, speed = double(source, out)
    print(f"Doubled and opened again: {check(doubled, source)}", flush=True)
    sheet = out / f"{source.path.stem}-2x.png"
    try:
        rebuilt = Rebuilt(source)
        rebuilt.measure()
        if rebuilt.frames:
            save_sheet(sheet, source, rebuilt, MOMENTS)
    except vs.Error as error:
        raise DemoError(f"{source.path.name} could not be rebuilt: {error}") from error

    print(f"\n{_table(rebuilt)}" if rebuilt.frames else "\nNothing to measure: no three frames without a cut")
    print(f"Speed of doubling: {speed}")
    print(f"Doubled clip:      {doubled}")
    if rebuilt.frames:
        print(f"Picture sheet:     {sheet}")


def _table(rebuilt: Rebuilt) -> str:
    lines = [f"Every other frame dropped and made again, {len(rebuilt.frames)} measured against the true ones:", ""]
    lines.append(f"{'':8}{'PSNR':>10}{'SSIM':>10}{'sharpness':>12}")
    for name, scores in (("blend", rebuilt.blend), ("RIFE", rebuilt.made)):
        lines.append(f"{name:8}{scores.mean_psnr:>7.2f} dB{scores.mean_ssim:>10.4f}{scores.sharpness:>12.2f}")
    gain = rebuilt.made.mean_psnr - rebuilt.blend.mean_psnr
    return "\n".join([*lines, "", f"RIFE is {abs(gain):.2f} dB {'above' if gain >= 0 else 'below'} the blend."])
