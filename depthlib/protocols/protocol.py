"""What exactly is measured. A protocol is a locked file; whoever changes one field has made another protocol.

`load_protocol("eigen-raw")` reads a file of this folder, or of the `protocols` of a paper, and compares it with its
hash in the locks.json beside it, so that an edited file is noticed. `protocol.replace(scaling="median")` makes another
protocol, named "eigen-raw+scaling=median"; that name can be loaded, too.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
import yaml
from torch import Tensor

from depthlib.base import catalogue
from depthlib.base.yaml_files import read_yaml
from depthlib.metrics.benchmark import ALL_FORMULAS, ALL_METRICS, errors, units_of
from depthlib.metrics.depth import Pixels, Values, arrays, errors_of, gathered
from depthlib.protocols.crops import CROPS, HOLES, RESIZES, box, filled, placed
from depthlib.protocols.reduction import check_reduction
from depthlib.protocols.scaling import SCALINGS, median_ratio

__all__ = ["FOLDER", "Protocol", "load_protocol", "median_ratio", "protocol_names", "write_locks"]

Rows = tuple[Any, ...]
FOLDER = Path(__file__).parent
LOCKS = "locks.json"
WORDS = ("name", "what")  # fields that say what a protocol is called and for; all others decide numbers


@dataclass(frozen=True)
class Protocol:
    """One way to score depth maps. Order of the steps: holes, resize, mask, clamp or scale (`clamp_when`), measure.

    Attributes:
        ground_truth: which depth, of which images, made how.
        crop: the rectangle of the ground truth that counts, a name of `crops.CROPS`.
        min_depth, max_depth: only ground truth strictly between these counts [m].
        clamp_prediction: whether the prediction is clamped before it is measured, to `clamp_range`.
        scaling: a name of `scaling.SCALINGS`. "median": times median(gt) / median(prediction) per image, over the valid
            pixels, both medians the mean of the two middle values where the number of pixels is even (NumPy's
            definition); "median_lower" takes the smaller of the two (torch.median).
        resize: how a prediction reaches the size of the ground truth, a name of `crops.RESIZES`; "none" refuses another
            size.
        reduction: how the errors of the images become one number, one of `reduction.REDUCTIONS`.
        ssim_range: L of SSIM, metres; null where SSIM is not among the metrics. SSIM counts whole 11 x 11 windows of
            valid pixels only, so an image must have one (see `depthlib.metrics.measurable`).
        covers: the region of the ground truth that a prediction shows, a name of `crops.CROPS`; nothing outside counts.
        size: [height, width] at which errors are measured; the ground truth is brought there by nearest neighbour.
            null: its own.
        clamp_when: "after scaling" or "before scaling".
        clamp_range: [lowest, highest], metres; null: [min_depth, max_depth].
        holes: what a predicted 0 is: "kept" (a depth of 0), or "kitti background interpolation".
        images: how many images the test set has; null where it is not fixed.

    A file also states `units`, those of its metrics as `units_of` gives them, and is refused if they are wrong.
    """

    name: str
    what: str
    ground_truth: str
    crop: str
    min_depth: float
    max_depth: float
    clamp_prediction: bool
    scaling: str
    resize: str
    reduction: str
    metrics: tuple[str, ...]
    ssim_range: float | None = None
    covers: str = "none"
    size: tuple[int, int] | None = None
    clamp_when: str = "after scaling"
    clamp_range: tuple[float, float] | None = None
    holes: str = "kept"
    images: int | None = None

    def __post_init__(self) -> None:
        choices = {
            "crop": CROPS,
            "covers": CROPS,
            "scaling": SCALINGS,
            "resize": RESIZES,
            "holes": HOLES,
            "clamp_when": ("after scaling", "before scaling"),
        }
        for field, allowed in choices.items():
            self._require(getattr(self, field) in allowed, field, f"one of {', '.join(allowed)}")
        known = bool(self.metrics) and set(self.metrics) <= set(ALL_METRICS)
        self._require(known, "metrics", f"some of {', '.join(ALL_METRICS)}")
        try:
            check_reduction(self.reduction, self.metrics)
        except ValueError as error:
            raise ValueError(f"protocol {self.name}: {error}") from None
        ranged = ("ssim" in self.metrics) == (self.ssim_range is not None)
        self._require(ranged, "ssim_range", "a range just where ssim is a metric")
        self._require(0 <= self.min_depth < self.max_depth, "min_depth", f"0 <= min < max = {self.max_depth}")
        whole = self.scaling != "nyu_zscore" or self.covers == "none"
        self._require(whole, "covers", "'none', since nyu_zscore is of whole maps")

    def _require(self, holds: bool, field: str, expected: str) -> None:
        if not holds:
            raise ValueError(f"protocol {self.name}: {field} is {getattr(self, field)!r}, expected {expected}")

    def card(self) -> dict[str, str]:
        """The fields as text, for the card beside every table of errors."""
        fields = asdict(self) | {"units": units_of(self.metrics)}
        return {
            key.replace("_", " "): ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            for key, value in fields.items()
        }

    def fingerprint(self) -> str:
        """SHA-256 of all that decides numbers: every field but name and `what`, those at their default left out, so
        that a field added later changes no fingerprint.
        """
        kept = {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)
            if f.name not in WORDS and getattr(self, f.name) != f.default
        }
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()

    def replace(self, **changes: Any) -> Protocol:
        """Another protocol, whose name says what was changed: "eigen-raw+scaling=median"; what stays the same does not
        show.
        """
        known = sorted({f.name for f in dataclasses.fields(self)} - set(WORDS))
        if unknown := sorted(set(changes) - set(known)):
            raise ValueError(
                f"protocol {self.name}: found {unknown[0]}, expected to replace some of {', '.join(known)}"
            )
        changes = {key: tuple(value) if isinstance(value, list) else value for key, value in changes.items()}
        changed = {key: value for key, value in changes.items() if value != getattr(self, key)}
        base, *earlier = self.name.split("+")
        marks = dict(mark.partition("=")[::2] for mark in earlier) | {
            key: _text(value) for key, value in changed.items()
        }
        name = "+".join([base, *(f"{key}={value}" for key, value in marks.items())])
        return dataclasses.replace(self, **changed, name=name)

    def truth(self, target: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Ground truth at the size at which errors are measured, and the pixels that count: both [B,1,H,W].

        Raises ValueError where the crop is not defined for that size.
        """
        target, rows, counted = self._cropped(target, valid)
        whole = torch.zeros_like(target, dtype=torch.bool)
        whole[rows] = counted
        return target, whole

    def prepare(self, prediction: Tensor, target: Tensor, valid: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Prediction, ground truth and mask as they are measured: all steps but the last. [B,1,H,W] each."""
        target, counted = self.truth(target, valid)
        images = zip(self._placed(prediction, target).split(1), target.split(1), counted.split(1), strict=True)
        return torch.cat([self._aligned(p, *gathered(*arrays(mask, p, t))) for p, t, mask in images]), target, counted

    @property
    def whole_maps(self) -> bool:
        """Whether alignment or errors depend on where pixels lie, or on those that do not count."""
        return "ssim" in self.metrics or self.scaling == "nyu_zscore"

    def _cropped(self, target: Tensor, valid: Tensor | None) -> tuple[Tensor, Rows, Tensor]:
        """Ground truth at that size, the index of the rows outside which no pixel counts, and which count in them."""
        if self.size is not None and tuple(target.shape[-2:]) != tuple(self.size):
            target, valid = F.interpolate(target, self.size, mode="nearest-exact"), _nearest(valid, self.size)
        boxes = zip(*(box(crop, *target.shape[-2:]) for crop in (self.crop, self.covers)), strict=True)
        top, bottom, left, right = (inner(sides) for inner, sides in zip((max, min, max, min), boxes, strict=True))
        rows = (..., slice(top, bottom), slice(None))  # whole rows: a part of a map that lies in one piece
        (depth,) = arrays(target[rows])
        counted = depth > self.min_depth
        counted &= depth < self.max_depth
        counted[..., :left] = counted[..., right:] = False
        counted = torch.as_tensor(counted)
        return target, rows, counted if valid is None else counted & valid[rows]

    def _placed(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Holes and resize."""
        prediction = prediction.to(torch.promote_types(prediction.dtype, torch.float32))
        if self.holes == "kitti background interpolation":
            prediction = filled(prediction)
        return placed(prediction, tuple(target.shape[-2:]), self.covers, self.resize)

    @np.errstate(all="ignore")
    def _aligned(self, prediction: Values, p: Values, t: Values) -> Values:
        """Clamp and scale: the prediction of one image, by prediction and ground truth [N] at the pixels that count."""
        low, high = self.clamp_range or (self.min_depth, self.max_depth)
        if self.clamp_prediction and self.clamp_when == "before scaling":
            prediction, p = prediction.clip(low, high), p.clip(low, high)
        prediction = SCALINGS[self.scaling](prediction, p, t, self.max_depth)
        if self.clamp_prediction and self.clamp_when == "after scaling":
            prediction = prediction.clip(low, high)
        return prediction

    def score_image(
        self, prediction: Tensor, target: Tensor, valid: Tensor | None = None, region: Tensor | None = None
    ) -> tuple[Values, Values, dict[str, float]] | None:
        """Prediction before any alignment and ground truth at the pixels of one image that count, [N] each; its errors.

        Arguments as those of `score`, for a batch of one. None where no pixel is measured.
        """
        depth, rows, counted = self._cropped(target, valid)
        measured = counted if region is None else counted & self._region(region)[rows]
        if not arrays(measured)[0].any():
            return None
        # What does not count is left behind: of sparse LiDAR, all but a few per cent of the pixels.
        p, t, inside = gathered(*arrays(counted, self._placed(prediction, depth)[rows], depth[rows], measured))
        if self.whole_maps:
            found = self.score(prediction, target, valid, region)
        else:
            aligned = self._aligned(p, p, t)
            image = Pixels(aligned, t) if region is None else Pixels(aligned[inside], t[inside])
            found = errors_of(image, {name: ALL_FORMULAS[name] for name in self.metrics})
        return p, t, {name: float(value) for name, value in found.items()}

    def _region(self, region: Tensor) -> Tensor:
        return region if self.size is None else _nearest(region, self.size)

    def score(
        self, prediction: Tensor, target: Tensor, valid: Tensor | None = None, region: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Errors of each image.

        Args:
            prediction: [B,1,h,w] depth in metres; resized to the size of `target`.
            target: [B,1,H,W] depth in metres, 0 where unknown.
            valid: bool [B,1,H,W]; without it all pixels in the range of depths count.
            region: bool [B,1,H,W], measure only there; scale and clamp are those of all valid pixels (bins of depth,
                classes).
        Returns:
            metric name -> [B]. Images without a valid pixel raise ValueError (see `depth_errors`).
        """
        if self.whole_maps:
            prediction, target, measured = self.prepare(prediction, target, valid)
            measured = measured if region is None else measured & self._region(region)
            return errors(prediction, target, measured, self.metrics, data_range=self.ssim_range)
        maps = (prediction, target, valid, region)
        found = [self.score_image(*(None if x is None else x[i : i + 1] for x in maps)) for i in range(len(target))]
        if empty := [i for i, one in enumerate(found) if one is None]:
            raise ValueError(f"valid: found no valid pixel in image(s) {empty}, expected at least one")
        kind = {"device": prediction.device, "dtype": torch.promote_types(prediction.dtype, torch.float32)}
        return {name: torch.tensor([one[name] for *_, one in found], **kind) for name in self.metrics}


def protocol_names() -> list[str]:
    """The names there are files for, sorted."""
    return sorted(_files())


def load_protocol(name: str) -> Protocol:
    """The protocol of that name, as "eigen-raw" or with changes, as "eigen-raw+scaling=median".

    Raises:
        ValueError: an unknown name, with the names there are; a file that is no protocol, or no longer the locked one.
    """
    base, *marks = str(name).split("+")
    path = _files().get(base)
    if path is None:
        raise ValueError(f"unknown protocol {base!r}: expected one of {', '.join(protocol_names())}")
    protocol = _read(path)
    locks = path.with_name(LOCKS)
    locked = json.loads(locks.read_text(encoding="utf-8")).get(base) if locks.exists() else None
    if locked not in (None, protocol.fingerprint()):
        found = protocol.fingerprint()[:12]
        raise ValueError(
            f"protocol {base}: the file {path.name} has the fingerprint {found}, expected {locked[:12]}; "
            "a changed protocol needs another name"
        )
    if broken := [mark for mark in marks if "=" not in mark]:
        raise ValueError(f"protocol {name}: found the change {broken[0]!r}, expected field=value")
    changes = {key: _value(key, text) for key, _, text in (mark.partition("=") for mark in marks)}
    return protocol.replace(**changes) if changes else protocol


def write_locks() -> None:
    """Lock every protocol as its file stands now; for whoever adds one."""
    folders: dict[Path, dict[str, str]] = {}
    for name, path in sorted(_files().items()):
        folders.setdefault(path.parent, {})[name] = _read(path).fingerprint()
    for folder, locks in folders.items():
        (folder / LOCKS).write_text(json.dumps(locks, indent=1) + "\n", encoding="utf-8")


def _files() -> dict[str, Path]:
    """Name -> file of every protocol, here and in the papers."""
    return {path.stem: path for path in [*FOLDER.glob("*.yaml"), *catalogue.files("protocols/*.yaml")]}


def _read(path: Path) -> Protocol:
    fields = read_yaml(path)
    units = fields.pop("units", None)
    try:
        protocol = Protocol(
            **{key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
        )
    except TypeError as error:
        raise ValueError(f"{path.name}: {' '.join(str(error).split())}") from error
    if units not in (None, units_of(protocol.metrics)):
        raise ValueError(f"{path.name}: units is {units!r}, expected {units_of(protocol.metrics)!r}")
    return protocol


def _nearest(mask: Tensor | None, size: tuple[int, int]) -> Tensor | None:
    return None if mask is None else F.interpolate(mask.float(), size, mode="nearest-exact") > 0.5


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _value(field: str, text: str) -> Any:
    """The value that `_text` wrote."""
    if field in ("metrics", "size", "clamp_range") and text != "None":
        return tuple(yaml.safe_load(f"[{text}]"))
    return (
        None
        if text == "None"
        else float(text)
        if field in ("min_depth", "max_depth", "ssim_range")
        else yaml.safe_load(text)
    )
