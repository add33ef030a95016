"""`depthlib train` from a folder to weights that `predict` takes, on miniatures of each form; interruptions; faults."""

import csv
import json
import re
import shutil
import signal

import numpy as np
import pytest
import torch
from own_folders import labelled, manifest, scenes, start, stereo, video, without_unit
from PIL import Image
from typer.testing import CliRunner

from depthlib.app import cli
from depthlib.app.own_data import training
from depthlib.models.weights import load_weights

pytestmark = pytest.mark.slow
WRITTEN = {"weights.safetensors", "errors.csv", "pictures.png", "curve.png", "index.html"}


@pytest.fixture(scope="module")
def items():
    return list(scenes(8, views=("current", "previous", "next", "right")))


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    return start(tmp_path_factory.mktemp("start") / "w.safetensors", low=1.0, high=30.0)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def called(folder, out, network, *more, steps=30):
    words = ["train", folder, "--out", out, "--weights", network, "--steps", steps, "--batch", 2, "--device", "cpu"]
    result = CliRunner().invoke(cli.main, [str(word) for word in (*words, *more)])
    return result, " ".join(result.output.split())


def errors(out, name="errors.csv"):
    with (out / name).open(newline="") as file:
        return {
            row.pop("prediction"): {key: float(value) for key, value in row.items()} for row in csv.DictReader(file)
        }


def make_manifest(root, items):
    manifest(root, items)
    return ()


def make_list(root, items):
    labelled(root, items, scale=256)
    lines = [f"images/{number:03d}.png,depth/{number:03d}.png" for number in range(len(items))]
    for number in range(len(items)):
        without_unit(root / f"depth/{number:03d}.png")
    (root / "pairs.csv").write_text("\n".join(["image,depth", *lines]))
    return "--depth-scale", 256


def make_video(root, items):
    video(root, items)
    return ()


def make_stereo(root, items):
    return "--baseline-focal", stereo(root, items)


def make_stereo_without_scale(root, items):
    stereo(root, items)
    return ()


def make_labelled(root, items):
    labelled(root, items)
    return "--fov", 60


@pytest.mark.parametrize(
    ("make", "says", "unit"),
    [
        (make_labelled, "8 pictures with depth: images/ and depth/", "metre"),
        (make_list, "pairs.csv", "metre"),
        (make_manifest, "the manifest own", "metre"),
        (make_video, "24 frames of video of 8 sequences", "unscaled"),
        (make_stereo, "8 stereo pairs", "metre"),
        (make_stereo_without_scale, "depth up to a scale", "unscaled"),
    ],
)
def test_every_form_ends_with_a_network_that_predicts(tmp_path, items, network, make, says, unit):
    folder, out = tmp_path / "own", tmp_path / "out"
    more = make(folder, items)
    steps = 120 if make is make_video else 30  # the motion has to be learned, too
    result, said = called(folder, out, network, *more, "--split", "end", steps=steps)
    assert result.exit_code == 0, (said, result.exception)
    assert says in said and "held out" in said
    assert {path.name for path in out.iterdir()} == WRITTEN
    table = errors(out)
    measured = "abs_rel" if "abs_rel" in table["after"] else "view_error"
    assert table["after"][measured] < table["before"][measured]
    assert {"fixed map", "before", "after"} < set(table)
    model, info = load_weights(out / "weights.safetensors")
    assert info["unit"] == unit and info["input_size"] == [48, 64] and model(torch.rand(1, 3, 48, 64)).min() > 0
    known = {
        make_labelled: 32 / np.tan(np.pi / 6) / np.sqrt(48 * 64),
        make_video: float(items[0]["K"][0, 0]) / np.sqrt(48 * 64),
    }
    assert info["focal"] == (pytest.approx(known[make], rel=1e-3) if make in known else None)
    page = (out / "index.html").read_text()
    assert page.count("data:image/") == 2 and "before" in page and not re.search(r'(src|href)="(?!data:)', page)
    photo = folder.joinpath("photo.png")
    Image.new("RGB", (64, 48), (90, 120, 150)).save(photo)
    done = CliRunner().invoke(
        cli.main, ["predict", str(photo), "--weights", str(out / "weights.safetensors"), "--out", str(tmp_path / "d")]
    )
    assert done.exit_code == 0 and (tmp_path / "d/photo_depth16.png").exists(), done.output


def test_the_table_is_that_of_the_stored_network(tmp_path, items, network):
    """Scored once more by hand, on a folder that is held out, which another run of `evaluate` would see."""
    labelled(tmp_path / "own/train", items[:6])
    labelled(tmp_path / "own/val", items[6:])
    result, said = called(tmp_path / "own", tmp_path / "out", network)
    assert result.exit_code == 0 and "6 to train on, 2 held out" in said, said
    model, _ = load_weights(tmp_path / "out/weights.safetensors")
    found = []
    for item in items[6:]:
        image = (item["image"] * 255).round() / 255
        known = item["depth"] > 0
        with torch.no_grad():
            predicted = model(image[None])[0].clamp(0.1, 80)
        found.append(float(((predicted - item["depth"]).abs() / item["depth"])[known].mean()))
    assert errors(tmp_path / "out")["after"]["abs_rel"] == pytest.approx(np.mean(found), rel=2e-3)


