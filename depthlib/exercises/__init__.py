"""Exercises that are checked, and that name the mistake: one file a lesson."""
