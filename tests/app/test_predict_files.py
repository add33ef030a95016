"""Prediction on files: what is written, and that one bad file spoils nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from brightness import Brightness
from PIL import Image

from depthlib.app import predict_files as files
from depthlib.data.depth_png import depth_kind, read_depth_png
from depthlib.models.weights import save_weights
from depthlib.protocols import photograph


def picture(path: Path, value: int = 128, size: tuple[int, int] = (48, 64)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)
    return path


def test_good_and_bad_files_in_one_call(weights: Path, tmp_path: Path) -> None:
    good = [
        picture(tmp_path / "a/same.png", 0),
        picture(tmp_path / "b/same.png", 255, (60, 30)),
        picture(tmp_path / "c.png", 51),
    ]
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    paths = [good[0], tmp_path / "absent.png", good[1], tmp_path / "broken.jpg", tmp_path / "a", good[2], good[2]]
    out = tmp_path / "out"
    outcome = files.predict_files(paths, out, weights, "cpu", batch=3, progress=False)
    assert {item.source for item in outcome.done} == set(good)
    assert [problem.source.name for problem in outcome.problems] == ["absent.png", "broken.jpg", "a"]
    assert all(problem.source.name in problem.reason for problem in outcome.problems)
    names = ["a_same_depth", "a_same_depth16", "b_same_depth", "b_same_depth16", "c_depth", "c_depth16"]
    assert sorted(path.name for path in out.iterdir()) == [f"{name}.png" for name in names]
    for name, metres, size in (("a_same", 1.0, (48, 64)), ("b_same", 9.0, (60, 30)), ("c", 2.6, (48, 64))):
        depth = read_depth_png(out / f"{name}_depth16.png")
        torch.testing.assert_close(depth, torch.full(size, metres), rtol=0, atol=6e-4)
        with Image.open(out / f"{name}_depth.png") as colour:
            assert colour.size[0] == max(size[1], 200) and colour.size[1] > size[0]  # the scale is below
            assert np.unique(np.asarray(colour)[: size[0], : size[1]].reshape(-1, 3), axis=0).shape[0] == 1
    record = next(item for item in outcome.done if item.source == good[1])
    assert (record.size, record.scale) == ((60, 30), 1000) and record.nearest == pytest.approx(9, abs=1e-3)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_batches_change_nothing(weights: Path, tmp_path: Path, batch: int) -> None:
    """Images of several sizes: none gets the depth of its neighbour."""
    sizes = [(48, 64), (64, 48), (48, 64), (96, 128), (40, 200)]
    paths = [picture(tmp_path / f"{index}.png", 50 * index, size) for index, size in enumerate(sizes)]
    outcome = files.predict_files(paths, tmp_path / "out", weights, "cpu", batch=batch, progress=False)
    assert not outcome.problems
    for index, size in enumerate(sizes):
        depth = read_depth_png(tmp_path / f"out/{index}_depth16.png")
        torch.testing.assert_close(depth, torch.full(size, 1 + 8 * 50 * index / 255), rtol=0, atol=1e-3)


def test_an_input_is_never_overwritten(weights: Path, tmp_path: Path) -> None:
    first, second = picture(tmp_path / "x.png", 10), picture(tmp_path / "x_depth.png", 20)
    before = second.read_bytes()
    outcome = files.predict_files([first, second], tmp_path, weights, "cpu", progress=False)
    assert second.read_bytes() == before and [item.source for item in outcome.done] == [second]
    assert "overwrite" in outcome.problems[0].reason


def test_run_returns_an_exit_status(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    good, out = picture(tmp_path / "[good].png"), tmp_path / "out"
    assert files.run([good], out, weights, "cpu") == 0
    assert "[good].png: 5.0" in capsys.readouterr().out  # brackets are no markup
    assert files.run([good, tmp_path / "absent.png"], out, weights, "cpu") == 1
    captured = capsys.readouterr()
    assert "absent.png: no such file" in captured.err and "1 done, 1 with problems" in captured.out
    assert files.run([], out, weights, "cpu") == 2
    assert files.run([good], out, tmp_path / "none.safetensors", "cpu") == 2
    assert "none.safetensors" in capsys.readouterr().err
    assert files.run([good], out, weights, "abacus") == 2
    assert "device: found 'abacus'" in capsys.readouterr().err
    assert files.run([good], good, weights, "cpu") == 2  # the output folder is a file


def test_the_scale_below_the_picture(weights: Path, tmp_path: Path) -> None:
    """A ramp: the same colours in the map from left to right and in the scale below it, and words beside."""
    ramp = np.broadcast_to(np.linspace(0, 255, 400)[None, :, None], (300, 400, 3)).astype(np.uint8)
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    outcome = files.predict_files([tmp_path / "ramp.png"], tmp_path / "out", weights, "auto", progress=False)
    with Image.open(outcome.done[0].colour) as colour:
        assert colour.mode == "RGB"
        pixels = np.asarray(colour).astype(int)
    assert pixels.shape[1] == 400 and np.abs(pixels[310, 10:390:20] - pixels[150, 10:390:20]).max() < 40
    words = (pixels[320:] < 90).all(axis=2).any(axis=0)
    assert words[:60].any() and words[180:220].any() and words[340:].any()


UNITS = {("mobile", "diw"): "relative", ("dual", "streets"): "unscaled", ("start", "rooms"): "metre"}


@pytest.mark.parametrize(("run", "kind"), UNITS.items())
def test_the_unit_is_said(
    run: tuple[str, str], kind: str, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    spec = dict(zip(("paper", "data"), run, strict=True))
    network = Brightness()
    network.offset.data.fill_(-5.0 if kind == "relative" else 1.0)
    save_weights(network, weights, model_name="brightness", options={}, input_size=[96, 128], spec=spec)
    ramp = np.broadcast_to(np.linspace(0, 255, 80)[None, :, None], (60, 80, 3)).astype(np.uint8)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    assert files.run([tmp_path / "a.png"], tmp_path / "out", weights, "cpu") == 0
    said, path = capsys.readouterr().out, tmp_path / "out/a_depth16.png"
    assert {"metre": " m ->", "unscaled": "unknown unit", "relative": "without a unit"}[kind] in said and depth_kind(
        path
    ) == kind
    with Image.open(path) as picture:
        stored, text = np.asarray(picture).astype(float), picture.text
    expected = (
        photograph.predict(network.eval(), torch.from_numpy(ramp / 255).permute(2, 0, 1).float(), (96, 128))
        .detach()
        .numpy()
    )
    lowest = float(text["depth_unit"].split(" + ")[1].split(",")[0]) if kind == "relative" else 0
    back = (stored - (kind == "relative")) / float(text["depth_scale"]) + lowest
    np.testing.assert_allclose(back, expected, atol=6e-4)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="no /proc there")
def test_memory_of_a_large_photograph(tmp_path: Path) -> None:
    """100 megapixels in 1.5 GB: decoded, predicted, and both pictures written. A PNG, which cannot be shrunk while it
    is decoded.
    """
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8))
    noise.resize((10_000, 10_000), Image.Resampling.BILINEAR).save(tmp_path / "big.png", compress_level=1)
    code = (
        "import re; from depthlib.app.predict_files import run\n"
        f"status = run([{str(tmp_path / 'big.png')!r}], {str(tmp_path / 'out')!r}, None, 'cpu')\n"
        # getrusage counts the parent's
        "peak = re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1]\n"
        "print(status, int(peak) / 2**20)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    status, gib = done.stdout.split()[-2:]
    assert status == "0" and float(gib) * 2**30 < 1.5e9


@pytest.mark.slow
def test_start_is_light() -> None:
    """Neither tables nor figures nor real-data libraries are loaded to look at one photograph."""
    heavy = "{'pandas', 'depthlib.report', 'torchvision', 'requests', 'tifffile', 'matplotlib.pyplot', 'scipy'}"
    code = f"import sys, depthlib.app.predict_files; print(sorted({heavy} & set(sys.modules)))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
