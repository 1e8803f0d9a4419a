"""Whole films: frames of a source made, encoded in segments, and joined with everything else the source has.

Importing this imports neither torch nor vapoursynth nor PyAV.
"""

from vsrife.film.encoder import Recipe, recipe_for, save_clip
from vsrife.film.encoders import ENCODERS, EncoderOptions
from vsrife.film.job import Job, Segment
from vsrife.film.join import join
from vsrife.film.render import Rendered, interpolated, known_segment, render_segment
from vsrife.film.request import Planned, Request, filter_arguments, plan_job, script_of
from vsrife.film.run import Summary, Teller, check_paths, interpolate, segments_in, work_folder
from vsrife.film.source import Film, film_clip, probe

__all__ = [
    "ENCODERS",
    "EncoderOptions",
    "Film",
    "Job",
    "Planned",
    "Recipe",
    "Rendered",
    "Request",
    "Segment",
    "Summary",
    "Teller",
    "check_paths",
    "film_clip",
    "filter_arguments",
    "interpolate",
    "interpolated",
    "join",
    "known_segment",
    "plan_job",
    "probe",
    "recipe_for",
    "render_segment",
    "save_clip",
    "script_of",
    "segments_in",
    "work_folder",
]
