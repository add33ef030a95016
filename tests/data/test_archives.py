"""Archives made to break out of their folder, to fill the disk, or to break off in the middle; and sound ones."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest
from some_files import BYTES, files_below

from depthlib.data.archives import unpack
from depthlib.data.errors import DataError


def make_zip(members: dict[str, bytes], mode: int | None = None) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            member = zipfile.ZipInfo(name)
            member.compress_type = zipfile.ZIP_DEFLATED
            if mode is not None:
                member.external_attr = mode << 16
            file.writestr(member, data)
    return buffer.getvalue()


def make_tar(*members: tuple[str, bytes, bytes | None], mode: str = "w:gz") -> bytes:
    """Members: name, type, contents (or the target of a link)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as file:
        for name, kind, data in members:
            member = tarfile.TarInfo(name)
            member.type, member.mode = kind, 0o777
            if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
                member.linkname = data.decode()
                data = None
            member.size = len(data or b"")
            file.addfile(member, io.BytesIO(data or b""))
    return buffer.getvalue()


REG, DIR, SYM, LNK = tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE
FIFO, DEV = tarfile.FIFOTYPE, tarfile.CHRTYPE
BAD = {
    "zip climbs": make_zip({"good": b"1", "../out": b"2"}),
    "zip climbs inside": make_zip({"a/../../out": b"2"}),
    "zip backslash": make_zip({"..\\out": b"2"}),
    "zip drive": make_zip({"C:out": b"2"}),
    "zip link": make_zip({"out": b"/etc/passwd"}, mode=0o120777),
    "zip control character": make_zip({"a\nb": b"2"}),
    "zip twice": make_zip({"Name": b"1", "name": b"2"}),
    "zip file is also a folder": make_zip({"a": b"1", "a/b": b"2"}),
    "tar climbs": make_tar(("good", REG, b"1"), ("../out", REG, b"2")),
    "tar symbolic link": make_tar(("link", SYM, b".."), ("link/out", REG, b"2")),
    "tar hard link": make_tar(("out", LNK, b"/etc/passwd")),
    "tar pipe": make_tar(("out", FIFO, None)),
    "tar device": make_tar(("out", DEV, None)),
    "zip cut off": make_zip({"a": BYTES})[:-1000],
    "tar cut off": make_tar(("a", REG, BYTES))[:-1000],
    "tar cut off, plain": make_tar(("a", REG, BYTES), mode="w:")[:300_000],
    "zip damaged": (lambda data: data[:5000] + b"oops" + data[5004:])(make_zip({"a": BYTES})),
    "no archive": b"<html>404</html>",
    "empty": b"",
}


@pytest.mark.parametrize("name", BAD)
def test_hostile_archive_leaves_nothing(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "bad.archive").write_bytes(BAD[name])
    with pytest.raises(DataError, match="bad.archive"):
        unpack(tmp_path / "bad.archive", inside / "target")
    assert list(inside.iterdir()) == []  # neither the target nor a temporary folder
    assert files_below(tmp_path) == ["bad.archive"]


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_absolute_member(tmp_path: Path, form: str) -> None:
    outside = tmp_path / "outside"
    (tmp_path / "a").write_bytes(
        make_zip({str(outside): b"2"}) if form == "zip" else make_tar((str(outside), REG, b"2"))
    )
    with pytest.raises(DataError, match="expected safe names that stay inside the folder"):
        unpack(tmp_path / "a", tmp_path / "target")
    assert files_below(tmp_path) == ["a"]


@pytest.mark.parametrize("mode", ["zip", "w:", "w:gz", "w:bz2", "w:xz"])
def test_sound_archives(tmp_path: Path, mode: str) -> None:
    archive = tmp_path / "a"
    if mode == "zip":
        archive.write_bytes(make_zip({"x/": b"", "x/1": b"one", "2": b"two!"}))
    else:
        members = ("./", DIR, None), ("./x", DIR, None), ("./x/1", REG, b"one"), ("2", REG, b"two!")
        archive.write_bytes(make_tar(*members, mode=mode))
    (tmp_path / "target").mkdir()  # an empty folder is as good as none
    assert unpack(archive, tmp_path / "target") == 7
    assert (tmp_path / "target/x/1").read_bytes() == b"one" and (tmp_path / "target/2").read_bytes() == b"two!"
    assert (tmp_path / "target/2").stat().st_mode & 0o777 in (
        0o644,
        0o664,
        0o600,
    )  # not the 0o777 that the archive wants
    with pytest.raises(DataError, match="is not empty"):
        unpack(archive, tmp_path / "target")
    assert (tmp_path / "target/2").read_bytes() == b"two!"


def test_size_is_counted_not_believed(tmp_path: Path) -> None:
    bomb = bytearray(make_zip({"zeros": bytes(50_000_000)}))
    assert len(bomb) < 60_000
    (tmp_path / "a").write_bytes(bomb)
    with pytest.raises(DataError, match="over 1000000 bytes"):
        unpack(tmp_path / "a", tmp_path / "target", max_bytes=1_000_000)
    (tmp_path / "b").write_bytes(make_tar(("zeros", REG, bytes(5_000_000))))
    with pytest.raises(DataError, match="over 1000000 bytes"):
        unpack(tmp_path / "b", tmp_path / "target", max_bytes=1_000_000)
    (tmp_path / "c").write_bytes(make_zip({str(number): b"" for number in range(20)}))
    with pytest.raises(DataError, match="more than 10 members"):
        unpack(tmp_path / "c", tmp_path / "target", max_members=10)
    assert not (tmp_path / "target").exists()
