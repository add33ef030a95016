"""Temporal errors on triplets of scenes whose motion is exact, and against closed forms and SciPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates
from torch import Tensor

from depthlib.geometry.camera import pixel_grid
from depthlib.metrics.temporal import flicker, log_change, looks_alike, scale_change, scale_drift
from depthlib.scenes import SceneDistribution, intrinsics, make_scene, render
from depthlib.scenes.flow import displaced, occluded

F64 = torch.float64


def pair(family: str, view: str, number: int = 1) -> dict[str, Tensor]:
    """Arguments of `log_change` with the true depth, from "current" to `view`, where things move, too."""
    distribution = SceneDistribution(family, height=96, width=128, antialias=1, moving_share=1.0, clutter=1.0)
    scene = make_scene(distribution, "train", number)
    cameras = [scene.cameras[name] for name in ("current", view)]
    here, there = (render([scene], [camera], distribution) for camera in cameras)
    depth = here.depth[0, 0]
    pixels, z = displaced(depth, here.instances[0], scene.motions, *cameras, intrinsics(distribution, scene.focal))
    sky = depth <= 0
    return {
        "depth": here.depth,
        "other": there.depth,
        "flow": (pixels - pixel_grid(96, 128, dtype=F64)[0])[None],
        "visible": ~occluded(scene, view, distribution)[None, None] & ~sky,
        "expected": torch.where(sky, 0, torch.log(z / depth.clamp(min=1e-3)))[None, None],
    }


@pytest.mark.slow
@pytest.mark.parametrize("view", ["previous", "next"])
@pytest.mark.parametrize("family", ["streets", "rooms"])
def test_true_depth_changes_nothing_and_a_scaled_frame_by_its_scale(family: str, view: str) -> None:
    given = pair(family, view)
    change, counted = log_change(**given)
    assert counted.double().mean() > 0.5 and not counted[~given["visible"]].any()
    assert scale_change(change, counted).abs().item() < 1e-5
    # a plane is exact; what is left are edges, where four pixels lie on two surfaces
    assert change[counted].abs().quantile(0.8) < 1e-3
    assert flicker(change, counted).item() < 0.02
    scaled, same = log_change(**given | {"other": 1.3 * given["other"]})
    assert torch.equal(same, counted)
    assert scale_change(scaled, same).item() == pytest.approx(math.log(1.3) + scale_change(change, counted).item())
    assert flicker(scaled, same).item() == pytest.approx(flicker(change, counted).item())
    moved, _ = log_change(**given | {"expected": None})
    if family == "streets":  # the car drives about a metre a frame
        assert 0.02 < abs(scale_change(moved, counted).item()) < 0.2


def test_a_slanted_plane_is_exact_between_pixels() -> None:
    """Interpolated depth would be wrong there; only its inverse is linear in the image."""
    v, u = np.mgrid[0:20, 0:30].astype(float)
    depth = torch.from_numpy(1 / (0.02 + 0.01 * v + 0.002 * u))[None, None]
    flow = torch.tensor([0.3, -0.45], dtype=F64).view(1, 2, 1, 1).expand(1, 2, 20, 30)
    there = torch.from_numpy(1 / (0.02 + 0.01 * (v - 0.45) + 0.002 * (u + 0.3)))[None, None]
    change, counted = log_change(depth, depth, flow, expected=torch.log(there / depth))
    assert counted.sum() == 19 * 29 and change.abs().max() < 1e-12


def test_the_change_is_that_of_scipy() -> None:
    torch.manual_seed(0)
    depth, other = (1 + torch.rand(2, 1, 12, 17, dtype=F64) for _ in range(2))
    flow = 3 * torch.randn(2, 2, 12, 17, dtype=F64)
    change, counted = log_change(depth, other, flow)
    for b in range(2):
        v, u = np.mgrid[0:12, 0:17] + flow[b].flip(0).numpy()
        inverse = map_coordinates(1 / other[b, 0].numpy(), [v, u], order=1, mode="nearest")
        inner = (v > -0.01) & (v < 11.01) & (u > -0.01) & (u < 16.01)  # the slack of `inside`
        assert np.array_equal(counted[b, 0].numpy(), inner)
        expected = np.log(1 / inverse / depth[b, 0].numpy())[inner]
        np.testing.assert_allclose(change[b, 0].numpy()[inner], expected, atol=1e-9)
        middle = np.sort(expected)[(len(expected) - 1) // 2]
        assert scale_change(change, counted)[b].item() == pytest.approx(middle)
        assert flicker(change, counted)[b].item() == pytest.approx(np.abs(expected - middle).mean())


def test_noise_is_flicker_and_no_drift() -> None:
    """Normal noise s of the logarithm in both frames: the mean distance is that of a normal of sqrt(2) s."""
    torch.manual_seed(0)
    depth, size, s = 1 + torch.rand(1, 1, 100, 150, dtype=F64), (1, 1, 100, 150), 0.05
    noisy, other = (depth * torch.exp(s * torch.randn(size, dtype=F64)) for _ in range(2))
    flow = torch.zeros(1, 2, 100, 150, dtype=F64)
    change, counted = log_change(noisy, other, flow)
    assert flicker(change, counted).item() == pytest.approx(2 * s / math.sqrt(math.pi), rel=0.02)
    assert scale_change(change, counted).abs().item() < 0.03 * s
    torch.testing.assert_close(
        flicker(*log_change(noisy, other.roll(7, 3), flow + torch.tensor([7.0, 0.0]).view(1, 2, 1, 1))),
        flicker(change[..., :-7], counted[..., :-7]),
    )


def test_drift_of_independent_scales_and_of_a_steady_drive() -> None:
    scales = 0.1 * torch.from_numpy(np.random.default_rng(0).standard_normal(20_000))
    assert scale_drift(scales.diff()).item() == pytest.approx(0.1 * math.sqrt(2), rel=0.02)
    assert scale_drift(torch.full((9,), -0.07)).item() < 1e-7
    assert scale_drift(torch.tensor([0.3])).item() == 0


def test_unknown_depth_and_hidden_pixels_do_not_count() -> None:
    depth, other = torch.full((1, 1, 6, 8), 2.0), torch.full((1, 1, 6, 8), 2.0)
    depth[..., 0, 0], other[..., 3, 4], visible = 0, 0, torch.ones(1, 1, 6, 8, dtype=torch.bool)
    visible[..., 5, 5] = False
    flow = torch.zeros(1, 2, 6, 8)
    flow[:, 0] = 0.5
    change, counted = log_change(depth, other, flow, visible)
    out = {tuple(place) for place in (~counted[0, 0]).nonzero().tolist()}
    assert out == {(0, 0), (3, 3), (3, 4), (5, 5), *((row, 7) for row in range(6))}
    assert change.abs().max() < 1e-6


def test_what_looks_alike_is_what_a_shift_brings_over() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 10, 14)
    other, flow = image.roll(3, 3), torch.zeros(1, 2, 10, 14)
    flow[:, 0] = 3
    alike = looks_alike(image, other, flow)[0, 0]
    assert alike[:, :11].all() and not alike[:, 11:].any()
    assert looks_alike(image, other, 0 * flow).double().mean() < 0.1
    step = math.sqrt(math.log(2) / 50 / 3)  # of each channel, at one half
    for factor, expected in ((0.99, True), (1.01, False)):
        assert looks_alike(image, image + factor * step, 0 * flow).all() == expected


@pytest.mark.parametrize(
    ("name", "value", "error", "words"),
    [
        ("depth", torch.ones(4, 5), ValueError, r"depth: found shape \[4, 5\]"),
        ("other", torch.ones(1, 1, 4, 6), ValueError, "other: found shape"),
        ("flow", torch.ones(1, 1, 4, 5), ValueError, "flow: found shape"),
        ("expected", torch.ones(2, 1, 4, 5), ValueError, "expected: found shape"),
        ("depth", torch.ones(1, 1, 4, 5, dtype=torch.int64), TypeError, "depth: found dtype torch.int64"),
    ],
)
def test_bad_arguments(name: str, value: Tensor, error: type[Exception], words: str) -> None:
    given = {"depth": torch.ones(1, 1, 4, 5), "other": torch.ones(1, 1, 4, 5), "flow": torch.zeros(1, 2, 4, 5)}
    with pytest.raises(error, match=words):
        log_change(**given | {name: value})


def test_a_pair_without_common_points_is_named() -> None:
    change, counted = torch.zeros(2, 1, 4, 5), torch.ones(2, 1, 4, 5, dtype=torch.bool)
    counted[1] = False
    for measure in (scale_change, flicker):
        with pytest.raises(ValueError, match=r"counted: found no pixel in pair\(s\) \[1\]"):
            measure(change, counted)
    with pytest.raises(ValueError, match="changes: found no pair"):
        scale_drift(torch.zeros(0))
