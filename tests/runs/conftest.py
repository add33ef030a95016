"""One run at the smallest scale, made once."""

import pytest
from smoke_run import SPEC

from depthlib.runs.execute import ensure
from depthlib.runs.store import Store, copy_run


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("store")
    return ensure(SPEC, Store(root, train=True), device="cpu")


@pytest.fixture
def copied(made, tmp_path):
    """A run of one's own, in a store that looks nowhere else."""
    copy_run(made.folder, tmp_path / SPEC.name)
    return Store(tmp_path, reference=[], train=True), tmp_path / SPEC.name
