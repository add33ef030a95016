"""TUM RGB-D: written from scenes, read and damaged; times are paired; real frames warp."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from real_warps import warped_and_still
from same_frames import ALL, SMALL, same_frame
from samples import needs_samples

from depthlib.base.paths import samples_dir
from depthlib.data.errors import DataError
from depthlib.data.files import read_lines
from depthlib.data.tum import TUM, associate
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.rgbd import write_tum

SCENES = {"views": ALL}


def test_tum_round_trip(rooms: SceneDataset, tmp_path: Path) -> None:
    for position, name in enumerate(write_tum(tmp_path, rooms)):
        dataset = TUM(tmp_path, name, views=ALL, camera=SMALL)
        assert len(dataset) == 1
        item, sample = dataset[0], rooms[position]
        same_frame(item, sample, 0.0002)
        for view in ("previous", "next"):
            torch.testing.assert_close(item[view], sample[view], atol=1e-6, rtol=0)
            torch.testing.assert_close(item[f"T_{view}_current"], sample[f"T_{view}_current"], atol=1e-5, rtol=0)
    with pytest.raises(DataError, match="no valid pixel"):
        TUM(tmp_path, name, camera=SMALL)[0]  # the previous view has no measurement
    truth = tmp_path / name / "groundtruth.txt"
    good = truth.read_text()
    truth.write_text(good.replace("1305031452.", "1305031999."))
    with pytest.raises(DataError, match="found nothing"):
        TUM(tmp_path, name, views=ALL, camera=SMALL)  # no pose in time
    truth.write_text("\n".join(" ".join(line.split()[:4] + ["1", "1", "0", "0"]) for line in good.splitlines()[1:]))
    with pytest.raises(DataError, match="quaternion of length 1.41"):
        TUM(tmp_path, name, views=ALL, camera=SMALL)
    truth.write_text(good)
    for options in ({"views": ("current", "right")}, {"views": ("previous",)}, {"spacing": 0}):
        with pytest.raises(DataError, match=next(iter(options))):
            TUM(tmp_path, name, **{"views": ALL, "camera": SMALL, **options})
    (tmp_path / "desk").mkdir()
    with pytest.raises(DataError, match="freiburg1, 2 or 3"):
        TUM(tmp_path, "desk")


def test_association_against_brute_force() -> None:
    """The closest pair first, each time once, as trying all pairs would do."""
    generator = np.random.default_rng(0)
    for _ in range(20):
        first, second = (np.sort(generator.random(30)) for _ in range(2))
        pairs = sorted(
            (abs(a - b), i, j) for i, a in enumerate(first) for j, b in enumerate(second) if abs(a - b) <= 0.03
        )
        expected: dict[int, int] = {}
        for _, i, j in pairs:
            if i not in expected and j not in expected.values():
                expected[i] = j
        a, b = associate(first, second, 0.03)
        assert dict(zip(a.tolist(), b.tolist(), strict=True)) == expected and np.array_equal(a, np.sort(a))
    empty = associate(np.array([1.0]), np.array([2.0]), 0.1)
    assert empty[0].size == empty[1].size == 0


@pytest.mark.slow
@needs_samples
def test_real_tum_warp(tmp_path: Path) -> None:
    """The first against the fourth frame. The difference is smaller than the 12.7 that another evaluation found."""
    root, pairs = samples_dir() / "tum-rgbd", tmp_path / "pairs.txt"
    pairs.write_text("".join((root / "fr1_desk_slambook/associate.txt").open().readlines()[:6]))
    dataset = TUM(root, "fr1_desk_slambook", views=("current", "next"), spacing=3, associations=pairs)
    assert len(dataset) == 3
    item = dataset[0]
    warped, still = warped_and_still(item, item["next"], item["T_next_current"])
    assert warped < 12.7 and still == pytest.approx(30.3, abs=0.1)
    assert item["K"][0, 0] == pytest.approx(517.3) and item["depth"].max() < 5
    with pytest.raises(DataError, match="files that .*rgb.txt.* names are missing"):
        TUM(samples_dir() / "tum-rgbd", "fr1_desk_slambook")  # the lists name the whole sequence, six pairs are here


@needs_samples
def test_real_tum_association() -> None:
    """Our pairing of the whole sequence's lists is the published one."""
    folder = samples_dir() / "tum-rgbd/fr1_desk_slambook"
    colour, depth = (read_lines(folder / name) for name in ("rgb.txt", "depth.txt"))
    a, b = associate(*(np.array([float(line[0]) for line in lines]) for lines in (colour, depth)), 0.02)
    found = {colour[i][1]: depth[j][1] for i, j in zip(a, b, strict=True)}
    published = [line.split() for line in (folder / "associate.txt").read_text().splitlines() if line.strip()]
    assert len(published) > 500 and found == {line[1]: line[3] for line in published}
