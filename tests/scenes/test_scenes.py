"""The scenes benchmark: its geometry is proven against closed forms and against other views of the same scene."""

from __future__ import annotations

import itertools
import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
import torch
from scene_solids import contains

from depthlib.geometry.warp import warp, warp_disparity
from depthlib.scenes import (
    CLASSES,
    NYU4_CLASSES,
    NYU13_TO_NYU4,
    ROOM_CLASSES,
    SKY,
    SPLITS,
    STREET_CLASSES,
    SceneDataset,
    SceneDistribution,
    culling,
    intrinsics,
    lighting,
    make_scene,
    manifest,
    raycast,
    render,
    scene_seed,
)
from depthlib.scenes import cache as disk
from depthlib.scenes.batch import camera_tensors, pack
from depthlib.scenes.frame import canonical_frame, quantise
from depthlib.scenes.noise import fractal2, noise2, noise3
from depthlib.scenes.patterns import Pattern
from depthlib.scenes.rng import Dice
from depthlib.scenes.solids import CONE, CYLINDER, ELLIPSOID, Frame, Light, Material, Scene, Solid, look, place, taper, turn

FAMILIES = ("rooms", "streets")
SMALL = {"rooms": {"height": 48, "width": 64}, "streets": {"height": 48, "width": 96}}
GREY = Material(Pattern.PLASTER, (0.5, 0.5, 0.5), (0.2, 0.2, 0.2), 0.5, 7)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path))


def random_solids(seed: int, count: int = 12) -> Scene:
    """Solids of all kinds, freely turned, in front of a camera at the origin."""
    dice = Dice(seed)
    scene = Scene("rooms", seed, ambient_up=(1.0, 1.0, 1.0), ambient_down=(1.0, 1.0, 1.0))
    for i in range(count):
        frame = Frame(
            scene, (dice.uniform(-2, 2), dice.uniform(2.5, 7), dice.uniform(-1.2, 1.2)), turn(dice.uniform(0, 6)), 0, i + 1
        )
        frame = frame.tilted(dice.uniform(-1.5, 1.5)).at(0, 0, 0, dice.uniform(0, 6))
        size = tuple(dice.uniform(0.1, 1.5) for _ in range(3))
        profile = (None, CYLINDER, ELLIPSOID, CONE, taper(0.4))[i % 5]
        frame.box((0, 0, 0), size, GREY) if profile is None else frame.round((0, 0, 0), size, GREY, profile, "xyz"[i % 3])
    scene.cameras["current"] = look((0.0, 0.0, 0.0), 0.1, -0.05, 0.02)
    return scene


def walk(solids: list[Solid], origin: np.ndarray, directions: np.ndarray, far: float, steps: int) -> np.ndarray:
    """First parameter at which each ray [N, 3] is inside of any solid: small steps, then bisection. Infinite if none."""
    t = np.linspace(0, far, steps)
    taken = np.zeros((len(directions), steps), dtype=bool)
    for solid in solids:
        taken |= contains(solid, origin + t[None, :, None] * directions[:, None])
    first = taken.argmax(1)
    low, high = t[np.maximum(first - 1, 0)], t[first]
    for _ in range(50):
        middle = (low + high) / 2
        points = origin + middle[:, None] * directions
        inside = np.any([contains(solid, points) for solid in solids], axis=0)
        low, high = np.where(inside, low, middle), np.where(inside, middle, high)
    return np.where(taken.any(1), high, np.inf)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("device", DEVICES)
def test_depth_agrees_with_walking_along_the_rays(dtype, device):
    distribution = SceneDistribution("rooms", height=40, width=56, antialias=1)
    scene = random_solids(3)
    camera = scene.cameras["current"]
    depth = render([scene], [camera], distribution, dtype=dtype, device=device).depth[0, 0].cpu().double().numpy()
    v, u = np.mgrid[0:40:3, 0:56:3].reshape(2, -1)
    directions = np.linalg.inv(intrinsics(distribution).numpy()) @ np.stack([u, v, np.ones_like(u)]).astype(float)
    expected = walk(scene.solids, np.array(camera.position), directions.T @ np.array(camera.axes), 9.0, 3000)
    expected[np.isinf(expected)] = 0
    assert (expected > 0).mean() > 0.3
    wrong = np.abs(depth[v, u] - expected) > 2e-5
    assert wrong.mean() <= 0.01         # steps of 3 mm jump over a grazed rim now and then


