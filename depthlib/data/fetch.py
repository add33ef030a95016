"""Fetching small public files, with progress and resume; kept only if the sha256 matches."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Any

from filelock import FileLock

from depthlib.base import paths
from depthlib.base.text import one_line
from depthlib.data.archives import unpack
from depthlib.data.errors import DataError
from depthlib.data.files import sha256
from depthlib.data.manifest import Manifest, RemoteFile

ATTEMPTS = 3
TIMEOUT = (10, 60)  # seconds to connect, and between two pieces of an answer
_CHUNK = 2**15  # the most that a broken connection loses


def default_root(name: str) -> Path:
    """Where a data set is looked for, and where `fetch` puts it: its folder in `paths.data_dir()`, or a link there."""
    return paths.data_dir() / name


def fetch(manifest: Manifest, root: str | os.PathLike[str] | None = None, *, progress: bool = True) -> list[Path]:
    """Fetch the public files of a data set; valid files that exist are kept.

    An interrupted download leaves `<file>.part` and is resumed the next time, if the server allows it.

    Args:
        root: the folder; None takes `default_root`.
        progress: show a bar for each file.

    Returns:
        Files, and folders of unpacked archives.

    Raises:
        DataError: terms must be accepted at the source first (the message says where and how), nothing can be fetched,
            the server fails, the sha256 is wrong, or an archive is not safe.
    """
    if manifest.terms.accept:
        raise DataError(refusal(manifest))
    if not manifest.obtain.files:
        raise DataError(
            f"{manifest.name}: has no files that can be fetched. {manifest.obtain.how} See {manifest.obtain.where}"
        )
    root = default_root(manifest.name) if root is None else Path(root)
    missing = [file for file in manifest.obtain.files if not (root / file.to).exists()]
    needed = sum(file.size + (file.unpacked or 0) for file in missing)
    root.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(root).free) < needed:
        raise DataError(f"{root}: found {free / 1e9:.1f} GB free, expected {needed / 1e9:.1f} GB for {manifest.name}")
    return [fetch_file(file, root, progress=progress) for file in manifest.obtain.files]


def refusal(manifest: Manifest) -> str:
    """The message why a data set is not fetched, with the steps to obtain it."""
    terms = manifest.terms
    return (
        f"{manifest.name}: its terms ({terms.licence}) must be accepted at the source, so it is never fetched from "
        f"here.\n"
        f"  1. Read and accept the terms: {terms.url or manifest.obtain.where}\n"
        f"  2. {manifest.obtain.how} ({manifest.obtain.where})\n"
        f"  3. depthlib data link {manifest.name} FOLDER\n"
        f"  4. depthlib data verify {manifest.name}"
    )


def fetch_file(file: RemoteFile, root: Path, *, progress: bool = True) -> Path:
    """Fetch one file, or fetch and unpack one archive; returns where it is. Raises DataError as `fetch` does."""
    target = root / file.to
    if file.unpacked is None:
        _retrieve(file, target, progress)
    elif not target.is_dir():
        archive = target.with_name(target.name + ".archive")
        _retrieve(file, archive, progress)
        unpack(archive, target, max_bytes=file.unpacked)
        archive.unlink()
    return target


def _retrieve(file: RemoteFile, target: Path, progress: bool) -> None:
    """Fetch a file, if it is not there with its sha256. It gets its name after its sha256 was compared."""
    import requests

    locks, part = paths.cache_dir() / "locks", target.with_name(target.name + ".part")
    for folder in (locks, target.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with FileLock(locks / hashlib.sha256(str(target.resolve()).encode()).hexdigest()[:16]):
        if target.is_file() and sha256(target) == file.sha256:
            return
        try:
            for _ in range(1 + part.exists()):  # a part of another file fails: start again
                _download(file, part, progress)
                if sha256(part) == file.sha256:
                    part.replace(target)
                    return
                part.unlink()
        except (OSError, requests.RequestException) as error:
            raise DataError(f"{file.url}: {_brief(error)}") from error
        wanted = f"{file.sha256[:12]}... as in the manifest; {target.name} was not kept"
        raise DataError(f"{file.url}: found another sha256, expected {wanted}")


def _brief(error: Exception) -> str:
    return one_line(error)[:200]


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _download(file: RemoteFile, part: Path, progress: bool) -> None:
    """Fetch into `part`, from where it ends, in several attempts; a longer answer is refused, to protect the disk."""
    import requests

    for attempt in range(ATTEMPTS):
        try:
            return _continue(file, part, progress)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            if attempt + 1 == ATTEMPTS:
                stopped = f"stopped after {_size(part)} of {file.size} bytes ({_brief(error)})"
                raise DataError(f"{file.url}: {stopped}; run the same command again to continue") from error


def _continue(file: RemoteFile, part: Path, progress: bool) -> None:
    import requests

    there = _size(part)
    if there == file.size:
        return
    if there > file.size:
        part.unlink()
        there = 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
    with requests.get(file.url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code == 416:  # the file is shorter than the part: it is another file
            part.unlink()
            raise requests.ConnectionError("the server refuses to continue")
        if answer.status_code >= 400:
            raise DataError(f"{file.url}: found the answer {answer.status_code} {answer.reason}, expected the file")
        if answer.status_code == 206:
            start = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
            if start is None or int(start[1]) != there:
                part.unlink(missing_ok=True)
                found = f"an answer from byte {start[1] if start else '?'}"
                raise DataError(f"{file.url}: found {found}, expected one from {there}")
        else:
            there = 0
        length = answer.headers.get("Content-Length", "") if "Content-Encoding" not in answer.headers else ""
        if length.isdigit() and there + int(length) != file.size:
            part.unlink(missing_ok=True)
            raise DataError(f"{file.url}: found {there + int(length)} bytes on the server, expected {file.size}")
        _write(file, part, there, answer, progress)


def _write(file: RemoteFile, part: Path, there: int, answer: Any, progress: bool) -> None:
    import requests
    from tqdm import tqdm

    name = part.name.removesuffix(".part")
    bar = tqdm(total=file.size, initial=there, unit="B", unit_scale=True, desc=name, disable=not progress)
    with bar, part.open("r+b" if there else "wb") as output:
        output.seek(there)
        for chunk in answer.iter_content(_CHUNK):
            there += len(chunk)
            if there > file.size:
                output.truncate(0)
                raise DataError(f"{file.url}: found more than {file.size} bytes, expected that many")
            output.write(chunk)
            bar.update(len(chunk))
    if there < file.size:
        raise requests.ConnectionError(f"the connection ended after {there} bytes")
