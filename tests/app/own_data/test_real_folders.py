"""Real frames as users have them: 7-Scenes and TUM with depth, a KITTI drive without. Error before and after."""

import csv

import pytest
import torch
from samples import SAMPLES, needs_samples
from typer.testing import CliRunner

from depthlib.app import cli

pytestmark = [pytest.mark.slow, needs_samples]
KITTI = "kitti/sfmlearner_format/test/2011_09_26_drive_0001_sync_02"
OTHER = "kitti/raw_drive_0023_packnet/2011_09_26/2011_09_26_drive_0023_sync"


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def trained(folder, out, *words, steps):
    command = ["train", SAMPLES / folder, "--out", out, "--device", "cpu", "--steps", steps, *words]
    result = CliRunner().invoke(cli.main, [str(word) for word in command])
    assert result.exit_code == 0, (result.output[-2000:], result.exception)
    return result.output


def errors(out, name, column):
    with (out / name).open(newline="") as file:
        return {row["prediction"]: float(row[column]) for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("folder", "words", "says"),
    [
        ("7-scenes", ("--manifest", "sevenscenes", "--manifest-split", "redkitchen_tsdf", "--split", "end"), "40 pic"),
        ("tum-rgbd/fr1_desk_slambook", ("--depth-scale", 5000, "--focal", 517.3), "6 pictures with depth: associate"),
    ],
)
def test_real_rooms_are_learned(tmp_path, folder, words, says):
    output = trained(folder, tmp_path / "out", *words, steps=100)
    assert says in output
    for column in ("abs_rel", "scaled_abs_rel"):
        table = errors(tmp_path / "out", "errors.csv", column)
        assert table["after"] < table["before"] and table["after"] < table["best constant"]


def test_a_real_drive_is_learned_from_its_frames_alone(tmp_path):
    """Scored against the laser of another drive, which the training never saw."""
    other = SAMPLES / OTHER
    lines = [
        f"{image},{other / 'proj_depth/velodyne/image_02' / image.with_suffix('.npz').name}"
        for image in sorted((other / "image_02/data").glob("*.png"))
    ]
    (tmp_path / "other").mkdir()
    (tmp_path / "other/pairs.csv").write_text("\n".join(["image,depth", *lines]))
    output = trained(KITTI, tmp_path / "out", "--test", tmp_path / "other", steps=200)
    assert "108 frames of video" in output and "poor" not in output and "7 pictures with depth" in output
    table = errors(tmp_path / "out", "errors-test.csv", "scaled_abs_rel")
    assert table["after"] < 0.8 * table["before"] and table["after"] < table["constant"]


def test_a_stack_of_other_pictures_is_no_video(tmp_path):
    """Frames 50 apart of the kitchen have little in common; the check says so before anything is trained."""
    for number in range(100, 600, 50):
        picture = SAMPLES / f"7-scenes/redkitchen_tsdf/frame-{number:06d}.color.jpg"
        (tmp_path / f"{number:06d}.jpg").symlink_to(picture)
    from depthlib.app.own_data.setup import Choices, prepare

    said = []
    prepare(Choices(tmp_path), said.append, lambda items, title: iter(items))
    assert any(line.startswith("poor parallax") for line in said), said