def test_sphere_and_floor_in_closed_form():
    scene = Scene("rooms", 0)
    place(scene, 0, 0, 0).box((0, 0, -1.1), (100, 100, 0.2), GREY)
    place(scene, 1, 0.3, 4.0, 0.2).round((0, 0, 0), (1.4, 1.4, 1.4), GREY, ELLIPSOID)
    distribution = SceneDistribution("rooms", height=60, width=80)
    frames = render([scene], [look((0.0, 0.0, 0.0), 0.0, 0.0)], distribution)
    k = intrinsics(distribution).numpy()
    v, u = np.mgrid[0:60, 0:80]
    x, y = (u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1]
    with np.errstate(divide="ignore", invalid="ignore"):
        floor = np.where(y > 0.03, 1.0 / y, np.inf)
        a, b, c = x * x + y * y + 1, 0.3 * x - 0.2 * y + 4.0, 0.3**2 + 0.2**2 + 16 - 0.7**2
        sphere = np.where(b * b > a * c, (b - np.sqrt(np.maximum(b * b - a * c, 0))) / a, np.inf)
    expected = np.minimum(floor, sphere)
    seen = np.isfinite(expected)
    assert np.allclose(frames.depth[0, 0].numpy()[seen], expected[seen], atol=1e-9)
    point = np.stack([x * sphere, y * sphere, sphere]) - np.array([0.3, -0.2, 4.0])[:, None, None]
    on_sphere = sphere < floor
    assert np.allclose(frames.normals[0].numpy()[:, on_sphere], point[:, on_sphere] / 0.7, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_culling_changes_nothing(family, monkeypatch):
    distribution = SceneDistribution(family, **SMALL[family], antialias=1)
    scene = make_scene(distribution, "train", 5)
    culled = render([scene], [scene.cameras["current"]], distribution)
    everywhere = torch.ones(len(pack([scene]).kind[0]), dtype=torch.bool)
    far = torch.tensor(torch.inf, dtype=torch.float64)

    def every_pair(scenes, bounds, wanted, test, of_tiles=None):
        group, number = torch.cartesian_prod(torch.arange(len(wanted)), torch.arange(len(everywhere))).T
        if of_tiles is None:
            return group, number
        tile = group // culling.BRANCHES
        kept = of_tiles(number, *(ends[:, tile] for ends in bounds.levels[-2]))
        return group[kept], number[kept]

    monkeypatch.setattr(raycast, "visible_tiles", lambda scenes, p, r, k, rays: everywhere.expand(len(rays.u), -1))
    monkeypatch.setattr(raycast, "_span", lambda origin, directions, rays, tile: (-far.expand(len(tile)), far.expand(len(tile))))
    monkeypatch.setattr(lighting, "pairs", every_pair)
    whole = render([scene], [scene.cameras["current"]], distribution)
    assert torch.equal(culled.depth, whole.depth) and torch.equal(culled.instances, whole.instances)
    assert (culled.image - whole.image).abs().max() < 1e-9
    monkeypatch.setattr(lighting, "_on_the_way", lambda place, row, *box: torch.ones_like(row[0], dtype=torch.bool))
    whole = render([scene], [scene.cameras["current"]], distribution)
    assert ((culled.image - whole.image).abs() > 3 / 255).float().mean() < 5e-3       # contact shadows of a few millimetres


def light_that_passes(scene: Scene, lamp: list[float], point: torch.Tensor) -> torch.Tensor:
    """Share [n] of the light of `lamp`, position and radius, that arrives at free points [n, 3], n a multiple of 16."""
    distance = (point - torch.tensor(lamp[:3], dtype=torch.float64)).norm(dim=1).view(-1, 16)
    group, yes, none = point.view(-1, 16, 3).mT, distance > 0, torch.full_like(distance, -1).long()
    light = torch.tensor([[*lamp, 1, 1, 1, 1]], dtype=torch.float64)
    bounds = culling.bounds_of(group, yes, none)
    return lighting.transmittance(pack([scene]), light, group, distance, none, yes, bounds).flatten()


@pytest.mark.slow
def test_shadows_of_small_lights_agree_with_walking_to_the_light():
    scene = random_solids(8, 15)
    light = np.array([0.5, 1.0, 6.0])
    dice = Dice(1)
    points = np.array([[dice.uniform(-3, 3), dice.uniform(2, 8), -2.5] for _ in range(128)])
    towards = light - points
    hidden = np.array([np.isfinite(walk(scene.solids, p, d[None], 1.0, 2000))[0] for p, d in zip(points, towards, strict=True)])
    passed = light_that_passes(scene, [*light, 1e-4], torch.from_numpy(points)).numpy()
    assert 0.2 < hidden.mean() < 0.8
    clear = (passed < 0.05) | (passed > 0.95)
    assert clear.mean() > 0.9 and ((passed < 0.5) == hidden)[clear].mean() > 0.99


def test_a_larger_light_has_a_softer_shadow():
    scene = Scene("rooms", 0)
    place(scene, 0, 0, 0, 1.0).box((0, 0, 0), (1.0, 1.0, 0.1), GREY)
    x = torch.linspace(-3, 3, 64, dtype=torch.float64)
    point = torch.stack([x, torch.zeros_like(x), torch.zeros_like(x)], 1)
    small, large = (light_that_passes(scene, [0.0, 0.0, 4.0, radius], point) for radius in (0.05, 0.8))
    assert small[32] < 0.01 and small[0] > 0.99 and torch.allclose(small, small.flip(0), atol=1e-9)
    assert ((large > 0.05) & (large < 0.95)).sum() > 2 * ((small > 0.05) & (small < 0.95)).sum()


def test_corners_get_less_light_from_all_around():
    scene = Scene("rooms", 0)
    place(scene, 0, 0, 0).box((0, 0, -0.6), (10.0, 10.0, 0.2), GREY)
    place(scene, 0, 0, 0).box((0, 0, 0), (1.0, 1.0, 1.0), GREY)
    x = 0.5 + torch.linspace(0.01, 2, 64, dtype=torch.float64).view(-1, 16)
    zero, one, floor, yes = torch.zeros_like(x), torch.ones_like(x), torch.zeros_like(x).long(), x > 0
    point, up = torch.stack([x, zero, -0.5 * one], 1), torch.stack([zero, zero, one], 1)
    bounds = culling.bounds_of(point, yes, floor)
    share = lighting.openness(pack([scene]), 0.7, point, up, floor, yes, bounds).flatten()
    assert share[0] < 0.9 and share[-1] == 1 and (share.diff() >= -1e-12).all()


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("index", [0, 1, 4])
def test_other_views_give_the_target_back(family, index):
    distribution = SceneDistribution(family)
    item = SceneDataset(
        distribution, "val", 1, first=index, views=("current", "right", "next", "previous"), extras=("disparity",)
    )[0]
    scene = make_scene(distribution, "val", index)
    image, depth, k = item["image"][None], item["depth"][None], item["K"][None]
    for view in ("right", "previous", "next"):
        camera = scene.cameras[view]
        there = render([scene], [camera], replace(distribution, antialias=1), dtype=torch.float32).depth
        if view == "right":
            pose = torch.eye(4)[None]
            pose[0, 0, 3] = -item["baseline"]
            warped, visible = warp_disparity(item["right"][None], item["disparity"][None])
            both = (visible & (depth > 0)).expand_as(image)
            assert torch.allclose(warp(item["right"][None], depth, k, pose)[0][both], warped[both], atol=1e-3)
        else:
            pose = item[f"T_{view}_current"][None]
            warped, visible = warp(item[view][None], depth, k, pose)
        # Occluded where the other view has something nearer: its depth against the depth of our point over there.
        seen_depth = warp(there, depth, k, pose)[0]
        height, width = depth.shape[2:]
        v, u = torch.meshgrid(torch.arange(height, dtype=torch.float32), torch.arange(width, dtype=torch.float32), indexing="ij")
        points = torch.linalg.inv(k[0]) @ torch.stack([u, v, torch.ones_like(u)]).flatten(1) * depth.flatten()
        own_depth = (pose[0, 2, :3] @ points + pose[0, 2, 3]).view_as(depth)
        agree = visible & (depth > 0) & ((seen_depth - own_depth).abs() < 0.02 * own_depth)
        error = (warped - image).abs().mean(1, keepdim=True)[agree].mean()
        assert agree.float().mean() > 0.35
        assert error < 0.02, f"{view}: {error:.4f}"


@pytest.mark.parametrize("family", FAMILIES)
def test_normals_agree_with_depth_differences(family):
    distribution = SceneDistribution(family, antialias=1)
    scene = make_scene(distribution, "val", 2)
    frames = render([scene], [scene.cameras["current"]], distribution)
    depth, k = frames.depth[0, 0], intrinsics(distribution)
    height, width = depth.shape
    v, u = torch.meshgrid(torch.arange(height, dtype=torch.float64), torch.arange(width, dtype=torch.float64), indexing="ij")
    points = torch.stack([(u - k[0, 2]) / k[0, 0] * depth, (v - k[1, 2]) / k[1, 1] * depth, depth])
    across, down = points[:, 1:-1, 2:] - points[:, 1:-1, :-2], points[:, 2:, 1:-1] - points[:, :-2, 1:-1]
    estimate = torch.nn.functional.normalize(torch.linalg.cross(down, across, dim=0), dim=0)
    normals = frames.normals[0][:, 1:-1, 1:-1]
    window = torch.nn.functional.unfold(frames.normals, 3).view(3, 9, height - 2, width - 2)
    ids = torch.nn.functional.unfold(frames.instances[:, None].double(), 3).view(9, height - 2, width - 2)
    inner = ((window - normals[:, None]).norm(dim=0).amax(0) < 1e-6) & (ids == ids[4]).all(0) & (depth[1:-1, 1:-1] > 0)
    flat = (points[:, 1:-1, 1:-1] * normals).sum(0)             # distance of the pixel's plane; the neighbours must lie in it
    near = torch.nn.functional.unfold(points[None], 3).view(3, 9, height - 2, width - 2)
    inner &= ((near * normals[:, None]).sum(0) - flat).abs().amax(0) < 1e-6
    assert inner.float().mean() > 0.1
    cosine = (estimate * normals).sum(0)[inner]
    assert cosine.min() > 0.99
    facing = (frames.normals[0] * points / depth.clamp(min=1e-9)).sum(0)[depth > 0]
    assert facing.max() < 1e-6          # towards the camera
    assert torch.allclose(frames.normals[0].norm(dim=0)[depth > 0], torch.ones(1, dtype=torch.float64), atol=1e-9)


@pytest.mark.slow
def test_splits_share_no_scene():
    seeds = [scene_seed(family, split, index) for family in FAMILIES for split in SPLITS for index in range(2000)]
    assert len(set(seeds)) == len(seeds)
    frames = {canonical_frame(make_scene(d, split, i), "current", d).digest()
              for d in (SceneDistribution(f, height=16, width=24) for f in FAMILIES) for split in SPLITS for i in range(4)}
    assert len(frames) == 24


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_rendering_is_repeatable_and_batches_agree(family):
    distribution = SceneDistribution(family, **SMALL[family])
    scenes = [make_scene(distribution, "train", index) for index in (3, 9)]
    cameras = [scene.cameras["current"] for scene in scenes]
    together = quantise(render(scenes, cameras, distribution), distribution.depth_scale)
    again = [canonical_frame(make_scene(distribution, "train", index), "current", distribution) for index in (3, 9)]
    for i, frame in enumerate(again):
        assert all(np.array_equal(together[j][i], getattr(frame, name))
                   for j, name in enumerate(("image", "depth", "semantics", "instances", "normals", "glossy")))


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("device", DEVICES)
def test_float32_agrees_with_canonical_frames(family, device):
    distribution = SceneDistribution(family)
    shares = []
    for index in (2, 17):
        scene = make_scene(distribution, "train", index)
        views = [scene], [scene.cameras["current"]], distribution
        exact, fast = (quantise(render(*views, dtype=dtype, device=where), distribution.depth_scale)
                       for dtype, where in ((torch.float64, "cpu"), (torch.float32, device)))
        shares += [(np.abs(a.astype(int) - b) <= 1).mean() for a, b in zip(exact[:2], fast[:2], strict=True)]
        shares.append((exact[2] == fast[2]).mean())
    assert min(shares) >= 0.999, shares


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_manifest(family):
    known = manifest.read_manifest()["families"][family]
    assert {split: len(hashes) for split, hashes in known["frames"].items()} == manifest.COUNTS
    hashes = list(itertools.chain(*known["frames"].values()))
    assert len(set(hashes)) == len(hashes)
    assert known["classes"] == list(CLASSES[family]) and known["depth_units_per_metre"] == SceneDistribution(family).depth_scale
    for split, index in (("train", 0), ("val", 1), ("test", 63)):
        assert manifest.frame_hash(family, split, index) == known["frames"][split][index]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_depths_are_long_tailed_and_in_range(family):
    distribution = SceneDistribution(family, **SMALL[family], antialias=1)
    depth = torch.cat([render([s], [s.cameras["current"]], distribution, dtype=torch.float32).depth.flatten()
                       for s in (make_scene(distribution, "train", i) for i in range(32))])
    depth = depth[depth > 0].double()
    low, high = distribution.depth_range
    assert low <= depth.min() and depth.max() <= high
    skewness = ((depth - depth.mean()) / depth.std()).pow(3).mean()
    assert skewness > 0.5 and depth.mean() > 1.05 * depth.median() and depth.max() > 0.8 * high


def measured(family: str, **knobs: float) -> dict[str, float]:
    """Means over a few scenes: gradient of the images, share of thin pixels, 95th percentile of depth, of class ids."""
    distribution = SceneDistribution(family, height=96, width=192 if family == "streets" else 128, antialias=1, **knobs)
    scenes = [make_scene(distribution, "train", index) for index in range(6)]
    frames = [render([s], [s.cameras["current"]], distribution, dtype=torch.float32) for s in scenes]
    image, depth = torch.cat([f.image for f in frames]), torch.cat([f.depth for f in frames])
    return {
        "gradient": float(image.diff(dim=-1).abs().mean()), "solids": float(np.mean([len(s.solids) for s in scenes])),
        "poles": float(np.mean([(f.semantics == STREET_CLASSES.index("pole")).float().mean() for f in frames])),
        "p95": float(np.mean([f.depth[f.depth > 0].quantile(0.95) for f in frames])), "depth": depth,
    }


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_texture_contrast_changes_texture_alone(family):
    flat, usual, strong = (measured(family, texture_contrast=value) for value in (0.0, 1.0, 2.0))
    assert flat["gradient"] < 0.85 * usual["gradient"] and usual["gradient"] < 0.95 * strong["gradient"]
    assert torch.equal(flat["depth"], strong["depth"])


@pytest.mark.slow
def test_thin_structures_change_poles():
    shares = [measured("streets", thin_structures=value) for value in (0.0, 1.0, 3.0)]
    assert shares[0]["poles"] == 0 < 1.5 * shares[1]["poles"] < shares[2]["poles"]
    solids = [measured("rooms", thin_structures=value)["solids"] for value in (0.0, 1.0, 3.0)]
    assert solids[0] < solids[1] < solids[2]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_depth_tail_moves_the_far_end(family):
    short, usual, long = (measured(family, depth_tail=value)["p95"] for value in (0.0, 1.0, 4.0))
    assert 1.1 * short < usual and 1.1 * usual < long


@pytest.mark.slow
def test_items_have_what_was_asked_for():
    plain = SceneDataset(SceneDistribution("streets", **SMALL["streets"]), "train", 2, first=5)
    assert len(plain) == 2 and plain[1]["name"] == "streets/train/000006" and plain[-1]["name"] == plain[1]["name"]
    assert set(plain[0]) == {"image", "depth", "valid", "K", "semantics", "name"}
    item = plain[0]
    assert (
        item["image"].shape == (3, 48, 96)
        and item["image"].dtype == torch.float32
        and 0 <= item["image"].min() <= item["image"].max() <= 1
    )
    assert item["depth"].shape == item["valid"].shape == (1, 48, 96) and torch.equal(item["valid"], item["depth"] > 0)
    assert torch.equal(item["semantics"] == SKY, ~item["valid"][0])
    with pytest.raises(IndexError):
        plain[2]
    full = SceneDataset(SceneDistribution("rooms", **SMALL["rooms"], defect_share=0.2), "val", 1,
                        views=("next", "current", "right", "previous"), extras=("normals", "instances", "disparity"))[0]
    assert set(full) == {
        "image",
        "depth",
        "valid",
        "K",
        "semantics",
        "name",
        "right",
        "baseline",
        "previous",
        "next",
        "T_previous_current",
        "T_next_current",
        "normals",
        "instances",
        "disparity",
        "depth_true",
        "defect",
    }
    assert abs(float(full["defect"].float().mean()) - 0.2) < 0.01
    assert torch.equal(full["valid"] | full["defect"], full["depth_true"] > 0) and not (full["depth"][full["defect"]] > 0).any()
    assert torch.allclose(
        full["disparity"] * full["depth_true"], (full["K"][0, 0] * full["baseline"]).expand_as(full["disparity"]), rtol=1e-5
    )
    assert torch.allclose(full["normals"].norm(dim=0), torch.ones(1), atol=1e-3)
    assert len(torch.utils.data.default_collate([item, plain[1]])["name"]) == 2


@pytest.mark.slow
def test_poses_lead_from_view_to_view():
    item = SceneDataset(SceneDistribution("streets", **SMALL["streets"]), "val", 1, views=("current", "previous", "next"))[0]
    ahead, behind = item["T_next_current"], item["T_previous_current"]
    assert torch.allclose(ahead[:3, :3] @ ahead[:3, :3].T, torch.eye(3), atol=1e-6)
    assert ahead[2, 3] < -0.4 and behind[2, 3] > 0.4            # driving on, a fixed point comes nearer


def test_frames_are_cached_and_damage_is_mended(monkeypatch):
    distribution = SceneDistribution("rooms", **SMALL["rooms"])
    first = SceneDataset(distribution, "train", 2)
    paths = [disk.frame_path(distribution, "train", index, "current") for index in (0, 1)]
    assert [path.is_file() for path in paths] == [True, True] and len(list(paths[0].parent.iterdir())) == 2
    whole = paths[0].read_bytes()
    paths[0].write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    paths[1].write_bytes(b"")
    assert disk.load(paths[0]) is None and disk.load(paths[1]) is None
    assert SceneDataset(distribution, "train", 2).fingerprint() == first.fingerprint()
    assert disk.load(paths[0]) is not None

    def refuse(*_):
        raise AssertionError("rendered although it was on disk")

    monkeypatch.setattr("depthlib.scenes.dataset.canonical_frame", refuse)
    assert torch.equal(SceneDataset(distribution, "train", 1)[0]["image"], first[0]["image"])
    assert SceneDataset(replace(distribution, defect_share=0.1), "train", 1).fingerprint() != first.fingerprint()  # same pixels
    with pytest.raises(AssertionError):
        SceneDataset(distribution, "train", 1, views=("current", "right"))
    with pytest.raises(AssertionError):
        SceneDataset(replace(distribution, texture_contrast=0.5), "train", 1)
    with pytest.raises(AssertionError):
        SceneDataset(distribution, "train", 1, cache=False)


@pytest.mark.slow
def test_runs_that_start_together_begin_at_different_scenes_and_serve_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path))
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    distribution, orders, hashes = SceneDistribution("rooms", height=16, width=16), [], set()

    def noted(distribution, split, index):
        orders.append(index)
        return make_scene(distribution, split, index)

    monkeypatch.setattr("depthlib.scenes.dataset.make_scene", noted)
    for process in (4711, 4712):
        monkeypatch.setattr("os.getpid", lambda process=process: process)
        data = SceneDataset(distribution, "train", 8, first=3, cache=False)
        hashes.add(data.fingerprint())
        assert [data[i]["name"] for i in (0, -1)] == ["rooms/train/000003", "rooms/train/000010"]
    first, second = orders[:8], orders[8:]
    assert sorted(first) == sorted(second) == list(range(3, 11)) and len(hashes) == 1
    assert min((first[0] - second[0]) % 8, (second[0] - first[0]) % 8) >= 3       # each renders what the other comes to last


