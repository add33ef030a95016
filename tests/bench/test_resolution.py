"""The growth of time and memory with the image: what docstrings state, and the benchmark's arithmetic and figure."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from depthlib.bench import resolution
from depthlib.bench.resolution import LAYERS, LOSSES, Cost, Draw, apart, growth, measure, too_long

WORKS = {work.name: work for work in (*LOSSES, *LAYERS)}
STATED = re.compile(r"Peak memory: about (.+) times `(.+)` in the forward pass, (.+?) with backward[,.]")
SIZE = (192, 256)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in WORKS if name != "PSNL, 32"])  # slow; with a stride it needs as much
def test_the_peak_memory_that_docstrings_state(name):
    """A change that stores another map shows here; parameters have gradients of their own, which are not counted."""
    work = WORKS[name]
    forward, unit, both = STATED.search(" ".join(inspect.getdoc(work.of).split())).groups()
    assert unit == work.unit
    known = {"W": SIZE[1] / 8, "D": 24, "C": 256}
    wanted = [eval(re.sub(r"(\d) (\w)", r"\1 * \2", term), known) for term in (forward, both)]
    cost = measure(work, SIZE, repeats=0, device=torch.device("cpu"))
    function, _ = work.make(Draw(*SIZE, torch.device("cpu")))
    parameters = sum(p.nbytes for p in function.parameters()) if isinstance(function, nn.Module) else 0
    pairs = 20 * resolution.PAIRS if "ranking" in name else 0
    found = [(cost.peaks[0] - pairs) / cost.unit, (cost.peaks[1] - pairs - parameters) / cost.unit]
    np.testing.assert_allclose(found, wanted, rtol=0.08, atol=0.05)


def test_growth_is_the_power_between_the_largest_sizes():
    costs = [Cost(size, (3.0 * size**1.5, 2.0 * size**2), (1, 1), 1) for size in (10, 40, 160)]
    assert [growth(costs, which) for which in (0, 1)] == pytest.approx([1.5, 2])
    assert np.isnan(growth(costs[:1], 0))
    assert not too_long([], 10**9, 1.0)
    assert [too_long(costs, 320, limit) for limit in (2.1 * 320**2, 1.9 * 320**2)] == [False, True]
    assert [too_long(costs[:1], 40, limit) for limit in (801, 799)] == [False, True]  # one size: in proportion


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_names_lie_apart_and_where_they_fit_stay(wanted):
    wanted, gap = sorted(wanted), 0.05
    found = apart(wanted, gap)
    assert max(found) <= 1 + 1e-9 and (np.diff(found) >= gap - 1e-9).all()
    if (np.diff(wanted) >= gap).all():
        assert found == pytest.approx(wanted)


def test_the_command_prints_a_table_and_draws_a_figure(tmp_path, capsys):
    file = tmp_path / "growth.png"
    resolution.main(["--only", "gradient", "--sizes", "16x16 32x32", "--repeats", "1", "--figure", str(file)])
    _, _, forward, backward = capsys.readouterr().out.splitlines()
    assert forward.startswith("gradient") and backward.startswith(" ") and backward.endswith("x pred")
    assert file.stat().st_size > 10_000
