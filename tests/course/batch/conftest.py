"""The two runs, made once by a batch, and a store of one's own with them."""

import shutil

import pytest
from two_runs import batch

from depthlib.runs.store import Store


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """Two runs of lesson 00 at the smallest scale, made by a batch: status, what was printed, plan, store."""
    store = Store(tmp_path_factory.mktemp("batch") / "runs", reference=[], train=True)
    return *batch(store), store


@pytest.fixture
def copied(made, tmp_path):
    """A store of one's own with those runs."""
    shutil.copytree(made[-1].root, tmp_path / "runs", ignore=shutil.ignore_patterns(".batch"))
    return Store(tmp_path / "runs", reference=[], train=True)
