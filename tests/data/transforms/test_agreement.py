"""Whatever a transform does, points, warps, flow, disparity and pairs still agree."""

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from wall import DISTANCE, NORMAL, RANDOM, H, W, _outside, _turn, batch_of, mono, pair, wall

from depthlib.data.transforms import (
    CenterCrop,
    ColourJitter,
    Compose,
    Drop,
    RandomCrop,
    RandomFlip,
    RandomRotate,
    RandomScaleCrop,
    RandomScaleDepth,
    RandomTranslate,
    Resize,
    Transform,
    generator_of,
    generators,
)
from depthlib.geometry import backproject, pixel_grid, project, viewing_rays, warp, warp_disparity
from depthlib.geometry.warp import sample_pixels

SAME, MIRROR = torch.eye(3, dtype=torch.float64), torch.diag(torch.tensor([-1.0, 1, 1], dtype=torch.float64))
NEARER = torch.diag(torch.tensor([1, 1, 72 / 94], dtype=torch.float64))  # 1.3 x 72 columns are 94


class Case(NamedTuple):
    """`world` takes a point to where the new camera sees it. `rounded`: how often a label went to a nearest pixel that
    is not its own place, times what that moves it by beyond the growth of K. A chain rounds at several scales, none
    above 1.25."""

    transform: Transform
    sample: Callable[..., dict] = wall
    world: Tensor = SAME
    rounded: float = 0.0

    def off(self, K: Tensor) -> Tensor:
        """By how much labels may be off in x and y, in new pixels."""
        scale = torch.full((2,), 1.25) if self.chain else K.diagonal()[:2] / wall()["K"].diagonal()[:2]
        return 0.5 * self.rounded * scale + 1e-9

    @property
    def chain(self) -> bool:
        return self.rounded >= 2


ALL = Compose((RandomScaleCrop((1.1, 1.2), independent=False), RandomCrop((41, 63)), Resize((27, 50))))
MOVED = Compose((RandomRotate((12.0, 12.0)), RandomTranslate((0.1, 0.2)), RandomFlip(1.0), CenterCrop((30, 44))))
CASES = {
    "crop": Case(RandomCrop((31, 45))),
    "centre": Case(CenterCrop((30, 41))),
    "third": Case(Resize((16, 24))),
    "smaller": Case(Resize((19, 25)), rounded=1),
    "larger": Case(Resize((61, 101)), rounded=1),
    "scale": Case(RandomScaleCrop((1.05, 1.4)), rounded=1),
    "all": Case(ALL, rounded=2),
    "translate": Case(RandomTranslate((0.2, 0.3))),
    "nearer": Case(RandomScaleDepth((1.3, 1.3)), pair, NEARER, 94 / 72),
    "flip": Case(RandomFlip(1.0), mono, MIRROR),
    "flip and more": Case(Compose((ALL, RandomFlip(1.0), Resize((33, 40)))), mono, MIRROR, 3),
    # up to half the diagonal of a pixel, longer still where fx is not fy
    "rotate": Case(RandomRotate((17.0, 17.0)), mono, _turn(17), 1.5),
    "rotate back": Case(RandomRotate((-40.0, -40.0)), mono, _turn(-40), 1.5),
    "rotate and more": Case(MOVED, mono, MIRROR @ _turn(12), 1.5),
}
EACH = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.mark.slow
@EACH
def test_pixels_show_the_points_they_showed(case):
    before, after = case.sample(), case.transform(case.sample(), generator_of(0, 0, 0))
    known = after["instances"].flatten() > 0
    came = after["instances"].flatten()[known] - 2**24  # exact: no label went through float32
    height, width = after["image"].shape[-2:]
    assert known.sum() > (0.6 if known.min() == 0 else 1.0) * height * width - 1
    assert after["depth"].shape == (1, height, width) and after["semantics"].shape == (height, width)
    for key in ("depth", "depth_true"):
        expected = case.world[2, 2] * before[key].flatten()[came]
        torch.testing.assert_close(after[key].flatten()[known], expected, atol=0, rtol=1e-15)
    for key in ("valid", "defect", "semantics", "moving"):
        assert torch.equal(after[key].flatten()[known], before[key].flatten()[came]), key
    assert torch.equal(after["valid"], after["depth"] > 0)
    outside = {"depth": 0, "depth_true": 0, "valid": 0, "defect": 0, "semantics": 255, "moving": 0}
    for key, value in outside.items():
        assert bool((after[key].flatten()[~known] == value).all()), key
    normals = torch.linalg.solve(case.world.T, before["normals"].flatten(1)[:, came])  # planes move by the inverse
    expected = torch.nn.functional.normalize(normals, dim=0)
    torch.testing.assert_close(after["normals"].flatten(1)[:, known], expected)
    assert bool((after["normals"].flatten(1)[:, ~known] == 0).all())

    points = case.world @ backproject(before["depth_true"][None], before["K"][None])[0].flatten(1)[:, came]
    pixels, _ = project(points[None], after["K"][None])
    off = pixels[0] - pixel_grid(height, width, dtype=torch.float64)[0].flatten(1)[:, known]
    # A label comes from the nearest pixel: half an old pixel off at most, exact without rounding, and off to no side.
    assert bool((off.abs().amax(dim=1) <= case.off(after["K"])).all())
    assert bool((off.mean(dim=1).abs() < 0.15).all())
    # The picture moved with the labels: it shows the wall's colour at the pixel's own ray.
    assert (after["image"] - _colour_of(after, case.world)).flatten(1)[:, known].abs().mean() < 0.006


