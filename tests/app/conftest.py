"""Weights of a network whose depth says which pixels went in."""

from brightness import weights

__all__ = ["weights"]
