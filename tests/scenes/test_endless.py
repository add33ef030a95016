"""Scenes without an end: those of the data set, in order."""

from __future__ import annotations

import itertools

import pytest
import torch
from devices import DEVICES
from small_scenes import FAMILIES

from depthlib.scenes import SceneDataset, SceneDistribution, endless_scenes


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("family", FAMILIES)
def test_endless_scenes_are_those_of_the_data_set(family, device, tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path))
    distribution = SceneDistribution(family, height=48, width=64)
    batches = list(itertools.islice(endless_scenes(distribution, 2, first=3, device=device), 2))
    known = SceneDataset(distribution, "train", 4, first=3)
    image, depth, semantics = (
        torch.cat([batch[key] for batch in batches]).cpu() for key in ("image", "depth", "semantics")
    )
    assert image.shape == (4, 3, 48, 64) and batches[0]["K"].shape == (2, 3, 3)
    assert torch.equal(batches[0]["K"][1].cpu(), known[0]["K"])
    step = 1 / distribution.depth_scale
    near = [
        ((image - torch.stack([item["image"] for item in known])).abs() <= 1.5 / 255).float().mean(),
        ((depth - torch.stack([item["depth"] for item in known])).abs() <= 1.5 * step).float().mean(),
        (semantics == torch.stack([item["semantics"] for item in known])).float().mean(),
        (torch.cat([b["valid"] for b in batches]).cpu() == torch.stack([item["valid"] for item in known]))
        .float()
        .mean(),
    ]
    assert min(near) >= 0.999


@pytest.mark.slow
def test_endless_scenes_come_in_order_from_any_number_of_workers():
    distribution = SceneDistribution("rooms", height=16, width=24)
    alone = list(itertools.islice(endless_scenes(distribution, 2), 5))
    shared = list(itertools.islice(endless_scenes(distribution, 2, workers=2), 5))
    assert all(torch.equal(a[key], b[key]) for a, b in zip(alone, shared, strict=True) for key in a)
    assert not torch.equal(alone[0]["image"], alone[1]["image"])
    later = next(endless_scenes(distribution, 2, first=4))
    assert torch.equal(later["image"], alone[2]["image"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 0}, "batch_size: found 0, expected an integer of at least 1"),
        ({"first": -1}, "first: found -1"),
        ({"workers": 1.5}, "workers: found 1.5"),
        ({"defect_share": 0.1}, "defect_share: found 0.1, expected 0"),
    ],
)
def test_bad_numbers_are_refused_before_the_first_batch(change, message):
    distribution = SceneDistribution("streets", defect_share=change.pop("defect_share", 0.0))
    with pytest.raises(ValueError, match=message):
        endless_scenes(distribution, **{"batch_size": 2, **change})


def test_a_distribution_is_asked_for():
    with pytest.raises(TypeError, match="distribution: found str, expected a SceneDistribution"):
        endless_scenes("rooms", 2)
