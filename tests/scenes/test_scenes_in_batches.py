"""Many scenes at once: kernels compiled for a GPU, pictures that do not depend on their neighbours, scenes without end."""

from __future__ import annotations

import itertools
import re

import pytest
import torch

from depthlib.bench import scenes as bench
from depthlib.scenes import SceneDataset, SceneDistribution, endless_scenes, fused, make_scene, render
from depthlib.scenes.patterns import Pattern

FAMILIES = ("rooms", "streets")
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))]


def views(distribution, numbers, **arguments):
    scenes = [make_scene(distribution, "train", number) for number in numbers]
    return render(scenes, [scene.cameras["current"] for scene in scenes], distribution, **arguments)


@pytest.fixture
def traced(monkeypatch):
    """Compile on the CPU, too, for a backend that runs what was traced as it is. Returns torch's counters."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    monkeypatch.setattr(fused, "compiles_for", lambda device: True)
    monkeypatch.setattr(fused, "BACKEND", "aot_eager")
    fused._compiled.cache_clear()
    with torch._dynamo.config.patch(fail_on_recompile_limit_hit=True):      # torch would give up on a function without an error
        yield torch._dynamo.utils.counters
    fused._compiled.cache_clear()
    torch._dynamo.reset()


@pytest.mark.slow
def test_compiled_kernels_draw_the_same_pictures_for_all_sizes(traced, monkeypatch):
    distributions = [SceneDistribution(family, height=48, width=64) for family in FAMILIES]
    groups = [(0, 1), (2, 3, 4), (5,), (6, 7, 8, 9)]
    compiled = [views(d, group, dtype=torch.float32) for d in distributions for group in groups]
    exactly = [views(d, (0, 1)) for d in distributions]
    assert not traced["graph_break"]
    assert 20 <= traced["stats"]["unique_graphs"] <= 60
    before = traced["stats"]["unique_graphs"]
    for d in distributions:
        views(d, (10, 11, 12, 13, 14), dtype=torch.float32)
    assert traced["stats"]["unique_graphs"] <= before + 2
    monkeypatch.setattr(fused, "compiles_for", lambda device: False)
    exact = [views(d, (0, 1)) for d in distributions]
    plain = [views(d, group, dtype=torch.float32) for d in distributions for group in groups]
    for a, b in zip([*compiled, *exactly], [*plain, *exact], strict=True):
        assert all(torch.equal(getattr(a, name), getattr(b, name)) for name in vars(a))


@pytest.mark.slow
def test_without_a_compiler_one_warning_says_so():
    fused.compiles_for.cache_clear()
    with pytest.warns(RuntimeWarning, match="torch.compile does not work for nowhere") as caught:
        assert not fused.compiles_for("nowhere") and not fused.compiles_for("nowhere")
    assert len(caught) == 1
    assert not fused.compiles_for("cpu")


def test_canonical_frames_are_never_compiled(monkeypatch):
    monkeypatch.setattr(fused, "_compiled", lambda function: pytest.fail(f"{function.__name__} was compiled"))
    views(SceneDistribution("rooms", height=16, width=24), (0,))


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
def test_two_wallpapers_in_one_room_do_not_change_the_neighbours(device):
    distribution = SceneDistribution("rooms", height=48, width=64)
    numbers = [n for n in range(60)
               if any(s.material.pattern == Pattern.WALLPAPER for s in make_scene(distribution, "train", n).solids)]
    scales = {n: {s.material.scale for s in make_scene(distribution, "train", n).solids if s.material.pattern == Pattern.WALLPAPER}
              for n in numbers}
    assert len(numbers) > 3 and max(map(len, scales.values())) > 1
    together = views(distribution, numbers[:4], device=device).image
    alone = torch.cat([views(distribution, [n], device=device).image for n in numbers[:4]])
    assert (together - alone).abs().max() < 1e-9


@pytest.mark.slow
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("family", FAMILIES)
def test_endless_scenes_are_those_of_the_data_set(family, device, tmp_path, monkeypatch):
    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path))
    distribution = SceneDistribution(family, height=48, width=64)
    batches = list(itertools.islice(endless_scenes(distribution, 2, first=3, device=device), 2))
    known = SceneDataset(distribution, "train", 4, first=3)
    image, depth, semantics = (torch.cat([batch[key] for batch in batches]).cpu() for key in ("image", "depth", "semantics"))
    assert image.shape == (4, 3, 48, 64) and batches[0]["K"].shape == (2, 3, 3)
    assert torch.equal(batches[0]["K"][1].cpu(), known[0]["K"])
    step = 1 / distribution.depth_scale
    near = [((image - torch.stack([item["image"] for item in known])).abs() <= 1.5 / 255).float().mean(),
            ((depth - torch.stack([item["depth"] for item in known])).abs() <= 1.5 * step).float().mean(),
            (semantics == torch.stack([item["semantics"] for item in known])).float().mean(),
            (torch.cat([b["valid"] for b in batches]).cpu() == torch.stack([item["valid"] for item in known])).float().mean()]
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


@pytest.mark.parametrize(("change", "message"), [
    ({"batch_size": 0}, "batch_size: found 0, expected an integer of at least 1"),
    ({"first": -1}, "first: found -1"),
    ({"workers": 1.5}, "workers: found 1.5"),
    ({"defect_share": 0.1}, "defect_share: found 0.1, expected 0"),
])
def test_bad_numbers_are_refused_before_the_first_batch(change, message):
    distribution = SceneDistribution("streets", defect_share=change.pop("defect_share", 0.0))
    with pytest.raises(ValueError, match=message):
        endless_scenes(distribution, **{"batch_size": 2, **change})


def test_a_distribution_is_asked_for():
    with pytest.raises(TypeError, match="distribution: found str, expected a SceneDistribution"):
        endless_scenes("rooms", 2)


@pytest.mark.slow
@pytest.mark.parametrize("endless", [[], ["--endless", "1"]])
def test_the_benchmark_prints_a_line_for_each_measurement(endless, capsys):
    assert bench.main(["--family", "rooms", "--dtype", "float32", "--batch", "2", "--frames", "2", "--repetitions", "2", *endless]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    rate, low, high = map(float, re.search(r"([\d.]+) frames/s  \(([\d.]+) to ([\d.]+)\)", line).groups())
    assert 0 < low <= rate <= high and "batch   2" in line and line.startswith("endless") == bool(endless)
