"""The contact sheet: a wrong unit is named in the line and seen in the histogram; items come through the loader."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import pyplot
from own_frames import write_manifest
from PIL import Image
from torch.utils.data import Dataset
from typer.testing import CliRunner

from depthlib.app.data_cli import data as command
from depthlib.app.preview import AXIS, contact_sheet, line, plausible_range, spread, statistics, suspicion
from depthlib.data.errors import DataError
from depthlib.data.manifest import load_manifest, manifest_names
from depthlib.data.real_sets import open_dataset


@pytest.fixture(autouse=True)
def loader_here(monkeypatch):
    """A manifest names a loader by its module; this file is one under the name "test_preview"."""
    monkeypatch.setitem(sys.modules, "test_preview", sys.modules[__name__])


def sample(scale: float = 1.0, size: tuple[int, int] = (48, 64)) -> dict[str, Any]:
    """Depths from 1 to 9 m, evenly, the upper quarter invalid."""
    depth = torch.linspace(1, 9, size[0] * size[1], dtype=torch.float64).reshape(1, *size).float() * scale
    valid = torch.ones(1, *size, dtype=torch.bool)
    valid[:, : size[0] // 4] = False
    return {
        "image": torch.full((3, *size), 0.5),
        "depth": torch.where(valid, depth, 0.0),
        "valid": valid,
        "name": f"times {scale:g}",
        "K": torch.tensor([[64.0, 0, 32], [0, 64.0, 24], [0, 0, 1]]),
    }


class Made(Dataset):
    """A loader as a manifest names it."""

    def __init__(self, root: str, split: str = "train", shift: str = "0") -> None:
        self.items = [sample() | {"name": f"{Path(root).name}/{split}/{number + int(shift)}"} for number in range(10)]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, position: int) -> dict[str, Any]:
        return self.items[position]


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    pyplot.close("all")


def test_statistics_are_those_of_the_valid_pixels() -> None:
    numbers = statistics(sample())
    depth = np.linspace(1, 9, 48 * 64)[12 * 64 :]
    assert numbers["valid"] == 0.75
    np.testing.assert_allclose(
        [numbers[k] for k in ("p1", "median", "p99", "min", "max")],
        [*np.percentile(depth, [1, 50, 99]), depth.min(), depth.max()],
        rtol=1e-6,
    )
    with pytest.raises(DataError, match="valid \\(24, 64\\), expected one size"):
        statistics(sample() | {"valid": torch.ones(1, 24, 64, dtype=torch.bool)})


@pytest.mark.parametrize(
    ("scale", "named"), [(1000, "millimetres"), (256, "1/256 m"), (5000, "1/5000 m"), (1 / 1000, "divided by 1000")]
)
def test_wrong_units_are_named(scale: float, named: str) -> None:
    odd = suspicion(statistics(sample(scale)), (1, 10))
    assert odd is not None and named in odd
    assert suspicion(statistics(sample()), (1, 10)) is None
    assert f"<< {odd}" in line(sample(scale), (1, 10)) and "<<" not in line(sample())


def test_other_faults_are_named() -> None:
    def odd(**change: Any) -> str | None:
        return suspicion(statistics(sample() | change))

    depth = sample()["depth"]
    assert odd(valid=torch.zeros(1, 48, 64, dtype=torch.bool)) == "no valid pixel"
    assert (
        odd(valid=torch.ones(1, 48, 64, dtype=torch.bool)) == "valid pixels at or behind the camera"
    )  # zeros not masked
    assert (
        odd(depth=depth.index_put((torch.tensor(0), torch.tensor(40), torch.tensor(3)), torch.tensor(float("nan"))))
        == "valid pixels without a finite depth"
    )
    assert "divided by 255 twice" in line(sample() | {"image": torch.full((3, 48, 64), 0.5 / 255)})
    assert "no depth; has pairs" in line({"image": torch.ones(3, 8, 8), "pairs": torch.zeros(1), "name": "a"})


def test_line_gives_focal_length_and_angle() -> None:
    assert "f 64 px (53° wide)" in line(sample())  # 2 atan(64 / 128) = 53.1 degrees


def test_sheet_shows_a_wrong_unit() -> None:
    """Rows of different sizes; millimetres lie beyond the right end of the common axis and do not take the others'
    colours.
    """
    figure = contact_sheet([sample(), sample(1000), sample(size=(20, 66))])
    axes = np.array(figure.axes[:12]).reshape(3, 4)
    for row in axes:
        assert row[3].get_xlim() == AXIS and row[3].get_xscale() == "log"
    good, wrong = (row[3].patches[1].get_data() for row in axes[:2])
    assert good.values[-1] == 0 and wrong.values[-1] == pytest.approx(1)  # all of it in the last bin
    assert good.values.sum() == pytest.approx(1)
    bar = figure.axes[12]
    assert bar.get_xlim()[1] < 10
    colours = [axis.texts[0].get_color() for axis in axes[:, 0]]
    assert colours[0] == colours[2] != colours[1]
    mask = axes[0, 2].images[0].get_array()
    assert (mask[12:] == 255).all() and (mask[:12] < 255).all()
    with pytest.raises(ValueError, match="samples: found none"):
        contact_sheet([])


def test_nothing_valid_and_nothing_plausible_still_draw() -> None:
    contact_sheet([sample() | {"valid": torch.zeros(1, 48, 64, dtype=torch.bool)}])
    contact_sheet([sample(1000)])
    contact_sheet([{"image": torch.ones(3, 8, 8), "name": "no depth"}])


def test_items_are_spread_evenly() -> None:
    dataset = Made("root")
    assert [item["name"] for item in spread(dataset, 4)] == [f"root/train/{n}" for n in (0, 3, 6, 9)]
    assert len(spread(dataset, 50)) == 10


def test_through_the_loader_of_the_manifest(tmp_path: Path) -> None:
    manifest = load_manifest(write_manifest(tmp_path, "test_preview:Made"))
    assert plausible_range(manifest) == (0.5, 20)
    assert open_dataset(manifest, "r", "val", {"shift": "5"})[0]["name"] == "r/val/5"
    with pytest.raises(DataError, match="made: .*colour"):
        open_dataset(manifest, "r", None, {"colour": "5"})


def test_command_writes_the_sheet(tmp_path: Path) -> None:
    file = write_manifest(tmp_path, "test_preview:Made")
    arguments = [
        "preview",
        str(file),
        "--root",
        str(tmp_path),
        "--count",
        "2",
        "--out",
        str(tmp_path / "out.png"),
        "--option",
        "shift=3",
    ]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    assert "train/3" in result.output and "train/12" in result.output and "valid 75.0 %" in result.output
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.width == 1350
    assert CliRunner().invoke(command, [*arguments[:-1], "shift"]).exit_code == 2


@pytest.mark.slow
@pytest.mark.skipif("scenes-v2" not in manifest_names(), reason="the scenes' manifest is not there")
def test_command_shows_the_scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path))
    result = CliRunner().invoke(command, ["preview", "scenes-v2", "--count", "1", "--out", str(tmp_path / "out.png")])
    assert result.exit_code == 0 and "rooms/val/000000" in result.output, result.output
