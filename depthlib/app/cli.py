"""The command line. Each command only reads its arguments and calls one function of the package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from depthlib.app.data_cli import data
from depthlib.app.kitti_submission import kitti_submission
from depthlib.app.learn import learn
from depthlib.app.train_cli import train
from depthlib.app.trajectory import evaluate_trajectory

main = typer.Typer(
    help="Monocular depth: five papers, reproduced.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,  # an error is a line that can be searched, not a box that breaks it
)
notebooks = typer.Typer(help="Clean and copy the notebooks.", no_args_is_help=True, rich_markup_mode=None)
main.add_typer(notebooks, name="notebooks")
main.add_typer(data, name="data")
main.command("evaluate-trajectory")(evaluate_trajectory)
main.command("kitti-submission")(kitti_submission)
main.command()(learn)
main.command()(train)

Profile = Annotated[str, typer.Option(help="smoke, quick, standard, full or paper")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps")]


def _end(status: int) -> None:
    raise typer.Exit(status)


@contextmanager
def _one_line() -> Iterator[None]:
    """An argument that cannot be used ends a command with its usage and status 2, a fault with a line and status 1."""
    try:
        yield
    except Exception as error:
        from depthlib.base.text import told
        from depthlib.runs.files import CorruptRecord
        from depthlib.runs.store import MissingRun
        from depthlib.training.curve import TrainingDiverged

        if isinstance(error, CorruptRecord | MissingRun | TrainingDiverged | ImportError | OSError):
            typer.echo(f"error: {told(error)}", err=True)
            _end(1)
        if isinstance(error, ValueError | NotImplementedError):
            raise typer.BadParameter(told(error)) from error
        raise


@contextmanager
def _resumable() -> Iterator[None]:
    """Ctrl-C and SIGTERM end a command with one sentence, after what is at work has saved its state."""
    from depthlib.training.stopping import sigterm_raises

    try:
        with sigterm_raises():
            yield
    except (KeyboardInterrupt, SystemExit) as stop:
        typer.echo("stopped; the same command resumes", err=True)
        _end(stop.code if isinstance(stop, SystemExit) else 130)  # as the shell tells signals


@main.command()
def reproduce(
    lessons: Annotated[
        list[str] | None, typer.Argument(help="notebook names, numbers or paper keys; all by default")
    ] = None,
    profile: Profile = "quick",
    device: Device = "auto",
    jobs: Annotated[
        int | None, typer.Option(min=1, help="how many at once; one a GPU, or one a core, by default")
    ] = None,
    max_minutes: Annotated[float | None, typer.Option(min=0, help="stop then; the same command resumes later")] = None,
    executor: Annotated[
        str | None, typer.Option(help="Snakemake executor, e.g. slurm; this machine by default")
    ] = None,
    workflow_profile: Annotated[
        Path | None, typer.Option(help="Snakemake profile, e.g. depthlib/course/batch/slurm")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would be made")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="with --dry-run: every job")] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="make everything again elsewhere and compare with results/")
    ] = False,
    sample: Annotated[
        int | None, typer.Option(min=1, help="with --verify: only so many runs, chosen at random")
    ] = None,
) -> None:
    """Train, evaluate, and execute the notebooks. Tables, figures and a page go to out/."""
    if sample is not None and not verify:
        raise typer.BadParameter(
            "found no --verify, expected it: a sample of the committed runs is made again", param_hint="--sample"
        )
    names = lessons or []
    settings = {"profile": profile, "device": device, "jobs": jobs}
    with _one_line(), _resumable():
        from depthlib.course import reproduce as module
        from depthlib.course.batch import engine

        options = engine.check_executor(executor, workflow_profile)
        if dry_run:
            _end(module.preview(names, **settings, options=options, verbose=verbose))
        if verify:
            _end(module.verify(names, **settings, sample=sample))
        status = module.reproduce(names, **settings, max_minutes=max_minutes, options=options)
        if status != engine.REFUSED:
            from depthlib.site.page import write_page

            typer.echo(f"page  {write_page(profile)}")
        _end(status)


@main.command()
def merge(
    source: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="another store, or results/<profile>/runs")
    ],
) -> None:
    """Copy the runs of another machine into the store. Whole ones only; status 1 if some are damaged or contradict
    existing ones.
    """
    with _one_line():
        from depthlib.course.batch.merge import merge as bring_together
        from depthlib.runs.store import Store

        merged = bring_together(source, Store())
    typer.echo(merged.summary())
    _end(1 if merged.conflicts or merged.damaged else 0)


@main.command()
def predict(
    images: Annotated[
        list[Path], typer.Argument(help="photographs, folders of them, quoted patterns such as 'trip/*.jpg', or videos")
    ],
    out: Annotated[Path, typer.Option(help="folder for the depth maps")] = Path("depth"),
    weights: Annotated[
        Path | None, typer.Option(help="safetensors written by depthlib; the shipped network by default")
    ] = None,
    device: Device = "auto",
    batch: Annotated[int, typer.Option(min=1, help="images that go through the network together")] = 4,
    size: Annotated[
        tuple[int, int] | None,
        typer.Option(help="height and width at which the network looks; those of the training by default"),
    ] = None,
    focal: Annotated[
        float | None, typer.Option(help="focal length in pixels of the photograph; else from EXIF, else a guess")
    ] = None,
    fov: Annotated[float | None, typer.Option(help="the same as a horizontal field of view in degrees")] = None,
    known: Annotated[
        list[str] | None, typer.Option(help="depth of a pixel of the only photograph, x,y=metres; may be repeated")
    ] = None,
    ply: Annotated[bool, typer.Option("--ply", help="write the coloured points, too")] = False,
    html: Annotated[bool, typer.Option("--html", help="write a page with image, depth and points that turn")] = False,
    windows: Annotated[
        int, typer.Option(min=1, max=8, help="look at large photographs in windows, too, so many times as fine, e.g. 2")
    ] = 1,
    video: Annotated[
        bool, typer.Option("--video", help="photographs with numbers in their names are the frames of a video")
    ] = False,
    smooth: Annotated[bool, typer.Option("--smooth", help="steadier depth of a video; says how steady")] = False,
    frames16: Annotated[bool, typer.Option("--frames16", help="a 16-bit PNG of each frame of a video, too")] = False,
) -> None:
    """Write depth maps of photographs. A coloured picture and a 16-bit PNG of each, which `evaluate` pairs with a
    truth.
    """
    from depthlib.app.predict_files import run

    camera = {"focal": focal, "view": fov, "known": known or ()}
    film = {"video": video, "smooth": smooth, "frames16": frames16}
    _end(run(images, out, weights, device, batch, size=size, **camera, cloud=ply, page=html, windows=windows, **film))


@main.command()
def export(
    weights: Annotated[Path, typer.Argument(help="safetensors written by depthlib, e.g. weights.safetensors of a run")],
    out: Annotated[Path, typer.Argument(help="the file to write: .onnx, .tflite or .pte")],
    format: Annotated[
        str, typer.Option(help="onnx, litert or executorch; the last two need packages of their own")
    ] = "onnx",
    size: Annotated[
        tuple[int, int] | None,
        typer.Option(help="fix height and width of the images; by default ONNX takes any, the others the training's"),
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="also write <out>_int8.onnx, and say its error")] = False,
    images: Annotated[
        list[Path] | None,
        typer.Option(help="photographs or folders of them that calibrate int8; generated scenes by default"),
    ] = None,
) -> None:
    """Write a network for phones and other runtimes. Compared with torch on test images."""
    from depthlib.app.export_network import run

    _end(run(weights, out, format, size, int8=int8, images=images or ()))


@main.command()
def run(
    paper: Annotated[str, typer.Argument(help="paper key, e.g. anuw")],
    variant: Annotated[str, typer.Argument(help="which recipe of the paper, e.g. e")],
    data: Annotated[str, typer.Option(help="what to train on")] = "streets",
    profile: Profile = "quick",
    seed: Annotated[int, typer.Option(help="of weights, order and augmentation")] = 0,
    change: Annotated[
        list[str] | None, typer.Option("--set", help="a field of the profile, e.g. steps=20; may be repeated")
    ] = None,
    device: Device = "auto",
) -> None:
    """Train and score one run. One in the store is not trained again; its errors are printed."""
    with _one_line(), _resumable():
        from depthlib.course.reproduce import run_one

        run_one(paper, variant, data=data, profile=profile, seed=seed, changes=change or [], device=device)


@main.command()
def evaluate(
    pred: Annotated[Path, typer.Option(help="folder of predicted depth maps: 16-bit PNG, npy or npz")],
    gt: Annotated[Path, typer.Option(help="folder of true depth maps; pairs share their file name without suffix")],
    protocol: Annotated[
        str, typer.Option(help="what exactly is measured: a file of depthlib/protocols, e.g. eigen-annotated")
    ],
    out: Annotated[Path, typer.Option(help="folder for the CSV files: errors of each image, averages")] = Path(
        "errors"
    ),
    pred_scale: Annotated[
        float | None, typer.Option(help="units per metre of predictions; PNGs of depthlib hold it")
    ] = None,
    gt_scale: Annotated[
        float | None, typer.Option(help="units per metre of the truth, e.g. 256 for KITTI, 1000 for millimetres")
    ] = None,
    pred_pattern: Annotated[
        str | None, typer.Option(help="which files are predictions, e.g. *_depth16.png as `predict` writes")
    ] = None,
    gt_pattern: Annotated[str | None, typer.Option(help="the same for the truth")] = None,
    pred_key: Annotated[
        str | None, typer.Option(help="which array of npz files that hold several is the prediction")
    ] = None,
    gt_key: Annotated[str | None, typer.Option(help="the same for the truth")] = None,
) -> None:
    """Score predictions under a named protocol. Each image to CSV, the mean with an interval."""
    from depthlib.protocols.scoring import run as score

    _end(
        score(
            pred,
            gt,
            protocol,
            out,
            pred_scale=pred_scale,
            gt_scale=gt_scale,
            pred_pattern=pred_pattern,
            gt_pattern=gt_pattern,
            pred_key=pred_key,
            gt_key=gt_key,
        )
    )


@main.command()
def doctor() -> None:
    """Report what this machine can do. With advice on each problem."""
    from depthlib.app.doctor import report

    _end(report())


@main.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "allow_interspersed_args": False}
)
def bench(
    context: typer.Context, name: Annotated[str, typer.Argument(help="scenes, psnl, ...: a module of depthlib.bench")]
) -> None:
    """Measure speed and memory. Median and spread after a warm-up; options after the name go to the benchmark."""
    import importlib
    import pkgutil

    import depthlib.bench

    known = sorted(module.name for module in pkgutil.iter_modules(depthlib.bench.__path__))
    if name not in known:
        raise typer.BadParameter(f"name: found {name!r}, expected one of {', '.join(known)}")
    importlib.import_module(f"depthlib.bench.{name}").main(context.args)


@notebooks.command()
def strip(
    files: Annotated[
        list[Path] | None, typer.Argument(exists=True, dir_okay=False, help="all of notebooks/ by default")
    ] = None,
) -> None:
    """Remove outputs and counts from the sources. And metadata that changes with each execution."""
    with _one_line():
        from depthlib.base import paths
        from depthlib.course.notebooks import strip_file

        for file in files or sorted(paths.notebooks_dir().glob("*.ipynb")):
            if strip_file(file):
                typer.echo(f"stripped {file}")


@notebooks.command()
def student(
    source: Annotated[Path, typer.Argument(exists=True, dir_okay=False)],
    target: Path,
    force: Annotated[bool, typer.Option("--force", help="replace the target, answers included")] = False,
) -> None:
    """Copy a notebook without its solution cells."""
    with _one_line():
        from depthlib.course.notebooks import student_copy

        if target.exists() and not force:
            raise ValueError(f"{target}: found a file, expected a new name, or --force to replace it, answers included")
        student_copy(source, target)
