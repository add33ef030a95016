"""Folders of the package. Each can be moved by one environment variable."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


def _folder(variable: str, default: Path) -> Path:
    value = os.environ.get(variable)
    return Path(value).expanduser().resolve() if value else default


def results_dir(profile: str) -> Path:
    """Rendered results of a profile: executed notebooks, tables, figures, reference runs. `DEPTHLIB_OUT` moves it."""
    return _folder("DEPTHLIB_OUT", REPOSITORY / "results") / profile


def reference_dir(profile: str) -> Path:
    """The results committed with the source; `DEPTHLIB_OUT` does not move them."""
    return REPOSITORY / "results" / profile


def store_dir() -> Path:
    """The run store. `DEPTHLIB_STORE` moves it."""
    return _folder("DEPTHLIB_STORE", REPOSITORY / "runs")


def cache_dir() -> Path:
    """Rendered scenes and fetched files; may be deleted at any time. `DEPTHLIB_CACHE` moves it."""
    return _folder("DEPTHLIB_CACHE", Path.home() / ".cache" / "depthlib")


def manifests_dir() -> Path:
    return REPOSITORY / "data_manifests"


def notebooks_dir() -> Path:
    return REPOSITORY / "notebooks"


def samples_dir() -> Path | None:
    """Real RGB-D samples, if `DEPTHLIB_SAMPLES` names a folder that exists; else None."""
    folder = Path(os.environ.get("DEPTHLIB_SAMPLES") or os.devnull).expanduser().resolve()
    return folder if folder.is_dir() else None


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success rename it to `path`, on failure remove it.

    Readers see the old file or the whole new one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
