"""Networks by name: their contract, their parameter counts, and what they do not import."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from devices import DEVICES
from small_models import SMALL, small
from torch import nn

from depthlib.models import create_model, models


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SMALL)
def test_contract(name: str, device: str) -> None:
    image = torch.rand(2, 3, 32, 48, device=device)
    depth = small(name, max_depth=10.0).to(device)(image)
    assert depth.shape == (2, 1, 32, 48)
    assert depth.dtype == torch.float32
    assert depth.isfinite().all()
    assert (depth >= 0).all()
    if name != "fcrn":  # the others have a bounded head
        assert (depth > 0).all()
        assert (depth <= 10).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_learns(name: str) -> None:
    model = small(name, activation="sigmoid").double()
    if name == "anu":
        nn.init.normal_(model.psnl.phi.weight)
        for module in model.awca.values():
            nn.init.uniform_(module.reduce.weight)  # positive: no ReLU is dead
    image = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    (model(image) * torch.rand(2, 1, 64, 64)).sum().backward()
    for parameter_name, parameter in model.named_parameters():
        # A bias in front of a norm has no effect; all the rest must have one.
        if not (
            parameter_name.startswith(("encoder", "decoder", "nodes")) and parameter_name.endswith(("0.bias", "3.bias"))
        ):
            assert parameter.grad.abs().max() > 0, parameter_name


@pytest.mark.parametrize("name", SMALL)
def test_channels_last_gives_the_same_depth(name: str) -> None:
    model = small(name, activation="sigmoid").eval()
    image = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        expected = model(image)
        depth = model.to(memory_format=torch.channels_last)(image.to(memory_format=torch.channels_last))
    torch.testing.assert_close(depth, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_bf16_autocast_gives_float32_depth_near_the_exact_one(name: str) -> None:
    model = small(name, activation="sigmoid").eval()
    image = torch.rand(1, 3, 32, 48)
    with torch.no_grad():
        expected = model(image)
        with torch.autocast("cpu", torch.bfloat16):
            depth = model(image)
    assert depth.dtype == torch.float32
    assert ((depth - expected).abs() / expected).median() < 0.03


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("unet", {}, 7_852_545),
        ("unetpp", {}, 9_163_329),
        ("anu", {}, 9_219_713),
        ("anu", {"awca_prelu": True}, 9_219_722),
        ("anu", {"psnl": False}, 9_163_329 + 56_000),
        ("anu", {"awca": False}, 9_163_329 + 384),
        ("fcrn", {}, 63_563_008),
    ],
)
def test_parameter_counts(name: str, options: dict, count: int) -> None:
    with torch.device("meta"):
        assert sum(parameter.numel() for parameter in create_model(name, **options).parameters()) == count


def test_create_model_names_what_is_wrong() -> None:
    assert set(SMALL) <= set(models())
    with pytest.raises(ValueError, match="model: found 'vnet', expected one of .*anu"):
        create_model("vnet")
    with pytest.raises(TypeError, match="wdth"):
        create_model("unet", wdth=8)
    with pytest.raises(ValueError, match="norm: found 'ln', expected one of bn, gn, in"):
        create_model("unet", norm="ln")


@pytest.mark.slow
def test_importing_the_models_does_not_import_torchvision() -> None:
    code = (
        "import sys, depthlib.models; depthlib.models.create_model('unet', width=1); assert 'torchvision' not in "
        "sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
