"""Depth errors against numpy and closed forms, and their properties."""

import math

import numpy as np
import pytest
import torch
from devices import DEVICES
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_maps import pair

from depthlib import metrics as m

LOG_NAMES = ("rmse_log", "log10", "si_log", "si_rmse", "delta1", "delta2", "delta3")

# One line of numpy for each metric, over the valid pixels p (prediction) and t (truth) of one image.
NUMPY = {
    "abs_rel": lambda p, t: np.average(np.abs(p / t - 1)),
    "sq_rel": lambda p, t: np.average((p - t) * (p / t - 1)),
    "rmse": lambda p, t: np.linalg.norm(p - t) / math.sqrt(p.size),
    "rmse_log": lambda p, t: np.linalg.norm(np.log(p / t)) / math.sqrt(p.size),
    "log10": lambda p, t: np.average(np.abs(np.log10(p / t))),
    "si_log": lambda p, t: 100 * np.std(np.log(p / t)),
    "si_rmse": lambda p, t: np.std(np.log(p / t)),
    "si_rmse_linear": lambda p, t: np.std(p - t),
    "delta1": lambda p, t: np.average(np.abs(np.log(p / t)) < math.log(1.25)),
    "delta2": lambda p, t: np.average(np.abs(np.log(p / t)) < 2 * math.log(1.25)),
    "delta3": lambda p, t: np.average(np.abs(np.log(p / t)) < 3 * math.log(1.25)),
}


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", NUMPY)
def test_value_per_image_matches_numpy(name, device):
    pred, target, valid = pair()
    expected = [NUMPY[name](p[v].numpy(), t[v].numpy()) for p, t, v in zip(pred, target, valid, strict=True)]
    got = m.depth_errors(pred.to(device), target.to(device), valid.to(device), (name,))[name]
    torch.testing.assert_close(got.cpu(), torch.tensor(expected, dtype=torch.float64))
    torch.testing.assert_close(m.depth_errors(pred.to(device), target.to(device))[name], got)  # target > 0 is the mask


