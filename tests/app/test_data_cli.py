"""`depthlib data`: its commands, and that they start quickly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from manifest_example import changed, example, load, make_set
from typer.testing import CliRunner

from depthlib.app.data_cli import data as command


@pytest.mark.slow
def test_command_line(tmp_path: Path) -> None:
    run = CliRunner().invoke
    listed = run(command, ["list"])
    assert "lists" in listed.output and "fetch (" in listed.output
    make_set(tmp_path / "set")
    load(tmp_path, example())
    name = str(tmp_path / "example.yaml")
    assert run(command, ["verify", name, "--root", str(tmp_path / "set")]).exit_code == 0
    (tmp_path / "set/depth/city/a/0000000005.png").unlink()
    bad = run(command, ["verify", name, "--root", str(tmp_path / "set")])
    assert bad.exit_code == 1 and "1 missing" in bad.output
    assert run(command, ["verify", name, "--root", str(tmp_path / "no")]).exit_code == 2
    load(tmp_path, changed("terms.accept", True))
    refused = run(command, ["fetch", name])
    assert refused.exit_code == 2 and "must be accepted at the source" in refused.output
    described = run(command, ["croissant", name])
    assert json.loads(described.output)["name"] == "example"


def test_no_command_is_slow_to_import() -> None:
    """`depthlib --help` imports this module: torch, matplotlib and scipy stay out of it."""
    import subprocess
    import sys

    code = "import sys, depthlib.app.data_cli; print([m for m in ('torch', 'matplotlib', 'scipy') if m in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
