"""Reading any image: values, orientation, transparency, and what is refused."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageOps
from random_pictures import DEEP, RGB, RNG

from depthlib.data import images
from depthlib.data.images import MAX_PIXELS, DataError, read_image


def check(path: Path, expected: np.ndarray, tolerance: float = 1e-6) -> None:
    """`expected`: [H, W] or [H, W, 3] in [0, 1]."""
    image = read_image(path)
    if expected.ndim == 2:
        expected = np.stack([expected] * 3, axis=2)
    assert image.dtype == torch.float32 and image.shape == (3, *expected.shape[:2])
    np.testing.assert_allclose(image.permute(1, 2, 0).numpy(), expected, atol=tolerance)


def two_colours() -> Image.Image:
    palette = Image.fromarray(RGB[..., 0] // 128)  # indices 0 and 1
    palette.putpalette([10, 20, 30, 200, 100, 50])
    return palette


def png16(array: np.ndarray) -> bytes:
    """A 16-bit PNG of [H, W] grey, [H, W, 2], [H, W, 3] or [H, W, 4], put together from the format's definition."""
    channels = 1 if array.ndim == 2 else array.shape[2]
    colour_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], 16, colour_type, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.ppm", "a.webp", "A.PNG"])
def test_lossless_kinds(tmp_path: Path, name: str) -> None:
    Image.fromarray(RGB).save(tmp_path / name, **({"lossless": True} if name.endswith("webp") else {}))
    check(tmp_path / name, RGB / 255)


def test_jpeg_and_wrong_suffix(tmp_path: Path) -> None:
    smooth = np.broadcast_to(np.linspace(20, 230, 24)[None, :, None], (16, 24, 3)).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "jpeg_named.png", format="JPEG", quality=95)
    check(tmp_path / "jpeg_named.png", smooth / 255, tolerance=0.02)


