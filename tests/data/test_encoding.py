"""Stored numbers and what they mean: every format against bytes that the test puts together, every fault against its
sentence.
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from depthlib.data.encoding import check_file, decode, read_stored
from depthlib.data.errors import DataError
from depthlib.data.manifest import Encoding

DEPTH16 = Encoding("png", "uint16", "metre", scale=256, invalid=(0.0,), range=(1, 100))


def test_decode_scale_offset_invalid_and_rotation() -> None:
    stored = np.array([[0, 1, 257]], dtype=np.uint16)
    values, valid = decode(
        stored, Encoding("png", "uint16", "pixel", scale=256, offset=1, invalid=(0.0,))
    )  # Cityscapes
    assert values.tolist() == [[0, 0, 1]] and valid.tolist() == [[False, True, True]]
    millimetres = np.array([[1234, 7, 65535]], dtype=np.uint16)
    rotated = (millimetres << 3) | (millimetres >> 13)  # SUN RGB-D
    values, _ = decode(rotated, Encoding("png", "uint16", "metre", scale=1000, rotate_right=3))
    np.testing.assert_allclose(values, [[1.234, 0.007, 65.535]])
    values, valid = decode(np.array([[np.inf, 2.0]]), Encoding("npy", "float64", "metre", scale=1, invalid=(np.inf,)))
    assert valid.tolist() == [[False, True]] and values.tolist() == [[0, 2]]


def test_every_format_gives_its_numbers_back(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    savemat = pytest.importorskip("scipy.io").savemat
    array = np.arange(12, dtype=np.uint16).reshape(3, 4) * 300
    single = array.astype(np.float32)
    Image.fromarray(array).save(tmp_path / "a.png")
    (tmp_path / "big.pgm").write_bytes(b"P5 4 3 65535\n" + array.astype(">u2").tobytes())
    (tmp_path / "little.pgm").write_bytes(b"P5 4 3 65535\n" + array.astype("<u2").tobytes())
    (tmp_path / "a.pfm").write_bytes(b"Pf\n4 3\n-1.0\n" + single[::-1].astype("<f4").tobytes())
    (tmp_path / "a.bin").write_bytes(struct.pack("<12f", *single.ravel()))
    np.save(tmp_path / "a.npy", single[..., None])
    np.savez(tmp_path / "a.npz", depth=single, other=array)
    savemat(tmp_path / "a.mat", {"depth": single})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["depth"] = single
    cases: dict[str, dict[str, Any]] = {
        "a.png": {},
        "big.pgm": {},
        "little.pgm": {"byte_order": "little"},
        "a.pfm": {},
        "a.bin": {"channels": 4},
        "a.npy": {},
        "a.npz": {"key": "depth"},
        "a.mat": {"key": "depth"},
        "a.h5": {},
    }
    for name, more in cases.items():
        form = name.partition(".")[2]
        encoding = Encoding(form, "uint16" if form in ("png", "pgm") else "float32", "metre", scale=1, **more)
        np.testing.assert_array_equal(read_stored(tmp_path / name, encoding), array, err_msg=name)
    with pytest.raises(DataError, match="found the arrays depth, other, expected metres"):
        read_stored(tmp_path / "a.npz", Encoding("npz", "float32", "metre", scale=1, key="metres"))


def test_check_file_says_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    good = np.arange(20_000, dtype=np.uint16).reshape(100, 200) % 100 * 256

    def wrong(array: np.ndarray, cut: int | None = None) -> str | None:
        Image.fromarray(array).save(file)
        file.write_bytes(file.read_bytes()[:cut])
        return check_file(file, DEPTH16)

    assert wrong(good) is None
    assert "found uint8 numbers, expected uint16" in wrong((good >> 8).astype(np.uint8))
    assert "found 3 channels" in wrong(np.zeros((5, 5, 3), np.uint8)) or "found uint8" in wrong(
        np.zeros((5, 5, 3), np.uint8)
    )
    assert "no valid value" in wrong(np.zeros_like(good))
    assert "expected 1 to 100: another unit?" in wrong(np.minimum(good, 100))
    assert "damaged or cut off" in wrong(good, cut=-200)
    assert wrong(good, cut=0) == "is empty (0 bytes)"
    np.save(tmp_path / "a.npy", np.array([[1.0, np.nan]], dtype=np.float32))
    assert "1 values are not finite" in check_file(tmp_path / "a.npy", Encoding("npy", "float32", "metre", scale=1))


def test_sixteen_bit_colour_is_not_reduced(tmp_path: Path) -> None:
    """Pillow reduces such files to 8 bits without a word (KITTI's flow)."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    pixels = np.arange(60, dtype=np.uint16).reshape(4, 5, 3) * 1001
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    header = struct.pack(">IIBBBBB", 5, 4, 16, 2, 0, 0, 0)
    (tmp_path / "a.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    encoding = Encoding("png", "uint16", "none", channels=3)
    np.testing.assert_array_equal(read_stored(tmp_path / "a.png", encoding), pixels)
