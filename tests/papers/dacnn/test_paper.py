"""DACNN: its printed numbers entered a second time, its claims against its tables, its tasks, its measures, one small run."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from scipy import ndimage
from torch import nn

from depthlib.models import create_model
from depthlib.papers.dacnn import exercises
from depthlib.papers.dacnn import rows as dacnn
from depthlib.papers.dacnn.borders import BorderErrors, depth_borders, missing_step, regions
from depthlib.papers.dacnn.guidance import border_pixel, guidance_colours, marked, mixing, shrunk
from depthlib.papers.dacnn.lidar_labels import LidarLabels
from depthlib.papers.dacnn.loss import dacnn_loss
from depthlib.papers.dacnn.network import Estimate
from depthlib.papers.dacnn.task import Distillation, StereoTeacher, random_crop
from depthlib.protocols.inference import measure
from depthlib.protocols.protocol import load_protocol
from depthlib.report import claims as published
from depthlib.report.claims import load_paper
from depthlib.runs.execute import ensure
from depthlib.runs.store import RunSpec, Store

PAPER = load_paper("dacnn")
LOCK = "bc69657b92db"       # a second place to change on purpose
CLAIMS = published.FOLDER / "dacnn" / "claims.yaml"

# Typed anew from the paper, column by column.
METHODS1 = ["Make3D", "Eigen et al.", "Liu et al.", "Godard et al.", "Kuznetsov et al.", "Gan et al.", "Yin et al.", "DORN", "DACNN"]
TABLE1 = {
    "abs_rel": [0.280, 0.203, 0.202, 0.114, 0.113, 0.098, 0.072, 0.072, 0.073],
    "sq_rel": [3.012, 1.548, 1.614, 0.898, 0.741, 0.666, None, 0.307, 0.304],
    "rmse": [8.734, 6.307, 6.523, 4.935, 4.621, 3.933, 3.256, 2.727, 2.801],
    "rmse_log": [0.361, 0.282, 0.275, 0.206, 0.189, 0.173, 0.117, 0.120, 0.116],
    "delta1": [0.601, 0.702, 0.678, 0.861, 0.862, 0.890, 0.938, 0.932, 0.939],
    "delta2": [0.820, 0.890, 0.895, 0.949, 0.960, 0.964, 0.993, 0.984, 0.990],
    "delta3": [0.926, 0.958, 0.965, 0.976, 0.986, 0.985, 0.998, 0.994, 0.997],
}
METHODS2 = ["DABC et al.", "Guo et al.", "Zhang et al.", "Yin et al.", "DORN", "DACNN"]
TABLE2 = {
    "si_log": [14.49, 13.41, 13.08, 12.65, 11.77, 12.95],
    "sq_error_rel": [4.08, 2.86, 2.72, 2.46, 2.23, 2.60],
    "abs_error_rel": [12.72, 10.60, 10.27, 10.15, 8.78, 10.35],
    "irmse": [15.53, 15.06, 13.95, 13.02, 12.98, 13.95],
}
TABLE3 = {
    "abs_rel": {"no-blocks": 0.086, "no-distill": 0.079, "full": 0.073},
    "sq_rel": {"no-blocks": 0.563, "no-distill": 0.462, "full": 0.304},
    "rmse": {"no-blocks": 3.675, "no-distill": 3.174, "full": 2.801},
    "rmse_log": {"no-blocks": 0.162, "no-distill": 0.126, "full": 0.116},
}


# The paper as data


def column(table: str, data: str, metric: str) -> list[float | None]:
    return [None if np.isnan(value) else value for value in PAPER.table(table).to_frame()[data, metric]]


def test_tables_twice():
    for key, data, methods, numbers in (("table1", "eigen", METHODS1, TABLE1), ("table2", "online", METHODS2, TABLE2)):
        table = PAPER.table(key)
        assert [row.label for row in table.rows] == methods and [c.metric for c in table.columns] == list(numbers)
        assert {metric: column(key, data, metric) for metric in numbers} == numbers
        assert [row.variant for row in table.rows] == [None] * (len(methods) - 1) + ["full"]
    for metric, numbers in TABLE3.items():
        assert {variant: PAPER.table("table3").number(variant, "eigen", metric) for variant in numbers} == numbers
    assert PAPER.table("table3").to_frame().shape == (3, 4)


def test_what_the_remarks_say_about_the_tables():
    """Erratum D20 and "first in 3 of 7 columns, third at worst" are found, not typed."""
    for name in ("DORN", "Yin et al."):
        at = METHODS2.index(name)
        assert all(values[at] < values[-1] for values in TABLE2.values())
    places = []
    for metric, values in TABLE1.items():
        sign = -1 if metric.startswith("delta") else 1
        known = [sign * value for value in values if value is not None]
        places.append(1 + sum(value < known[-1] for value in known))
    assert places.count(1) == 3 and max(places) == 3


def test_claims_agree_with_the_tables():
    for claim in PAPER.claims:
        for ours, theirs in PAPER.printed(claim):
            assert ours < theirs, claim.key
    assert len(PAPER.printed(PAPER.claim("full-is-best"))) == 8
    assert PAPER.printed(PAPER.claim("blocks-help")) == [(0.073, 0.086)]
    assert PAPER.printed(PAPER.claim("blocks-help-alone")) == []       # under that reading row 1 is another network


def test_every_claim_can_be_run_or_says_why_not():
    measured = set(load_protocol("dacnn-streets").metrics)
    known = {"streets": measured, "streets-online": set(load_protocol("dacnn-streets-online").metrics), "borders": {
        "border_abs_rel", "inside_abs_rel", "border_minus_inside", "inside_minus_border", "missing_step",
    }}
    variants = {spec.variant for spec in dacnn.runs("full")}
    assert {spec.variant for spec in dacnn.runs("quick")} == {"teacher", "mean", *dacnn.FLOOR_ROWS, *dacnn.TABLE3} < variants
    for claim in PAPER.claims:
        if claim.untestable:
            assert len(claim.untestable) > 20 and not claim.comparisons()
            continue
        assert {claim.better, *(x for x in claim.than if isinstance(x, str))} <= variants, claim.key
        for test in claim.tests:
            assert set(claim.metrics) <= known[PAPER.stand_ins.get(test, test)], claim.key


@pytest.mark.slow
def test_a_claim_cannot_be_changed_unnoticed(tmp_path):
    text = CLAIMS.read_text(encoding="utf-8")
    assert yaml.safe_load(text)["lock"] == LOCK
    for change in (
        lambda c: c["claims"]["blocks-help"].update(better="no-blocks", than=["full"]), lambda c: c["rule"].update(level=0.5),
        lambda c: c["claims"]["blocks-help-at-borders"].update(metrics=["inside_abs_rel"]), lambda c: c["claims"].pop("both-help"),
        lambda c: c["stand_ins"].update(online="streets"),
    ):
        content = yaml.safe_load(text)
        change(content)
        with pytest.raises(ValueError, match=f"lock is '{LOCK}', but the claims are"):
            published._paper("dacnn", content)


CITED = re.compile(r"\berrat(?:um|a)\s+(D\d+(?:(?:,|,?\s+and|\s+to)\s+D\d+)*)")


def test_every_erratum_that_is_cited_is_listed():
    folder = published.FOLDER.parent
    known = {erratum.key for erratum in PAPER.errata}
    assert sorted(known, key=lambda key: int(key[1:])) == [f"D{i}" for i in range(1, 22)]
    cited = {}
    for path in [*folder.rglob("*.py"), CLAIMS]:
        text = path.read_text(encoding="utf-8")
        cited[path.relative_to(folder).as_posix()] = {n for found in CITED.findall(text) for n in re.findall(r"D\d+", found)}
    assert set.union(*cited.values()) <= known
    assert {"D7"} <= cited["papers/dacnn/network.py"] and {"D18"} <= cited["papers/dacnn/task.py"]


# Recipes


def test_variants_differ_in_what_they_are_about():
    recipes = {variant: RunSpec("dacnn", variant, "streets", "quick").recipe for variant in dacnn.VARIANTS}
    weights = {v: r.task.options.get("weights") for v, r in recipes.items()}
    assert weights["full"] == weights["no-blocks"] == {"pixel": 1, "smooth": 0.01, "proxy": 0.01, "guidance": 1000}
    assert weights["no-distill"] == weights["plain"] == {"pixel": 1, "smooth": 0.01}
    for variant, recipe in recipes.items():
        assert recipe.model_options.get("depth_aware", True) == (variant not in ("no-blocks", "plain")), variant
        taught = variant not in ("plain", "no-distill", "long", "teacher", "mean")
        assert (set(recipe.networks) == {"teacher"}) == taught, variant
        assert recipe.plan.flip == 0
    for first, second in (("full", "no-blocks"), ("no-distill", "plain")):
        same = {"model_options": recipes[first].model_options, "ship_weights": recipes[first].ship_weights}
        assert recipes[first] == replace(recipes[second], **same)
    assert recipes["long"] == replace(recipes["no-distill"], plan=recipes["teacher"].plan, ship_weights=False)
    assert recipes["no-guidance"].task.options["weights"].keys() == {"pixel", "smooth", "proxy"}
    assert recipes["unscaled"].model_options["guidance_scale"] == 1
    assert recipes["spatial"].task.options["axis"] == "spatial"


def test_one_teacher_for_all():
    specs = dacnn.runs("quick", seeds=[0, 1])
    needs = [spec.recipe.networks["teacher"] for spec in specs if spec.recipe.networks]
    assert len(needs) == 4 and len({need.key for need in needs}) == 1
    assert needs[0].name in {spec.name for spec in specs if spec.variant == "teacher"}
    teacher = needs[0].recipe
    student = RunSpec("dacnn", "full", "streets", "quick").recipe
    assert teacher.train == student.train and teacher.plan.steps == 2 * student.plan.steps
    assert {k: v for k, v in teacher.model_options.items() if k != "max_displacement"} == student.model_options
    assert RunSpec("dacnn", "full", "streets", "quick", overrides={"steps": 9}).recipe.networks["teacher"].overrides == {"steps": 9}


def test_the_papers_settings_at_full_size():
    recipe = RunSpec("dacnn", "full", "streets", "full").recipe
    plan = recipe.plan
    assert (plan.betas, plan.lr, plan.schedule, plan.power, plan.batch_size) == ((0.9, 0.999), 1e-4, "poly", 0.9, 6)
    assert recipe.model_options == {"max_depth": 80.0}      # all else as the paper has it
    assert {spec.variant for spec in dacnn.runs("full", seeds=[0])} == {*dacnn.VARIANTS, *dacnn.FLOOR_ROWS}
    for bad, message in (
        (("f", "streets", "quick"), "unknown variant 'f'"), (("full", "rooms", "quick"), "unknown data 'rooms'"),
    ):
        with pytest.raises(ValueError, match=message):
            _ = RunSpec("dacnn", *bad).recipe
    with pytest.raises(NotImplementedError, match="KITTI"):
        _ = RunSpec("dacnn", "full", "streets", "paper").recipe


# Tasks


def small_batch(batch: int = 2, height: int = 24, width: int = 32) -> dict:
    generator = torch.Generator().manual_seed(0)
    depth = 1 + 20 * torch.rand(batch, 1, height, width, generator=generator)
    valid = torch.rand(depth.shape, generator=generator) > 0.5
    image, right = torch.rand(2, batch, 3, height, width, generator=generator)
    return {"image": image, "right": right, "depth": depth * valid, "valid": valid, "name": ["a", "b"]}


def small(name: str = "dacnn", **options) -> nn.Module:
    torch.manual_seed(0)
    return create_model(name, backbone="resnest14d", width=0.125, guidance_channels=4, dilations=(1, 2), **options)


def test_a_crop_is_the_same_window_of_everything():
    batch = small_batch()
    marks = torch.arange(24 * 32).view(1, 1, 24, 32).float().expand(2, -1, -1, -1)
    batch |= {"depth": marks, "right": marks.expand(-1, 3, -1, -1), "image": marks.expand(-1, 3, -1, -1)}
    torch.manual_seed(0)
    places = set()
    for _ in range(40):
        cut = random_crop(batch, (16, 16))
        assert cut["depth"].shape == (2, 1, 16, 16)
        assert torch.equal(cut["depth"].expand(-1, 3, -1, -1), cut["right"]) and torch.equal(cut["image"], cut["right"])
        y, x = divmod(int(cut["depth"][0, 0, 0, 0]), 32)
        assert torch.equal(cut["valid"], batch["valid"][..., y : y + 16, x : x + 16])
        places.add((y, x))
    assert {y for y, _ in places} <= set(range(9)) and max(x for _, x in places) <= 16 and len(places) > 20
    torch.manual_seed(3)
    first = random_crop(batch, (16, 16))["depth"]
    torch.manual_seed(3)
    assert torch.equal(first, random_crop(batch, (16, 16))["depth"])
    assert random_crop(batch, None) is batch
    with pytest.raises(ValueError, match="crop: found 32x32, expected at most the size of the images, 24x32"):
        random_crop(batch, (32, 32))


def test_the_teacher_learns_from_labels_alone():
    batch, model = small_batch(), small("dacnn_teacher", max_displacement=2).eval()
    loss, terms = StereoTeacher().loss(model, batch)
    depth = model(batch["image"], batch["right"])
    assert loss.item() == pytest.approx((depth - batch["depth"]).abs()[batch["valid"]].mean().item()) and terms == {}


class Known(nn.Module):
    """A teacher whose answer is known; keeps what it is given."""

    def __init__(self, estimate: Estimate) -> None:
        super().__init__()
        self.answer, self.weight, self.seen = estimate, nn.Parameter(torch.ones(())), []

    def estimate(self, left, right):
        self.seen.append((left, right, torch.is_grad_enabled()))
        return Estimate(self.weight * self.answer.depth, tuple(self.weight * g for g in self.answer.guidance))


def test_distillation_is_equation_7():
    batch, student = small_batch(), small().eval()
    teacher = Known(Estimate(torch.full((2, 1, 24, 32), 7.0), tuple(torch.randn(2, 4, 24 // s, 32 // s) for s in (8, 4, 2)))).train()
    task = Distillation(teacher)
    task.prepare(student, None)
    assert not teacher.training and not teacher.weight.requires_grad
    loss, terms = task.loss(student, batch)
    own = student.estimate(batch["image"])
    expected, parts = dacnn_loss(
        own.depth, batch["depth"], batch["valid"], batch["image"], guidance=own.guidance, teacher_depth=teacher.answer.depth,
        teacher_guidance=teacher.answer.guidance,
    )
    assert loss.item() == pytest.approx(expected.item()) and {k: v.item() for k, v in terms.items()} == pytest.approx(
        {k: v.item() for k, v in parts.items()})
    assert terms["proxy"].item() == pytest.approx(0.01 * (own.depth - 7).abs().mean().item())
    (left, right, with_grad), = teacher.seen
    assert torch.equal(left, batch["image"]) and torch.equal(right, batch["right"]) and not with_grad
    loss.backward()
    assert teacher.weight.grad is None and all(p.grad is not None for n, p in student.named_parameters() if n.startswith("guidance"))


def test_without_a_teacher():
    batch, student = small_batch(), small().eval()
    loss, terms = Distillation(weights={"pixel": 1.0, "smooth": 0.01}).loss(student, batch)
    assert set(terms) == {"pixel", "smooth"} and loss.item() == pytest.approx(sum(t.item() for t in terms.values()), rel=1e-5)
    with pytest.raises(ValueError, match="teacher: found None"):
        Distillation(weights={"pixel": 1.0, "guidance": 1.0})


class Frames(torch.utils.data.Dataset):
    """Two frames of a wall with a box in front of it; the second has only the wall."""

    def __init__(self, sky: bool = False) -> None:
        self.depth = torch.full((1, 32, 48), 20.0)
        self.instances = torch.ones(32, 48, dtype=torch.int64)
        self.depth[:, 8:20, 16:30], self.instances[8:20, 16:30] = 5.0, 2
        if sky:
            self.depth[:, :3], self.instances[:3] = 0, 0

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: int) -> dict:
        if index > 1:
            raise IndexError
        flat = index == 1
        depth = torch.full_like(self.depth, 20.0) if flat else self.depth
        k = torch.tensor([[40.0, 0, 23.5], [0, 40.0, 15.5], [0, 0, 1]])
        instances = torch.ones_like(self.instances) if flat else self.instances
        return {"image": depth.expand(3, -1, -1) / 40, "right": depth.expand(3, -1, -1) / 80, "depth": depth, "valid": depth > 0,
                "K": k, "instances": instances, "name": f"f{index}"}

    def fingerprint(self) -> str:
        return "frames"


def test_laser_labels_are_part_of_the_truth_and_stay():
    frames = Frames(sky=True)
    labels = LidarLabels(frames, beams=8)
    assert len(labels) == 2 and labels.fingerprint() == "8 beams of frames"
    item = labels[0]
    assert item["valid"].any() and not (item["valid"] & (frames.depth == 0)).any() and "depth_true" not in item
    assert torch.equal(item["depth"], torch.where(item["valid"], frames.depth, 0))
    assert torch.equal(labels[0]["valid"], item["valid"])
    assert item["valid"].sum() < LidarLabels(frames, beams=64)[0]["valid"].sum() < (frames.depth > 0).sum()


# Measures


def test_borders_are_where_objects_of_other_depth_meet():
    frame = Frames()
    depth, instances = frame.depth[None], frame.instances[None, None]
    border = depth_borders(depth, instances)[0, 0].numpy()
    box = np.zeros((32, 48), bool)
    box[8:20, 16:30] = True
    cross = ndimage.generate_binary_structure(2, 1)
    expected = (ndimage.binary_dilation(box, cross) & ~box) | (box & ~ndimage.binary_erosion(box, cross))
    np.testing.assert_array_equal(border, expected)
    assert not depth_borders(depth, torch.ones_like(instances)).any()       # a slope of one object is no border
    assert not depth_borders(torch.full_like(depth, 3.0), instances).any()      # nor are two objects of one depth
    assert not depth_borders(depth, instances, jump=4.5).any()
    with pytest.raises(ValueError, match="jump: found 1"):
        depth_borders(depth, instances, jump=1)
    with pytest.raises(ValueError, match=r"found shapes .*, expected \[B,1,H,W\]"):
        depth_borders(depth, instances[0])


def test_band_and_inside():
    frame = Frames(sky=True)
    depth, instances = frame.depth[None], frame.instances[None, None]
    band, inside = regions(depth, instances, reach=2)
    border, sky = depth_borders(depth, instances)[0, 0].numpy(), (frame.depth == 0)[0].numpy()
    square = np.ones((5, 5), bool)
    near, under = ndimage.binary_dilation(border, square), ndimage.binary_dilation(sky, np.ones((7, 7), bool))
    np.testing.assert_array_equal(band[0, 0].numpy(), near & ~under)
    np.testing.assert_array_equal(inside[0, 0].numpy(), ~near & ~under)


def test_missing_step():
    frame = Frames()
    depth = frame.depth[None]
    band, _ = regions(depth, frame.instances[None, None])
    flat = torch.full_like(depth, 9.0)
    for prediction, expected in ((depth, 0.0), (3 * depth, 0.0), (depth.square(), 0.0), (flat, 1.0), (depth.sqrt(), 0.5)):
        assert missing_step(prediction, depth, band).item() == pytest.approx(expected, abs=1e-5)
    blurred = torch.from_numpy(ndimage.gaussian_filter(depth[0, 0].numpy(), 2.0))[None, None]
    assert 0.2 < missing_step(blurred, depth, band).item() < 0.9


class Painted(nn.Module):
    """Depth is 40 times the image, but `off` times that near the box's border."""

    def __init__(self, off: float, inputs: tuple[str, ...] = ("image",)) -> None:
        super().__init__()
        self.off, self.inputs = off, inputs

    def forward(self, image, *more):
        frame = Frames()
        band, _ = regions(frame.depth[None], frame.instances[None, None])
        return 40 * image[:, :1] * torch.where(band, self.off, 1.0)


