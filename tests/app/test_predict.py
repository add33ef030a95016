"""Prediction on files: where a pixel goes, what is written, and that one bad file spoils nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from depthlib import models
from depthlib.app import depth_picture
from depthlib.app import predict_files as files
from depthlib.data.depth_png import depth_kind, read_depth_png
from depthlib.data.images import resize
from depthlib.models.weights import save_weights
from depthlib.protocols import photograph

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))]


class Brightness(nn.Module):
    """Depth = offset + gain x mean of the channels: what comes out says which pixels went in."""

    def __init__(self, gain: float = 8.0):
        super().__init__()
        self.gain, self.offset = nn.Parameter(torch.tensor(gain)), nn.Parameter(torch.tensor(1.0))
        self.seen: list[tuple[int, ...]] = []
        self.trained: list[bool] = []

    def forward(self, image: Tensor) -> Tensor:
        self.seen.append(tuple(image.shape))
        self.trained.append(self.training)
        return self.offset + self.gain * image.mean(1, keepdim=True)


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setitem(models.models(), "brightness", f"{__name__}:Brightness")
    path = tmp_path / "weights.safetensors"
    save_weights(Brightness(), path, model_name="brightness", options={"gain": 2.0}, input_size=[96, 128])
    return path


def picture(path: Path, value: int = 128, size: tuple[int, int] = (48, 64)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((*size, 3), value, np.uint8)).save(path)
    return path


@pytest.mark.parametrize("image_size, expected", [
    ((480, 640), (96, 128)), ((640, 480), (128, 96)), ((96, 128), (96, 128)), ((375, 1242), (64, 208)), ((500, 500), (112, 112)),
    ((8, 8), (112, 112)), ((10, 5000), (32, 320)), ((5000, 10), (320, 32)),
])
def test_network_size(image_size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert photograph.network_size(image_size, (96, 128)) == expected


@pytest.mark.parametrize("bad", [(96, 100), (0, 128), (96,), (96.0, 128)])
def test_network_size_refuses(bad: tuple) -> None:
    with pytest.raises(ValueError, match="input_size.*multiples of 16"):
        photograph.network_size((10, 10), bad)


@pytest.mark.parametrize("size", [(480, 640), (640, 480), (375, 1242), (40, 50)])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("device", DEVICES)
def test_pixels_stay_where_they_are(size: tuple[int, int], axis: int, device: str) -> None:
    """Resizing keeps a ramp a ramp, so the depth must be the same ramp; half a pixel of shift would show."""
    ramp = (torch.arange(size[axis]) + 0.5) / size[axis]
    image = (ramp[:, None] if axis == 0 else ramp[None, :]).expand(3, *size).contiguous()
    depth = photograph.predict(Brightness().to(device), image, (96, 128))
    assert depth.shape == size and depth.dtype == torch.float32 and depth.device.type == "cpu"
    margin = [2 + 2 * length // 64 for length in size]          # the border has no neighbours to interpolate from
    inner = (slice(margin[0], -margin[0]), slice(margin[1], -margin[1]))
    torch.testing.assert_close(depth[inner], 1 + 8 * image[0][inner], rtol=0, atol=2e-3)


def test_fine_patterns_are_averaged() -> None:
    """Without antialiasing a chequered picture becomes stripes."""
    rows, columns = torch.meshgrid(torch.arange(400), torch.arange(600), indexing="ij")
    depth = photograph.predict(Brightness(), ((rows + columns) % 2).float().expand(3, -1, -1), (96, 128))
    assert (depth - 5).abs().max() < 0.1


def test_predict_guards_and_leaves_the_mode() -> None:
    model = Brightness().train()
    photograph.predict(model, torch.rand(3, 20, 30), (96, 128))
    assert model.training and set(model.trained) == {False}
    with pytest.raises(ValueError, match=r"image: found \[1, 20, 30\]"):
        photograph.predict(model, torch.rand(1, 20, 30), (96, 128))
    with pytest.raises(ValueError, match=r"image:.*uint8"):
        photograph.predict(model, torch.zeros(3, 20, 30, dtype=torch.uint8), (96, 128))
    with pytest.raises(ValueError, match="model: found output of shape"):
        photograph.predict(nn.Conv2d(3, 2, 1), torch.rand(3, 20, 30), (96, 128))
    with pytest.raises(ValueError, match="non-finite"):
        photograph.predict(Brightness(float("nan")), torch.rand(3, 20, 30), (96, 128))


def test_load_weights(weights: Path) -> None:
    model, info = photograph.load_weights(weights)
    assert info["model"] == "brightness" and info["input_size"] == [96, 128]
    assert not model.training and model.gain.dtype == torch.float32 and model.gain.item() == 8


def test_a_network_of_the_package(tmp_path: Path) -> None:
    original = models.create_model("unet", width=4).eval()
    save_weights(original, tmp_path / "w.safetensors", model_name="unet", options={"width": 4}, input_size=[32, 48])
    loaded, info = photograph.load_weights(tmp_path / "w.safetensors")
    image = torch.rand(3, 50, 71)
    torch.testing.assert_close(photograph.predict(loaded, image, info["input_size"]),
                               photograph.predict(original, image, [32, 48]), rtol=2e-2, atol=2e-2)


def test_load_weights_refusals(weights: Path, tmp_path: Path) -> None:
    def refused(path: Path | None, pattern: str) -> None:
        with pytest.raises(photograph.WeightsError, match=pattern) as caught:
            photograph.load_weights(path)
        assert "\n" not in str(caught.value) and (path is None or path.name in str(caught.value))

    state = {"gain": torch.tensor(8.0), "offset": torch.tensor(1.0)}

    def stored(name: str, metadata: dict[str, str] | None, tensors: dict[str, Tensor] = state) -> Path:
        save_file(tensors, tmp_path / name, metadata=metadata)
        return tmp_path / name

    refused(tmp_path / "absent.safetensors", "no such")
    refused(tmp_path, "no such|not a")
    (tmp_path / "text.safetensors").write_text("hello, this is no file of weights")
    refused(tmp_path / "text.safetensors", "safetensors")
    (tmp_path / "cut.safetensors").write_bytes(weights.read_bytes()[:-2])
    refused(tmp_path / "cut.safetensors", "safetensors")
    torch.save(state, tmp_path / "pickled.safetensors")         # must not be unpickled
    refused(tmp_path / "pickled.safetensors", "safetensors")
    refused(stored("bare.safetensors", None), "metadata")
    refused(stored("notjson.safetensors", {"depthlib": "{"}), "weights do not fit")
    refused(stored("list.safetensors", {"depthlib": "[1]"}), "weights do not fit")
    head = '{"model": "brightness", "options": {}'
    refused(stored("nosize.safetensors", {"depthlib": head + "}"}), "input_size None")
    refused(stored("odd.safetensors", {"depthlib": head + ', "input_size": [96, 100]}'}), "input_size.*100")
    good = {"depthlib": head + ', "input_size": [96, 128]}'}
    refused(stored("nan.safetensors", good, state | {"gain": torch.tensor(float("nan"))}), "non-finite values in gain")
    refused(stored("less.safetensors", good, {"gain": torch.tensor(8.0)}), "offset")
    unknown = {"depthlib": good["depthlib"].replace("brightness", "os.system")}
    refused(stored("unknown.safetensors", unknown), "os.system")


def test_default_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photograph, "results_dir", lambda profile: tmp_path / "own" / profile)
    monkeypatch.setattr(photograph, "reference_dir", lambda profile: tmp_path / "shipped" / profile)
    with pytest.raises(photograph.WeightsError, match="depthlib reproduce"):
        photograph.load_weights(None)
    for place, name in (("shipped", "start-unet-1"), ("own", "start-mean-1"), ("own", "start-unet-2")):
        run = tmp_path / place / "quick" / "runs" / name
        run.mkdir(parents=True)
        (run / "weights.safetensors").touch()
        if name != "start-mean-1":
            assert photograph.default_weights().parent.name == name


def test_output_names() -> None:
    def names(*paths: str) -> list[str]:
        return files.output_names([Path(path) for path in paths])

    assert names("/a/x.jpg", "/b/y.jpg") == ["x", "y"]
    assert names("/a/x.jpg", "/b/x.jpg", "/b/y.jpg") == ["a_x", "b_x", "y"]
    assert names("/a/x.jpg", "/a/x.png", "/c/a/X.png") == ["a_x", "a_x-2", "a_X-3"]
    assert names("/a/x.jpg", "/b/x.jpg", "/c/a_x.png") == ["a_x-2", "b_x", "a_x"]


def test_good_and_bad_files_in_one_call(weights: Path, tmp_path: Path) -> None:
    good = [picture(tmp_path / "a/same.png", 0), picture(tmp_path / "b/same.png", 255, (60, 30)), picture(tmp_path / "c.png", 51)]
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
            assert colour.size[0] == max(size[1], 200) and colour.size[1] > size[0]       # the scale is below
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
    assert "[good].png: 5.0" in capsys.readouterr().out         # brackets are no markup
    assert files.run([good, tmp_path / "absent.png"], out, weights, "cpu") == 1
    captured = capsys.readouterr()
    assert "absent.png: no such file" in captured.err and "1 done, 1 with problems" in captured.out
    assert files.run([], out, weights, "cpu") == 2
    assert files.run([good], out, tmp_path / "none.safetensors", "cpu") == 2
    assert "none.safetensors" in capsys.readouterr().err
    assert files.run([good], out, weights, "abacus") == 2
    assert "device: found 'abacus'" in capsys.readouterr().err
    assert files.run([good], good, weights, "cpu") == 2       # the output folder is a file


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
def test_the_unit_is_said(run: tuple[str, str], kind: str, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    spec = dict(zip(("paper", "data"), run, strict=True))
    network = Brightness()
    network.offset.data.fill_(-5.0 if kind == "relative" else 1.0)
    save_weights(network, weights, model_name="brightness", options={}, input_size=[96, 128], spec=spec)
    ramp = np.broadcast_to(np.linspace(0, 255, 80)[None, :, None], (60, 80, 3)).astype(np.uint8)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    assert files.run([tmp_path / "a.png"], tmp_path / "out", weights, "cpu") == 0
    said, path = capsys.readouterr().out, tmp_path / "out/a_depth16.png"
    assert {"metre": " m ->", "unscaled": "unknown unit", "relative": "without a unit"}[kind] in said and depth_kind(path) == kind
    with Image.open(path) as picture:
        stored, text = np.asarray(picture).astype(float), picture.text
    expected = photograph.predict(network.eval(), torch.from_numpy(ramp / 255).permute(2, 0, 1).float(), (96, 128)).detach().numpy()
    lowest = float(text["depth_unit"].split(" + ")[1].split(",")[0]) if kind == "relative" else 0
    back = (stored - (kind == "relative")) / float(text["depth_scale"]) + lowest
    np.testing.assert_allclose(back, expected, atol=6e-4)


def test_strips_are_the_whole_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Made in strips of three columns, the depth is what one call of `resize` gives, where it grows and where it shrinks."""
    monkeypatch.setattr(depth_picture, "STRIP", 3 * 50)
    depth = torch.rand(1, 12, 16, generator=torch.Generator().manual_seed(0))
    for size in ((50, 71), (9, 20), (12, 16)):
        parts = list(depth_picture.strips(depth, size))
        whole = np.concatenate([part for _, part in parts], axis=1)
        np.testing.assert_allclose(whole, resize(depth[None], size)[0, 0].numpy(), rtol=0, atol=1e-6)
        assert [columns.start for columns, _ in parts][0] == 0 and parts[-1][0].stop == size[1] and len(parts) > 1


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="no /proc there")
def test_memory_of_a_large_photograph(tmp_path: Path) -> None:
    """100 megapixels in 1.5 GB: decoded, predicted, and both pictures written. A PNG, which cannot be shrunk while it is decoded."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8))
    noise.resize((10_000, 10_000), Image.Resampling.BILINEAR).save(tmp_path / "big.png", compress_level=1)
    code = (
        "import re; from depthlib.app.predict_files import run\n"
        f"status = run([{str(tmp_path / 'big.png')!r}], {str(tmp_path / 'out')!r}, None, 'cpu')\n"
        "peak = re.search(r'VmHWM:\\s+(\\d+) kB', open('/proc/self/status').read())[1]\n"      # getrusage counts the parent's
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
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_networks_that_cannot_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stereo(Brightness):
        inputs = ("image", "right")

    with pytest.raises(photograph.WeightsError, match="w: found a network of image and right, expected one that needs a photograph alone"):
        photograph.usable_multiple(Stereo(), "w")
    with pytest.raises(photograph.WeightsError, match="w: found Conv2d, which does not predict depth .*expected a network"):
        photograph.usable_multiple(nn.Conv2d(3, 21, 4), "w")
    assert photograph.usable_multiple(Brightness(), "w") == 16

    class Halved(Brightness):
        """Its output has half the size, and its sides must be multiples of 32, as with some networks here."""

        def forward(self, image: Tensor) -> Tensor:
            if image.shape[2] % 32 or image.shape[3] % 32:
                raise ValueError("multiples of 32")
            return super().forward(image)[..., ::2, ::2]

    assert photograph.usable_multiple(Halved(), "w") == 32
    assert photograph.predict(Halved(), torch.rand(3, 50, 60), (96, 128)).shape == (50, 60)
