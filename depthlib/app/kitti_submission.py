"""`depthlib kitti-submission`: what a network says of the depth benchmark's test images, as the archive to upload."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from torch import nn
from torch.utils.data import Dataset

from depthlib.base.text import told
from depthlib.data.kitti.submission import TEST_COUNT, TEST_SIZE, Submission, check_submission, write_submission
from depthlib.protocols.sliding_window import WINDOW, Windowed


def predict_into(
    folder: Path, model: nn.Module, images: Dataset, window: tuple[int, int], size: tuple[int, int] = TEST_SIZE
) -> Submission:
    """Write one file for each image into `folder`, through overlapping windows, and check them all as the server does.

    Args:
        model: of single images, in evaluation mode, to depth in metres.
        images: items with `image` [3,H,W], in the order of the server.

    Raises:
        DataError: a file that the server would misread.
    """
    from depthlib.base.progress import bar

    network, device = Windowed(model, window), next(model.parameters()).device
    count = len(images)  # type: ignore[arg-type]
    for index in bar(range(count), total=count, title="test images", unit="image"):
        write_submission(folder, index, network(images[index]["image"][None].to(device))[0])
    return check_submission(folder, count=count, size=size)


def kitti_submission(
    weights: Annotated[Path, typer.Argument(help="safetensors of a run, e.g. of dacnn's `full` on `online`")],
    out: Annotated[Path, typer.Option(help="folder for the PNG files; the archive is written beside it")] = Path(
        "submission"
    ),
    window: Annotated[tuple[int, int], typer.Option(help="rows and columns of the windows")] = WINDOW,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
) -> None:
    """Predict the 500 test images of KITTI's depth benchmark (the set kitti-depth) and pack them for its server."""
    from depthlib.base.devices import pick_device
    from depthlib.data.errors import DataError
    from depthlib.data.real_sets import real
    from depthlib.models.weights import WeightsError
    from depthlib.protocols.photograph import load_weights, usable_multiple

    try:
        if out.exists() and any(out.iterdir()):
            raise DataError(f"{out}: found files in it, expected an empty folder or none")
        images = real("kitti-depth", "test")
        if len(images) != TEST_COUNT:  # type: ignore[arg-type]
            raise DataError(f"kitti-depth test: found {len(images)} images, expected {TEST_COUNT}")  # type: ignore[arg-type]
        model, _ = load_weights(weights)
        usable_multiple(model, weights)  # refuses a network that needs more than a photograph
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as scratch:  # nothing half written
            found = predict_into(Path(scratch) / "maps", model.to(pick_device(device)), images, window)
            archive = shutil.make_archive(str(out), "zip", Path(scratch) / "maps")
            shutil.copytree(Path(scratch) / "maps", out, dirs_exist_ok=True)
    except (DataError, WeightsError, ValueError, OSError) as error:
        typer.echo(f"error: {told(error)}", err=True)
        raise typer.Exit(2) from error
    typer.echo(f"{archive}: {found.files} depth maps, {found.nearest:.1f} to {found.farthest:.1f} m")
