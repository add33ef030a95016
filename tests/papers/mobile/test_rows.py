"""The recipes of the mobile paper: its sets, its tasks, its measures, and that a killed training ends in the same bits."""

from __future__ import annotations

import copy
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from depthlib.metrics.benchmark import errors
from depthlib.models import create_model
from depthlib.models.floors import FixedMap
from depthlib.papers.mobile import rows as mobile
from depthlib.papers.mobile.classes import MobileClasses
from depthlib.papers.mobile.measures import MetresOfRelative, PairOrder, ScaleInvariant, ramp
from depthlib.papers.mobile.task import ClassesOfCells, PairsAndTeacher, RelativeDepth, ScaleFreeDepth
from depthlib.papers.mobile.variants import DATA, DESIGN, LEFT_OUT, VARIANTS
from depthlib.protocols.inference import measure
from depthlib.protocols.scaling import SCALINGS
from depthlib.runs.spec import RunSpec
from depthlib.scenes.variants import Frames, OrdinalFrames, RelativeFrames, ScaleFreeFrames, relative_map
from depthlib.training.augment import augment
from depthlib.training.checkpoint import Checkpoint
from depthlib.training.fit import Plan, fit

KD = ("ranking", "rmse", "pairwise")
ROOMS = {"family": "rooms", "first": 0, "count": 4, "height": 32, "width": 64, "antialias": 1}
STREETS = ROOMS | {"family": "streets"}


@pytest.fixture(scope="module")
def rooms() -> Frames:
    return Frames([ROOMS], "val", (32, 64))


@pytest.fixture(scope="module")
def streets() -> Frames:
    return Frames([STREETS], "val", (32, 64))


@pytest.fixture(scope="module")
def pairs() -> OrdinalFrames:
    return OrdinalFrames(Frames([ROOMS, STREETS], "val", (32, 64)))


