"""The task from video: shrunk triplets, known motion, and two stages."""

import pytest
import torch
from torch import nn

from depthlib.models import create_model
from depthlib.papers.dual.loss import video_loss
from depthlib.papers.dual.task import UNIT, FromVideo, shrink, true_poses, with_length_of
from depthlib.runs.store import RunSpec
from depthlib.runs.train import build_model


def small_model(**options) -> nn.Module:
    torch.manual_seed(0)
    body = {"encoder": "resnet18", "width": 0.125}
    pose = {"width": 2, "reflect": False}
    return create_model("video", depth="lr_net", depth_options=body, pose_options=pose, **{"ratio": 2, **options})


@pytest.mark.slow
def test_the_loss_is_that_of_the_shrunk_triplet(street):
    """Against `video_loss` on images that are made small by hand."""
    model, task = (
        small_model().eval(),
        FromVideo(weights={"photometric": 1.0, "smoothness": 0.1}, crop=None, options={"rule": "per_scale"}),
    )
    loss, terms = task.loss(model, street)
    target, previous, following = (
        street[name].unflatten(-1, (-1, 2)).unflatten(-3, (-1, 2)).mean(dim=(-3, -1))
        for name in ("image", "previous", "next")
    )
    sources = torch.stack([previous, following], dim=1)
    half = torch.tensor([0.5, 0.5, 1.0]).view(3, 1)
    K = street["K"] * half
    expected, _ = video_loss(
        model.predict(target).disparities,
        target,
        sources,
        K,
        model.poses(target, sources),
        weights={"photometric": 1.0, "smoothness": 0.1},
        rule="per_scale",
    )
    offset = (shrink(street | {}, 2)["K"] - K).abs().max()  # the package may place the centres of large pixels exactly
    assert offset <= 0.5 and set(terms) == {"photometric", "smoothness"}
    torch.testing.assert_close(loss, expected, rtol=0.05 if offset else 1e-5, atol=0)


@pytest.mark.slow
def test_true_depth_and_known_motion_explain_a_triplet_best(street):
    """The loss that "known" motion gives to the true depth is lower than to depth that is tilted, flat or moved by
    chance.
    """

    class Says(nn.Module):
        ratio = 1

        def __init__(self, depth):
            super().__init__()
            self.depth = depth

        def predict(self, image):
            from depthlib.models.disparity import Prediction

            return Prediction([1 / self.depth] * 2, image)

        def poses(self, target, sources):
            return torch.eye(4).expand(len(target), 2, 4, 4)

    depth = torch.where(street["depth"] > 0, street["depth"], 80.0)
    task = FromVideo(
        weights={"photometric": 1.0}, crop=None, motion="known", options={"rule": "per_scale", "normalise": False}
    )

    def photometric(depth):
        return task.loss(Says(depth / UNIT), street)[1]["photometric"].item()

    true, flipped = photometric(depth), photometric(depth.flip(-1))
    assert true < 0.6 * min(photometric(torch.full_like(depth, 15.0)), flipped, photometric(2 * depth))
    moved = true_poses(street)[..., :3, 3] * UNIT
    torch.testing.assert_close(
        moved, torch.stack([street[f"T_{v}_current"][:, :3, 3] for v in ("previous", "next")], dim=1)
    )


@pytest.mark.slow
def test_known_motion_teaches_both_networks_and_the_pose_net_no_depth(street):
    model = small_model()
    FromVideo(weights={"photometric": 1.0}, crop=None, motion="known", options={"rule": "per_scale"}).loss(
        model, street
    )[0].backward()
    assert all(
        p.grad is not None and p.grad.abs().sum() > 0
        for p in (*model.depth_net.decoder.heads[-1].parameters(), *model.pose_net.head.parameters())
    )
    frozen = small_model()
    loss, terms = FromVideo(weights={"photometric": 1.0}, crop=None, motion="known").loss(frozen, street)
    (gradient,) = torch.autograd.grad(terms["pose"] + 0 * loss, frozen.depth_net.decoder.heads[-1].conv.weight)
    assert gradient.abs().max() == 0


