"""Settings of all property tests: the same examples everywhere, and no limit of time, so that none depends on load."""

from hypothesis import HealthCheck, settings

settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")
