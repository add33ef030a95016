"""Frames of scenes for the tests of this folder."""

from variant_frames import pairs, rooms, streets

__all__ = ["pairs", "rooms", "streets"]
