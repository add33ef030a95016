"""Floors as networks: maps against numpy and scipy, and that they are stored like any other network."""

import numpy as np
import pytest
import torch
from scipy.stats import rankdata
from torch.utils.data import Dataset

from depthlib.metrics.trajectory import snippet_errors
from depthlib.models import create_model
from depthlib.models.floor_network import KINDS, ClassMap, LogMap, RankMap, StraightDrive
from depthlib.models.floors import FixedMap
from depthlib.models.weights import load_weights, save_weights

IMAGE = torch.rand(2, 3, 6, 8, generator=torch.Generator().manual_seed(0))


class Items(Dataset):
    """Random frames with gaps, and classes; pixel (0, 0) never has a label."""

    def __init__(self, count=5):
        rng = np.random.default_rng(0)
        self.depth = rng.uniform(1, 20, (count, 1, 6, 8)).astype(np.float32)
        self.valid = rng.random((count, 1, 6, 8)) > 0.2
        self.valid[:, :, 0, 0] = False
        self.semantics = rng.integers(0, 4, (count, 6, 8))

    def __len__(self):
        return len(self.depth)

    def __getitem__(self, index):
        depth = torch.from_numpy(self.depth[index] * self.valid[index])
        valid, semantics = torch.from_numpy(self.valid[index]), torch.from_numpy(self.semantics[index])
        return {
            "depth": depth,
            "valid": valid,
            "semantics": semantics,
            "K": torch.eye(3),
            "ground": torch.tensor([0, 0.5, 0]),
        }


def lower_median(values, axis=0):
    """The lower of the two middle values, NaN left out."""
    return np.nanquantile(values, 0.5, axis=axis, method="lower")


def test_the_usual_order_is_the_median_of_the_ranks():
    items = Items()
    ranks = np.full(items.depth.shape, np.nan)
    for rank, depth, valid in zip(ranks, items.depth, items.valid, strict=True):
        rank[valid] = rankdata(depth[valid], "max") / valid.sum()
    found = RankMap.of(items)(IMAGE)
    assert found.shape == (2, 1, 6, 8)
    np.testing.assert_allclose(found[0, 0].numpy()[1:], lower_median(ranks[..., 1:, :])[0], rtol=1e-6)
    assert found.min() > 0 and found.max() <= 1


def test_the_usual_log_depth_knows_no_scale():
    items, scaled = Items(), Items()
    logs = np.full(items.depth.shape, np.nan)
    for log, depth, valid in zip(logs, items.depth, items.valid, strict=True):
        log[valid] = np.log(depth[valid] / lower_median(depth[valid]))
    np.testing.assert_allclose(LogMap.of(items)(IMAGE)[0, 0].numpy()[1:], lower_median(logs[..., 1:, :])[0], atol=1e-6)
    scaled.depth *= np.array([2, 3, 5, 7, 11], np.float32).reshape(5, 1, 1, 1)
    torch.testing.assert_close(LogMap.of(scaled)(IMAGE), LogMap.of(items)(IMAGE))


def test_the_usual_class_is_the_most_frequent():
    items = Items(count=9)
    found = ClassMap.of(items).class_logits(IMAGE)
    counts = np.stack([(items.semantics == k).sum(axis=0) for k in range(4)])
    np.testing.assert_allclose(found[1].numpy(), counts / 9, atol=1e-6)


def test_a_straight_drive_has_no_error_on_a_straight_road_whatever_the_speed():
    poses = StraightDrive().trajectory(torch.zeros(2, 5, 3, 6, 8)).numpy()
    truth = poses.copy()
    truth[:, :, 2, 3] *= 3.7
    np.testing.assert_allclose(snippet_errors(poses[..., :3, 3], truth[..., :3, 3]), 0, atol=1e-12)
    truth[:, 2:, 0, 3] += 1.0
    assert (snippet_errors(poses[..., :3, 3], truth[..., :3, 3]) > 0.1).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_floor_is_stored_like_a_network(kind, tmp_path):
    """Built by name, empty until it is fitted; the file brings all of it back."""
    made = create_model("floor", kind=kind)
    made.fit(Items(count=16))
    save_weights(made, tmp_path / "w.safetensors", model_name="floor", options={"kind": kind}, input_size=[6, 8])
    loaded, _ = load_weights(tmp_path / "w.safetensors")
    assert loaded.inputs == made.inputs and not list(loaded.parameters())
    if kind == "classes":
        found = [net.class_logits(IMAGE) for net in (made, loaded)]
    elif kind == "drive":
        found = [net.trajectory(torch.zeros(1, 3, 3, 6, 8)) for net in (made, loaded)]
    else:
        batch = {"image": IMAGE, "K": torch.eye(3).expand(2, 3, 3), "ground": torch.tensor([[0, 0.5, 0]] * 2)}
        found = [net(*(batch[name] for name in net.inputs)) for net in (made, loaded)]
    torch.testing.assert_close(*found, rtol=0, atol=0)


def test_it_is_the_map_of_the_floors():
    made = create_model("floor", kind="map")
    made.fit(Items())
    torch.testing.assert_close(made(IMAGE), FixedMap.of(Items())(IMAGE))


def test_unknown_kinds():
    with pytest.raises(ValueError, match="kind: found 'mean', expected one of constant, map"):
        create_model("floor", kind="mean")
