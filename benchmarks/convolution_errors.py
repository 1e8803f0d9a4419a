"""How exact the convolutions in C are: `python benchmarks/convolution_errors.py [--size WxH] [--pairs N] [--bf16]`.

The layers of 4.26 that `vsrife.engine.winograd` computes, on what they are given while frames are made, against the
same convolution in fp64; oneDNN's sums of products beside them. Then the frames themselves against the published form
in fp32, once with each. Layers of one kind share a row: the largest of their errors, and the mean. Frames are those of
`compare.py`, RGB floats. Prints Markdown.
"""

from __future__ import annotations

import argparse
import copy
import os
import tempfile
from collections import defaultdict
from typing import Any, ClassVar

os.environ["VSRIFE_CONVOLUTIONS"] = "c"

import torch
from compare import CLIP
from peers import ours
from peers.job import Job
from peers.prepare import write_clip
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from vsrife.cli.benchmark import parse_size
from vsrife.engine import kernel_layers
from vsrife.engine.convolutions import Convolution, has_fused
from vsrife.engine.winograd import WinogradConvolution
from vsrife.weights import load_network

Layer = nn.Conv2d | nn.ConvTranspose2d


class Watched(Convolution):
    """A convolution that keeps what Winograd's kernel is given, or leaves all of them to PyTorch."""

    by_pytorch = False
    given: ClassVar[list[tuple[Watched, Tensor]]] = []

    def __init__(self, layer: Layer, slope: float | None, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__(layer, slope, dtype, device)
        self.layer, self.slope = layer, slope
        self.plain = Convolution(layer, slope, dtype, device, fused=has_fused(dtype))
        known = WinogradConvolution.knows(layer, dtype, device)
        self.in_c = WinogradConvolution(layer, slope, dtype) if known else None

    def writes_rows(self, _: Any) -> bool:
        return False

    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        if Watched.by_pytorch:
            return self.plain(x)
        if self.in_c and self.in_c.pays(x.shape[2:]):
            Watched.given.append((self, x.to(self._dtype, copy=True, memory_format=torch.channels_last)))
        return super().__call__(x)

    def kind(self) -> str:
        """Names layers that share a row."""
        kind = "transposed 4×4" if isinstance(self.layer, nn.ConvTranspose2d) else "3×3"
        return f"{kind}, {self.layer.in_channels} → {self.layer.out_channels}"

    def errors(self, x: Tensor) -> tuple[float, Tensor, Tensor]:
        """The outputs' root mean square, and the absolute errors of the kernel and of PyTorch."""
        exact: Tensor = copy.deepcopy(self.layer).double()(x.double())
        if self.slope is not None:
            exact = leaky_relu(exact, self.slope)
        assert self.in_c
        size = float(exact.square().mean().sqrt())
        return size, (self.in_c(x) - exact).abs(), (self.plain(x) - exact).abs()


def made(job: Job, precision: str) -> Tensor:
    """Frames by the engine."""
    return torch.stack([torch.from_numpy(frame().copy()) for frame in ours.network(job, precision=precision)])


@torch.inference_mode()
def tables(job: Job, precision: str) -> str:
    """Both tables, of an engine in `fp32` or `bf16`."""
    kernel_layers.Convolution = Watched
    by_kernel = made(job, precision)
    Watched.by_pytorch = True
    by_pytorch = made(job, precision)
    lines = [
        "| layers | number, rows × columns | RMS of the outputs | in C: largest error, mean | oneDNN: largest, mean |",
        "|---|---|---|---|---|",
    ]
    rows = defaultdict(list)
    for convolution, x in Watched.given:
        rows[convolution.kind(), *x.shape[2:]].append((convolution, *convolution.errors(x)))
    for (kind, height, width), found in rows.items():
        count = len({id(one[0]) for one in found})
        rms = sum(one[1] for one in found) / len(found)
        worst = [max(float(one[k].max()) for one in found) for k in (2, 3)]
        mean = [sum(float(one[k].mean()) for one in found) / len(found) for k in (2, 3)]
        cells = (f"{a:.1e}, {b:.1e}" for a, b in zip(worst, mean, strict=True))
        lines.append(f"| {kind} | {count}, {height}×{width} | {rms:.2g} | {' | '.join(cells)} |")
    network, pictures = load_network("4.26", None), torch.from_numpy(job.pictures())
    published = torch.cat([network(pictures[n : n + 1], pictures[n + 1 : n + 2], float(t)) for n, t in job.times()])
    lines += ["", "| frames, 0 to 1, against the published form | largest difference | mean | PSNR, dB |"]
    lines += ["|---|---|---|---|"]
    pairs = {"in C": (by_kernel, published), "oneDNN": (by_pytorch, published)}
    pairs["in C against oneDNN"] = (by_kernel, by_pytorch)
    for name, (one, other) in pairs.items():
        wrong = (one - other.clamp(0, 1)).abs()
        psnr = -10 * float(wrong.square().mean().log10())
        lines.append(f"| {name} | {float(wrong.max()):.1e} | {float(wrong.mean()):.1e} | {psnr:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", default="640x360", metavar="WxH")
    parser.add_argument("--pairs", type=int, default=2, help="of source frames, a made frame each (2)")
    parser.add_argument("--bf16", action="store_true", help="in place of fp32")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        job = Job(folder, *parse_size(options.size), options.pairs, 2, 1, "network")
        write_clip(job, str(CLIP) if CLIP.is_file() else "")
        print(tables(job, "bf16" if options.bf16 else "fp32"))


if __name__ == "__main__":
    main()
