"""Figures, tables and shown sources of the notebooks."""

from depthlib.base.colour import PALETTE, colour_classes, colour_depth
from depthlib.report.curves import seed_curves
from depthlib.report.figures import DEPTH, ERROR, ColourScale, Map, class_maps, panels, show_images
from depthlib.report.report import Report
from depthlib.report.source import show_source
from depthlib.report.style import style

__all__ = [
    "DEPTH",
    "ERROR",
    "PALETTE",
    "ColourScale",
    "Map",
    "Report",
    "class_maps",
    "colour_classes",
    "colour_depth",
    "panels",
    "seed_curves",
    "show_images",
    "show_source",
    "style",
]
