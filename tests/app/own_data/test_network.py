"""The network that a training goes on from, and its range."""

import pytest
import torch
from own_folders import start
from torch import nn

from depthlib.app.own_data.network import DepthAndMotion, Scaled, fitted, rescale, start_from
from depthlib.models import create_model
from depthlib.models.weights import save_weights
from depthlib.protocols.photograph import WeightsError


def test_a_range_that_holds_the_labels_changes_nothing(tmp_path):
    found = start_from(start(tmp_path / "w.safetensors"))
    model, image = fitted(found, 0.5, 9.0).eval(), torch.rand(1, 3, 48, 64)
    assert torch.equal(model(image), found.before(image)) and not found.notes
    assert (found.input_size, found.multiple) == ((48, 64), 16)


def test_a_range_grows_for_labels_beyond_it(tmp_path):
    found = start_from(start(tmp_path / "w.safetensors"))
    model = fitted(found, 0.12, 60.0).eval()
    with torch.no_grad():
        model.head.conv.bias.fill_(100.0)
        assert model(torch.rand(1, 3, 48, 64)).max() == pytest.approx(90.0)
        model.head.conv.bias.fill_(-100.0)
        assert model(torch.rand(1, 3, 48, 64)).min() == pytest.approx(0.08)
    assert found.options["max_depth"] == 90 and found.options["min_depth"] == 0.08
    assert found.notes == [
        "the network ends at 10 m, made to end at 90 m",
        "the network begins at 0.3 m, made to begin at 0.08 m",
    ]


def test_relative_depth_is_refused(tmp_path):
    options = {"width": 4}
    info = {"input_size": [48, 64], "spec": {"paper": "mobile", "variant": "diw", "data": "diw"}}
    save_weights(
        create_model("unet", **options), tmp_path / "w.safetensors", model_name="unet", options=options, **info
    )
    with pytest.raises(WeightsError, match="found a network of relative depth"):
        start_from(tmp_path / "w.safetensors")


def test_the_factor_of_the_focal_length_and_the_motion_of_a_video():
    image = torch.rand(2, 3, 64, 96)
    depth = nn.Conv2d(3, 1, 1)
    assert torch.equal(Scaled(depth, 2.0)(image), 2 * depth(image))
    pair = DepthAndMotion(depth, 0, motion=True)
    assert torch.equal(pair(image), depth(image))
    again = DepthAndMotion(depth, 0, motion=True)
    assert all(torch.equal(a, b) for a, b in zip(pair.parameters(), again.parameters(), strict=True))
    assert DepthAndMotion(depth, 0, motion=False).motion is None


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.4, 1.0, 2.5])
@pytest.mark.parametrize(("name", "options"), [("unet", {"width": 4, "activation": "exp"}), ("lite_depth", {})])
def test_the_scale_moves_and_the_order_stays(name, options, factor):
    torch.manual_seed(0)
    model, images = create_model(name, **options).eval(), torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        before = model(images)
        rescale(model, images, factor)
        after = model(images)
    assert float(after.median()) == pytest.approx(factor * float(before.median()), rel=1e-3)
    torch.testing.assert_close(after / before, torch.full_like(before, factor), rtol=1e-3, atol=0)