def test_border_errors():
    borders = BorderErrors("dacnn-streets+crop=none")
    result = measure(Painted(1.5), Frames(), {"borders": borders})["borders"]
    assert result.images == ["f0"] and result.skipped == ["f1"]     # without a border there is nothing to say
    assert result.metrics["border_abs_rel"] == pytest.approx([0.5]) and result.metrics["inside_abs_rel"] == pytest.approx([0.0], abs=1e-6)
    assert result.metrics["border_minus_inside"] == pytest.approx([0.5]) and result.metrics["inside_minus_border"] == pytest.approx([-0.5])
    with pytest.raises(ValueError, match="both a depth border and an inside"):
        measure(Painted(1.5), torch.utils.data.Subset(Frames(), [1]), {"borders": borders})


class Colour(nn.Module):
    """Depth from each pixel's own colours, of the image and its stereo partner; `seen` are the sizes of the images."""

    inputs = ("image", "right")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, ...]] = []

    def forward(self, image, right):
        self.seen.append(tuple(image.shape[-2:]))
        return 1 + 30 * image[:, :1] + 20 * right[:, 1:2]


def test_border_errors_through_windows():
    model, protocol = Colour(), "dacnn-streets+crop=none"
    found = measure(model, Frames(), {"windows": BorderErrors(protocol, [16, 16]), "whole": BorderErrors(protocol)})
    assert set(model.seen) == {(16, 16), (32, 48)}
    assert found["windows"].images == ["f0"] == found["whole"].images
    for name, values in found["whole"].metrics.items():
        assert found["windows"].metrics[name] == pytest.approx(values), name


