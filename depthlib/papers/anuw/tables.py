"""Tables of lesson 01: the settings in print and here; source without its checks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from depthlib.models import create_model
from depthlib.papers.anuw.attention import AWCA
from depthlib.report.source import place, source_text

if TYPE_CHECKING:
    import pandas as pd

    from depthlib.runs.recipe import Recipe

# Of the paper, in the order of `settings_table`.
PRINTED = {
    "training frames": "7208",
    "test frames": "177; of KITTI and DIODE not said",
    "frame": "480 x 640",
    "batch": "1",
    "steps": "720,800 (100 epochs)",
    "optimiser": "Adam",
    "learning rate": "0.0001",
    "Adam betas": "0.9, 0.99",
    "schedule": "polynomial, power 1.5",
    "channels of the first level": "not said",
    "t of AWCA, r of PSNL": "16, 8",
    "hidden channels of AWCA, by level": "C/t, with C not said",
    "M of PSNL": "C/r, with C not said",
    "stride of PSNL": "1, as its equation reads",
    "depth from the last channel": "not said",
    "starts at the median of the labels": "not said",
    "changes of colour": "not said",
    "FCRN": "not said; of its own paper: resnet50, width 1",
}


def settings_table(of: Mapping[str, Recipe], fcrn: Recipe, frames: Mapping[str, int]) -> pd.DataFrame:
    """What the paper says of its training, and what the recipes say of ours.

    Args:
        of: name of the frames -> recipe of ANU on them; what differs between them is told for each.
        fcrn: its recipe. frames: test -> number of frames.
    """
    import pandas as pd

    sets = {name: made.train.make() for name, made in of.items()}
    models = {name: create_model(made.model, **made.model_options) for name, made in of.items()}
    anu = next(iter(models.values()))

    def each(tell: Callable[[str], object]) -> str:
        """What is told of the frames: once, or for each name where it differs."""
        told = {name: str(tell(name)) for name in of}
        return next(iter(told.values())) if len(set(told.values())) == 1 else "; ".join(map(": ".join, told.items()))

    def plan(field: str) -> str:
        return each(lambda name: getattr(of[name].plan, field))

    hidden = {name[0]: module.reduce.out_features for name, module in anu.awca.items()}
    options = next(iter(of.values())).model_options
    ours = {
        "training frames": each(lambda name: len(sets[name])),
        "test frames": ", ".join(f"{name}: {count}" for name, count in frames.items()),
        "frame": each(lambda name: "{} x {}".format(*sets[name][0]["image"].shape[-2:])),
        "batch": plan("batch_size"),
        "steps": plan("steps"),
        "optimiser": plan("optimizer"),
        "learning rate": plan("lr"),
        "Adam betas": each(lambda name: "{}, {}".format(*of[name].plan.betas)),
        "schedule": each(lambda name: _schedule(of[name])),
        "channels of the first level": each(lambda name: models[name].widths[0]),
        "t of AWCA, r of PSNL": f"{options.get('awca_reduction', 16)}, {options.get('psnl_reduction', 8)}",
        "hidden channels of AWCA, by level": ", ".join(str(count) for _, count in sorted(hidden.items()))
        + f" (at least {AWCA(1).reduce.out_features})",
        "M of PSNL": each(lambda name: models[name].psnl.theta.out_channels),
        "stride of PSNL": each(lambda name: models[name].psnl.stride),
        "depth from the last channel": anu.head.extra_repr(),
        "starts at the median of the labels": plan("median_start"),
        "changes of colour": plan("colour"),
        "FCRN": f"{fcrn.model_options.get('trunk', 'resnet50')}, width {fcrn.model_options.get('width', 1)}"
        + (", from ImageNet" if fcrn.model_options.get("pretrained") else ""),
    }
    table = pd.DataFrame({"in print": PRINTED, "this run": ours})
    return table.rename_axis("setting")


def _schedule(made: Recipe) -> str:
    plan = made.plan
    end = f"power {plan.power}" if plan.schedule == "poly" else f"warm-up {plan.warmup}"
    return f"{plan.schedule}, {end}"


def shown_from(obj: Callable, first: str) -> str:
    """Markdown: the source of a function from the line that begins with `first` on, without what only checks arguments.

    Raises ValueError where no line begins so.
    """
    lines = source_text(obj).splitlines()
    at = next((i for i, line in enumerate(lines) if line.strip().startswith(first)), None)
    if at is None:
        raise ValueError(f"first: found no line of {obj.__qualname__} that begins with {first!r}, expected one")
    return f"`{place(obj)}`, without its checks\n\n```python\n" + "\n".join(lines[at:]) + "\n```"
