"""Profiles: the scale of runs. All are `QUICK` with some fields replaced.

The committed results are those of `STANDARD`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Profile:
    """The scale of all papers; a paper may replace single fields (`RunSpec.scaled`).

    Attributes:
        train_scenes, test_scenes: frames drawn from the scenes benchmark.
        steps, batch_size: optimisation steps, images per step.
        width: channels of a network's first level; the papers' own value is 32.
        seeds: one training run each; intervals in tables include the spread over seeds.
        meaningful: False where the numbers only show that the code runs and are never presented as results.
        decides: False where claims get no verdicts; it is only looked whether the effects are those of `STANDARD`.
        reduced: True where the scale is below the papers'; such a run is never called a reproduction.
    """

    name: str
    train_scenes: int
    test_scenes: int
    steps: int
    batch_size: int
    width: int
    seeds: tuple[int, ...]
    meaningful: bool = True
    decides: bool = True
    reduced: bool = True


QUICK = Profile("quick", train_scenes=192, test_scenes=32, steps=80, batch_size=8, width=8, seeds=(0,), decides=False)
SMOKE = replace(QUICK, name="smoke", train_scenes=8, test_scenes=4, steps=4, batch_size=2, width=4, meaningful=False)
STANDARD = replace(
    QUICK, name="standard", train_scenes=512, test_scenes=512, steps=300, seeds=tuple(range(6)), decides=True
)
FULL = replace(STANDARD, name="full", train_scenes=8192, steps=10_000, batch_size=16, width=32)
PAPER = replace(FULL, name="paper", reduced=False, seeds=(0, 1, 2))

PROFILES = {profile.name: profile for profile in (SMOKE, QUICK, STANDARD, FULL, PAPER)}


def get_profile(name: str) -> Profile:
    """The profile of that name. Raises ValueError for an unknown name."""
    if name not in PROFILES:
        raise ValueError(f"profile: found {name!r}, expected one of {', '.join(PROFILES)}")
    return PROFILES[name]
