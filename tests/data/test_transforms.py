"""Transforms, by what must hold after them: points, warps, pairs and colours still agree."""

import math
import re
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from depthlib.bench import loading
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
    StepSampler,
    Transform,
    Transformed,
    collate,
    generator_of,
    generators,
)
from depthlib.geometry import (
    backproject,
    invert_pose,
    normals_from_depth,
    pixel_grid,
    project,
    viewing_rays,
    warp,
    warp_disparity,
)
from depthlib.geometry.warp import sample_pixels
from depthlib.training.fit import BatchOrder

H, W = 48, 72
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))]
NORMAL, DISTANCE = (0.12, -0.08, -1.0), -4.0        # of the wall: NORMAL . X = DISTANCE in the current camera
BASELINE = 0.3


def _pose(x: float, y: float, z: float, yaw: float) -> Tensor:
    c, s = math.cos(yaw), math.sin(yaw)
    return torch.tensor([[c, 0, s, x], [0, 1, 0, y], [-s, 0, c, z], [0, 0, 0, 1]], dtype=torch.float64)


def _seen(T_camera_current: Tensor, K: Tensor) -> tuple[Tensor, Tensor]:
    """Picture and depth of the wall from a camera, in closed form; the colour is a smooth function of the place."""
    T = invert_pose(T_camera_current)               # camera into current
    rays = viewing_rays(K[None], H, W)[0]
    normal = torch.tensor(NORMAL, dtype=torch.float64)
    turned = torch.einsum("ij,jhw->ihw", T[:3, :3], rays)
    depth = (DISTANCE - normal @ T[:3, 3]) / torch.einsum("i,ihw->hw", normal, turned)
    x, y, z = turned * depth + T[:3, 3, None, None]
    colour = [0.5 + 0.4 * torch.sin(a * x + b * y + a * z) for a, b in ((2.1, 0.7), (-1.3, 1.9), (0.6, 2.3))]
    return torch.stack(colour), depth[None]


def _outside(pixels: Tensor, size: tuple[int, int] = (H, W), by: float = 0.01) -> Tensor:
    """Whether pixels (u, v) [2,...] lie beyond the outermost centres by more than rounding, [1,...]."""
    (u, v), (height, width) = pixels, size
    return ((u < -by) | (u > width - 1 + by) | (v < -by) | (v > height - 1 + by))[None]