def test_protocols_of_the_stand_ins_are_the_papers_but_for_the_truth():
    for here, there in (("dacnn-streets", "dacnn-eigen"), ("dacnn-streets-online", "kitti-online")):
        a, b = load_protocol(here), load_protocol(there)
        assert replace(a, name=b.name, what=b.what, ground_truth=b.ground_truth, images=b.images) == b


# Pictures


def test_mixing_of_objects():
    frame = Frames()
    instances = frame.instances[None, None]
    share = mixing(torch.zeros(1, 2, 32, 48), instances)[0, 0]
    assert share[8, 16] == pytest.approx(5 / 9) and share[12, 20] == 0 and share[10, 15] == pytest.approx(3 / 9)
    guided = mixing(10 * frame.depth.log()[None], instances)
    assert guided.max() < 1e-6
    assert mixing(torch.zeros(1, 2, 32, 48), instances, dilation=3)[0, 0, 10, 18] == pytest.approx(5 / 9)
    with pytest.raises(ValueError, match="expected one size"):
        mixing(torch.zeros(1, 2, 8, 8), instances)


def test_guidance_colours():
    torch.manual_seed(0)
    teacher = torch.randn(2, 5, 6, 7)
    own, same, other = guidance_colours(teacher, [teacher + torch.randn(2, 1, 6, 7), torch.randn(2, 5, 6, 7)])
    assert own.shape == (2, 3, 6, 7) and own.min() == 0 and own.max() == 1
    torch.testing.assert_close(own, same)       # a softmax does not see a shift of all channels
    assert (own - other).abs().mean() > 0.1


