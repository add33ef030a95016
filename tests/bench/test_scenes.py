"""The speed of rendering is measured, a line for each measurement."""

from __future__ import annotations

import re

import pytest

from depthlib.bench import scenes as bench


@pytest.mark.slow
@pytest.mark.parametrize("endless", [[], ["--endless", "1"]])
def test_the_benchmark_prints_a_line_for_each_measurement(endless, capsys):
    assert (
        bench.main(
            ["--family", "rooms", "--dtype", "float32", "--batch", "2", "--frames", "2", "--repetitions", "2", *endless]
        )
        == 0
    )
    (line,) = capsys.readouterr().out.splitlines()
    rate, low, high = map(float, re.search(r"([\d.]+) frames/s  \(([\d.]+) to ([\d.]+)\)", line).groups())
    assert 0 < low <= rate <= high and "batch   2" in line and line.startswith("endless") == bool(endless)
