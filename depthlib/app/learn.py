"""`depthlib learn`: the lessons as a learner opens them, without solutions, in a folder that is the learner's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from depthlib.base import paths
from depthlib.base.text import told


def editions(lessons: list[str], folder: Path, force: bool = False) -> tuple[list[Path], list[Path]]:
    """Write the learner's edition of each lesson that is not in `folder` yet, or with `force` of all.

    Returns the files written and those kept as they were. Raises ValueError for an unknown lesson, OSError where
    `folder` cannot be written.
    """
    from depthlib.course.lessons import pick_lessons
    from depthlib.course.notebooks import student_copy

    if folder.resolve() == paths.notebooks_dir().resolve():
        raise ValueError(f"folder: found {folder}, which holds the sources, expected another one")
    written, kept = [], []
    for lesson in pick_lessons(lessons):
        target = folder / f"{lesson.notebook}.ipynb"
        if target.exists() and not force:
            kept.append(target)
            continue
        student_copy(paths.notebooks_dir() / target.name, target)
        written.append(target)
    return written, kept


def learn(
    lessons: Annotated[
        list[str] | None, typer.Argument(help="notebook names, numbers or paper keys; all by default")
    ] = None,
    folder: Annotated[Path, typer.Option(help="where your copies lie; git ignores the default")] = Path("lessons"),
    force: Annotated[bool, typer.Option("--force", help="replace your copies, answers included")] = False,
) -> None:
    """Copy the lessons without their solutions. Into a folder of your own; a copy that is there is kept."""
    try:
        written, kept = editions(lessons or [], folder, force)
    except (ImportError, ValueError, OSError) as error:
        typer.echo(f"error: {told(error)}", err=True)
        raise typer.Exit(2) from error
    for path in written:
        typer.echo(f"wrote {path}")
    for path in kept:
        typer.echo(f"kept  {path}, which is yours; --force replaces it, answers included")
    typer.echo(f"open them: jupyter lab {folder}")
