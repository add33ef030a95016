"""The one inference loop: what a network is asked, how often, and what the measures get to see."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import Tensor, nn

from depthlib.protocols.evaluate import ProtocolErrors, evaluate
from depthlib.protocols.inference import Evaluation, Measure, batches, measure, true_depth
from depthlib.protocols.sliding_window import Windowed


class Stereo(torch.utils.data.Dataset):
    """Pairs of images of these `sizes`; the depth is ten times the red channel of the left one."""

    def __init__(self, sizes: list[tuple[int, int]]) -> None:
        self.sizes = sizes

    def __len__(self) -> int:
        return len(self.sizes)

    def __getitem__(self, index: int) -> dict:
        left, right = 0.1 + torch.rand(2, 3, *self.sizes[index], generator=torch.Generator().manual_seed(index))
        depth, number = 10 * left[:1], torch.tensor(index)
        return {"image": left, "right": right, "depth": depth, "number": number, "name": f"n{index}"}


ALIKE = Stereo([(8, 12)] * 5)
ITEMS = [ALIKE[i] for i in range(5)]


class Network(nn.Module):
    """Depth is ten times the sum of the first channels of all views; `negative` is less than 0. Remembers every
    call.
    """

    def __init__(self, inputs: tuple[str, ...] | None = None) -> None:
        super().__init__()
        self.weight, self.calls, self.modes = nn.Parameter(torch.tensor(10.0)), [], set()
        if inputs is not None:
            self.inputs = inputs

    def forward(self, *views: Tensor) -> Tensor:
        return self.said("forward", views, self.weight * sum(view[:, :1] for view in views))

    def negative(self, *views: Tensor) -> Tensor:
        return self.said("negative", views, -self.weight * views[0][:, :1])

    def said(self, method: str, views: tuple[Tensor, ...], answer: Tensor) -> Tensor:
        self.calls.append((method, *(tuple(view.shape) for view in views)))
        self.modes.add((self.training, torch.is_grad_enabled(), answer.requires_grad))
        for view in views:  # whole images come as they did in training
            assert view.shape[-2:] != (8, 12) or view.is_contiguous(memory_format=torch.channels_last)
        return answer


class Listens(Measure):
    """Collects the mean of each prediction, and the batches as they came."""

    def __init__(
        self, output: str = "forward", inputs: tuple[str, ...] | None = None, window: list[int] | None = None
    ) -> None:
        self.output, self.inputs, self.window, self.title = output, inputs, window, f"mean of {output}"

    def begin(self, model: nn.Module, dataset: torch.utils.data.Dataset) -> None:
        super().begin(model, dataset)
        self.predictions, self.numbers = [], []

    def update(self, batch: dict, prediction: Tensor) -> None:
        self.predictions.append(prediction)
        self.numbers.append(batch["number"].tolist())
        for name, one in zip(batch["name"], prediction, strict=True):
            self.found.add(name, {"mean": one.mean().item()})


def test_measures_that_agree_share_each_prediction():
    model = Network()
    listeners = {"a": Listens(), "b": Listens(), "c": Listens(inputs=("image",))}
    found = measure(model, ALIKE, listeners | {"errors": ProtocolErrors("scenes")}, batch_size=2)
    assert model.calls == [("forward", (2, 3, 8, 12))] * 2 + [("forward", (1, 3, 8, 12))]
    assert all(x is y is z for x, y, z in zip(*(one.predictions for one in listeners.values()), strict=True))
    assert found["a"] == found["b"] and list(found) == ["a", "b", "c", "errors"]
    assert found["a"].images == [f"n{i}" for i in range(5)] and found["a"].protocol == "mean of forward"
    assert found["a"].metrics["mean"] == pytest.approx([10 * item["image"][0].mean().item() for item in ITEMS])
    assert found["errors"].metrics["abs_rel"] == pytest.approx([0] * 5, abs=1e-6)


def test_what_differs_in_output_inputs_or_window_is_computed_apart():
    model = Network()
    found = measure(
        model,
        ALIKE,
        {
            "depth": Listens(),
            "negative": Listens("negative"),
            "right": Listens(inputs=("right",)),
            "both": Listens(inputs=("image", "right")),
            "windows": Listens(window=[8, 6]),
        },
    )
    one, window = (5, 3, 8, 12), (5, 3, 8, 6)
    windows = [("forward", window)] * 3
    assert model.calls == [("forward", one), ("negative", one), ("forward", one), ("forward", one, one), *windows]
    means = {name: torch.tensor(evaluation.metrics["mean"]) for name, evaluation in found.items()}
    assert torch.equal(means["negative"], -means["depth"])
    torch.testing.assert_close(means["both"], means["depth"] + means["right"])
    torch.testing.assert_close(means["windows"], means["depth"])
    assert found["windows"].means() == pytest.approx(found["depth"].means())


@pytest.mark.parametrize("inputs", [("right", "image"), ["right", "image"]])
def test_a_network_names_its_inputs_and_windows_pass_them_on(inputs):
    model = Network(inputs)
    listener, through = Listens(), Listens(window=[8, 8])
    measure(model, ALIKE, {"plain": listener, "through": through})
    expected = torch.stack([10 * (item["right"][:1] + item["image"][:1]) for item in ITEMS])
    assert torch.equal(listener.predictions[0], expected) and Windowed(model, [8, 8]).inputs == inputs
    torch.testing.assert_close(through.predictions[0], expected)


def test_other_outputs_cannot_be_windowed():
    with pytest.raises(ValueError, match="Listens: found a window with the output 'negative', expected 'forward'"):
        measure(Network(), ALIKE, {"a": Listens("negative", window=[8, 6])})


def test_errors_through_windows_are_those_of_the_network_through_windows():
    protocol, network = "scenes", Network()
    network.forward = lambda image: 10 * image.mean(dim=(1, 2, 3), keepdim=True).expand(-1, 1, *image.shape[-2:])
    errors = {"whole": ProtocolErrors(protocol), "windows": ProtocolErrors(protocol, window=[4, 6], keep=2)}
    found = measure(network, ALIKE, errors)
    expected, kept = evaluate(Windowed(network, (4, 6)), ALIKE, protocol, keep=2)
    assert found["windows"].metrics == expected.metrics != found["whole"].metrics
    assert (found["windows"].protocol, found["windows"].images) == (protocol, expected.images)
    assert torch.equal(found["windows"].tensors["prediction"], kept) and kept.shape == (2, 1, 8, 12)
    assert not found["whole"].tensors


def test_images_of_other_sizes_begin_another_batch():
    sizes = [(8, 12), (8, 12), (8, 12), (6, 6), (8, 12), (4, 4), (4, 4)]
    model, listener = Network(), Listens()
    steps = []
    found = measure(
        model,
        Stereo(sizes),
        {"a": listener, "errors": ProtocolErrors("scenes")},
        batch_size=2,
        progress=lambda done, total: steps.append((done, total)),
    )
    assert listener.numbers == [[0, 1], [2], [3], [4], [5, 6]]
    assert steps == [(2, 7), (3, 7), (4, 7), (5, 7), (7, 7)]
    assert found["a"].images == [f"n{i}" for i in range(7)] and len(found["errors"].pixels) == 7
    alone = measure(Network(), Stereo(sizes), {"a": Listens()}, batch_size=1)["a"]
    assert alone.metrics == {"mean": pytest.approx(found["a"].metrics["mean"])}


def test_batches_are_those_of_a_data_loader():
    for mine, theirs in zip(batches(ALIKE, 2), torch.utils.data.DataLoader(ALIKE, batch_size=2), strict=True):
        assert mine.keys() == theirs.keys() and mine["name"] == theirs["name"]
        assert all(torch.equal(mine[name], theirs[name]) for name in ("image", "right", "depth", "number"))


def test_evaluation_mode_without_gradients():
    model = Network().train()
    measure(model, ALIKE, {"a": Listens(), "b": Listens("negative")})
    assert model.modes == {(False, False, False)}


class Counts(Measure):
    """Looks at the network alone."""

    title, output = "parameters", ""

    def begin(self, model: nn.Module, dataset: torch.utils.data.Dataset) -> None:
        super().begin(model, dataset)
        assert not model.training and not torch.is_grad_enabled()
        self.found.add("network", {"parameters": sum(p.numel() for p in model.parameters()), "images": len(dataset)})

    def update(self, batch: dict, prediction: Tensor) -> None:
        raise AssertionError("a measure without output was given a prediction")


def test_a_measure_of_the_network_itself_makes_no_prediction():
    class Unread(Stereo):
        def __getitem__(self, index):
            raise AssertionError("an item was read")

    model = Network()
    found = measure(model, Unread([(8, 12)] * 3), {"size": Counts()})["size"]
    assert found.metrics == {"parameters": [1], "images": [3]} and not model.calls
    both = measure(model, ALIKE, {"size": Counts(), "a": Listens()})
    assert both["size"].images == ["network"] and len(both["a"].images) == 5


def test_a_measure_can_be_used_again():
    measures = {"errors": ProtocolErrors("scenes", keep=1), "a": Listens()}
    first, second = measure(Network(), ALIKE, measures), measure(Network(), Stereo([(4, 6)] * 2), measures)
    for name in measures:
        assert [len(found[name].images) for found in (first, second)] == [5, 2]
    kept = [found["errors"].tensors["prediction"].shape for found in (first, second)]
    assert kept == [(1, 1, 8, 12), (1, 1, 4, 6)]


def test_an_evaluation_counts_skipped_images_and_keeps_the_names_of_its_metrics():
    found = Evaluation("x", metrics={"a": []})
    found.add("sky", None)
    assert (found.images, found.skipped, found.metrics) == ([], ["sky"], {"a": []})
    found.add("n0", {"a": 1.0})
    found.add("n1", {"a": 2.0})
    assert found.images == ["n0", "n1"] and found.means() == {"a": 1.5}


def test_true_depth_and_double_precision():
    """Arrays of NumPy become tensors; what is in double precision is not moved: not every device has it."""
    labels, truth = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    assert true_depth({"depth": labels, "depth_true": truth}) is truth and true_depth({"depth": labels}) is labels

    class Poses(Stereo):
        def __getitem__(self, index):
            return super().__getitem__(index) | {"pose": torch.eye(4).double().numpy()[: 2 + index // 2]}

    class Where(Listens):
        def update(self, batch, prediction):
            self.numbers.append((tuple(batch["pose"].shape), batch["pose"].device.type, batch["image"].device.type))

    listener = Where()
    listener.output = "shape_alone"
    model = Network()
    model.shape_alone = lambda image: None
    measure(model, Poses([(8, 12)] * 4), {"a": listener}, device="meta")
    assert listener.numbers == [((2, 2, 4), "cpu", "meta"), ((2, 3, 4), "cpu", "meta")]


@pytest.mark.slow
def test_the_loop_needs_no_protocol_and_no_metric():
    """So that a training which uses a measure does not hang on the code of the errors of depth maps."""
    code = "import sys, depthlib.protocols.inference; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    ours = ("depthlib.protocols", "depthlib.protocols.inference", "depthlib.protocols.sliding_window")
    assert {name for name in loaded if name.startswith("depthlib.")} == set(ours)
