"""DACNN with the true depth as guidance: what it sees, what it does not, and that it learns."""

from __future__ import annotations

import pytest
import torch
from dacnn_parts import Frames, settled, small, views

from depthlib.papers.dacnn.depth_aware_conv import gaussian_kernel
from depthlib.papers.dacnn.loss import pixel_loss
from depthlib.papers.dacnn.true_guidance import SHARPNESS, GuidedByTruth, WithTruth


def test_the_kernel_falls_off_across_a_step_and_knows_no_scale() -> None:
    model = small("dacnn_true_guidance", dilations=(1, 2)).eval()
    depth = torch.full((1, 1, 32, 48), 10.0)
    depth[..., 24:] = 12.5
    with torch.no_grad():
        fine, again = (model.estimate(torch.rand(1, 3, 32, 48), scale * depth).guidance[2] for scale in (1, 3))
    kernel = gaussian_kernel(fine, 1)[0, :, 8, 11]  # the last column before the step, at half the size
    across, along = kernel[5].item(), kernel[3].item()
    assert across == pytest.approx(torch.tensor(1.25).log().mul(SHARPNESS).square().mul(-0.5).exp().item(), rel=1e-4)
    assert along == pytest.approx(1.0)
    torch.testing.assert_close(gaussian_kernel(again, 1), gaussian_kernel(fine, 1))


@pytest.mark.slow
def test_depth_is_that_of_the_image_and_the_truth_only_weighs_the_taps() -> None:
    (image,), depth = views("dacnn"), torch.full((2, 1, 32, 48), 7.0)
    guided = settled(small("dacnn_true_guidance"), [image, depth])
    with torch.no_grad():
        torch.testing.assert_close(guided(image, depth), guided(image, 5 * depth))  # flat guidance is one guidance
        stepped = depth.clone()
        stepped[..., 24:] = 30.0
        assert not torch.allclose(guided(image, depth), guided(image, stepped))
        assert torch.isfinite(guided(image, torch.zeros_like(depth))).all(), "a sky everywhere"


@pytest.mark.slow
def test_the_task_gives_the_network_the_truth_and_learns_from_the_labels() -> None:
    items = [WithTruth(Frames(), Frames(sky=True))[i] for i in range(2)]
    assert torch.equal(items[0]["depth_true"], Frames(sky=True)[0]["depth"])
    batch = {key: torch.stack([item[key] for item in items]) for key in ("image", "depth", "valid", "depth_true")}
    model = small("dacnn_true_guidance").eval()
    loss, terms = GuidedByTruth({"pixel": 2.0}).loss(model, batch)
    expected = 2 * pixel_loss(model(batch["image"], batch["depth_true"]), batch["depth"], batch["valid"])
    torch.testing.assert_close(loss, expected)
    assert set(terms) == {"pixel"}
