"""Where the motion is given, new depth heads start in its unit, and only those that are trained."""

import torch

from depthlib.papers.dual.known_unit import InKnownUnit
from depthlib.runs.store import RunSpec
from depthlib.runs.train import build_model


def of(variant: str, start: torch.nn.Module | None = None) -> tuple[torch.nn.Module, InKnownUnit]:
    recipe = RunSpec("dual", variant, "streets", "smoke").recipe
    return build_model(recipe, seed=0, start=start), recipe.task.make()


def test_new_heads_start_at_the_usual_depth_and_the_others_stay() -> None:
    image = torch.rand(2, 3, 128, 256, generator=torch.Generator().manual_seed(0))
    model, task = of("lr")
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    assert model(image).median() < 0.5  # as they come, in units of 11 m
    task.prepare(model, [])
    for disparity in model.predict(image[..., ::2, ::2]).disparities:
        torch.testing.assert_close(disparity, torch.ones_like(disparity), atol=1e-5, rtol=0)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.rpartition(".")[0] for name in changed} == {f"depth_net.decoder.heads.{i}.conv" for i in range(4)}
    with torch.no_grad():
        model.depth_net.decoder.heads[-1].conv.bias.add_(1)
    learned = model.depth_net.decoder.heads[-1].conv.bias.item()

    longer, task = of("lr-longer", model)
    task.prepare(longer, [])
    assert longer.depth_net.decoder.heads[-1].conv.bias.item() == learned
    two, task = of("dual", model)
    two.eval()
    task.prepare(two, [])
    assert two.depth_net.low.decoder.heads[-1].conv.bias.item() == learned
    torch.testing.assert_close(two(image), torch.ones(2, 1, 128, 256), atol=1e-5, rtol=0)
