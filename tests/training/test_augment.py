"""The share of images whose colours change."""

import pytest
import torch

from depthlib.training.augment import augment


def batch_of(n):
    return {"image": 0.2 + 0.6 * torch.rand(n, 3, 4, 6, generator=torch.Generator().manual_seed(0))}


def coloured(share, step=0, flip=0.0):
    batch = batch_of(200)
    return augment(batch, seed=1, step=step, flip=flip, colour=0.3, colour_share=share)["image"], batch["image"]


def test_a_share_of_the_images_is_coloured():
    after, before = coloured(0.3)
    changed = (after != before).flatten(1).any(dim=1)
    assert 40 < changed.sum() < 80  # 60 +- 3 standard deviations
    whole = coloured(1.0)[0]
    assert torch.equal(after[changed], whole[changed])  # the coloured ones are coloured as ever
    other = (coloured(0.3, step=1)[0] != before).flatten(1).any(dim=1)
    assert not torch.equal(changed, other)
    assert torch.equal(coloured(0.0)[0], before)


def test_all_are_coloured_where_nothing_is_said():
    batch = batch_of(20)
    plain = augment(batch, seed=1, step=0, flip=0.5, colour=0.3)
    assert torch.equal(augment(batch, seed=1, step=0, flip=0.5, colour=0.3, colour_share=1.0)["image"], plain["image"])
    assert bool((plain["image"] != batch["image"]).flatten(1).any(dim=1).all())


def test_a_share_is_a_probability():
    with pytest.raises(ValueError, match="found 1.5, expected a probability"):
        coloured(1.5)