def _colour_of(sample: dict, world: Tensor) -> Tensor:
    """The wall's colour along the rays of the sample's camera."""
    rays = viewing_rays(sample["K"][None], *sample["image"].shape[-2:])[0]
    rays = torch.einsum("ij,jhw->ihw", world.inverse(), rays)
    x, y, z = rays * DISTANCE / torch.einsum("i,ihw->hw", torch.tensor(NORMAL, dtype=torch.float64), rays)
    return torch.stack([0.5 + 0.4 * torch.sin(a * x + b * y + a * z) for a, b in ((2.1, 0.7), (-1.3, 1.9), (0.6, 2.3))])


def _errors(sample: dict) -> dict[str, float]:
    """Mean photometric error of each neighbour, warped with the sample's own depth, camera and poses."""
    one = batch_of(sample)
    errors = {}
    for view in ("previous", "next", "right"):
        if view in one:
            seen, visible = warp(one[view], one["depth_true"], one["K"], one[f"T_{view}_current"])
            errors[view] = float(((seen - one["image"]).abs().mean(1, keepdim=True) * visible).sum() / visible.sum())
    return errors


@pytest.mark.slow
@EACH
def test_warping_neighbours_agrees_as_before(case):
    sample = case.sample()
    before, after = _errors(sample), _errors(case.transform(sample, generator_of(1, 0, 0)))
    assert before and max(before.values()) < 0.002
    assert max(after.values()) < 0.01, after  # a pose that is not mirrored, or a crop without K, gives 0.05 and more


@pytest.mark.parametrize(
    "case",
    [case for case in CASES.values() if case.sample is not pair],
    ids=[name for name, case in CASES.items() if case.sample is not pair],
)
def test_flow_leads_to_where_the_neighbour_shows_the_point(case):
    """In closed form, by depth, camera and pose, which the transforms change by other means; and in the pictures."""
    before, after = case.sample(), case.transform(case.sample(), generator_of(4, 0, 0))
    height, width = after["image"].shape[-2:]
    known = after["instances"].flatten() > 0
    came = after["instances"].flatten()[known] - 2**24
    points = case.world @ backproject(before["depth_true"][None], before["K"][None])[0].flatten(1)[:, came]
    here, _ = project(points[None], after["K"][None])
    grid = pixel_grid(height, width, dtype=torch.float64)
    for view in ("previous", "next"):
        flow, occluded = after[f"flow_{view}"].flatten(1), after[f"occluded_{view}"].flatten()
        there, _ = project(points[None], after["K"][None], after[f"T_{view}_current"][None])
        torch.testing.assert_close(flow[:, known], (there - here)[0], atol=1e-9, rtol=1e-9)
        assert flow.abs().amax(dim=1).min() > 0.3
        hidden = before[f"occluded_{view}"].flatten()[came]
        ends = grid[0].flatten(1) + flow
        lost = _outside(ends, (height, width))[0]
        more = occluded[known] & ~hidden & ~lost[known]
        assert bool(occluded[~known].all()) and bool(occluded[known][hidden | lost[known]].all())
        # each step of a chain rounds, so one may lose a point at the border that the others would keep
        assert not bool((more & ~_outside(ends[:, known], (height, width), by=-1.0 if case.chain else 0.01)[0]).any())
        if isinstance(case.transform, RandomCrop | CenterCrop | RandomRotate | RandomTranslate):
            assert bool((lost[known] & ~hidden).any())
        seen = sample_pixels(after[view][None], grid + after[f"flow_{view}"])[0].flatten(1)
        assert (seen - after["image"].flatten(1))[:, ~occluded].abs().mean() < 0.01


@pytest.mark.parametrize(
    "case",
    [case for case in CASES.values() if case.sample is not mono],
    ids=[name for name, case in CASES.items() if case.sample is not mono],
)
def test_disparity_still_matches_the_pair(case):
    sample = case.transform(case.sample(), generator_of(2, 0, 0))
    known = sample["depth_true"] > 0
    left, visible = warp_disparity(sample["right"][None], sample["disparity"][None])
    visible = visible & known
    assert float(((left - sample["image"]).abs() * visible).sum() / (3 * visible.sum())) < 0.01
    length = sample["K"][0, 0] * sample["baseline"]
    torch.testing.assert_close(sample["disparity"] * sample["depth_true"], length * known)


