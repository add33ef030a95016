"""Reading the files of real data sets; every fault raises `DataError`, which names the file."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np

from depthlib.base.text import one_line
from depthlib.data.errors import DataError

MAX_BYTES = 2**30


def read_bytes(path: Path) -> bytes:
    """The whole file.

    Raises:
        DataError: it is missing, a folder or a device, not readable, empty, or over `MAX_BYTES`.
    """
    try:
        if path.is_dir():
            raise DataError(f"{path}: found a folder, expected a file")
        if path.exists() and not path.is_file():
            raise DataError(f"{path}: found a special file, expected a regular one")
        if (size := path.stat().st_size) > MAX_BYTES:
            raise DataError(f"{path}: found {size / 2**30:.1f} GiB, expected at most {MAX_BYTES / 2**30:.0f} GiB")
        data = path.read_bytes()
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except PermissionError:
        raise DataError(f"{path}: no permission to read it") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the name
        raise DataError(f"{str(path)!r}: cannot be read ({one_line(error)})") from None
    if not data:
        raise DataError(f"{path}: is empty (0 bytes)")
    return data


def read_text(path: Path) -> str:
    """The whole file as text.

    Raises:
        DataError: see `read_bytes`; not text.
    """
    try:
        return read_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        raise DataError(f"{path}: found bytes that are not text, expected a text file") from None


def read_lines(path: Path, fields: int | None = None) -> list[list[str]]:
    """The lines of a list, cut at white space, without blank ones and comments (#).

    Args:
        fields: number of fields that every line must have at least.

    Raises:
        DataError: missing, not text, no line, or a line with fewer fields.
    """
    lines = [
        line.split() for line in read_text(path).splitlines() if line.strip() and not line.lstrip().startswith("#")
    ]
    if not lines:
        raise DataError(f"{path}: found no line, expected one for each image")
    if fields is not None and (short := [line for line in lines if len(line) < fields]):
        raise DataError(f"{path}: found the line {' '.join(short[0])!r}, expected {fields} fields")
    return lines


def read_numbers(path: Path, shape: tuple[int, ...]) -> np.ndarray:
    """float64 numbers of a small text file, such as a camera or a pose.

    Raises:
        DataError: missing, not numbers, another count, or not finite.
    """
    words, count = read_text(path).split(), int(np.prod(shape))
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError as error:
        raise DataError(f"{path}: found text that is not numbers ({error}), expected {count} numbers") from None
    if values.size != count or not np.isfinite(values).all():
        raise DataError(f"{path}: found {values.size} numbers, expected {count} finite ones")
    return values.reshape(shape)


def open_arrays(path: Path, kind: str) -> AbstractContextManager[Mapping[str, Any]]:
    """The arrays of a file by name; `kind`: "npz", "h5", "mat" (before 7.3), or "npy", whose only one is "array"."""
    if kind in ("npz", "npy"):
        loaded = np.load(path, allow_pickle=False)
        return loaded if kind == "npz" else nullcontext({"array": loaded})
    if kind == "mat":
        from scipy.io import loadmat

        return nullcontext({name: value for name, value in loadmat(path).items() if not name.startswith("__")})
    import h5py

    return h5py.File(path, "r")


def read_arrays(path: Path, *keys: str) -> list[np.ndarray]:
    """Whole arrays of a file, whose suffix is a `kind` of `open_arrays`.

    Raises:
        DataError: missing, empty, damaged, cut off, of another format, or without one of the arrays.
    """
    if not path.is_file() or not path.stat().st_size:
        read_bytes(path)  # raises
    try:
        with open_arrays(path, path.suffix[1:]) as arrays:
            if missing := [key for key in keys if key not in arrays]:
                raise DataError(f"{path}: found the arrays {', '.join(arrays) or '(none)'}, expected {missing[0]}")
            return [arrays[key][...] for key in keys]
    except DataError:
        raise
    except Exception as error:  # damaged files raise nearly every type
        raise DataError(f"{path}: damaged, cut off, or of another format ({one_line(error)})") from error


def fingerprint(root: Path, files: Iterable[Path], note: str = "") -> str:
    """SHA-256 over the names below `root` and the sizes of files, in their order; contents are not read.

    Raises:
        DataError: a file is missing.
    """
    digest = hashlib.sha256(note.encode())
    for path in files:
        try:
            size = os.stat(path).st_size
        except OSError:
            raise DataError(f"{path}: no such file") from None
        name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
        digest.update(f"{name} {size}\n".encode())
    return digest.hexdigest()


def sha256(path: Path) -> str:
    """SHA-256 of the contents, 64 hex digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_folder(path: str | os.PathLike[str], what: str) -> Path:
    """`path` as a Path.

    Raises:
        DataError: no such folder; the message names the expected contents.
    """
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder, expected {what}")
    return folder


def require_files(paths: Iterable[Path], source: str) -> None:
    """Raise DataError with the count and the first one missing. Lists each folder once, for speed."""
    there: dict[Path, set[str]] = {}
    missing, total = [], 0
    for path in paths:
        if path.parent not in there:
            there[path.parent] = set(os.listdir(path.parent)) if path.parent.is_dir() else set()
        total += 1
        if path.name not in there[path.parent]:
            missing.append(path)
    if missing:
        raise DataError(
            f"{missing[0]}: no such file; {len(missing)} of the {total} files that {source} names are missing"
        )


def require_size(path: Path, found: tuple[int, ...], size: tuple[int, ...] | None) -> None:
    """Raise DataError unless (height, width) of a file are those expected; None expects nothing."""
    if size is not None and tuple(found) != tuple(size):
        raise DataError(f"{path}: found {found[1]} x {found[0]} pixels, expected {size[1]} x {size[0]}")
