"""Overlapping windows: where they start, and that a network through windows is a network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from dacnn_parts import small
from devices import DEVICES
from torch import Tensor, nn

from depthlib.protocols.sliding_window import Windowed, mirrored, predict_windows, window_starts


class PerPixel(nn.Module):
    """Depth of each pixel from its own colour; counts what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[int] = []

    def forward(self, image: Tensor) -> Tensor:
        self.batches.append(image.shape[0])
        return 1 + 7.3 * image[:, :1] / (0.1 + image[:, 1:2]) + image[:, 2:].square()


@pytest.mark.parametrize(
    ("length", "window", "stride", "starts"),
    [
        (375, 256, 128, [0, 119]),
        (1242, 512, 256, [0, 256, 512, 730]),
        (352, 256, 128, [0, 96]),
        (1216, 512, 256, [0, 256, 512, 704]),
        (512, 512, 256, [0]),
        (768, 512, 256, [0, 256]),
        (7, 3, 3, [0, 3, 4]),
    ],
)
def test_window_starts(length: int, window: int, stride: int, starts: list[int]) -> None:
    assert window_starts(length, window, stride) == starts


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("size", "window", "stride"),
    [
        ((375, 1242), (256, 512), None),
        ((24, 65), (16, 16), (5, 3)),
        ((16, 32), (16, 32), None),
        ((9, 50), (16, 32), None),
        ((3, 2), (16, 9), (4, 4)),
    ],
)
def test_a_network_that_acts_per_pixel_is_reproduced_exactly(size, window, stride, device: str) -> None:
    torch.manual_seed(0)
    image = torch.rand(2, 3, *size, device=device)
    model = PerPixel().eval()
    depth = predict_windows(model, image, window=window, stride=stride, batch_size=6)
    assert torch.equal(depth, model(image))


def test_windows_are_averaged_and_batched() -> None:
    image = torch.zeros(1, 3, 10, 13)
    model = PerPixel().eval()

    def numbered(x: Tensor) -> Tensor:  # each window gives its own number everywhere
        first = len(model.batches)
        model.batches += [1] * x.shape[0]
        return torch.arange(first, first + x.shape[0]).float().view(-1, 1, 1, 1).expand(-1, 1, *x.shape[2:])

    total, count = np.zeros((10, 13)), np.zeros((10, 13))
    corners = [(y, x) for y in (0, 3, 4) for x in (0, 4, 5)]
    for number, (y, x) in enumerate(corners):
        total[y : y + 6, x : x + 8] += number
        count[y : y + 6, x : x + 8] += 1
    for batch_size in (1, 4, 100):
        model.batches.clear()
        depth = predict_windows(numbered, image, window=(6, 8), batch_size=batch_size)
        np.testing.assert_allclose(depth[0, 0].numpy(), total / count, rtol=1e-5)
    for batch_size, batches in ((4, [4, 4, 4, 4, 2]), (1, [2] * 9), (100, [18])):
        model.batches.clear()
        predict_windows(model, image.expand(2, 3, 10, 13), window=(6, 8), batch_size=batch_size)
        assert model.batches == batches


def test_a_small_image_is_mirrored() -> None:
    image = torch.rand(1, 3, 3, 7)
    expected = np.pad(image.numpy(), ((0, 0), (0, 0), (0, 8), (0, 2)), mode="reflect")
    np.testing.assert_array_equal(mirrored(image, (11, 9)).numpy(), expected)
    assert torch.equal(mirrored(image, (3, 5)), image)
    assert torch.equal(mirrored(image[..., :1], (1, 4)), image[..., :1].expand(1, 3, 3, 4))


@pytest.mark.slow
def test_a_network_through_windows_is_a_network_like_others() -> None:
    inner = small()
    model = Windowed(inner, [16, 16])
    image = torch.rand(1, 3, 24, 20)
    with pytest.raises(ValueError, match="training mode"):
        model(image)
    depth = model.eval()(image)
    assert depth.shape == (1, 1, 24, 20)
    assert not inner.training
    assert not depth.requires_grad
    assert torch.equal(depth, predict_windows(inner, image, window=(16, 16)))
    assert torch.equal(predict_windows(inner, image[..., :16, :16], window=(16, 16)), inner(image[..., :16, :16]))
    with pytest.raises(ValueError, match=r"image: found shape \[3, 24, 20\], expected \[B, 3, H, W\]"):
        predict_windows(inner, image[0])
    with pytest.raises(ValueError, match=r"model: returned shape \[4, 3, 16, 16\], expected \[4, 1, 16, 16\]"):
        predict_windows(nn.Identity().eval(), image, window=(16, 16))
    with pytest.raises(ValueError, match="found stride 17, window 16, length 24, expected 1 <= stride <= "):
        predict_windows(inner, image, window=(16, 16), stride=(17, 8))
