"""The data sets of the mobile paper's recipes: no scene twice, and differently distributed."""

from __future__ import annotations

from itertools import combinations

import pytest

from depthlib.papers.mobile.variants import DATA
from depthlib.runs.spec import RunSpec


@pytest.mark.slow
def test_no_scene_of_diw_is_in_another_training_set_and_no_test_scene_is_trained_on() -> None:
    def scenes(build) -> set[str]:
        frames = build.options.get("frames", build).make()
        return {frames.all[i]["name"] for i in range(len(frames))}

    recipes = {
        DATA[name]: RunSpec("mobile", name, DATA[name], "smoke").recipe for name in ("mc", "rw", "diw", "teacher")
    }
    trained = {data: scenes(recipe.train) for data, recipe in recipes.items()}
    for one, other in combinations(trained, 2):
        assert not trained[one] & trained[other], (one, other)
    assert {name.split("/")[1] for names in trained.values() for name in names} == {"train"}
    assert all(
        {name.split("/")[1] for name in scenes(dataset)} == {"test"} for dataset, _ in recipes["diw"].tests.values()
    )
    assert len(trained["diw"]) == 8 and len(trained["y3d"]) == 4 and len(trained["mc"]) == len(trained["rw"]) == 2


@pytest.mark.slow
def test_the_sets_of_the_recipes_are_differently_distributed() -> None:
    """In what a network sees of them: the range of depth within an image."""

    def spread(data: str) -> float:
        build = RunSpec("mobile", {"mc": "mc", "rw": "rw", "diw": "diw"}[data], data, "smoke").recipe.train
        frames = build.options.get("frames", build).make()
        logs = [frame["depth"][frame["valid"]].log() for frame in frames]
        return sum(log.std().item() for log in logs) / len(logs)

    mc, rw, diw = (spread(data) for data in ("mc", "rw", "diw"))
    assert mc < 0.7 * diw and diw < rw
