"""Colours: formulas, and that geometry is left alone."""

import torch
from wall import batch_of, wall

from depthlib.data.transforms import ColourJitter, generators


def test_colour_leaves_geometry_and_treats_views_alike():
    sample = wall()
    sample["previous"] = sample["image"].flip(-2).clone()
    sample["previous"][:, :20] = 0.05  # another mean grey, yet shared colours must stay shared
    after = ColourJitter((0.7, 0.7), (1.8, 1.8), (0.5, 0.5), (0.2, 0.2), (0.9, 1.1))(
        sample, torch.Generator().manual_seed(1)
    )
    torch.testing.assert_close(after["previous"][:, 20:], after["image"].flip(-2)[:, 20:])
    for key in set(sample) - {"image", "right", "previous", "next"}:
        assert after[key] is sample[key] or torch.equal(after[key], sample[key]), key
    for view in ("image", "right", "previous", "next"):
        assert (after[view] - sample[view]).abs().max() > 0.1 and after[view].min() >= 0 and after[view].max() <= 1
        assert after[view].dtype == torch.float64


def test_colour_formulas():
    import colorsys

    image = {"image": 0.3 + 0.4 * torch.rand(3, 5, 7, dtype=torch.float64)}
    x, g = image["image"], torch.Generator()
    torch.testing.assert_close(ColourJitter(brightness=(1.2, 1.2))(image, g)["image"], 1.2 * x)
    grey = (x * torch.tensor([0.2989, 0.587, 0.114], dtype=torch.float64).view(3, 1, 1)).sum(0)
    torch.testing.assert_close(ColourJitter(contrast=(0.5, 0.5))(image, g)["image"], 0.5 * x + 0.5 * grey.mean())
    torch.testing.assert_close(ColourJitter(saturation=(0.5, 0.5))(image, g)["image"], 0.5 * x + 0.5 * grey)
    turned = ColourJitter(hue=(0.25, 0.25))(image, g)["image"]
    hsv = [colorsys.rgb_to_hsv(*rgb) for rgb in x.flatten(1).T.tolist()]
    expected = torch.tensor(
        [colorsys.hsv_to_rgb((h + 0.25) % 1, s, v) for h, s, v in hsv], dtype=torch.float64
    ).T.view_as(x)
    torch.testing.assert_close(turned, expected, atol=1e-5, rtol=0)
    factors = (ColourJitter(gain=(0.8, 1.2))(image, g)["image"] / x).flatten(1)
    assert float(factors.std(dim=1).max()) < 1e-6 and float(factors[:, 0].std()) > 0.01
    assert ColourJitter()(image, g)["image"].equal(x)
    many = ColourJitter(brightness=(0.5, 0.9), p=0.5)(batch_of(*[image] * 200), generators(0, 0, 200))["image"]
    assert 70 < (many != x).flatten(1).any(1).sum() < 130
