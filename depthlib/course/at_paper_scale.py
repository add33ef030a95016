"""Profile "paper": which real data the trainings of a lesson need, what of it is there, and what all of it costs.

A paper declares its own scale in its module `at_paper_scale`:

| name | |
|---|---|
| `recipe(spec)` | the recipe of profile "paper", whose data are `depthlib.data.real_sets.real` by name and split |
| `IMAGES` | (name, split) -> images of the whole split, for each that a recipe opens |
| `sample(spec, generator)` | an item like those of its training set, of random pixels: a step is timed on such |
| `ABOUT` | those of `IMAGES` that are not exact or that nobody has whole: half of them will do; none by default |
| `WEIGHTS` | ImageNet weights that the networks start from, by the name in torchvision, or "timm/" and that in timm |
| `STATE_BYTES` | what the task of a training keeps in its checkpoint, at most |

The data are read where they lie, see `depthlib.data.fetch.default_root`; the folder is in no key. All sets of a lesson
must be there, also those that are only tested on: they are small beside what the training takes.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from depthlib.base import catalogue
from depthlib.base.build import Build, dotted
from depthlib.base.text import one_line
from depthlib.data.errors import DataError
from depthlib.data.fetch import default_root
from depthlib.data.manifest import Manifest, load_manifest
from depthlib.data.real_sets import real, takes
from depthlib.runs.profiles import get_profile
from depthlib.runs.recipe import Recipe

if TYPE_CHECKING:
    from rich.console import Console

    from depthlib.runs.spec import RunSpec

CHECKPOINT_BYTES = 12  # a parameter: its value and the two moments of Adam, in single precision
WEIGHTS_BYTES = 2
PATIENCE = 120.0  # seconds of timing on a CPU, after which no further network is timed
ANNOTATED = "kitti-depth"  # the set with the annotated depth of KITTI's raw frames
HUB_FILES = ("model.safetensors", "pytorch_model.bin")  # under one of these names timm's weights are kept
LOOK = "`depthlib data verify {}` names the files"


@dataclass(frozen=True)
class Need:
    """A split of a real data set, or weights to start from.

    Attributes:
        what: its name in words.
        expected, found: images; 0 for weights.
        problem: what is wrong and what to do about it; "" where nothing is.
    """

    what: str
    expected: int = 0
    found: int = 0
    problem: str = ""


def declared(paper: str) -> ModuleType | None:
    """A paper's module `at_paper_scale`, None where it has none yet."""
    there = (catalogue.FOLDER / paper / "at_paper_scale.py").is_file()
    return catalogue.part(paper, "at_paper_scale") if there else None


def needs(specs: Sequence[RunSpec]) -> list[Need]:
    """What these runs of one paper read, each split once. Opens the sets, which looks for every file of theirs."""
    found: dict[str, Need] = {}
    paper: Any = declared(specs[0].paper)
    for build in _real_sets([[spec.recipe, *_recipes_before(spec)] for spec in specs]):
        name, split = build.options["name"], build.options.get("split")
        if repr(build) not in found:
            about = (name, split) in getattr(paper, "ABOUT", ())
            found[repr(build)] = _need(build, " ".join(filter(None, (name, split))), paper.IMAGES[name, split], about)
    return list(dict.fromkeys(found.values()))  # a split may be opened in several ways, with classes and without


def weights(specs: Sequence[RunSpec], *, fetch: bool = False) -> list[Need]:
    """The ImageNet weights that the networks of one paper start from; `fetch`: those that lack are downloaded."""
    return [_weights(name, fetch) for name in getattr(declared(specs[0].paper), "WEIGHTS", ())]


def ready(lessons: Sequence[Sequence[RunSpec]], console: Console) -> bool:
    """Whether there is something to run, and all that it needs is there; what lacks is told, a line a reason."""
    found = lacking(lessons)
    for line in found:
        console.print("[red]missing[/]", escape(line), soft_wrap=True, highlight=False)
    return bool(lessons) and not found


