"""Augmentation keeps pixels, labels and rays together, and colours change images alone."""

import pytest
import torch

from depthlib.training.augment import augment


def batch_of(n=64):
    image = torch.rand(n, 3, 4, 6)
    k = torch.tensor([[5.0, 0, 2.0], [0, 5, 1], [0, 0, 1]]).repeat(n, 1, 1)
    return {"image": image, "K": k, "name": ["x"] * n} | labels_of(image)


def labels_of(image):
    """All that lives on the pixel grid, in the shapes and types of the datasets, each told by its own pixel of the
    image.
    """
    red, green, blue = image.unbind(1)
    return {
        "depth": red[:, None] + 1,
        "valid": red[:, None] > 0.5,
        "depth_true": green[:, None] + 2,
        "defect": green[:, None] > 0.5,
        "semantics": (13 * blue).long(),
        "instances": (1000 * blue).long(),
    }


def test_flip_keeps_pixels_labels_and_rays_together():
    batch = batch_of()
    out = augment(batch, seed=0, step=0, flip=0.5, colour=0)
    flipped = (out["image"] != batch["image"]).flatten(1).any(1)
    assert 16 < flipped.sum() < 48
    assert set(out) == set(batch)
    for name, expected in labels_of(out["image"]).items():
        assert torch.equal(out[name], expected), name
    # the ray of a pixel mirrors: (u' - cx') / f = -(u - cx) / f with u' = W - 1 - u
    cx = out["K"][flipped][:, 0, 2]
    torch.testing.assert_close((5 - 0) - cx, -(0 - batch["K"][flipped][:, 0, 2]))
    assert torch.equal(augment(batch, seed=0, step=0, flip=0.5, colour=0)["image"], out["image"])
    assert not torch.equal(augment(batch, seed=0, step=1, flip=0.5, colour=0)["image"], out["image"])


@pytest.mark.parametrize(
    ("name", "channels", "words"),
    [("right", 3, "right: found a stereo pair"), ("disparity", 1, "disparity: found disparity in pixels")],
)
def test_flip_refuses_what_it_would_spoil(name, channels, words):
    batch = batch_of() | {name: torch.rand(64, channels, 4, 6)}
    with pytest.raises(ValueError, match=words):
        augment(batch, seed=0, step=0, flip=0.5, colour=0)
    assert name in augment(batch, seed=0, step=0, flip=0, colour=0.1)


def test_colour_changes_images_only_and_stays_in_range():
    batch = batch_of()
    out = augment(batch, seed=0, step=0, flip=0, colour=0.3)
    assert not torch.equal(out["image"], batch["image"]) and torch.equal(out["depth"], batch["depth"])
    assert out["image"].min() >= 0 and out["image"].max() <= 1
