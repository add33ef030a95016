"""Smoothing: closed forms on videos that stand still, and a generated sequence whose motion and depth are exact."""

from __future__ import annotations

import math
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from depthlib.app.array_file import ArrayFile
from depthlib.app.video_smoothing import KEEP, WINDOW, Steadiness, motion, require_flow, smooth, steady_factors
from depthlib.geometry.camera import pixel_grid
from depthlib.metrics import abs_rel
from depthlib.metrics.temporal import flicker, log_change, scale_change, scale_drift
from depthlib.scenes import SceneDistribution, intrinsics, make_scene, render
from depthlib.scenes.flow import displaced


def kept(arrays) -> ArrayFile:
    file = ArrayFile()
    for array in arrays:
        file.append(array)
    return file


def still(count: int, size: tuple[int, int] = (24, 32)) -> ArrayFile:
    """Motions of a camera at rest: no flow, and everything looks alike."""
    return kept([torch.cat((torch.zeros(2, *size), torch.ones(1, *size)))] * (count - 1))


def smooth_noise(size: tuple[int, int], seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.interpolate(torch.rand(1, 3, 12, 16, generator=generator), size, mode="bicubic")[0].clamp(0, 1)


def test_motion_is_the_shift_between_the_images() -> None:
    large = smooth_noise((80, 140))
    here, before = large[:, 8:72, 6:134], large[:, 10:74, 3:131]
    u, v, alike = motion(here, before)
    inner = (slice(8, -8), slice(8, -8))
    assert u.shape == (64, 128)
    assert abs(float(u[inner].median()) - 3) < 0.1 and abs(float(v[inner].median()) + 2) < 0.1
    assert alike[inner].mean() > 0.99
    assert motion(here, 1 - before)[2].mean() < 0.5
    u, v, alike = motion(here, 0.6 * before)  # another exposure
    assert abs(float(u[inner].median()) - 3) < 0.1 and alike[inner].mean() > 0.99


def test_a_steady_drive_and_short_shots_keep_their_scale() -> None:
    np.testing.assert_allclose(steady_factors([-0.07] * 40), 1, atol=1e-12)
    for steps in ([], [0.3]):
        np.testing.assert_allclose(steady_factors(steps), 1)
    np.testing.assert_allclose(np.diff(np.log(steady_factors([0.2, -0.2]))), [-0.2, 0.2], atol=1e-12)


def test_independent_scales_become_their_moving_average() -> None:
    scales = 0.1 * np.random.default_rng(0).standard_normal(60)
    left = np.log(steady_factors(np.diff(scales))) + scales
    inner = slice(WINDOW // 2, -(WINDOW // 2))
    np.testing.assert_allclose(left[inner], np.convolve(scales, np.ones(WINDOW) / WINDOW, "valid"), atol=1e-12)
    assert np.diff(left).std() < np.diff(scales).std() / 10


def test_a_cut_separates() -> None:
    one, other = 0.1 * np.random.default_rng(0).standard_normal((2, 20))
    both = steady_factors([*np.diff(one), None, *np.diff(other)])
    alone = [steady_factors(np.diff(scales)) for scales in (one, other)]
    np.testing.assert_allclose(both, np.concatenate(alone), atol=1e-12)


def test_noise_of_a_still_video_becomes_that_of_the_exponential_average() -> None:
    """Differences of an average x + KEEP (mean before - x): their variance is 2 s^2 (1-KEEP)^2 / (1+KEEP)."""
    torch.manual_seed(0)
    depths = kept(3 * torch.exp(0.004 * torch.randn(40, 1, 24, 32)))
    steadier, before, after = smooth(depths, still(40))
    assert before.flicker == pytest.approx(2 * 0.004 / math.sqrt(math.pi), rel=0.03)
    assert after.flicker / before.flicker == pytest.approx((1 - KEEP) / math.sqrt(1 + KEEP), rel=0.05)
    assert after.drift < before.drift < 4e-4
    spread = torch.stack(list(steadier))[20:].log().std()
    assert spread.item() == pytest.approx(0.004 * math.sqrt((1 - KEEP) / (1 + KEEP)), rel=0.05)


def test_another_surface_is_taken_over_at_once() -> None:
    """Something nearer by a third appears in a corner: it does not fade in."""
    depths = [torch.full((1, 24, 32), 3.0) for _ in range(6)]
    for depth in depths[3:]:
        depth[:, :8, :8] = 2.0
    steadier, *_ = smooth(kept(depths), still(6))
    for given, found in zip(depths, steadier, strict=True):
        torch.testing.assert_close(found, given, rtol=2e-3, atol=0)


def test_points_are_followed() -> None:
    """An edge that moves by two pixels a frame stays sharp, since each point meets its own past. The motion is known at
    half the size.
    """
    frames = []
    for index in range(8):
        depth = torch.full((1, 24, 40), 2.0)
        depth[:, :, 10 + 2 * index :] = 2.1
        frames.append(depth)
    motions = kept([torch.cat((torch.full((1, 12, 20), -1.0), torch.zeros(1, 12, 20), torch.ones(1, 12, 20)))] * 7)
    steadier, *_ = smooth(kept(frames), motions)
    torch.testing.assert_close(torch.stack(list(steadier)), torch.stack(frames))
    blurred, *_ = smooth(kept(frames), still(8, (24, 40)))
    assert (torch.stack(list(blurred)) - torch.stack(frames)).abs().max() > 0.01


def test_a_wall_that_comes_nearer_is_not_behind_its_time() -> None:
    wall = [torch.full((1, 24, 32), 3 * 0.97**index) for index in range(20)]
    steadier, before, after = smooth(kept(wall), still(20))
    torch.testing.assert_close(torch.stack(list(steadier)), torch.stack(wall))
    assert max(before.drift, after.drift) < 1e-6


def test_after_a_cut_nothing_of_the_shot_before_is_left() -> None:
    depths = [torch.full((1, 24, 32), depth) for depth in (3.0,) * 5 + (3.2,) * 5]
    motions = [*still(5), torch.zeros(3, 24, 32), *still(5)]
    steadier, before, after = smooth(kept(depths), kept(motions))
    torch.testing.assert_close(torch.stack(list(steadier)), torch.stack(depths))
    assert before.drift == after.drift == 0
    nothing = smooth(kept(depths[:1]), kept([]))[1]
    assert math.isnan(nothing.drift) and math.isnan(nothing.flicker)
    assert str(Steadiness(0.01234, 0.5)) == "scale drift 0.0123, flicker 0.5000"


def test_bad_arguments_and_a_missing_package(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="motions: found 2, expected 1 for 2 maps"):
        smooth(kept([torch.ones(1, 4, 4)] * 2), still(3, (4, 4)))
    with pytest.raises(ValueError, match="found a depth of 0 in frame 1, expected depths above 0"):
        smooth(kept([torch.ones(1, 4, 4), torch.zeros(1, 4, 4)]), still(2, (4, 4)))
    monkeypatch.setitem(sys.modules, "skimage.registration", None)
    with pytest.raises(ImportError, match=r"smooth: .*pip install 'depthlib\[video\]'"):
        require_flow()


@pytest.mark.slow
@pytest.mark.parametrize(("family", "step"), [("rooms", (0.02, 0.01, 0.0)), ("streets", (0.0, 0.4, 0.0))])
def test_random_scales_of_a_generated_sequence_fall_tenfold_and_the_error_by_a_third(
    family: str, step: tuple[float, float, float], count: int = 18
) -> None:
    """Measured along the exact motion, while the smoothing sees the images alone. The street is driven along forwards,
    which steadily changes the depth of all points.
    """
    distribution = SceneDistribution(family, height=96, width=128)
    scene = make_scene(distribution, "train", 1)
    start = scene.cameras["current"]
    place = np.array(start.position)
    cameras = [replace(start, position=tuple(place + index * np.array(step))) for index in range(count)]
    frames = [render([scene], [camera], distribution, dtype=torch.float32) for camera in cameras]
    truth = [torch.where(frame.depth > 0, frame.depth, 200.0) for frame in frames]
    noise = torch.randn(count, generator=torch.Generator().manual_seed(0))
    scales = torch.exp(0.1 * (noise - noise.mean()))  # a factor of the whole video is no drift, and stays
    predicted = [depth * scale for depth, scale in zip(truth, scales, strict=True)]

    def measured(depths) -> tuple[float, float, float]:
        steps, flickers = [], []
        for index in range(1, count):
            here, K = frames[index], intrinsics(distribution, scene.focal)
            pixels, z = displaced(here.depth[0, 0], here.instances[0], {}, cameras[index], cameras[index - 1], K)
            flow, solid = (pixels - pixel_grid(96, 128, dtype=torch.float64)[0])[None], here.depth > 0
            expected = torch.where(solid, torch.log(z / here.depth.clamp(min=1e-3)), 0)
            pair = log_change(depths[index], depths[index - 1], flow, solid, expected)
            steps.append(scale_change(*pair))
            flickers.append(float(flicker(*pair)))
        errors = [abs_rel(p, t, f.depth > 0) for p, t, f in zip(depths, truth, frames, strict=True)]
        return float(scale_drift(torch.cat(steps))), float(np.mean(flickers)), float(torch.cat(errors).mean())

    motions = kept(motion(b.image[0], a.image[0]) for a, b in zip(frames[:-1], frames[1:], strict=True))
    steadier, before, after = smooth(kept(depth[0] for depth in predicted), motions)
    drift, _, error = measured(predicted)
    less_drift, _, less_error = measured([depth[None] for depth in steadier])
    assert drift == pytest.approx(float(scales.log().diff().std(correction=0)), rel=0.02)
    assert less_drift < drift / 10 and less_error < error * 2 / 3
    # what the estimated flow says is near enough to the exact motion to be reported
    assert before.drift == pytest.approx(drift, rel=0.05) and after.drift < before.drift / 10
