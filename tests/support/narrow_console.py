"""A console of 80 columns."""

import io

from rich.console import Console


def console(**options):
    return Console(file=io.StringIO(), width=80, highlight=False, **options)
