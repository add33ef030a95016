"""Prediction of videos: what is written and said, with a network whose depth is 1 + 8 x brightness."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from brightness import Brightness
from matplotlib import colormaps
from PIL import Image
from short_videos import greys, photographs, video
from typer.testing import CliRunner

from depthlib.app import cli
from depthlib.app.predict_files import predict_files, run
from depthlib.app.video_input import Source, open_video
from depthlib.app.video_prediction import Network, predict_video
from depthlib.data.depth_png import read_depth_png
from depthlib.models.weights import save_weights

GREYS = (0, 50, 100, 150, 200, 255, 30)


def depth_of(grey: float) -> float:
    return 1 + 8 * grey / 255


def pages(path: Path) -> list[np.ndarray]:
    import cv2

    capture, found = cv2.VideoCapture(str(path)), []
    while (read := capture.read())[0]:
        found.append(read[1][..., ::-1].astype(float))
    return found


@pytest.mark.parametrize("batch", [1, 3, 20])
def test_photographs_as_a_video(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture, batch: int) -> None:
    """Every frame keeps its own depth, in one scale of numbers."""
    folder, out = photographs(tmp_path / "walk", GREYS), tmp_path / "out"
    assert run([folder], out, weights, "cpu", batch, video=True, frames16=True) == 0
    said = capsys.readouterr().out
    assert f"7 frames of 64 x 48, 25 per second, 1.00 to 9.00 m -> {out / 'walk_depth.mp4'}" in said
    assert "1 done, 0 with problems, " in said and "frames per second" in said
    assert sorted(path.name for path in out.iterdir()) == ["walk_depth.mp4", "walk_depth16"]
    names = [f"f{index}_depth16.png" for index in range(len(GREYS))]
    assert sorted(path.name for path in (out / "walk_depth16").iterdir()) == names
    film, scales = pages(out / "walk_depth.mp4"), set()
    assert len(film) == len(GREYS)
    for name, grey, page in zip(names, GREYS, film, strict=True):
        depth = read_depth_png(out / "walk_depth16" / name)
        torch.testing.assert_close(depth, torch.full((48, 64), depth_of(grey)), rtol=0, atol=6e-4)
        with Image.open(out / "walk_depth16" / name) as picture:
            scales.add(picture.text["depth_scale"])
        assert np.abs(page[10:80, 10:110].mean((0, 1)) - grey).max() < 8  # of MPEG-4
    assert len(scales) == 1


def test_frames_are_predicted_as_photographs_are(weights: Path, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3, 12, 16, 3), dtype=np.uint8)
    folder = tmp_path / "walk"
    folder.mkdir()
    for index, pixels in enumerate(noise):
        Image.fromarray(pixels).resize((90, 60), Image.Resampling.BICUBIC).save(folder / f"{index}.png")
    files = sorted(folder.iterdir())
    predict_files(files, tmp_path / "photos", weights, "cpu", progress=False)
    assert run([folder / "*.png"], tmp_path / "out", weights, "cpu", video=True, frames16=True) == 0
    for file in files:
        alone, framed = (
            read_depth_png(tmp_path / where / f"{file.stem}_depth16.png") for where in ("photos", "out/walk_depth16")
        )
        torch.testing.assert_close(framed, alone, rtol=0, atol=1.1e-3)


def test_video_files_and_one_that_is_broken(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    paths = [
        greys(tmp_path / folder / "same.avi", values) for folder, values in (("a", (0, 255)), ("b", (51, 102, 51)))
    ]
    (tmp_path / "broken.mp4").write_bytes(paths[0].read_bytes()[:300])
    assert run([*paths, tmp_path / "broken.mp4"], tmp_path / "out", weights, "cpu", frames16=True) == 1
    captured = capsys.readouterr()
    assert "broken.mp4: found no frame" in captured.err and "2 done, 1 with problems" in captured.out
    assert "3 frames of 64 x 48, 10 per second" in captured.out
    made = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert made == ["a_same_depth.mp4", "a_same_depth16", "b_same_depth.mp4", "b_same_depth16"]
    for index, grey in enumerate((51, 102, 51)):
        depth = read_depth_png(tmp_path / f"out/b_same_depth16/00000{index}_depth16.png")
        assert float(depth.mean()) == pytest.approx(depth_of(grey), abs=0.1)  # of Motion JPEG


def test_a_file_that_is_cut_off_is_told(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (20, 48, 64, 3), dtype=np.uint8)
    whole = video(tmp_path / "a.avi", list(noise))
    data = whole.read_bytes()
    whole.write_bytes(data[: len(data) // 2])
    assert run([whole], tmp_path / "out", weights, "cpu") == 0
    assert "frames of the 20 that the file states: it may be cut off" in capsys.readouterr().out


@pytest.mark.slow
def test_smoothing_says_how_steady_it_became(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Frames that are lighter and darker by turns: their depth becomes steady, and its mean stays."""
    flicker = [100 + (20 if index % 2 else -20) for index in range(16)]
    texture = np.random.default_rng(0).integers(-20, 20, (6, 8, 1)).repeat(8, 0).repeat(8, 1)
    frames = [np.clip(texture + grey, 0, 255).astype(np.uint8).repeat(3, 2) for grey in flicker]
    path = video(tmp_path / "a.avi", frames)
    depth = {}
    for smooth in (False, True):
        out = tmp_path / f"out{smooth}"
        assert run([path], out, weights, "cpu", smooth=smooth, frames16=True) == 0
        depth[smooth] = torch.stack([read_depth_png(file) for file in sorted((out / "a_depth16").iterdir())])
        said = capsys.readouterr().out
        assert ("predicted: scale drift" in said and "smoothed: scale drift" in said) == smooth
    before, after = (depth[smooth].log().flatten(1).mean(1) for smooth in (False, True))
    assert after.diff().std() < before.diff().std() / 10
    assert float(after.mean()) == pytest.approx(float(before.mean()), abs=0.03)


