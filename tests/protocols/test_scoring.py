"""Scoring folders of predictions: values by numpy, warnings in words, and the command."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch
from PIL import Image
from scored_maps import truth
from typer.testing import CliRunner

from depthlib.app import cli
from depthlib.base.paths import samples_dir
from depthlib.data.depth_png import read_depth_png, write_depth_png
from depthlib.data.errors import DataError
from depthlib.protocols.protocol import load_protocol
from depthlib.protocols.scoring import protocol_table, run, score_folders, score_maps


def predicted(depth: np.ndarray, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed + 100)
    return np.where(depth > 0, depth, 5) * rng.uniform(0.8, 1.3, depth.shape)


@pytest.fixture
def folders(tmp_path):
    """Five images; truth as PNG16 in millimetres, predictions as npy."""
    for i in range(5):
        write_depth_png(tmp_path / f"gt/image{i}.png", truth(i))
        (tmp_path / "pred").mkdir(exist_ok=True)
        np.save(tmp_path / f"pred/image{i}.npy", predicted(truth(i), i).astype(np.float32))
    return tmp_path / "pred", tmp_path / "gt"


def test_values_are_those_of_numpy(folders):
    scores = score_folders(*folders, "scenes")
    assert [image.name for image in scores.images] == [f"image{i}" for i in range(5)]
    assert not scores.skipped and not scores.warnings
    expected = []
    for i in range(5):
        t, p = read_depth_png(folders[1] / f"image{i}.png").numpy(), np.load(folders[0] / f"image{i}.npy")
        expected.append(np.mean(np.abs(p - t)[t > 0] / t[t > 0]))
        assert scores.images[i].errors["abs_rel"] == pytest.approx(expected[-1], rel=1e-6)
        assert scores.images[i].pixels == (t > 0).sum() and scores.images[i].order > 0.8
    found = scores.summary()["abs_rel"]
    assert found.mean == pytest.approx(np.mean(expected), rel=1e-6)
    assert min(expected) <= found.low < found.mean < found.high <= max(expected)


def test_a_missing_prediction_is_an_error_and_an_unused_one_a_sentence(folders):
    np.save(folders[0] / "more.npy", truth(0))
    assert (
        "1 predictions have no truth and were left out, the first is more" in score_folders(*folders, "scenes").warnings
    )
    (folders[0] / "image3.npy").unlink()
    with pytest.raises(DataError, match="image3.png: found no prediction named image3"):
        score_folders(*folders, "scenes")


def warned(pred: np.ndarray, gt: np.ndarray, protocol: str = "scenes") -> list[str]:
    return score_maps([("x", torch.from_numpy(pred), torch.from_numpy(gt))], load_protocol(protocol)).warnings


@pytest.mark.slow
def test_warnings_in_words():
    gt = truth(0)
    pred = predicted(gt)
    for factor, sentence in [
        (1000, "about a factor of 1000: is the scale"),
        (1 / 256, "about a factor of 256"),
        (1 / 15, "factor of 10"),
        (1 / 40, "depth of unknown scale"),
    ]:
        assert any(sentence in text for text in warned(factor * pred, gt)), factor
        assert not warned(factor * pred, gt, "scenes+scaling=median")
    assert any("near and far are exchanged" in text for text in warned(10 / pred, gt))
    assert any("resized to their truth" in text and "or a crop?" in text for text in warned(pred[:10], gt))
    assert any(
        text.endswith(f"({len(gt) // 2} x {gt.shape[1] // 2} for {len(gt)} x {gt.shape[1]})") or "resized" in text
        for text in warned(pred[::2, ::2], gt)
    ) and not any("resized" in text for text in warned(pred, gt))
    hollow = pred.copy()
    hollow[:2] = 0
    assert any("80 predicted pixels are 0" in text for text in warned(hollow, gt))
    assert any("defined for 697 images, these are 1" in text for text in warned(pred, gt, "eigen-raw"))
    assert not warned(pred, gt)


@pytest.mark.parametrize("known", [[5, 600], [600, 5, 600], [0.001, 5], [0.001, 5, 5], [5, 600, 600, 0.001], [7]])
def test_the_unit_of_the_truth_is_judged_by_its_lower_median(known):
    gt = torch.zeros(3, 5)
    gt.view(-1)[: len(known)] = torch.tensor(known)
    middle, call = (
        torch.tensor(known).median().item(),
        lambda: score_maps([("x", torch.ones(3, 5), gt)], load_protocol("scenes")),
    )
    if 0.01 < middle < 500:
        assert call().images[0].pixels
    else:
        with pytest.raises(DataError, match=f"x: found a truth with a median of {middle:g} m"):
            call()


def test_maps_that_cannot_be_scored():
    gt, pred = truth(0), predicted(truth(0))
    for call, message in [
        (lambda: warned(pred.T.copy(), gt), "x: found a prediction of 40 x 30 for a truth of 30 x 40"),
        (lambda: warned(pred, 1000 * gt), "x: found a truth with a median of .* give the scale"),
        (lambda: warned(pred, gt / 5000), "x: found a truth with a median"),
        (lambda: warned(pred, 0 * gt), "protocol scenes: found no valid pixel in any of 1 images"),
        (lambda: warned(pred, gt, "nyu-official"), "x: ground truth: found 30 x 40 pixels, expected 480 x 640"),
        (lambda: warned(0 * pred, gt, "diode"), "x: pred: found 0.0 at a valid pixel"),
        (lambda: warned(pred[:20], gt, "mai2021"), "x: prediction: found 20 x 40 pixels, expected 30 x 40"),
    ]:
        with pytest.raises(DataError, match=message):
            call()


def test_images_without_a_pixel_that_counts_are_named():
    gt = torch.from_numpy(truth(0))
    scores = score_maps(
        [("good", gt + 1, gt), ("empty", gt + 1, 0 * gt), ("far", gt + 100, torch.full_like(gt, 90.0))],
        load_protocol("scenes"),
    )
    assert scores.skipped == ["empty", "far"] and any("2 images have no pixel" in text for text in scores.warnings)


@pytest.mark.slow
def test_one_prediction_set_under_many_protocols():
    rng = np.random.default_rng(0)
    names = ("bts-nyu", "nyu-official", "bts-nyu+scaling=median", "fcrn-nyu", "chen2016-nyu", "bts-kitti")
    full = {f"i{k}": torch.from_numpy(np.kron(truth(k, 30, 40), np.ones((16, 16)))) for k in range(2)}
    pred = {
        k: 1.2 * torch.where(t > 0, t, 5.0) * torch.from_numpy(rng.uniform(0.9, 1.1, t.shape)) for k, t in full.items()
    }
    table = protocol_table(pred, full, names)
    assert list(table.index) == list(names) and list(table["images"]) == [2, 2, 2, 2, 2, 0]
    assert table.loc["bts-nyu", "abs_rel"] > 2 * table.loc["bts-nyu+scaling=median", "abs_rel"]
    assert table.loc["bts-nyu", "rmse"] != table.loc["nyu-official", "rmse"] and np.isnan(
        table.loc["chen2016-nyu", "abs_rel"]
    )
    assert (
        "does not apply: i0: ground truth: found 480 x 640 pixels, expected at least 352"
        in table.loc["bts-kitti", "note"]
    )
    assert "defined for 654 images" in table.loc["fcrn-nyu", "note"]
    with pytest.raises(ValueError, match="found none for i1"):
        protocol_table({"i0": pred["i0"]}, full, names)


def test_command_writes_tables_and_says_what_it_found(folders, tmp_path, capsys):
    assert run(*folders, "scenes+max_depth=8.0", tmp_path / "out") == 0
    shown = capsys.readouterr()
    assert "abs_rel" in shown.out and "scenes+max_depth=8.0: 5 images" in shown.out and "warning" not in shown.err
    with (tmp_path / "out/scenes+max_depth=8.0-images.csv").open() as file:
        rows = list(csv.DictReader(file))
    with (tmp_path / "out/scenes+max_depth=8.0-summary.csv").open() as file:
        summary = {row["metric"]: row for row in csv.DictReader(file)}
    assert [row["name"] for row in rows] == [f"image{i}" for i in range(5)]
    assert float(summary["rmse"]["value"]) == pytest.approx(np.mean([float(row["rmse"]) for row in rows]))
    assert (
        summary["rmse"]["unit"] == "m"
        and summary["rmse"]["images"] == "5"
        and len(summary["rmse"]["fingerprint"]) == 12
    )
    assert float(summary["rmse"]["low"]) < float(summary["rmse"]["value"]) < float(summary["rmse"]["high"])
    assert run(*folders, "nonsense", tmp_path / "other") == 2 and "unknown protocol" in capsys.readouterr().err
    (folders[0] / "image0.npy").unlink()
    assert run(*folders, "scenes", tmp_path / "other") == 2 and "image0" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


@pytest.mark.skipif(samples_dir() is None, reason="DEPTHLIB_SAMPLES names no folder of real samples")
def test_folders_of_real_predictions(tmp_path):
    """The published predictions against the raw depth of two NYU frames, as a user would score them."""
    source = samples_dir() / "nyu-depth-v2"
    frames = {
        "001": (source / "labelled_index0/0_raw.png", 10000),
        "182": (source / "labelled_000464/depth_gt_000464.png", 5000),
    }
    for number, (file, scale) in frames.items():
        write_depth_png(tmp_path / f"{number}.png", read_depth_png(file, scale=scale), 5000)
    scores = score_folders(
        source / "predictions_lee_cvpr2019",
        tmp_path,
        "nyu-official+covers=nyu_official",
        pred_scale=6553.5,
        pred_pattern="depth_test*.png",
    )
    assert [round(image.errors["abs_rel"], 4) for image in scores.images] == [0.0525, 0.0670]
    assert len(scores.warnings) == 2  # 654 images are expected, and 4 predictions have no truth here


def test_a_crop_is_not_stretched_to_the_frame():
    """427 x 561, the official crop of NYU, is so close to the shape of the frame that its errors would look
    plausible.
    """
    truth = torch.linspace(1, 4, 480 * 640).reshape(480, 640)
    with pytest.raises(
        DataError, match=r"427 x 561 for a truth of 480 x 640.*crop nyu_official.*nyu-official\+covers=nyu_official"
    ):
        score_maps([("a", truth[44:471, 40:601], truth)], load_protocol("nyu-official"))
    scores = score_maps([("a", truth[44:471, 40:601], truth)], load_protocol("nyu-official+covers=nyu_official"))
    assert scores.images[0].errors["rmse"] == 0 and not any("resized" in text for text in scores.warnings)


def test_one_image_has_no_interval(tmp_path, capsys):
    write_depth_png(tmp_path / "pred/a.png", truth(0) * 1.1)
    write_depth_png(tmp_path / "gt/a.png", truth(0))
    assert run(tmp_path / "pred", tmp_path / "gt", "scenes", tmp_path / "out") == 0
    assert "none: one image" in capsys.readouterr().out and " to " not in capsys.readouterr().out
    rows = list(csv.DictReader((tmp_path / "out/scenes-summary.csv").open()))
    assert rows and all(row["low"] == row["high"] == "" and float(row["value"]) >= 0 for row in rows)


def test_the_folder_of_predict_needs_no_pattern(tmp_path):
    """Beside each 16-bit file lies a coloured one, which is no depth."""
    write_depth_png(tmp_path / "pred/a_depth16.png", truth(0))
    Image.new("RGB", (8, 8)).save(tmp_path / "pred/a_depth.png")
    write_depth_png(tmp_path / "gt/a.png", truth(0))
    assert [image.name for image in score_folders(tmp_path / "pred", tmp_path / "gt", "scenes").images] == ["a"]


def test_one_of_several_arrays_is_named(folders, tmp_path):
    for i in range(5):
        depth = np.load(folders[0] / f"image{i}.npy")
        (tmp_path / "arrays").mkdir(exist_ok=True)
        np.savez(tmp_path / f"arrays/image{i}.npz", near=depth / 2, right=depth)
    arguments = [
        "evaluate",
        "--pred",
        tmp_path / "arrays",
        "--gt",
        folders[1],
        "--protocol",
        "scenes",
        "--out",
        tmp_path / "errors",
    ]
    assert CliRunner().invoke(cli.main, [*map(str, arguments), "--pred-key", "right"]).exit_code == 0
    expected = score_folders(*folders, "scenes").summary()["abs_rel"].mean
    with (tmp_path / "errors/scenes-summary.csv").open() as file:
        summary = {row["metric"]: row for row in csv.DictReader(file)}
    assert float(summary["abs_rel"]["value"]) == pytest.approx(expected, rel=1e-6)
    refused = CliRunner().invoke(cli.main, [str(one) for one in arguments])
    assert refused.exit_code != 0 and "--pred-key" in refused.output