def wall(dtype: torch.dtype = torch.float64) -> dict:
    """A slanted wall with holes in its labels, seen by four cameras. `instances` numbers the pixels, so that every test can see
    from where a pixel came."""
    K = torch.tensor([[60.0, 0.4, 33.7], [0, 55.0, 25.2], [0, 0, 1]], dtype=torch.float64)
    poses = {"previous": _pose(0.05, 0.02, 0.15, 0.02), "next": _pose(-0.06, 0.01, -0.12, -0.03),
             "right": _pose(-BASELINE, 0, 0, 0)}
    image, depth = _seen(torch.eye(4, dtype=torch.float64), K)
    valid = torch.rand(1, H, W, generator=torch.Generator().manual_seed(3)) > 0.2
    points = torch.randint(0, H, (40, 4), generator=torch.Generator().manual_seed(4))
    far = (depth[0, points[:, 0], points[:, 1]] - depth[0, points[:, 2], points[:, 3]]).sign().long()
    sample = {
        "image": image, "K": K, "depth": torch.where(valid, depth, 0), "valid": valid, "depth_true": depth, "defect": ~valid,
        "semantics": (torch.arange(H * W).view(H, W) // 7) % 5, "instances": torch.arange(H * W).view(H, W) + 2**24,
        "normals": normals_from_depth(depth[None], K[None])[0], "disparity": K[0, 0] * BASELINE / depth,
        "baseline": torch.tensor(BASELINE, dtype=torch.float64), "name": "wall",
        "pairs": torch.cat([points, far[:, None]], dim=1),
    }
    for view, T in poses.items():
        sample |= {view: _seen(T, K)[0], f"T_{view}_current": T}
    points = backproject(depth[None], K[None])
    for view in ("previous", "next"):
        pixels = project(points, K[None], poses[view][None])[0][0]
        hidden = torch.rand(1, H, W, generator=torch.Generator().manual_seed(5)) < 0.1
        flow = pixels - pixel_grid(H, W, dtype=torch.float64)[0]
        sample |= {f"flow_{view}": flow, f"occluded_{view}": _outside(pixels) | hidden}
    sample["moving"] = (torch.arange(H * W).view(1, H, W) // 11) % 3 == 0
    return {k: v.to(dtype) if isinstance(v, Tensor) and v.is_floating_point() else v for k, v in sample.items()}


def mono(dtype: torch.dtype = torch.float64) -> dict:
    return Drop(("right", "disparity", "T_right_current"))(wall(dtype))


def pair(dtype: torch.dtype = torch.float64) -> dict:
    times = [f"{name}_{view}" for name in ("flow", "occluded") for view in ("previous", "next")]
    return Drop(("previous", "next", "T_previous_current", "T_next_current", *times))(wall(dtype))


def batch_of(*samples: dict) -> dict:
    return torch.utils.data.default_collate(samples)


def _turn(degrees: float) -> Tensor:
    """Points turned counter-clockwise in the picture, y pointing down."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.tensor([[c, s, 0], [-s, c, 0], [0, 0, 1]], dtype=torch.float64)


SAME, MIRROR = torch.eye(3, dtype=torch.float64), torch.diag(torch.tensor([-1.0, 1, 1], dtype=torch.float64))
NEARER = torch.diag(torch.tensor([1, 1, 72 / 94], dtype=torch.float64))     # 1.3 x 72 columns are 94


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
    "crop": Case(RandomCrop((31, 45))), "centre": Case(CenterCrop((30, 41))), "third": Case(Resize((16, 24))),
    "smaller": Case(Resize((19, 25)), rounded=1), "larger": Case(Resize((61, 101)), rounded=1),
    "scale": Case(RandomScaleCrop((1.05, 1.4)), rounded=1), "all": Case(ALL, rounded=2),
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
    came = after["instances"].flatten()[known] - 2**24                      # exact: no label went through float32
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
    normals = torch.linalg.solve(case.world.T, before["normals"].flatten(1)[:, came])       # planes move by the inverse
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
    assert max(after.values()) < 0.01, after        # a pose that is not mirrored, or a crop without K, gives 0.05 and more


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.sample is not pair],
                         ids=[name for name, case in CASES.items() if case.sample is not pair])
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


def test_occlusion_alone_cannot_follow():
    sample = Drop(("flow_next",))(mono())
    assert torch.equal(RandomFlip(1.0)(sample, torch.Generator())["occluded_next"], sample["occluded_next"].flip(-1))
    for transform in (CenterCrop((30, 40)), Resize((24, 36)), RandomRotate(), RandomTranslate()):
        with pytest.raises(ValueError, match="^occluded_next: found without flow_next"):
            transform(sample, torch.Generator())


@pytest.mark.parametrize("case", [case for case in CASES.values() if case.sample is not mono],
                         ids=[name for name, case in CASES.items() if case.sample is not mono])
def test_disparity_still_matches_the_pair(case):
    sample = case.transform(case.sample(), generator_of(2, 0, 0))
    known = sample["depth_true"] > 0
    left, visible = warp_disparity(sample["right"][None], sample["disparity"][None])
    visible = visible & known
    assert float(((left - sample["image"]).abs() * visible).sum() / (3 * visible.sum())) < 0.01
    length = sample["K"][0, 0] * sample["baseline"]
    torch.testing.assert_close(sample["disparity"] * sample["depth_true"], length * known)


def test_swapped_pair_is_a_pair_again():
    sample = {k: v for k, v in wall().items() if k in ("image", "right", "K", "T_right_current", "baseline", "name")}
    swapped = RandomFlip(1.0, swap_views=True)(sample, torch.Generator())
    assert torch.equal(swapped["image"], sample["right"].flip(-1)) and torch.equal(swapped["right"], sample["image"].flip(-1))
    torch.testing.assert_close(swapped["T_right_current"], sample["T_right_current"])      # the right camera stands to the right
    # The wall in the mirror of the right camera: its normal's x changes sign, and the distance is that from the right camera.
    normal = torch.tensor(NORMAL, dtype=torch.float64) * torch.tensor([-1.0, 1, 1], dtype=torch.float64)
    distance = DISTANCE - NORMAL[0] * BASELINE
    depth = distance / torch.einsum("i,bihw->bhw", normal, viewing_rays(swapped["K"][None], H, W))[:, None]
    seen, visible = warp(swapped["right"][None], depth, swapped["K"][None], swapped["T_right_current"][None])
    assert float(((seen - swapped["image"]).abs() * visible).sum() / (3 * visible.sum())) < 0.002


def test_flip_refuses_what_it_would_spoil():
    with pytest.raises(ValueError, match="^right: .*swap_views"):
        RandomFlip()(wall(), torch.Generator())
    with pytest.raises(ValueError, match="^disparity: "):
        RandomFlip()(Drop(("right",))(wall()), torch.Generator())
    with pytest.raises(ValueError, match="^swap_views: .*previous"):
        RandomFlip(swap_views=True)(wall(), torch.Generator())
    with pytest.raises(ValueError, match="^swap_views: .*without 'right'"):
        RandomFlip(swap_views=True)(mono(), torch.Generator())
    relative = {"image": torch.rand(3, 4, 6), "relative": torch.rand(1, 4, 6), "valid": torch.ones(1, 4, 6, dtype=torch.bool)}
    relative["disparity"] = 1 - relative["relative"]        # ReDWeb's: not in pixels, so neither refused nor scaled
    after = Compose((RandomFlip(1.0), Resize((8, 12))))(relative, torch.Generator())
    assert torch.equal(after["disparity"], 1 - after["relative"])


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
        expected = project(point[None], after["K"][None])[0][0].flip(0).T            # row, column
        off = (new[kept, end : end + 2] - expected).abs()
        assert bool((off <= 0.5 * (1.25 * case.rounded if case.chain else 1) + 1e-9).all())
        if bool((scale > 0.999).all()) and not case.chain and not turned:       # nothing lost: exactly the same depth
            depth = after["depth_true"][0, new[kept, end], new[kept, end + 1]]
            expected = case.world[2, 2] * before["depth_true"].flatten()[where]
            torch.testing.assert_close(depth, expected, atol=0, rtol=1e-15)


def test_pairs_that_are_lost_are_marked():
    sample = {"image": torch.rand(3, 8, 8), "pairs": torch.tensor([[0, 0, 5, 5, 1], [4, 4, 4, 5, -1], [3, 3, 5, 5, 1]])}
    after = CenterCrop((4, 4))(sample)
    assert after["pairs_valid"].tolist() == [False, True, True]
    after = Resize((2, 2))(after)                           # (2, 2) and (2, 3) of the crop fall into one pixel
    assert after["pairs_valid"].tolist() == [False, False, True]
    marked = sample | {"pairs_valid": torch.tensor([True, False, True])}             # once lost, lost for good
    assert CenterCrop((6, 6))(marked)["pairs_valid"].tolist() == [False, False, True]
    assert Resize((8, 8))(marked)["pairs_valid"].tolist() == [True, False, True]


RANDOM = Compose((RandomFlip(0.5), RandomRotate(), RandomTranslate(), RandomScaleCrop(), RandomCrop((40, 60)),
                  ColourJitter((0.8, 1.2), (0.8, 1.2), (0.7, 1.3), (-0.1, 0.1), (0.9, 1.1), p=0.7),
                  Resize((30, 44), {"low": (15, 22)})))
STEREO = Compose((RandomScaleDepth(), RandomTranslate()))


@pytest.mark.parametrize(("transform", "sample"), [(RANDOM, mono), (STEREO, pair)], ids=["mono", "stereo"])
@pytest.mark.parametrize("device", DEVICES)
def test_items_and_batches_agree(device, transform, sample):
    items = [transform(sample(torch.float32), generator_of(5, 2, i)) for i in range(6)]
    batch = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in batch_of(*[sample(torch.float32)] * 6).items()}
    together = transform(batch, generators(5, 2, 6))
    assert together.keys() == items[0].keys() and together["name"] == ["wall"] * 6
    for key, value in batch_of(*items).items():
        if isinstance(value, Tensor):
            assert together[key].dtype == value.dtype and together[key].device.type == device
            torch.testing.assert_close(together[key].cpu(), value, atol=2e-5 if device == "cuda" else 1e-6, rtol=1e-5)
    assert len({tuple(item["K"].flatten().tolist()) for item in items}) == 6         # every image has a draw of its own


@pytest.mark.slow
def test_no_number_is_made_on_another_device():
    """Tensors without data: an operation of one of them with a CPU tensor fails, as it would on a GPU."""
    batch = {k: v.to("meta") if isinstance(v, Tensor) else v for k, v in batch_of(mono(), mono(), mono()).items()}
    chain = Compose((*RANDOM.steps[:-1], Resize((9, 9), {"low": (4, 5)}, image="area", depth="mean")))
    after = chain(batch, generators(5, 2, 3))
    pairs = {k: v.to("meta") if isinstance(v, Tensor) else v for k, v in batch_of(pair(), pair()).items()}
    both = (*after.values(), *STEREO(pairs, generators(5, 2, 2)).values())
    assert {value.device.type for value in both if isinstance(value, Tensor)} == {"meta"}
    assert after["image_low"].shape == (3, 3, 4, 5)


def test_draws_repeat_and_differ():
    def run(step: int) -> dict:
        return RANDOM(batch_of(mono(), mono()), generators(7, step, 2))

    first, again, other = run(3), run(3), run(4)
    assert all(torch.equal(first[k], again[k]) for k in first if isinstance(first[k], Tensor))
    assert not torch.equal(first["K"], other["K"]) and not torch.equal(first["image"], other["image"])
    starts = {tuple(torch.rand(2, generator=generator_of(*n)).tolist()) for n in [(0, 0, 1), (0, 1, 0), (1, 0, 0), (0, 0, 0)]}
    assert len(starts) == 4
    one = torch.Generator().manual_seed(0)                  # a single generator: images draw in turn
    crops = RandomCrop((20, 20))(batch_of(*[mono()] * 8), one)
    assert len({tuple(K.flatten().tolist()) for K in crops["K"]}) > 4


def test_a_rotation_is_that_of_other_libraries():
    """Counter-clockwise about the centre; interpolation, the reflected border and the nearest labels."""
    from scipy.ndimage import affine_transform
    from torchvision.transforms.v2 import functional

    torch.manual_seed(0)
    image, depth = torch.rand(3, 33, 46, dtype=torch.float64), 1 + torch.rand(1, 33, 46, dtype=torch.float64)
    for degrees in (7.0, -31.0):
        after = RandomRotate((degrees, degrees))({"image": image, "depth": depth}, torch.Generator())
        c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        matrix, centre = np.array([[c, s], [-s, c]]), np.array([16.0, 22.5])
        options = {"offset": centre - matrix @ centre, "order": 1, "mode": "mirror"}
        expected = np.stack([affine_transform(plane, matrix, **options) for plane in image.numpy()])
        torch.testing.assert_close(after["image"], torch.from_numpy(expected))
        turned = functional.rotate(depth, degrees, interpolation=functional.InterpolationMode.NEAREST, fill=0.0)
        assert torch.equal(after["depth"], turned)


def test_quarter_turns_are_exact():
    sample = {"image": torch.rand(3, 16, 16), "depth": 1 + torch.rand(1, 16, 16),
              "semantics": torch.arange(256).view(16, 16) % 9,
              "pairs": torch.tensor([[0, 3, 15, 15, 1], [7, 8, 8, 7, -1]])}
    for quarters, degrees in ((0, 0.0), (1, 90.0), (2, 180.0), (3, -90.0)):
        after = RandomRotate((degrees, degrees))(sample, torch.Generator())
        for key in ("depth", "semantics"):
            assert torch.equal(after[key], sample[key].rot90(quarters, (-2, -1))), key
        torch.testing.assert_close(after["image"], sample["image"].rot90(quarters, (-2, -1)), atol=3e-6, rtol=0)
        assert bool(after["pairs_valid"].all())
        for end in (0, 2):
            now, was = after["pairs"][:, end : end + 2].T, sample["pairs"][:, end : end + 2].T
            assert torch.equal(after["depth"][0, now[0], now[1]], sample["depth"][0, was[0], was[1]])


def test_the_principal_point_turns_with_the_picture():
    K = torch.tensor([[60.0, 25, 50], [0, 40, 10], [0, 0, 1]], dtype=torch.float64)     # far from square and centred
    after = RandomRotate((33.0, 33.0))({"image": torch.rand(3, 20, 40), "K": K}, torch.Generator())["K"]
    affine, centre = K[:2, :2], torch.tensor([19.5, 9.5], dtype=torch.float64)
    expected = affine @ _turn(33)[:2, :2] @ affine.inverse() @ (K[:2, 2] - centre) + centre
    torch.testing.assert_close(after, torch.cat((torch.cat((affine, expected[:, None]), dim=1), K[2:])))


def test_pairs_that_turn_out_of_the_image_or_into_one_pixel_are_lost():
    sample = {"image": torch.rand(3, 9, 31), "pairs": torch.tensor([[4, 1, 4, 20, 1], [4, 14, 4, 20, 1]])}
    after = RandomRotate((40.0, 40.0))(sample, torch.Generator())
    assert after["pairs_valid"].tolist() == [False, True]           # 14 columns off the centre is below after the turn
    near = torch.tensor([[y, x, y, x + 1, 1] for y in range(2, 7) for x in range(12, 19)])
    kept = RandomRotate((45.0, 45.0))(sample | {"pairs": near}, torch.Generator())
    apart = (kept["pairs"][:, :2] != kept["pairs"][:, 2:4]).any(dim=1)
    assert torch.equal(kept["pairs_valid"], apart) and 0 < apart.sum() < len(near)


def test_a_shift_is_that_of_numpy():
    sample = {"image": torch.rand(3, 20, 30), "depth": 1 + torch.rand(1, 20, 30), "K": torch.eye(3)}
    seen = set()
    for step in range(60):
        after = RandomTranslate((0.1, 0.2))(sample, generator_of(0, step, 0))
        right, down = after["K"][:2, 2].long().tolist()
        seen.add((down, right))
        grown = np.pad(sample["image"].numpy(), ((0, 0), (6, 6), (6, 6)), mode="reflect")
        assert np.array_equal(after["image"].numpy(), grown[:, 6 - down : 26 - down, 6 - right : 36 - right])
        grown = np.pad(sample["depth"].numpy(), ((0, 0), (6, 6), (6, 6)))
        assert np.array_equal(after["depth"].numpy(), grown[:, 6 - down : 26 - down, 6 - right : 36 - right])
    assert {down for down, _ in seen} == set(range(-2, 3)) and {right for _, right in seen} == set(range(-6, 7))


def test_nearer_keeps_the_focal_length_and_the_baseline():
    before = pair()
    offset = torch.tensor([[0.0] * 4, [0, 0, 0, 0.002], [0, 0, 0, 0.01], [0] * 4])
    before["T_right_current"] = before["T_right_current"] + offset
    after = RandomScaleDepth((1.25, 1.25))(before, generator_of(0, 0, 0))
    assert torch.equal(after["baseline"], before["baseline"])
    torch.testing.assert_close(after["K"][:2, :2], before["K"][:2, :2])
    torch.testing.assert_close(after["depth_true"].max() * 1.25, before["depth_true"].max(), rtol=0.05, atol=0)
    # the pixel in the right image of a point is enlarged as the left one is, also with an offset along the axis
    grid = pixel_grid(H, W, dtype=torch.float64)
    cx = (after["K"] - 1.25 * before["K"])[:2, 2].view(2, 1)
    was = ((grid.flatten(2) - cx) / 1.25).unflatten(2, (H, W))
    rays = (was - before["K"][:2, 2].view(2, 1, 1)) / torch.tensor([60.0, 55]).view(2, 1, 1)
    rays = torch.cat([rays[:, :1] - 0.4 / 60 * rays[:, 1:], rays[:, 1:], torch.ones_like(rays[:, :1])], dim=1)
    normal = torch.tensor(NORMAL, dtype=torch.float64)
    depth = DISTANCE / torch.einsum("i,bihw->bhw", normal, rays)[:, None]
    old, _ = project(depth * rays, before["K"][None], before["T_right_current"][None])
    new, _ = project(backproject(depth / 1.25, after["K"][None]), after["K"][None], after["T_right_current"][None])
    torch.testing.assert_close(new.flatten(2), 1.25 * old.flatten(2) + cx)
    other = RandomScaleCrop((1.25, 1.25))(before, generator_of(0, 0, 0))            # the longer lens
    torch.testing.assert_close(other["K"][:2, :2], 1.25 * before["K"][:2, :2])
    assert other["depth_true"].max() > 1.2 * after["depth_true"].max()
    for key in ("previous", "T_next_current"):
        with pytest.raises(ValueError, match=f"^{key}: found a neighbour in time"):
            RandomScaleDepth()(pair() | {key: wall()[key]}, torch.Generator())


def test_rotation_refuses_what_it_would_spoil():
    with pytest.raises(ValueError, match="^right: found a stereo pair"):
        RandomRotate()(wall(), torch.Generator())
    with pytest.raises(ValueError, match="^disparity: found disparity in pixels"):
        RandomRotate()(Drop(("right",))(wall()), torch.Generator())


def test_offsets_and_factors_fill_their_ranges():
    sample = {"image": torch.zeros(3, 4, 6), "K": torch.eye(3), "depth": torch.ones(1, 4, 6)}
    batch = RandomCrop((2, 5))(batch_of(*[sample] * 200), generators(0, 0, 200))
    assert set(batch["K"][:, 1, 2].tolist()) == {0, -1, -2} and set(batch["K"][:, 0, 2].tolist()) == {0, -1}
    flips = RandomFlip(0.25)(batch_of(*[sample] * 400), generators(0, 1, 400))
    assert 60 < (flips["K"][:, 0, 2] == 5).sum() < 140
    big = {"image": torch.zeros(3, 100, 100), "K": torch.eye(3)}
    scales = RandomScaleCrop((1.0, 1.15))(batch_of(*[big] * 100), generators(0, 2, 100))["K"]
    sx, sy = scales[:, 0, 0], scales[:, 1, 1]
    assert min(sx.min(), sy.min()) >= 1 and 1.12 < sx.max() <= 1.15 and float((sx - sy).abs().max()) > 0.05
    sideways = torch.eye(4) + torch.tensor([[0.0, 0, 0, 1], [0] * 4, [0] * 4, [0] * 4])
    moved = batch_of(*[big | {"T_a_b": sideways}] * 100)
    turned = RandomRotate((-30.0, 10.0))(moved, generators(0, 3, 100))["T_a_b"][:, :2, 3]
    degrees = -torch.rad2deg(torch.atan2(turned[:, 1], turned[:, 0]))
    assert -30 <= degrees.min() < -26 and 6 < degrees.max() <= 10
    one = RandomScaleCrop((1.0, 1.15), independent=False)(batch_of(*[big] * 20), generators(0, 2, 20))["K"]
    assert torch.equal(one[:, 0, 0], one[:, 1, 1])


def test_named_sizes_come_from_the_full_size():
    sample = wall()
    both = Resize((24, 36), {"low": (16, 24)}, image="area")(sample)
    low = Resize((16, 24), image="area")(sample)
    for key in ("image", "right", "previous", "depth", "valid", "K", "semantics", "normals", "disparity", "pairs", "pairs_valid"):
        assert torch.equal(both[f"{key}_low"], low[key]), key
    assert "T_previous_current_low" not in both and "baseline_low" not in both
    torch.testing.assert_close(both["image_low"], sample["image"].unflatten(1, (16, 3)).unflatten(3, (24, 3)).mean(dim=(2, 4)))
    with pytest.raises(ValueError, match="'image_low'.*named resolutions come last"):
        CenterCrop((8, 8))(both)


def test_image_filters():
    from skimage.transform import downscale_local_mean

    sample = {"image": torch.rand(3, 12, 20, dtype=torch.float64)}
    area = Resize((4, 5), image="area")(sample)["image"]
    torch.testing.assert_close(area, torch.from_numpy(downscale_local_mean(sample["image"].numpy(), (1, 3, 4))))
    # the area filter at a fractional size: differences of the interpolated running sum
    row = sample["image"][:, :1]
    running = torch.nn.functional.pad(row[:, 0].cumsum(1), (1, 0)).numpy()
    sums = [np.interp(np.linspace(0, 20, 8), np.arange(21), channel) for channel in running]
    fractional = Resize((1, 7), image="area")({"image": row})["image"][:, 0]
    torch.testing.assert_close(fractional, torch.from_numpy(np.diff(np.array(sums)) * 7 / 20))
    ramp = torch.arange(20, dtype=torch.float64).expand(3, 12, 20) / 20
    for how in ("bilinear", "area"):                        # a ramp keeps its values at the new centres: no shift
        values = Resize((12, 10), image=how)({"image": ramp})["image"][0, 0, 1:-1] * 20
        torch.testing.assert_close(values, torch.arange(1, 9, dtype=torch.float64) * 2 + 0.5)
    noisy = Resize((3, 5))({"image": torch.rand(3, 96, 160)})["image"]
    assert noisy.std() < 0.06                               # antialiased: 0.29 without
    expected = torch.nn.functional.interpolate(sample["image"][None], (7, 33), mode="nearest-exact")[0]
    assert torch.equal(Resize((7, 33), image="nearest")(sample)["image"], expected)


@pytest.mark.parametrize("depth", ["nearest", "mean"])
@pytest.mark.parametrize("size", [(16, 24), (21, 31), (77, 90)])
def test_invalid_depth_stays_apart(depth, size):
    sample = wall() | {"valid": wall()["valid"] & (torch.arange(W) > 5)}
    sample["depth"] = torch.where(sample["valid"], sample["depth"], 0)
    after = Resize(size, depth=depth)(sample)
    came = after["instances"].flatten() - 2**24
    assert torch.equal(after["valid"].flatten(), sample["valid"].flatten()[came])
    assert torch.equal(after["valid"], after["depth"] > 0)
    low, high = sample["depth"][sample["valid"]].aminmax()
    assert after["depth"][after["valid"]].min() >= low - 1e-9 and after["depth"].max() <= high + 1e-9     # zeros never mixed in
    if depth == "mean":
        assert (after["depth_true"] - after["K"][0, 0] * BASELINE / after["disparity"]).abs().mean() < 0.01


def test_colour_leaves_geometry_and_treats_views_alike():
    sample = wall()
    sample["previous"] = sample["image"].flip(-2).clone()
    sample["previous"][:, :20] = 0.05                        # another mean grey, yet shared colours must stay shared
    after = ColourJitter((0.7, 0.7), (1.8, 1.8), (0.5, 0.5), (0.2, 0.2), (0.9, 1.1))(sample, torch.Generator().manual_seed(1))
    torch.testing.assert_close(after["previous"][:, 20:], after["image"].flip(-2)[:, 20:])
    for key in set(sample) - {"image", "right", "previous", "next"}:
        assert after[key] is sample[key] or torch.equal(after[key], sample[key]), key
    for view in ("image", "right", "previous", "next"):
        assert (after[view] - sample[view]).abs().max() > 0.1 and after[view].min() >= 0 and after[view].max() <= 1
        assert after[view].dtype == torch.float64


def test_colour_formulas():
    import colorsys

    image = {"image": 0.3 + 0.4 * torch.rand(3, 5, 7, dtype=torch.float64)}
    x, g = image["image"], torch.Generator()
    torch.testing.assert_close(ColourJitter(brightness=(1.2, 1.2))(image, g)["image"], 1.2 * x)
    grey = (x * torch.tensor([0.2989, 0.587, 0.114], dtype=torch.float64).view(3, 1, 1)).sum(0)
    torch.testing.assert_close(ColourJitter(contrast=(0.5, 0.5))(image, g)["image"], 0.5 * x + 0.5 * grey.mean())
    torch.testing.assert_close(ColourJitter(saturation=(0.5, 0.5))(image, g)["image"], 0.5 * x + 0.5 * grey)
    turned = ColourJitter(hue=(0.25, 0.25))(image, g)["image"]
    hsv = [colorsys.rgb_to_hsv(*rgb) for rgb in x.flatten(1).T.tolist()]
    expected = torch.tensor([colorsys.hsv_to_rgb((h + 0.25) % 1, s, v) for h, s, v in hsv], dtype=torch.float64).T.view_as(x)
    torch.testing.assert_close(turned, expected, atol=1e-5, rtol=0)
    factors = (ColourJitter(gain=(0.8, 1.2))(image, g)["image"] / x).flatten(1)
    assert float(factors.std(dim=1).max()) < 1e-6 and float(factors[:, 0].std()) > 0.01
    assert ColourJitter()(image, g)["image"].equal(x)
    many = ColourJitter(brightness=(0.5, 0.9), p=0.5)(batch_of(*[image] * 200), generators(0, 0, 200))["image"]
    assert 70 < (many != x).flatten(1).any(1).sum() < 130


def test_the_given_sample_is_not_changed():
    sample = mono()
    copy = {k: v.clone() if isinstance(v, Tensor) else v for k, v in sample.items()}
    RANDOM(sample, generator_of(0, 0, 0))
    assert sample.keys() == copy.keys()
    assert all(torch.equal(sample[k], copy[k]) for k in sample if isinstance(sample[k], Tensor))


class Walls(torch.utils.data.Dataset):
    def __len__(self):
        return 6

    def __getitem__(self, position):
        return mono(torch.float32) | {"name": str(position)}

    def fingerprint(self):
        return "walls"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:This DataLoader will create 4 worker")        # more than a small machine has cores
def test_loaders_repeat_a_run_with_any_number_of_workers_and_from_any_step():
    """Two epochs of the training loop's order, the second one with other draws than the first."""
    data = Transformed(Walls(), RANDOM, seed=11)

    def load(first: int, workers: int) -> list[dict]:
        batches = StepSampler(BatchOrder(6, 2, seed=4, first=first, steps=6), first)
        return list(DataLoader(data, batch_sampler=batches, num_workers=workers, collate_fn=collate))

    whole = load(0, workers=0)
    for first, workers in ((0, 2), (0, 4), (2, 0), (5, 2)):
        others = load(first, workers)
        assert len(others) == 6 - first
        for one, other in zip(whole[first:], others, strict=True):
            assert one.keys() == other.keys() and one["name"] == other["name"]
            assert all(torch.equal(value, other[key]) for key, value in one.items() if isinstance(value, Tensor))
    shown: dict[str, list[Tensor]] = {}
    for batch in whole:
        for name, K in zip(batch["name"], batch["K"], strict=True):
            shown.setdefault(name, []).append(K)
    assert len(shown) == 6 and all(len(twice) == 2 and not torch.equal(*twice) for twice in shown.values())


def test_a_draw_depends_on_seed_step_and_position_alone():
    data = Transformed(Walls(), RandomCrop((20, 20)), seed=11)
    assert torch.equal(data[2, 7]["K"], RandomCrop((20, 20))(mono(torch.float32), generator_of(11, 7, 2))["K"])
    assert torch.equal(data[-1]["image"], data[5]["image"]) and torch.equal(data[5]["image"], data[5, 0]["image"])
    assert data.fingerprint() != Transformed(Walls(), RandomCrop((20, 20)), seed=12).fingerprint()
    assert data.fingerprint() != Transformed(Walls(), RandomCrop((20, 21)), seed=11).fingerprint()


class Days(torch.utils.data.Dataset):
    """Images of several sizes, as KITTI has them."""

    SIZES = ((375, 1242), (370, 1226), (374, 1238), (376, 1241))

    def __len__(self):
        return len(self.SIZES)

    def __getitem__(self, position):
        height, width = self.SIZES[position]
        return {"image": torch.rand(3, height, width), "depth": torch.ones(1, height, width), "name": "x"}


def test_items_of_several_sizes():
    cropped = Transformed(Days(), RandomCrop((352, 704)), seed=0)
    (batch,) = DataLoader(cropped, batch_size=4, collate_fn=collate)
    assert batch["image"].shape == (4, 3, 352, 704) and batch["depth"].shape == (4, 1, 352, 704)
    assert batch["name"] == ["x"] * 4
    message = "image: found sizes 375x1242, 370x1226 in one batch, expected one size; add a RandomCrop or Resize"
    with pytest.raises(ValueError, match=f"^{message}$"):
        list(DataLoader(Days(), batch_size=2, collate_fn=collate))
    with pytest.raises(ValueError, match="^right: found in 1 of 2 items"):
        collate([{"image": torch.rand(3, 4, 4)}, {"image": torch.rand(3, 4, 4), "right": torch.rand(3, 4, 4)}])
    with pytest.raises(ValueError, match="^pairs: found sizes 7x5, 8x5 in one batch, expected one size$"):
        collate([{"pairs": torch.zeros(7, 5)}, {"pairs": torch.zeros(8, 5)}])


@pytest.mark.slow
def test_the_speed_of_a_training_is_measured(capsys):
    loading.main(["kitti-png", "kitti-jpeg", "--images", "1", "--repeats", "1", "--workers", "0", "1"])
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["kitti-png"] * 2 + ["kitti-jpeg"] * 2
    sizes = {line.split(", ")[1] for line in lines}
    assert len(sizes) == 2 and all("1242 x 375" in line for line in lines)          # a JPEG file is not a PNG file
    for line in lines:
        milliseconds, cores = re.search(r"([\d.]+) ms of a core an image, so 1,000 images/s take (\d+) cores", line).groups()
        assert float(milliseconds) > 1 and abs(float(milliseconds) - int(cores)) <= 1.1


@pytest.mark.slow
def test_every_key_of_the_scenes_is_known(tmp_path, monkeypatch):
    from depthlib.scenes import SceneDataset, SceneDistribution
    from depthlib.scenes.dataset import EXTRAS, VIEWS

    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path))
    small = SceneDistribution(family="streets", height=24, width=40, defect_share=0.2, antialias=1, moving_share=1.0)
    scenes = SceneDataset(small, "train", 2, views=VIEWS, extras=EXTRAS)
    batch = batch_of(*scenes)
    after = Compose((RandomScaleCrop(), ColourJitter(brightness=(0.9, 1.1)), Resize((12, 20))))(batch, generators(0, 0, 2))
    assert after.keys() == batch.keys()
    length = (after["K"][:, 0, 0] * after["baseline"]).view(2, 1, 1, 1)
    torch.testing.assert_close(after["disparity"] * after["depth_true"], length * (after["depth_true"] > 0))
    assert torch.equal(after["valid"], after["depth"] > 0) and not bool((after["valid"] & after["defect"]).any())


