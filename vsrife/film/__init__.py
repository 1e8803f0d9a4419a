"""Whole films: interpolated, encoded in segments, and joined with the source's other streams.

Importing this imports neither torch nor vapoursynth nor PyAV.
"""

from vsrife.film.encoder import save_clip
from vsrife.film.encoders import ENCODERS, EncoderOptions
from vsrife.film.render import finished_segment, render_segment
from vsrife.film.request import Request, filter_arguments, plan_job, script_of
from vsrife.film.run import Summary, interpolate, kept_segments, work_folder
from vsrife.film.source import probe

__all__ = [
    "ENCODERS",
    "EncoderOptions",
    "Request",
    "Summary",
    "filter_arguments",
    "finished_segment",
    "interpolate",
    "kept_segments",
    "plan_job",
    "probe",
    "render_segment",
    "save_clip",
    "script_of",
    "work_folder",
]
