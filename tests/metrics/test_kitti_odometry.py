"""KITTI's odometry errors against plain loops and known drifts, and files of poses."""

from __future__ import annotations

import numpy as np
import pytest
from camera_walks import elsewhere, walk
from scipy.spatial.transform import Rotation

from depthlib.metrics.kitti_odometry import (
    LENGTHS,
    odometry_errors,
    read_kitti_poses,
    read_tum_trajectory,
    segment_errors,
    write_kitti_poses,
)


def devkit(estimate: dict[int, np.ndarray], truth: np.ndarray) -> tuple[float, float]:
    """t_err and r_err written as the plain loop of their definition."""
    along = [0.0]
    for a, b in zip(truth, truth[1:], strict=False):
        along.append(along[-1] + np.linalg.norm(b[:3, 3] - a[:3, 3]))
    t_err, r_err = [], []
    for first in range(0, len(truth), 10):
        for length in LENGTHS:
            last = next((i for i in range(first, len(truth)) if along[i] > along[first] + length), None)
            if last is None or first not in estimate or last not in estimate:
                continue
            motion = [np.linalg.inv(p[first]) @ p[last] for p in (estimate, truth)]
            error = np.linalg.inv(motion[0]) @ motion[1]
            t_err.append(np.linalg.norm(error[:3, 3]) / length)
            r_err.append(Rotation.from_matrix(error[:3, :3]).magnitude() / length)
    return 100 * np.mean(t_err), 100 * np.degrees(np.mean(r_err))


def test_segments_against_a_loop_with_missing_frames():
    truth, other = walk(400, step=1.4, turn=0.004), walk(400, seed=9, step=1.4, turn=0.004)
    frames = np.setdiff1d(np.arange(3, 390), [20, 137, 138, 200])
    found = segment_errors(other[frames], truth, frames)
    expected = devkit({int(f): other[f] for f in frames}, truth)
    assert 100 * found.translation.mean() == pytest.approx(expected[0], rel=1e-12)
    assert 100 * np.degrees(found.rotation.mean()) == pytest.approx(expected[1], rel=1e-7)
    assert 20 not in found.first and 0 not in found.first and 10 in found.first


def test_odometry_of_a_known_drift():
    truth = walk(600, step=1.0, turn=0.01)
    assert odometry_errors(elsewhere(truth, 0.2), truth).t_err < 1e-6
    slow = truth.copy()
    slow[:, :3, 3] *= 0.9
    found = odometry_errors(slow, truth, alignment="none")
    assert 7 < found.t_err < 10.2 and found.r_err < 1e-5  # per cent of the chord, which is shorter than the way
    assert found.frames == 600 and found.segments > 100
    assert odometry_errors(slow, truth).t_err < 1e-6
    short = odometry_errors(truth[:50], truth[:50])
    assert np.isnan(short.t_err) and short.segments == 0 and short.ate < 1e-9


def test_rpe_skips_gaps_between_frames():
    truth = walk(300, turn=0.01)
    frames = np.concatenate((np.arange(5, 100), np.arange(150, 300)))
    estimate = truth[frames]
    estimate[95:] = elsewhere(estimate[95:])  # lost and started anew in the gap: the motions are right all the same
    found = odometry_errors(estimate, truth, frames, alignment="none")
    assert found.frames == 245 and found.rpe_metres < 1e-9 and found.ate > 1


def test_a_stretch_ends_beyond_its_length_not_at_it():
    straight = np.tile(np.eye(4), (102, 1, 1))
    straight[:, 2, 3] = np.arange(102)
    assert segment_errors(straight, straight).first.tolist() == [0]
    assert len(segment_errors(straight[:101], straight[:101]).first) == 0  # exactly 100 m is not beyond 100 m


def test_pose_files_round_trip_and_what_they_refuse(tmp_path):
    poses = walk(20)
    write_kitti_poses(tmp_path / "00.txt", poses)
    frames, back = read_kitti_poses(tmp_path / "00.txt")
    np.testing.assert_array_equal(back, poses)
    assert frames.tolist() == list(range(20))
    numbered = np.column_stack((np.arange(20) + 4, poses[:, :3].reshape(20, 12)))
    np.savetxt(tmp_path / "numbered.txt", numbered)
    assert read_kitti_poses(tmp_path / "numbered.txt")[0][0] == 4
    quaternions = Rotation.from_matrix(poses[:, :3, :3]).as_quat()
    tum = np.column_stack((np.arange(20) / 30, poses[:, :3, 3], 1.001 * quaternions))
    np.savetxt(tmp_path / "tum.txt", tum, header="comment")
    stamps, again = read_tum_trajectory(tmp_path / "tum.txt")
    np.testing.assert_allclose(again, poses, atol=1e-12)
    assert stamps[3] == pytest.approx(0.1)
    np.savetxt(tmp_path / "transposed.txt", poses[:, :, :3].reshape(20, 12) * 1.1)
    bad = {"transposed.txt": "determinant", "tum.txt": "found 20 lines of 8 numbers", "none.txt": "cannot be read"}
    numbered[3, 5] = np.nan
    np.savetxt(tmp_path / "nan.txt", numbered)
    numbered[3, 5], numbered[7, 0] = 0, 0
    np.savetxt(tmp_path / "order.txt", numbered)
    for name, message in (bad | {"nan.txt": "first line 4", "order.txt": "ascend"}).items():
        with pytest.raises(ValueError, match=f"{name}.*{message}"):
            read_kitti_poses(tmp_path / name)