def lacking(lessons: Sequence[Sequence[RunSpec]]) -> list[str]:
    """What has to be there before these runs can begin, a line a reason. With all data there, weights are fetched."""
    problems = _problems(need for specs in lessons for need in needs(specs))
    return problems or _problems(need for specs in lessons for need in weights(specs, fetch=True))


def _problems(found: Iterable[Need]) -> list[str]:
    reasons: dict[str, list[str]] = {}
    for need in found:
        if need.problem and need.what not in reasons.setdefault(need.problem, []):
            reasons[need.problem].append(need.what)
    return [f"{', '.join(names)}: {problem}" for problem, names in reasons.items()]


def miniature(specs: Sequence[RunSpec]) -> str:
    """What of these runs is smaller than the paper's own, in words; "" where nothing is, or where the profile says so.

    Numbers of a miniature reproduce nothing.
    """
    if get_profile(specs[0].profile).reduced:
        return ""
    smaller = [f"{name} {value}" for name, value in specs[0].overrides.items()]
    smaller += [f"{need.found} of {need.expected:,} images of {need.what}" for need in needs(specs) if need.problem]
    return ", ".join(dict.fromkeys(smaller))


def describe(specs: Sequence[RunSpec], due: set[str], *, device: str, store: Path, console: Console) -> None:
    """Print data, trainings, hours and disk of a lesson's runs.

    Args:
        due: names of the runs that are still to be trained.
        store: where they will be kept.
    """

    def say(line: str) -> None:
        console.print(f"    {line}", soft_wrap=True, highlight=False, markup=False)

    found = needs(specs)
    for line in dict.fromkeys(f"{need.what}: {need.found:,} of {need.expected:,} images are there" for need in found):
        say(line)
    for need in weights(specs):
        say(f"{need.what}: {need.problem or 'there'}")
    for line in _problems(found):
        say(f"missing {line}")
    left = [spec for spec in specs if spec.name in due and spec.recipe.plan.steps]
    if not left:
        return say("nothing is left to train")
    _describe_cost(left, device, store, say)