def test_grey_binary_palette(tmp_path: Path) -> None:
    grey = RGB[..., 0]
    Image.fromarray(grey).save(tmp_path / "grey.png")
    check(tmp_path / "grey.png", grey / 255)
    Image.fromarray(grey > 127).save(tmp_path / "binary.png")
    check(tmp_path / "binary.png", (grey > 127) * 1.0)
    two_colours().save(tmp_path / "palette.png")
    check(tmp_path / "palette.png", np.array([[10, 20, 30], [200, 100, 50]])[grey // 128] / 255)


def test_transparency_is_laid_over_white(tmp_path: Path) -> None:
    alpha = RNG.integers(0, 256, (11, 14, 1), dtype=np.uint8)
    Image.fromarray(np.concatenate([RGB, alpha], 2)).save(tmp_path / "rgba.png")
    check(tmp_path / "rgba.png", (RGB / 255) * (alpha / 255) + 1 - alpha / 255)
    Image.fromarray(np.concatenate([RGB[..., :1], alpha], 2)).save(tmp_path / "la.png")
    check(tmp_path / "la.png", ((RGB[..., :1] / 255) * (alpha / 255) + 1 - alpha / 255)[..., 0])
    two_colours().save(tmp_path / "clear.gif", transparency=1)
    check(tmp_path / "clear.gif", np.array([[10, 20, 30], [255, 255, 255]])[RGB[..., 0] // 128] / 255)


def test_cmyk(tmp_path: Path) -> None:
    """Inverted or not inverted CMYK would give the photograph's negative."""
    flat = np.full((16, 16, 3), (200, 120, 40), np.uint8)
    Image.fromarray(flat).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    check(tmp_path / "cmyk.jpg", flat / 255, tolerance=0.03)
    Image.fromarray(flat).convert("CMYK").save(tmp_path / "cmyk.tif")
    check(tmp_path / "cmyk.tif", flat / 255, tolerance=0.01)


@pytest.mark.parametrize("kind", ["gif", "tif", "webp"])
def test_first_frame(tmp_path: Path, kind: str) -> None:
    frames = [Image.fromarray(np.full((10, 12, 3), value, np.uint8)) for value in (255, 0, 0)]
    frames[0].save(tmp_path / f"many.{kind}", save_all=True, append_images=frames[1:])
    check(tmp_path / f"many.{kind}", np.ones((10, 12)), tolerance=0.01)


def test_16_bit_png_keeps_its_precision(tmp_path: Path) -> None:
    unit, alpha = DEEP / 65535, DEEP[..., 3:] / 65535
    expected = {
        "grey": (DEEP[..., 0], unit[..., 0]),
        "rgb": (DEEP[..., :3], unit[..., :3]),
        "rgba": (DEEP, unit[..., :3] * alpha + 1 - alpha),
        "la": (DEEP[..., 2:], unit[..., 2] * alpha[..., 0] + 1 - alpha[..., 0]),
    }
    for name, (stored, wanted) in expected.items():
        (tmp_path / f"{name}.png").write_bytes(png16(stored))
        check(tmp_path / f"{name}.png", wanted)  # 8 bits would be off by up to 4e-3


def test_deep_tiff(tmp_path: Path) -> None:
    unit = DEEP / 65535
    tifffile.imwrite(tmp_path / "rgb16.tif", DEEP[..., :3], photometric="rgb")
    check(tmp_path / "rgb16.tif", unit[..., :3])
    tifffile.imwrite(
        tmp_path / "planes16.tif", DEEP[..., :3].transpose(2, 0, 1), photometric="rgb", planarconfig="separate"
    )
    check(tmp_path / "planes16.tif", unit[..., :3])
    tifffile.imwrite(tmp_path / "rgba16.tif", DEEP, photometric="rgb", extrasamples=["unassalpha"], compression="zlib")
    check(tmp_path / "rgba16.tif", unit[..., :3] * unit[..., 3:] + 1 - unit[..., 3:])
    tifffile.imwrite(tmp_path / "grey16.tif", DEEP[..., 0], byteorder=">")
    check(tmp_path / "grey16.tif", unit[..., 0])
    tifffile.imwrite(tmp_path / "inverted16.tif", DEEP[..., 0], photometric="miniswhite")
    check(tmp_path / "inverted16.tif", 1 - unit[..., 0])
    for dtype in (np.float16, np.float32, np.float64):
        tifffile.imwrite(tmp_path / "float.tif", unit[..., :3].astype(dtype), photometric="rgb")
        check(tmp_path / "float.tif", unit[..., :3].astype(dtype).astype(np.float64))
    tifffile.imwrite(tmp_path / "floatgrey.tif", unit[..., 0].astype(np.float32))
    check(tmp_path / "floatgrey.tif", unit[..., 0])


def lzw(data: bytes) -> bytes:
    """TIFF's LZW without any compression: 9-bit literals, with a clear code before the codes would grow to 10 bits."""
    codes = [code for start in range(0, len(data), 200) for code in (256, *data[start : start + 200])] + [257]
    bits = "".join(f"{code:09b}" for code in codes)
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def test_lzw_tiff_of_16_bits(tmp_path: Path) -> None:
    """Grey keeps its 16 bits; colour, which tifffile cannot decompress by itself, is read with 8, as documented."""
    Image.fromarray(DEEP[..., 0]).save(tmp_path / "grey.tif", compression="tiff_lzw")
    check(tmp_path / "grey.tif", DEEP[..., 0] / 65535)
    strip, (height, width) = lzw(DEEP[..., :3].astype("<u2").tobytes()), DEEP.shape[:2]
    entries = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, 3, 8),
        (259, 3, 1, 5),
        (262, 3, 1, 2),
        (273, 4, 1, 14),
        (277, 3, 1, 3),
        (278, 3, 1, height),
        (279, 4, 1, len(strip)),
    ]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    head = b"II*\0" + struct.pack("<I", 14 + len(strip)) + struct.pack("<HHH", 16, 16, 16)
    (tmp_path / "colour.tif").write_bytes(head + strip + directory)
    check(tmp_path / "colour.tif", DEEP[..., :3] / 65535, tolerance=1 / 255)


# How the stored picture follows from the upright one: the inverse of what the EXIF orientation asks for.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", list(STORED))
def test_exif_orientation(tmp_path: Path, orientation: int) -> None:
    """All four paths to the pixels turn the picture once: not never, and not twice."""
    stored = np.ascontiguousarray(STORED[orientation](RGB))
    picture = Image.fromarray(stored)
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture.save(tmp_path / "turned.png", exif=exif)
    check(tmp_path / "turned.png", RGB / 255)
    with Image.open(tmp_path / "turned.png") as opened:  # the table above means what Pillow means
        np.testing.assert_array_equal(np.asarray(ImageOps.exif_transpose(opened)), RGB)
    picture.save(tmp_path / "turned.tif", exif=exif)
    check(tmp_path / "turned.tif", RGB / 255)
    deep = stored.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "turned16.tif", deep, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    check(tmp_path / "turned16.tif", RGB / 255)
    flat = np.zeros((16, 24, 3), np.uint8)
    flat[:8, :8] = 255  # a whole JPEG block, so that edges stay sharp
    Image.fromarray(np.ascontiguousarray(STORED[orientation](flat))).save(
        tmp_path / "turned.jpg", exif=exif, quality=95
    )
    check(tmp_path / "turned.jpg", flat / 255, tolerance=0.02)


def refused(path: Path, pattern: str) -> None:
    with pytest.raises(DataError, match=pattern) as caught:
        read_image(path)
    assert "\n" not in str(caught.value) and path.name in str(caught.value)


def test_refusals(tmp_path: Path) -> None:
    refused(tmp_path / "absent.jpg", "no such file")
    refused(tmp_path, "found a folder")
    (tmp_path / "empty.jpg").touch()
    refused(tmp_path / "empty.jpg", "is empty")
    (tmp_path / "notes.png").write_text("this is not a picture\n" * 50)
    refused(tmp_path / "notes.png", "not an image")
    (tmp_path / "program.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    refused(tmp_path / "program.eps", "not an image")  # Pillow alone would start Ghostscript
    (tmp_path / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(64))
    refused(tmp_path / "phone.heic", "HEIC.*export")
    tifffile.imwrite(tmp_path / "camera.dng", RGB)
    refused(tmp_path / "camera.dng", "raw camera")
    Image.fromarray(RGB[:7]).save(tmp_path / "small.png")
    refused(tmp_path / "small.png", "14 x 7 pixels, expected at least 8")
    os.mkfifo(tmp_path / "pipe.png")
    refused(tmp_path / "pipe.png", "found a special file")  # reading it would wait for ever
    refused(tmp_path / ("x" * 300 + ".png"), "cannot be read")
    with pytest.raises(DataError, match="null|cannot be read"):
        read_image("a\0b.png")
    flipped = bytearray(png16(DEEP[..., :3]))
    flipped[60] ^= 0xFF
    (tmp_path / "flipped.png").write_bytes(flipped)  # a checksum is wrong
    refused(tmp_path / "flipped.png", "damaged")
    for value in (-0.5, 2.0, np.nan):
        tifffile.imwrite(tmp_path / "hdr.tif", np.full((10, 10), value, np.float32))
        refused(tmp_path / "hdr.tif", "expected 0 to 1")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "deep.png", "a.tif", "deep.tif", "a.webp", "a.gif", "a.bmp"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_cut_off_files_are_refused(tmp_path: Path, name: str, share: float) -> None:
    big = RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    if name == "deep.png":
        (tmp_path / name).write_bytes(png16(big.astype(np.uint16) * 257))
    elif name == "deep.tif":
        tifffile.imwrite(tmp_path / name, big.astype(np.uint16), photometric="rgb")
    else:
        Image.fromarray(big).save(tmp_path / name)
    os.truncate(tmp_path / name, int((tmp_path / name).stat().st_size * share))
    refused(tmp_path / name, "damaged or cut off|not an image")


@pytest.mark.slow
def test_too_large_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    side = int(MAX_PIXELS**0.5)
    for edge in (side + 1, 3 * side):  # the second is beyond Pillow's own limit
        Image.new("1", (edge, edge)).save(tmp_path / "bomb.png")
        with monkeypatch.context() as patch:
            patch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("decoded"))
            refused(tmp_path / "bomb.png", "100 megapixels")


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.fromarray(RGB).save(tmp_path / "locked.png")

    def deny(self: Path) -> bytes:  # a superuser may read everything, so the refusal is played
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", deny)
    refused(tmp_path / "locked.png", "no permission")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "turned.jpg", "deep.png", "clear.png"])
