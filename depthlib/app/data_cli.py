"""`depthlib data`: listing, verifying, fetching, linking and previewing data sets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from depthlib.base.paths import atomic_write
from depthlib.data import fetch as fetching
from depthlib.data.errors import DataError
from depthlib.data.fetch import default_root
from depthlib.data.manifest import Generated, Manifest, load_manifest, manifest_names

data = typer.Typer(help="Data sets: list, verify, fetch, link, preview.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(help="name of a manifest; `depthlib data list` shows them")]
Root = Annotated[Path | None, typer.Option(help="the data set's folder; by default where `fetch` puts it")]


@contextmanager
def _one_line_errors() -> Iterator[None]:
    """Report a broken file or folder as a message without a traceback."""
    try:
        yield
    except (DataError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error


@data.command("list")
def list_() -> None:
    """List names, terms, sources and numbers of splits."""
    from rich.console import Console
    from rich.table import Table

    table, broken = Table("name", "what", "terms", "get it", "splits"), []
    for name in manifest_names():
        try:
            table.add_row(name, *_described(load_manifest(name)))
        except DataError as error:  # one bad file must not hide the others
            broken.append(str(error))
    Console().print(table)
    for message in broken:
        typer.echo(f"error: {message}", err=True)
    raise typer.Exit(2 if broken else 0)


def _described(manifest: Manifest | Generated) -> tuple[str, str, str, str]:
    if isinstance(manifest, Generated):
        return manifest.description, manifest.licence, "made here", str(len(manifest.splits))
    size = sum(file.size for file in manifest.obtain.files) / 1e6
    how = f"fetch ({size:.1f} MB)" if manifest.obtain.files else "at the source"
    return manifest.title, manifest.terms.licence, how, str(len(manifest.splits))


@data.command()
def verify(
    name: Name,
    root: Root = None,
    lists: Annotated[
        Path | None, typer.Option(help="folder of lists; by default that of `depthlib data fetch lists`")
    ] = None,
    split: Annotated[list[str] | None, typer.Option(help="a split to check; may be repeated; all by default")] = None,
    full: Annotated[bool, typer.Option("--full", help="decode every file and hash what has a known hash")] = False,
) -> None:
    """Report complete, missing and damaged files. Status 1 if any are missing or damaged."""
    from depthlib.data.verify import verify as check

    with _one_line_errors():
        manifest = load_manifest(name)
        if isinstance(manifest, Generated):
            from depthlib.scenes.manifest import check_manifest

            differing = check_manifest(10**9 if full else 1)  # complete anyway; pixels depend on the machine
            for name in differing:
                typer.echo(f"{name}: the pixels differ from the manifest")
            typer.echo(f"{len(differing)} frames differ from the manifest")
            raise typer.Exit(1 if differing else 0)
        report = check(
            manifest,
            root or default_root(name),
            lists=lists or default_root("lists"),
            splits=split or (),
            full=full,
            progress=full,
        )
    typer.echo(report.text())
    raise typer.Exit(0 if report.ok else 1)


@data.command()
def fetch(name: Name, root: Root = None) -> None:
    """Download small public files. Resumes; never data whose terms must be accepted."""
    with _one_line_errors():
        manifest = load_manifest(name)
        if isinstance(manifest, Generated):
            raise DataError(f"{name}: found a generated set, expected one with files to fetch")
        if manifest.terms.note:
            typer.echo(manifest.terms.note)
        got = fetching.fetch(manifest, root)
    typer.echo(f"{len(got)} files of {name}, verified ({manifest.terms.licence})")


@data.command()
def link(
    name: Name, folder: Annotated[Path, typer.Argument(help="where the set lies: the root of its manifest")]
) -> None:
    """Say where a data set lies. Without it: a folder of its name in DEPTHLIB_DATA, else in the cache."""
    from depthlib.data.link import link as make

    with _one_line_errors():
        place = make(name, folder)
    typer.echo(f"{place} -> {place.readlink()}; `depthlib data verify {name}` looks at the files")


@data.command()
def preview(
    name: Name,
    root: Root = None,
    split: Annotated[
        str | None, typer.Option(help="the loader's split; for the scenes a family (rooms, streets)")
    ] = None,
    count: Annotated[int, typer.Option(min=1, max=50, help="number of items")] = 6,
    option: Annotated[
        list[str] | None, typer.Option(help="key=value for the loader, as in views=current,next; may be repeated")
    ] = None,
    out: Annotated[Path, typer.Option(help="the picture")] = Path("preview.png"),
) -> None:
    """Draw a contact sheet. Image, depth, mask, histogram, and a line of statistics for each item."""
    from depthlib.app.preview import contact_sheet, line, plausible_range, spread
    from depthlib.data.real_sets import open_dataset, typed_options
    from depthlib.report.png import figure_image, png

    with _one_line_errors():
        manifest = load_manifest(name)
        pairs = [item.partition("=") for item in option or []]
        if wrong := [key for key, sign, _ in pairs if not sign]:
            raise DataError(f"option: found {wrong[0]!r}, expected key=value")
        if isinstance(manifest, Generated):
            samples = _scenes(split or "rooms", count)
        else:
            options = typed_options(manifest, {key: value for key, _, value in pairs})
            dataset = open_dataset(manifest, str(root or default_root(name)), split, options)
            if left_out := getattr(dataset, "unpaired", []):
                typer.echo(
                    f"{len(left_out)} images have no depth and are left out, the first is {left_out[0]}", err=True
                )
            samples = spread(dataset, count)
        if not samples:
            raise DataError(f"{name}: found no item, expected at least one")
        plausible = plausible_range(manifest)
        for sample in samples:
            typer.echo(line(sample, plausible))
        with atomic_write(out) as temporary:
            temporary.write_bytes(png(figure_image(contact_sheet(samples, plausible=plausible))))
    typer.echo(f"wrote {out}")


def _scenes(family: str, count: int) -> list:
    from depthlib.scenes import SceneDataset, SceneDistribution

    try:
        dataset = SceneDataset(SceneDistribution(family), "val", count)
    except ValueError as error:
        raise DataError(str(error)) from error
    return [dataset[position] for position in range(len(dataset))]


@data.command()
def croissant(
    name: Name, out: Annotated[Path | None, typer.Option(help="a .json file; by default it is printed")] = None
) -> None:
    """Write the manifest as Croissant metadata."""
    from depthlib.data.croissant import croissant as describe

    with _one_line_errors():
        text = json.dumps(describe(load_manifest(name)), indent=2, ensure_ascii=False) + "\n"
        if out is None:
            typer.echo(text, nl=False)
        else:
            with atomic_write(out) as temporary:
                temporary.write_text(text, encoding="utf-8")
