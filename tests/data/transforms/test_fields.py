"""Fields of a sample that only make sense together."""

import pytest
import torch
from wall import mono

from depthlib.data.transforms import CenterCrop, Drop, RandomFlip, RandomRotate, RandomTranslate, Resize


def test_occlusion_alone_cannot_follow():
    sample = Drop(("flow_next",))(mono())
    assert torch.equal(RandomFlip(1.0)(sample, torch.Generator())["occluded_next"], sample["occluded_next"].flip(-1))
    for transform in (CenterCrop((30, 40)), Resize((24, 36)), RandomRotate(), RandomTranslate()):
        with pytest.raises(ValueError, match="^occluded_next: found without flow_next"):
            transform(sample, torch.Generator())
