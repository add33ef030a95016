"""What has learned: far below the strongest floor, and surely."""

import numpy as np
from invented_runs import record

from depthlib.report.learned import floor_of, has_learned


def test_learned_means_far_below_the_floor_and_surely():
    table = np.random.default_rng(0).normal(0.5, 0.02, (6, 50))
    floor = np.full((1, 50), 0.6)
    assert has_learned(table, floor, 0.85) and not has_learned(table, floor, 0.83)
    lucky = table + np.array([-0.5, 0.5, -0.4, 0.4, -0.45, 0.45])[:, None]
    assert lucky.mean() < 0.85 * 0.6 and not has_learned(lucky, floor, 0.85)  # the interval reaches beyond the floor


def test_the_strongest_floor_of_the_same_test_and_training_set_counts():
    records = [
        record("floor-constant", 0, 0.7),
        record("floor-map", 0, 0.6),
        record("unet", 0, 0.1),
        record("floor-map", 0, 0.2, data="rooms"),
    ]
    assert floor_of(records, "streets", "gaps", "abs_rel") is records[1]
    assert (
        floor_of(records[1:], "streets", "gaps", "ssim") is records[1]
        and floor_of(records, "streets", "nowhere", "abs_rel") is None
    )
    higher = [record("floor-constant", 0, 0.7), record("floor-map", 0, 0.8)]
    assert floor_of(higher, "streets", "streets", "ssim") is higher[0]  # the lower 1 - ssim
