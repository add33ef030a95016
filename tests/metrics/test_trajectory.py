"""Trajectory errors against closed forms, SciPy, plain loops, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from camera_walks import elsewhere, walk
from scipy.spatial.transform import Rotation

from depthlib.metrics.kitti_odometry import poses_from_quaternions, segment_errors
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


@pytest.mark.parametrize("alignment, scale", [("rigid", 1.0), ("similarity", 0.03), ("scale", 40.0), ("none", 1.0)])
def test_what_an_alignment_forgives_leaves_no_error(alignment, scale):
    truth = walk()
    estimate = truth.copy() if alignment == "none" else elsewhere(truth, scale)
    aligned = align(estimate, truth, alignment)
    np.testing.assert_allclose(aligned, truth, atol=1e-9)  # cameras turn along with their positions
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
    fit = umeyama(x, 2 * x * [1, 1, -1] + 0.3 * rng.standard_normal((40, 3)))  # a mirror image would fit best
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
    estimate[31:] = truth[31] @ slip @ np.linalg.inv(truth[31]) @ truth[31:]  # one wrong motion: 0.5 m and 0.02 rad
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


def test_association_is_one_to_one_and_takes_the_nearest():
    reference = np.array([0.0, 0.1, 0.2, 0.3, 5.0])
    pairs = associate([0.104, 0.093, 0.21, 1.0, 4.99], reference)
    np.testing.assert_array_equal(pairs, [[0, 1], [2, 2], [4, 4]])  # 0.093 also wants 0.1, and is farther
    with pytest.raises(ValueError, match="one clock"):
        associate([1305031102.1], reference)


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
    np.testing.assert_allclose(align(straight * 1.0, straight, "scale"), straight)  # needs no bend
