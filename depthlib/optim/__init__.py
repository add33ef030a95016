"""Several losses at once: weights that follow their decay, and an Adam that makes their gradients equally long."""

from depthlib.optim.mtadam import MTAdam
from depthlib.optim.optimizers import make_optimizer
from depthlib.optim.rebalancing import LossRebalancer, initial_weights, lam_of_epoch, rebalanced

__all__ = ["LossRebalancer", "MTAdam", "initial_weights", "lam_of_epoch", "make_optimizer", "rebalanced"]
