"""Weights of a network whose depth says which pixels went in."""

from brightness import ramp, weights

__all__ = ["ramp", "weights"]
