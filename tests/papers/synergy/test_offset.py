"""One factor for a whole test set: what it takes out, and what it leaves."""

import numpy as np
import pytest
import torch
from synergy_parts import Frames

from depthlib.models.floors import FixedMap
from depthlib.papers.synergy.offset import OneFactor
from depthlib.protocols.inference import measure


class Guess(torch.nn.Module):
    """The truth, brighter pixels farther than it and darker ones nearer, times a factor."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor, self.truths = factor, {i: Frames()[i]["depth"] for i in range(4)}

    def forward(self, image):
        own = [next(t for i, t in self.truths.items() if torch.equal(Frames()[i]["image"], one)) for one in image]
        return self.factor * (torch.stack(own) * (0.8 + 0.4 * image.mean(dim=1, keepdim=True)))


def found(model, **options):
    return measure(model, Frames(), {"one": OneFactor("synergy-rooms", **options)}, batch_size=3)["one"]


def test_a_factor_on_all_predictions_changes_nothing():
    plain, lifted = (found(Guess(factor)).metrics for factor in (0.9, 1.05))
    for metric in ("abs_rel", "rmse"):
        np.testing.assert_allclose(plain[metric], lifted[metric], rtol=1e-5)


def test_the_factor_and_the_errors_after_it_by_hand():
    model = Guess(1.3)
    truths = [Frames()[i]["depth"].double().numpy() for i in range(4)]
    with torch.no_grad():
        guesses = [model(Frames()[i]["image"][None])[0].double().numpy() for i in range(4)]
    factor = np.exp(np.mean([np.mean(np.log(t / g)) for t, g in zip(truths, guesses, strict=True)]))
    expected = [np.mean(np.abs(np.minimum(factor * g, 10) - t) / t) for t, g in zip(truths, guesses, strict=True)]
    assert factor < 0.85
    np.testing.assert_allclose(found(model).metrics["abs_rel"], expected, rtol=1e-5)


def test_a_map_that_is_right_but_for_its_scale_in_each_image_is_not_forgiven():
    """That would be the scaling to the median of each image."""
    frame = torch.full((1, 32, 64), 3.0)
    model = FixedMap(frame)
    metrics = found(model).metrics
    assert min(metrics["abs_rel"]) > 0.1


def test_far_pixels_have_the_factor_of_all():
    model = Guess(0.5)
    far = measure(model, Frames(), {"far": OneFactor("synergy-rooms+min_depth=5.0")})["far"]
    whole = OneFactor("synergy-rooms")
    measure(model, Frames(), {"all": whole})
    item = Frames()[1]
    with torch.no_grad():
        guess = whole.factor() * model(item["image"][None])[0]
    guess = guess.clamp_max(10)  # as the protocol does
    beyond = item["depth"] >= 5.0
    expected = ((guess - item["depth"]).abs() / item["depth"])[beyond].mean().item()
    assert far.metrics["abs_rel"][1] == pytest.approx(expected, rel=1e-5)


def test_images_without_a_far_pixel_are_skipped_and_none_at_all_is_an_error():
    near = FixedMap(torch.full((1, 32, 64), 2.0))
    only = measure(near, Frames(), {"one": OneFactor("synergy-rooms+min_depth=9.5")})["one"]
    assert len(only.skipped) == 4 and not only.images
    with pytest.raises(ValueError, match="images: found none"):
        empty = OneFactor("synergy-rooms")
        empty.begin(near, Frames())
        empty.compute()