def test_the_guess_gives_only_the_length_of_the_motion():
    true, guessed = torch.eye(4).repeat(3, 1, 1), torch.eye(4).repeat(3, 1, 1)
    true[:, :3, :3] = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    true[:, :3, 3] = torch.tensor([3.0, 0.0, 4.0])
    guessed[:, :3, 3] = torch.tensor([[0.0, 5.0, 0.0], [0.0, 7.0, 1.0], [-6.0, 0.0, -8.0]])
    guessed.requires_grad_()
    poses = with_length_of(guessed, true)
    lengths = torch.tensor([0.0, 0.8, -10.0])  # projections on (.6, 0, .8)
    torch.testing.assert_close(poses[:, :3, 3], lengths[:, None] * torch.tensor([0.6, 0.0, 0.8]))
    assert torch.equal(poses[:, :3, :3], true[:, :3, :3])
    poses[:, :3, 3].sum().backward()
    torch.testing.assert_close(guessed.grad[:, :3, 3], (1.4 * torch.tensor([0.6, 0.0, 0.8])).expand(3, 3))


@pytest.mark.slow
def test_normalised_truth_fits_the_motion_of_its_own_length_as_well_as_the_truth_fits_the_true_one(street):
    """No conflict of the gauge: what normalisation takes from the depth, the learned length gives back."""
    depth = torch.where(street["depth"] > 0, street["depth"], 80.0)
    poses = torch.stack([street[f"T_{view}_current"] for view in ("previous", "next")], dim=1)
    target, sources = street["image"], torch.stack([street["previous"], street["next"]], dim=1)
    mean = (1 / depth).mean(dim=(1, 2, 3)).view(-1, 1, 1)
    guessed = poses.clone()
    guessed[..., :3, 3] *= mean
    losses = [
        video_loss([1 / depth], target, sources, street["K"], motion, weights={"photometric": 1.0}, normalise=normalise)
        for motion, normalise in ((poses, False), (with_length_of(guessed, poses), True), (poses, True))
    ]
    true, normalised, conflict = (loss.item() for loss, _ in losses)
    assert normalised == pytest.approx(true, rel=1e-3) and conflict > 1.2 * true


@pytest.mark.slow
def test_the_order_of_crop_and_shrinking(street):
    """Cropped first, a small frame is finer; both see the same window, and a crop keeps warps true."""
    fine = {}
    for order in ("augment first", "shrink first"):
        torch.manual_seed(1)
        frames = FromVideo(crop=(1.14, 1.15), order=order).frames(street, 2)
        assert frames["image"].shape == (2, 3, 64, 128) and frames["K"].shape == (2, 3, 3)
        fine[order] = frames["image"].diff(dim=-1).abs().mean()
        means = frames["image"].mean(dim=(2, 3))
    assert fine["augment first"] > 1.03 * fine["shrink first"]
    torch.manual_seed(1)
    torch.testing.assert_close(
        FromVideo(crop=(1.14, 1.15)).frames(street, 2)["image"].mean(dim=(2, 3)), means, rtol=0.02, atol=0.01
    )
    for wrong, words in (({"order": "never"}, "order: found"), ({"motion": "guessed"}, "motion: found")):
        with pytest.raises(ValueError, match=words):
            FromVideo(**wrong)


@pytest.mark.slow
def test_features_cost_a_pass_only_where_they_are_asked_for(street):
    model = small_model()
    with_features = FromVideo(weights={"photometric": 1.0, "features": 0.1}, crop=None)
    loss, terms = with_features.loss(model, street)
    assert 0 < terms["features"] < 2 and loss.item() == pytest.approx(
        float(terms["photometric"] + 0.1 * terms["features"]), rel=1e-5
    )
    assert FromVideo(weights={"photometric": 1.0}).features(model, street["image"], street["image"][:, None]) is None


@pytest.mark.slow
def test_stage_two_takes_over_stage_one_and_leaves_it_alone(street):
    recipe = RunSpec("dual", "dual", "streets", "smoke").recipe
    stage_one = build_model(recipe.start.recipe, seed=0)
    model = build_model(recipe, seed=5, start=stage_one)
    low = {name: value.clone() for name, value in model.depth_net.low.state_dict().items()}
    assert all(torch.equal(value, low[name]) for name, value in stage_one.depth_net.state_dict().items())
    assert all(
        torch.equal(a, b) for a, b in zip(stage_one.pose_net.parameters(), model.pose_net.parameters(), strict=True)
    )
    model.train()
    optimiser = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-2)
    recipe.task.make().loss(model, street)[0].backward()
    optimiser.step()
    assert all(torch.equal(value, low[name]) for name, value in model.depth_net.low.state_dict().items())
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.pose_net.parameters())
    longer = build_model(RunSpec("dual", "lr-longer", "streets", "smoke").recipe, seed=5, start=stage_one)
    assert all(torch.equal(a, b) for a, b in zip(longer.parameters(), stage_one.parameters(), strict=True))