def _fingerprint(queue) -> None:
    torch.set_num_threads(1)
    queue.put(SceneDataset(SceneDistribution("rooms", height=24, width=32), "train", 3).fingerprint())


@pytest.mark.slow
def test_two_processes_may_want_the_same_scenes():
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=_fingerprint, args=(queue,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    found = {queue.get(timeout=100) for _ in workers}
    for worker in workers:
        worker.join(20)
    distribution = SceneDistribution("rooms", height=24, width=32)
    assert found == {SceneDataset(distribution, "train", 3, cache=False).fingerprint()}
    assert len(list(disk.folder(distribution).rglob("*"))) == 4         # the folder of the split and three whole frames


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"family": "caves"}, ValueError, "family"),
        ({"height": 0}, ValueError, "height"),
        ({"width": 7.5}, TypeError, "width"),
        ({"texture_contrast": -0.1}, ValueError, "texture_contrast"),
        ({"thin_structures": float("nan")}, ValueError, "thin_structures"),
        ({"depth_tail": "long"}, TypeError, "depth_tail"),
        ({"defect_share": 1.0}, ValueError, "defect_share"),
        ({"antialias": 5}, ValueError, "antialias"),
    ],
)
def test_bad_distributions_are_refused(change, error, message):
    with pytest.raises(error, match=message):
        SceneDistribution(**change)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"split": "all"}, ValueError, "split"),
        ({"count": -1}, ValueError, "count"),
        ({"first": 1.0}, ValueError, "first"),
        ({"views": "current"}, TypeError, "views"),
        ({"views": ("left",)}, ValueError, "views"),
        ({"views": ("right",)}, ValueError, "views"),
        ({"extras": ("flow",)}, ValueError, "extras"),
        ({"distribution": "rooms"}, TypeError, "distribution"),
    ],
)
def test_bad_datasets_are_refused(change, error, message):
    arguments = {"distribution": SceneDistribution(), "split": "train", "count": 0} | change
    distribution, split, count = (arguments.pop(name) for name in ("distribution", "split", "count"))
    with pytest.raises(error, match=message):
        SceneDataset(distribution, split, count, **arguments)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (9, 5), (33, 70)])
