"""Videos as frames: what is found, in which order, and what is decoded."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from short_videos import greys, photographs, video

from depthlib.app.video_input import RATE, Source, is_video, open_video, sources
from depthlib.data.errors import DataError


def test_a_file_gives_its_frames_rate_and_size(tmp_path: Path) -> None:
    """Left half red: neither channels nor axes are exchanged."""
    frames = [np.zeros((48, 64, 3), np.uint8) for _ in range(4)]
    for index, frame in enumerate(frames):
        frame[:, :32, 0], frame[:24, 32:, 2] = 250, 60 * index
    found = open_video(Source(video(tmp_path / "a.avi", frames, 12.5), "a"))
    assert (found.size, found.rate, found.count) == ((48, 64), 12.5, 4)
    decoded = list(found.frames((48, 64)))
    assert len(decoded) == 4 and decoded[0].dtype == torch.float32
    for frame, given in zip(decoded, frames, strict=True):
        error = (frame.permute(1, 2, 0).numpy() * 255 - given).reshape(-1, 3)
        assert np.abs(error).mean() < 12  # of Motion JPEG
    small = list(found.frames((12, 16)))
    assert small[0].shape == (3, 12, 16) and abs(float(small[3][2, :4, 12:].mean()) - 180 / 255) < 0.05
    assert [found.frame_name(index) for index in (0, 12)] == ["000000", "000012"]


def test_numbers_order_the_photographs(tmp_path: Path) -> None:
    photographs(tmp_path / "walk", range(0, 240, 20))
    (source,) = sources([tmp_path / "walk"], tmp_path)
    found = open_video(source)
    assert source.name == "walk" and (found.size, found.rate, found.count) == ((48, 64), RATE, 12)
    values = [round(float(frame.mean()) * 255) for frame in found.frames((8, 8))]
    assert values == list(range(0, 240, 20))  # 2 comes before 10
    assert found.frame_name(11) == "f11"


def test_patterns_choose_and_loose_photographs_belong_together(tmp_path: Path) -> None:
    folder = photographs(tmp_path / "scene", [1, 2, 3], name="frame-{}.color.png")
    photographs(folder, [4, 5, 6], name="frame-{}.depth.png")
    with pytest.raises(ValueError, match=r"frame-2.color.png and frame-2.depth.png, expected names that differ only"):
        sources([folder], tmp_path)
    (chosen,) = sources([folder / "*.color.png"], tmp_path)
    (loose,) = sources(sorted(folder.glob("*.color.png"), reverse=True), tmp_path)
    assert chosen.files == loose.files == tuple(folder / f"frame-{i}.color.png" for i in range(3))
    assert chosen.name == loose.name == "scene"
    for name in ("b", "a"):
        greys(tmp_path / f"{name}.avi", [1])
    assert [source.name for source in sources([tmp_path / "*.avi"], tmp_path)] == ["a", "b"]
    with pytest.raises(ValueError, match="found no file that matches"):
        sources([tmp_path / "*.mp4"], tmp_path)


def test_what_is_a_video() -> None:
    assert [is_video(name) for name in ("a.MP4", "*.mov", "a.webm", "a.jpg", "a.gif", "folder")] == [True] * 3 + [
        False
    ] * 3


def test_damaged_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("not a video\n" * 100)
    with pytest.raises(DataError, match="text.mp4: found no frame that can be decoded"):
        open_video(Source(tmp_path / "text.mp4", "text"))
    with pytest.raises(DataError, match="none.mp4: no such file"):
        open_video(Source(tmp_path / "none.mp4", "none"))
    photographs(tmp_path / "walk", [1, 2])
    photographs(tmp_path / "walk", [3], (40, 64), name="f9.png")
    frames = open_video(sources([tmp_path / "walk"], tmp_path)[0]).frames((8, 8))
    with pytest.raises(DataError, match=r"f9.png: found 64 x 40 pixels, expected 64 x 48 pixels as in f0.png"):
        list(frames)


def test_only_files_need_opencv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    greys(tmp_path / "a.avi", [1])
    photographs(tmp_path / "walk", [1, 2])
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert open_video(sources([tmp_path / "walk"], tmp_path)[0]).count == 2
    with pytest.raises(ImportError, match=r"pip install 'depthlib\[video\]'"):
        open_video(Source(tmp_path / "a.avi", "a"))
