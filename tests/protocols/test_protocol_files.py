"""Every protocol file: complete, locked, and measuring what its source says, against plain NumPy and closed forms."""

from __future__ import annotations

import dataclasses
import json
import shutil

import numpy as np
import pytest
import torch
import yaml
from depth_maps import maps

from depthlib.protocols import protocol as module
from depthlib.protocols.crops import CROPS, box, crop_mask, filled, placed, resized
from depthlib.protocols.protocol import FOLDER, LOCKS, Protocol, load_protocol, protocol_names
from depthlib.protocols.scaling import NYU_MEAN, NYU_STD, SCALINGS

NAMES = protocol_names()
PUBLISHED = (
    "bts-kitti", "bts-nyu", "chen2016-nyu", "dacnn-eigen", "diode", "diode-masked", "dual-kitti", "dual-make3d",
    "dual-make3d-uncropped",
    "eigen-annotated", "eigen-raw", "fcrn-nyu", "kitti-online", "mai2021", "make3d-c1", "make3d-c2", "mobile-mc", "mobile-nyu",
    "monodepth2", "monodepth2-annotated", "nyu-official", "synergy-kitti", "synergy-nyu", "synergy-nyu-pooled",
)


# ---- files

@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_file_states_every_field_and_is_locked(name):
    file = module._files()[name]
    fields = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert set(fields) == {f.name for f in dataclasses.fields(Protocol)} | {"units"}
    locked = json.loads(file.with_name(LOCKS).read_text(encoding="utf-8"))
    assert locked[name] == load_protocol(name).fingerprint(), "write_locks() locks a new one"


def test_the_published_protocols_are_there_and_distinct():
    assert set(PUBLISHED) <= set(NAMES)
    prints = {name: load_protocol(name).fingerprint() for name in PUBLISHED}
    assert [n for n in prints if list(prints.values()).count(prints[n]) > 1] in ([], ["dacnn-eigen", "eigen-annotated"])


def test_an_edited_file_is_refused(tmp_path, monkeypatch):
    for name in ("eigen-raw.yaml", LOCKS):
        shutil.copy(FOLDER / name, tmp_path)
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    monkeypatch.setattr(module.catalogue, "files", lambda pattern: [])
    file = tmp_path / "eigen-raw.yaml"
    sound = file.read_text()
    file.write_text(sound.replace("what: ", "what: In other words, "))
    assert load_protocol("eigen-raw").crop == "garg"                 # words do not change numbers
    file.write_text(sound.replace("max_depth: 80.0", "max_depth: 50.0"))
    with pytest.raises(ValueError, match="eigen-raw: .* fingerprint .*; a changed protocol needs another name"):
        load_protocol("eigen-raw")
    file.write_text(sound + "crops: garg\n")
    with pytest.raises(ValueError, match="eigen-raw.yaml: .*crops"):
        load_protocol("eigen-raw")
    file.write_text(sound.replace("units: ", "units: km, "))
    with pytest.raises(ValueError, match="eigen-raw.yaml: units is 'km, .*expected"):
        load_protocol("eigen-raw")
    file.write_text(sound)
    module.write_locks()
    assert load_protocol("eigen-raw").max_depth == 80


