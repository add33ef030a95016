"""The diagrams show what the modules do, and change with them."""

import pytest
import torch
from torch import nn

from depthlib.models.blocks import VGGBlock
from depthlib.models.unet import UNet
from depthlib.papers.anuw.attention import AWCA, PSNL
from depthlib.papers.anuw.diagram import blocks_of, depths, flow_diagram, network_diagram, recorded
from depthlib.papers.anuw.network import ANU, AWCA_NODES


def labels(steps):
    return [step.label.replace("\n", " ") for step in steps]


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def awca(**options):
    return recorded(AWCA(32, **options), torch.zeros(2, 32, 6, 8))


def test_awca_is_a_chain_of_which_the_input_enters_twice_more():
    steps = awca()
    expected = "input|1 x 1 conv 32 → 1|softmax|einsum|linear 32 → 2|ReLU|linear 2 → 32|sigmoid|⊙"
    assert labels(steps) == expected.split("|")
    assert [step.sources for step in steps] == [(), (0,), (1,), (0, 2), (3,), (4,), (5,), (6,), (0, 7)]
    assert [step.shape for step in steps][:4] == [(32, 6, 8), (1, 6, 8), (1, 48), (32,)]
    assert depths(steps) == list(range(9))


def test_a_changed_module_changes_its_figure():
    assert "linear 32 → 8" in labels(awca(reduction=4)) and "PReLU" in labels(awca(prelu=True))

    class Residual(AWCA):
        def forward(self, features):
            return features + super().forward(features)

    steps = recorded(Residual(32), torch.zeros(1, 32, 6, 8))
    assert labels(steps)[-1] == "+" and steps[-1].sources == (0, 8)
    assert "+" in texts(flow_diagram(steps)) and "+" not in texts(flow_diagram(awca()))


def test_psnl_does_each_step_once_a_quadrant():
    steps = recorded(PSNL(32, literal=True), torch.randn(1, 32, 8, 12))
    by_label = {(step.label, step.module): step for step in steps}
    times = {step.times for step in steps if step.label.replace("\n", " ").startswith(("1 x 1", "⊗", "softmax"))}
    assert times == {4} and by_label["split", ""].times == by_label["join", ""].times == 1
    assert by_label["softmax", ""].shape == (24, 24)  # 4 x 6 pixels of a quadrant
    assert [label for label in labels(steps) if "⊗" in label] == ["⊗ 4x4", "⊗", "⊗"]  # by I, by B^T, by D
    assert labels(steps)[-1] == "+" and 0 in steps[-1].sources
    kernel = recorded(PSNL(32, stride=2), torch.randn(1, 32, 8, 12))
    assert {"avg pool2d", "interpolate", "scaled dot product attention"} <= set(labels(kernel))


def test_a_block_changes_its_own_tensors_and_stays_a_chain():
    steps = recorded(VGGBlock(3, 8).eval(), torch.zeros(1, 3, 16, 16))
    assert [step.sources for step in steps] == [(), (0,), (1,), (2,), (3,), (4,), (5,)]
    assert labels(steps)[3] == "ReLU"


def ways(blocks, kind):
    return sum(way == kind for block in blocks for _, way in block.sources)


def test_blocks_of_the_networks():
    nested = blocks_of(ANU(width=16))
    vgg = [block for block in nested if block.kind == "VGGBlock"]
    assert {block.name for block in vgg if block.attended} == set(AWCA_NODES)
    assert {block.name: (block.level, block.channels) for block in vgg} == {
        f"{i}{j}": (i, 16 * 2**i) for j in range(5) for i in range(5 - j)
    }
    # column j >= 1 of level i: one from below, j of its own level; the image, PSNL and the head each take one
    assert (ways(nested, "pool"), ways(nested, "up")) == (4, 10)
    assert ways(nested, "") == sum(j * (5 - j) for j in range(1, 5)) + 3
    assert [block.kind for block in nested[-2:]] == ["PSNL", "DepthHead"]
    plain = blocks_of(UNet(width=16))
    assert (ways(plain, "pool"), ways(plain, "up"), ways(plain, "")) == (4, 4, 4 + 2)


@pytest.mark.parametrize(
    ("options", "present", "absent"),
    [
        ({}, ("PSNL", "with AWCA"), ()),
        ({"psnl": False}, ("with AWCA",), ("PSNL",)),
        ({"awca": False}, (), ("with AWCA",)),
    ],
)
def test_network_diagram_shows_what_is_there(options, present, absent):
    found = texts(network_diagram(ANU(width=16, **options), names=True))
    assert set(present) <= set(found) and not set(absent) & set(found)
    assert {"image", "head", "04", "256"} <= set(found)


def test_recording_leaves_the_module_as_it_was():
    module = AWCA(16)
    recorded(module, torch.zeros(1, 16, 4, 4))
    assert all(not part._forward_hooks and not part._forward_pre_hooks for part in module.modules())

    class Broken(nn.Sequential):
        def forward(self, x):
            raise RuntimeError("no")

    broken = Broken(nn.ReLU())
    with pytest.raises(RuntimeError, match="no"):
        recorded(broken, torch.zeros(1))
    assert not broken[0]._forward_hooks
