"""pytest plugin: two processes, a file to each at a time, when no file or folder is named; one process otherwise.

Each process has its share of the processors: two that start a thread for every processor stand in each other's way, and
small tensors then take many times as long. Processes that the tests start, kernels of notebooks among them, inherit it.
"""

import os

import pytest

PROCESSES = 2
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    known = early_config.known_args_namespace
    if not hasattr(known, "numprocesses"):  # `-p no:xdist`
        return
    processes = known.numprocesses or 1
    if not known.file_or_dir and not known.usepdb and not any(arg.startswith(("-n", "--numprocesses")) for arg in args):
        processes = PROCESSES
        args[:] = ["-n", str(PROCESSES), "--dist", "loadscope", *args]
    for name in THREADS:  # set before the processes start, which read it once
        os.environ.setdefault(name, str(max(1, (os.cpu_count() or 1) // processes)))