def test_a_change_shows_in_the_name_and_can_be_loaded_by_it():
    base = load_protocol("eigen-raw")
    assert base.replace(scaling="none") is not None and base.replace(scaling="none").name == "eigen-raw"
    other = base.replace(scaling="median").replace(max_depth=50.0)
    assert other.name == "eigen-raw+scaling=median+max_depth=50.0"
    assert (other.scaling, other.max_depth, base.scaling) == ("median", 50, "none")
    assert other.replace(scaling="least_squares").name == "eigen-raw+scaling=least_squares+max_depth=50.0"
    assert other.fingerprint() != base.fingerprint() != base.replace(crop="eigen").fingerprint()
    many = base.replace(metrics=["abs_rel", "irmse"], size=(10, 20), clamp_range=(0.5, 60.0), min_depth=0.0, images=None,
                        clamp_prediction=False)
    assert many.card()["units"] == "irmse 1/km, others 1" and many.metrics == ("abs_rel", "irmse")
    for protocol in (other, many):
        assert load_protocol(protocol.name) == protocol
    for call, message in [
        (lambda: base.replace(name="mine"), "found name, expected to replace"),
        (lambda: base.replace(scale="median"), "found scale"),
        (lambda: load_protocol("eigen-raw+median"), "expected field=value"),
        (lambda: load_protocol("eigen-raw+scaling=lucky"), "scaling is 'lucky', expected one of none, median"),
        (lambda: load_protocol("eigen+scaling=median"), "unknown protocol 'eigen'"),
        (lambda: load_protocol("../protocol"), "unknown protocol"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("changes, message", [
    ({"metrics": ("abs_rel", "nope")}, "metrics is .*'nope'"), ({"metrics": ()}, r"metrics is \(\), expected some of"),
    ({"reduction": "median"}, "reduction is"),
    ({"reduction": "pooled pixels", "metrics": ("abs_rel", "si_log")}, "si_log, expected only"),
    ({"min_depth": 90.0}, "expected 0 <= min < max"), ({"covers": "eigen", "scaling": "nyu_zscore"}, "of whole maps"),
    ({"clamp_when": "never"}, "clamp_when"), ({"holes": "deep"}, "holes"), ({"resize": "area"}, "resize"),
])
def test_impossible_protocols(changes, message):
    with pytest.raises(ValueError, match=f"protocol eigen-raw.*{message}"):
        load_protocol("eigen-raw").replace(**changes)


# ---- crops, resizing, holes

@pytest.mark.parametrize("crop, size, expected", [
    ("garg", (375, 1242), (153, 371, 44, 1197)), ("garg", (370, 1226), (151, 366, 44, 1181)),
    ("garg", (376, 1241), (153, 372, 44, 1196)),
    ("eigen", (375, 1242), (124, 342, 44, 1197)), ("kitti_bottom", (375, 1242), (23, 375, 13, 1229)),
    ("nyu_official", (480, 640), (44, 471, 40, 601)), ("nyu_bts", (480, 640), (45, 471, 41, 601)),
    ("nyu_fcrn", (480, 640), (12, 468, 16, 624)), ("border16", (480, 640), (16, 464, 16, 624)),
    ("make3d_2to1", (55, 305), (17, 38, 0, 305)), ("none", (7, 9), (0, 7, 0, 9)),
])
def test_crop_rectangles_of_the_sources(crop, size, expected):
    assert box(crop, *size) == expected
    top, bottom, left, right = expected
    mask = crop_mask(crop, *size)
    assert mask.sum() == (bottom - top) * (right - left) and mask[0, 0, top, left] and mask[0, 0, bottom - 1, right - 1]


def test_crops_of_one_size_refuse_others():
    for crop in set(CROPS) - {"none", "garg", "eigen"}:
        with pytest.raises(ValueError, match="ground truth: found 20 x 20 pixels, expected"):
            box(crop, 20, 20)


def test_resizing_depth_and_disparity_differ_as_they_should():
    depth = torch.tensor([[1.0, 4.0]]).view(1, 1, 1, 2)
    linear = resized(depth, (1, 4), "prediction, bilinear, align_corners=False")
    torch.testing.assert_close(linear.flatten(), torch.tensor([1.0, 1.75, 3.25, 4.0]))
    harmonic = resized(depth, (1, 4), "disparity, bilinear, align_corners=False").flatten()
    torch.testing.assert_close(harmonic, 1 / torch.tensor([1.0, 0.8125, 0.4375, 0.25]))
    corners = resized(depth, (1, 4), "prediction, bilinear, align_corners=True").flatten()
    torch.testing.assert_close(corners, torch.tensor([1.0, 2, 3, 4]))
    assert resized(depth, (1, 4), "prediction, nearest").flatten().tolist() == [1, 1, 4, 4]
    assert resized(depth, (1, 2), "none") is depth
    with pytest.raises(ValueError, match="this protocol resizes nothing"):
        resized(depth, (1, 4), "none")
    with pytest.raises(ValueError, match="its inverse is resized"):
        resized(0 * depth, (1, 4), "disparity, bilinear, align_corners=False")


def test_a_prediction_of_a_region_lands_there():
    inner = torch.rand(1, 1, 427, 561)
    whole = placed(inner, (480, 640), "nyu_official", "none")
    assert whole.shape == (1, 1, 480, 640) and torch.equal(whole[..., 44:471, 40:601], inner)
    with pytest.raises(ValueError, match="found the whole frame.*covers=none"):
        placed(torch.ones(1, 1, 480, 640), (480, 640), "nyu_official", "prediction, nearest")


def test_nothing_outside_the_region_of_a_prediction_counts():
    protocol = load_protocol("synergy-nyu")
    target = torch.full((1, 1, 480, 640), 3.0)
    counted = protocol.truth(target, target > 0)[1][0, 0]
    assert counted.nonzero().min(0).values.tolist() == [45, 41] and counted.nonzero().max(0).values.tolist() == [467, 600]
    assert protocol.score(torch.full((1, 1, 228, 304), 3.3), target, target > 0)["abs_rel"].item() == pytest.approx(0.1, rel=1e-5)


def test_holes_are_filled_from_the_background():
    depth = torch.tensor([[0.0, 0, 0, 0], [0, 5, 0, 3], [7, 0, 2, 0], [0, 0, 0, 0]]).view(1, 1, 4, 4)
    expected = torch.tensor([[5.0, 5, 3, 3], [5, 5, 3, 3], [7, 2, 2, 2], [7, 2, 2, 2]])
    torch.testing.assert_close(filled(depth)[0, 0], expected)
    with pytest.raises(ValueError, match="nothing but holes"):
        filled(0 * depth)


# ---- scaling

def scaled(name: str, pred: torch.Tensor, target: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """A whole map, and the same from NumPy's arrays of its valid pixels."""
    protocol = load_protocol("diode").replace(scaling=name, clamp_prediction=False, min_depth=0.0, max_depth=80.0)
    found = protocol.prepare(pred, target, valid)[0]
    for p, t, mask, whole in zip(pred, target, valid, found, strict=True):
        pixels = SCALINGS[name](p[mask].numpy(), p[mask].numpy(), t[mask].numpy(), 80.0)
        np.testing.assert_allclose(whole[mask].numpy(), pixels, rtol=1e-12)
    return found


def test_scalings_forgive_what_they_say():
    pred, target, valid = maps()
    true = torch.where(valid, target, 7.0)
    for name, spoiled in [("median", 3 * true), ("median_lower", 3 * true), ("least_squares_scale", 3 * true),
                          ("least_squares", 3 * true + 5), ("least_squares_disparity", 1 / (3 / true + 0.01))]:
        found = scaled(name, spoiled, target, valid)
        torch.testing.assert_close(found[valid], target[valid], rtol=1e-6, atol=1e-6)
    shifted = scaled("least_squares_scale", 3 * true + 5, target, valid)
    assert (shifted - target)[valid].abs().max() > 0.5


def test_least_squares_and_lower_median_against_numpy():
    pred, target, valid = maps(batch=3)
    lower, line = (scaled(name, pred, target, valid) for name in ("median_lower", "least_squares"))
    for i in range(3):
        p, t, m = (x[i, 0].numpy() for x in (pred, target, valid))
        slope, offset = np.polyfit(p[m], t[m], 1)
        np.testing.assert_allclose(line[i, 0].numpy(), slope * p + offset, rtol=1e-9)
        middle = [np.sort(x[m])[(m.sum() - 1) // 2] for x in (t, p)]
        np.testing.assert_allclose(lower[i, 0].numpy(), p * middle[0] / middle[1], rtol=1e-9)


def test_chen_forgives_any_line_but_not_its_sign():
    pred, target, valid = maps(40, 50, far=8.0)
    protocol = load_protocol("chen2016-nyu")
    prepared, _, mask = protocol.prepare(pred, target, valid)
    assert prepared.mean(dim=(1, 2, 3)).tolist() == pytest.approx([NYU_MEAN] * 2)
    assert prepared.std(dim=(1, 2, 3)).tolist() == pytest.approx([NYU_STD] * 2)
    assert mask.sum() == valid[..., 16:24, 16:34].sum()
    a, b, c = (protocol.score(x, target, valid)["rmse"] for x in (pred, 100 * pred + 3, -pred))
    torch.testing.assert_close(a, b)
    assert (c > a + 0.1).all()
    with pytest.raises(ValueError, match="constant map"):
        protocol.score(torch.ones_like(pred), target, valid)


def test_clamping_before_or_after_scaling():
    pred, target, valid = torch.tensor([1.0, 2, 200]), torch.tensor([10.0, 20, 70]), torch.ones(1, 1, 1, 3, dtype=torch.bool)
    protocol = load_protocol("monodepth2+crop=none+metrics=mae,rmse")
    after = protocol.prepare(pred.view(1, 1, 1, 3), target.view(1, 1, 1, 3), valid)[0].flatten().tolist()
    before = protocol.replace(clamp_when="before scaling").prepare(pred.view(1, 1, 1, 3), target.view(1, 1, 1, 3), valid)[0]
    assert after == [10, 20, 80] and before.flatten().tolist() == [10, 20, 800]
