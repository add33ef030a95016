"""DIW: written from scenes and read, its file by hand, and its size."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from depthlib.data.diw import DIW, read_annotations
from depthlib.data.errors import DataError
from depthlib.scenes import SceneDataset
from depthlib.scenes.writers.relative import write_diw


def test_diw_pairs_tell_the_truth_about_the_depth(streets: SceneDataset, tmp_path: Path) -> None:
    """Several draws: a swap of x and y, of the sign, or a shift by one would contradict the depth somewhere."""
    for seed in range(0, 40, 2):
        write_diw(tmp_path, streets, seed=seed)
        dataset = DIW(tmp_path, "train")
        assert len(dataset) == 2
        for item, sample in zip(dataset, streets, strict=True):
            y1, x1, y2, x2, relation = item["pairs"][0].tolist()
            depth = sample["depth"][0]
            assert item["pairs"].dtype == torch.int64 and (depth[y1, x1] - depth[y2, x2]).sign().item() == relation
    assert item["image"].shape == (3, 48, 96) and item["name"] == "streets-val-000001"
    assert dataset.fingerprint() == DIW(tmp_path, "train").fingerprint()


def test_diw_file_by_hand(tmp_path: Path) -> None:
    """The format as its readme has it: y before x, from 1, '>' for A farther than B, width before height."""
    (tmp_path / "DIW_Annotations_splitted").mkdir()
    (tmp_path / "DIW_test").mkdir()
    Image.new("L", (30, 20), 128).save(tmp_path / "DIW_test/a.thumb", format="JPEG")
    file = tmp_path / "DIW_Annotations_splitted/DIW_test.csv"
    file.write_text("./DIW_test/a.thumb\n20,30,1,2,>,30,20\n")
    item = DIW(tmp_path, "test")[0]
    assert item["pairs"].tolist() == [[19, 29, 0, 1, 1]] and item["image"].shape == (3, 20, 30)  # grey: three channels
    for line, message in (
        ("21,30,1,2,>,30,20", "points inside"),
        ("0,30,1,2,>,30,20", "points inside"),
        ("20,30,1,2,=,30,20", "with < or >"),
        ("20,30,1,2,>,30", "with < or >"),
        ("20,x,1,2,>,30,20", "whole number"),
        ("20,30,1,2,>,30,21", "expected 30 x 21"),
        ("", "two for each image"),
    ):
        file.write_text(f"./DIW_test/a.thumb\n{line}\n")
        with pytest.raises(DataError, match=message):
            DIW(tmp_path, "test")[0]
    file.write_text("./DIW_test/b.thumb\n20,30,1,2,>,30,20\n")
    with pytest.raises(DataError, match="b.thumb: no such file; 1 of the 1"):
        DIW(tmp_path, "test")
    with pytest.raises(DataError, match="DIW_val.csv: no such file"):
        DIW(tmp_path, "val")


def test_diw_list_of_many_images_is_read_quickly(tmp_path: Path) -> None:
    file = tmp_path / "DIW_train.csv"
    file.write_text("./DIW_train_val/a.thumb\n20,30,1,2,<,30,20\n" * 50_000)
    names, values = read_annotations(file)
    assert len(names) == 50_000 and values.shape == (50_000, 7) and values[-1].tolist() == [19, 29, 0, 1, -1, 30, 20]
