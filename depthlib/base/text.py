"""Formatting of messages."""

from __future__ import annotations


def one_line(error: Exception) -> str:
    """The message of an error without line breaks, or its type where it has none."""
    return " ".join(str(error).split()) or type(error).__name__
