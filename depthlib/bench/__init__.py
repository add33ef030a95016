"""Measurements of time and memory. Each file is a program: `python -m depthlib.bench.<name>`."""
