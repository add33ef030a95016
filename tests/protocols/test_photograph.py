"""Depth of a photograph: where a pixel goes, and which weights and networks are refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from brightness import Brightness
from devices import DEVICES
from safetensors.torch import save_file
from torch import Tensor, nn

from depthlib import models
from depthlib.models.weights import save_weights
from depthlib.protocols import photograph


@pytest.mark.parametrize(
    "image_size, expected",
    [
        ((480, 640), (96, 128)),
        ((640, 480), (128, 96)),
        ((96, 128), (96, 128)),
        ((375, 1242), (64, 208)),
        ((500, 500), (112, 112)),
        ((8, 8), (112, 112)),
        ((10, 5000), (32, 320)),
        ((5000, 10), (320, 32)),
    ],
)
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
    margin = [2 + 2 * length // 64 for length in size]  # the border has no neighbours to interpolate from
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
    save_weights(original, tmp_path / "w.safetensors", model_name="unet", options={"width": 4}, input_size=[33, 45])
    loaded, info = photograph.load_weights(tmp_path / "w.safetensors")
    image = torch.rand(3, 50, 71)
    torch.testing.assert_close(
        photograph.predict(loaded, image, info["input_size"]),
        photograph.predict(original, image, [32, 48]),
        rtol=2e-2,
        atol=2e-2,
    )


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
    torch.save(state, tmp_path / "pickled.safetensors")  # must not be unpickled
    refused(tmp_path / "pickled.safetensors", "safetensors")
    refused(stored("bare.safetensors", None), "metadata")
    refused(stored("notjson.safetensors", {"depthlib": "{"}), "weights do not fit")
    refused(stored("list.safetensors", {"depthlib": "[1]"}), "weights do not fit")
    head = '{"model": "brightness", "options": {}'
    refused(stored("nosize.safetensors", {"depthlib": head + "}"}), "input_size None")
    refused(stored("odd.safetensors", {"depthlib": head + ', "input_size": [96, 0]}'}), "input_size.* 0")
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


def test_networks_that_cannot_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stereo(Brightness):
        inputs = ("image", "right")

    with pytest.raises(
        photograph.WeightsError,
        match="w: found a network of image and right, expected one that needs a photograph alone",
    ):
        photograph.usable_multiple(Stereo(), "w")
    with pytest.raises(
        photograph.WeightsError, match="w: found Conv2d, which does not predict depth .*expected a network"
    ):
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
