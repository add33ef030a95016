"""What a run is asked for: names and numbers that resolve to a recipe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from depthlib.base import catalogue
from depthlib.base.fingerprint import code_fingerprint
from depthlib.runs.profiles import get_profile
from depthlib.runs.recipe import Recipe


@dataclass(frozen=True)
class RunSpec:
    """Everything a run needs.

    Attributes:
        paper, variant: which recipe, e.g. "start", "unet".
        data: what it is trained on, e.g. "rooms".
        profile: "smoke", "quick", "full", "paper".
        seed: of the weights, the order of the data, the augmentation.
        overrides: fields of the profile that differ, e.g. {"steps": 20}.
    """

    paper: str
    variant: str
    data: str
    profile: str = "quick"
    seed: int = 0
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = set(get_profile(self.profile).__dataclass_fields__) - {"name", "seeds", "meaningful", "reduced"}
        if wrong := set(self.overrides) - known:
            raise ValueError(f"unknown override {', '.join(sorted(wrong))}: expected some of {', '.join(sorted(known))}")
        for name, value in self.overrides.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"override {name} is {value!r}, expected a whole number of at least 1")

    @cached_property
    def recipe(self) -> Recipe:
        return catalogue.part(self.paper, "rows").recipe(self)

    @cached_property
    def key(self) -> str:
        """12 hexadecimal digits over the spec, the recipe and the code that the run executes."""
        content = {"spec": asdict(self), "recipe": self.recipe.as_dict(), "code": code_fingerprint(self.recipe.modules())}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        return f"{self.paper}-{self.variant}-{self.data}-s{self.seed}-{self.key}"