def student(heads: int = 0, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return create_model("mobile", encoder="mobilenet_v2_035", intermediate=heads)


def teacher() -> nn.Module:
    torch.manual_seed(1)
    return create_model("enc_dec_resnet", width=1 / 32)


def plan(**changes) -> Plan:
    return Plan(**{"steps": 6, "batch_size": 2, "lr": 1e-3, "colour": 0.2, **changes})


# --- recipes -----------------------------------------------------------------------------------------------------------------------

@pytest.mark.slow
@pytest.mark.parametrize("profile", ["smoke", "quick", "full"])
def test_all_variants_resolve_and_every_run_comes_after_those_it_needs(profile: str) -> None:
    made: set[str] = set()
    specs = mobile.runs(profile, variants=tuple(DATA), seeds=[0])
    assert {spec.variant for spec in specs} == set(DATA)
    for spec in specs:
        for need in spec.recipe.needs().values():
            assert need.variant == "trunk" or need.variant in DATA
            assert need.name in made, f"{spec.variant} comes before {need.variant}"
        assert {"diw", "mc", "nyu"} <= spec.recipe.tests.keys() or spec.variant == "trunk" or spec.variant.startswith("search")
        made.add(spec.name)
    chosen = {spec.variant for spec in mobile.runs(profile)} - set(mobile.FLOOR_ROWS)
    assert chosen == (set(DATA) if profile == "full" else set(DATA) - set(LEFT_OUT))


def test_a_chain_goes_on_from_the_same_seed_and_the_trunk_and_teacher_are_shared() -> None:
    spec = RunSpec("mobile", "mc-rw-diw", "diw", "quick", seed=1)
    chain = [(run.variant, run.data, run.seed) for run in mobile.runs("quick", variants=("mc-rw-diw",), seeds=[1])]
    assert chain == [("trunk", "classes", 0), ("mc", "mc", 1), ("mc-rw", "rw", 1), ("mc-rw-diw", "diw", 1)]
    assert spec.recipe.start == RunSpec("mobile", "mc-rw", "rw", "quick", seed=1)
    assert RunSpec("mobile", "kd", "diw", "quick", seed=1).recipe.networks["teacher"].seed == 0
    for heads in (1, 2):            # all stages of a chain with heads have them
        stages = mobile.runs("full", variants=(f"mc-rw-diw-{heads}ip",), seeds=[0])[1:]
        assert [stage.recipe.model_options["intermediate"] for stage in stages] == [heads] * 3


def test_learning_rates_keep_the_papers_ratios_and_schedules() -> None:
    plans = {name: RunSpec("mobile", name, DATA[name], "full").recipe.plan for name in ("mc", "rw", "diw", "mobilenet_v2-x112")}
    assert [plans[name].lr for name in ("mc", "rw", "diw")] == pytest.approx([4e-4, 4e-4, 1e-4])
    assert plans["mc"].milestones == pytest.approx((4 / 12, 8 / 12)) and plans["mc"].drop == 0.5
    assert plans["rw"].milestones == plans["diw"].milestones == pytest.approx((50 / 250, 100 / 250, 150 / 250, 200 / 250))
    nyu = plans["mobilenet_v2-x112"]
    assert (nyu.optimizer, nyu.lr, nyu.betas[0], nyu.weight_decay, nyu.drop) == ("sgd", 0.01, 0.9, 1e-4, 0.1)
    assert nyu.milestones == pytest.approx((10 / 30, 20 / 30))
    # "quick" is tuned, but no row against another: one rate for all that learns from pairs.
    assert len({RunSpec("mobile", name, "diw", "quick").recipe.plan.lr for name in DATA if DATA[name] == "diw"}) == 1


def test_the_rows_of_table_6_differ_in_what_the_table_says() -> None:
    options = {name: RunSpec("mobile", name, "diw", "quick").recipe.task.options for name in ("kd-2ip", "mtadam", "easy-hard", "hard-easy",
               "wi-easy-hard", "wi-fip", "no-fip")}
    assert options["kd-2ip"] == options["mtadam"] and "rebalance" not in options["kd-2ip"]
    assert RunSpec("mobile", "mtadam", "diw", "quick").recipe.plan.optimizer == "mtadam"
    orders = {name: (o["rebalance"]["order"], o["rebalance"].get("initialise", False), o["separate"]) for name, o in options.items()
              if "rebalance" in o}
    assert orders == {
        "easy-hard": ("easy_to_hard", False, False), "hard-easy": ("hard_to_easy", False, False),
        "wi-easy-hard": ("easy_to_hard", True, True), "wi-fip": ("easy_to_hard", True, False), "no-fip": ("hard_to_easy", False, True),
    }
    quick = RunSpec("mobile", "hard-easy", "diw", "quick").recipe
    assert quick.plan.steps == 5 * options["hard-easy"]["rebalance"]["steps_per_epoch"], "lambda has five values, one an epoch"


def test_unknown_variants_data_and_profiles_are_refused() -> None:
    for spec, error, words in (
        (RunSpec("mobile", "dwi", "diw", "smoke"), ValueError, "unknown variant 'dwi'"),
        (RunSpec("mobile", "diw", "mc", "smoke"), ValueError, "unknown data 'mc' for 'diw': expected diw"),
        (RunSpec("mobile", "teacher", "y3d", "smoke", seed=1), ValueError, "trained once"),
        (RunSpec("mobile", "diw", "diw", "paper"), NotImplementedError, "NYUv2"),
    ):
        with pytest.raises(error, match=words):
            mobile.recipe(spec)


def test_no_scene_of_diw_is_in_another_training_set_and_no_test_scene_is_trained_on() -> None:
    def scenes(build) -> set[tuple]:
        frames = build.options.get("frames", build)
        split = frames.options["split"]
        return {(split, part["family"], part["first"] + i) for part in frames.options["parts"] for i in range(part["count"])}

    recipes = {DATA[name]: RunSpec("mobile", name, DATA[name], "quick").recipe for name in ("mc", "rw", "diw", "teacher", "trunk")}
    diw = scenes(recipes["diw"].train)
    for data in ("mc", "rw", "y3d"):
        assert not diw & scenes(recipes[data].train), data
    assert {split for split, _, _ in diw} == {"train"}
    assert all(split == "test" for dataset, _ in recipes["diw"].tests.values() for split, _, _ in scenes(dataset))


# --- sets --------------------------------------------------------------------------------------------------------------------------

def test_diw_has_one_pair_an_image_and_its_sign_tells_which_point_is_farther(pairs: OrdinalFrames) -> None:
    many = OrdinalFrames(pairs.frames, pairs=50)
    for index, frame in enumerate(pairs.frames):
        item = pairs[index]
        assert item.keys() == {"image", "pairs", "name"} and item["pairs"].shape == (1, 5)      # no depth, no metres
        for y1, x1, y2, x2, relation in torch.cat([item["pairs"], many[index]["pairs"]]).tolist():
            a, b = frame["depth"][0, y1, x1].item(), frame["depth"][0, y2, x2].item()
            assert min(a, b) > 0 and max(a, b) > 1.1 * min(a, b)
            assert relation == (1 if a > b else -1)


def test_sets_are_the_same_every_time_and_say_when_they_are_others(pairs: OrdinalFrames, rooms: Frames) -> None:
    again = OrdinalFrames(Frames([ROOMS, STREETS], "val", (32, 64)))
    assert again.fingerprint() == pairs.fingerprint()
    assert all(torch.equal(again[i]["pairs"], pairs[i]["pairs"]) for i in range(len(pairs)))
    others = [
        pairs.frames, OrdinalFrames(pairs.frames, pairs=2), OrdinalFrames(rooms), RelativeFrames(rooms), ScaleFreeFrames(rooms), rooms,
        Frames([ROOMS | {"first": 1}], "val", (32, 64)), Frames([ROOMS], "val", (32, 32)),
    ]
    prints = [dataset.fingerprint() for dataset in others]
    assert len(set(prints)) == len(prints) and pairs.fingerprint() not in prints


def test_frames_of_another_shape_are_squeezed_with_their_labels() -> None:
    wide = Frames([STREETS], "val", (32, 64))
    squeezed = Frames([STREETS], "val", (32, 32))
    a, b = wide[0], squeezed[0]
    assert b["image"].shape == (3, 32, 32) and b["depth"].shape == b["valid"].shape == (1, 32, 32) and b["semantics"].shape == (32, 32)
    assert torch.equal(b["depth"], a["depth"][..., 1::2]) and torch.equal(b["valid"], b["depth"] > 0)


def test_relative_maps_are_inverted_8_bit_disparity_with_the_sky_at_255(streets: Frames) -> None:
    depth = torch.tensor([[[1.0, 2.0, 4.0, 0.0]]])
    stored = relative_map(depth, depth > 0) * 255
    # disparities 1, 1/2, 1/4 -> 1, 1/3, 0 of their range -> 0, 170, 255
    assert stored.tolist() == [[[0.0, 170.0, 255.0, 255.0]]]
    for frame, item in zip(streets, RelativeFrames(streets), strict=True):
        known = frame["valid"]
        numbers = item["relative"] * 255
        assert torch.equal(numbers, numbers.round()) and numbers.min() == 0 and bool((numbers[~known] == 255).all())
        near, far = frame["depth"][known].argmin(), frame["depth"][known].argmax()
        assert numbers[known][near] == 0 and numbers[known][far] == 255
        order = frame["depth"][known].argsort()
        assert bool((numbers[known][order].diff() >= 0).all()), "larger must be farther"
        assert item["valid"].all() and "depth" not in item


def test_mc_keeps_no_metres_and_has_holes() -> None:
    frames = Frames([ROOMS | {"defect_share": 0.3}], "val", (32, 64))
    for frame, item in zip(frames, ScaleFreeFrames(frames), strict=True):
        known = item["valid"]
        assert 0.6 < known.float().mean() < 0.8
        assert item["depth"][known].median().item() == pytest.approx(1.0) and not item["depth"][~known].any()
        ratio = item["depth"][known] / frame["depth"][known]
        assert ratio.max().item() == pytest.approx(ratio.min().item(), rel=1e-5)


@pytest.mark.slow
def test_the_sets_of_the_recipes_are_differently_distributed() -> None:
    """In what a network sees of them: the range of depth within an image."""
    def spread(data: str) -> float:
        build = RunSpec("mobile", {"mc": "mc", "rw": "rw", "diw": "diw"}[data], data, "smoke").recipe.train
        frames = build.options.get("frames", build).make()
        logs = [frame["depth"][frame["valid"]].log() for frame in frames]
        return sum(log.std().item() for log in logs) / len(logs)

    mc, rw, diw = (spread(data) for data in ("mc", "rw", "diw"))
    assert mc < 0.7 * diw and diw < rw


def test_pairs_follow_a_mirrored_image(pairs: OrdinalFrames) -> None:
    batch = {name: torch.stack([pairs[i][name] for i in range(2)]) for name in ("image", "pairs")}
    mirrored = augment(batch, seed=0, step=0, flip=1.0, colour=0.0)
    old, new = batch["pairs"], mirrored["pairs"]
    assert torch.equal(mirrored["image"], batch["image"].flip(-1))
    assert torch.equal(new[..., [1, 3]], 63 - old[..., [1, 3]]) and torch.equal(new[..., [0, 2, 4]], old[..., [0, 2, 4]])


# --- measures ----------------------------------------------------------------------------------------------------------------------

def test_whdr_counts_ties_as_wrong_and_the_floor_lets_a_coin_decide_them() -> None:
    rows = torch.tensor([[0, 0, 3, 0, 1], [3, 1, 0, 1, 1], [1, 0, 1, 3, 1], [2, 0, 2, 3, -1]])    # right, wrong, two in a row
    item = {"pairs": rows}
    found = PairOrder().measures(ramp(4, 4), item)
    assert found == {"whdr": 0.75, "whdr_ramp": 0.5}      # of the ramp itself: wrong, and two ties of which a coin gets one
    assert PairOrder().measures(torch.zeros(1, 4, 4).double(), item)["whdr"] == 1.0


def test_whdr_of_the_true_depth_is_0_and_of_its_negative_1(pairs: OrdinalFrames) -> None:
    many = OrdinalFrames(pairs.frames, pairs=100)
    for index, frame in enumerate(pairs.frames):
        assert PairOrder().measures(frame["depth"].double(), many[index])["whdr"] == 0
        assert PairOrder().measures(-frame["depth"].double(), many[index])["whdr"] == 1


def test_si_rmse_in_its_three_forms_is_that_of_the_metrics(rooms: Frames) -> None:
    generator = torch.Generator().manual_seed(0)
    item = rooms[0]
    z = torch.randn(1, 32, 64, generator=generator, dtype=torch.float64)
    found = ScaleInvariant().measures(z, item)
    arguments = z.exp()[None], item["depth"][None].double(), item["valid"][None]
    for name in ("si_mse", "si_rmse", "si_rmse_pairs"):
        assert found[name] == pytest.approx(errors(*arguments, (name,))[name].item(), rel=1e-9), name
    assert ScaleInvariant().measures(z + 5, item)["si_rmse"] == pytest.approx(found["si_rmse"])
    metres = ScaleInvariant("metres").measures(z.exp().clamp_min(0.1), item)
    assert metres["si_rmse"] == pytest.approx(ScaleInvariant().measures(z.clamp_min(math.log(0.1)), item)["si_rmse"])
    flat = torch.ones_like(arguments[0])
    assert found["si_rmse_constant"] == pytest.approx(errors(flat, *arguments[1:], ("si_rmse",))["si_rmse"].item(), rel=1e-9)
    assert found["si_rmse_ramp"] <= found["si_rmse_constant"]


def test_metres_of_relative_is_chens_protocol_with_the_numbers_of_the_rooms(rooms: Frames) -> None:
    metres = MetresOfRelative(rooms)
    per_image = [frame["depth"][frame["valid"]].double() for frame in rooms]
    assert metres.mean == pytest.approx(sum(x.mean().item() for x in per_image) / 4)
    assert metres.deviation == pytest.approx(sum(((x - x.mean()) ** 2).mean().item() ** 0.5 for x in per_image) / 4)
    z = torch.randn(1, 32, 64, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    item = rooms[1]
    found = metres.measures(z, item)
    assert metres.measures(3 * z - 7, item)["rmse"] == pytest.approx(found["rmse"], rel=1e-9)          # no scale, no shift
    metres.mean, metres.deviation = 2.8424594402, 0.6148231626                                        # NYU's: as the protocol has it
    wanted = SCALINGS["nyu_zscore"](z[None], item["depth"][None], item["valid"][None], 10.0)[0]
    assert torch.allclose(metres.in_metres(z), wanted, atol=2e-3)                                      # n against n - 1
    inside = item["valid"].clone()
    inside[..., [0, -1], :] = inside[..., [0, -1]] = False                                              # 32 // 30 pixels
    wanted_rmse = (metres.in_metres(z) - item["depth"])[inside].square().mean().sqrt().item()
    assert metres.measures(z, item)["rmse"] == pytest.approx(wanted_rmse)


def test_a_measure_of_a_network_has_one_value_an_image(rooms: Frames) -> None:
    many = OrdinalFrames(rooms, pairs=20)
    found = measure(FixedMap(ramp(32, 64).float()), many, {"pairs": PairOrder()})["pairs"]
    assert found.images == [f"rooms/val/{i:06d}" for i in range(4)] and all(len(values) == 4 for values in found.metrics.values())
    assert found.protocol == "order of pairs, ties wrong"
    assert found.metrics["whdr"][2] == PairOrder().measures(ramp(32, 64), many[2])["whdr"]


# --- tasks -------------------------------------------------------------------------------------------------------------------------

def batch_of(dataset, count: int = 2) -> dict:
    items = [dataset[i] for i in range(count)]
    return {name: torch.stack([item[name] for item in items]) if isinstance(items[0][name], Tensor) else [item[name] for item in items]
            for name in items[0]}


def reached(model: nn.Module) -> set[str]:
    return {name.split(".")[0] for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}


@pytest.mark.slow
@pytest.mark.parametrize("terms", [("ranking",), ("rmse",), KD, (*KD, "holistic")])
def test_gradients_reach_the_student_and_never_the_teacher_or_the_critic(pairs: OrdinalFrames, terms: tuple[str, ...]) -> None:
    model, knowing = student(heads=2).train(), teacher()
    task = PairsAndTeacher(terms, teacher=knowing if terms != ("ranking",) else None, critic={"width": 4, "extra": 0})
    before = copy.deepcopy(knowing.state_dict())
    task.prepare(model, pairs)
    for _ in range(2):                                  # the critic moves at the second step
        loss, terms_found = task.loss(model, batch_of(pairs))
        loss.backward()
    assert set(terms) <= terms_found.keys() and reached(model) == {"encoder", "decoder", "out", "intermediate"}
    if terms != ("ranking",):
        assert all(torch.equal(value, before[name]) for name, value in knowing.state_dict().items())        # norms, too
        assert not any(p.requires_grad for p in knowing.parameters()) and not knowing.training
    if "holistic" in terms:
        assert "critic" in terms_found and all(p.grad is None or not p.requires_grad for p in task.critic.parameters())
        fixed = sum(terms_found[name] for name in KD) + 0.05 * terms_found["holistic"]
        assert loss.item() == pytest.approx(fixed.item(), rel=1e-5)


def test_intermediate_predictions_count_a_half_and_two_quarters(pairs: OrdinalFrames) -> None:
    class Known(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps = nn.ParameterList([torch.randn(2, 1, 32, 64, generator=torch.Generator().manual_seed(i)) for i in range(3)])

        def predict(self, image: Tensor):
            from depthlib.papers.mobile.network import MobilePrediction
            return MobilePrediction(list(self.maps), torch.zeros(2, 1, 2, 2))

    model, batch = Known(), batch_of(pairs)
    loss, _ = PairsAndTeacher(("ranking",)).loss(model, batch)
    wanted = 0.0
    for weight, z in zip((0.5, 0.25, 0.25), model.maps, strict=True):
        for image, (y1, x1, y2, x2, relation) in enumerate(batch["pairs"][:, 0].tolist()):
            farther = (z[image, 0, y1, x1] - z[image, 0, y2, x2]).item() * relation
            wanted += weight * math.log(1 + math.exp(-farther)) / 2
    assert loss.item() == pytest.approx(wanted, rel=1e-5)


@pytest.mark.slow
def test_rebalancing_minimises_the_weighted_sum_and_logs_its_weights(pairs: OrdinalFrames) -> None:
    def curve_of(separate: bool, **options) -> dict[str, list]:
        task = PairsAndTeacher(KD, teacher=teacher(), separate=separate, rebalance={"steps_per_epoch": 2, "events": 2, **options})
        return fit(student(heads=2), task, pairs, plan(), seed=0).values

    curve = curve_of(False, order="hard_to_easy")
    assert [curve[f"weight_{name}"][0] for name in KD] == pytest.approx([1 / 3] * 3)
    for step in range(6):
        assert curve["loss"][step] == pytest.approx(sum(curve[f"weight_{name}"][step] * curve[name][step] for name in KD), rel=1e-4)
    # Events behind every step; the first sets the measure, so the weights move from the third step on.
    assert curve["weight_ranking"][1] == curve["weight_ranking"][0] != curve["weight_ranking"][2]
    names = {name for name in curve_of(True, order="hard_to_easy") if name.startswith("weight_")}
    assert names == {"weight_pairwise", *(f"weight_{term}_{i}" for term in ("ranking", "rmse") for i in range(3))}
    even = curve_of(False, order="easy_to_hard", initialise=True)
    shares = [even[f"weight_{name}"][1] * even[name][0] for name in KD]
    assert shares == pytest.approx([shares[0]] * 3, rel=1e-4)


@pytest.mark.slow
def test_mtadam_minimises_the_terms(pairs: OrdinalFrames) -> None:
    model = student(heads=2)
    before = copy.deepcopy(model.state_dict())
    curve = fit(model, PairsAndTeacher(KD, teacher=teacher()), pairs, plan(optimizer="mtadam", steps=2), seed=0)
    assert set(KD) <= curve.values.keys()
    assert any(not torch.equal(value, before[name]) for name, value in model.state_dict().items() if name.startswith("out"))


@pytest.mark.slow
@pytest.mark.parametrize(("terms", "options"), [
    ((*KD, "holistic"), {"critic": {"width": 4, "extra": 0}}),
    (KD, {"rebalance": {"steps_per_epoch": 2, "events": 2, "order": "hard_to_easy"}}),
])
def test_a_killed_training_ends_in_the_same_bits(pairs: OrdinalFrames, tmp_path: Path, terms, options) -> None:
    """Critic with its optimiser, weights with their memory: stopped after three of six steps, in the middle of an epoch."""
    def train(**more) -> tuple[nn.Module, dict]:
        model = student(heads=2)
        return model, fit(model, PairsAndTeacher(terms, teacher=teacher(), **options), pairs, plan(), seed=3, **more).values

    whole, curve = train()
    checkpoint = Checkpoint(tmp_path / "checkpoint.pt", 0.0)
    train(checkpoint=checkpoint, stop_after=4)                  # saves behind its third step
    resumed, again = train(checkpoint=checkpoint)
    assert again == curve
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))


@pytest.mark.slow
def test_dense_tasks_learn_their_sets(rooms: Frames, streets: Frames) -> None:
    for task, dataset in ((ScaleFreeDepth(), ScaleFreeFrames(rooms)), (RelativeDepth(pairs=200), RelativeFrames(streets))):
        model = student(heads=1)
        curve = fit(model, task, dataset, plan(steps=25, lr=3e-3, flip=0.0, colour=0.0), seed=0).values["loss"]
        assert sum(curve[-5:]) < 0.8 * sum(curve[:5]), type(task).__name__


def test_shares_of_classes_in_cells(rooms: Frames, streets: Frames) -> None:
    class Says(nn.Module):
        def forward(self, image: Tensor) -> Tensor:
            return torch.arange(21.0).view(1, 21, 1, 1).expand(len(image), 21, 1, 2)

    task = ClassesOfCells({"rooms": 0, "streets": 13})
    for frames, first in ((rooms, 0), (streets, 13)):
        batch = batch_of(frames)
        loss = task.loss(Says(), batch)[0].item()
        log = torch.arange(21.0).log_softmax(0)
        assert loss == pytest.approx(-log[batch["semantics"] + first].mean().item(), rel=1e-5)      # cells are equally large


@pytest.mark.slow
def test_a_student_takes_over_the_encoder_of_the_trunk_and_all_of_a_student() -> None:
    torch.manual_seed(5)
    trunk = MobileClasses(encoder="mobilenet_v2_035", classes=21)
    model = student(heads=2)
    decoder = copy.deepcopy(model.decoder.state_dict())
    model.load_from(trunk)
    assert all(torch.equal(value, trunk.encoder.state_dict()[name]) for name, value in model.encoder.state_dict().items())
    assert all(torch.equal(value, decoder[name]) for name, value in model.decoder.state_dict().items())
    plain, other = student(seed=1), student(heads=2, seed=2)
    heads = copy.deepcopy(other.intermediate.state_dict())
    other.load_from(plain)                          # heads stay; the other way round they are left behind
    assert torch.equal(other.out[0].weight, plain.out[0].weight)
    assert all(torch.equal(value, heads[name]) for name, value in other.intermediate.state_dict().items())
    plain.load_from(model)
    assert torch.equal(plain.out[0].weight, model.out[0].weight)
    with pytest.raises(ValueError, match="found another encoder or decoder"):
        create_model("mobile", encoder="mobilenet_v2_050").load_from(trunk)


def test_tasks_refuse_what_they_cannot_do() -> None:
    with pytest.raises(ValueError, match="terms: found mse, expected some of"):
        PairsAndTeacher(("mse",))
    with pytest.raises(ValueError, match="teacher: found None"):
        PairsAndTeacher(KD)
    with pytest.raises(ValueError, match="rebalance: found the term holistic"):
        PairsAndTeacher((*KD, "holistic"), teacher=teacher(), rebalance={"steps_per_epoch": 2})
    with pytest.raises(ValueError, match="output: found 'disparity', expected one of log, metres"):
        ScaleInvariant("disparity")


def test_every_design_row_is_built_as_its_name_says() -> None:
    for name in DESIGN:
        recipe = RunSpec("mobile", name, "rooms", "full").recipe
        encoder, _, decoder = name.rpartition("-")
        assert recipe.model_options["encoder"] == encoder
        assert (recipe.model, recipe.model_options.get("full", False)) == {
            "nnconv5": ("nnconv5", False), "fbnet": ("mobile", True), "x112": ("mobile", False),
        }[decoder]
    assert replace(VARIANTS["hard-easy"], rebalance=None) == VARIANTS["kd-2ip"]
