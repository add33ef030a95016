"""Leakage between splits: counts on made-up lists by hand, and on the lists that the field uses."""

from __future__ import annotations

import random

import numpy as np
import pytest
from samples import SAMPLES, real

from depthlib.data.kitti import RawFrame, parse_raw, parse_sequences, raw_frames, split_lines
from depthlib.data.leakage import FAR, audit, audit_all, leakage_table, nearest_distance, split_fingerprint


def test_nearest_distance_against_all_pairs() -> None:
    generator = random.Random(0)
    frames = [(generator.choice("abc"), generator.randrange(200)) for _ in range(60)]
    others = [(generator.choice("bcd"), generator.randrange(200)) for _ in range(20)]
    expected = [min((abs(n - m) for t, m in others if t == s), default=FAR) for s, n in frames]
    assert np.array_equal(nearest_distance(frames, others), expected)


def test_audit_counts_moments_and_not_cameras() -> None:
    train = [RawFrame("a", 10, "l"), RawFrame("a", 10, "r"), RawFrame("a", 30, "r"), RawFrame("c", 1, "l")]
    test = [
        RawFrame("a", 10, "r"),
        RawFrame("a", 11, "l"),
        RawFrame("a", 11, "r"),
        RawFrame("a", 25, "l"),
        RawFrame("a", 90, "l"),
        RawFrame("b", 10, "l"),
    ]
    row = audit(test, train, names=("test", "train"), reach=5)
    assert (row.moments, row.same, row.beside, row.near, row.sequence, row.nearest) == (5, 1, 2, 3, 4, 0)
    apart = audit([("b", 10)], train)
    assert (apart.same, apart.near, apart.sequence, apart.nearest) == (0, 0, 0, None)
    for wrong in (
        {"test": [], "train": train},
        {"test": test, "train": []},
        {"test": test, "train": train, "reach": -1},
    ):
        with pytest.raises(ValueError, match="expected some of both"):
            audit(**wrong)


def test_table_says_counts_and_shares() -> None:
    rows = audit_all({"x": [("a", 1), ("b", 1)], "y": [("a", 2)]}, [("x", "y")])
    lines = leakage_table(rows).splitlines()
    assert lines[2] == "| x | y | 2 | 0 (0.0 %) | 1 (50.0 %) | 1 (50.0 %) | 1 (50.0 %) | 1 |"
    assert {line.count("|") for line in lines} == {9}
    with pytest.raises(ValueError, match="one reach"):
        leakage_table([*rows, *audit_all({"x": [("a", 1)], "y": [("a", 2)]}, [("x", "y")], reach=3)])


def test_fingerprint_is_of_the_set() -> None:
    frames = [("a", 1, "l"), ("a", 2, "l"), ("b", 1, "r")]
    assert split_fingerprint(frames) == split_fingerprint([frames[2], *frames])
    assert (
        len({split_fingerprint(frames), split_fingerprint(frames[:2]), split_fingerprint([*frames[:2], ("b", 1, "l")])})
        == 3
    )


@pytest.mark.slow
@real
def test_lists_of_the_field() -> None:
    """Eigen's test drives are apart from every training list; the validation lists lie inside training."""
    assert SAMPLES is not None
    folder = SAMPLES / "splits"
    names = ("eigen/test", "eigen_zhou/train", "eigen_zhou/val", "eigen_full/train", "eigen_full/val", "benchmark/val")
    splits = {name: parse_raw(split_lines("kitti", name, folder), name) for name in names}
    mapping = raw_frames(SAMPLES / "kitti" / "stereo2015_devkit" / "mapping" / "train_mapping.txt")
    splits["stereo2015"] = [frame for frame in mapping.values() if frame is not None]
    for train in ("eigen_zhou/train", "eigen_full/train"):
        row = audit(splits["eigen/test"], splits[train])
        assert (row.moments, row.near, row.sequence, row.nearest) == (697, 0, 0, None)
    zhou = audit(splits["eigen_zhou/val"], splits["eigen_zhou/train"])
    assert (zhou.moments, zhou.same, zhou.beside) == (4187, 3950, 4187)
    full = audit(splits["eigen_full/val"], splits["eigen_full/train"])
    assert (full.moments, full.same, full.beside) == (888, 0, 886)
    stereo = audit(splits["stereo2015"], splits["eigen_full/train"])
    assert stereo.moments == 142 and stereo.same == 90
    assert audit(splits["eigen/test"], splits["benchmark/val"]).same == 145
    odometry = {
        name: parse_sequences(split_lines("kitti-odometry", name, folder), name)
        for name in ("odom/train", "odom/val", "odom/test_09")
    }
    assert audit(odometry["odom/val"], odometry["odom/train"]).beside == 3872
    assert audit(odometry["odom/test_09"], odometry["odom/train"]).sequence == 0
    print(
        "\n"
        + leakage_table(audit_all(splits, [("eigen/test", "eigen_zhou/train"), ("eigen_zhou/val", "eigen_zhou/train")]))
    )


@real
def test_one_split_in_four_spellings() -> None:
    """The 697 test frames as monodepth2, SfMLearner, monodepth and BTS write them are one set."""
    assert SAMPLES is not None
    paths = (
        "monodepth2/eigen/test_files.txt",
        "sfmlearner/test_files_eigen.txt",
        "monodepth/eigen_test_files.txt",
        "bts/train_test_inputs/eigen_test_files_with_gt.txt",
    )
    lists = [parse_raw((SAMPLES / "splits" / path).read_text().splitlines(), path) for path in paths]
    assert {len(frames) for frames in lists} == {697} and len({split_fingerprint(frames) for frames in lists}) == 1
