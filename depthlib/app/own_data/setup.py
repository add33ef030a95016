"""Everything that is decided before the first step: data, its check, the network. Nothing is written here."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch.utils.data import Dataset, Subset

from depthlib.app.own_data.fitness import Finding, Look, look, verdict
from depthlib.app.own_data.forms import Form, Items, form_of, held_out
from depthlib.app.own_data.frame import Size, frame_of, same_format
from depthlib.app.own_data.labelled import Labelled
from depthlib.app.own_data.manifested import Manifested
from depthlib.app.own_data.network import Start, start_from
from depthlib.app.own_data.tracks import follow, grey
from depthlib.app.own_data.views import Stereo, Video
from depthlib.app.photo_camera import Lens
from depthlib.data.errors import DataError
from depthlib.geometry.focal import relative_focal

MOST_PAIRS = 120  # of neighbours that are looked at; of a longer video, evenly spaced ones
Say = Callable[[str], None]
Progress = Callable[[Sequence[int], str], Iterator[int]]


@dataclass(frozen=True)
class Choices:
    """The options of the command, as they were given."""

    folder: Path
    weights: Path | None = None
    val: Path | None = None
    test: Path | None = None
    split: str = "hash"
    depth_scale: float | None = None
    manifest: str | None = None
    manifest_split: str | None = None
    lens: Lens = field(default_factory=Lens)
    baseline_focal: float | None = None
    spacing: int = 1
    size: Size | None = None


@dataclass
class Setup:
    """What the training needs.

    Attributes:
        frame: (height, width) at which the network looks. focal: `relative_focal` of the pictures, where known.
        test: a labelled folder that is scored before and after.
        told: all that was said, for the page.
    """

    start: Start
    form: Form
    items: Items
    train: Dataset
    val: Dataset
    frame: Size
    focal: float | None
    test: Dataset | None
    told: list[str]

    @property
    def labels(self) -> bool:
        return isinstance(self.form, Labelled | Manifested)

    @property
    def metric(self) -> bool:
        return self.labels or (isinstance(self.form, Stereo) and self.form.metric)


def prepare(choices: Choices, say: Say, track: Progress) -> Setup:
    """Open the folder, tell what it is, read every file once, check a video, and hold items out.

    Raises:
        ValueError, OSError: a folder, a file, a network or an option that cannot be used; nothing was written.
    """
    told: list[str] = []

    def tell(line: str) -> None:
        told.append(line)
        say(line)

    start = start_from(choices.weights)
    root, val_root = choices.folder, choices.val
    if val_root is None and (root / "train").is_dir() and (root / "val").is_dir():
        root, val_root = root / "train", root / "val"
    form = opened(root, choices)
    frame = _frame(form, start, choices.size)
    for line in (form.words, *form.notes, f"starts from {start.path} ({start.name}), looks at {frame[1]} x {frame[0]}"):
        tell(line)
    sizes = form.sizes()
    if lost := sum(not same_format(size, frame) for size in sizes):
        who = f"{lost} of {len(sizes)} pictures" if lost < len(sizes) else "all pictures"
        tell(f"{who} have another format than the network's: a border is cut off")
    items = Items(form, frame)
    items.read_all(track(range(len(items)), "reading"))
    if isinstance(form, Video):
        findings, items = checked_video(form, items, choices.spacing, track)
        for one in findings:
            tell(f"{'ok  ' if one.good else 'poor'} {one.what}: {one.found}; {one.advice}")
    if isinstance(form, Stereo):
        check_rectified(form, items)
    train, val, words = _parts(choices, form, items, val_root, track)
    tell(f"{len(train)} to train on, {len(val)} held out, {words}")  # type: ignore[arg-type]
    test = _test(choices, frame, track)
    if choices.test is not None:
        tell(f"{len(test)} pictures with depth in {choices.test}, only scored")  # type: ignore[arg-type]
    return Setup(start, form, items, train, val, frame, _focal(form, items), test, told)


def opened(root: Path, choices: Choices) -> Form:
    return form_of(
        root,
        lens=choices.lens,
        depth_scale=choices.depth_scale,
        manifest=choices.manifest,
        split=choices.manifest_split,
        spacing=choices.spacing,
        baseline_focal=choices.baseline_focal,
    )


def _frame(form: Form, start: Start, size: Size | None) -> Size:
    if size is None:
        return frame_of(form.sizes(), start.input_size, start.multiple)
    if any(side < start.multiple or side % start.multiple for side in size):
        raise DataError(
            f"size: found {size[0]} x {size[1]}, expected multiples of {start.multiple}, which this network needs"
        )
    return size


def _parts(
    choices: Choices, form: Form, items: Items, val_root: Path | None, track: Progress
) -> tuple[Dataset, Dataset, str]:
    if val_root is None or not val_root.is_dir():
        train, val, words = held_out(form, None if val_root is None else str(val_root), choices.split)
        return Subset(items, train), Subset(items, val), words
    other = opened(val_root, choices)
    if other.kind != form.kind:
        raise DataError(f"{val_root}: found {other.words}, expected the form of {choices.folder}: {form.words}")
    held = Items(other, items.frame)
    held.read_all(track(range(len(held)), "reading"))
    return items, held, f"those of {val_root}"


def _test(choices: Choices, frame: Size, track: Progress) -> Items | None:
    if choices.test is None:
        return None
    form = opened(choices.test, choices)
    if not isinstance(form, Labelled | Manifested):
        raise DataError(f"{choices.test}: found {form.words}, expected pictures with depth, to score against")
    items = Items(form, frame)
    items.read_all(track(range(len(items)), "reading"))
    return items


def _focal(form: Form, items: Items) -> float | None:
    """Of the pictures as the network sees them, where it is known and the same for all."""
    if isinstance(form, Video | Stereo) and not form.known:
        return None
    first = items[0]
    return relative_focal(float(first["K"][0, 0]), *items.frame) if "K" in first else None


def checked_video(form: Video, items: Items, spacing: int, track: Progress) -> tuple[list[Finding], Items]:
    """The findings, and the items whose next neighbour is not the same picture.

    Raises DataError where nothing moves.
    """
    step = -(-len(items) // MOST_PAIRS)
    seen: list[Look] = []
    for number in track(range(0, len(items), step), "is it fit to learn from"):
        item = items[number]
        seen.append(look(item["image"], item["next"], item["K"]))
    kept = [not seen[number // step].still for number in range(len(items))]
    if sum(kept) < 2:
        raise DataError(
            f"{form.words}: found {len(kept) - sum(kept)} of {len(kept)} still, expected a camera that moves; "
            "of a slow one, --spacing takes neighbours farther apart"
        )
    findings = verdict(seen, spacing)
    if all(kept):
        return findings, items
    form.keep(kept)
    return findings, Items(form, items.frame)


def check_rectified(form: Stereo, items: Items) -> None:
    """Raise DataError where points of the left picture are not in the same row of the right one, further left."""
    flows = []
    for number in torch.linspace(0, len(items) - 1, min(8, len(items))).round().long().unique().tolist():
        item = items[number]
        flows.append(follow(grey(item["image"]), grey(item["right"])).flow)
    flow = torch.cat(flows)
    if len(flow) < 8:
        return
    across, down = flow.median(dim=0).values.tolist()
    scale = form.full[1] / items.frame[1]
    if across > 0.3:
        raise DataError(f"right/: found points {across:.1f} pixels further right, expected left: views exchanged?")
    if float(flow[:, 1].abs().median()) > 1.0:
        raise DataError(
            f"right/: found rows that differ by {abs(down) * scale:.1f} pixels, expected rectified pairs: each point "
            "in the same row of both pictures"
        )
