"""The losses of the Mannequin Challenge: numpy, closed forms and symmetries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tensors import F64, randn
from torch import Tensor

from depthlib.papers.mobile.scale_free import (
    laplacian,
    mannequin_loss,
    multiscale_gradient_loss,
    si_mse_loss,
    smoothness_loss,
)


def mannequins(size: tuple[int, int] = (17, 20)) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {
        "log_depth": randn(2, 1, *size),
        "target": randn(2, 1, *size, seed=1).exp(),
        "valid": torch.rand(2, 1, *size, generator=generator) > 0.3,
        "image": torch.rand(2, 3, *size, generator=generator, dtype=F64),
    }


def test_data_term_is_the_variance_of_the_log_ratio() -> None:
    case = mannequins()
    residual = case["log_depth"] - case["target"].log()
    variances = [residual[i][case["valid"][i]].var(correction=0) for i in range(2)]
    torch.testing.assert_close(si_mse_loss(residual, case["valid"]), sum(variances) / 2)
    case["valid"][1] = False
    torch.testing.assert_close(si_mse_loss(residual, case["valid"]), variances[0] / 2)
    far = si_mse_loss((residual + 1e4).float(), case["valid"])  # a network that is still far off
    assert far.item() == pytest.approx(variances[0].item() / 2, rel=1e-2)


def test_gradient_term_is_its_formula() -> None:
    case = mannequins()
    residual, valid = (case["log_depth"] - case["target"].log())[:, 0].numpy(), case["valid"][:, 0].numpy()
    total = 0.0
    for scale in range(5):
        r, m = residual[:, :: 2**scale, :: 2**scale], valid[:, :: 2**scale, :: 2**scale]
        terms = []
        for b, y, x in np.ndindex(r.shape):
            for dy, dx in ((2, 0), (0, 2)):
                if y + dy < r.shape[1] and x + dx < r.shape[2] and m[b, y, x] and m[b, y + dy, x + dx]:
                    terms.append(abs(r[b, y, x] - r[b, y + dy, x + dx]))
        total += np.mean(terms) if terms else 0
    found = multiscale_gradient_loss(torch.from_numpy(residual)[:, None], case["valid"])
    assert found.item() == pytest.approx(total, rel=1e-5)
    ramp = torch.arange(20.0, dtype=F64).expand(1, 1, 17, 20)
    everywhere = torch.ones(1, 1, 17, 20, dtype=torch.bool)
    # Half of the differences, those along x, are 2 * 2^s; of 17x20, 9x10 and 5x5 pixels those are counted exactly.
    pairs = [((17 * 18, 15 * 20), 2), ((9 * 8, 7 * 10), 4), ((5 * 3, 3 * 5), 8), ((3 * 1, 1 * 3), 16)]
    assert multiscale_gradient_loss(ramp, everywhere).item() == pytest.approx(
        sum(d * x / (x + y) for (x, y), d in pairs), rel=1e-5
    )


@pytest.mark.parametrize("order", [1, 2])
def test_smoothness_term_is_its_formula(order: int) -> None:
    case = mannequins()
    total = 0.0
    for scale in range(3):
        p, i = (x[..., :: 2**scale, :: 2**scale].numpy() for x in (case["log_depth"], case["image"]))
        terms = []
        for b, _, y, x in np.ndindex(p.shape):
            if order == 1 and y + 1 < p.shape[2] and x + 1 < p.shape[3]:
                terms.append(
                    sum(
                        abs(p[b, 0, v, u] - p[b, 0, y, x]) * np.exp(-np.abs(i[b, :, v, u] - i[b, :, y, x]).mean())
                        for v, u in ((y + 1, x), (y, x + 1))
                    )
                )
            if order == 2 and 0 < y < p.shape[2] - 1 and 0 < x < p.shape[3] - 1:
                lap = [
                    4 * a[b, :, y, x] - a[b, :, y - 1, x] - a[b, :, y + 1, x] - a[b, :, y, x - 1] - a[b, :, y, x + 1]
                    for a in (p, i)
                ]
                terms.append(abs(lap[0][0]) * np.exp(-np.abs(lap[1]).mean()))
        total += np.mean(terms) / 2**scale
    assert smoothness_loss(case["log_depth"], case["image"], order=order).item() == pytest.approx(total)


def test_laplacian_sees_curves_and_not_slopes() -> None:
    y, x = torch.meshgrid(torch.arange(6.0), torch.arange(7.0), indexing="ij")
    maps = torch.stack([2 * x - 3 * y, x**2 + y**2])[None]
    assert torch.equal(laplacian(maps)[:, 0], torch.zeros(1, 4, 5)) and torch.equal(
        laplacian(maps)[:, 1], torch.full((1, 4, 5), -4.0)
    )
    flat = torch.zeros(1, 3, 12, 12)
    plane = (2 * torch.arange(12.0) - 3 * torch.arange(12.0)[:, None])[None, None]
    assert smoothness_loss(plane, flat, order=2) == 0 < smoothness_loss(plane, flat, order=1)
    assert smoothness_loss(plane, flat, scales=1).item() == 5


@pytest.mark.slow
def test_mannequin_loss_is_the_sum_of_its_parts() -> None:
    case = mannequins()
    residual = case["log_depth"] - case["target"].log()
    parts = {
        "mse": si_mse_loss(residual, case["valid"]),
        "gradient": 0.5 * multiscale_gradient_loss(residual, case["valid"]),
        "smooth": 0.05 * smoothness_loss(case["log_depth"], case["image"]),
    }
    total, terms = mannequin_loss(**case)
    assert terms.keys() == parts.keys()
    for name, part in parts.items():
        torch.testing.assert_close(terms[name], part)
    torch.testing.assert_close(total, sum(parts.values()))
    shifted, _ = mannequin_loss(**case | {"log_depth": case["log_depth"] + 2, "target": 5 * case["target"]})
    torch.testing.assert_close(shifted, total)  # depth up to scale
    perfect, terms = mannequin_loss(**case | {"log_depth": case["target"].log() + 1})
    assert terms["mse"] < 1e-12 and terms["gradient"] < 1e-12 < terms["smooth"]
    only = mannequin_loss(**case, weights={"mse": 2.0})[0]
    torch.testing.assert_close(only, 2 * parts["mse"])
    hidden = case["target"].masked_fill(~case["valid"], torch.nan)
    z = case["log_depth"].clone().requires_grad_()
    loss, _ = mannequin_loss(**case | {"target": hidden, "log_depth": z})
    loss.backward()
    torch.testing.assert_close(loss.detach(), total)
    assert z.grad.isfinite().all()
    tiny = mannequins((9, 9))
    assert torch.autograd.gradcheck(
        lambda z: mannequin_loss(**tiny | {"log_depth": z}, order=2)[0], tiny["log_depth"].requires_grad_()
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": {"grad": 1.0}}, "mse, gradient, smooth"),
        ({"weights": {"mse": 0.0}}, "not all 0"),
        ({"order": 3}, "found 3, expected 1 or 2"),
        ({"target": torch.zeros(2, 1, 17, 20, dtype=F64)}, "expected positive depths"),
        ({"image": torch.rand(2, 3, 17, 19)}, "log_depth, image: found shapes"),
        ({"valid": torch.zeros(2, 1, 17, 20, dtype=torch.bool)}, "valid: found no valid pixel"),
    ],
)
def test_mannequin_loss_refuses(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        mannequin_loss(**mannequins() | options)
    with pytest.raises(ValueError, match="found 4x9, expected at least 5x5 for 3 scales"):
        smoothness_loss(torch.zeros(1, 1, 4, 9), torch.zeros(1, 3, 4, 9))
    assert smoothness_loss(torch.zeros(1, 1, 5, 5), torch.zeros(1, 3, 5, 5)).isfinite()
    assert smoothness_loss(torch.zeros(1, 1, 9, 9), torch.zeros(1, 3, 9, 9), order=2).isfinite()