def test_an_interrupted_training_ends_in_the_same_bits(tmp_path, items, network, monkeypatch):
    folder = labelled(tmp_path / "own", items)
    called(folder, tmp_path / "whole", network)
    write = training.Checkpoint.save
    count = iter(range(100))

    def stopped(self, state):
        write(self, state)
        if next(count) == 11:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(training.Checkpoint, "save", stopped)
    monkeypatch.setattr(training.Checkpoint, "due", lambda self: True)
    result, said = called(folder, tmp_path / "parts", network)
    assert result.exit_code == 130 and "stopped; the same command resumes" in said
    assert [path.name for path in (tmp_path / "parts").iterdir()] == ["unfinished"]
    result, said = called(folder, tmp_path / "parts", network, "--lr", "0.01")
    assert result.exit_code == 2 and "unfinished training in" in said and "with lr 0.001, expected 0.01" in said
    result, said = called(folder, tmp_path / "parts", network)
    assert result.exit_code == 0, said
    assert {path.name for path in (tmp_path / "parts").iterdir()} == WRITTEN
    whole, parts = (
        load_weights(tmp_path / name / "weights.safetensors")[0].state_dict() for name in ("whole", "parts")
    )
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_the_best_step_is_kept_and_not_the_last(tmp_path, items, network, monkeypatch):
    values = iter([0.5, 0.3, 0.4, 0.6, 0.5, 0.31, 0.5, 0.5])
    seen = []

    def error(setup, model, device):
        def read(net):
            seen.append({name: value.clone() for name, value in net.state_dict().items()})
            return next(values)

        return read

    monkeypatch.setattr(training, "_validation", error)
    result, said = called(labelled(tmp_path / "own", items), tmp_path / "out", network, steps=8)
    assert result.exit_code == 0 and "the best of 8 steps was 2" in said, (said, result.exception)
    stored = load_weights(tmp_path / "out/weights.safetensors")[0].state_dict()
    name = "head.conv.weight"
    torch.testing.assert_close(stored[name], seen[1][f"depth.{name}"].half().float(), rtol=0, atol=0)


def test_a_loss_that_is_no_number_leaves_nothing(tmp_path, items, network):
    folder = labelled(tmp_path / "own", items)
    result, said = called(folder, tmp_path / "out", network, "--lr", "1e30")
    assert result.exit_code == 1 and "try a lower --lr" in said
    assert not (tmp_path / "out").exists()


def test_a_still_camera_is_told_and_a_finished_training_kept(tmp_path, items, network):
    for number in range(8):
        (tmp_path / "still").mkdir(exist_ok=True)
        Image.fromarray((items[0]["image"] * 255).byte().permute(1, 2, 0).numpy()).save(
            tmp_path / f"still/{number}.png"
        )
    result, said = called(tmp_path / "still", tmp_path / "out", network)
    assert result.exit_code == 2 and "found 6 of 6 still, expected a camera that moves" in said
    (tmp_path / "done").mkdir()
    shutil.copy(network, tmp_path / "done/weights.safetensors")
    result, said = called(tmp_path / "still", tmp_path / "done", network)
    assert result.exit_code == 2 and "found a finished training" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["done", "still"]


def test_exchanged_views_and_rows_that_differ_are_told(tmp_path, items, network):
    large = list(scenes(2, family="streets", views=("current", "right")))
    stereo(tmp_path / "own", [dict(item, image=item["right"], right=item["image"]) for item in large])
    result, said = called(tmp_path / "own", tmp_path / "out", network)
    assert result.exit_code == 2 and "views exchanged?" in said, said
    shutil.rmtree(tmp_path / "own")
    stereo(tmp_path / "own", [dict(item, right=item["right"].roll(4, dims=1)) for item in large])
    result, said = called(tmp_path / "own", tmp_path / "out", network)
    assert result.exit_code == 2 and "expected rectified pairs" in said, said
    assert not (tmp_path / "out").exists()


def test_the_settings_are_plain_numbers(tmp_path, items, network, monkeypatch):
    """So that a training can be resumed from another working folder, they name no path."""
    monkeypatch.setattr(training, "_tables", lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))
    folder = labelled(tmp_path / "own", items)
    result, _ = called(folder, tmp_path / "out", network, steps=4)
    assert result.exit_code == 130
    settings = json.loads((tmp_path / "out/unfinished/settings.json").read_text())
    assert settings["steps"] == 4 and str(tmp_path) not in json.dumps(settings)