def test_reading_at_a_smaller_size(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In bands of a few rows, it gives what resizing the whole picture gives; a JPEG may be reduced while it is
    decoded.
    """
    monkeypatch.setattr(images, "BAND", 7 * 90)
    rows, columns = np.mgrid[:150, :90]
    smooth = np.stack([rows * 1.5, columns * 2.5, 255 - rows - columns], axis=2).clip(0, 255).astype(np.uint8)
    if name == "deep.png":
        (tmp_path / name).write_bytes(png16(smooth.astype(np.uint16) * 257))
    elif name == "clear.png":
        Image.fromarray(np.dstack((smooth, 255 - smooth[..., :1]))).save(tmp_path / name)
    else:
        exif = Image.Exif()
        exif[0x0112] = 6 if name.startswith("turned") else 1
        Image.fromarray(smooth).save(tmp_path / name, **({"quality": 98, "exif": exif} if name.endswith("jpg") else {}))
    whole = read_image(tmp_path / name)
    found, size = images.read_resized(tmp_path / name, lambda full: (full[0] // 10, full[1] // 10))
    assert size == tuple(whole.shape[1:]) == ((90, 150) if name.startswith("turned") else (150, 90))
    expected = images.resize(whole[None], (size[0] // 10, size[1] // 10))[0]
    np.testing.assert_allclose(found.numpy(), expected.numpy(), atol=0.03 if name.endswith("jpg") else 1e-6)
