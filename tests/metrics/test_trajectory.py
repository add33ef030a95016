"""Trajectory errors against closed forms, SciPy, plain loops, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from depthlib.metrics.kitti_odometry import (
    LENGTHS,
    odometry_errors,
    poses_from_quaternions,
    read_kitti_poses,
    read_tum_trajectory,
    segment_errors,
    write_kitti_poses,
)
from depthlib.metrics.trajectory import (
    ALIGNMENTS,
    absolute_errors,
    align,
    associate,
    best_scale,
    pairs_by_distance,
    relative_errors,
    snippet_errors,
    snippets,
    statistics,
    umeyama,
)


def walk(frames: int = 60, seed: int = 0, step: float = 1.0, turn: float = 0.05) -> np.ndarray:
    """A camera that drives forward and turns a little at random, [N,4,4]."""
    rng = np.random.default_rng(seed)
    poses = [np.eye(4)]
    for _ in range(frames - 1):
        move = np.eye(4)
        move[:3, :3] = Rotation.from_rotvec(turn * rng.standard_normal(3)).as_matrix()
        move[:3, 3] = rng.normal([0, 0, step], 0.1 * step)
        poses.append(poses[-1] @ move)
    return np.array(poses)


def elsewhere(poses: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """The same path in another world, scaled."""
    world = np.eye(4)
    world[:3, :3], world[:3, 3] = Rotation.from_rotvec([0.4, -1.1, 0.3]).as_matrix(), (5, -7, 2)
    moved = poses.copy()
    moved[:, :3, 3] *= scale
    return world @ moved


@pytest.mark.parametrize("alignment, scale", [("rigid", 1.0), ("similarity", 0.03), ("scale", 40.0), ("none", 1.0)])
def test_what_an_alignment_forgives_leaves_no_error(alignment, scale):
    truth = walk()
    estimate = truth.copy() if alignment == "none" else elsewhere(truth, scale)
    aligned = align(estimate, truth, alignment)
    np.testing.assert_allclose(aligned, truth, atol=1e-9)       # cameras turn along with their positions
    assert absolute_errors(estimate, truth, alignment).max() < 1e-9


def test_what_it_does_not_forgive():
    truth = walk()
    assert absolute_errors(elsewhere(truth), truth, "none").min() > 1
    assert absolute_errors(elsewhere(truth, 1.3), truth, "rigid").mean() > 1
    bent = truth.copy()
    bent[:, 0, 3] += 0.001 * np.arange(60) ** 2
    errors = {how: statistics(absolute_errors(bent, truth, how)).rmse for how in ALIGNMENTS}
    assert errors["similarity"] < errors["rigid"] < errors["none"] and errors["similarity"] < errors["scale"]


def test_umeyama_is_the_minimum_and_never_a_mirror():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((40, 3))
    fit = umeyama(x, 2 * x * [1, 1, -1] + 0.3 * rng.standard_normal((40, 3)))     # a mirror image would fit best
    assert np.linalg.det(fit.rotation) == pytest.approx(1)
    y = 1.7 * x @ Rotation.from_rotvec([0.2, 0.1, 2.5]).as_matrix().T + 3 + 0.2 * rng.standard_normal((40, 3))
    fit = umeyama(x, y)
    least = np.sum((fit.points(x) - y) ** 2)
    for _ in range(50):
        turned = Rotation.from_rotvec(0.02 * rng.standard_normal(3)).as_matrix() @ fit.rotation
        other = fit.scale * (1 + 0.02 * rng.standard_normal()) * x @ turned.T
        assert np.sum((other - other.mean(0) + y.mean(0) - y) ** 2) >= least
    expected = Rotation.align_vectors(y - y.mean(0), x - x.mean(0))[0].as_matrix()
    np.testing.assert_allclose(umeyama(x, y, scale=False).rotation, expected, atol=1e-9)


def test_relative_errors_by_hand_and_in_any_world():
    truth = walk()
    for inverse in ("matrix", "transpose"):
        assert max(errors.max() for errors in relative_errors(elsewhere(truth), truth, inverse=inverse)) < 1e-7
    estimate = truth.copy()
    slip = np.eye(4)
    slip[:3, :3], slip[:3, 3] = Rotation.from_rotvec([0, 0.02, 0]).as_matrix(), (0.3, 0, 0.4)
    estimate[31:] = truth[31] @ slip @ np.linalg.inv(truth[31]) @ truth[31:]       # one wrong motion: 0.5 m and 0.02 rad
    metres, radians = relative_errors(estimate, truth)
    assert metres[30] == pytest.approx(0.5) and radians[30] == pytest.approx(0.02)
    assert np.delete(metres, 30).max() < 1e-9 and np.delete(radians, 30).max() < 1e-7
    far, _ = relative_errors(estimate, truth, [[0, 59], [35, 40]])
    assert far[0] > 0.4 and far[1] < 1e-9


def test_pairs_by_distance_against_a_loop():
    truth = walk(200)
    covered, ends = 0.0, []
    for i in range(1, 200):
        covered += np.linalg.norm(truth[i, :3, 3] - truth[i - 1, :3, 3])
        if covered >= 7.3:
            ends.append(i)
            covered = 0.0
    np.testing.assert_array_equal(pairs_by_distance(truth, 7.3), list(zip(ends, ends[1:], strict=False)))


@pytest.mark.parametrize("length", [3, 5])
def test_snippets_are_rmse_over_root_of_frames_with_one_scale_each(length):
    truth, estimate = walk(30, seed=2), elsewhere(walk(30, seed=3), 0.1)
    ours = snippet_errors(snippets(estimate, length)[..., :3, 3], snippets(truth, length)[..., :3, 3])
    assert len(ours) == 30 - length + 1
    for i, value in enumerate(ours):
        e, t = (np.array([(np.linalg.inv(p[i]) @ p[i + k])[:3, 3] for k in range(length)]) for p in (estimate, truth))
        scale = np.vdot(e, t) / np.vdot(e, e)
        rmse = np.sqrt(np.mean(np.sum((scale * e - t) ** 2, axis=1)))
        assert value == pytest.approx(rmse / np.sqrt(length), rel=1e-12)
    again = snippet_errors(snippets(elsewhere(estimate, 9.0), length)[..., :3, 3], snippets(truth, length)[..., :3, 3])
    np.testing.assert_allclose(again, ours, rtol=1e-9)


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
    assert 7 < found.t_err < 10.2 and found.r_err < 1e-5        # per cent of the chord, which is shorter than the way
    assert found.frames == 600 and found.segments > 100
    assert odometry_errors(slow, truth).t_err < 1e-6
    short = odometry_errors(truth[:50], truth[:50])
    assert np.isnan(short.t_err) and short.segments == 0 and short.ate < 1e-9


def test_rpe_skips_gaps_between_frames():
    truth = walk(300, turn=0.01)
    frames = np.concatenate((np.arange(5, 100), np.arange(150, 300)))
    estimate = truth[frames]
    estimate[95:] = elsewhere(estimate[95:])            # lost and started anew in the gap: the motions are right all the same
    found = odometry_errors(estimate, truth, frames, alignment="none")
    assert found.frames == 245 and found.rpe_metres < 1e-9 and found.ate > 1


def test_a_stretch_ends_beyond_its_length_not_at_it():
    straight = np.tile(np.eye(4), (102, 1, 1))
    straight[:, 2, 3] = np.arange(102)
    assert segment_errors(straight, straight).first.tolist() == [0]
    assert len(segment_errors(straight[:101], straight[:101]).first) == 0       # exactly 100 m is not beyond 100 m


def test_association_is_one_to_one_and_takes_the_nearest():
    reference = np.array([0.0, 0.1, 0.2, 0.3, 5.0])
    pairs = associate([0.104, 0.093, 0.21, 1.0, 4.99], reference)
    np.testing.assert_array_equal(pairs, [[0, 1], [2, 2], [4, 4]])      # 0.093 also wants 0.1, and is farther
    with pytest.raises(ValueError, match="one clock"):
        associate([1305031102.1], reference)


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


def test_clear_errors():
    poses = walk(10)
    straight = np.tile(np.eye(4), (10, 1, 1))
    straight[:, 2, 3] = np.arange(10)
    hollow = poses.copy()
    hollow[3, 0, 0] = np.nan
    for call, message in [
        (lambda: align(straight, straight, "rigid"), "one line"),
        (lambda: align(poses, poses, "lucky"), "expected one of none, rigid"),
        (lambda: align(poses[:5], poses, "rigid"), "5 and 10 frames"),
        (lambda: align(hollow, poses, "none"), "1 poses with NaN"),
        (lambda: align(poses[:, :3], poses, "none"), r"expected \[N,4,4\]"),
        (lambda: best_scale(np.zeros((4, 3)), np.ones((4, 3))), "a path that moves"),
        (lambda: snippet_errors(np.ones((2, 3, 3)), np.zeros((2, 3, 3))), "off the origin"),
        (lambda: snippet_errors(np.zeros((2, 3, 3)), np.zeros((2, 3, 3))), "2 snippets without motion"),
        (lambda: snippets(poses, 11), "expected 2 to 10"),
        (lambda: segment_errors(poses, poses, np.arange(1, 11)), "ascending number"),
        (lambda: relative_errors(poses, poses, np.zeros((0, 2), int)), "at least one"),
        (lambda: pairs_by_distance(poses, 1000), "expected at least two segments"),
        (lambda: statistics([]), "expected finite"),
        (lambda: poses_from_quaternions(np.zeros((2, 3)), np.zeros((2, 4))), "none of length 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
    np.testing.assert_allclose(align(straight * 1.0, straight, "scale"), straight)     # needs no bend
