"""`depthlib train`: a network for the pictures of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from depthlib.base.text import told


def train(
    folder: Annotated[
        Path,
        typer.Argument(
            help="images/ with depth/, pairs.csv, left/ with right/, frames of a video, or a manifest's files"
        ),
    ],
    out: Annotated[Path, typer.Option(help="folder for weights, table, pictures and page")] = Path("trained"),
    weights: Annotated[Path | None, typer.Option(help="the network to go on from; the shipped one by default")] = None,
    depth_scale: Annotated[
        float | None, typer.Option(help="units per metre of the depth: 1000 for millimetres; PNGs of depthlib hold it")
    ] = None,
    manifest: Annotated[
        str | None, typer.Option(help="name or file of a manifest; else a .yaml in the folder or beside it")
    ] = None,
    manifest_split: Annotated[str | None, typer.Option(help="which split of the manifest's loader")] = None,
    val: Annotated[
        Path | None, typer.Option(help="what is held out: a folder of the same form, or a list of names")
    ] = None,
    split: Annotated[str, typer.Option(help="else chosen by hash of the names, or the end: the last by name")] = "hash",
    test: Annotated[Path | None, typer.Option(help="a folder with depth that is only scored, before and after")] = None,
    focal: Annotated[
        float | None, typer.Option(help="focal length in pixels of the pictures; else from a file, EXIF, or a guess")
    ] = None,
    fov: Annotated[float | None, typer.Option(help="the same as a horizontal field of view in degrees")] = None,
    baseline_focal: Annotated[
        float | None, typer.Option(help="of stereo pairs: baseline in metres times focal length in pixels")
    ] = None,
    spacing: Annotated[int, typer.Option(min=1, help="of a video: frames between neighbours")] = 1,
    size: Annotated[
        tuple[int, int] | None, typer.Option(help="height and width at which the network looks; its own by default")
    ] = None,
    steps: Annotated[int, typer.Option(min=1, help="how long")] = 500,
    batch: Annotated[int, typer.Option(min=1, help="pictures in a step")] = 4,
    lr: Annotated[float, typer.Option(help="learning rate")] = 1e-3,
    seed: Annotated[int, typer.Option(min=0, help="of order and augmentation")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps")] = "auto",
) -> None:
    """Train a network on your own pictures. The same command resumes what was stopped."""
    from depthlib.app.own_data.scores import printed
    from depthlib.app.own_data.setup import Choices, prepare
    from depthlib.app.own_data.training import Steps, usable_out
    from depthlib.app.own_data.training import train as run
    from depthlib.app.photo_camera import Lens
    from depthlib.base.devices import pick_device
    from depthlib.training.curve import TrainingDiverged
    from depthlib.training.stopping import sigterm_raises

    try:
        if not 0 < lr < float("inf"):
            raise ValueError(f"lr: found {lr:g}, expected a rate above 0")
        pick_device(device)
        usable_out(out, folder)
        choices = Choices(
            folder,
            weights,
            val,
            test,
            split,
            depth_scale,
            manifest,
            manifest_split,
            Lens(focal, fov),
            baseline_focal,
            spacing,
            size,
        )
        with sigterm_raises():
            setup = prepare(choices, typer.echo, _tracked)
            with _Bar(steps) as bar:
                found = run(setup, Steps(steps, batch, lr, seed, device=device), out, bar)
    except (KeyboardInterrupt, SystemExit) as stop:
        typer.echo("stopped; the same command resumes", err=True)
        raise typer.Exit(stop.code if isinstance(stop, SystemExit) else 130) from None
    except TrainingDiverged as error:
        typer.echo(f"error: {told(error)}; the loss is no number any more, try a lower --lr", err=True)
        raise typer.Exit(1) from error
    except (ImportError, ValueError, NotImplementedError, OSError) as error:
        typer.echo(f"error: {told(error)}", err=True)
        raise typer.Exit(2) from error
    for note in setup.start.notes:
        typer.echo(note)
    for line in printed(found.table):
        typer.echo(line)
    if found.test is not None:
        typer.echo(f"in {test}:")
        for line in printed(found.test):
            typer.echo(line)
    typer.echo(f"the best of {steps} steps was {found.best_step}")
    for name in ("weights.safetensors", "errors.csv", "pictures.png", "index.html"):
        typer.echo(f"wrote {out / name}")


def _tracked(items: Sequence[int], title: str) -> Iterator[int]:
    from depthlib.base.progress import bar

    return iter(bar(items, total=len(items), title=title, unit="item"))


class _Bar:
    """A bar of the steps on the error output: `fit` calls it after each one."""

    def __init__(self, steps: int) -> None:
        from tqdm import tqdm

        self.bar = tqdm(total=steps, desc="training", unit="step", leave=False)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def __call__(self, step: int, loss: float, rate: float) -> None:
        self.bar.set_postfix_str(f"loss {loss:.4f}, {rate:.0f} pictures/s", refresh=False)
        self.bar.update(step - self.bar.n)
