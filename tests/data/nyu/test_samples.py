"""Known facts about real frames, label maps and lists of NYU Depth v2."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from samples import needs_samples

from depthlib.base.paths import samples_dir
from depthlib.data.images import read_image
from depthlib.data.maps import read_png
from depthlib.data.nyu import MAP4, MAP13, NYURaw, class_table, coarsen, read_kinect_pgm, read_mapping40, read_split
from depthlib.metrics import depth_errors


def real(path: str) -> Path:
    return samples_dir() / "nyu-depth-v2" / path


@needs_samples
def test_real_split_files_agree() -> None:
    train, test = (read_split(real("meta/splits.mat"), split) for split in ("train", "test"))
    assert (len(train), len(test)) == (795, 654) and np.array_equal(np.union1d(train, test), np.arange(1, 1450))
    other = real("meta/nyusplits.mat")
    assert np.array_equal(train, read_split(other, "trainval")) and np.array_equal(test, read_split(other, "test"))
    assert [len(read_split(other, split)) for split in ("train", "val")] == [381, 414]


@needs_samples
def test_real_class_files_agree() -> None:
    """Constants against both mapping files, and the composition 894 -> 40 -> 4 against the file that maps 894 to 4."""
    from scipy.io import loadmat

    labels13 = loadmat(real("meta/class13Mapping.mat"))["classMapping13"]["labels13"][0, 0]
    assert labels13.ravel().tolist() == list(MAP13)
    assert loadmat(real("meta/classMapping40.mat"))["mapToNYUSuperClass"].ravel().tolist() == list(MAP4)
    mapping = read_mapping40(real("meta/classMapping40.mat"))
    four = loadmat(real("meta/classMapping04.mat"))["mapClass"].ravel().astype(np.int64)
    assert np.array_equal(class_table(mapping, 4)[1:].numpy(), four - 1) and class_table(mapping, 4)[0] == 255


@pytest.mark.slow
@needs_samples
@pytest.mark.parametrize("number", ["000464", "000834", "000972", "001096"])
def test_real_labels_of_40_classes_map_to_the_13(number: str) -> None:
    if number == "000464":
        labels = read_png(real("labelled_000464/segm_gt_000464.png"), 8)
    else:
        labels = read_png(real(f"rgb_labels40/{number}_mask.png"), 8)
    with tarfile.open(real("meta/test_labels_13/nyuv2_test_class13.tgz")) as archive:
        thirteen = np.asarray(Image.open(archive.extractfile(f"new_nyu_class13_{int(number):04d}.png")))
    if labels.shape == (468, 625):  # rows 6 to 473, columns 7 to 631 of the frame, from 0
        thirteen = thirteen[6:474, 7:632]
    mapped = coarsen(torch.from_numpy(labels.copy()), 13).numpy()
    both = (mapped != 255) & (thirteen > 0)
    assert both.mean() > 0.5 and np.array_equal(mapped[both], thirteen[both].astype(np.int64) - 1)


@pytest.mark.slow
@needs_samples
def test_real_synchronised_frames(tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(
        "/rgb/rgb_00000.jpg /depth/sync_depth_00000.png 518.8579\n"
        "rgb/rgb_00050.jpg depth/sync_depth_00050.png 518.8579\n"
    )
    items = list(NYURaw(real("metric3d_demo"), "train", list_file=tmp_path / "list.txt"))
    assert [round(item["depth"].max().item(), 1) for item in items] == [6.6, 8.3]
    assert all(0.245 < 1 - item["valid"].float().mean() < 0.335 for item in items)
    border = items[0]["valid"][0].nonzero().aminmax(dim=0)
    assert border.min.min() > 5 and items[0]["image"].shape == (3, 480, 640)  # the white border has no depth


@needs_samples
def test_real_kinect_file_and_the_synchronised_frame_show_one_place() -> None:
    depth, valid = read_kinect_pgm(real("open3d_raw_formats/NYU_depth.pgm"))
    low, high = np.percentile(depth[valid].numpy(), [1, 99])
    assert (round(low, 1), round(high, 1)) == (1.5, 6.3) and valid.float().mean() > 0.9
    colour = read_image(real("open3d_raw_formats/NYU_color.ppm"))
    assert colour.shape[-2:] == depth.shape[-2:] == (480, 640)


@pytest.mark.slow
@needs_samples
@pytest.mark.parametrize(
    "index, file, scale, expected",
    [
        ("001", "labelled_index0/0_raw.png", 10000, (0.0525, 0.1762, 0.9974)),
        ("182", "labelled_000464/depth_gt_000464.png", 5000, (0.0670, 0.2418, 0.9938)),
        ("601", "unidepth_demo/depth.png", 1000, (0.1480, 0.9250, 0.8035)),
    ],
)
def test_predictions_of_lee_and_kim(index: str, file: str, scale: int, expected: tuple[float, float, float]) -> None:
    """Predictions of 2019 on rows 45 to 471 and columns 41 to 601; a crop off by one or a wrong scale moves every
    digit.
    """
    stored = read_png(real(f"predictions_lee_cvpr2019/depth_test{index}.png"), 16).astype(np.float64)
    target = read_png(real(file), 16).astype(np.float64)[44:471, 40:601] / scale
    pred, target = (torch.from_numpy(values)[None, None] for values in (stored / 65535 * 10, target))
    found = depth_errors(pred, target, target > 0, names=("abs_rel", "rmse", "delta1"))
    assert [round(value.item(), 4) for value in found.values()] == list(expected)