@EACH
def test_pairs_point_at_the_same_places(case):
    before, after = case.sample(), case.transform(case.sample(), generator_of(3, 0, 0))
    height, width = after["image"].shape[-2:]
    kept = after.get("pairs_valid", torch.ones(40, dtype=torch.bool))
    old, new = before["pairs"], after["pairs"]
    assert kept.sum() >= 2 and torch.equal(old[:, 4], new[:, 4])
    assert bool((new[:, :4] >= 0).all()) and bool((new[:, :4] < torch.tensor([height, width, height, width])).all())
    scale = after["K"].diagonal()[:2] / before["K"].diagonal()[:2]
    turned = case.world.count_nonzero() > 3
    for end in (0, 2):
        where = old[kept, end] * W + old[kept, end + 1]
        point = case.world @ backproject(before["depth_true"][None], before["K"][None])[0].flatten(1)[:, where]
        expected = project(point[None], after["K"][None])[0][0].flip(0).T  # row, column
        off = (new[kept, end : end + 2] - expected).abs()
        assert bool((off <= 0.5 * (1.25 * case.rounded if case.chain else 1) + 1e-9).all())
        if bool((scale > 0.999).all()) and not case.chain and not turned:  # nothing lost: exactly the same depth
            depth = after["depth_true"][0, new[kept, end], new[kept, end + 1]]
            expected = case.world[2, 2] * before["depth_true"].flatten()[where]
            torch.testing.assert_close(depth, expected, atol=0, rtol=1e-15)


def test_the_given_sample_is_not_changed():
    sample = mono()
    copy = {k: v.clone() if isinstance(v, Tensor) else v for k, v in sample.items()}
    RANDOM(sample, generator_of(0, 0, 0))
    assert sample.keys() == copy.keys()
    assert all(torch.equal(sample[k], copy[k]) for k in sample if isinstance(sample[k], Tensor))


@pytest.mark.slow
def test_every_key_of_the_scenes_is_known(tmp_path, monkeypatch):
    from depthlib.scenes import SceneDataset, SceneDistribution
    from depthlib.scenes.dataset import EXTRAS, VIEWS

    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path))
    small = SceneDistribution(family="streets", height=24, width=40, defect_share=0.2, antialias=1, moving_share=1.0)
    scenes = SceneDataset(small, "train", 2, views=VIEWS, extras=EXTRAS)
    batch = batch_of(*scenes)
    after = Compose((RandomScaleCrop(), ColourJitter(brightness=(0.9, 1.1)), Resize((12, 20))))(
        batch, generators(0, 0, 2)
    )
    assert after.keys() == batch.keys()
    length = (after["K"][:, 0, 0] * after["baseline"]).view(2, 1, 1, 1)
    torch.testing.assert_close(after["disparity"] * after["depth_true"], length * (after["depth_true"] > 0))
    assert torch.equal(after["valid"], after["depth"] > 0) and not bool((after["valid"] & after["defect"]).any())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: RandomFlip(1.5), "p: found 1.5"),
        (lambda: RandomCrop((0, 5)), "height: found 0"),
        (
            lambda: RandomCrop((50, 60))(mono(), torch.Generator()),
            "size: found a window of 50 x 60 for images of 48 x 72",
        ),
        (lambda: RandomScaleCrop((0.9, 1.1)), "scale: found (0.9, 1.1)"),
        (lambda: RandomScaleDepth((0.9, 1.1)), "scale: found (0.9, 1.1)"),
        (lambda: RandomRotate((10.0, 5.0)), "degrees: found (10.0, 5.0)"),
        (lambda: RandomTranslate((0.1, 0.6)), "share: found (0.1, 0.6)"),
        (lambda: RandomCrop((5, 5))(mono()), "generator: found None"),
        (
            lambda: RandomCrop((5, 5))(mono(), generators(0, 0, 2)),
            "generator: found 2 generators, expected one for each of the 1",
        ),
        (lambda: Resize((5, 5), depth="bilinear"), "depth: found 'bilinear', expected one of nearest, mean"),
        (lambda: Resize((5, 5), {"2": (1, 1)}), "named: found '2'"),
        (lambda: ColourJitter(contrast=(1.2, 0.8)), "contrast: found (1.2, 0.8)"),
        (lambda: ColourJitter(hue=(-0.6, 0.5)), "hue: found (-0.6, 0.5)"),
        (lambda: Drop("depth"), "keys: found 'depth'"),
        (lambda: Resize((5, 5))({"depth": torch.ones(1, 4, 4)}), "image: found NoneType"),
        (
            lambda: Resize((5, 5))(mono() | {"image": torch.zeros(3, H, W, dtype=torch.uint8)}),
            "image: found dtype torch.uint8",
        ),
        (
            lambda: Resize((5, 5))(mono() | {"depth": torch.ones(1, 4, 4)}),
            "depth: found shape [1, 1, 4, 4], expected [1, 1, 48, 72]",
        ),
        (lambda: Resize((5, 5))(mono() | {"teacher": torch.ones(1, H, W)}), "sample: found the tensor 'teacher'"),
        (lambda: generator_of(0, 0.5, 0), "step: found 0.5"),
    ],
)
def test_bad_arguments_say_what_is_wrong(call, message):
    with pytest.raises((TypeError, ValueError), match="^" + re.escape(message)):
        call()
