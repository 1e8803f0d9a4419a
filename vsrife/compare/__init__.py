"""A clip compared with what is made of it, for people who look: pictures, a short video, a timeline."""

from vsrife.compare.comparison import Comparison, compare, figures, pictures, summary
from vsrife.compare.flow import FlowFinder
from vsrife.compare.page import save_page
from vsrife.compare.sheet import Shown, save_moments
from vsrife.compare.survey import Survey, survey
from vsrife.compare.timeline import save_timeline
from vsrife.compare.video import VideoOptions, best_stretch, save_video, side_by_side

__all__ = [
    "Comparison",
    "FlowFinder",
    "Shown",
    "Survey",
    "VideoOptions",
    "best_stretch",
    "compare",
    "figures",
    "pictures",
    "save_moments",
    "save_page",
    "save_timeline",
    "save_video",
    "side_by_side",
    "summary",
    "survey",
]
