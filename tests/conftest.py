"""Settings of all tests: property tests draw the same examples everywhere, without a limit of time that load would
exceed, and Ctrl-C means what it usually means, also where the tests run in the background of a shell that ignores it
there.
"""

import signal

from hypothesis import HealthCheck, settings

settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
signal.signal(signal.SIGINT, signal.default_int_handler)
