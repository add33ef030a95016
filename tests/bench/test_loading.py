"""The speed of loading is measured, and said in words."""

from __future__ import annotations

import re

import pytest

from depthlib.bench import loading


@pytest.mark.slow
def test_the_speed_of_a_training_is_measured(capsys):
    loading.main(["kitti-png", "kitti-jpeg", "--images", "1", "--repeats", "1", "--workers", "0", "1"])
    _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["kitti-png"] * 2 + ["kitti-jpeg"] * 2
    sizes = {line.split(", ")[1] for line in lines}
    assert len(sizes) == 2 and all("1242 x 375" in line for line in lines)  # a JPEG file is not a PNG file
    for line in lines:
        milliseconds, cores = re.search(
            r"([\d.]+) ms of a core an image, so 1,000 images/s take (\d+) cores", line
        ).groups()
        assert float(milliseconds) > 1 and abs(float(milliseconds) - int(cores)) <= 1.1


@pytest.mark.slow
def test_loading_speed_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    loading.main(["nyu48k", "nyuraw", "--images", "1", "--repeats", "1", "--workers", "0"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and all("640 x 480" in line and "images/s" in line for line in lines[1:])
    with pytest.raises(SystemExit):
        loading.main(["nyuv3"])
