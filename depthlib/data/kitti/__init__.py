"""KITTI: raw drives, the depth benchmark, odometry, stereo 2015, and SfMLearner's formatted frames."""

from depthlib.data.kitti.calibration import (
    Calibration,
    read_camera_calibration,
    read_raw_calibration,
    read_sequence_calibration,
)
from depthlib.data.kitti.depth import KittiDepth, read_annotated
from depthlib.data.kitti.formatted import KittiFormatted
from depthlib.data.kitti.odometry import KittiOdometry
from depthlib.data.kitti.poses import oxts_pose, read_oxts, read_poses
from depthlib.data.kitti.raw import KittiRaw, drive_frames
from depthlib.data.kitti.splits import (
    RawFrame,
    SequenceFrame,
    parse_mapping,
    parse_raw,
    parse_sequences,
    parse_static,
    split_lines,
    without_static,
)
from depthlib.data.kitti.stereo2015 import KittiStereo2015, raw_frames, read_disparity
from depthlib.data.kitti.submission import check_submission, read_submission, write_submission
from depthlib.data.kitti.velodyne import project_scan, read_projected, read_scan

__all__ = [
    "Calibration",
    "KittiDepth",
    "KittiFormatted",
    "KittiOdometry",
    "KittiRaw",
    "KittiStereo2015",
    "RawFrame",
    "SequenceFrame",
    "check_submission",
    "drive_frames",
    "oxts_pose",
    "parse_mapping",
    "parse_raw",
    "parse_sequences",
    "parse_static",
    "project_scan",
    "raw_frames",
    "read_annotated",
    "read_camera_calibration",
    "read_disparity",
    "read_oxts",
    "read_poses",
    "read_projected",
    "read_raw_calibration",
    "read_scan",
    "read_sequence_calibration",
    "read_submission",
    "split_lines",
    "without_static",
    "write_submission",
]
