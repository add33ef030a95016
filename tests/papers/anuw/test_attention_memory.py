"""PSNL at a usual size must fit a laptop: the n x n matrix of a quadrant is never made.

The high-water mark of a process only grows, so each measurement is a process of its own.
"""

import re
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss means something else on other systems")


def measured(height: int, width: int, *options: str) -> tuple[float, float]:
    """MiB: the peak of one forward above its input, and one n x n float32 matrix of a quadrant.

    A process inherits the high-water mark of the one that starts it, and that of the tests hides any peak below it.
    The shell in between has a small one; its `exit` keeps it from becoming the measured process itself.
    """
    bench = [sys.executable, "-m", "depthlib.bench.psnl", "--repeats", "0", "--height", str(height), "--width", str(width)]
    run = subprocess.run(["sh", "-c", '"$@"; exit $?', "sh", *bench, *options], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    peak, matrix = (re.search(pattern, run.stdout) for pattern in (r"above the input (\d+) MiB", r"matrix .* (\d+) MiB"))
    return float(peak[1]), float(matrix[1])


def test_forward_makes_no_matrix_over_positions():
    peak, matrix = measured(240, 320)
    assert matrix == pytest.approx(1406, abs=1)     # n = 120 * 160, n * n * 4 bytes
    assert 0 < peak < matrix / 4


def test_the_measurement_sees_the_matrix_of_the_literal_form():
    """Without this the test above would also pass if nothing were measured at all."""
    literal, matrix = measured(96, 128, "--literal")
    attention, _ = measured(96, 128)
    assert matrix == 36 and attention < matrix / 2
    assert literal > attention + matrix