def _describe_cost(specs: list[RunSpec], device: str, store: Path, say: Callable[[str], None]) -> None:
    from depthlib.base.devices import pick_device
    from depthlib.course.step_cost import network_parameters, step_cost

    paper: Any = declared(specs[0].paper)
    steps = sum(spec.recipe.plan.steps for spec in specs)
    images = sum(spec.recipe.plan.steps * spec.recipe.plan.batch_size for spec in specs)
    say(f"{len(specs)} trainings, {steps:,} steps, {images:,} images; some steps of each network are timed now")
    kind, began = pick_device(device).type, time.monotonic()
    hours, stays, largest, untimed = 0.0, 0, 0, False
    for group in _by_network(specs):
        names, count = ", ".join(dict.fromkeys(spec.variant for spec in group)), network_parameters(group[0])
        stays += WEIGHTS_BYTES * count * len(group)
        largest = max(largest, CHECKPOINT_BYTES * count + getattr(paper, "STATE_BYTES", 0))
        patient = kind == "cuda" or time.monotonic() - began < PATIENCE
        seconds = step_cost(group[0], partial(paper.sample, group[0]), device) if patient else None
        if seconds is None:
            why = "does not fit into its memory" if patient else "not timed, it would take too long"
            say(f"{names}: {why}")
            untimed = True
            continue
        took = seconds * sum(spec.recipe.plan.steps for spec in group) / 3600
        hours += took
        say(f"{names}: {seconds:.3g} s a step, {took:,.0f} hours")
    say(f"{'more than' if untimed else 'about'} {hours:,.0f} hours of {_device_name(kind)}, trainings alone")
    there = next(folder for folder in (store, *store.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    say(
        f"disk: {stays / 1e9:.1f} GB of weights, and up to {largest / 1e9:.1f} GB for each training at work; "
        f"{free / 1e9:.1f} GB are free in {store}"
    )


def _device_name(kind: str) -> str:
    import torch

    return torch.cuda.get_device_name() if kind == "cuda" else f"this {kind} (threads: {torch.get_num_threads()})"


def _by_network(specs: Sequence[RunSpec]) -> list[list[RunSpec]]:
    """Runs whose steps take as long: the same network, data and batch. What tasks differ in is small beside it."""
    groups: dict[str, list[RunSpec]] = {}
    for spec in specs:
        recipe = spec.recipe
        data = (repr(recipe.train), repr(recipe.transform), recipe.plan.batch_size)
        same = (recipe.model, recipe.model_options, sorted(recipe.networks), data)
        groups.setdefault(json.dumps(same, sort_keys=True), []).append(spec)
    return list(groups.values())


def _recipes_before(spec: RunSpec) -> Iterator[Recipe]:
    for needed in spec.recipe.needs().values():
        yield needed.recipe
        yield from _recipes_before(needed)


def _real_sets(value: Any) -> Iterator[Build]:
    """Every Build of `real` in recipes, lists and options."""
    if isinstance(value, Build):
        if value.target == dotted(real):
            yield value
        value = value.options
    elif isinstance(value, Recipe):
        value = [value.train, value.task, value.val, value.tests]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for one in inner:
        yield from _real_sets(one)


def _need(build: Build, what: str, expected: int, about: bool) -> Need:
    name = build.options["name"]
    try:
        found = len(build.make())
    except (DataError, OSError) as error:
        return Need(what, expected, _at_least(build), f"{one_line(error)}; {_remedy(build)}")
    if found == expected or (about and 2 * found >= expected):
        return Need(what, expected, found)
    wanted = f"about {expected:,}" if about else f"{expected:,}"
    wrong = f"found {found:,} images in {default_root(name)}, expected {wanted}"
    return Need(what, expected, found, f"{wrong}; {LOOK.format(name)}")


def _at_least(build: Build) -> int:
    """The images that are there of a set that is not whole, where its loader can leave the others out; else 0."""
    try:
        return len(replace(build, options=build.options | {"missing": "skip"}).make())
    except (DataError, OSError):
        return 0


def _remedy(build: Build) -> str:
    name, steps = build.options["name"], []
    for one in (name, ANNOTATED) if build.options.get("depth") == "annotated" else (name,):
        manifest = load_manifest(one)
        assert isinstance(manifest, Manifest)
        if not default_root(one).is_dir():
            steps.append(f"{manifest.obtain.how} ({manifest.obtain.where}) Then `depthlib data link {one} FOLDER`")
    if takes(load_manifest(name), "lists") and not default_root("lists").is_dir():
        steps.append("`depthlib data fetch lists`")
    return "; ".join(steps) or LOOK.format(name)


def _weights(name: str, fetch: bool) -> Need:
    if name.startswith("timm/"):
        return _weights_of_timm(name.removeprefix("timm/"), fetch)
    from torch import hub
    from torchvision.models import get_model_weights

    source: Any = get_model_weights(name)["IMAGENET1K_V1"]
    file = Path(hub.get_dir(), "checkpoints", source.url.rsplit("/", 1)[-1])
    what, problem = f"ImageNet weights of {name}", ""
    if not file.is_file():
        problem = f"they are downloaded at the start, from {source.url}"
        if fetch:
            try:
                source.get_state_dict(progress=False, check_hash=True)
                problem = ""
            except Exception as error:  # of the network, in many kinds
                problem = f"{source.url}: {one_line(error)}; expected it in {file}"
    return Need(what, problem=problem)


def _weights_of_timm(name: str, fetch: bool) -> Need:
    from huggingface_hub import try_to_load_from_cache
    from timm import get_pretrained_cfg

    from depthlib.models.from_timm import timm_model

    source = str(get_pretrained_cfg(name).hf_hub_id)  # type: ignore[union-attr]
    what, problem = f"ImageNet weights of {name}", ""
    if not any(isinstance(try_to_load_from_cache(source, file), str) for file in HUB_FILES):
        problem = f"they are downloaded at the start, by timm from {source}"
        if fetch:
            try:
                timm_model(name, pretrained=True)
                problem = ""
            except Exception as error:  # of the network, in many kinds
                problem = f"timm, {source}: {one_line(error)}"
    return Need(what, problem=problem)
