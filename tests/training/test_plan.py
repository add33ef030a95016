"""The settings of a plan against plain loops, and what must not change the result: workers, parts, validation."""

import math

import pytest
import torch
from torch import nn

from depthlib.data.transforms import RandomCrop
from depthlib.training.checkpoint import Checkpoint
from depthlib.training.fit import BatchOrder, Plan, fit
from depthlib.training.tasks import Supervised

L1 = "depthlib.losses.regression:l1_loss"


class Ramps(torch.utils.data.Dataset):
    """Depth is 10 m times the red channel; all pixels are valid."""

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> dict:
        image = torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(index))
        return {
            "image": image,
            "depth": 10 * image[:1],
            "valid": torch.ones(1, 8, 8, dtype=torch.bool),
            "name": str(index),
        }


class TwoParts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.trunk, self.head = nn.Conv2d(3, 4, 1), nn.Conv2d(4, 1, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.head(self.trunk(image))


def train(plan: Plan, **kwargs):
    torch.manual_seed(1)
    model = TwoParts()
    return model, fit(model, Supervised(L1), Ramps(), plan, seed=0, **kwargs)


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def test_adamw_with_warm_up_and_cosine_is_the_plain_loop() -> None:
    plan = Plan(
        steps=9,
        batch_size=4,
        optimizer="adamw",
        lr=0.05,
        weight_decay=0.1,
        schedule="cosine",
        warmup=3,
        flip=0.0,
        trunk_rate=0.1,
    )
    model, curve = train(plan)
    torch.manual_seed(1)
    own, data = TwoParts(), Ramps()
    optimizer = torch.optim.AdamW(
        [{"params": own.trunk.parameters(), "lr": 0.005}, {"params": own.head.parameters(), "lr": 0.05}],
        weight_decay=0.1,
    )
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda s: (s + 1) / 4 if s < 3 else (1 + math.cos(math.pi * (s - 3) / 6)) / 2
    )
    for batch in BatchOrder(12, 4, 0, 0, 9):
        items = [data[i] for i in batch]
        loss = (own(torch.stack([i["image"] for i in items])) - torch.stack([i["depth"] for i in items])).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        rate.step()
    torch.testing.assert_close(weights(model), weights(own), rtol=1e-5, atol=1e-6)
    assert curve.values["lr"][3] == 0.05 > curve.values["lr"][2] == pytest.approx(0.0375)


def test_a_rate_of_the_trunk_needs_a_trunk() -> None:
    with pytest.raises(ValueError, match="trunk_rate: found a Conv2d without a module `trunk`"):
        fit(nn.Conv2d(3, 1, 1), Supervised(L1), Ramps(), Plan(steps=1, batch_size=4, trunk_rate=0.1), seed=0)


@pytest.mark.parametrize("count", [2, 4])
def test_a_batch_in_parts_gives_the_same_steps(count: int) -> None:
    whole, curve = train(Plan(steps=5, batch_size=4, colour=0.2))
    parts, curve_of_parts = train(Plan(steps=5, batch_size=4, colour=0.2, accumulate=count))
    torch.testing.assert_close(weights(parts), weights(whole), rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(torch.tensor(curve_of_parts.values["loss"]), torch.tensor(curve.values["loss"]))


def test_parts_must_be_equal() -> None:
    with pytest.raises(ValueError, match="batch_size: found 4, expected a multiple of 1 processes x 3 parts"):
        train(Plan(steps=1, batch_size=4, accumulate=3))


def test_the_average_of_the_weights_is_returned_also_after_a_resume(tmp_path) -> None:
    plan = Plan(steps=8, batch_size=4, lr=0.05, average=0.5)
    whole, _ = train(plan)
    torch.manual_seed(1)
    expected = weights(TwoParts())
    for steps in range(1, 9):  # the weights after each step, of a training that was stopped there
        last, _ = train(Plan(steps=8, batch_size=4, lr=0.05), stop_after=steps)
        decay = min(0.5, steps / (9 + steps))
        expected = decay * expected + (1 - decay) * weights(last)
    torch.testing.assert_close(weights(whole), expected)

    checkpoint = Checkpoint(tmp_path / "c.pt", every_seconds=0)
    train(plan, checkpoint=checkpoint, stop_after=5)  # its last checkpoint is that of step 4
    resumed, _ = train(plan, checkpoint=checkpoint)
    assert torch.equal(weights(resumed), weights(whole))


def test_transforms_change_every_epoch_and_workers_change_nothing(tmp_path) -> None:
    plan, seen = Plan(steps=6, batch_size=4, flip=0.0), []
    alone, curve = train(plan, transform=RandomCrop((4, 5)))
    together, same = train(plan, transform=RandomCrop((4, 5)), workers=2)
    assert torch.equal(weights(alone), weights(together)) and curve == same
    checkpoint = Checkpoint(tmp_path / "c.pt", every_seconds=0)
    train(plan, transform=RandomCrop((4, 5)), workers=2, checkpoint=checkpoint, stop_after=4)
    resumed, tail = train(plan, transform=RandomCrop((4, 5)), checkpoint=checkpoint)
    assert torch.equal(weights(alone), weights(resumed)) and curve == tail

    class Watch(Supervised):
        def loss(self, model, batch):
            seen.extend(
                (name, image.flatten()[0].item()) for name, image in zip(batch["name"], batch["image"], strict=True)
            )
            return super().loss(model, batch)

    torch.manual_seed(1)
    fit(TwoParts(), Watch(L1), Ramps(), plan, seed=0, transform=RandomCrop((4, 5)))
    corners = {name: [corner for n, corner in seen if n == name] for name, _ in seen}
    assert all(len(values) == 2 for values in corners.values()), "two epochs"
    assert sum(first != second for first, second in corners.values()) > 6, "of 12 images, 20 windows each"


def test_validation_sees_the_network_in_evaluation_mode_and_changes_nothing() -> None:
    plan = Plan(steps=7, batch_size=4, colour=0.1, validate_every=3)

    def validate(model: nn.Module) -> dict[str, float]:
        assert not model.training
        torch.rand(3)
        return {"val_bias": model.head.bias.item()}

    plain, curve = train(plan)
    watched, both = train(plan, validate=validate)
    assert torch.equal(weights(plain), weights(watched)) and watched.training
    values = both.values.pop("val_bias")
    assert both == curve and [value is not None for value in values] == [False, False, True, False, False, True, True]
    assert values[-1] == watched.head.bias.item()


def test_torch_compile_is_left_alone_on_a_cpu(monkeypatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda *a, **k: pytest.fail("compiled"))
    train(Plan(steps=1, batch_size=4), compiled=True)
