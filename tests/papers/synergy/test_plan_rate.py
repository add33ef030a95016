"""A stage at the rate of the plan: what it freezes is the stage's, how fast the rest learns is the plan's."""

from synergy_parts import small

from depthlib.papers.synergy.plan_rate import AtPlanRate
from depthlib.training.optimizers import make_optimizer, with_trunk_rate


def test_the_parts_of_the_stage_learn_at_the_rate_of_the_plan_and_no_others():
    task = AtPlanRate({"name": "depth", "rates": {"backbone": 7.0, "depth": 7.0}}, {"berhu": 1.0}, max_depth=10.0)
    model = small(trunk="efficientnet_lite0")
    groups = with_trunk_rate(task.parameter_groups(model), model, lr=0.02, factor=0.1)
    made = make_optimizer("adamw", groups, lr=0.02, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    rates = {id(p): group["lr"] for group in made.param_groups for p in group["params"]}
    expected = {"trunk.": 0.002, "bridge.": 0.02, "branches.depth": 0.02}
    for name, parameter in model.named_parameters():
        rate = next((rate for start, rate in expected.items() if name.startswith(start)), None)
        assert rates.get(id(parameter)) == rate, name
        assert parameter.requires_grad == (rate is not None)
