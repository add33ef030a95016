"""Checkpoints: damaged, hostile, and on a full disk."""

import resource

import pytest
import torch

from depthlib.training.checkpoint import Checkpoint


def test_a_damaged_checkpoint_is_set_aside(tmp_path, caplog):
    """Cut, empty, or with any one bit flipped; the training then begins anew."""
    checkpoint = Checkpoint(tmp_path / "c.pt", every_seconds=0)
    checkpoint.save({"step": 3, "x": torch.arange(100.0)})
    data = checkpoint.path.read_bytes()
    assert checkpoint.load(torch.device("cpu"))["step"] == 3
    flipped = [data[:place] + bytes([data[place] ^ 8]) + data[place + 1 :] for place in range(0, len(data), 61)]
    for number, damaged in enumerate([data[:200], b"", *flipped], start=1):
        caplog.clear()
        checkpoint.path.write_bytes(damaged)
        assert checkpoint.load(torch.device("cpu")) is None and not checkpoint.path.exists()
        assert (tmp_path / f"c.pt.damaged-{number}").read_bytes() == damaged
        assert [record.getMessage() for record in caplog.records] == [
            f"{checkpoint.path}: damaged (found another content than that of its checksum); set aside as "
            f"c.pt.damaged-{number}, made again"
        ]


def test_a_checkpoint_never_executes_code_nor_advises_to(tmp_path, caplog, capsys):
    class Evil:
        def __reduce__(self):
            return (print, ("executed",))

    Checkpoint(tmp_path / "c.pt").save({"step": Evil()})
    assert Checkpoint(tmp_path / "c.pt").load(torch.device("cpu")) is None
    assert (
        "c.pt: damaged (found other objects than tensors and numbers)" in caplog.text
        and "weights_only" not in caplog.text
    )
    assert "executed" not in capsys.readouterr().out and (tmp_path / "c.pt.damaged-1").exists()


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path):
    """A limit on the size of files fails as a full disk does: while the file is written."""
    checkpoint = Checkpoint(tmp_path / "c.pt", every_seconds=0)
    checkpoint.save({"step": 3})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        with pytest.raises(OSError, match="File too large: .*c.pt'"):
            checkpoint.save({"step": 4, "x": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"] and checkpoint.load(torch.device("cpu"))["step"] == 3
