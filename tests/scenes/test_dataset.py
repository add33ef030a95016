"""The data set of scenes: its items, its frames on disk, and processes that want the same."""

from __future__ import annotations

import multiprocessing
from dataclasses import replace

import pytest
import torch
from small_scenes import SMALL

from depthlib.scenes import SKY, SceneDataset, SceneDistribution, make_scene
from depthlib.scenes import cache as disk

pytestmark = pytest.mark.usefixtures("own_cache")


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
    full = SceneDataset(
        SceneDistribution("rooms", **SMALL["rooms"], defect_share=0.2),
        "val",
        1,
        views=("next", "current", "right", "previous"),
        extras=("normals", "instances", "disparity"),
    )[0]
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
    assert (
        torch.equal(full["valid"] | full["defect"], full["depth_true"] > 0)
        and not (full["depth"][full["defect"]] > 0).any()
    )
    assert torch.allclose(
        full["disparity"] * full["depth_true"],
        (full["K"][0, 0] * full["baseline"]).expand_as(full["disparity"]),
        rtol=1e-5,
    )
    assert torch.allclose(full["normals"].norm(dim=0), torch.ones(1), atol=1e-3)
    assert len(torch.utils.data.default_collate([item, plain[1]])["name"]) == 2


@pytest.mark.slow
def test_poses_lead_from_view_to_view():
    item = SceneDataset(
        SceneDistribution("streets", **SMALL["streets"]), "val", 1, views=("current", "previous", "next")
    )[0]
    ahead, behind = item["T_next_current"], item["T_previous_current"]
    assert torch.allclose(ahead[:3, :3] @ ahead[:3, :3].T, torch.eye(3), atol=1e-6)
    assert ahead[2, 3] < -0.4 and behind[2, 3] > 0.4  # driving on, a fixed point comes nearer


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
    assert (
        SceneDataset(replace(distribution, defect_share=0.1), "train", 1).fingerprint() != first.fingerprint()
    )  # same pixels
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
    assert min((first[0] - second[0]) % 8, (second[0] - first[0]) % 8) >= 3  # each renders what the other comes to last


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
    assert len(list(disk.folder(distribution).rglob("*"))) == 4  # the folder of the split and three whole frames


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
