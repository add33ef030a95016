"""What lies in a folder, its items at one size, and which of them are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from depthlib.app.own_data.frame import Size
from depthlib.app.own_data.labelled import Labelled, associated, depth_folder, pairs_list
from depthlib.app.own_data.manifested import Manifested, manifest_set
from depthlib.app.own_data.views import Stereo, Video, stereo, video
from depthlib.app.photo_camera import Lens
from depthlib.base.text import one_line
from depthlib.data.errors import DataError
from depthlib.data.files import fingerprint, read_text, require_folder

Form = Labelled | Manifested | Video | Stereo
WANTED = (
    "images/ with depth/, pairs.csv, left/ with right/, the frames of a video, or a .yaml manifest beside its files"
)
SHARE = 0.15  # of the items that are held out
MOST_BYTES = 2**31  # of items kept in memory; those beyond are read again whenever they are needed


def form_of(
    folder: Path,
    *,
    lens: Lens,
    depth_scale: float | None = None,
    manifest: str | None = None,
    split: str | None = None,
    spacing: int = 1,
    baseline_focal: float | None = None,
) -> Form:
    """The first form that the folder has: manifest, pairs.csv, images/ with depth/, left/ with right/, video.

    Raises:
        DataError: none of them, or one that cannot be used; the message names the file.
    """
    if depth_scale is not None and not 0 < depth_scale < float("inf"):
        raise DataError(f"depth-scale: found {depth_scale:g}, expected units per metre above 0")
    root = require_folder(folder, WANTED)
    form = (
        manifest_set(root, manifest, split)
        or pairs_list(root, depth_scale, lens)
        or associated(root, depth_scale, lens)
        or depth_folder(root, depth_scale, lens)
        or stereo(root, baseline_focal, lens)
        or video(root, spacing, lens)
    )
    if form is None:
        raise DataError(f"{root}: found nothing to learn from, expected {WANTED}")
    return form


class Items(Dataset):
    """The items of a form at the size of the network, kept in memory once read: pictures as bytes, labels in floats."""

    def __init__(self, form: Form, frame: Size) -> None:
        self.form, self.frame = form, frame
        self._kept: dict[int, dict[str, Any]] = {}
        self._bytes = 0

    def __len__(self) -> int:
        return len(self.form.names)

    def __getitem__(self, position: int) -> dict[str, Any]:
        position = range(len(self))[position]
        if position in self._kept:
            return {name: _unpacked(value) for name, value in self._kept[position].items()}
        item = self.form.read(position, self.frame)
        packed = {name: _packed(value) for name, value in item.items()}
        size = sum(value.nbytes for value in packed.values() if isinstance(value, Tensor))
        if self._bytes + size <= MOST_BYTES:
            self._kept[position] = packed
            self._bytes += size
        return {name: _unpacked(value) for name, value in packed.items()}

    def read_all(self, positions: Iterable[int]) -> None:
        """Read every item once, so that a bad file is told before anything begins.

        Raises:
            DataError: the first fault and how many there are.
        """
        faults, count = [], 0
        for count, position in enumerate(positions, 1):  # noqa: B007 (the last count is needed)
            try:
                self[position]
            except ValueError as error:
                faults.append(one_line(error))
        if faults:
            more = f" ({len(faults)} of {count} items have a fault)" if len(faults) > 1 else ""
            raise DataError(faults[0] + more)

    def forget(self) -> None:
        """What is kept is read again: the form has changed."""
        self._kept.clear()
        self._bytes = 0

    def fingerprint(self) -> str:
        """SHA-256 over the names and sizes of the files, and the size of the frame."""
        if isinstance(self.form, Manifested):
            return f"{self.form.fingerprint()} {self.frame}"
        return f"{fingerprint(Path('/'), self.form.files())} {self.frame}"


def _packed(value: Any) -> Any:
    picture = isinstance(value, Tensor) and value.ndim == 3 and len(value) == 3 and value.is_floating_point()
    return (value * 255).round().byte() if picture else value


def _unpacked(value: Any) -> Any:
    return value.float() / 255 if isinstance(value, Tensor) and value.dtype == torch.uint8 else value


def held_out(form: Form, val: str | None, how: str) -> tuple[list[int], list[int], str]:
    """Positions to train on and positions to validate on, and how they were chosen in words.

    Args:
        val: a text file with the names of the items that are held out, a line each; None: chosen by `how`.
        how: "hash", by the SHA-256 of the name, so that an item stays on its side when others are added; "end", the
            last ones by name, for pictures that resemble their neighbours. Of a video it is always the end.

    Raises:
        DataError: a list that names an unknown item, or none, or all; fewer than two items.
    """
    names = form.names
    if len(names) < 2:
        raise DataError(f"found {len(names)} item to learn from, expected at least 2: some are held out")
    if val is not None:
        wanted = {line.strip() for line in read_text(Path(val)).splitlines() if line.strip()}
        endless = {name: name.rpartition("/")[2] for name in names}
        held = {n for n, name in enumerate(names) if name in wanted or endless[name] in wanted}
        if lost := wanted - set(names) - set(endless.values()):
            raise DataError(f"{val}: found {sorted(lost)[0]!r}, expected names of items such as {names[0]!r}")
        words = f"named in {val}"
    elif isinstance(form, Video) or how == "end":
        held = set(range(len(names) - max(1, round(SHARE * len(names))), len(names)))
        words = "the last by name"
    elif how == "hash":
        order = sorted(range(len(names)), key=lambda n: hashlib.sha256(names[n].encode()).hexdigest())
        limit = f"{round(SHARE * 2**32):08x}"
        held = {n for n in order if hashlib.sha256(names[n].encode()).hexdigest()[:8] < limit} or set(order[:1])
        words = "by the hash of their names"
    else:
        raise DataError(f"split: found {how!r}, expected hash or end")
    train = [n for n in range(len(names)) if n not in held]
    if not train or not held:
        raise DataError(f"found {len(train)} items to train on and {len(held)} held out, expected some of both")
    if isinstance(form, Video):
        train = _apart(form, train, held)
    return train, sorted(held), words


def _apart(form: Video, train: list[int], held: set[int]) -> list[int]:
    """Those to train on that share no frame with one held out; in a very short video, all."""
    frames = [{one.previous, one.current, one.next} for one in form.triplets]
    seen = set().union(*(frames[n] for n in held))
    return [n for n in train if not seen & frames[n]] or train
