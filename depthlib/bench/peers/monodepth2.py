"""A training step of Monodepth2 against the official code, of which MONODEPTH2 names a checkout.

`git clone https://github.com/nianticlabs/monodepth2`, then
`MONODEPTH2=monodepth2 depthlib bench peers --only Monodepth2`.

Both sides have the same weights, images, mean and deviation of the images, and range of depth. They differ in one
point: our pose network takes both pairs as one batch, so that its batch norms see other statistics.
"""

from __future__ import annotations

import importlib
import os
import sys
import warnings
from contextlib import redirect_stdout
from functools import partial
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import MagicMock, patch

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from depthlib.bench.peers.comparison import Call, Comparison, Sides
from depthlib.losses.smoothness import edge_aware_smoothness
from depthlib.models.monodepth2 import Monodepth2
from depthlib.models.pose_resnet import PoseResNet
from depthlib.papers.dual.disparity_normalisation import normalise_disparity
from depthlib.papers.dual.loss import cell_means, video_loss
from depthlib.training.optimizers import make_optimizer

CHECKOUT = os.environ.get("MONODEPTH2")
BATCH, HEIGHT, WIDTH = 4, 192, 640
NEAREST, FARTHEST, SMOOTHNESS, RATE = 0.1, 100.0, 1e-3, 1e-4  # metres; defaults of the official options
UNUSED = ("tensorboardX", "datasets", "IPython", "six", "six.moves")  # modules it imports and a step does not need


def load() -> ModuleType:
    """The module `trainer` of the checkout. Its imports are forgotten again: `utils` and `layers` are common names."""
    unused = {name: MagicMock() for name in UNUSED}
    with patch.dict(sys.modules, unused), patch.object(sys, "path", [CHECKOUT, *sys.path]):
        trainer, options = (importlib.import_module(name) for name in ("trainer", "options"))
    trainer.parser = options.MonodepthOptions().parser
    # written for a torch that aligned corners by default
    trainer.F = SimpleNamespace(interpolate=F.interpolate, grid_sample=partial(F.grid_sample, align_corners=True))
    return trainer


def official(device: torch.device) -> Any:
    """A `Trainer` with its default options, for random weights and no data."""
    trainer = load()
    argv = [f"--batch_size={BATCH}", f"--height={HEIGHT}", f"--width={WIDTH}", "--weights_init=scratch"]
    options = trainer.parser.parse_args([*argv, *(["--no_cuda"] if device.type == "cpu" else [])])
    empty = {"DataLoader": MagicMock(), "readlines": MagicMock(return_value=[])}
    with (
        patch.multiple(trainer, **empty),
        patch.object(trainer.Trainer, "save_opts"),
        redirect_stdout(None),
        warnings.catch_warnings(action="ignore"),
    ):
        made = trainer.Trainer(options)
    made.set_train()
    return made


def sides(device: torch.device) -> Sides:
    torch.manual_seed(0)
    peer = official(device)
    target, sources, K = frames(device)
    pyramid = [cell_means(target, 2**scale) if scale else target for scale in range(4)]
    inputs = target, sources, K, pyramid
    return Sides(our_step(*ours(peer, device), *inputs), their_step(peer, *inputs))


def frames(device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Target [B,3,H,W], its neighbours [B,2,3,H,W], a few pixels away, and K [B,3,3]."""
    coarse = torch.rand(BATCH, 3, HEIGHT // 8, WIDTH // 8, generator=torch.Generator().manual_seed(0))
    target = F.interpolate(coarse, size=(HEIGHT, WIDTH), mode="bicubic").clamp(0, 1)
    K = torch.tensor([[0.58 * WIDTH, 0, 0.5 * WIDTH], [0, 1.92 * HEIGHT, 0.5 * HEIGHT], [0, 0, 1]])
    sources = torch.stack([target.roll(shift, dims=3) for shift in (3, -3)], dim=1)
    return target.to(device), sources.to(device), K.expand(BATCH, 3, 3).to(device)


def ours(peer: Any, device: torch.device) -> tuple[Monodepth2, PoseResNet]:
    """Our networks with the weights of the official ones."""
    depth, pose = Monodepth2(min_depth=NEAREST, max_depth=FARTHEST), PoseResNet()
    for network, name in ((depth, "encoder"), (pose, "pose_encoder")):
        state = peer.models[name].encoder.state_dict()
        network.encoder.trunk.load_state_dict({key: value for key, value in state.items() if not key.startswith("fc.")})
        network.encoder.normalise.mean.fill_(0.45)
        network.encoder.normalise.std.fill_(0.225)
    decoder = depth.decoder
    stages = [conv[0] for stage in zip(decoder.reduce, decoder.fuse, strict=True) for conv in stage]
    copy_convs([*stages, *(head.conv for head in reversed(decoder.heads))], peer.models["depth"])
    copy_convs(convs(pose.decoder), peer.models["pose"])
    return depth.to(device).train(), pose.to(device).train()


def convs(network: nn.Module) -> list[nn.Conv2d]:
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


@torch.no_grad()
def copy_convs(to: list[nn.Conv2d], network: nn.Module) -> None:
    """The official pose network predicts two poses, of which it uses the first."""
    for mine, its in zip(to, convs(network), strict=True):
        for own, given in ((mine.weight, its.weight), (mine.bias, its.bias)):
            own.copy_(given[: len(own)])


def our_step(
    depth: Monodepth2, pose: PoseResNet, target: Tensor, sources: Tensor, K: Tensor, pyramid: list[Tensor]
) -> Call:
    groups = [{"params": [*depth.parameters(), *pose.parameters()]}]
    optimizer = make_optimizer("adam", groups, lr=RATE, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)

    def step() -> list[Tensor]:
        disparities = depth.predict(target).disparities
        poses = pose(target, sources)
        loss, _ = video_loss(
            disparities, target, sources, K, poses, weights={"photometric": 1.0}, normalise=False, automask=True
        )
        for scale, (disparity, image) in enumerate(zip(disparities, pyramid, strict=True)):
            smoothness = edge_aware_smoothness(normalise_disparity(disparity), image)
            loss = loss + SMOOTHNESS * smoothness / 2**scale / len(pyramid)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return [loss, *disparities]

    return step


def their_step(peer: Any, target: Tensor, sources: Tensor, K: Tensor, pyramid: list[Tensor]) -> Call:
    images = {0: target, -1: sources[:, 0].contiguous(), 1: sources[:, 1].contiguous()}
    K = F.pad(K, (0, 1, 0, 1)) + torch.diag(K.new_tensor([0, 0, 0, 1]))
    inputs = {(kind, frame, 0): image for frame, image in images.items() for kind in ("color", "color_aug")}
    inputs |= {("color", 0, scale): image for scale, image in enumerate(pyramid)}
    inputs |= {("K", 0): K, ("inv_K", 0): torch.linalg.inv(K)}

    def step() -> list[Tensor]:
        outputs, losses = peer.process_batch(inputs)
        peer.model_optimizer.zero_grad()
        losses["loss"].backward()
        peer.model_optimizer.step()
        low, high = 1 / FARTHEST, 1 / NEAREST
        return [losses["loss"], *(low + (high - low) * outputs["disp", scale] for scale in range(4))]

    return step


COMPARISONS = [
    Comparison(
        f"Monodepth2 step, {HEIGHT}x{WIDTH}, batch {BATCH}",
        "official code",
        sides,
        needs=None if CHECKOUT else "a checkout that MONODEPTH2 names",
    )
]
