"""How time and peak memory of losses and layers grow with the image: `depthlib bench resolution --figure growth.png`.

One image in float32, every pixel valid. Layers get as many features as in their paper, of the part of the image's size
at which they stand there. Memory is that of tensors above the arguments, see `PeakBytes`; with the backward pass it
includes the gradients of the arguments and of the parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import log, prod
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from depthlib.bench import MIB, arguments, peak_bytes, seconds
from depthlib.geometry.warp import warp
from depthlib.losses.gradient import gradient_loss
from depthlib.losses.photometric import photometric_loss
from depthlib.losses.ranking import PAIRS, ranking_loss
from depthlib.losses.regression import scale_invariant_log_loss
from depthlib.losses.smoothness import edge_aware_smoothness
from depthlib.losses.structural import ssim_loss
from depthlib.models.correlation import correlation
from depthlib.papers.anuw.attention import PSNL
from depthlib.papers.anuw.loss import anuw_loss
from depthlib.papers.dacnn.depth_aware_conv import DepthAwareBlock
from depthlib.papers.dacnn.loss import dacnn_loss
from depthlib.papers.dacnn.pyramid_nonlocal import PyramidNonLocal
from depthlib.papers.dual.loss import video_loss
from depthlib.papers.dual.self_assembly import SAAttention
from depthlib.papers.mobile.scale_free import mannequin_loss
from depthlib.papers.synergy.attention_driven import attention_driven_loss

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZES = "96x128 192x256 384x512 768x1024"
FAR = 80.0
PASSES = ("forward", "with backward")
Made = tuple[Callable[..., Any], tuple[Tensor, ...]]


class Draw:
    """Random arguments for an image of `height` x `width`."""

    def __init__(self, height: int, width: int, device: torch.device) -> None:
        self.size, self.device, self.generator = (height, width), device, torch.Generator().manual_seed(0)

    def __call__(self, *channels: int, part: int = 1, low: float = 0.0, high: float = 1.0) -> Tensor:
        """[1,*channels,H/part,W/part], uniform."""
        values = torch.rand(1, *channels, *(side // part for side in self.size), generator=self.generator)
        return (low + (high - low) * values).to(self.device)

    def depth(self) -> Tensor:
        return self(1, low=1.0, high=FAR)

    def valid(self) -> Tensor:
        return torch.ones(1, 1, *self.size, dtype=torch.bool, device=self.device)

    def camera(self, sources: int) -> tuple[Tensor, Tensor]:
        """K [1,3,3] and poses [1,S,4,4], a step of 10 cm."""
        height, width = self.size
        K = torch.tensor([[[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]]], dtype=torch.float32)
        poses = torch.eye(4).repeat(1, sources, 1, 1)
        poses[..., 2, 3] = 0.1
        return K.to(self.device), poses.to(self.device)

    def pairs(self, count: int) -> tuple[Tensor, Tensor]:
        """Points int64 [1,P,4] and relations [1,P]."""
        sides = torch.tensor([*self.size, *self.size])
        points = (torch.rand(1, count, 4, generator=self.generator) * sides).long()
        return points.to(self.device), torch.randint(-1, 2, (1, count), generator=self.generator).to(self.device)


class Work(NamedTuple):
    """Something whose cost grows with the image.

    Attributes:
        name: what is computed, on what.
        of: the function or class, whose docstring states its peak memory.
        unit: the argument in which memory is counted.
        make: gives a function and its arguments that want a gradient, the unit first. Of a tuple that it returns the
            first counts.
    """

    name: str
    of: Any
    unit: str
    make: Callable[[Draw], Made]


def _photometric(draw: Draw) -> Made:
    return partial(photometric_loss, draw(3)), (draw(2, 3),)


def _smoothness(draw: Draw) -> Made:
    image = draw(3)
    return lambda values: edge_aware_smoothness(values, image), (draw(1),)


def _of_maps(loss: Callable[..., Any], draw: Draw) -> Made:
    target, valid = draw.depth(), draw.valid()
    return lambda pred: loss(pred, target, valid), (draw.depth(),)


def _ranking(draw: Draw) -> Made:
    points, relation = draw.pairs(PAIRS)
    return lambda pred: ranking_loss(pred, points, relation), (draw.depth(),)


def _dacnn(draw: Draw) -> Made:
    target, valid, image, teacher = draw.depth(), draw.valid(), draw(3), draw.depth()
    of_teacher = [draw(32, part=part) for part in (8, 4, 2)]

    def loss(depth: Tensor, *guidance: Tensor) -> Any:
        return dacnn_loss(
            depth, target, valid, image, guidance=guidance, teacher_depth=teacher, teacher_guidance=of_teacher
        )

    return loss, (draw.depth(), *(draw(32, part=part) for part in (8, 4, 2)))


def _mannequin(draw: Draw) -> Made:
    target, valid, image = draw.depth(), draw.valid(), draw(3)
    return lambda log_depth: mannequin_loss(log_depth, target, valid, image), (draw(1),)


def _video(draw: Draw) -> Made:
    target, sources, (K, poses) = draw(3), draw(2, 3), draw.camera(2)
    disparities = tuple(draw(1, part=2**scale, low=0.05) for scale in range(4))
    return lambda *maps: video_loss(maps, target, sources, K, poses), disparities


def _attention_driven(draw: Draw) -> Made:
    target, valid, labels = draw.depth(), draw.valid(), draw(high=13.0).long()
    loss = partial(attention_driven_loss, target=target, valid=valid, labels=labels, max_depth=FAR)
    return loss, (draw.depth(), draw(13))


def _warp(draw: Draw) -> Made:
    K, poses = draw.camera(1)
    return lambda image, depth: warp(image, depth, K, poses[:, 0]), (draw(3), draw.depth())


def _layer(draw: Draw, module: nn.Module, part: int, *channels: int) -> Made:
    return module.to(draw.device), tuple(draw(count, part=part) for count in channels)


def _self_assembly(draw: Draw) -> Made:
    return SAAttention(2048).to(draw.device), (draw(2048, part=32), draw(3))


LOSSES = (
    Work("photometric, two sources", photometric_loss, "warped", _photometric),
    Work("smoothness", edge_aware_smoothness, "values", _smoothness),
    Work("gradient", gradient_loss, "pred", partial(_of_maps, gradient_loss)),
    Work("SSIM", ssim_loss, "pred", partial(_of_maps, partial(ssim_loss, data_range=FAR))),
    Work("scale-invariant log", scale_invariant_log_loss, "pred", partial(_of_maps, scale_invariant_log_loss)),
    Work(f"ranking, {PAIRS} pairs", ranking_loss, "pred", _ranking),
    Work("ANUW", anuw_loss, "pred", partial(_of_maps, partial(anuw_loss, max_depth=FAR))),
    Work("DACNN, with the teacher", dacnn_loss, "depth", _dacnn),
    Work("Mannequin Challenge", mannequin_loss, "log_depth", _mannequin),
    Work("dual networks, four scales", video_loss, "disparities[0]", _video),
    Work("synergy, 13 classes", attention_driven_loss, "pred", _attention_driven),
)
LAYERS = (
    Work(
        "depth-aware block, 64 at 1/2",
        DepthAwareBlock,
        "features",
        lambda draw: _layer(draw, DepthAwareBlock(64), 2, 64, 32),
    ),
    Work("PSNL, 32", PSNL, "features", lambda draw: _layer(draw, PSNL(32), 1, 32)),
    Work("PSNL of stride 4, 32", PSNL, "features", lambda draw: _layer(draw, PSNL(32, stride=4), 1, 32)),
    Work(
        "pyramid non-local, 256 at 1/8",
        PyramidNonLocal,
        "features",
        lambda draw: _layer(draw, PyramidNonLocal(256), 8, 256),
    ),
    Work(
        "correlation, 256 at 1/8",
        correlation,
        "left",
        lambda draw: (correlation, (draw(256, part=8), draw(256, part=8))),
    ),
    Work("warp", warp, "image_src", _warp),
    Work("self-assembly, 2048 at 1/32", SAAttention, "features", _self_assembly),
)


class Cost(NamedTuple):
    """Of one size: pixels of the image; seconds and peak bytes of each of `PASSES`; bytes of the unit."""

    pixels: int
    seconds: tuple[float, ...]
    peaks: tuple[int, ...]
    unit: int


def measure(work: Work, size: Sequence[int], *, repeats: int, device: torch.device) -> Cost:
    """The fastest of `repeats` calls after those that count the memory; without a repeat no seconds."""
    torch.manual_seed(0)
    function, inputs = work.make(Draw(*size, device))
    for tensor in inputs:
        tensor.requires_grad_()
    wanted = [*inputs, *(function.parameters() if isinstance(function, nn.Module) else ())]

    def forward() -> Tensor:
        found = function(*inputs)
        return found[0] if isinstance(found, tuple) else found

    upstream = torch.ones_like(forward())

    def backward() -> None:
        torch.autograd.grad(forward(), wanted, upstream, allow_unused=True)

    calls = (torch.no_grad()(forward), backward)
    peaks = tuple(peak_bytes(call, device) for call in calls)
    times = tuple(min(seconds(call, repeats, device), default=float("nan")) for call in calls)
    return Cost(prod(size), times, peaks, inputs[0].nbytes)


def growth(costs: Sequence[Cost], which: int) -> float:
    """p of seconds ~ pixels^p, between the two largest sizes; NaN with one size."""
    if len(costs) < 2:
        return float("nan")
    a, b = costs[-2:]
    return log(b.seconds[which] / a.seconds[which]) / log(b.pixels / a.pixels)


def too_long(costs: Sequence[Cost], pixels: int, limit: float) -> bool:
    """Whether a call at the next size would take more than `limit` seconds, if it went on to grow as it did."""
    if not costs:
        return False
    power = max(1.0, growth(costs, -1)) if len(costs) > 1 else 1.0
    return costs[-1].seconds[-1] * (pixels / costs[-1].pixels) ** power > limit


def figure(found: dict[str, list[Cost]], sizes: Sequence[Sequence[int]]) -> Figure:
    """Time and peak memory over the pixels of the image, losses above and layers below."""
    from matplotlib import pyplot
    from matplotlib.ticker import FormatStrFormatter

    from depthlib.report.style import LINES, style

    colours = (*LINES, "#444444", "#882255", "#117733", "#8A8A00")
    quantities = (
        ("time, ms", lambda cost: [1e3 * second for second in cost.seconds]),
        ("peak memory, MiB", lambda cost: [peak / MIB for peak in cost.peaks]),
    )
    groups = [
        (
            title,
            [
                (work.name, found[work.name], colour)
                for work, colour in zip(works, colours, strict=False)
                if work.name in found
            ],
        )
        for title, works in (("losses", LOSSES), ("layers", LAYERS))
    ]
    groups = [group for group in groups if group[1]]
    with style():
        result, axes = pyplot.subplots(len(groups), 2, figsize=(12, 0.5 + 4 * len(groups)), sharex=True, squeeze=False)
        result.suptitle("solid: forward and backward, dotted: forward alone, dashed: proportional to the pixels")
        for row, (title, shown) in zip(axes, groups, strict=True):
            for axis, (label, values) in zip(row, quantities, strict=True):
                ends = []
                for name, costs, colour in shown:
                    pixels, lines = [cost.pixels for cost in costs], [values(cost) for cost in costs]
                    axis.plot(pixels, [line[0] for line in lines], color=colour, linestyle=":", linewidth=0.9)
                    axis.plot(pixels, [line[1] for line in lines], color=colour, linestyle="-", marker="o")
                    ends.append((pixels[-1], lines[-1][1], name, colour))
                axis.set(xscale="log", yscale="log", ylabel=label, title=title)
                areas = [prod(size) for size in sizes]
                proportional = [axis.get_ylim()[0] * area / areas[0] for area in areas]
                axis.plot(areas, proportional, color="#999999", linestyle="--", linewidth=0.8)
                axis.set_xticks(areas, ["x".join(map(str, size)) for size in sizes])
                axis.yaxis.set_major_formatter(FormatStrFormatter("%g"))
                axis.minorticks_off()
                name_ends(axis, ends)
        for axis in axes[-1]:
            axis.set_xlabel("image, pixels")
    return result


def name_ends(axis: Axes, ends: Sequence[tuple[float, float, str, str]]) -> None:
    """Names of lines (x, y, name, colour) right of the axes, as near to the height of their last points as they fit."""
    axis.figure.draw_without_rendering()  # the limits must be known to place names in units of the axes
    ends = sorted(ends, key=lambda end: end[1])
    wanted = [(axis.transScale + axis.transLimits).transform(end[:2])[1] for end in ends]
    for height, (x, y, name, colour) in zip(apart(wanted, gap=0.058), ends, strict=True):
        axis.annotate(
            name,
            (x, y),
            xytext=(1.06, height),
            textcoords="axes fraction",
            va="center",
            color=colour,
            fontsize=8.5,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "shrinkA": 1, "shrinkB": 3},
        )


def apart(wanted: Sequence[float], gap: float) -> list[float]:
    """Heights up to 1, at least `gap` apart, near the `wanted` ones, which rise; those too near surround their mean."""
    blocks: list[list[float]] = []
    for i, height in enumerate(wanted):
        blocks.append([height - i * gap])
        while len(blocks) > 1 and sum(blocks[-2]) / len(blocks[-2]) > sum(blocks[-1]) / len(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    levels = [sum(block) / len(block) for block in blocks for _ in block]
    above = max(0.0, levels[-1] + (len(wanted) - 1) * gap - 1)
    return [level + i * gap - above for i, level in enumerate(levels)]


def main(argv: Sequence[str] | None = None) -> None:
    options = arguments(
        "time and peak memory of losses and layers over the size of the image",
        argv,
        only=("", "losses and layers with this in their name"),
        sizes=(SIZES, "height x width, rising"),
        repeats=5,
        limit=(10.0, "sizes at which a call would take more seconds are left out"),
        device="cpu",
        threads=1,
        figure=("", "file of the figure"),
    )
    torch.set_num_threads(options.threads)
    device, sizes = torch.device(options.device), [tuple(map(int, size.split("x"))) for size in options.sizes.split()]
    print(f"{device}, {options.threads} threads, the fastest of {options.repeats} calls: milliseconds, MiB")
    print(
        f"{'work':32s} {'pass':14s}"
        + "".join(f"{'x'.join(map(str, size)):>18s}" for size in sizes)
        + f" {'time ~ pixels^':>15s}  memory"
    )
    found: dict[str, list[Cost]] = {}
    for work in (*LOSSES, *LAYERS):
        if options.only not in work.name:
            continue
        costs = found[work.name] = []
        for size in sizes:
            if not too_long(costs, prod(size), options.limit):
                costs.append(measure(work, size, repeats=options.repeats, device=device))
        for which, word in enumerate(PASSES):
            cells = [f"{1e3 * cost.seconds[which]:9.1f} {cost.peaks[which] / MIB:8.1f}" for cost in costs]
            times = costs[-1].peaks[which] / costs[-1].unit
            print(
                f"{'' if which else work.name:32s} {word:14s}"
                + "".join(f"{cell:18s}" for cell in cells)
                + " " * 18 * (len(sizes) - len(costs))
                + f" {growth(costs, which):15.2f}  {times:.1f} x {work.unit}",
                flush=True,
            )
    if options.figure:
        figure(found, sizes).savefig(options.figure)


if __name__ == "__main__":
    main()
