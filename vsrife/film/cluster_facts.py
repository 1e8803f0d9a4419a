"""What must be the same on all machines that render segments of one film."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vsrife.film.encoder import add_video, open_encoder
from vsrife.film.job import own_version

if TYPE_CHECKING:
    from vsrife.film.encoder import Recipe
    from vsrife.film.job import Job

__all__ = ["Facts", "gather_facts", "hash_weights"]

SAMPLE = 256
"""Sides of the picture by which encoders are compared, in pixels."""
LABELS = {"version": "vsrife", "film": "a film of", "weights": "the model's weights", "encoder": "the encoder"}


@dataclass(frozen=True)
class Facts:
    """What must be the same wherever segments of a film are rendered.

    Args:
        version: of this package.
        film: the source's size.
        weights: a hash of the model's files.
        encoder: FFmpeg's version, and a hash of the packets its encoder makes of a black picture.
    """

    version: str
    film: str
    weights: str
    encoder: str

    def difference(self, expected: Facts) -> str | None:
        """The first fact that differs, as the end of a sentence; None where all agree."""
        for field in fields(self):
            mine, theirs = getattr(self, field.name), getattr(expected, field.name)
            if mine != theirs:
                return f"must have {LABELS[field.name]} {theirs}, got {mine}"
        return None


def gather_facts(job: Job) -> Facts:
    """The facts of this machine about a job.

    Raises:
        RifeError: the model is missing and cannot be fetched, or the encoder cannot be opened.
        OSError: a file of the model's cannot be read.
    """
    try:
        film = f"{Path(job.film.path).stat().st_size} bytes"
    except OSError as error:
        film = error.strerror or "no file"
    return Facts(own_version(), film, hash_weights(dict(job.arguments)), _encode_sample(job.recipe))


def hash_weights(arguments: dict[str, Any]) -> str:
    """A hash of the model's files, which are fetched where they are missing; without a model, of all bundled ones."""
    from vsrife.weights import fetch, find, manifest, resolve

    if model_path := arguments.get("model_path"):
        path = Path(model_path)
        pair = {path.with_suffix(".bin"), path.with_suffix(".param")} if path.suffix in (".bin", ".param") else {path}
        files = sorted(path.glob("*.*") if path.is_dir() else pair)
    elif model := arguments.get("model"):
        name = resolve(str(model)).name
        files = [find(name) or fetch(manifest()[name])]
    else:  # the default is one of them
        files = sorted(entry.path for entry in manifest().values() if entry.bundled)
    digest = sha256()
    for file in files:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _encode_sample(recipe: Recipe) -> str:
    """FFmpeg's version, and a hash of the packets of two black pictures."""
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
