"""The description of a data set in one YAML file: terms, layout, encodings, cameras, splits, traps. These classes are
the schema.

`data_manifests/<name>.yaml` holds one mapping with the fields of `Manifest`. A file with `families` describes the
scenes, which the package generates; their generator writes it, and only a few of its fields are read (`Generated`).

Templates of paths are relative to the root that the user gives, with "/" and fields in braces: a field is text without
a slash (`{scene}`), whole path pieces if the word ends in `path` (`{imagepath}`), or a number (`{frame:010d}`).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from depthlib.base import paths
from depthlib.data.errors import DataError
from depthlib.data.schema import build, read_yaml
from depthlib.data.templates import field_names

Format = Literal["png", "jpg", "ppm", "pgm", "npy", "npz", "h5", "mat", "pfm", "bin", "csv", "txt", "json"]
NARROWEST, WIDEST = 5, 160  # degrees: the angles of view of a camera without a telescope and without a fisheye
Unit = Literal["metre", "pixel", "1/metre", "relative", "class", "colour", "none"]


@dataclass(frozen=True)
class Terms:
    """Terms of use. With `accept`, the user must accept them at the source, and no file is fetched.

    Attributes:
        confirmed: the licence was read at its source; False where it is general knowledge that the user should confirm.
    """

    licence: str
    accept: bool
    url: str | None = None
    note: str = ""
    confirmed: bool = False


@dataclass(frozen=True)
class RemoteFile:
    """A small public file: its address, its path under the root, its size in bytes.

    Attributes:
        unpacked: of a zip or tar archive, the bytes of its contents; then `to` is the folder that the contents fill.
    """

    url: str
    to: str
    sha256: str
    size: int
    unpacked: int | None = None

    def __post_init__(self) -> None:
        check_sha256(self.sha256)
        check_inside(self.to)
        if not re.fullmatch(r"https?://\S+", self.url) or self.size <= 0:
            raise DataError(f"found url {self.url!r} and size {self.size}, expected an http(s) address and bytes > 0")


@dataclass(frozen=True)
class Obtain:
    """How to obtain the data: a sentence, the page, and the files that can be fetched without accepting terms."""

    how: str
    where: str
    files: tuple[RemoteFile, ...] = ()


@dataclass(frozen=True)
class Encoding:
    """Meaning of the numbers of a file: value = (rotated stored - offset) / scale, in `unit`.

    Attributes:
        dtype: of the stored numbers: uint8, uint16, float32, ...
        scale: stored units per `unit` (KITTI depth 256, millimetres 1000); None if `formula` describes it.
        invalid: stored values that mean "no measurement", before the rotation; infinities are written .inf.
        along: direction in which depth is measured: the camera's z, the ray from the centre, or the scanner's forward
            x.
        rotate_right: number of bits by which a 16-bit value is rotated to the right first (SUN RGB-D: 3).
        range: plausible smallest and largest valid value in `unit`; values beyond it indicate another unit.
        key: name of the array inside npz, h5 and mat files.
    """

    format: Format
    dtype: str
    unit: Unit
    scale: float | None = None
    offset: float = 0.0
    invalid: tuple[float, ...] = ()
    along: Literal["z", "ray", "velodyne-x"] | None = None
    rotate_right: int = 0
    byte_order: Literal["little", "big"] | None = None
    channels: int = 1
    range: tuple[float, float] | None = None
    key: str | None = None
    formula: str | None = None
    note: str = ""

    def __post_init__(self) -> None:
        if self.scale is not None and not self.scale > 0:
            raise DataError(f"scale: found {self.scale}, expected stored units per {self.unit} > 0")
        if self.unit in ("metre", "pixel") and (self.scale is None) == (self.formula is None):
            raise DataError(f"found scale {self.scale} and formula {self.formula!r}, expected exactly one of them")
        if self.range is not None and not self.range[0] < self.range[1]:
            raise DataError(f"range: found {list(self.range)}, expected the smaller value first")
        if not 0 <= self.rotate_right < 16:
            raise DataError(f"rotate_right: found {self.rotate_right}, expected 0 to 15")


@dataclass(frozen=True)
class FileKind:
    """Paths of one kind of file under the root: the first of `paths` that exists is used (png before jpg, for example).

    Attributes:
        count: number of files in the complete data set, if known.
    """

    paths: tuple[str, ...]
    what: str
    encoding: str | None = None
    count: int | None = None

    def __post_init__(self) -> None:
        if not self.paths:
            raise DataError("paths: found none, expected at least one template")
        for template in self.paths:
            check_inside(template)
            field_names(template)


@dataclass(frozen=True)
class Camera:
    """Pinhole intrinsics in pixels, pixel centres at integers; without numbers, `file` names their kind of file."""

    what: str
    fx: float | None = None
    fy: float | None = None
    cx: float | None = None
    cy: float | None = None
    width: int | None = None
    height: int | None = None
    file: str | None = None
    note: str = ""

    def __post_init__(self) -> None:
        given = [value is not None for value in (self.fx, self.fy, self.cx, self.cy)]
        if any(given) != all(given) or (not any(given) and self.file is None):
            raise DataError(
                "found part of fx, fy, cx, cy, expected all four, or the kind of file that holds them in `file`"
            )
        if all(given) and not (self.fx > 0 and self.fy > 0):
            raise DataError(f"found fx {self.fx:g}, fy {self.fy:g}, expected focal lengths in pixels > 0")
        for focal, centre, side, name in (
            (self.fx, self.cx, self.width, "width"),
            (self.fy, self.cy, self.height, "height"),
        ):
            if side is None or focal is None:
                continue
            if side <= 0 or not -side / 2 <= centre <= 1.5 * side:
                raise DataError(
                    f"found a principal point at {centre:g} for a {name} of {side}, expected one in or near the image"
                )
            if not NARROWEST <= (angle := math.degrees(2 * math.atan(side / (2 * focal)))) <= WIDEST:
                raise DataError(
                    f"found a focal length of {focal:g} for a {name} of {side}, an angle of view of {angle:.1f} "
                    f"degrees, "
                    f"expected {NARROWEST} to {WIDEST}: pixels, not millimetres?"
                )


@dataclass(frozen=True)
class Baseline:
    """Distance of the stereo pair, metres; None where each item has its own."""

    metres: float | None
    note: str = ""


@dataclass(frozen=True)
class Split:
    """A list of a split: its file, its fingerprint, and the format of its lines.

    Attributes:
        list: the list's path under the folder of lists (`depthlib data fetch lists` makes one).
        lines: number of entries; blank lines do not count.
        source: origin of the list: project, commit, path.
        entry: names of the fields of a line, separated by spaces ("drive frame side"); None: not lines of text.
        needs: kinds of file (keys of `layout`) that each entry must have, their templates filled with the fields.
        values: replacement of a field's text in the templates: {side: {l: "02", r: "03"}}.
    """

    list: str
    lines: int
    sha256: str
    source: str
    entry: str | None = None
    needs: tuple[str, ...] = ()
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        check_sha256(self.sha256)
        check_inside(self.list)
        if self.lines < 0 or (self.needs and not self.entry):
            raise DataError(
                f"found lines {self.lines}, entry {self.entry!r}, expected lines >= 0, and an entry with needs"
            )


@dataclass(frozen=True)
class SizedFile:
    """One known file of the set (the single .mat, an archive): bytes and, where known, sha256."""

    path: str
    size: int
    sha256: str | None = None

    def __post_init__(self) -> None:
        check_inside(self.path)
        if self.sha256 is not None:
            check_sha256(self.sha256)


@dataclass(frozen=True)
class Manifest:
    """The description of a data set.

    Attributes:
        name: that of the file. title: for display. what: one or two sentences.
        layout: kind of file -> paths. encodings: name -> meaning of the numbers; layouts refer to them.
        intrinsics: cameras. baseline: of the stereo pair. splits: name ("eigen_zhou/train") -> list.
        traps: known mistakes, one sentence each. sizes: files whose bytes are known.
        loader: "module:Class", called as Class(root, split=..., **options); None:
            `depthlib.data.frames.ManifestFrames`.
    """

    name: str
    title: str
    what: str
    citation: str
    terms: Terms
    obtain: Obtain
    layout: dict[str, FileKind] = field(default_factory=dict)
    encodings: dict[str, Encoding] = field(default_factory=dict)
    intrinsics: tuple[Camera, ...] = ()
    baseline: Baseline | None = None
    splits: dict[str, Split] = field(default_factory=dict)
    traps: tuple[str, ...] = ()
    sizes: tuple[SizedFile, ...] = ()
    loader: str | None = None

    def __post_init__(self) -> None:
        if self.terms.accept and self.obtain.files:
            raise DataError(
                "obtain.files: found files to fetch, expected none where terms must be accepted at the source"
            )
        named = [(f"layout.{key}.encoding", kind.encoding, self.encodings) for key, kind in self.layout.items()]
        named += [
            (f"splits.{key}.needs", need, self.layout) for key, split in self.splits.items() for need in split.needs
        ]
        named += [
            (f"intrinsics[{number}].file", camera.file, self.layout) for number, camera in enumerate(self.intrinsics)
        ]
        for where, name, there in named:
            if name is not None and name not in there:
                raise DataError(
                    f"{where}: found {name!r}, expected one of {', '.join(there) or 'none, since there are none'}"
                )
        for key, split in self.splits.items():
            known = set((split.entry or "").split())
            for need in split.needs:
                for template in self.layout[need].paths:
                    if lacking := sorted(set(field_names(template)) - known):
                        wanted = f"it for layout.{need}"
                        raise DataError(f"splits.{key}: found no {lacking[0]!r} in its entry, expected {wanted}")


@dataclass(frozen=True)
class Generated:
    """Data that the package generates.

    Attributes:
        families: the generator's own description of each, with the hashes of its frames.
    """

    name: str
    description: str
    licence: str
    frame: dict[str, Any]
    splits: dict[str, Any]
    families: dict[str, Any]


def check_sha256(value: str) -> None:
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise DataError(f"sha256: found {value!r}, expected 64 lower-case hexadecimal digits (quote them)")


def check_inside(path: str) -> None:
    """Raise DataError unless a path of a manifest stays below its root."""
    if not path or "\\" in path or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise DataError(f"path: found {path!r}, expected one below the root, with forward slashes")


def load_manifest(name: str | Path) -> Manifest | Generated:
    """The manifest of that name, or the one in that file.

    Raises:
        DataError: none of that name, or a field that is missing, unknown or wrong (the message names file and field).
    """
    path = Path(name) if str(name).endswith(".yaml") else paths.manifests_dir() / f"{name}.yaml"
    if not path.is_file():
        raise DataError(f"{name}: no such manifest, expected one of {', '.join(manifest_names()) or '(none there)'}")
    data = read_yaml(path)
    if data.get("name") != path.stem:
        raise DataError(f"{path}: found name {data.get('name')!r}, expected {path.stem!r}, the file's name")
    if "families" in data:
        return build(Generated, data, path.name)
    return build(Manifest, data, path.name)


def manifest_names() -> list[str]:
    return sorted(path.stem for path in paths.manifests_dir().glob("*.yaml"))
