"""Tables of errors with effects of seed and frame."""

import numpy as np


def table(seeds, frames, seed_sd, frame_sd, rest_sd, count=(), seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(0, seed_sd, (*count, seeds, 1))
        + rng.normal(0, frame_sd, (*count, 1, frames))
        + rng.normal(0, rest_sd, (*count, seeds, frames))
    )
