"""How good interpolated frames are: metrics, test sets and clips, what runs a model on them, and what is reported."""

from vsrife.evaluation.cases import Case, Choice, Suite, Truth, parse_size, parse_span
from vsrife.evaluation.perceptual import has_st_lpips
from vsrife.evaluation.predictors import EnginePredictor, Predictor, blend, load_predictor
from vsrife.evaluation.report import Report, Score
from vsrife.evaluation.runner import BASELINE, KNOWN, USUAL, evaluate
from vsrife.evaluation.sheet import Worst, save_sheet
from vsrife.evaluation.suites import SUITES, find_suite
from vsrife.evaluation.vmaf import Vmaf, find_ffmpeg

__all__ = [
    "BASELINE",
    "KNOWN",
    "SUITES",
    "USUAL",
    "Case",
    "Choice",
    "EnginePredictor",
    "Predictor",
    "Report",
    "Score",
    "Suite",
    "Truth",
    "Vmaf",
    "Worst",
    "blend",
    "evaluate",
    "find_ffmpeg",
    "find_suite",
    "has_st_lpips",
    "load_predictor",
    "parse_size",
    "parse_span",
    "save_sheet",
]
