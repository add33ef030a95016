"""Point clouds of photographs, as PLY files and as pages, by the files that are written."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np
import pytest
from brightness import SIZE, Brightness, expected_depth
from cloud_page import decoded
from PIL import Image

from depthlib.app import photo_cloud
from depthlib.app import predict_files as files
from depthlib.data.depth_png import read_depth_png
from depthlib.models.weights import save_weights

DUAL = {"paper": "dual", "data": "streets"}  # depth up to a scale


def read_ply(path: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Comments, points [N,3] and colours [N,3], by the format's description and nothing of the package."""
    data = path.read_bytes()
    end = data.index(b"end_header\n") + len(b"end_header\n")
    lines = data[:end].decode().splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"]
    assert [line.split()[1:] for line in lines if line.startswith("property")] == [
        *(["float", name] for name in "xyz"),
        *(["uchar", name] for name in ("red", "green", "blue")),
    ]
    rows = list(struct.iter_unpack("<fffBBB", data[end:]))
    assert f"element vertex {len(rows)}" in lines
    table = np.array(rows, np.float64).reshape(-1, 6)
    return [line[8:] for line in lines if line.startswith("comment")], table[:, :3], table[:, 3:]


@pytest.mark.parametrize("spec", [None, DUAL])
def test_the_cloud_projects_onto_the_photograph(weights: Path, ramp: Path, tmp_path: Path, spec: dict | None) -> None:
    """Through the camera of --focal every point falls on the middle of a pixel, with its depth and colour."""
    extra = {"spec": spec} if spec else {}
    save_weights(Brightness(), weights, model_name="brightness", options={}, input_size=list(SIZE), **extra)
    said = expected_depth(ramp)
    assert files.run([ramp], tmp_path / "out", weights, "cpu", focal=150, cloud=True) == 0
    comments, points, colours = read_ply(tmp_path / "out/ramp_points.ply")
    x, y, z = points.T
    u, v = 150 * x / z + 63.5, 150 * y / z + 47.5
    columns, rows = u.round().astype(int), v.round().astype(int)
    assert np.abs(u - columns).max() < 1e-3 and np.abs(v - rows).max() < 1e-3
    np.testing.assert_allclose(z, said[rows, columns], rtol=1e-5)
    with Image.open(ramp) as picture:
        np.testing.assert_array_equal(colours, np.asarray(picture)[rows, columns])
    assert len(set(zip(rows, columns, strict=True))) == len(points)
    assert any("fx 150" in line and "cx 63.5" in line for line in comments)


def test_a_step_has_no_curtain(weights: Path, tmp_path: Path) -> None:
    """Two planes, at 1 and 9 m, of a photograph four times as large as the network's image: no other depth is in the
    cloud or on the page.
    """
    colours = np.zeros((384, 512, 3), np.uint8)
    colours[:, 256:] = 255
    Image.fromarray(colours).save(tmp_path / "step.png")
    outcome = files.predict_files(
        [tmp_path / "step.png"], tmp_path / "out", weights, "cpu", progress=False, cloud=True, page=True
    )
    depth = read_depth_png(outcome.done[0].depth16)
    assert ((depth > 1.01) & (depth < 8.99)).sum() > 384  # the map itself has some in between
    _, points, _ = read_ply(outcome.done[0].cloud[0])
    assert {1, 9} == set(points[:, 2].round(4)) and len(points) == outcome.done[0].cloud[1] > 0.9 * 384 * 512
    view = decoded(outcome.done[0].page[0].read_text(encoding="utf-8"))
    assert {1, 9} == set(view.depth[view.kept].round(2)) and view.kept.sum() == outcome.done[0].page[1]
    assert ((view.depth > 1.01) & (view.depth < 8.99)).any()


def test_large_photographs_become_smaller_clouds(
    weights: Path, ramp: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photo_cloud, "CLOUD_PIXELS", 1000)
    assert files.run([ramp], tmp_path / "out", weights, "cpu", focal=150, cloud=True) == 0
    comments, points, _ = read_ply(tmp_path / "out/ramp_points.ply")
    width, height = map(int, re.search(r"camera (\d+) x (\d+)", " ".join(comments)).groups())
    assert width * height <= 1000 and 0.9 < width / height / (128 / 96) < 1.1
    x, y, z = points.T
    for pixels in (150 * width / 128 * x / z + (width - 1) / 2, 150 * height / 96 * y / z + (height - 1) / 2):
        assert np.abs(pixels - pixels.round()).max() < 1e-3


def test_relative_depth_has_no_points(weights: Path, ramp: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    save_weights(
        Brightness(),
        weights,
        model_name="brightness",
        options={},
        input_size=list(SIZE),
        spec={"paper": "mobile", "data": "diw"},
    )
    for option, name in (("cloud", "ply"), ("page", "html")):
        assert files.run([ramp], tmp_path / "out", weights, "cpu", **{option: True}) == 1
        assert f"{name}: found relative depth" in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_the_page_has_the_points_of_the_map(
    weights: Path, ramp: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """Of a photograph twice as large as the network's image, after a fit to a known point, which doubles the depth."""
    with Image.open(ramp) as picture:
        picture.resize((2 * SIZE[1], 2 * SIZE[0]), Image.Resampling.NEAREST).save(ramp)
    known = f"100,40={2 * expected_depth(ramp)[40, 100]:.9f}"
    assert files.run([ramp], tmp_path / "out", weights, "cpu", focal=150, known=[known], page=True) == 0
    assert re.search(r"(\d+) points -> .*out/ramp_view\.html", capsys.readouterr().out)
    found = decoded((tmp_path / "out/ramp_view.html").read_text(encoding="utf-8"))
    true = read_depth_png(tmp_path / "out/ramp_depth16.png").numpy()
    assert found.depth.shape == true.shape == (192, 256) and found.data["unit"] == " m"
    np.testing.assert_allclose(found.depth, true, atol=2e-3)
    assert found.data["camera"] == pytest.approx([150, 150, 127.5, 95.5]) and found.data["title"] == "ramp.png"
    assert 0.2 < found.kept.mean() < 0.8 and f"{found.kept.sum()} points" in found.data["notes"]
