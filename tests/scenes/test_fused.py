"""Kernels compiled for a GPU draw the same pictures."""

from __future__ import annotations

import pytest
import torch
from small_scenes import FAMILIES, views

from depthlib.scenes import SceneDistribution, fused


@pytest.fixture
def traced(monkeypatch):
    """Compile on the CPU, too, for a backend that runs what was traced as it is. Returns torch's counters."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    monkeypatch.setattr(fused, "compiles_for", lambda device: True)
    monkeypatch.setattr(fused, "BACKEND", "aot_eager")
    fused._compiled.cache_clear()
    with torch._dynamo.config.patch(
        fail_on_recompile_limit_hit=True
    ):  # torch would give up on a function without an error
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
