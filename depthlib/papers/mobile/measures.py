"""The three numbers of Tables 3 to 6, and next to each what a map gets that looks at nothing.

Relative depth has no unit. So that it can be compared with metres, each measure settles how (spec mobile, sections 7 and 9):
"diw" looks at the order alone, "mc" takes the map for log depth, "nyu" gives each map the usual mean and deviation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from depthlib.metrics.ordinal import whdr
from depthlib.protocols.evaluate import Evaluation

Measures = dict[str, float]
OUTPUTS = ("log", "metres")


def ramp(height: int, width: int) -> Tensor:
    """"What is higher up is farther", [1,H,W]: what anyone knows who has never seen the image."""
    return torch.arange(height, 0, -1, dtype=torch.float64).view(1, -1, 1).expand(1, height, width).contiguous()


def measured(
    name: str, model: nn.Module, dataset: Dataset, device: str | torch.device, measure: Callable[[Tensor, dict[str, Any]], Measures],
) -> Evaluation:
    """`measure` of each map [1,H,W], in float64, and its item; in evaluation mode."""
    found = Evaluation(name, [], {}, [])
    for predicted, item in _predictions(model, dataset, device):
        found.images.append(item["name"])
        for metric, value in measure(predicted, item).items():
            found.metrics.setdefault(metric, []).append(value)
    return found


@torch.no_grad()
def _predictions(model: nn.Module, dataset: Dataset, device: str | torch.device) -> Iterator[tuple[Tensor, dict[str, Any]]]:
    model.to(device).eval()
    for batch in DataLoader(dataset, batch_size=8):
        maps = model(batch["image"].to(device).contiguous(memory_format=torch.channels_last)).double().cpu()
        for index, predicted in enumerate(maps):
            yield predicted, {key: value[index] for key, value in batch.items()}


class PairOrder:
    """Share of pairs whose order is wrong. DIW has one pair an image; a set with many gives each image a share of its own.

    Metrics, one value an image: whdr, ties count as wrong; whdr_ramp, that of `ramp` when a coin decides its ties, for it says nothing
    about two points of one row. The mean over images with equally many pairs is WHDR of the paper.
    """

    def __call__(self, model: nn.Module, dataset: Dataset, *, device: str | torch.device = "cpu") -> Evaluation:
        return measured("order of pairs, ties wrong", model, dataset, device, self.measures)

    def measures(self, predicted: Tensor, item: dict[str, Any]) -> Measures:
        points, relation = item["pairs"][None, :, :4], item["pairs"][None, :, 4]
        floor = ramp(*predicted.shape[-2:])[None]
        # What is wrong both in a map and in its negative is a tie.
        wrong, turned = (whdr(sign * floor, points, relation).item() for sign in (1, -1))
        return {"whdr": whdr(predicted[None], points, relation).item(), "whdr_ramp": wrong - (wrong + turned - 1) / 2}


class ScaleInvariant:
    """Deviation of d = log prediction - log truth over the valid pixels: SI-RMSE of Mannequin Challenge, in its three forms.

    Metrics, one value an image: si_mse, the variance of d; si_rmse, its root; si_rmse_pairs, the root of twice it. Each also with
    "_constant" and "_ramp": of a map that is the same everywhere, and of `ramp` taken for log depth, as steep as suits the image best.
    Which form the paper prints is not stated (spec mobile, erratum 5).

    Args:
        output: what the network's map is: "log", log depth, as also a ranking network's map is taken (erratum 6); or "metres".
        floor: metres; depth below it counts as this.

    Raises ValueError for another output.
    """

    def __init__(self, output: str = "log", floor: float = 0.1) -> None:
        if output not in OUTPUTS:
            raise ValueError(f"output must be one of {', '.join(OUTPUTS)}, got {output!r}")
        self.output, self.floor = output, floor

    def __call__(self, model: nn.Module, dataset: Dataset, *, device: str | torch.device = "cpu") -> Evaluation:
        return measured(f"scale-invariant, output {self.output}", model, dataset, device, self.measures)

    def measures(self, predicted: Tensor, item: dict[str, Any]) -> Measures:
        known, size = item["valid"], predicted.shape[-2:]
        truth = item["depth"][known].double().log()
        own = (predicted if self.output == "log" else predicted.clamp_min(self.floor).log())[known]
        up = ramp(*size)[known] - ramp(*size)[known].mean()
        steep = (up * truth).sum() / up.square().sum().clamp_min(1e-12)
        differences = {"": own - truth, "_constant": truth, "_ramp": steep * up - truth}
        return {
            name + of: value.item() for of, variance in ((of, d.var(correction=0)) for of, d in differences.items())
            for name, value in (("si_mse", variance), ("si_rmse", variance.sqrt()), ("si_rmse_pairs", (2 * variance).sqrt()))
        }


class MetresOfRelative:
    """RMSE in metres of maps without a unit: each gets the mean and deviation of a training set of rooms. Chen et al. 2016.

    With NYU's two numbers this is protocol "chen2016-nyu"; rooms have others, so they are measured: means over the images of `reference`
    of the mean and the deviation of depth. A border of 1/30 of the height is left out, 16 of 480 pixels there.

    Metrics, one value an image: rmse, and mse, whose mean over the images and then the root is the number of Chen et al.; both also with
    "_ramp", of `ramp`, and with "_constant", of the mean everywhere.

    Args:
        reference: frames with depth and valid.
    """

    def __init__(self, reference: Dataset) -> None:
        depths = [item["depth"][item["valid"]].double() for item in (reference[i] for i in range(len(reference)))]
        self.mean = sum(depth.mean().item() for depth in depths) / len(depths)
        self.deviation = sum(depth.std(correction=0).item() for depth in depths) / len(depths)

    def __call__(self, model: nn.Module, dataset: Dataset, *, device: str | torch.device = "cpu") -> Evaluation:
        return measured(f"metres by z-score, {self.mean:.4f} m and {self.deviation:.4f} m", model, dataset, device, self.measures)

    def in_metres(self, predicted: Tensor) -> Tensor:
        """[1,H,W] -> the same with the reference's mean and deviation, over all its pixels; a constant map becomes the mean."""
        centred = predicted - predicted.mean()
        return centred / centred.std(correction=0).clamp_min(1e-12) * self.deviation + self.mean

    def measures(self, predicted: Tensor, item: dict[str, Any]) -> Measures:
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
