"""Windows of large photographs: what they add, what they must not change, and that none shows its border."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from brightness import SIZE, Brightness
from PIL import Image
from torch import Tensor, nn

from depthlib.app import photo_windows
from depthlib.app import predict_files as files
from depthlib.app.photo_windows import fine_size, refined
from depthlib.data.depth_png import read_depth_png
from depthlib.data.images import resize
from depthlib.models.weights import save_weights

WINDOW = (32, 48)


class Moody(nn.Module):
    """Depth exp(image), but each window with a factor and a contrast of its own."""

    def __init__(self, factor: float = 0.0, contrast: float = 0.0) -> None:
        super().__init__()
        self.factor, self.contrast, self.random = factor, contrast, np.random.default_rng(0)

    def forward(self, images: Tensor) -> Tensor:
        logs = [
            image[:1] * np.exp(self.contrast * self.random.uniform(-0.5, 0.5))
            + self.factor * self.random.uniform(-1, 1)
            for image in images
        ]
        return torch.stack(logs).exp()


def scene(size: tuple[int, int]) -> Tensor:
    """Log depth [1,H,W]: a slope, and boxes with sharp edges."""
    y, x = np.mgrid[: size[0], : size[1]]
    boxes = 0.3 * (np.sin(x / 12) * np.cos(y / 15) > 0.3)
    return torch.from_numpy(0.5 + y / size[0] + boxes)[None].float()


@pytest.mark.parametrize("unit", ["metre", "unscaled"])
def test_windows_of_any_scale_give_back_the_whole(unit: str) -> None:
    """Where the whole is exact, windows that differ from it by factor and contrast change nothing."""
    truth = scene((75, 130))  # the last windows overlap by more than half
    found = refined(Moody(3.0, 1.0), truth.expand(3, -1, -1), truth.exp(), unit, WINDOW, batch=3)
    torch.testing.assert_close(found.log(), truth, rtol=0, atol=2e-5)


def test_relative_depth_keeps_its_sign() -> None:
    class Relative(Moody):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images).log() - 1

    truth = scene((64, 96))
    found = refined(Relative(3.0, 1.0), truth.expand(3, -1, -1), truth - 1, "relative", WINDOW)
    torch.testing.assert_close(found, truth - 1, rtol=0, atol=2e-5)
    assert found.min() < 0


def test_windows_add_edges_and_their_scale_does_not_matter() -> None:
    """The whole is blurred by four: windows bring back most of what it lacks, whatever factor each has."""
    truth = scene((128, 192))
    blurred = resize(truth[None], (32, 48))[0]
    even, uneven = (
        refined(Moody(factor), truth.expand(3, -1, -1), blurred.exp(), "metre", WINDOW).log() for factor in (0.0, 3.0)
    )
    torch.testing.assert_close(uneven, even, rtol=0, atol=2e-5)
    before = (resize(blurred[None], (128, 192))[0] - truth).abs().mean()
    assert (even - truth).abs().mean() < 0.4 * before


def test_windows_cannot_bend_what_is_large() -> None:
    """Windows that take everything for a slope the other way leave the slope of the whole."""

    class Wrong(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            rows = torch.linspace(1, 0, images.shape[2])[:, None]
            return (0.5 * rows).exp().expand(len(images), 1, *images.shape[2:])

    truth = torch.linspace(0, 1, 64)[None, :, None].expand(1, 64, 96).contiguous()
    found = refined(Wrong(), truth.expand(3, -1, -1), truth.exp(), "metre", WINDOW)
    assert (found.log() - truth).abs().max() < 0.1  # a window says -0.5 over 32 rows, the whole +0.5


def test_there_are_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flat windows at different levels: each step of the blend is at most pi / n of the largest difference."""
    levels = iter(np.random.default_rng(1).uniform(0, 1, 100))
    monkeypatch.setattr(photo_windows, "_fitted", lambda found, *_: torch.full_like(found, next(levels)))
    size = (96, 144)
    found = refined(Moody(), torch.zeros(3, *size), torch.ones(1, *size), "metre", WINDOW).log()[0]
    assert found.std() > 0.1
    for axis in (0, 1):
        assert torch.diff(found, dim=axis).abs().max() <= np.pi / WINDOW[axis]


def test_the_finer_size() -> None:
    assert fine_size((480, 640), (96, 128), 2) == (192, 256)
    assert fine_size((480, 640), (96, 128), 8) == (480, 640)  # no finer than the photograph
    assert fine_size((180, 250), (96, 128), 2) is None and fine_size((4000, 6000), (96, 128), 1) is None


def test_files_get_finer_by_windows(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Black and white stripes that the network's own size blurs away; a small photograph stays as it is."""
    size = (4 * SIZE[0], 4 * SIZE[1])
    y, x = np.mgrid[: size[0], : size[1]]
    picture = (60 + 40 * (x // 6 % 2) + 100 * y / size[0]).astype(np.uint8)[..., None].repeat(3, axis=2)
    Image.fromarray(picture).save(tmp_path / "large.png")
    Image.fromarray(picture[: SIZE[0], : SIZE[1]]).save(tmp_path / "small.png")
    error = {}
    for times in (1, 4):
        out = tmp_path / str(times)
        assert files.run([tmp_path / "large.png", tmp_path / "small.png"], out, weights, "cpu", windows=times) == 0
        depth = read_depth_png(out / "large_depth16.png").numpy()
        error[times] = np.abs(depth - (1 + 8.0 * picture[..., 0] / 255.0)).mean()
    assert error[4] < 0.1 * error[1]
    assert capsys.readouterr().out.count(f"looked at {size[0]} x {size[1]} in windows") == 1
    assert (tmp_path / "1/small_depth16.png").read_bytes() == (tmp_path / "4/small_depth16.png").read_bytes()


def test_depth_that_has_no_logarithm_is_told(weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    network = Brightness()
    network.offset.data.fill_(-1.0)
    save_weights(network, weights, model_name="brightness", options={}, input_size=list(SIZE))
    Image.fromarray(np.zeros((400, 500, 3), np.uint8)).save(tmp_path / "dark.png")
    assert files.run([tmp_path / "dark.png"], tmp_path / "out", weights, "cpu", windows=2) == 1
    assert "windows: found a predicted depth of -1, expected depths above 0" in capsys.readouterr().err
    with pytest.raises(ValueError, match="windows: found 0"):
        files.predict_files([tmp_path / "dark.png"], tmp_path / "out", weights, "cpu", windows=0)
