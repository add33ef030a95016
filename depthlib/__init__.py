"""Monocular depth estimation: models, losses, metrics and protocols of five papers, and the course built on them."""

__version__ = "0.1.0"
