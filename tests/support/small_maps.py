"""A ramp of depth and a random picture, 6 x 8."""

from __future__ import annotations

import numpy as np
import torch

RAMP = np.linspace(1.0, 10.0, 48).reshape(6, 8)
RGB = torch.rand(3, 6, 8, generator=torch.Generator().manual_seed(0))
