"""The key of an executed notebook: equal keys mean that running it again would do the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from nbformat import NotebookNode

from depthlib.base import paths
from depthlib.base.fingerprint import code_fingerprint, data_fingerprint, files_fingerprint, imports_of, is_module
from depthlib.course.notebooks.cells import syntax_tree, tags
from depthlib.course.notebooks.parameters import checked_parameters, declared_parameters


@dataclass(frozen=True)
class Key:
    """The dependencies of a result, each a hash of 16 digits, so that the changed part of a stale result is known.

    Attributes:
        source: text and tags of all cells.
        parameters: the given values, and the defaults of the others.
        code: syntax trees of all depthlib modules that the notebook can reach.
        data: protocols, published tables and claims beside those modules.
        manifests: the descriptions of the datasets.
    """

    source: str
    parameters: str
    code: str
    data: str
    manifests: str

    @property
    def digest(self) -> str:
        return _hash(asdict(self))

    def differences(self, parts: Mapping[str, str]) -> list[str]:
        """Names of the parts that differ from those stored in a file."""
        return [name for name, value in asdict(self).items() if parts.get(name) != value]


def notebook_key(source: NotebookNode, parameters: Mapping[str, object]) -> Key:
    """The key that `source`, run today with `parameters`, would have.

    Raises what `checked_parameters` raises for parameters that the notebook does not take.
    """
    values = {**declared_parameters(source), **checked_parameters(source, parameters)}
    modules = sorted(name for name in imports_of(syntax_tree(source)) if is_module(name))
    folder = paths.manifests_dir()
    return Key(
        source=_hash([[cell.cell_type, cell.source, sorted(tags(cell))] for cell in source.cells]),
        parameters=_hash(values),
        code=code_fingerprint(modules, named=True)[:16],
        data=data_fingerprint(modules, named=True)[:16],
        manifests=files_fingerprint((path for path in folder.rglob("*") if path.is_file()), folder)[:16],
    )


def _hash(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
