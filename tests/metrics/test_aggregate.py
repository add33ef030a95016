"""Errors over a data set: merged, summed, reset and refused."""

import pytest
import torch
from metric_maps import pair

from depthlib import metrics as m


def update(metric: m.DepthMetrics, data: tuple[torch.Tensor, ...], sizes: list[int]) -> None:
    for batch in zip(*(x.split(sizes) for x in data), strict=True):
        metric.update(*batch)


def test_merged_halves_equal_the_whole():
    data = tuple(torch.cat(x) for x in zip(pair(7, 24, 24, 1), pair(4, 24, 24, 2), strict=True))
    data[2][5] = False  # an image without a valid pixel
    data[2][:8, :, ::8, ::8] = False  # and eight without a whole window
    options = dict(names=m.METRIC_NAMES, data_range=20.0, on_empty="skip")
    data[2][8:] = True
    data = (data[0].nan_to_num(3.0), data[1].clamp(min=1), data[2])
    whole, first, second = (m.DepthMetrics(**options) for _ in range(3))
    update(whole, data, [11])
    update(first, tuple(x[:6] for x in data), [4, 1, 1])
    update(second, tuple(x[6:] for x in data), [2, 3])
    for state in ("sum", "count", "skipped"):
        setattr(first, state, getattr(first, state) + getattr(second, state))
    first._update_count, first._computed = 1, None
    merged, reference = first.compute(), whole.compute()
    assert list(merged) == list(m.METRIC_NAMES)
    for name in m.METRIC_NAMES:
        torch.testing.assert_close(merged[name], reference[name])
    assert whole.skipped.tolist() == first.skipped.tolist() == [1] * 11 + [8]
    assert whole.count.tolist() == [10] * 11 + [3]
    kept = [i for i in range(11) if i != 5]
    per_image = m.depth_errors(*(x[kept] for x in data))
    per_image["ssim"] = m.ssim(*(x[8:] for x in data), data_range=20)
    for name, value in per_image.items():
        assert reference[name].item() == pytest.approx(value.mean().item(), rel=1e-5)


def test_states_are_summed_across_processes():
    metric = m.DepthMetrics()
    assert set(metric._reductions) == {"sum", "count", "skipped"}
    assert all(reduce is not None and reduce(torch.ones(4)) == 4 for reduce in metric._reductions.values())


def test_reset():
    metric = m.DepthMetrics(("rmse",))
    metric.update(*pair())
    metric.reset()
    assert metric.count.tolist() == [0]


def test_an_update_that_fails_changes_nothing():
    pred, target, valid = pair()
    metric = m.DepthMetrics()
    metric.update(pred, target, valid)
    before = metric.compute()
    with pytest.raises(ValueError, match="image 0"):
        metric.update(pred * 0, target, valid)
    metric._computed = None
    assert all(torch.equal(before[name], value) for name, value in metric.compute().items())


def test_no_image_is_an_error_not_a_nan():
    pred, target, valid = pair()
    metric = m.DepthMetrics(("rmse", "ssim"), data_range=20, on_empty="skip")
    metric.update(pred, target, valid)
    assert metric.skipped.tolist() == [0, 3]
    with pytest.raises(ValueError, match="ssim: found no image"):
        metric.compute()
