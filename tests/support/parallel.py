"""pytest plugin: two processes, a file to each at a time, when no file or folder is named; one process otherwise."""

import pytest


def pytest_load_initial_conftests(early_config: pytest.Config, args: list[str]) -> None:
    known = early_config.known_args_namespace
    if not known.file_or_dir and not known.usepdb and not any(arg.startswith(("-n", "--numprocesses")) for arg in args):
        args[:] = ["-n", "2", "--dist", "loadscope", *args]