@pytest.mark.parametrize("antialias", [1, 2, 3])
def test_every_size_is_legal(size, antialias):
    distribution = SceneDistribution("rooms", height=size[0], width=size[1], antialias=antialias)
    scene = make_scene(distribution, "train", 0)
    frames = render([scene], [scene.cameras["current"]], distribution, dtype=torch.float32)
    assert frames.image.shape[2:] == frames.depth.shape[2:] == frames.instances.shape[1:] == size
    exact = render([scene], [scene.cameras["current"]], replace(distribution, antialias=1), dtype=torch.float32)
    assert torch.equal(frames.depth, exact.depth)           # geometry comes from the pixel's centre whatever the colour does


def test_noise_is_continuous_and_the_same_in_both_precisions():
    x = torch.linspace(-40, 40, 4001, dtype=torch.float64)
    y = x * 0.37 + 3.1
    seed = torch.full_like(x, 123456789, dtype=torch.int64)
    fine = noise2(x, y, seed)
    assert 0 <= fine.min() < 0.1 and 0.9 < fine.max() <= 1 and fine.diff().abs().max() < 0.06
    assert (noise3(x, y, 2 * x, seed) - noise3(x.float(), y.float(), 2 * x.float(), seed)).abs().max() < 1e-4
    lattice = torch.arange(-5.0, 6.0, dtype=torch.float64)
    left, right = (noise3(lattice + e, lattice, lattice - e, seed[:11]) for e in (-1e-9, 1e-9))
    assert (left - right).abs().max() < 1e-7
    assert (noise2(x, y, seed) - noise2(x, y, seed + 1)).abs().mean() > 0.1
    assert fractal2(x, y, seed, 1.0, torch.full_like(x, 5.0)).abs().max() == 0      # finer than a pixel: gone


