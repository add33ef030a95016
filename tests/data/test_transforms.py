"""Transforms, by what must hold after them: points, warps, pairs and colours still agree."""

import math
import re

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from depthlib.data.transforms import (
    CenterCrop,
    ColourJitter,
    Compose,
    Drop,
    RandomCrop,
    RandomFlip,
    RandomScaleCrop,
    Resize,
    StepSampler,
    Transformed,
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
    return {k: v.to(dtype) if isinstance(v, Tensor) and v.is_floating_point() else v for k, v in sample.items()}


def mono(dtype: torch.dtype = torch.float64) -> dict:
    return Drop(("right", "disparity", "T_right_current"))(wall(dtype))


def batch_of(*samples: dict) -> dict:
    return torch.utils.data.default_collate(samples)


GEOMETRIC = {
    "crop": RandomCrop((31, 45)), "centre": CenterCrop((30, 41)), "scale": RandomScaleCrop((1.05, 1.4)),
    "smaller": Resize((19, 25)), "larger": Resize((61, 101)), "third": Resize((16, 24)),
    "all": Compose((RandomScaleCrop((1.1, 1.2), independent=False), RandomCrop((41, 63)), Resize((27, 50)))),
}
MIRRORED = {"flip": RandomFlip(1.0), "flip and more": Compose((GEOMETRIC["all"], RandomFlip(1.0), Resize((33, 40))))}
EVERY = [pytest.param(t, n in MIRRORED, id=n) for n, t in (GEOMETRIC | MIRRORED).items()]
# How often a label went to a nearest pixel that is not its own place. A chain rounds at several scales, none above 1.25.
ROUNDED = [pytest.param(t, n in MIRRORED, {"scale": 1, "smaller": 1, "larger": 1, "all": 2, "flip and more": 3}.get(n, 0), id=n)
           for n, t in (GEOMETRIC | MIRRORED).items()]


@pytest.mark.slow
@pytest.mark.parametrize(("transform", "mirrored", "roundings"), ROUNDED)
def test_pixels_show_the_points_they_showed(transform, mirrored, roundings):
    before, after = mono(), transform(mono(), generator_of(0, 0, 0))
    came = after["instances"].flatten() - 2**24                                     # exact: no label went through float32
    height, width = after["image"].shape[-2:]
    assert after["depth"].shape == (1, height, width) and after["semantics"].shape == (height, width)
    for key in ("depth", "depth_true", "valid", "defect", "semantics"):
        assert torch.equal(after[key].flatten(), before[key].flatten()[came]), key
    assert torch.equal(after["valid"], after["depth"] > 0)
    side = torch.tensor([-1.0 if mirrored else 1.0, 1, 1], dtype=torch.float64)
    torch.testing.assert_close(after["normals"].flatten(1), side[:, None] * before["normals"].flatten(1)[:, came])

    points = side[:, None] * backproject(before["depth_true"][None], before["K"][None])[0].flatten(1)[:, came]
    pixels, _ = project(points.view(1, 3, height, width), after["K"][None])
    off = pixels - pixel_grid(height, width, dtype=torch.float64)
    # A label comes from the nearest pixel: half an old pixel off at most, exact without rounding, and off to no side.
    scale = after["K"].diagonal()[:2] / before["K"].diagonal()[:2]
    bound = roundings * 0.5 * (scale if roundings < 2 else 1.25)
    assert bool((off.abs().amax(dim=(0, 2, 3)) <= bound + 1e-9).all())
    assert bool((off.mean(dim=(0, 2, 3)).abs() < 0.15).all())
    # The picture moved with the labels: it shows the wall's colour at the pixel's own ray.
    assert (after["image"] - _colour_of(after, mirrored)).abs().mean() < 0.006


def _colour_of(sample: dict, mirrored: bool) -> Tensor:
    """The wall's colour along the rays of the sample's camera."""
    rays = viewing_rays(sample["K"][None], *sample["image"].shape[-2:])[0]
    rays = rays * torch.tensor([-1.0 if mirrored else 1.0, 1, 1], dtype=torch.float64).view(3, 1, 1)
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
@pytest.mark.parametrize(("transform", "mirrored"), EVERY)
def test_warping_neighbours_agrees_as_before(transform, mirrored):
    sample = mono() if mirrored else wall()
    before, after = _errors(sample), _errors(transform(sample, generator_of(1, 0, 0)))
    assert before and max(before.values()) < 0.002
    assert max(after.values()) < 0.01, after        # a pose that is not mirrored, or a crop without K, gives 0.05 and more


@pytest.mark.parametrize("transform", GEOMETRIC.values(), ids=GEOMETRIC)
def test_disparity_still_matches_the_pair(transform):
    sample = transform(wall(), generator_of(2, 0, 0))
    left, visible = warp_disparity(sample["right"][None], sample["disparity"][None])
    assert float(((left - sample["image"]).abs() * visible).sum() / (3 * visible.sum())) < 0.01
    torch.testing.assert_close(sample["disparity"], sample["K"][0, 0] * sample["baseline"] / sample["depth_true"])


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


@pytest.mark.parametrize(("transform", "mirrored", "roundings"), ROUNDED)
def test_pairs_point_at_the_same_places(transform, mirrored, roundings):
    before, after = mono(), transform(mono(), generator_of(3, 0, 0))
    height, width = after["image"].shape[-2:]
    kept = after.get("pairs_valid", torch.ones(40, dtype=torch.bool))
    old, new = before["pairs"], after["pairs"]
    assert kept.sum() >= 2 and torch.equal(old[:, 4], new[:, 4])
    assert bool((new[:, :4] >= 0).all()) and bool((new[:, :4] < torch.tensor([height, width, height, width])).all())
    scale = (after["K"].diagonal()[:2] / before["K"].diagonal()[:2]).flip(0)        # of rows, of columns
    for end in (0, 2):
        where = old[kept, end] * W + old[kept, end + 1]
        point = backproject(before["depth_true"][None], before["K"][None])[0].flatten(1)[:, where]
        point = point * torch.tensor([-1.0 if mirrored else 1.0, 1, 1], dtype=torch.float64)[:, None]
        expected = project(point.view(1, 3, -1), after["K"][None])[0][0].flip(0).T   # row, column
        off = (new[kept, end : end + 2] - expected).abs()
        assert bool((off <= 0.5 * (1.25 * roundings if roundings > 1 else 1) + 1e-9).all())
        if bool((scale >= 1).all()) and roundings < 2:
            depth = after["depth_true"][0, new[kept, end], new[kept, end + 1]]
            assert torch.equal(depth, before["depth_true"].flatten()[where])         # nothing lost: exactly the same depth


def test_pairs_that_are_lost_are_marked():
    sample = {"image": torch.rand(3, 8, 8), "pairs": torch.tensor([[0, 0, 5, 5, 1], [4, 4, 4, 5, -1], [3, 3, 5, 5, 1]])}
    after = CenterCrop((4, 4))(sample)
    assert after["pairs_valid"].tolist() == [False, True, True]
    after = Resize((2, 2))(after)                           # (2, 2) and (2, 3) of the crop fall into one pixel
    assert after["pairs_valid"].tolist() == [False, False, True]
    marked = sample | {"pairs_valid": torch.tensor([True, False, True])}             # once lost, lost for good
    assert CenterCrop((6, 6))(marked)["pairs_valid"].tolist() == [False, False, True]
    assert Resize((8, 8))(marked)["pairs_valid"].tolist() == [True, False, True]


RANDOM = Compose((RandomFlip(0.5), RandomScaleCrop(), RandomCrop((40, 60)), ColourJitter((0.8, 1.2), (0.8, 1.2), (0.7, 1.3),
                  (-0.1, 0.1), (0.9, 1.1), p=0.7), Resize((30, 44), {"low": (15, 22)})))


@pytest.mark.parametrize("device", DEVICES)
def test_items_and_batches_agree(device):
    items = [RANDOM(mono(torch.float32), generator_of(5, 2, i)) for i in range(6)]
    batch = {k: v.to(device) if isinstance(v, Tensor) else v for k, v in batch_of(*[mono(torch.float32)] * 6).items()}
    together = RANDOM(batch, generators(5, 2, 6))
    assert together.keys() == items[0].keys() and together["name"] == ["wall"] * 6
    for key, value in batch_of(*items).items():
        if isinstance(value, Tensor):
            assert together[key].dtype == value.dtype and together[key].device.type == device
            torch.testing.assert_close(together[key].cpu(), value, atol=2e-5 if device == "cuda" else 1e-6, rtol=1e-5)
    assert len({tuple(item["K"].flatten().tolist()) for item in items}) == 6         # every image has a draw of its own


def test_no_number_is_made_on_another_device():
    """Tensors without data: an operation of one of them with a CPU tensor fails, as it would on a GPU."""
    batch = {k: v.to("meta") if isinstance(v, Tensor) else v for k, v in batch_of(mono(), mono(), mono()).items()}
    chain = Compose((*RANDOM.steps[:-1], Resize((9, 9), {"low": (4, 5)}, image="area", depth="mean")))
    after = chain(batch, generators(5, 2, 3))
    assert {value.device.type for value in after.values() if isinstance(value, Tensor)} == {"meta"}
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
    import numpy as np
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
@pytest.mark.parametrize("workers", [0, 2])
def test_loader_repeats_a_resumed_run(workers):
    data = Transformed(Walls(), RANDOM, seed=11)
    batches = [[0, 3], [5, 1], [3, 0]]

    def load(first: int) -> list[dict]:
        return list(DataLoader(data, batch_sampler=StepSampler(batches[first:], first), num_workers=workers))

    whole, resumed = load(0), load(1)
    assert torch.equal(whole[1]["image"], resumed[0]["image"]) and torch.equal(whole[2]["K_low"], resumed[1]["K_low"])
    assert not torch.equal(whole[0]["K"][0], whole[2]["K"][1])          # image 0, another step: another draw
    torch.testing.assert_close(whole[2]["image"][1], data[0, 2]["image"])
    assert torch.equal(data[-1]["image"], data[5]["image"])
    assert data.fingerprint() != Transformed(Walls(), RANDOM, seed=12).fingerprint()
    assert data.fingerprint() != Transformed(Walls(), RandomFlip(0.5), seed=11).fingerprint()


@pytest.mark.slow
def test_every_key_of_the_scenes_is_known(tmp_path, monkeypatch):
    from depthlib.scenes import SceneDataset, SceneDistribution

    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path))
    small = SceneDistribution(family="streets", height=24, width=40, defect_share=0.2, antialias=1)
    views, extras = ("current", "right", "previous", "next"), ("normals", "instances", "disparity")
    scenes = SceneDataset(small, "train", 2, views=views, extras=extras)
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
