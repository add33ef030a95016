"""NYU Depth v2: the labelled set, the 48K images in HDF5, and frames of the raw video."""

from depthlib.data.nyu.classes import MAP4, MAP13, NAMES4, NAMES13, class_table, coarsen, read_mapping40
from depthlib.data.nyu.h5 import NYU48K
from depthlib.data.nyu.labelled import CAMERA, NYULabelled, read_split
from depthlib.data.nyu.raw import NYURaw, read_kinect_pgm

__all__ = [
    "CAMERA",
    "MAP4",
    "MAP13",
    "NAMES4",
    "NAMES13",
    "NYU48K",
    "NYULabelled",
    "NYURaw",
    "class_table",
    "coarsen",
    "read_kinect_pgm",
    "read_mapping40",
    "read_split",
]
