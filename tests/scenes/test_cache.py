"""Rendered frames on disk: what is not as it was written is never used, and is kept under another name."""

import errno
import os

import numpy as np
import pytest

from depthlib.scenes import SceneDataset, SceneDistribution
from depthlib.scenes import cache as disk
from depthlib.scenes.frame import StoredOcclusion


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "000000-occluded_next.frame"
    disk.save(path, StoredOcclusion(np.eye(8, dtype=bool)))
    return path, path.read_bytes()


def test_any_flipped_bit_is_found(written, caplog):
    path, content = written
    places = range(0, len(content), 7)
    for number, place in enumerate(places, start=1):
        path.write_bytes(content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :])
        assert disk.load(path, StoredOcclusion) is None and not path.exists()
        assert caplog.records[-1].getMessage() == (
            f"{path}: damaged (found another content than that of its checksum); set aside as "
            f"{path.name}.damaged-{number}, made again"
        )
    assert len(caplog.records) == len(places) and disk.load(path, StoredOcclusion) is None
    path.write_bytes(content)
    assert np.array_equal(disk.load(path, StoredOcclusion).mask, np.eye(8, dtype=bool))


def test_a_damaged_frame_that_cannot_be_set_aside_is_one_error(written, monkeypatch):
    path, content = written
    path.write_bytes(content[:-1])

    def refuse(*a):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr("pathlib.Path.rename", refuse)
    with pytest.raises(OSError, match=f"damaged .* and cannot be set aside: Read-only file system: '{path}'"):
        disk.load(path, StoredOcclusion)


@pytest.mark.slow
def test_damaged_frames_are_rendered_again_and_the_others_are_read(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path))
    distribution = SceneDistribution("rooms", height=24, width=32)
    before = SceneDataset(distribution, "test", 3)
    frames = sorted(tmp_path.rglob("*.frame"))
    contents = [path.read_bytes() for path in frames]
    frames[1].write_bytes(contents[1][:-5])
    times = [path.stat().st_mtime_ns for path in frames]
    again = SceneDataset(distribution, "test", 3)
    assert len(caplog.records) == 1 and f"{frames[1].name}.damaged-1" in caplog.text
    assert [path.read_bytes() for path in frames] == contents
    assert [path.stat().st_mtime_ns == time for path, time in zip(frames, times, strict=True)] == [True, False, True]
    assert all((before[i]["depth"] == again[i]["depth"]).all() for i in range(3))
