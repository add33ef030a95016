"""Unpacking untrusted zip and tar files: no member leaves the folder, no links, bounded size."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from depthlib.base.text import one_line
from depthlib.data.errors import DataError

MAX_BYTES = 64 * 2**30
MAX_MEMBERS = 1_000_000
_CHUNK = 2**20
_BROKEN = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    EOFError,
    OSError,
    RuntimeError,
    NotImplementedError,
    ValueError,
)


def unpack(
    archive: str | os.PathLike[str],
    folder: str | os.PathLike[str],
    *,
    max_bytes: int = MAX_BYTES,
    max_members: int = MAX_MEMBERS,
) -> int:
    """Unpack a zip or tar (plain, gz, bz2, xz) archive into a folder that does not exist yet, whole or not at all.

    Members are written to a temporary folder beside `folder`, which is renamed at the end. Only folders and regular
    files are allowed; owners, permissions and times are not restored.

    Args:
        max_bytes: bound of the size of all contents, counted while unpacking and not read from the headers.
        max_members: bound of the number of members.

    Returns:
        Bytes written.

    Raises:
        DataError: not an archive, damaged, encrypted, or over a bound; `folder` exists and is not empty; or a member
            that is absolute, climbs with "..", is a link or device, or stands twice.
    """
    archive, folder = Path(archive), Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder}: found a folder that is not empty, expected a new one to unpack {archive.name} into")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        written = _extract(archive, temporary, max_bytes, max_members)
        temporary.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        temporary.replace(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return written


def _extract(archive: Path, target: Path, max_bytes: int, max_members: int) -> int:
    if not archive.is_file():
        raise DataError(f"{archive}: no such file, expected an archive")
    written, seen = 0, set()
    try:
        members = _zip_members(archive) if zipfile.is_zipfile(archive) else _tar_members(archive)
        for number, (name, source) in enumerate(members, 1):
            if number > max_members:
                raise DataError(f"{archive}: found more than {max_members} members, expected at most that many")
            path = target / safe_name(name, archive)
            if source is None:
                path.mkdir(parents=True, exist_ok=True)
                continue
            if str(path).casefold() in seen:  # casefold: two such names are one file on many machines
                raise DataError(f"{archive}: found member {name!r} twice, expected once")
            seen.add(str(path).casefold())
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                while chunk := source.read(_CHUNK):
                    written += len(chunk)
                    if written > max_bytes:
                        raise DataError(f"{archive}: found contents over {max_bytes} bytes, expected at most that many")
                    file.write(chunk)
    except DataError:
        raise
    except _BROKEN as error:
        raise DataError(f"{archive}: not a zip or tar archive, damaged, or cut off ({one_line(error)})") from error
    return written


def _zip_members(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    """(name, contents) of each member; contents are None for a folder."""
    with zipfile.ZipFile(archive) as file:
        for member in file.infolist():
            kind = (member.external_attr >> 16) & 0o170000  # Unix mode, 0 where the writer noted none
            if kind not in (0, 0o100000, 0o040000):
                raise DataError(f"{archive}: found a link or device, {member.filename!r}, expected files and folders")
            if member.flag_bits & 1:
                raise DataError(f"{archive}: found the encrypted member {member.filename!r}, expected unencrypted ones")
            if member.is_dir():
                yield member.filename, None
            else:
                with file.open(member) as source:
                    yield member.filename, source


def _tar_members(archive: Path) -> Iterator[tuple[str, IO[bytes] | None]]:
    with tarfile.open(archive) as file:
        for member in file:
            if member.isdir():
                yield member.name, None
            elif member.isreg() and not member.issparse():  # a sparse one of a few bytes can unpack to terabytes
                yield member.name, file.extractfile(member)
            else:
                found = f"a link, device or sparse file, {member.name!r}"
                raise DataError(f"{archive}: found {found}, expected files and folders")


def safe_name(name: str, archive: Path) -> PurePosixPath:
    """The member's path relative to the folder.

    Raises:
        DataError: absolute, with a drive, a backslash, "..", or characters that no file name should have.
    """
    path = PurePosixPath(name)
    if (
        not name.strip("/.")
        or path.is_absolute()
        or ".." in path.parts
        or "\\" in name
        or re.match(r"[A-Za-z]:", name)
        or re.search(r"[\x00-\x1f\x7f]", name)
    ):
        if path == PurePosixPath("."):  # tar writes "./" for the folder itself
            return path
        raise DataError(f"{archive}: found member {name!r}, expected safe names that stay inside the folder")
    return path
