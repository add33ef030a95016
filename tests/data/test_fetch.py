"""Fetching from a server on loopback that misbehaves in every way we know."""

from __future__ import annotations

import hashlib
import io
import re
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from some_files import BYTES, files_below

from depthlib.data import fetch as module
from depthlib.data.errors import DataError
from depthlib.data.fetch import fetch, fetch_file
from depthlib.data.manifest import Manifest, Obtain, RemoteFile, Terms

SHA = hashlib.sha256(BYTES).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves `files`. `cut`: bytes of each answer after which it hangs up; `ranges`: it can continue, `shift`:
    elsewhere.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {"/a.bin": BYTES}
        self.cut: int | None = None
        self.ranges, self.length, self.shift = True, True, 0
        self.asked: list[str | None] = []

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up early is what some tests are about; any other error is told as usual."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.server.asked.append(asked)
        data = self.server.files.get(self.path)
        if data is None:
            self.send_error(404)
            return
        start = int(re.match(r"bytes=(\d+)-", asked)[1]) + self.server.shift if asked and self.server.ranges else 0
        if start >= len(data):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if self.server.length:
            self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        piece = data[start:]
        self.wfile.write(piece if self.server.cut is None else piece[: self.server.cut])

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("DEPTHLIB_CACHE", str(tmp_path / "cache"))
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def remote(
    server: Server, path: str = "/a.bin", data: bytes = BYTES, to: str = "in/a.bin", unpacked: int | None = None
) -> RemoteFile:
    return RemoteFile(server.url(path), to, hashlib.sha256(data).hexdigest(), len(data), unpacked)


def manifest(*files: RemoteFile, accept: bool = False) -> Manifest:
    terms = Terms("CC BY-NC-SA 3.0", accept, url="https://example.org/terms")
    obtain = Obtain("Register and download.", "https://example.org", files)
    return Manifest("set", "A set", "Some files.", "Nobody.", terms, obtain)


def test_fetch_then_nothing_to_do(server: Server, tmp_path: Path) -> None:
    root = tmp_path / "root"
    assert fetch(manifest(remote(server)), root, progress=False) == [root / "in/a.bin"]
    assert (root / "in/a.bin").read_bytes() == BYTES
    fetch(manifest(remote(server)), root, progress=False)
    assert server.asked == [None]  # the second call asked for nothing
    assert files_below(root) == ["in/a.bin"]  # no part, lock or temporary file stays


def test_stopped_download_continues(server: Server, tmp_path: Path) -> None:
    server.cut = 100_000
    with pytest.raises(DataError, match=r"stopped after \d{6} of 700001 bytes.*run the same command again"):
        fetch_file(remote(server), tmp_path, progress=False)
    part = (tmp_path / "in/a.bin.part").read_bytes()
    assert len(part) > 250_000 and part == BYTES[: len(part)]  # three tries, each of which lost its last piece at most
    assert not (tmp_path / "in/a.bin").exists()
    server.cut, server.asked = None, []
    fetch_file(remote(server), tmp_path, progress=False)
    assert server.asked == [f"bytes={len(part)}-"]
    assert (tmp_path / "in/a.bin").read_bytes() == BYTES and files_below(tmp_path / "in") == ["a.bin"]


def test_server_without_ranges_starts_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.bin.part").write_bytes(BYTES[:1000])
    server.ranges = False
    fetch_file(remote(server), tmp_path, progress=False)
    assert (tmp_path / "in/a.bin").read_bytes() == BYTES and len(server.asked) == 1


def test_server_that_continues_elsewhere(server: Server, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.bin.part").write_bytes(BYTES[:1000])
    server.shift = -10
    with pytest.raises(DataError, match="found an answer from byte 990, expected one from 1000"):
        fetch_file(remote(server), tmp_path, progress=False)
    fetch_file(remote(server), tmp_path, progress=False)  # the part is gone, so this one starts at the beginning
    assert (tmp_path / "in/a.bin").read_bytes() == BYTES


@pytest.mark.parametrize(
    "part", [b"x" * 1000, b"x" * len(BYTES), b"x" * (len(BYTES) + 5)], ids=["short", "as long", "longer"]
)
def test_part_of_something_else(server: Server, tmp_path: Path, part: bytes) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.bin.part").write_bytes(part)
    fetch_file(remote(server), tmp_path, progress=False)
    assert (tmp_path / "in/a.bin").read_bytes() == BYTES


def test_wrong_bytes_are_not_kept(server: Server, tmp_path: Path) -> None:
    server.files["/a.bin"] = bytes(len(BYTES))
    with pytest.raises(DataError, match="another sha256"):
        fetch_file(remote(server), tmp_path, progress=False)
    assert files_below(tmp_path / "in") == [] and len(server.asked) == 1


def test_damaged_file_is_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.bin").write_bytes(b"damaged")
    fetch_file(remote(server), tmp_path, progress=False)
    assert (tmp_path / "in/a.bin").read_bytes() == BYTES


@pytest.mark.parametrize("length", [True, False], ids=["announced", "not announced"])
def test_longer_answer_is_cut_off(server: Server, tmp_path: Path, length: bool) -> None:
    server.files["/a.bin"], server.length = BYTES + b"more" * 10**6, length
    with pytest.raises(DataError, match=r"expected 700001|found more than 700001 bytes"):
        fetch_file(remote(server), tmp_path, progress=False)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= len(BYTES)


def test_no_such_file_and_no_server(server: Server, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="found the answer 404"):
        fetch_file(remote(server, "/b.bin"), tmp_path, progress=False)
    gone = RemoteFile("http://127.0.0.1:9/a.bin", "a.bin", SHA, len(BYTES))
    with pytest.raises(DataError, match=r"http://127\.0\.0\.1:9/a\.bin: stopped after 0"):
        fetch_file(gone, tmp_path, progress=False)


def test_terms_are_accepted_at_the_source(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        fetch(manifest(accept=True), tmp_path / "root")
    message = str(caught.value)
    for part in ("CC BY-NC-SA 3.0", "https://example.org/terms", "Register and download.", "depthlib data verify set"):
        assert part in message
    assert not (tmp_path / "root").exists()


def test_archive_is_fetched_and_unpacked(server: Server, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x/1.txt", "one")
        archive.writestr("2.txt", "two")
    server.files["/a.zip"] = data = buffer.getvalue()
    file = remote(server, "/a.zip", data, to="unpacked", unpacked=6)
    for _ in range(2):
        assert fetch_file(file, tmp_path, progress=False) == tmp_path / "unpacked"
    assert files_below(tmp_path / "unpacked") == ["2.txt", "x/1.txt"] and len(server.asked) == 1
    assert not (tmp_path / "unpacked.archive").exists()


def test_too_little_disk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: type("Usage", (), {"free": 10}))
    with pytest.raises(DataError, match="GB free"):
        fetch(manifest(remote(server)), tmp_path)
    assert server.asked == []
