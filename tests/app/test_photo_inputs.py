"""What `predict` takes, and that `evaluate` takes what it gives."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from depthlib.app.cli import main
from depthlib.app.photo_inputs import output_names, photographs
from depthlib.data.depth_png import write_depth_png


def picture(path: Path, value: int = 51, size: tuple[int, int] = (48, 64)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)
    return path


def called(*words: object, status: int = 0) -> str:
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == status, (result.output, result.exception)
    return " ".join(result.output.split())


def test_folders_and_patterns(tmp_path: Path) -> None:
    for name in ("b.png", "a.JPG", "c.tif", "d.webp", "below/e.png"):
        picture(tmp_path / "photos" / name)
    for name in ("notes.txt", "clip.mp4", "phone.heic", "camera.NEF"):
        (tmp_path / "photos" / name).touch()
    folder = tmp_path / "photos"

    def names(*given: Path) -> list[str]:
        return [path.name for path in photographs(given, tmp_path / "out")]

    assert names(folder) == ["a.JPG", "b.png", "c.tif", "camera.NEF", "d.webp", "phone.heic"]  # not those below
    assert names(folder / "*.png") == ["b.png"] and names(folder / "**" / "*.png") == ["b.png", "e.png"]
    assert names(folder / "c.tif", folder / "[ab]*") == ["c.tif", "a.JPG", "b.png"]
    assert names(folder / "absent.png") == ["absent.png"]  # is told when it is read, and spoils nothing
    picture(folder / "[1].png")
    assert names(folder / "[1].png") == ["[1].png"]  # a file of that name
    (tmp_path / "empty").mkdir()
    for given, message in (
        (tmp_path / "empty", "no image in this folder"),
        (folder / "*.gif", "no file that matches this pattern"),
    ):
        with pytest.raises(ValueError, match=f"{given.name.replace('*', '.')}: found {message}"):
            names(folder, given)
    with pytest.raises(ValueError, match="out: found .*, from which the images are taken"):
        photographs([folder], folder)


def test_output_names() -> None:
    def names(*paths: str) -> list[str]:
        return output_names([Path(path) for path in paths])

    assert names("/a/x.jpg", "/b/y.jpg") == ["x", "y"]
    assert names("/a/x.jpg", "/b/x.jpg", "/b/y.jpg") == ["a_x", "b_x", "y"]
    assert names("/a/x.jpg", "/a/x.png", "/c/a/X.png") == ["a_x", "a_x-2", "a_X-3"]
    assert names("/a/x.jpg", "/b/x.jpg", "/c/a_x.png") == ["a_x-2", "b_x", "a_x"]


def test_predict_then_evaluate_without_options(weights: Path, tmp_path: Path) -> None:
    """Photographs of two folders, the truth as png and npy under the same names: every pair with its own depth."""
    values = {"kitchen/1": 0, "kitchen/2": 51, "street/1": 102, "street/3": 255}
    for name, value in values.items():
        picture(tmp_path / "photos" / f"{name}.jpg", value)
        depth, path = np.full((48, 64), 1 + 8 * value / 255), tmp_path / "truth" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if value < 100:
            write_depth_png(path.with_suffix(".png"), depth)
        else:
            np.save(path.with_suffix(".npy"), depth)
    photos, out = tmp_path / "photos", tmp_path / "depth"
    said = called(
        "predict",
        photos / "kitchen",
        photos / "street" / "*.jpg",
        "--out",
        out,
        "--weights",
        weights,
        "--device",
        "cpu",
        "--batch",
        3,
    )
    assert "4 done, 0 with problems" in said and "images per second" in said
    said = called(
        "evaluate", "--pred", out, "--gt", tmp_path / "truth", "--protocol", "scenes", "--out", tmp_path / "errors"
    )
    assert "4 images" in said and "warning" not in said
    with next((tmp_path / "errors").glob("*-images.csv")).open() as file:
        rows = {row["name"]: float(row["abs_rel"]) for row in csv.DictReader(file)}
    assert set(rows) == set(values) and max(rows.values()) < 0.01  # 1 and 9 m: a wrong pair would show
    # one folder, names as they are
    called("predict", photos / "kitchen", "--out", tmp_path / "one", "--weights", weights, "--device", "cpu")
    said = called(
        "evaluate",
        "--pred",
        tmp_path / "one",
        "--gt",
        tmp_path / "truth/kitchen",
        "--protocol",
        "scenes",
        "--out",
        tmp_path / "errors",
    )
    assert "2 images" in said and "warning" not in said


def test_size_and_batch_reach_the_network(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from brightness import Brightness

    seen = []
    before = Brightness.forward
    monkeypatch.setattr(
        Brightness, "forward", lambda self, image: seen.append(tuple(image.shape)) or before(self, image)
    )
    paths = [picture(tmp_path / f"{number}.png") for number in range(3)]
    out = ("--out", tmp_path / "out", "--weights", weights, "--device", "cpu")
    called("predict", *paths, *out, "--batch", 2, "--size", 48, 64)
    assert seen[1:] == [(2, 3, 48, 64), (1, 3, 48, 64)]  # after the one that finds the multiple
    said = called("predict", *paths, *out, "--size", 50, 64, status=2)
    assert "size: found 50 x 64, expected multiples of 16, which this network needs" in said
