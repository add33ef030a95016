"""Checking the files of a data set: counts of present, missing and damaged files, and the first faulty ones."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from depthlib.data.encoding import check_file
from depthlib.data.errors import DataError
from depthlib.data.files import sha256
from depthlib.data.frames import pair_frames
from depthlib.data.lists import needed_files, read_list
from depthlib.data.manifest import Encoding, Manifest, SizedFile
from depthlib.data.templates import pattern

SHOWN = 5


@dataclass
class Finding:
    """The state of one kind of file, of one split, or of the files whose sizes are known.

    Attributes:
        what: "layout depth", "split eigen/test", "known files".
        found, expected: counts; expected is None if the complete number is not known.
        missing, damaged: counts.
        offenders: the first `SHOWN` that are missing or damaged, each with the reason.
        note: why something was not checked.
    """

    what: str
    found: int = 0
    expected: int | None = None
    missing: int = 0
    damaged: int = 0
    offenders: list[str] = field(default_factory=list)
    note: str = ""

    @property
    def ok(self) -> bool:
        return not (self.missing or self.damaged)

    def blame(self, offender: str, *, missing: int = 0, damaged: int = 0) -> None:
        """Count a file, and keep its line if it is among the first."""
        self.missing, self.damaged = self.missing + missing, self.damaged + damaged
        self.offenders = [*self.offenders, offender][:SHOWN]


@dataclass(frozen=True)
class Report:
    """Findings of a data set. `ok`: nothing that was asked for is missing or damaged."""

    name: str
    root: Path
    full: bool
    findings: list[Finding]

    @property
    def ok(self) -> bool:
        return all(finding.ok for finding in self.findings)

    def text(self) -> str:
        """A line for each finding, its offenders below it; a question mark marks what could not be checked."""
        lines = [f"{self.name} in {self.root} ({'every file decoded' if self.full else 'names and sizes only'})"]
        for item in self.findings:
            counts = f"{item.found}" + (f" of {item.expected}" if item.expected is not None else "")
            state = ", ".join(
                [f"{item.missing} missing"] * bool(item.missing) + [f"{item.damaged} damaged"] * bool(item.damaged)
            )
            lines.append(
                f"  {'BAD' if not item.ok else '?  ' if item.note else 'ok '} {item.what}: "
                f"{counts}{': ' + state if state else ''}"
                f"{' (' + item.note + ')' if item.note else ''}"
            )
            lines += [f"        {offender}" for offender in item.offenders]
            if item.offenders and (more := item.missing + item.damaged - len(item.offenders)) > 0:
                lines.append(f"        and {more} more")
        return "\n".join(lines)


def verify(
    manifest: Manifest,
    root: str | os.PathLike[str],
    *,
    lists: str | os.PathLike[str] | None = None,
    splits: Iterable[str] = (),
    full: bool = False,
    progress: bool = False,
) -> Report:
    """Compare a folder with its manifest.

    Fast mode looks at names and sizes: empty files are damaged, known files must have their known size, and where no
    file fits any template all of them are missing. Full mode also decodes every file that has an encoding
    (`depthlib.data.encoding.check_file`) and hashes files of known sha256.

    Args:
        lists: the folder of lists; a list is looked for there and then under `root`. An absent list is noted and is no
            fault.
        splits: names of the splits that must be complete; none means all, and then absent lists are no fault.
        full: decode and hash.
        progress: show a bar in full mode.

    Raises:
        DataError: `root` is not a folder, or a split is not in the manifest.
    """
    root, wanted = Path(root), tuple(splits)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder, expected the root of {manifest.name}")
    if unknown := [name for name in wanted if name not in manifest.splits]:
        known = ", ".join(manifest.splits) or "none"
        raise DataError(f"split: found {unknown[0]!r}, expected one of {manifest.name}: {known}")
    there = dict(_walk(root))
    fetched = [SizedFile(file.to, file.size, file.sha256) for file in manifest.obtain.files if file.unpacked is None]
    known = [*manifest.sizes, *fetched]
    findings = [_sized(known, root, there, full)] if known else []
    owners: dict[str, tuple[str, Encoding]] = {}
    for name, kind in manifest.layout.items():
        matching = [pattern(template) for template in kind.paths]
        own = [path for path in there if any(item.fullmatch(path) for item in matching)]
        # kinds may overlap ("left" and "image"): any that has an encoding decodes the file
        if kind.encoding:
            owners.update((path, (name, manifest.encodings[kind.encoding])) for path in own)
        missing = max((kind.count or 0) - len(own), 0) if not wanted else 0
        finding = Finding(f"layout {name}", len(own), kind.count, missing)
        for path in sorted(path for path in own if there[path] == 0):
            finding.blame(f"{path}: is empty (0 bytes)", damaged=1)
        if not own:
            finding.note = f"looked for {' or '.join(kind.paths)}"
        findings.append(finding)
    if manifest.layout and not any(finding.found for finding in findings):
        for finding in findings:
            finding.missing = finding.missing or finding.expected or 1
    if manifest.loader is None:
        with suppress(DataError):  # not a set of single frames
            findings.append(_pairs(manifest, there))
    if full:
        _decode_all(root, {path: owner for path, owner in owners.items() if there[path]}, findings, progress)
    for name in wanted or manifest.splits:
        findings.append(_split(manifest, name, root, lists, there, asked=bool(wanted)))
    return Report(manifest.name, root, full, findings)


def _pairs(manifest: Manifest, there: dict[str, int]) -> Finding:
    """Frames with image and depth, of a set that `ManifestFrames` loads: what has no partner is left out there."""
    paired = pair_frames(manifest, there)
    finding = Finding("frames with image and depth", len(paired.pairs))
    alone = [
        f"{len(files)} {kind}, the first is {files[0]}"
        for kind, files in (("images without depth", paired.images), ("depths without image", paired.depths))
        if files
    ]
    if not paired.pairs and (not paired.images or not paired.depths):  # else both are there, and paired otherwise
        finding.blame("; ".join(alone) or "no image and no depth", missing=1)
    else:
        finding.note = "; ".join(alone)
    return finding


def _walk(root: Path) -> Iterator[tuple[str, int]]:
    """(relative path with "/", bytes) of every file. Links to folders are followed, each folder once."""
    waiting, seen = [(root, "")], set()
    while waiting:
        folder, prefix = waiting.pop()
        if (real := os.path.realpath(folder)) in seen:
            continue
        seen.add(real)
        with os.scandir(folder) as entries:
            for entry in entries:
                with suppress(OSError):  # a link that leads to itself, or away
                    if entry.is_dir():
                        waiting.append((Path(entry.path), f"{prefix}{entry.name}/"))
                    elif entry.is_file():
                        yield prefix + entry.name, entry.stat().st_size


def _sized(files: list[SizedFile], root: Path, there: dict[str, int], full: bool) -> Finding:
    finding = Finding("known files", 0, len(files))
    for file in files:
        if file.path not in there:
            finding.blame(f"{file.path}: no such file", missing=1)
            continue
        finding.found += 1
        if there[file.path] != file.size:
            finding.blame(f"{file.path}: {there[file.path]} bytes, expected {file.size}", damaged=1)
        elif full and file.sha256 and (found := sha256(root / file.path)) != file.sha256:
            finding.blame(f"{file.path}: sha256 {found[:12]}..., expected {file.sha256[:12]}...", damaged=1)
    return finding


def _decode_all(root: Path, owners: dict[str, tuple[str, Encoding]], findings: list[Finding], progress: bool) -> None:
    from tqdm import tqdm

    by_what = {finding.what: finding for finding in findings}
    jobs = [(path, by_what[f"layout {name}"], encoding) for path, (name, encoding) in sorted(owners.items())]
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # decoders release the interpreter's lock
        results = pool.map(lambda job: check_file(root / job[0], job[2]), jobs)
        results = tqdm(results, total=len(jobs), unit="file", disable=not (progress and jobs))
        for (path, finding, _), wrong in zip(jobs, results, strict=True):
            if wrong is not None:
                finding.blame(f"{path}: {wrong}", damaged=1)


def _split(
    manifest: Manifest, name: str, root: Path, lists: str | os.PathLike[str] | None, there: dict[str, int], asked: bool
) -> Finding:
    split = manifest.splits[name]
    finding = Finding(f"split {name}", 0, split.lines)
    path = next(
        (Path(folder) / split.list for folder in (lists, root) if folder and (Path(folder) / split.list).is_file()),
        None,
    )
    if path is None:
        finding.missing = split.lines if asked else 0
        finding.note = f"its list {split.list} is not there: give the folder of lists ({split.source})"
        return finding
    try:
        lines = read_list(path, split)
        lacking: set[int] = set()
        for number, kind, choices in needed_files(manifest, split, lines):
            if number not in lacking and not any(there.get(choice) for choice in choices):
                finding.blame(f"entry {number} ({lines[number - 1]}): no {kind} {choices[0]}", missing=1)
                lacking.add(number)
        finding.found = split.lines - finding.missing
    except DataError as error:
        finding.blame(str(error), damaged=1)
    return finding
