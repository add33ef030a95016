"""The memory of depth-aware convolution, measured."""

from __future__ import annotations

import pytest
import torch

from depthlib.bench.depth_aware_conv import FORMS, measure


@pytest.mark.slow
@pytest.mark.parametrize("train", [False, True])
def test_tap_by_tap_holds_a_fraction_of_what_unfolding_holds(train: bool) -> None:
    options = {"guidance": 8, "outputs": 8, "dilation": 6, "train": train, "repeats": 0, "device": torch.device("cpu")}
    features = 4 * 32 * 128 * 256
    peak = {form: measure(form, (1, 32, 128, 256), **options)[0] / features for form in FORMS}
    assert peak["unfold"] > 9
    assert peak["tap by tap"] < (4 if train else 1.5)