def test_places():
    frame = Frames()
    row, column = border_pixel(frame.depth, frame.instances[None])
    assert column == 29 and 8 <= row < 20       # the right edge of the box: near on its left, far on its right
    with pytest.raises(ValueError, match="no step from near to far"):
        border_pixel(torch.full((1, 32, 48), 3.0), frame.instances[None])
    image = marked(torch.zeros(3, 8, 8), [(0, 0), (4, 6)])
    assert image.sum() == 2 * (9 + 20) and image[0, 2:7, 4:8].eq(1).all()
    assert torch.equal(shrunk(frame.instances[None, None], (16, 24)).unique(), torch.tensor([1, 2]))


# Exercises


@pytest.mark.parametrize("name", ["KERNEL", "CORRELATION", "DIVERGENCE"])
def test_exercises(name):
    exercise = getattr(exercises, name)
    assert exercise.check(exercise.right) == "Right."
    for hint, wrong in exercise.mistakes.items():
        assert exercise.check(wrong) == f"Not yet: {hint}"
    assert exercise.check(lambda *a: ...) == "Not done yet."


def test_exercises_agree_with_the_package():
    from depthlib.models.correlation import correlation
    from depthlib.papers.dacnn.depth_aware_conv import affinity
    from depthlib.papers.dacnn.loss import guidance_loss

    generator = torch.Generator().manual_seed(5)
    g, h = exercises.KERNEL.cases(generator)
    torch.testing.assert_close(exercises.KERNEL.right(g, h), affinity(g, h))
    torch.testing.assert_close(exercises.DIVERGENCE.right(g, h), guidance_loss([g], [h]))
    left, right, d = exercises.CORRELATION.cases(generator)
    torch.testing.assert_close(exercises.CORRELATION.right(left, right, d), correlation(left, right, d)[:, d:])


@pytest.mark.slow
def test_dacnn_runs_end_to_end(tmp_path):
    few = {"train_scenes": 3, "test_scenes": 2, "steps": 2}
    spec = RunSpec("dacnn", "full", "streets", "smoke", overrides=few)
    record = ensure(spec, Store(tmp_path, train=True), device="cpu")
    assert set(record.result["tests"]) == {"streets", "streets-online", "borders", "whole"}
    assert set(record.result["curve"]) == {"loss", "pixel", "smooth", "proxy", "guidance", "lr"}
    assert record.result["recipe"]["needs"]["teacher"].startswith("dacnn-teacher-streets-s0-")
    assert sum(path.name.startswith("dacnn-teacher") for path in tmp_path.iterdir()) == 1
    assert record.predictions("whole").shape == (2, 1, 48, 96)
