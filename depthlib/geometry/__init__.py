"""Camera, pose and warp: pure tensor functions. Conventions are stated in `camera.py`."""

from depthlib.geometry.camera import (
    MIN_DEPTH,
    backproject,
    crop_intrinsics,
    flip_intrinsics,
    normals_from_depth,
    pixel_grid,
    project,
    scale_intrinsics,
    transform_points,
    viewing_rays,
)
from depthlib.geometry.pose import (
    axis_angle_to_matrix,
    compose_poses,
    euler_to_matrix,
    invert_pose,
    make_pose,
    matrix_to_quaternion,
    pose_from_axis_angle,
    pose_from_euler,
    quaternion_to_matrix,
)
from depthlib.geometry.warp import depth_agrees, inside, reproject, sample_pixels, warp, warp_disparity

__all__ = [
    "MIN_DEPTH",
    "axis_angle_to_matrix",
    "backproject",
    "compose_poses",
    "crop_intrinsics",
    "depth_agrees",
    "euler_to_matrix",
    "flip_intrinsics",
    "inside",
    "invert_pose",
    "make_pose",
    "matrix_to_quaternion",
    "normals_from_depth",
    "pixel_grid",
    "pose_from_axis_angle",
    "pose_from_euler",
    "project",
    "quaternion_to_matrix",
    "reproject",
    "sample_pixels",
    "scale_intrinsics",
    "transform_points",
    "viewing_rays",
    "warp",
    "warp_disparity",
]