def test_where_a_gradient_is_wanted_the_values_are_the_same_and_it_flows():
    """Tensors on other devices take this way, too: NumPy computes only what lies on a CPU and needs no gradient."""
    pred, target, valid = pair()
    wants = pred.clone().requires_grad_()
    for name, value in m.depth_errors(wants, target, valid).items():
        torch.testing.assert_close(value.detach(), m.depth_errors(pred, target, valid, (name,))[name])
    error = m.rmse(wants, target, valid)
    error.sum().backward()
    expected = (pred - target) / error.detach().view(-1, 1, 1, 1) / valid.sum(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(wants.grad, torch.where(valid, expected, 0))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_errors_are_computed_in_float32_at_least(dtype):
    pred, target, valid = pair()
    rounded = [x.to(dtype) for x in (pred, target)]
    found = m.depth_errors(*rounded, valid)
    for name, value in m.depth_errors(*(x.double() for x in rounded), valid).items():
        assert found[name].dtype == torch.float32
        torch.testing.assert_close(found[name].double(), value, rtol=2e-6, atol=0)


def test_hand_made_pair():
    """Truth (1, 2, 4), prediction (2, 2, 3): every value by hand."""
    target, pred = torch.tensor([1.0, 2.0, 4.0]).view(1, 1, 1, 3), torch.tensor([2.0, 2.0, 3.0]).view(1, 1, 1, 3)
    d = [math.log(2), 0.0, math.log(0.75)]
    mean, square = sum(d) / 3, sum(x * x for x in d) / 3
    expected = {
        "abs_rel": (1 + 0 + 0.25) / 3,
        "sq_rel": (1 + 0 + 0.25) / 3,
        "rmse": math.sqrt(2 / 3),
        "rmse_log": math.sqrt(square),
        "log10": (math.log10(2) + math.log10(4 / 3)) / 3,
        "si_log": 100 * math.sqrt(square - mean**2),
        "si_rmse": math.sqrt(square - mean**2),
        "si_rmse_linear": math.sqrt(2 / 3),
        "delta1": 1 / 3,
        "delta2": 2 / 3,
        "delta3": 2 / 3,
    }
    errors = m.depth_errors(pred, target)
    assert list(errors) == list(m.PIXEL_METRICS)
    assert {name: value.item() for name, value in errors.items()} == pytest.approx(expected, rel=1e-6)
    assert m.abs_rel(pred, target, denominator="prediction").item() == pytest.approx((0.5 + 0 + 1 / 3) / 3)


def test_delta_is_a_strict_threshold_on_either_side():
    target = torch.ones(1, 1, 1, 4)
    pred = torch.tensor([1.25, 0.8, 1.2499, 0.8001]).view(1, 1, 1, 4)
    assert m.delta1(pred, target).item() == 0.5
    assert m.delta(pred, target, threshold=1.26).item() == 1


SEEDS = st.integers(0, 10_000)
few = settings(max_examples=20, deadline=None)


@few
@given(SEEDS)
def test_perfect_prediction(seed):
    _, target, valid = pair(seed=seed)
    errors = m.depth_errors(target, target, valid)
    assert all((value == (1 if name.startswith("delta") else 0)).all() for name, value in errors.items())


@few
@given(SEEDS, st.floats(0.01, 100))
def test_scale_invariance(seed, scale):
    pred, target, valid = pair(seed=seed)
    for name in ("si_log", "si_rmse"):
        a, b = (m.depth_errors(p, target, valid, (name,))[name] for p in (pred, scale * pred))
        torch.testing.assert_close(a, b)
    one_unit = m.depth_errors(scale * pred, scale * target, valid)
    for name, value in m.depth_errors(pred, target, valid).items():
        metres = name in ("sq_rel", "rmse", "si_rmse_linear")  # these carry the unit, the others are ratios
        torch.testing.assert_close(one_unit[name], value * scale if metres else value)


@few
@given(SEEDS, st.floats(0, 50))
def test_linear_form_is_invariant_to_a_shift_only(seed, shift):
    pred, target, valid = pair(seed=seed)
    torch.testing.assert_close(m.si_rmse_linear(pred + shift, target, valid), m.si_rmse_linear(pred, target, valid))
    assert (m.si_rmse_linear(2 * pred, target, valid) != m.si_rmse_linear(pred, target, valid)).all()


@pytest.mark.slow
@few
@given(SEEDS, st.sampled_from([0.0, -3.0, 1e30, float("inf"), float("nan")]))
def test_values_under_the_mask_do_not_matter(seed, rubbish):
    pred, target, valid = pair(height=24, width=24, seed=seed)
    valid = torch.ones_like(valid)
    valid[:, :, 20:] = False
    pred, target = pred.nan_to_num(5.0), target.clamp(min=1)
    names = m.METRIC_NAMES
    clean = m.depth_errors(pred, target, valid, names, data_range=20)
    dirty = m.depth_errors(
        pred.masked_fill(~valid, rubbish), target.masked_fill(~valid, rubbish), valid, names, data_range=20
    )
    for name in names:
        torch.testing.assert_close(dirty[name], clean[name], rtol=1e-12, atol=1e-12)
    images = pred.masked_fill(~valid, rubbish), target.masked_fill(~valid, rubbish)
    torch.testing.assert_close(m.ssim(*images, valid, data_range=20), clean["ssim"], rtol=1e-12, atol=1e-12)


@few
@given(SEEDS)
def test_order_of_pixels_and_of_images_does_not_matter(seed):
    pred, target, valid = pair(seed=seed)
    order = torch.randperm(13 * 17, generator=torch.Generator().manual_seed(seed))
    shuffled = [x.flatten(2)[..., order].view(x.shape).flip(0) for x in (pred, target, valid)]
    errors = m.depth_errors(pred, target, valid)
    for name, value in m.depth_errors(*shuffled).items():
        torch.testing.assert_close(value.flip(0), errors[name])


def test_float32_scale_invariant_error_does_not_cancel():
    """A prediction off by 1e6 and a spread of 1e-3: mean d^2 - (mean d)^2 in float32 would lose every digit."""
    target = torch.full((1, 1, 8, 8), 2.0)
    pred = target * 1e6
    pred[..., ::2] *= math.exp(2e-3)
    assert m.si_rmse(pred, target).item() == pytest.approx(1e-3, rel=5e-3)
    assert m.si_rmse(target * 3, target).item() < 1e-6


def test_measurable():
    valid = torch.zeros(3, 1, 12, 12, dtype=torch.bool)
    valid[1, :, :11, 1:] = True
    valid[2, :, 3, 3] = True
    assert m.measurable("rmse", valid).tolist() == [False, True, True]
    assert m.measurable("ssim", valid).tolist() == [False, True, False]
    assert m.measurable("ssim", valid[..., :9]).tolist() == [False] * 3


ONE = torch.ones(2, 1, 4, 4)


@pytest.mark.parametrize("name", m.PIXEL_METRICS)
def test_an_empty_image_is_named(name):
    valid = torch.ones(2, 1, 4, 4, dtype=torch.bool)
    valid[1] = False
    with pytest.raises(ValueError, match=r"no valid pixel in image\(s\) \[1\]"):
        m.PIXEL_METRICS[name](ONE, ONE, valid)


@pytest.mark.parametrize("name", LOG_NAMES)
@pytest.mark.parametrize("value", [0.0, -1.0])
def test_predictions_must_be_positive_for_logarithms_and_ratios(name, value):
    pred = ONE.clone()
    pred[1, 0, 2, 2] = value
    with pytest.raises(ValueError, match=rf"pred: found {value} at a valid pixel of image 1"):
        m.PIXEL_METRICS[name](pred, ONE)
    for other in set(m.PIXEL_METRICS) - set(LOG_NAMES):
        assert m.PIXEL_METRICS[other](pred, ONE).isfinite().all()


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: m.rmse(ONE[:, 0], ONE), ValueError, r"pred: found shape \[2, 4, 4\]"),
        (lambda: m.rmse(ONE, ONE[:1]), ValueError, "target: found shape"),
        (lambda: m.rmse(ONE, ONE, ONE), TypeError, "valid: found torch.float32"),
        (lambda: m.rmse(ONE * float("nan"), ONE), ValueError, "pred: found nan"),
        (lambda: m.rmse(ONE, -ONE, ONE > 0), ValueError, "target: found -1.0"),
        (lambda: m.rmse(ONE.int(), ONE), TypeError, "pred: found torch.int32"),
        (lambda: m.delta(ONE, ONE, threshold=0.8), ValueError, "threshold: found 0.8"),
        (lambda: m.abs_rel(ONE, ONE, denominator="pred"), ValueError, "denominator: found 'pred'"),
        (lambda: m.abs_rel(0 * ONE, ONE, denominator="prediction"), ValueError, "pred: found 0.0"),
        (lambda: m.depth_errors(ONE, ONE, names=("rms",)), ValueError, "names: found"),
        (lambda: m.depth_errors(ONE, ONE, names="rmse"), TypeError, "names: found the string"),
        (lambda: m.depth_errors(ONE, ONE, names=("ssim",)), ValueError, "data_range: found None"),
        (lambda: m.ssim(ONE, ONE, data_range=1), ValueError, "at least 11 x 11 pixels"),
        (lambda: m.ssim_map(ONE, ONE[:1], data_range=1), ValueError, "two equal shapes"),
        (lambda: m.ssim_map(ONE, ONE, data_range=0), ValueError, "data_range: found 0"),
        (lambda: m.ssim(*torch.ones(2, 1, 1, 12, 12), torch.eye(12).bool()[None, None], data_range=1),
         ValueError, r"no 11 x 11 window of valid pixels in image\(s\) \[0\]"),
        (lambda: m.DepthMetrics(on_empty="ignore"), ValueError, "on_empty: found 'ignore'"),
        (lambda: m.DepthMetrics(on_empty="skip").update(ONE, ONE[:1]), ValueError, "target: found shape"),
    ],
)  # fmt: skip
def test_guards_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
