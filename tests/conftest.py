"""Settings of all tests: property tests draw the same examples everywhere, without a limit of time that load would
exceed, Ctrl-C means what it usually means, also where the tests run in the background of a shell that ignores it
there, and no test leaves another number of threads behind, on which the bits of a training depend.
"""

import signal
from collections.abc import Iterator

import pytest
import torch
from hypothesis import HealthCheck, settings

settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def as_many_threads_as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
