"""Smaller networks: NetAdapt's search for how many channels each layer needs, and the surgery that removes them."""

from depthlib.pruning.netadapt import Proposal, Round, best_of, netadapt, next_target
from depthlib.pruning.surgery import blocks_of, conv_weights, shrink

__all__ = ["Proposal", "Round", "best_of", "blocks_of", "conv_weights", "netadapt", "next_target", "shrink"]
