"""The data sets of the mobile paper's recipes: no scene twice, and differently distributed."""

from __future__ import annotations

import pytest

from depthlib.papers.mobile.variants import DATA
from depthlib.runs.spec import RunSpec


def test_no_scene_of_diw_is_in_another_training_set_and_no_test_scene_is_trained_on() -> None:
    def scenes(build) -> set[tuple]:
        frames = build.options.get("frames", build)
        split = frames.options["split"]
        return {
            (split, part["family"], part["first"] + i) for part in frames.options["parts"] for i in range(part["count"])
        }

    recipes = {
        DATA[name]: RunSpec("mobile", name, DATA[name], "quick").recipe
        for name in ("mc", "rw", "diw", "teacher", "trunk")
    }
    diw = scenes(recipes["diw"].train)
    for data in ("mc", "rw", "y3d"):
        assert not diw & scenes(recipes[data].train), data
    assert {split for split, _, _ in diw} == {"train"}
    assert all(split == "test" for dataset, _ in recipes["diw"].tests.values() for split, _, _ in scenes(dataset))


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
