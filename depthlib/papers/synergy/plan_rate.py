"""A stage whose parts all learn at one rate, that of the plan, so that trials of rates reach it."""

from __future__ import annotations

from typing import Any

from depthlib.papers.synergy.network import SynergyNet
from depthlib.papers.synergy.task import StagedTask


class AtPlanRate(StagedTask):
    """`StagedTask` whose stage only says which parts are trained; its rates are not used. Arguments as there."""

    def parameter_groups(self, model: SynergyNet) -> list[dict[str, Any]]:
        return [
            {name: value for name, value in group.items() if name != "lr"} for group in super().parameter_groups(model)
        ]
