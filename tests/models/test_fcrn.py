"""FCRN: its up-convolution by scipy, its sizes, its trunk."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import correlate2d
from torch import nn

from depthlib.models import create_model
from depthlib.models.fcrn import FCRN, unpool_conv


def test_up_convolution_is_unpooling_and_convolution() -> None:
    generator = np.random.default_rng(0)
    x, weight = generator.normal(size=(2, 3, 4)), generator.normal(size=(2, 5, 5))
    holes = np.kron(x, [[1, 0], [0, 0]])
    expected = sum(correlate2d(plane, kernel, mode="same") for plane, kernel in zip(holes, weight, strict=True))
    result = unpool_conv(torch.tensor(x)[None], torch.tensor(weight)[None])[0, 0]
    np.testing.assert_allclose(result.numpy(), expected, atol=1e-12)


@pytest.mark.slow
def test_fcrn_sizes_of_the_paper() -> None:
    model = FCRN(width=0.125).eval()
    with torch.no_grad():
        features = model.trunk(torch.rand(1, 3, 228, 304))[-1]
        assert features.shape == (1, 256, 8, 10)
        assert model.decoder(model.bridge(features)).shape == (1, 8, 128, 160)
        assert model(torch.rand(1, 3, 33, 47)).shape == (1, 1, 33, 47)


@pytest.mark.slow
def test_pretrained_trunk_is_the_resnet_of_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import ResNet50_Weights, resnet50

    theirs = resnet50().eval()
    monkeypatch.setattr(ResNet50_Weights, "get_state_dict", lambda self, **options: theirs.state_dict())
    ours = FCRN(pretrained=True).trunk.eval()
    theirs.avgpool = theirs.fc = nn.Identity()
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        assert torch.equal(ours(image)[-1].flatten(1), theirs(image))
    with pytest.raises(ValueError, match="width: found 0.5, expected 1 for pretrained weights"):
        FCRN(pretrained=True, width=0.5)
    with pytest.raises(ValueError, match="width: found 0.01, expected at least 1/64"):
        FCRN(width=0.01)


@pytest.mark.slow
def test_fcrn_normalises_the_image() -> None:
    model = FCRN(width=1 / 16).eval()
    seen = []
    model.trunk.conv1.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    model(torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1).expand(1, 3, 40, 40))
    model(torch.ones(1, 3, 40, 40))
    assert seen[0].abs().max() < 1e-6
    torch.testing.assert_close(seen[1][0, :, 0, 0], torch.tensor([0.515 / 0.229, 0.544 / 0.224, 0.594 / 0.225]))


@pytest.mark.slow
def test_another_trunk_at_stride_16_is_the_depth_branch_of_look_deeper_with_up_projections() -> None:
    """Two modules that were written apart: the same tensors, in the same order, give the same depth."""
    options = {"trunk": "efficientnet_lite0", "output_stride": 16, "width": 0.0625, "head_bias": True, "min_depth": 0.0}
    ours = create_model("fcrn", **options).eval()
    other = create_model("synergy", classes=0, sharing="none", up="projection", skips=False, **options).eval()
    tensors = [value for name, value in other.state_dict().items() if name != "bypassed"]
    ours.load_state_dict(dict(zip(ours.state_dict(), tensors, strict=True)))
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(ours(image), other(image))
