"""Streets for the tests of this folder."""

from street_frames import test_streets

__all__ = ["test_streets"]
