"""The error that the loaders of real data raise."""

from __future__ import annotations


class DataError(ValueError):
    """A file of a data set cannot be used; the message names the file, what was found and what was expected."""
