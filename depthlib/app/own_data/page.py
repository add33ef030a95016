"""What is left to look at: pictures of held out items, the curve, and one page that holds both and the tables."""

from __future__ import annotations

import base64
import html
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from depthlib.app.own_data.scores import Score, columns
from depthlib.base.paths import atomic_write
from depthlib.data.images import resize

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from depthlib.app.own_data.setup import Setup

TITLE = "A depth network for this folder"
SHOWN = 4  # held out items
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse } th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd }
th:first-child, td:first-child { text-align: left } img { max-width: 100% } code { background: #f3f3f3 }
"""
MEANINGS = {
    "abs_rel": "mean of |error| / depth",
    "rmse": "root mean squared error, m",
    "delta1": "share of the pixels within 25 %, larger is better",
    "view_error": "difference of the neighbouring pictures, seen through the depth",
    "scaled_abs_rel": "abs_rel after each map was scaled to the median of the truth",
    "scaled_rmse": "rmse, scaled in the same way",
    "scaled_delta1": "delta1, scaled in the same way",
}


def write_page(
    out: Path,
    setup: Setup,
    table: list[Score],
    test: list[Score] | None,
    curve: dict[str, list[float | None]],
    best_step: int,
    before: nn.Module,
    after: nn.Module,
) -> None:
    """Write pictures.png, curve.png and index.html, which needs no other file."""
    from depthlib.report.png import figure_image, for_notebook, png

    parts = []
    for name, figure in (("pictures", _pictures(setup, before, after)), ("curve", _curve(curve, best_step))):
        image = figure_image(figure)
        with atomic_write(out / f"{name}.png") as temporary:
            temporary.write_bytes(png(image))
        mime, content = for_notebook(image)
        parts.append(f'<img alt="{name}" src="data:{mime};base64,{base64.b64encode(content).decode()}">')
        _close(figure)
    held = "<h2>Held out pictures</h2>" + _table(table)
    other = "<h2>The folder that is only scored</h2>" + _table(test) if test else ""
    body = "\n".join(
        (
            f"<h1>{TITLE}</h1>",
            "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in setup.told) + "</ul>",
            held,
            f"<p>{html.escape(_meaning(setup, table))} Errors are measured at {setup.frame[1]} x {setup.frame[0]} "
            f"pixels. The network is that of step {best_step}, the best on the held out pictures.</p>",
            other,
            parts[0],
            "<h2>Training</h2>",
            parts[1],
            "<h2>Use</h2><p><code>depthlib predict photo.jpg --weights weights.safetensors</code></p>",
        )
    )
    head = f'<meta charset="utf-8"><title>{TITLE}</title><style>{STYLE}</style>'
    page = f'<!doctype html>\n<html lang="en">{head}\n{body}\n</html>\n'
    with atomic_write(out / "index.html") as temporary:
        temporary.write_text(page, encoding="utf-8")


def _table(table: list[Score]) -> str:
    names = columns(table)
    head = "".join(f'<th title="{MEANINGS.get(name, "")}">{name}</th>' for name in names)
    rows = "".join(
        f"<tr><td>{html.escape(row.name)}</td>"
        + "".join(f"<td>{row.errors[name]:.4f}</td>" for name in names)
        + "</tr>"
        for row in table
    )
    legend = "; ".join(f"{name}: {MEANINGS[name]}" for name in names if name in MEANINGS)
    return f"<table><tr><th>prediction</th>{head}</tr>{rows}</table><p>{legend}.</p>"


def _meaning(setup: Setup, table: list[Score]) -> str:
    unit = "metres" if setup.metric else "depth up to a scale"
    name = columns(table)[0]
    errors = {row.name: row.errors[name] for row in table}
    floors = [error for row, error in errors.items() if row not in ("before", "after")]
    beats = errors["after"] < min(floors)
    verdict = (
        "It beats every floor, predictions that never look at the picture."
        if beats
        else "It does not beat every floor, predictions that never look at the picture: more data or more steps."
    )
    return f"The network predicts {unit}. {verdict}"


def _pictures(setup: Setup, before: nn.Module, after: nn.Module) -> Figure:
    from depthlib.report.figures import ColourScale, Map, panels

    count = len(setup.val)  # type: ignore[arg-type]
    rows = []
    for number in torch.linspace(0, count - 1, min(SHOWN, count)).round().long().unique().tolist():
        item = setup.val[number]
        image = item["image"]
        maps = [_predicted(model, image, relative=not setup.labels) for model in (before, after)]
        truth = [Map(item["depth"], item["valid"])] if setup.labels else []
        rows.append([image, *truth, *(Map(depth) for depth in maps)])
    titles = ["picture", *(["truth"] if setup.labels else []), "before", "after"]
    label = "depth (m)" if setup.labels else "depth / its median"
    return panels(rows, titles, scales={"depth": ColourScale(label)})


@torch.no_grad()
def _predicted(model: nn.Module, image: Tensor, relative: bool) -> Tensor:
    depth = resize(model.cpu().eval()(image[None]).float(), image.shape[1:])[0]
    return depth / depth.median() if relative else depth


def _curve(curve: dict[str, list[float | None]], best_step: int) -> Figure:
    """Loss of the training, a running mean, and the error of what is held out."""
    from matplotlib import pyplot

    from depthlib.report.style import FULL_WIDTH, style

    loss = torch.tensor([value for value in curve["loss"] if value is not None])
    window = max(1, len(loss) // 20)
    smooth = F.avg_pool1d(loss[None, None], window, 1)[0, 0].tolist()
    val = [(step, value) for step, value in enumerate(curve["val"], 1) if value is not None]
    with style():
        figure, (left, right) = pyplot.subplots(1, 2, figsize=(FULL_WIDTH, 2.6))
        left.plot(range(window, window + len(smooth)), smooth)
        left.set(xlabel="step", ylabel=f"loss, mean of {window}")
        right.plot(*zip(*val, strict=True), marker="o")
        right.axvline(best_step, linewidth=0.8, color="#888")
        right.set(xlabel="step", ylabel="error, held out", ylim=(0, None))
    return figure


def _close(figure: Figure) -> None:
    from matplotlib import pyplot

    pyplot.close(figure)
