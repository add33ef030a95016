"""Scenes with the labels of relative-depth data sets: pairs, 8-bit maps, depth without a scale."""

from __future__ import annotations

import pytest
import torch
from variant_frames import ROOMS, STREETS

from depthlib.scenes.variants import Frames, OrdinalFrames, RelativeFrames, ScaleFreeFrames, relative_map


def test_diw_has_one_pair_an_image_and_its_sign_tells_which_point_is_farther(pairs: OrdinalFrames) -> None:
    many = OrdinalFrames(pairs.frames, pairs=50)
    for index, frame in enumerate(pairs.frames):
        item = pairs[index]
        assert item.keys() == {"image", "pairs", "name"} and item["pairs"].shape == (1, 5)  # no depth, no metres
        for y1, x1, y2, x2, relation in torch.cat([item["pairs"], many[index]["pairs"]]).tolist():
            a, b = frame["depth"][0, y1, x1].item(), frame["depth"][0, y2, x2].item()
            assert min(a, b) > 0 and max(a, b) > 1.1 * min(a, b)
            assert relation == (1 if a > b else -1)


def test_sets_are_the_same_every_time_and_say_when_they_are_others(pairs: OrdinalFrames, rooms: Frames) -> None:
    again = OrdinalFrames(Frames([ROOMS, STREETS], "val", (32, 64)))
    assert again.fingerprint() == pairs.fingerprint()
    assert all(torch.equal(again[i]["pairs"], pairs[i]["pairs"]) for i in range(len(pairs)))
    others = [
        pairs.frames,
        OrdinalFrames(pairs.frames, pairs=2),
        OrdinalFrames(rooms),
        RelativeFrames(rooms),
        ScaleFreeFrames(rooms),
        rooms,
        Frames([ROOMS | {"first": 1}], "val", (32, 64)),
        Frames([ROOMS], "val", (32, 32)),
    ]
    prints = [dataset.fingerprint() for dataset in others]
    assert len(set(prints)) == len(prints) and pairs.fingerprint() not in prints


def test_frames_of_another_shape_are_squeezed_with_their_labels() -> None:
    wide = Frames([STREETS], "val", (32, 64))
    squeezed = Frames([STREETS], "val", (32, 32))
    a, b = wide[0], squeezed[0]
    assert (
        b["image"].shape == (3, 32, 32)
        and b["depth"].shape == b["valid"].shape == (1, 32, 32)
        and b["semantics"].shape == (32, 32)
    )
    assert torch.equal(b["depth"], a["depth"][..., 1::2]) and torch.equal(b["valid"], b["depth"] > 0)


def test_relative_maps_are_inverted_8_bit_disparity_with_the_sky_at_255(streets: Frames) -> None:
    depth = torch.tensor([[[1.0, 2.0, 4.0, 0.0]]])
    stored = relative_map(depth, depth > 0) * 255
    # disparities 1, 1/2, 1/4 -> 1, 1/3, 0 of their range -> 0, 170, 255
    assert stored.tolist() == [[[0.0, 170.0, 255.0, 255.0]]]
    for frame, item in zip(streets, RelativeFrames(streets), strict=True):
        known = frame["valid"]
        numbers = item["relative"] * 255
        assert torch.equal(numbers, numbers.round()) and numbers.min() == 0 and bool((numbers[~known] == 255).all())
        near, far = frame["depth"][known].argmin(), frame["depth"][known].argmax()
        assert numbers[known][near] == 0 and numbers[known][far] == 255
        order = frame["depth"][known].argsort()
        assert bool((numbers[known][order].diff() >= 0).all()), "larger must be farther"
        assert item["valid"].all() and "depth" not in item


def test_mc_keeps_no_metres_and_has_holes() -> None:
    frames = Frames([ROOMS | {"defect_share": 0.3}], "val", (32, 64))
    for frame, item in zip(frames, ScaleFreeFrames(frames), strict=True):
        known = item["valid"]
        assert 0.6 < known.float().mean() < 0.8
        assert item["depth"][known].median().item() == pytest.approx(1.0) and not item["depth"][~known].any()
        ratio = item["depth"][known] / frame["depth"][known]
        assert ratio.max().item() == pytest.approx(ratio.min().item(), rel=1e-5)
