"""Fetching small public files, with progress and resume; kept only if the sha256 matches."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock

from depthlib.base import paths
from depthlib.data.archives import unpack
from depthlib.data.errors import DataError
from depthlib.data.manifest import Manifest, RemoteFile

ATTEMPTS = 3
TIMEOUT = (10, 60)          # seconds to connect, and between two pieces of an answer
_CHUNK = 2**15              # the most that a broken connection loses


def default_root(name: str) -> Path:
    """Where `fetch` puts a data set: a folder of the cache."""
    return paths.cache_dir() / "data" / name


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
        raise DataError(f"{manifest.name}: has no files that can be fetched. {manifest.obtain.how} See {manifest.obtain.where}")
    root = default_root(manifest.name) if root is None else Path(root)
    missing = [file for file in manifest.obtain.files if not (root / file.to).exists()]
    needed = sum(file.size + (file.unpacked or 0) for file in missing)
    root.mkdir(parents=True, exist_ok=True)
    if (free := shutil.disk_usage(root).free) < needed:
        raise DataError(
            f"{root}: found {free / 1e9:.1f} GB free, expected at least {needed / 1e9:.1f} GB for {manifest.name}"
        )
    return [fetch_file(file, root, progress=progress) for file in manifest.obtain.files]


def refusal(manifest: Manifest) -> str:
    """The message why a data set is not fetched, with the steps to obtain it."""
    terms = manifest.terms
    return (f"{manifest.name}: its terms ({terms.licence}) must be accepted at the source, so it is never fetched from here.\n"
            f"  1. Read and accept the terms: {terms.url or manifest.obtain.where}\n"
            f"  2. {manifest.obtain.how} ({manifest.obtain.where})\n"
            f"  3. depthlib data verify {manifest.name} --root FOLDER")


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
    import pooch
    import requests

    locks = paths.cache_dir() / "locks"
    for folder in (locks, target.parent):
        folder.mkdir(parents=True, exist_ok=True)
    with _quiet(pooch.get_logger()), FileLock(locks / hashlib.sha256(str(target.resolve()).encode()).hexdigest()[:16]):
        resumed = _part(target).exists()
        try:
            try:
                _checked(file, target, progress)
            except _WrongHashError:
                if not resumed:
                    raise
                _checked(file, target, progress)        # the part was of another file: start again
        except (OSError, requests.RequestException) as error:
            raise DataError(f"{file.url}: {_brief(error)}") from error


class _WrongHashError(DataError):
    pass


def _checked(file: RemoteFile, target: Path, progress: bool) -> None:
    """Pooch compares the sha256 before renaming the file; a valid file that exists is kept."""
    import pooch
    import requests

    download = Download(target, file.size, progress)
    try:
        pooch.retrieve(file.url, f"sha256:{file.sha256}", fname=target.name, path=target.parent, downloader=download)
    except (DataError, requests.RequestException):
        raise
    except ValueError as error:
        raise _WrongHashError(f"{file.url}: found another sha256, expected {file.sha256[:12]}... as in the manifest; "
                              f"{target.name} was not kept") from error


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _brief(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


class Download:
    """A downloader for pooch that stores partial downloads in `<target>.part` and resumes them.

    Args:
        size: expected bytes; a longer answer is refused, to protect the disk.
    """

    def __init__(self, target: Path, size: int, progress: bool) -> None:
        self.target, self.part, self.size, self.progress = target, _part(target), size, progress

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        import requests

        for attempt in range(ATTEMPTS):
            try:
                self._continue(url)
                break
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
                if attempt + 1 == ATTEMPTS:
                    there = self.part.stat().st_size if self.part.exists() else 0
                    raise DataError(f"{url}: stopped after {there} of {self.size} bytes ({_brief(error)}); "
                                    "run the same command again to continue") from error
        os.replace(self.part, output_file)

    def _continue(self, url: str) -> None:
        import requests

        there = self.part.stat().st_size if self.part.exists() else 0
        if there == self.size:
            return
        if there > self.size:
            self.part.unlink()
            there = 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
            if answer.status_code == 416:               # the file is shorter than the part: it is another file
                self.part.unlink()
                raise requests.ConnectionError("the server refuses to continue")
            if answer.status_code >= 400:
                raise DataError(f"{url}: found the answer {answer.status_code} {answer.reason}, expected the file")
            if answer.status_code == 206:
                start = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range", ""))
                if start is None or int(start[1]) != there:
                    self.part.unlink(missing_ok=True)
                    raise DataError(
                        f"{url}: found an answer from byte {start[1] if start else '?'}, expected one from {there}"
                    )
            else:
                there = 0
            length = answer.headers.get("Content-Length", "") if "Content-Encoding" not in answer.headers else ""
            if length.isdigit() and there + int(length) != self.size:
                self.part.unlink(missing_ok=True)
                raise DataError(f"{url}: found {there + int(length)} bytes on the server, expected {self.size}")
            self._write(answer, there, url)

    def _write(self, answer: Any, there: int, url: str) -> None:
        import requests
        from tqdm import tqdm

        bar = tqdm(total=self.size, initial=there, unit="B", unit_scale=True, desc=self.target.name, disable=not self.progress)
        with bar, self.part.open("r+b" if there else "wb") as file:
            file.seek(there)
            for chunk in answer.iter_content(_CHUNK):
                there += len(chunk)
                if there > self.size:
                    file.truncate(0)
                    raise DataError(f"{url}: found more than {self.size} bytes, expected that many")
                file.write(chunk)
                bar.update(len(chunk))
        if there < self.size:
            raise requests.ConnectionError(f"the connection ended after {there} bytes")
