"""Figures of the lesson: points are where labels say, visits follow the rule of soft labels, the seam is found."""

import numpy as np
import pytest
import torch
from torch import nn

from depthlib.papers.anuw.figures import (
    beside_steps,
    by_visit,
    label_clouds,
    pulls,
    seam,
    soft_label_curves,
    visit_diagram,
    visits,
)
from depthlib.papers.anuw.task import SoftLabels


def frame(height=4, width=6):
    truth = torch.full((1, height, width), 10.0)
    truth[:, 0] = 0  # sky
    valid = truth > 0
    valid[:, -1] = False  # a surface without a label
    depth = torch.where(valid, truth, 0)
    K = torch.tensor([[5.0, 0, 2.5], [0, 5.0, 1.0], [0, 0, 1]])
    image = torch.zeros(3, height, width)
    return {"image": image, "depth": depth, "valid": valid, "depth_true": truth, "K": K, "name": "a"}


def test_points_are_where_the_label_puts_them():
    item = frame()
    nothing = torch.where(item["valid"][0], item["depth"][0], torch.nan)
    figure = label_clouds(item, {"believed": item["depth"][0], "left out": nothing})
    side, above = figure.axes[:2]
    groups = {line.get_label(): line for line in side.lines if not line.get_label().startswith("_")}
    assert list(groups) == ["with a label", "surface without", "sky"]
    for name in ("surface without", "sky"):  # 0 m along any ray is the camera
        assert np.abs(np.array(groups[name].get_data())).max() == 0
    z, up = groups["with a label"].get_data()
    assert set(z) == {10.0} and sorted(set(np.round(up, 4))) == [-2.0, 0.0]  # -(v - 1) / 5 * 10 for rows 1 and 2
    assert side.get_title(loc="left") == "believed: 50 % of its points in the camera"
    other = {line.get_label(): line for line in figure.axes[2].lines}
    assert figure.axes[2].get_title(loc="left") == "left out: 0 % of its points in the camera"
    assert len(other["sky"].get_xdata()) == 0 and len(above.lines) == len(side.lines)


class Answers(nn.Module):
    """Says what it is told to say, visit by visit."""

    def __init__(self, depths):
        super().__init__()
        self.offset, self.depths = nn.Parameter(torch.zeros(1)), list(depths)

    def forward(self, image):
        return self.depths.pop(0) + 0 * self.offset + torch.zeros_like(image[:, :1])


def run(depths, task=SoftLabels):
    made = task("depthlib.losses.regression:l1_loss", max_depth=80.0)
    return visits(Answers(depths), made, frame(), len(depths), 0.1)


@pytest.mark.slow  # the first optimiser of a process
def test_visits_follow_the_rule():
    found = run([14.0, 30.0, 11.0, 5.0])  # truth 10: outside 4, 20, 1, 5
    assert [one.renewed for one in found] == [True, False, True, False]
    assert [round(one.outside, 4) for one in found] == [4, 20, 1, 5]
    assert not found[0].counted[0].any() and all(one.counted.all() for one in found[1:])
    in_gap = [one.target[0, 0].item() for one in found]
    assert in_gap[1:] == [14.0, 14.0, 11.0]


@pytest.mark.slow
def test_visit_diagram_is_drawn_from_the_task():
    class Never(SoftLabels):
        def _update(self, prediction, batch):
            losses, updated = super()._update(prediction, batch)
            self._forget()
            return losses, [False] * len(updated)

    for task, arrows, fates in ((SoftLabels, 2, ["lowest", "lowest", "not", "lowest"]), (Never, 0, ["not"] * 4)):
        figure = visit_diagram(run([14.0, 13.0, 30.0, 11.0], task))
        told = [axis.get_xlabel().split("\n")[1].split(" ")[0] for axis in figure.axes if "loss" in axis.get_xlabel()]
        assert len([one for one in figure.artists if hasattr(one, "axesA")]) == arrows and told == fates


def test_by_visit_means_what_there_is():
    found = by_visit([None, None, 0.5, 0.7, None, 0.2], 2)
    np.testing.assert_allclose(found, [np.nan, 0.6, 0.2])
    np.testing.assert_allclose(by_visit([1.0, 2.0, 3.0, 4.0], 1.5), [1.5, 3.0, 4.0])  # steps 0, 1 | 2 | 3


def test_curves_of_soft_labels():
    curve = {"label_wrong": [None, None, 0.8, 0.6], "updated": [1.0, 1.0, 0.5, 0.5]}
    left, right = soft_label_curves([curve, curve | {"updated": [1.0, 1.0, 0.0, 0.0]}], 2).axes
    np.testing.assert_allclose(left.lines[0].get_ydata(), [np.nan, 0.7])
    assert right.lines[0].get_xdata().tolist() == [1, 2] and right.lines[0].get_ydata().tolist() == [1.0, 0.25]


def test_pulls_of_l1_are_those_of_its_formula():
    target = 1 + 9 * torch.rand(1, 1, 16, 20, generator=torch.Generator().manual_seed(0))
    found = pulls(1.1 * target, target, torch.ones_like(target, dtype=torch.bool), 80.0)
    assert list(found) == ["l1", "gradient", "ssim"]
    torch.testing.assert_close(found["l1"], torch.full((16, 20), 0.2 / (80 * 16 * 20)))
    depth = torch.full((1, 16, 20), 5.0)
    depth[..., 10:] = 20.0
    assert beside_steps(found["l1"], depth) == pytest.approx(1)
    marked = torch.ones(16, 20)
    marked[:, 8:12] = 3.0  # two pixels to both sides of the step
    assert beside_steps(marked, depth) == 3.0


def test_seam_is_found_where_it_is():
    maps = 10 + torch.zeros(2, 12, 16)
    maps[:, 6:] *= 1.25
    found = seam(maps, torch.ones_like(maps, dtype=torch.bool))
    assert found["rows: middle"] == pytest.approx(0.2) and found["rows: nearby"] == 0  # 2.5 of 12.5
    assert found["columns: middle"] == found["columns: nearby"] == 0
    known = torch.ones_like(maps, dtype=torch.bool)
    known[:, 6, :8] = False
    maps[:, 6, :8] = 1000.0
    assert seam(maps, known)["rows: middle"] == pytest.approx(0.2)
