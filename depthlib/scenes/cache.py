"""Rendered frames on disk: one file a view, whole or absent, checked by its hash when read.

A file is the SHA-256 of what follows (32 bytes) and a compressed npz archive. The folder's name is a hash of the
distribution and of the renderer's source, so that other knobs or newer code never get old pixels.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np

from depthlib.base import paths
from depthlib.base.fingerprint import code_fingerprint
from depthlib.base.text import one_line
from depthlib.scenes.distribution import VERSION, SceneDistribution
from depthlib.scenes.frame import StoredFrame, StoredOcclusion

Stored = TypeVar("Stored", StoredFrame, StoredOcclusion)


@cache
def renderer_fingerprint() -> str:
    """SHA-256 of the renderer's code."""
    return code_fingerprint(("depthlib.scenes.frame", "depthlib.scenes.generate", "depthlib.scenes.flow"))


def folder(distribution: SceneDistribution) -> Path:
    """The folder of the frames of a distribution."""
    key = f"{distribution.rendering_key()} {renderer_fingerprint()}"
    return paths.cache_dir() / VERSION / hashlib.sha256(key.encode()).hexdigest()[:20]


def frame_path(distribution: SceneDistribution, split: str, index: int, view: str) -> Path:
    return folder(distribution) / split / f"{index:06d}-{view}.frame"


def save(path: Path, frame: Stored) -> None:
    """Write a frame; if two processes write the same one, the last complete file is kept."""
    archive = io.BytesIO()
    np.savez_compressed(archive, **vars(frame))
    content = archive.getvalue()
    with paths.atomic_write(path) as temporary:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)


def load(path: Path, kind: type[Stored] = StoredFrame) -> Stored | None:
    """What `save` has written, or None if there is no file; a damaged one is set aside."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content[32:]).digest() != content[:32]:
        return paths.set_aside(path, "found another content than that of its checksum")
    try:
        with np.load(io.BytesIO(content[32:]), allow_pickle=False) as archive:
            return kind(**{field.name: archive[field.name] for field in fields(kind)})
    except (KeyError, ValueError, OSError, zipfile.BadZipFile, zlib.error) as error:
        return paths.set_aside(path, one_line(error))
