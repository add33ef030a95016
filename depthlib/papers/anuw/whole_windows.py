"""Errors under a protocol with SSIM, on sets of which an image may have no whole window of valid pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from depthlib.metrics import measurable
from depthlib.protocols.evaluate import ProtocolErrors
from depthlib.protocols.inference import Batch, true_depth


class WholeWindows(ProtocolErrors):
    """`ProtocolErrors` that skips, by name, the images on which SSIM is not defined instead of refusing them.

    All metrics are of the same images. Arguments of `ProtocolErrors`.
    """

    def update(self, batch: Batch, prediction: Tensor) -> None:
        _, valid = self.protocol.truth(true_depth(batch))
        for i, (name, defined) in enumerate(zip(batch["name"], measurable("ssim", valid), strict=True)):
            if defined:
                one = {key: value[i : i + 1] for key, value in batch.items() if isinstance(value, Tensor | list)}
                super().update(one, prediction[i : i + 1])
            else:
                self.found.add(name, None)
                kept = self.keep - len(self.kept)
                self.kept += prediction[i : i + 1][:kept].to("cpu", torch.float32)  # the pictures are of the first ones
