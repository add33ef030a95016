"""Specification of a run: names and numbers that resolve to a recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from depthlib.base import catalogue
from depthlib.runs.keys import training_key
from depthlib.runs.profiles import Profile, get_profile
from depthlib.runs.recipe import Recipe


@dataclass(frozen=True)
class RunSpec:
    """All that determines a run.

    Attributes:
        paper, variant: which recipe, e.g. "start", "unet". A former key is replaced by the current one.
        data: the training data, e.g. "rooms".
        profile: "smoke", "quick", "standard", "full", "paper".
        seed: of the weights, the order of the data, the augmentation; from 0 to 2^32 - 1.
        overrides: fields of the profile that differ, e.g. {"steps": 20}.

    Raises:
        ValueError: an unknown paper, profile or override, another seed, or an override that is not a positive integer.
    """

    paper: str
    variant: str
    data: str
    profile: str = "quick"
    seed: int = 0
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "paper", catalogue.paper_key(self.paper))
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise ValueError(f"seed: found {self.seed!r}, expected an integer from 0 to {2**32 - 1}")
        known = set(get_profile(self.profile).__dataclass_fields__) - {
            "name",
            "seeds",
            "meaningful",
            "decides",
            "reduced",
        }
        if wrong := set(self.overrides) - known:
            names, expected = ", ".join(sorted(wrong)), ", ".join(sorted(known))
            raise ValueError(f"overrides: found {names}, expected some of {expected}")
        for name, value in self.overrides.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"overrides[{name!r}]: found {value!r}, expected an integer of at least 1")

    def scaled(self, **fields: Any) -> Profile:
        """The profile with the `fields` replaced by a paper and the overrides of this spec, which take precedence."""
        return replace(get_profile(self.profile), **{**fields, **self.overrides})

    @cached_property
    def recipe(self) -> Recipe:
        recipe: Recipe = catalogue.part(self.paper, "rows").recipe(self)
        return recipe

    @cached_property
    def key(self) -> str:
        """12 hexadecimal digits over all that determines the weights, see `training_key`."""
        return training_key(self)

    @property
    def name(self) -> str:
        return f"{self.paper}-{self.variant}-{self.data}-s{self.seed}-{self.key}"
