"""The loss of video: the sum of its parts, and that the true depth and motion have the least."""

from __future__ import annotations

import kornia
import pytest
import torch
from devices import DEVICES
from dual_parts import NARROW, moving, pyramid
from tensors import F64
from torch import Tensor
from torch.nn import functional as F

from depthlib import geometry as g
from depthlib.losses import photometric_error
from depthlib.models import create_model
from depthlib.papers.dual.feature_reconstruction import feature_reconstruction_loss
from depthlib.papers.dual.loss import video_loss
from depthlib.scenes import SceneDataset, SceneDistribution


@pytest.mark.parametrize("rule", ["full_res", "per_scale"])
@pytest.mark.parametrize("smooth_on", ["disparity", "depth"])
def test_video_loss_is_the_sum_of_its_parts(rule: str, smooth_on: str) -> None:
    scene, disparities = moving(), pyramid()
    features = torch.rand(2, 4, 32, 48, dtype=F64), torch.rand(2, 2, 4, 32, 48, dtype=F64)
    photometric, smooth = [], []
    for s, disparity in enumerate(disparities):
        disparity = disparity / disparity.mean(dim=(1, 2, 3), keepdim=True)
        depth = 1 / disparity
        small, size = F.avg_pool2d(scene["target"], 2**s), disparity.shape[-2:]
        smoothed = disparity if smooth_on == "disparity" else depth / depth.mean(dim=(1, 2, 3), keepdim=True)
        smooth.append(kornia.losses.inverse_depth_smoothness_loss(smoothed, small) / 2**s)
        if rule == "full_res":
            depth = 1 / F.interpolate(disparity, size=(32, 48), mode="bilinear")
            target, sources, K = scene["target"], scene["sources"], scene["K"]
        else:
            target, sources = small, F.adaptive_avg_pool2d(scene["sources"].flatten(0, 1), size).unflatten(0, (2, 2))
            K = g.scale_intrinsics(scene["K"], 0.5**s, 0.5**s)
        warped = [g.warp(sources[:, i], depth, K, scene["poses"][:, i])[0] for i in range(2)]
        error = torch.minimum(*(photometric_error(target, image) for image in warped))
        photometric.append(error.mean())
        if s == 0:
            pixels = torch.stack([g.reproject(depth, K, scene["poses"][:, i])[0] for i in range(2)], dim=1)
            reconstruction = feature_reconstruction_loss(*features, pixels)
    expected = {"photometric": sum(photometric) / 4, "smoothness": sum(smooth) / 4, "features": reconstruction}
    total, terms = video_loss(disparities, **scene, features=features, rule=rule, smooth_on=smooth_on)
    assert set(terms) == set(expected)
    for name, term in terms.items():
        torch.testing.assert_close(term, expected[name], rtol=1e-6, atol=1e-7, msg=name)
    weighted = expected["photometric"] + 1e-3 * expected["smoothness"] + 0.1 * expected["features"]
    torch.testing.assert_close(total, weighted, rtol=1e-6, atol=1e-7)
    assert set(video_loss(disparities, **scene, rule=rule)[1]) == {"photometric", "smoothness"}  # HR-Net


def test_only_the_shape_of_the_disparity_counts_unless_normalisation_is_off() -> None:
    scene, disparities = moving(), pyramid()
    halves = [d / 2 for d in disparities]
    for normalise, same in ((True, True), (False, False)):
        values = [video_loss(d, **scene, normalise=normalise)[0] for d in (disparities, halves)]
        assert torch.allclose(*values, rtol=1e-6) == same