@pytest.mark.parametrize(("call", "message"), [
    (lambda: RandomFlip(1.5), "p: found 1.5"),
    (lambda: RandomCrop((0, 5)), "height: found 0"),
    (lambda: RandomCrop((50, 60))(mono(), torch.Generator()), "size: found a window of 50 x 60 for images of 48 x 72"),
    (lambda: RandomScaleCrop((0.9, 1.1)), "scale: found (0.9, 1.1)"),
    (lambda: RandomScaleDepth((0.9, 1.1)), "scale: found (0.9, 1.1)"),
    (lambda: RandomRotate((10.0, 5.0)), "degrees: found (10.0, 5.0)"),
    (lambda: RandomTranslate((0.1, 0.6)), "share: found (0.1, 0.6)"),
    (lambda: RandomCrop((5, 5))(mono()), "generator: found None"),
    (lambda: RandomCrop((5, 5))(mono(), generators(0, 0, 2)), "generator: found 2 generators, expected one for each of the 1"),
    (lambda: Resize((5, 5), depth="bilinear"), "depth: found 'bilinear', expected one of nearest, mean"),
    (lambda: Resize((5, 5), {"2": (1, 1)}), "named: found '2'"),
    (lambda: ColourJitter(contrast=(1.2, 0.8)), "contrast: found (1.2, 0.8)"),
    (lambda: ColourJitter(hue=(-0.6, 0.5)), "hue: found (-0.6, 0.5)"),
    (lambda: Drop("depth"), "keys: found 'depth'"),
    (lambda: Resize((5, 5))({"depth": torch.ones(1, 4, 4)}), "image: found NoneType"),
    (lambda: Resize((5, 5))(mono() | {"image": torch.zeros(3, H, W, dtype=torch.uint8)}), "image: found dtype torch.uint8"),
    (lambda: Resize((5, 5))(mono() | {"depth": torch.ones(1, 4, 4)}), "depth: found shape [1, 1, 4, 4], expected [1, 1, 48, 72]"),
    (lambda: Resize((5, 5))(mono() | {"teacher": torch.ones(1, H, W)}), "sample: found the tensor 'teacher'"),
    (lambda: generator_of(0, 0.5, 0), "step: found 0.5"),
])
def test_bad_arguments_say_what_is_wrong(call, message):
    with pytest.raises((TypeError, ValueError), match="^" + re.escape(message)):
        call()