def test_class_tables():
    assert len(ROOM_CLASSES) == 13 == len(NYU13_TO_NYU4) and set(NYU13_TO_NYU4) == set(range(len(NYU4_CLASSES)))
    assert NYU4_CLASSES[NYU13_TO_NYU4[ROOM_CLASSES.index("wall")]] == "structure"
    assert NYU4_CLASSES[NYU13_TO_NYU4[ROOM_CLASSES.index("sofa")]] == "furniture"


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_class_occurs(family):
    distribution = SceneDistribution(family, **SMALL[family], antialias=1)
    seen = set()
    for index in range(40):
        scene = make_scene(distribution, "train", index)
        seen |= set(render([scene], [scene.cameras["current"]], distribution, dtype=torch.float32).semantics.unique().tolist())
        if len(seen) == len(CLASSES[family]):
            return
    raise AssertionError(f"never seen: {[name for i, name in enumerate(CLASSES[family]) if i not in seen]}")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_cameras_stand_outside_of_all_solids(family):
    distribution = SceneDistribution(family)
    for index in range(60):
        scene = make_scene(distribution, "train", index)
        eyes = np.array([camera.position for camera in scene.cameras.values()])
        for solid in scene.solids:
            assert not contains(solid, eyes).any(), (index, solid)


def test_light_falls_off_with_distance_and_angle():
    scene = Scene("rooms", 0, ambient_up=(0.0, 0.0, 0.0))
    place(scene, 0, 0, 0).box((0, 0, -1.5), (40, 40, 0.2), GREY)
    scene.lights.append(Light((0.0, 4.0, 0.5), 0.05, (3.0, 3.0, 3.0), 2.0))
    image = render([scene], [look((0.0, 0.0, 0.0), 0.0, -0.3)], SceneDistribution("rooms", texture_contrast=0.0)).image[0].mean(0)
    row, column = divmod(int(image.argmax()), image.shape[1])
    position, rotation = camera_tensors([look((0.0, 0.0, 0.0), 0.0, -0.3)])
    brightest = (
        intrinsics(SceneDistribution("rooms")) @ rotation[0] @ (torch.tensor([0.0, 4.0, -1.4], dtype=torch.float64) - position[0])
    )
    assert abs(column - float(brightest[0] / brightest[2])) <= 1 and abs(row - float(brightest[1] / brightest[2])) <= 3