def test_options_reach_their_terms() -> None:
    scene, disparities = moving(), pyramid()
    only = {"photometric": 2.0, "smoothness": 0.0}
    plain, terms = video_loss(disparities, **scene, weights=only)
    assert list(terms) == ["photometric"] and plain.item() == pytest.approx(2 * terms["photometric"].item())
    assert video_loss(disparities, **scene, weights=only, automask=True)[0] < plain
    assert video_loss(disparities, **scene, weights=only, over_sources="mean")[0] > plain
    features = pyramid(1)[0].expand(2, 4, 32, 48), pyramid(2)[0].unsqueeze(1).expand(2, 2, 4, 32, 48)
    loss = [
        video_loss(disparities, **scene, features=features, weights={"features": 1.0}, detach_features=d)[0]
        for d in (True, False)
    ]
    assert loss[0] < 1e-5 < loss[1]  # all features point the same way
    assert video_loss(disparities, **scene, alpha=0.0, weights=only)[0] != plain


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"rule": "half"}, "rule: found 'half', expected one of full_res, per_scale"),
        ({"smooth_on": "normals"}, "smooth_on: found .*, expected one of disparity, depth"),
        ({"weights": {"ssim": 1.0}}, "weights: found .* expected some of photometric, smoothness, features"),
        ({"weights": {"photometric": 0.0}}, "not all 0"),
        ({"weights": {"features": 1.0}}, "expected features, or a weight of another term"),
        ({"disparities": []}, "expected a list of"),
        ({"disparities": pyramid()[0]}, "expected a list of"),
    ],
)
def test_video_loss_refuses(options: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        video_loss(**{"disparities": pyramid(), **moving(), **options})


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_depth_and_pose_networks_learn_from_video(device: str) -> None:
    """Every parameter that should move gets a gradient; a few steps lower the loss."""
    torch.manual_seed(0)
    model = create_model("video", depth="lr_net", depth_options=NARROW, pose_options={"width": 4}).to(device)
    scene = {key: value.float().to(device) for key, value in moving(size=(96, 96)).items() if key != "poses"}
    scene["sources"] = (scene["target"].unsqueeze(1) + 0.05 * scene["sources"]).roll((1, 2), dims=(3, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(6):
        prediction = model.predict(scene["target"])
        with torch.no_grad():
            of_sources = model.predict(scene["sources"].flatten(0, 1)).features.unflatten(0, (2, 2))
        poses = model.poses(scene["target"], scene["sources"])
        loss, _ = video_loss(prediction.disparities, **scene, poses=poses, features=(prediction.features, of_sources))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert losses[-1] < losses[0]


@pytest.fixture(scope="module")
def street() -> dict[str, Tensor]:
    """One frame of a street, with its neighbours and exact poses; sky is far away."""
    distribution = SceneDistribution("streets", height=96, width=192, antialias=1)
    item = SceneDataset(distribution, "val", 2, views=("current", "previous", "next"), cache=False)[1]
    return {
        "depth": torch.where(item["valid"], item["depth"], 1000.0)[None],
        "target": item["image"][None],
        "sources": torch.stack([item["previous"], item["next"]])[None],
        "K": item["K"][None],
        "poses": torch.stack([item["T_previous_current"], item["T_next_current"]])[None],
    }


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["full_res", "per_scale"])
def test_true_depth_and_pose_of_a_street_explain_the_image_best(street: dict[str, Tensor], rule: str) -> None:
    depth = street["depth"]
    scene = {key: street[key] for key in ("target", "sources", "K")}

    def loss(depth: Tensor, poses: Tensor) -> float:
        disparities = [F.avg_pool2d(1 / depth, 2**s) for s in range(2)]
        return video_loss(disparities, **scene, poses=poses, normalise=False, rule=rule, weights={"photometric": 1.0})[
            0
        ].item()

    true = loss(depth, street["poses"])
    still = torch.eye(4).expand(1, 2, 4, 4)
    backwards = street["poses"].flip(1)
    assert true < 0.5 * loss(depth, still)
    for other in (
        loss(1.5 * depth, street["poses"]),
        loss(depth / 1.5, street["poses"]),
        loss(depth, backwards),
        loss(depth.mean().expand_as(depth), street["poses"]),
    ):
        assert true < 0.9 * other
    # Depth and translation only count together: both doubled give the same picture.
    scaled = street["poses"].clone()
    scaled[..., :3, 3] *= 2
    assert loss(2 * depth, scaled) == pytest.approx(true, rel=1e-3)
