"""The three numbers of Tables 3 to 6, and next to each what a map gets that looks at nothing.

Relative depth has no unit. So that it can be compared with metres, each measure settles how (MB-5 to MB-7):
"diw" looks at the order alone, "nyu" gives each map the usual mean and deviation of depth, and SI-RMSE has both
readings: "mc" takes the map for log depth, "mc-aligned" takes the logarithm of a map that "nyu" brought to metres.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthlib.metrics.ordinal import whdr
from depthlib.protocols.inference import Batch, Measure

OUTPUTS = ("log", "metres", "aligned")
NEAREST = 0.1  # metres; depth below it counts as this where a logarithm is taken


def ramp(height: int, width: int) -> Tensor:
    """Higher up is farther, [1,H,W]: what anyone knows who has never seen the image."""
    return torch.arange(height, 0, -1, dtype=torch.float64).view(1, -1, 1).expand(1, height, width).contiguous()


class _MapByMap(Measure):
    """A measure that looks at one map [1,H,W] at a time, in float64 on the CPU, and its item."""

    def update(self, batch: Batch, prediction: Tensor) -> None:
        batch = {key: value.cpu() if isinstance(value, Tensor) else value for key, value in batch.items()}
        for index, predicted in enumerate(prediction.cpu().double()):
            item = {key: value[index] for key, value in batch.items()}
            self.found.add(item["name"], self.measures(predicted, item))

    def measures(self, predicted: Tensor, item: dict[str, Any]) -> dict[str, float]:
        """The metrics of one image."""
        raise NotImplementedError


class PairOrder(_MapByMap):
    """Share of pairs whose order is wrong. DIW has one pair an image; a set with many gives each image a share of its
    own.

    Metrics, one value an image: whdr, ties count as wrong; whdr_ramp, that of `ramp` when a coin decides its ties, for
    it says nothing about two points of one row. The mean over images with equally many pairs is WHDR of the paper.
    """

    title = "order of pairs, ties wrong"

    def measures(self, predicted: Tensor, item: dict[str, Any]) -> dict[str, float]:
        points, relation = item["pairs"][None, :, :4], item["pairs"][None, :, 4]
        floor = ramp(*predicted.shape[-2:])[None]
        # What is wrong both in a map and in its negative is a tie.
        wrong, turned = (whdr(sign * floor, points, relation).item() for sign in (1, -1))
        return {"whdr": whdr(predicted[None], points, relation).item(), "whdr_ramp": wrong - (wrong + turned - 1) / 2}


class InMetres:
    """Maps without a unit, brought to metres as in Chen et al. 2016: each gets the mean and deviation of a training set
    of rooms.

    With NYU's two numbers this is that of protocol "chen2016-nyu"; rooms have others, so they are measured: means over
    the images of `reference` of the mean and the deviation of depth.

    Args:
        reference: frames with depth and valid.
    """

    def __init__(self, reference: Dataset) -> None:
        count = len(reference)  # type: ignore[arg-type]
        depths = [item["depth"][item["valid"]].double() for item in (reference[i] for i in range(count))]
        self.mean = sum(depth.mean().item() for depth in depths) / count
        self.deviation = sum(depth.std(correction=0).item() for depth in depths) / count

    def __call__(self, predicted: Tensor) -> Tensor:
        """[1,H,W] -> the same with the reference's mean and deviation, over all its pixels; a constant map becomes the
        mean.
        """
        centred = predicted - predicted.mean()
        return centred / centred.std(correction=0).clamp_min(1e-12) * self.deviation + self.mean


class ScaleInvariant(_MapByMap):
    """Deviation of d = log prediction - log truth over the valid pixels: SI-RMSE of Mannequin Challenge, in its three
    forms.

    Metrics, one value an image: si_mse, the variance of d; si_rmse, its root; si_rmse_pairs, the root of twice it. Each
        also with
    "_constant" and "_ramp": of a map that is the same everywhere, and of `ramp` taken for log depth, as steep as suits
    the image best. Which form the paper prints is not stated (MB-5).

    Args:
        output: what the network's map is: "log", log depth, as that of a ranking network may be taken; "aligned", a map
            without a unit that `InMetres` brings to metres first, whose errors lie where the printed ones do (MB-6); or
            "metres".
        reference: of "aligned", see `InMetres`.

    Raises ValueError for another output, or a reference that does not fit it.
    """

    def __init__(self, output: str = "log", reference: Dataset | None = None) -> None:
        if output not in OUTPUTS:
            raise ValueError(f"output: found {output!r}, expected one of {', '.join(OUTPUTS)}")
        if (output == "aligned") != (reference is not None):
            found = "none" if reference is None else "one"
            raise ValueError(f"reference: found {found} for output {output!r}, expected one for 'aligned' alone")
        self.quantity, self.title = output, f"scale-invariant, output {output}"
        self.in_metres = InMetres(reference) if reference is not None else None

    def measures(self, predicted: Tensor, item: dict[str, Any]) -> dict[str, float]:
        known, size = item["valid"], predicted.shape[-2:]
        truth = item["depth"][known].double().log()
        metres = predicted if self.in_metres is None else self.in_metres(predicted)
        own = (metres if self.quantity == "log" else metres.clamp_min(NEAREST).log())[known]
        up = ramp(*size)[known] - ramp(*size)[known].mean()
        steep = (up * truth).sum() / up.square().sum().clamp_min(1e-12)
        differences = {"": own - truth, "_constant": truth, "_ramp": steep * up - truth}
        return {
            name + of: value.item()
            for of, variance in ((of, d.var(correction=0)) for of, d in differences.items())
            for name, value in (
                ("si_mse", variance),
                ("si_rmse", variance.sqrt()),
                ("si_rmse_pairs", (2 * variance).sqrt()),
            )
        }


class MetresOfRelative(_MapByMap):
    """RMSE in metres of maps without a unit, see `InMetres`. A border of 1/30 of the height is left out, 16 of 480
    pixels as in Chen et al.

    Metrics, one value an image: rmse, and mse, whose mean over the images and then the root is the number of Chen et
    al.; both also with "_ramp", of `ramp`, and with "_constant", of the mean everywhere.

    Args:
        reference: see `InMetres`.
    """

    def __init__(self, reference: Dataset) -> None:
        self.in_metres = InMetres(reference)
        self.title = f"metres by z-score, {self.in_metres.mean:.4f} m and {self.in_metres.deviation:.4f} m"

    def measures(self, predicted: Tensor, item: dict[str, Any]) -> dict[str, float]:
        border = predicted.shape[-2] // 30
        inside = torch.zeros_like(item["valid"])
        inside[..., border : inside.shape[-2] - border, border : inside.shape[-1] - border] = True
        known = inside & item["valid"]
        maps = {"": predicted, "_ramp": ramp(*predicted.shape[-2:]), "_constant": torch.zeros_like(predicted)}
        found = {}
        for of, one in maps.items():
            mse = (self.in_metres(one) - item["depth"])[known].square().mean().item()
            found |= {f"rmse{of}": mse**0.5, f"mse{of}": mse}
        return found
