"""The network for classes: what a student takes over from it."""

from __future__ import annotations

import copy

import pytest
import torch
from mobile_parts import student

from depthlib.models import create_model
from depthlib.papers.mobile.classes import MobileClasses


@pytest.mark.slow
def test_a_student_takes_over_the_encoder_of_the_trunk_and_all_of_a_student() -> None:
    torch.manual_seed(5)
    trunk = MobileClasses(encoder="mobilenet_v2_035", classes=21)
    model = student(heads=2)
    decoder = copy.deepcopy(model.decoder.state_dict())
    model.load_from(trunk)
    assert all(
        torch.equal(value, trunk.encoder.state_dict()[name]) for name, value in model.encoder.state_dict().items()
    )
    assert all(torch.equal(value, decoder[name]) for name, value in model.decoder.state_dict().items())
    plain, other = student(seed=1), student(heads=2, seed=2)
    heads = copy.deepcopy(other.intermediate.state_dict())
    other.load_from(plain)  # heads stay; the other way round they are left behind
    assert torch.equal(other.out[0].weight, plain.out[0].weight)
    assert all(torch.equal(value, heads[name]) for name, value in other.intermediate.state_dict().items())
    plain.load_from(model)
    assert torch.equal(plain.out[0].weight, model.out[0].weight)
    with pytest.raises(ValueError, match="found another encoder or decoder"):
        create_model("mobile", encoder="mobilenet_v2_050").load_from(trunk)