def test_without_extras_a_folder_becomes_pictures(
    weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, file, out = photographs(tmp_path / "walk", GREYS), greys(tmp_path / "a.avi", [1]), tmp_path / "out"
    for package in ("cv2", "skimage", "skimage.registration"):
        monkeypatch.setitem(sys.modules, package, None)
    for options in ({"paths": [file]}, {"paths": [folder], "video": True, "smooth": True}):
        assert run(out=out, weights=weights, device="cpu", **options) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "pip install 'depthlib[video]'" in said and not out.exists()
    assert run([folder], out, weights, "cpu", video=True) == 0
    assert sorted(path.name for path in (out / "walk_depth").iterdir()) == [f"f{i}.png" for i in range(len(GREYS))]
    low, high = (depth_of(grey) for grey in (min(GREYS), max(GREYS)))  # more than 2 % of all pixels each
    for index, grey in enumerate(GREYS):  # one scale of colours
        with Image.open(out / f"walk_depth/f{index}.png") as picture:
            page = np.asarray(picture)[10:80].astype(float)
        colour = 255 * np.array(colormaps["viridis"](np.clip((depth_of(grey) - low) / (high - low), 0, 1))[:3])
        assert np.abs(page[:, 10:110] - grey).max() <= 1 and np.abs(page[:, 140:240] - colour).max() < 3


def test_neither_the_film_nor_the_frames_are_overwritten(weights: Path, tmp_path: Path) -> None:
    folder, film = photographs(tmp_path / "walk_depth16", (1, 2)), greys(tmp_path / "b.avi", [1])
    shutil.move(film, tmp_path / "b_depth.mp4")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    network = Network.loaded(weights, "cpu", None)
    for source in (Source(folder, "walk", tuple(sorted(folder.iterdir()))), Source(tmp_path / "b_depth.mp4", "b")):
        with pytest.raises(ValueError, match="out: found the video itself"):
            predict_video(open_video(source), tmp_path / source.name, network, progress=False)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_relative_depth_is_shown_and_not_smoothed(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    network = Brightness()
    network.offset.data.fill_(-5.0)
    spec = {"paper": "mobile", "data": "diw"}
    save_weights(network, weights, model_name="brightness", options={}, input_size=[96, 128], spec=spec)
    folder = photographs(tmp_path / "walk", (0, 100, 255))
    assert run([folder], tmp_path / "out", weights, "cpu", video=True, smooth=True) == 1
    assert "smooth: found relative depth" in capsys.readouterr().err and not (tmp_path / "out").exists()
    assert run([folder], tmp_path / "out", weights, "cpu", video=True, frames16=True) == 0
    assert "-5.00 to 3.00 ->" in capsys.readouterr().out


def test_the_command_line_takes_the_options(weights: Path, tmp_path: Path) -> None:
    photographs(tmp_path / "walk", GREYS)
    command = ["predict", str(tmp_path / "walk"), "--video", "--frames16", "--fov", "60", "--weights", str(weights)]
    result = CliRunner().invoke(cli.main, [*command, "--out", str(tmp_path / "out"), "--device", "cpu"])
    assert result.exit_code == 0 and "7 16-bit PNGs" in result.output
