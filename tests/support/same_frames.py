"""What a loader gives back, compared with what was written, and the camera of the small rooms."""

from __future__ import annotations

import torch

SMALL = (51.84, 51.84, 31.5, 23.5)  # fx, fy, cx, cy of rooms of 48 x 64 pixels
ALL = ("current", "previous", "next")


def image_bytes(image: torch.Tensor) -> torch.Tensor:
    return (image * 255).round().byte()


def same_frame(item: dict, sample: dict, step: float, colour: float = 1e-6) -> None:
    """Depth within half a step of the format, the same mask, and colours within the picture's compression."""
    assert (
        torch.equal(item["valid"], sample["valid"])
        and (item["depth"] - sample["depth"]).abs().max() <= step / 2 * 1.001
    )
    assert (item["image"] - sample["image"]).abs().mean() <= colour
    if "K" in item:
        torch.testing.assert_close(item["K"], sample["K"], atol=1e-4, rtol=0)


def same_image(a: torch.Tensor, b: torch.Tensor) -> bool:
    return torch.equal((a * 255).round(), (b * 255).round())
