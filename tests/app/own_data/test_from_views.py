"""Learning from other views: exact depth and motion have the least error, and what may learn from which frame."""

import pytest
import torch
from own_folders import scenes
from torch import nn
from torch.utils.data import default_collate

from depthlib.app.own_data.from_views import AllMotion, FromViews, UnmovedError, ViewError, best_baseline
from depthlib.app.own_data.network import DepthAndMotion
from depthlib.protocols.inference import measure

pytestmark = pytest.mark.slow  # renders scenes

KEYS = ("image", "previous", "next", "K", "name")


@pytest.fixture(scope="module")
def frames():
    return list(scenes(4, family="streets", views=("current", "previous", "next", "right")))


class Known(nn.Module):
    """The depth of each picture, looked up by the picture."""

    def __init__(self, items, change=lambda depth: depth):
        super().__init__()
        self.items, self.change, self.motion = items, change, None

    def forward(self, image):
        found = [next(item for item in self.items if torch.equal(item["image"], one)) for one in image]
        return torch.stack([self.change(torch.where(item["valid"], item["depth"], 100.0)) for item in found])


def pairs(items, baseline=None):
    """As `Stereo` gives them."""
    made = []
    for item in items:
        pose = torch.eye(4)
        pose[0, 3] = -(float(item["baseline"]) if baseline is None else baseline)
        made.append({key: item[key] for key in ("image", "right", "K", "name")} | {"T_right_current": pose})
    return made


def errors(model, items, one):
    return measure(model, items, {"": one})[""].means()["view_error"]


def test_true_depth_explains_the_other_view_best(frames):
    items, true = pairs(frames), Known(frames)
    one = ViewError(true)
    exact = errors(true, items, one)
    for change in (lambda d: 2 * d, lambda d: d / 2, lambda d: torch.full_like(d, float(d.median()))):
        assert errors(Known(frames, change), items, one) > 1.2 * exact
    assert errors(true, items, UnmovedError(true)) > 1.5 * exact


def test_the_baseline_is_found_that_fits_the_depth(frames):
    """In the unit of a network whose depth is three times too large, so is the baseline."""
    items = pairs(frames, baseline=1.0)
    for factor in (1.0, 3.0):
        found = best_baseline(Known(frames, lambda d, f=factor: f * d), items, frames[0]["K"])
        assert found == pytest.approx(factor * float(frames[0]["baseline"]), rel=0.25)


def batch(items, held):
    made = default_collate([{key: item[key] for key in KEYS} for item in items])
    return made | {"held": torch.tensor(held)}


class OneDepth(nn.Module):
    """A map for each item, to see which of them get a gradient."""

    def __init__(self, count):
        super().__init__()
        self.maps = nn.Parameter(2 + torch.rand(count, 1, 48, 64, generator=torch.Generator().manual_seed(0)))

    def forward(self, image):
        return self.maps


def test_held_out_frames_teach_the_motion_alone(frames):
    model = DepthAndMotion(OneDepth(4), 0, motion=True)
    task = FromViews(alone=1)
    for step, learned in enumerate(((False,) * 4, (True, True, False, False))):
        model.zero_grad(set_to_none=True)
        task.loss(model, batch(frames, [False, False, True, True]))[0].backward()
        gradient = model.depth.maps.grad
        reached = (False,) * 4 if gradient is None else tuple((gradient.flatten(1) != 0).any(1).tolist())
        assert reached == learned, step
        assert all(p.grad is not None for p in model.motion.parameters())
    again = FromViews(alone=1)
    again.load_state_dict(task.state_dict())
    assert again.step == 2


def test_all_frames_are_marked(frames):
    every = AllMotion(frames[:3], frames[3:])
    assert [bool(every[n]["held"]) for n in range(len(every))] == [False, False, False, True]
    assert every[3]["name"] == frames[3]["name"]


def test_the_rates_of_both_networks(frames):
    model = DepthAndMotion(OneDepth(1), 0, motion=True)
    groups = FromViews(alone=0).parameter_groups(model)
    assert [len(group["params"]) for group in groups] == [1, len(list(model.motion.parameters()))]
    assert len(FromViews(alone=0).parameter_groups(DepthAndMotion(OneDepth(1), 0, motion=False))) == 1
