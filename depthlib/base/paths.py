"""Folders of the package. Each can be moved by one environment variable."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
CHECKED_OUT = (REPOSITORY / "data_manifests").is_dir()  # else installed from a wheel
# what comes with the package: data_manifests/, notebooks/, results/
SHIPPED = REPOSITORY if CHECKED_OUT else REPOSITORY / "depthlib" / "shipped"


def _own(name: str) -> Path:
    """A folder for what the user makes: in the checkout, else in the folder at work."""
    return (REPOSITORY if CHECKED_OUT else Path.cwd()) / name


def _folder(variable: str, default: Path) -> Path:
    value = os.environ.get(variable)
    # unlike `resolve`, `realpath` raises nothing for a loop of links
    return Path(os.path.realpath(Path(value).expanduser())) if value else default


def results_dir(profile: str) -> Path:
    """Rendered results of a profile: executed notebooks, tables, figures, runs. `DEPTHLIB_OUT` moves it.

    By default `out/`, which git ignores: the committed `results/` change only for who names them.
    """
    return _folder("DEPTHLIB_OUT", _own("out")) / profile


def reference_dir(profile: str) -> Path:
    """The results committed with the source, which are read only; `DEPTHLIB_OUT` does not move them."""
    return SHIPPED / "results" / profile


def store_dir() -> Path:
    """The run store. `DEPTHLIB_STORE` moves it."""
    return _folder("DEPTHLIB_STORE", _own("runs"))


def cache_dir() -> Path:
    """Rendered scenes and fetched files; may be deleted at any time. `DEPTHLIB_CACHE` moves it.

    By default where the system keeps such files: on Linux `XDG_CACHE_HOME`, else `~/.cache/depthlib`.
    """
    import platformdirs

    return _folder("DEPTHLIB_CACHE", platformdirs.user_cache_path("depthlib", appauthor=False))


def data_dir() -> Path:
    """Real data sets, each in a folder named as its manifest, which may be a link. `DEPTHLIB_DATA` moves it."""
    return _folder("DEPTHLIB_DATA", cache_dir() / "data")


def manifests_dir() -> Path:
    return SHIPPED / "data_manifests"


def notebooks_dir() -> Path:
    return SHIPPED / "notebooks"


def samples_dir() -> Path | None:
    """Real RGB-D samples, if `DEPTHLIB_SAMPLES` names a folder that exists; else None."""
    folder = Path(os.environ.get("DEPTHLIB_SAMPLES") or os.devnull).expanduser().resolve()
    return folder if folder.is_dir() else None


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success rename it to `path`, on failure remove it.

    Readers see the old file or the whole new one. Missing folders are made, and removed again on failure. An error of
    the disk is an OSError that names `path`.
    """
    path = Path(path)
    with folder_for(path.parent), _naming(path):
        handle, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            os.chmod(temporary, 0o644)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def folder_for(path: Path) -> Iterator[None]:
    """Make a folder with its parents; on failure remove those that were made and are empty."""
    made = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for folder in made:
            with suppress(OSError):  # not empty
                folder.rmdir()
        raise


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Make an error of the disk name `path` where it names a temporary file beside it, or none.

    Libraries in Rust, safetensors among them, raise errors of their own, which hold the number of the system's error.
    """
    try:
        yield
    except OSError as error:
        temporary = error.filename is None or Path(error.filename).name.startswith(f".{path.stem}.")
        if error.errno is None or not temporary:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    except Exception as error:
        if (number := re.search(r"\(os error (\d+)\)", str(error))) is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def set_aside(path: Path, reason: str) -> None:
    """Rename a damaged file to `<name>.damaged-1`, or the next free number, and say so in one line of the log.

    Raises:
        OSError: its folder cannot be written.
    """
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    try:
        path.rename(aside)
    except FileNotFoundError:  # another process was faster
        return
    except OSError as error:
        raise cannot_set_aside(path, reason, error) from error
    logging.getLogger("depthlib").warning("%s: damaged (%s); set aside as %s, made again", path, reason, aside.name)


def cannot_set_aside(path: Path, reason: str, error: OSError) -> OSError:
    """The error for a damaged file that stays where it is, since the disk refuses to rename it."""
    return OSError(error.errno, f"damaged ({reason}) and cannot be set aside: {error.strerror}", str(path))
