"""Records of the paper "anuw" whose truth is known: errors with effects of method, seed and frame, and a floor."""

from pathlib import Path

import numpy as np

from depthlib.runs.store import RunRecord

IMAGES = 64
METRICS = ("ssim", "abs_rel", "si_rmse", "rmse", "delta1")
TESTS = ("streets", "streets-other", "rooms", "gaps")
DIFFICULTY = np.random.default_rng(0).normal(0, 0.05, IMAGES)
FLOOR = 0.9


def record(
    variant,
    seed,
    level=0.5,
    *,
    noise=0.01,
    luck=0.002,
    profile="standard",
    data="streets",
    parameters=1000,
    overrides=None,
    tests=TESTS,
):
    """Errors of all metrics, 1 minus them where higher is better: the difficulty of a frame that all runs share, the
    level of the method, the luck of this training, and noise."""
    rng = np.random.default_rng([seed, sum(map(ord, variant + data.removeprefix("streets")))])

    def values(metric):
        errors = level + DIFFICULTY + rng.normal(0, luck) + rng.normal(0, noise, IMAGES)
        return list(1 - errors if metric in ("ssim", "delta1") else errors)

    spec = {
        "paper": "anuw",
        "variant": variant,
        "data": data,
        "profile": profile,
        "seed": seed,
        "overrides": overrides or {},
    }
    scored = {
        test: {
            "protocol": "anuw-streets",
            "data": test,
            "images": [f"{test}/{i}" for i in range(IMAGES)],
            "metrics": {metric: values(metric) for metric in METRICS},
        }
        for test in tests
    }
    return RunRecord(Path(f"anuw-{variant}-s{seed}"), {"spec": spec, "parameters": parameters, "tests": scored}, {})


def runs(levels, *, seeds=6, floor=FLOOR, **kwargs):
    """Records of each variant of `levels` with seeds 0, 1, ..., and one of a floor."""
    found = [record(variant, seed, level, **kwargs) for variant, level in levels.items() for seed in range(seeds)]
    return [*found, record("floor-map", 0, floor, **kwargs | {"luck": 0.0, "noise": 0.0})]
