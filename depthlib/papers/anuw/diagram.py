"""Diagrams of the networks and modules of ANUW, Figs. 2 to 5 of the paper, drawn from what a forward pass does.

`recorded` runs a module once and keeps its steps, calls of submodules and operations on tensors, with the shapes that
they give. What a figure shows is read from these, so a module that is changed changes its figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import log2
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Patch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from depthlib.models.blocks import DepthHead, VGGBlock
from depthlib.papers.anuw.attention import AWCA, PSNL
from depthlib.report.style import BLUE, FULL_WIDTH, GREY, ORANGE, style

# Operations that only lay the same numbers out in another way.
LAYOUT = {"__get__", "__getitem__", "contiguous", "expand", "flatten", "permute", "reshape", "squeeze", "to"}
LAYOUT |= {"transpose", "unflatten", "unsqueeze", "view", "view_as"}
SIGNS = {"add": "+", "sub": "−", "mul": "⊙", "matmul": "⊗", "cat": "join", "div": "÷"}
WORDS = {"BatchNorm2d": "batch\nnorm", "MaxPool2d": "pool", "Upsample": "up"}
BLOCKS = (VGGBlock, AWCA, PSNL, DepthHead, nn.MaxPool2d, nn.Upsample)
EDGE, PALE, DARK = "#333333", "#DDEBF5", "#555555"


@dataclass(frozen=True)
class Step:
    """A step of a forward pass.

    Attributes:
        label: an operation, or the kind of a submodule. module: the name of that submodule, "" for an operation.
        sources: positions of the steps whose results it takes.
        shape: of its result, without the batch.
        times: how often it is done, on the results of the same steps.
    """

    label: str
    module: str
    sources: tuple[int, ...]
    shape: tuple[int, ...]
    times: int = 1


class _Recorder(TorchFunctionMode):
    """Notes every operation that is done outside of the submodules that are steps themselves."""

    def __init__(self, given: Tensor) -> None:
        super().__init__()
        self.steps = [Step("input", "", (), tuple(given.shape[1:]))]
        self.made = {id(given): (0,)}  # tensor -> the steps it is made of
        self.kept: list[Any] = [given]  # so that no id is given twice
        self.inside = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.inside:
            self.note(func.__name__, "", (*args, *(kwargs or {}).values()), result)
        return result

    def note(self, name: str, module: str, given: Iterable[Any], result: Any) -> None:
        found, came = list(_tensors(result)), list(_tensors(given))
        sources = tuple(dict.fromkeys(step for one in came for step in self.made.get(id(one), ())))
        if not found or not sources:
            return
        self.kept.append((result, came))
        if not module and name in LAYOUT:
            made = sources
        else:
            constants = ["x".join(map(str, one.shape)) for one in came if id(one) not in self.made and one.ndim > 1]
            label = name if module else " ".join([SIGNS.get(name.strip("_"), _lines(name)), *constants])
            self.steps.append(Step(label, module, sources, tuple(found[0].shape[1:])))
            made = (len(self.steps) - 1,)
        self.made |= {id(one): made for one in found}


def recorded(module: nn.Module, given: Tensor, blocks: tuple[type[nn.Module], ...] = ()) -> list[Step]:
    """The steps of `module(given)`, the input first.

    Steps of one kind on the results of the same steps become one, done several times. Submodules of the types `blocks`,
    and all that have no submodules of their own, are single steps.
    """
    recorder = _Recorder(given)
    hooks = []
    for name, part in module.named_modules():
        if part is not module and (isinstance(part, blocks) or not any(part.children())):
            hooks.append(part.register_forward_pre_hook(lambda *_: setattr(recorder, "inside", recorder.inside + 1)))
            hooks.append(part.register_forward_hook(_noting(recorder, name)))
    try:
        with torch.no_grad(), recorder:
            module(given)
    finally:
        for hook in hooks:
            hook.remove()
    return _together(recorder.steps)


def _noting(recorder: _Recorder, name: str) -> Any:
    def hook(part: nn.Module, given: Any, result: Any) -> None:
        recorder.inside -= 1
        if not recorder.inside:
            recorder.note(_kind(part), name, given, result)

    return hook


def _kind(part: nn.Module) -> str:
    if isinstance(part, nn.Conv2d):
        return "{} x {} conv\n{} → {}".format(*part.kernel_size, part.in_channels, part.out_channels)
    if isinstance(part, nn.Linear):
        return f"linear\n{part.in_features} → {part.out_features}"
    return WORDS.get(type(part).__name__, type(part).__name__)


def _lines(name: str) -> str:
    return name.replace("_", "\n") if len(name) > 9 else name


def _tensors(given: Any) -> Iterable[Tensor]:
    if isinstance(given, Tensor):
        yield given
    elif isinstance(given, list | tuple):
        for one in given:
            yield from _tensors(one)


def _together(steps: Sequence[Step]) -> list[Step]:
    """Equal steps on the results of the same steps are merged, and so are splits of splits and joins of joins."""
    merged: list[Step] = []
    place: list[int] = []  # of each step among the merged
    where: dict[tuple, int] = {}
    for step in steps:
        sources = tuple(dict.fromkeys(place[source] for source in step.sources))
        key = (step.label, step.module, sources)
        if key in where:
            at = where[key]
            merged[at] = replace(merged[at], times=merged[at].times + 1)
        elif step.label in ("split", "join") and len(sources) == 1 and merged[sources[0]].label == step.label:
            at = sources[0]
            merged[at] = replace(merged[at], shape=step.shape, times=1)
        else:
            merged.append(replace(step, sources=sources))
            at = where[key] = len(merged) - 1
        place.append(at)
    return merged


def depths(steps: Sequence[Step]) -> list[int]:
    """How many steps lie before each one, on the longest way from the input."""
    found: list[int] = []
    for step in steps:
        found.append(1 + max((found[source] for source in step.sources), default=-1))
    return found


def flow_diagram(steps: Sequence[Step], *, width: float = FULL_WIDTH) -> Figure:
    """The steps of a module from left to right: over each box the submodule and the shape of its result."""
    from matplotlib import pyplot

    columns = depths(steps)
    lanes = [[i for i, column in enumerate(columns) if column == depth] for depth in range(max(columns) + 1)]
    place = {i: (1.3 * x, 1.5 * ((len(lane) - 1) / 2 - y)) for x, lane in enumerate(lanes) for y, i in enumerate(lane)}
    edges = [(source, i) for i, step in enumerate(steps) for source in step.sources]
    far = sorted((edge for edge in edges if columns[edge[1]] - columns[edge[0]] > 1), key=lambda e: e[1] - e[0])
    above, below = ([edge for edge in far if (place[edge[0]][1] > 0) == up] for up in (True, False))
    reach = max(y for _, y in place.values()) + 0.3
    top, low = reach + 0.6 + 0.3 * len(above), -reach - 0.1 - 0.3 * len(below)
    with style():
        wide = 1.3 * (len(lanes) - 1) + 1.3
        figure = pyplot.figure(figsize=(width, width * (top - low) / wide), layout="none")
        axis = figure.add_axes((0, 0, 1, 1))
        axis.set(xlim=(-0.65, wide - 0.65), ylim=(low, top), aspect="equal")
        axis.axis("off")
        for edge in set(edges) - set(far):
            (x, y), (x_to, y_to) = place[edge[0]], place[edge[1]]
            _arrow(axis, (x + 0.5, y), (x_to - 0.5, y_to), GREY)
        for side, those in ((1, above), (-1, below)):
            for number, (source, i) in enumerate(those):
                rail = side * (reach + (0.75 if side > 0 else 0.25) + 0.3 * number)
                (x, y), (x_to, y_to) = place[source], place[i]
                x, x_to = x + 0.38, x_to - 0.38 + 0.1 * number
                axis.plot([x, x, x_to], [y + 0.32 * side, rail, rail], color=GREY, linewidth=0.9, linestyle="-")
                _arrow(axis, (x_to, rail), (x_to, y_to + 0.34 * side), GREY)
        for i, step in enumerate(steps):
            x, y = place[i]
            _box(axis, x, y, step.label, PALE if step.module else "white", framed=bool(i))
            axis.text(x, y + 0.38, "x".join(map(str, step.shape)), ha="center", va="bottom", fontsize=6, color=DARK)
            name = step.module + (f" {step.times} times" if step.times > 1 else "")
            axis.text(x, y + 0.56, name.strip(), ha="center", va="bottom", fontsize=6, color=BLUE)
    return figure


@dataclass(frozen=True)
class Block:
    """A block of a network. level: how often its resolution is halved. sources: (position of a block, what lies
    between: "pool", "up" or "" for nothing). attended: whether AWCA follows it.
    """

    kind: str
    name: str
    channels: int
    level: int
    sources: tuple[tuple[int, str], ...]
    attended: bool = False


def blocks_of(model: nn.Module, size: int = 32) -> list[Block]:
    """The blocks of a U-shaped network and how they hang together, the image first."""
    steps = recorded(model.eval(), torch.zeros(1, 3, size, size), BLOCKS)
    blocks: list[Block] = []
    ways: list[tuple[tuple[int, str], ...]] = []  # of each step: the blocks it is made of, and over what
    for step in steps:
        found = tuple(dict.fromkeys(way for source in step.sources for way in ways[source]))
        if step.label in ("pool", "up"):
            ways.append(tuple((at, step.label) for at, _ in found))
        elif step.label == "join":
            ways.append(found)
        elif step.label == "AWCA":
            ways.append(found)
            for at, _ in found:
                blocks[at] = replace(blocks[at], attended=True)
        else:
            level = round(log2(size / step.shape[-1]))
            blocks.append(Block(step.label, step.module.rpartition(".")[2], step.shape[0], level, found))
            ways.append(((len(blocks) - 1, ""),))
    return blocks


def network_diagram(model: nn.Module, *, names: bool = False) -> Figure:
    """Blocks of a U-shaped network by resolution, their channels inside; `names`: also those of the submodules."""
    from matplotlib import pyplot

    blocks = blocks_of(model)
    columns: list[int] = []
    for block in blocks:
        columns.append(1 + max((columns[at] for at, _ in block.sources), default=-1))
    place = [(1.35 * x, -1.3 * block.level) for x, block in zip(columns, blocks, strict=True)]
    ways = [(at, i, way) for i, block in enumerate(blocks) for at, way in block.sources]
    bends = [0.0 if way else 0.09 * ((columns[i] - columns[at]) // 2 - 1) for at, i, way in ways]
    low, right = min(y for _, y in place), 1.35 * max(columns)
    top = 0.6 + max(bend * (place[i][0] - place[at][0]) / 2 for bend, (at, i, _) in zip(bends, ways, strict=True))
    with style():
        figure = pyplot.figure(figsize=(FULL_WIDTH, FULL_WIDTH * (top - low + 0.8) / (right + 1.4)), layout="none")
        axis = figure.add_axes((0, 0, 1, 1))
        axis.set(xlim=(-0.7, right + 0.7), ylim=(low - 0.8, top), aspect="equal")
        axis.axis("off")
        patches = [_drawn(axis, block, here, names) for block, here in zip(blocks, place, strict=True)]
        for bend, (at, i, way) in zip(bends, ways, strict=True):
            ends = {"patchA": patches[at], "patchB": patches[i]}
            skip = not way and columns[i] - columns[at] > 1
            _arrow(axis, place[at], place[i], BLUE if way == "up" else GREY, bend=-bend, dashed=skip, **ends)
        keys = [(GREY, "half the size; dashed: joined as it is"), (BLUE, "twice the size")]
        keys += [(ORANGE, "with AWCA")] if any(block.attended for block in blocks) else []
        for row, (colour, text) in enumerate(keys):
            at = (0.62 * right, low + 0.42 * row - 0.4)
            axis.add_patch(Circle(at, 0.13, facecolor=colour, edgecolor="none"))
            axis.text(at[0] + 0.3, at[1], text, va="center", fontsize=8)
    return figure


def _drawn(axis: Axes, block: Block, here: tuple[float, float], names: bool) -> Patch:
    if block.kind != "VGGBlock":
        word = {"input": "image", "DepthHead": "head"}.get(block.kind, block.kind)
        return _box(axis, *here, word, "white", framed=block.kind != "input")
    disc = Circle(here, 0.36, facecolor=ORANGE if block.attended else "white", edgecolor=EDGE, zorder=2)
    axis.text(*here, str(block.channels), ha="center", va="center", fontsize=7, zorder=3)
    if names:
        axis.text(here[0], here[1] - 0.4, block.name, ha="center", va="top", fontsize=6, color=DARK)
    return axis.add_patch(disc)


def _box(axis: Axes, x: float, y: float, text: str, colour: str, *, framed: bool) -> Patch:
    look = {"boxstyle": "round,pad=0.04", "facecolor": colour, "edgecolor": EDGE if framed else "none", "zorder": 2}
    axis.text(x, y, text, ha="center", va="center", fontsize=6.5, zorder=3)
    return axis.add_patch(FancyBboxPatch((x - 0.46, y - 0.3), 0.92, 0.6, linewidth=0.8, **look))


def _arrow(
    axis: Axes,
    a: tuple[float, float],
    b: tuple[float, float],
    colour: str,
    *,
    bend: float = 0.0,
    dashed: bool = False,
    **ends: Patch,
) -> None:
    look = {"arrowstyle": "-|>", "mutation_scale": 7, "shrinkA": 0, "shrinkB": 0, "linewidth": 0.9, "zorder": 1}
    line, way = "--" if dashed else "-", f"arc3,rad={bend}"
    axis.add_patch(FancyArrowPatch(a, b, color=colour, linestyle=line, connectionstyle=way, **look, **ends))
