"""Encoders against the maps of torchvision."""

from __future__ import annotations

import pytest
import torch
from torchvision import models as theirs
from torchvision.models.feature_extraction import create_feature_extractor

from depthlib.models.encoders import ENCODERS, ImageNetEncoder

TORCHVISION = {
    "resnet18": ("resnet18", "ResNet18_Weights", ["relu", "layer1", "layer2", "layer3", "layer4"]),
    "resnet50": ("resnet50", "ResNet50_Weights", ["relu", "layer1", "layer2", "layer3", "layer4"]),
    "mobilenet_v2": (
        "mobilenet_v2",
        "MobileNet_V2_Weights",
        ["features.0", "features.3", "features.7.conv.0", "features.14.conv.0", "features.17"],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCHVISION)
def test_pretrained_encoders_give_the_maps_of_torchvision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    function, weights, nodes = TORCHVISION[name]
    torch.manual_seed(0)
    reference = getattr(theirs, function)().eval()
    monkeypatch.setattr(getattr(theirs, weights), "get_state_dict", lambda self, **options: reference.state_dict())
    encoder = ImageNetEncoder(name, pretrained=True).eval()
    image = torch.rand(1, 3, 64, 96)
    normalised = (image - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(
        3, 1, 1
    )
    with torch.no_grad():
        maps, expected = encoder(image), create_feature_extractor(reference, nodes)(normalised)
    for node, ours in zip(nodes, maps, strict=True):
        torch.testing.assert_close(ours, expected[node], msg=node)
    assert [m.shape[1] for m in maps] == encoder.channels
    with pytest.raises(ValueError, match="width: found 0.5, expected 1 for pretrained weights"):
        ImageNetEncoder(name, pretrained=True, width=0.5)


@pytest.mark.slow
def test_two_images_start_as_the_mean_of_what_each_would_give(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = theirs.resnet18().eval()
    monkeypatch.setattr(theirs.ResNet18_Weights, "get_state_dict", lambda self, **options: reference.state_dict())
    one, two = (ImageNetEncoder("resnet18", pretrained=True, images=n).eval() for n in (1, 2))
    image = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        for a, b in zip(one(image), two(torch.cat([image, image], dim=1)), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match="images: found 2, expected 1 for the encoder resnet50"):
        ImageNetEncoder("resnet50", images=2, width=0.1)
    assert ImageNetEncoder("resnet18", width=0.25).trunk.layer4[1].conv2.out_channels == 128


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders_name_their_maps(name: str) -> None:
    encoder = ImageNetEncoder(name, width=0.25).eval()
    with torch.no_grad():
        maps = encoder(torch.rand(1, 3, 64, 96))
        again = encoder.trunk(encoder.normalise(torch.zeros(1, 3, 64, 96)))
    sizes = [(1, c, 64 // s, 96 // s) for c, s in zip(encoder.channels, (2, 4, 8, 16, 32), strict=True)]
    assert [tuple(x.shape) for x in maps] == [tuple(x.shape) for x in again] == sizes


def test_an_encoder_keeps_more_cells_where_it_can() -> None:
    for stride in (8, 16):
        encoder = ImageNetEncoder("efficientnet_lite0", output_stride=stride).eval()
        with torch.no_grad():
            maps = encoder(torch.rand(1, 3, 64, 96))
        assert [tuple(x.shape[-2:]) for x in maps] == [
            (64 // min(s, stride), 96 // min(s, stride)) for s in (2, 4, 8, 16, 32)
        ]
    with pytest.raises(ValueError, match="output_stride: found 16, expected 32 for the encoder resnet50"):
        ImageNetEncoder("resnet50", output_stride=16)
