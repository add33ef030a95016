"""Formatting of messages."""

from __future__ import annotations


def one_line(error: BaseException) -> str:
    """The message of an error without line breaks, or its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__


def told(error: BaseException) -> str:
    """The same for people: for an error of the disk the file, and then what is wrong with it."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    return one_line(error)
