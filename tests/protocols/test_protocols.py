"""Protocols against plain NumPy, step by step."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from depthlib.protocols.evaluate import ProtocolErrors, evaluate
from depthlib.protocols.inference import measure
from depthlib.protocols.protocol import FOLDER, load_protocol, median_ratio
from depthlib.protocols.reduction import REDUCTIONS
from depthlib.protocols.scaling import median

NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_every_file_is_a_protocol_of_its_own_name(name):
    protocol = load_protocol(name)
    assert protocol.name == name and protocol.card()["name"] == name


def test_unknown_names_and_fields():
    with pytest.raises(ValueError, match="unknown protocol 'nope': expected one of .*scenes"):
        load_protocol("nope")
    with pytest.raises(ValueError, match="scaling is 'lucky'"):
        replace(load_protocol("scenes"), scaling="lucky")


def maps(seed=0, shape=(3, 1, 6, 7)):
    generator = torch.Generator().manual_seed(seed)
    target = 0.05 + 12 * torch.rand(shape, generator=generator)
    pred = target * (0.4 + torch.rand(shape, generator=generator))
    return pred, target, torch.rand(shape, generator=generator) > 0.3


@pytest.mark.parametrize("scaling", ["none", "median"])
def test_order_mask_scale_clamp_measure(scaling):
    protocol = replace(load_protocol("scenes"), scaling=scaling, min_depth=1.0, max_depth=9.0, metrics=("abs_rel", "rmse"))
    pred, target, valid = maps()
    found = protocol.score(pred, target, valid)
    for i in range(3):
        t, p = target[i, 0].numpy(), pred[i, 0].numpy()
        mask = valid[i, 0].numpy() & (t > 1) & (t < 9)
        t, p = t[mask].astype(float), p[mask].astype(float)
        if scaling == "median":
            p = p * np.median(t) / np.median(p)
        p = np.clip(p, 1, 9)
        assert found["abs_rel"][i].item() == pytest.approx(np.mean(np.abs(p - t) / t), rel=1e-5)
        assert found["rmse"][i].item() == pytest.approx(np.sqrt(np.mean((p - t) ** 2)), rel=1e-5)


def test_median_scaling_forgives_any_factor():
    pred, target, valid = maps()
    protocol = replace(load_protocol("scenes-median"), clamp_prediction=False)
    a, b = protocol.score(pred, target, valid), protocol.score(7 * pred, target, valid)
    torch.testing.assert_close(a["rmse"], b["rmse"])
    assert (load_protocol("scenes").score(7 * pred, target, valid)["rmse"] > 2 * a["rmse"]).all()


def test_median_of_an_even_number_of_pixels_is_numpys():
    target = torch.tensor([1.0, 2, 4, 100]).view(1, 1, 2, 2)
    pred = torch.ones(1, 1, 2, 2)
    assert median_ratio(pred, target, target > 0).item() == np.median([1, 2, 4, 100]) == 3
    assert median_ratio(pred, target, target > 200).item() == 1


@pytest.mark.parametrize("count", range(1, 8))
def test_medians_are_those_of_numpy_and_torch(count):
    values = np.random.default_rng(count).normal(size=count).astype(np.float32)
    assert median(values) == np.median(values) and median(values, lower=True) == torch.from_numpy(values).median()
    values[count // 2] = np.nan
    assert np.isnan(median(values)) and np.isnan(median(values, lower=True))


def test_prediction_is_resized_bilinearly_to_the_truth():
    pred, target, valid = maps()
    small = F.interpolate(pred, (3, 4), mode="area")
    found = load_protocol("scenes").score(small, target, valid)
    same = load_protocol("scenes").score(F.interpolate(small, (6, 7), mode="bilinear", align_corners=False), target, valid)
    torch.testing.assert_close(found["abs_rel"], same["abs_rel"], rtol=0, atol=0)


class Doubling(nn.Module):
    """Depth is twice ten times the red channel."""

    def forward(self, image):
        return 20 * image[:, :1] + 0.0


class Items(torch.utils.data.Dataset):
    def __init__(self, empty=()):
        self.empty = empty

    def __len__(self):
        return 5

    def __getitem__(self, index):
        red = 0.1 + torch.rand(1, 4, 4, generator=torch.Generator().manual_seed(index))
        depth = 10 * red * (0 if index in self.empty else 1)
        return {"image": red.repeat(3, 1, 1), "depth": depth, "valid": depth > 0, "name": f"n{index}"}


def test_mean_over_images_with_uneven_batches_and_a_counted_skip():
    result, kept = evaluate(Doubling(), Items(empty={1}), load_protocol("scenes"), batch_size=2, keep=3)
    assert result.images == ["n0", "n2", "n3", "n4"] and result.skipped == ["n1"]
    assert result.means()["abs_rel"] == pytest.approx(1.0, rel=1e-6)
    assert result.pixels == [16] * 4 and result.protocol == "scenes"
    assert torch.equal(kept, torch.stack([Doubling()(Items()[i]["image"][None])[0] for i in range(3)]))     # skipped or not


def test_true_depth_is_preferred_to_defective_labels():
    class Defective(Items):
        def __getitem__(self, index):
            item = super().__getitem__(index)
            return item | {"depth_true": item["depth"], "depth": torch.zeros_like(item["depth"])}

    assert len(evaluate(Doubling(), Defective(), load_protocol("scenes"))[0].images) == 5


def test_nothing_to_measure_is_an_error():
    with pytest.raises(ValueError, match="protocol scenes: found no valid pixel in 5 images"):
        evaluate(Doubling(), Items(empty=set(range(5))), "scenes")


def test_means_are_those_of_the_protocol():
    """Images with 16, 8, 16, ... valid pixels, whose errors differ: pooled over pixels, or the mean over images."""
    class Half(Items):
        def __getitem__(self, index):
            item = super().__getitem__(index)
            item["depth"][:, : 2 * (index % 2)] = 0
            return item | {"image": item["image"] * (1 + index)}

    protocol = load_protocol("scenes").replace(metrics=("rmse",))
    errors = {how: ProtocolErrors(protocol.replace(reduction=how)) for how in REDUCTIONS}
    found = measure(Doubling(), Half(), errors)
    pixels, rmse = np.array([16, 8, 16, 8, 16]), np.array(found["pooled pixels"].metrics["rmse"])
    assert found["pooled pixels"].pixels == pixels.tolist()
    assert found["pooled pixels"].means()["rmse"] == pytest.approx(np.sqrt((pixels * rmse**2).sum() / pixels.sum()))
    assert found["mean over images"].means()["rmse"] == pytest.approx(rmse.mean())
    assert found["mean over images, roots last"].means()["rmse"] == pytest.approx(np.sqrt((rmse**2).mean()))
