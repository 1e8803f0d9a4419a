"""What must be the same on all machines that make segments of one film."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.film.encoder import add_video, open_encoder
from vsrife.film.job import own_version

if TYPE_CHECKING:
    from vsrife.film.encoder import Recipe
    from vsrife.film.job import Job

__all__ = ["Facts", "facts"]

SAMPLE = 256
"""Pixels of the picture's sides by which encoders are compared."""


@dataclass(frozen=True)
class Facts:
    """What must be the same wherever segments of a film are made.

    Args:
        version: of this package.
        film: the source's size.
        weights: a hash of the model's.
        encoder: FFmpeg's version, and a hash of what its encoder makes of a black picture.
    """

    version: str
    film: str
    weights: str
    encoder: str

    def complaint(self, wanted: Facts, path: str) -> str | None:
        """What is not as it should be, first things first."""
        labels = {
            "version": "vsrife",
            "film": f"the film {path} of",
            "weights": "the model's weights",
            "encoder": "the encoder",
        }
        for name, label in labels.items():
            if (mine := getattr(self, name)) != (theirs := getattr(wanted, name)):
                return f"must have {label} {theirs}, got {mine}"
        return None


def facts(job: Job) -> Facts:
    """Of this machine, with a job.

    Raises:
        RifeError: the model is not here and cannot be had, or the encoder cannot be opened.
        OSError: a file of the model's cannot be read.
    """
    try:
        film = f"{Path(job.film.path).stat().st_size} bytes"
    except OSError as error:
        film = error.strerror or "no file"
    return Facts(own_version(), film, _weights(dict(job.arguments)), _sample(job.recipe))


def _weights(arguments: dict[str, Any]) -> str:
    """A hash of the model's files, or of those that come with the package; what is not here is fetched."""
    from vsrife.weights import fetch, find, manifest, resolve

    if named := arguments.get("model_path"):
        path = Path(named)
        pair = {path.with_suffix(".bin"), path.with_suffix(".param")} if path.suffix in (".bin", ".param") else {path}
        files = sorted(path.glob("*.*") if path.is_dir() else pair)
    elif named := arguments.get("model"):
        name = resolve(str(named)).name
        files = [find(name) or fetch(manifest()[name])]
    else:  # the default is one of them
        files = sorted(entry.path for entry in manifest().values() if entry.bundled)
    digest = sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _sample(recipe: Recipe) -> str:
    """Which FFmpeg, and what the encoder makes of two black pictures."""
    import av

    small = replace(recipe, width=SAMPLE, height=SAMPLE)
    digest = sha256()
    with av.open(BytesIO(), "w", format="matroska") as container:
        stream = add_video(container, small)
        open_encoder(stream.codec_context, small)
        frame = av.VideoFrame(SAMPLE, SAMPLE, recipe.form)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        packets = []
        for n in range(2):
            frame.pts = n
            packets += stream.encode(frame)
        for packet in [*packets, *stream.encode(None)]:
            digest.update(bytes(packet))
    library = ".".join(map(str, av.library_versions["libavcodec"]))
    return f"{recipe.encoder} of libavcodec {library} ({digest.hexdigest()[:12]})"
