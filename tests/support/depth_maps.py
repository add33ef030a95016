"""Made-up predictions and truths for tests of protocols."""

import numpy as np
import torch


def maps(height=48, width=64, batch=2, seed=0, far=60.0):
    """Float64 predictions and truth of 1 m to `far`, 70 % of it known."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.exp(torch.rand(batch, 1, height, width, generator=generator, dtype=torch.float64) * np.log(far))
    pred = target * torch.exp(torch.randn(target.shape, generator=generator, dtype=torch.float64) * 0.2)
    target[torch.rand(target.shape, generator=generator) < 0.3] = 0
    return pred, target, target > 0
