"""Fingerprints of the package's own source, which tell whether the code behind a result has changed.

A result depends on the modules that produced it and on all modules they import. `closure` follows the import
statements statically; `code_fingerprint` hashes the syntax trees of that closure: comments, blank lines, docstrings,
types of arguments and variables, the text of error messages and the version number may change, a name, a number or an
operator may not. Modules without influence on results (`SILENT`: paths, printed output) can be left out.

A name imported from a package is traced to its module: `from depthlib.losses import l1_loss` depends on
`depthlib.losses.regression` and not on the other losses that the package exports. Of such a package the code of its
`__init__` counts, but not its imports: a new loss does not change the keys of existing runs.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import TypeGuard

Names = frozenset[str]
Import = tuple[str, str | None, str | None]  # origin, name, local name; see `_imports`
PACKAGE = Path(__file__).resolve().parents[1]
SILENT = frozenset(
    f"{PACKAGE.name}.{name}"
    for name in (
        "base.catalogue",
        "base.devices",
        "base.fingerprint",
        "base.paths",
        "base.progress",
        "base.text",
        "base.yaml_files",
        "training.stopping",
        "training.checkpoint",  # a resumed run ends in the same bits, which is tested
    )
)
TYPES = ("annotation", "returns")
TYPING = ("__future__", "collections.abc", "types", "typing")  # what types of arguments are imported from
_PARSING = Lock()  # Python 3.11 fails when two threads build syntax trees at once


def closure(
    modules: Iterable[str], package: Path = PACKAGE, *, named: bool = False, without: Names = frozenset()
) -> tuple[str, ...]:
    """Names of `modules`, all modules they depend on, and the parent packages of these, sorted.

    Imports inside functions and relative ones count; those under `if TYPE_CHECKING:` do not. Names outside the package
    are ignored. The result is cached for the whole process.

    Args:
        modules: dotted names, for example [`depthlib.models.unet`].
        package: the package's folder; its name is the package's name.
        named: follow strings as well: `depthlib.models.unet`, `depthlib.models.unet:UNet`, and all modules of a package
            for an f-string that starts with `depthlib.models.`. A superset for code that selects modules by name.
        without: modules to leave out, with their imports.

    Raises:
        ValueError: a name of `modules` is in the package but has no file there.
    """
    whole, passed = _parts(modules, package, named, without)
    return tuple(sorted(whole | passed))


def code_fingerprint(
    modules: Iterable[str], package: Path = PACKAGE, *, named: bool = False, without: Names = frozenset()
) -> str:
    """SHA-256 (64 hex digits) of the code of `closure(modules)`; the same on every Python version. Arguments as there.

    Docstrings, comments, layout, types of arguments, results and variables, the text of errors and warnings, and
    `__version__` do not enter. Cached for the whole process, since a running interpreter uses the code it has loaded.
    """
    digest = hashlib.sha256()
    whole, passed = _parts(modules, package, named, without)
    for name in sorted(whole | passed):
        module = _module(name, package)
        digest.update(f"{name} {module.whole if name in whole else module.own}\n".encode())
    return digest.hexdigest()


def data_fingerprint(modules: Iterable[str], package: Path = PACKAGE, *, named: bool = False) -> str:
    """SHA-256 of the YAML files (protocols, published tables, claims) beside the modules of `closure(modules)`."""
    folders = {file.parent for name in closure(modules, package, named=named) if (file := _file(name, package))}
    folders |= {folder / "protocols" for folder in folders if folder.parent.name == "papers"}
    return files_fingerprint((path for folder in folders for path in folder.glob("*.y*ml")), package)


def files_fingerprint(paths: Iterable[Path], root: Path) -> str:
    """SHA-256 over names (relative to `root`) and contents of files, independent of their order and line endings."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(root).as_posix()} {hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def is_module(name: str, package: Path = PACKAGE) -> bool:
    """Whether the dotted name is a module or a package of the package."""
    return _file(name, package) is not None


def imports_of(tree: ast.AST) -> set[str]:
    """Dotted names that the imports of a notebook's code may load: for `from a import b` both `a` and `a.b`."""
    return {name for origin, item, _ in _imports(tree) for name in (origin, f"{origin}.{item}" if item else origin)}


def _imports(tree: ast.AST, module: str = "", is_package: bool = False) -> set[Import]:
    """(origin, name, local name) for each `from origin import name`, (origin, None, None) for each `import origin`.

    `module` and `is_package` locate the code, for relative imports.
    """
    found: set[Import] = set()
    for node in _running_statements(tree):
        if isinstance(node, ast.Import):
            found.update((alias.name, None, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = module.split(".")[: module.count(".") + 1 - node.level + is_package] if node.level else []
            origin = ".".join([*above, *filter(None, [node.module])])
            found.update((origin, alias.name, alias.asname or alias.name) for alias in node.names)
    return found


def _file(name: str, package: Path) -> Path | None:
    parts = name.split(".")
    if parts[0] != package.name:
        return None
    stem = package.joinpath(*parts[1:])
    for path in (stem / "__init__.py", stem.with_name(stem.name + ".py")):
        if path.is_file():
            return path
    return None


def _parts(modules: Iterable[str], package: Path, named: bool, without: Names) -> tuple[Names, Names]:
    """Modules whose code counts in full, and packages through which names are imported."""
    if isinstance(modules, str):
        raise TypeError(f"modules: found the string {modules!r}, expected several names, for example [{modules!r}]")
    names = tuple(sorted(set(modules)))
    for name in names:
        if name.split(".")[0] == package.name and _file(name, package) is None:
            raise ValueError(f"modules: found {name!r}, expected the name of a module under {package.name}/")
    return _closure(names, package, named, without)


@cache
def _closure(names: tuple[str, ...], package: Path, named: bool, without: Names) -> tuple[Names, Names]:
    whole: set[str] = set()
    passed: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        # known, left out, external, or no module
        if name in whole or name in without or _file(name, package) is None:
            continue
        whole.add(name)
        parts = name.split(".")
        passed.update(".".join(parts[:length]) for length in range(1, len(parts)))
        waiting.extend(_module_imports(name, package))
        if named:
            waiting.extend(_module_strings(name, package))
    return frozenset(whole), frozenset(passed - whole)


def _homes(origin: str, item: str | None, package: Path) -> frozenset[str]:
    """The modules that one import depends on, see the module docstring."""
    if item is not None and _file(f"{origin}.{item}", package) is not None:
        return frozenset({f"{origin}.{item}"})
    path = _file(origin, package)
    offered = _offered(origin, package).get(item) if item and path is not None and path.name == "__init__.py" else None
    return offered or frozenset({origin})


@cache
def _offered(name: str, package: Path) -> dict[str, frozenset[str]]:
    """Names that a package's `__init__` re-exports -> the modules they come from."""
    offers = _module(name, package).offers
    return {local: _homes(origin, item, package) for origin, item, local in offers if local and origin != name}


@dataclass(frozen=True)
class _Module:
    """What is cached of a module; not its syntax tree, which would slow down garbage collection.

    Attributes:
        imports, offers: see `_imports`; all, and those at top level.
        whole, own: hashes of its code, with and without the re-exports of a package.
    """

    imports: set[Import]
    offers: list[Import]
    whole: str
    own: str


@cache
def _module(name: str, package: Path) -> _Module:
    path = _file(name, package)
    assert path is not None
    where = (name, path.name == "__init__.py")
    with _PARSING:
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    offers = [found for node in tree.body if isinstance(node, ast.ImportFrom) for found in _imports(node, *where)]
    whole = _hash(tree)
    own = _hash(ast.Module([node for node in tree.body if not _is_offer(node)], [])) if where[1] else whole
    return _Module(_imports(tree, *where), offers, whole, own)


@cache
def _module_imports(name: str, package: Path) -> frozenset[str]:
    return frozenset().union(*(_homes(origin, item, package) for origin, item, _ in _module(name, package).imports))


@cache
def _module_strings(name: str, package: Path) -> frozenset[str]:
    """Modules named by strings of a module; one that ends in a dot (start of an f-string) names all of that folder."""
    path = _file(name, package)
    assert path is not None
    text = path.read_text(encoding="utf-8")
    found: set[str] = set()
    for named in re.findall(rf"""["']({package.name}\.[\w.]*)(?:(?::\w+)?["']|{{)""", text):
        if named.endswith("."):
            files = package.joinpath(*named.split(".")[1:]).glob("*.py")
            found.update(named + path.stem for path in files if path.stem != "__init__")
        else:
            found.add(named)
    return frozenset(found)


def _is_offer(node: ast.stmt) -> bool:
    """An import (also for type checkers only), the list `__all__`, or the table of a paper's networks."""
    if isinstance(node, ast.Assign):
        return [getattr(target, "id", None) for target in node.targets] in (["__all__"], ["MODELS"])
    return isinstance(node, ast.Import | ast.ImportFrom) or _is_for_typing(node)


def _running_statements(tree: ast.AST) -> list[ast.AST]:
    """All statements except the body of `if TYPE_CHECKING:`. Expressions are skipped, since they hold no imports."""
    found = [tree]
    for node in found:
        typing_only = _is_for_typing(node)
        for field in ("body", "orelse", "handlers", "finalbody", "cases"):
            if not (typing_only and field == "body"):
                found.extend(getattr(node, field, ()))
    return found


def _is_for_typing(node: ast.AST) -> TypeGuard[ast.If]:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _hash(tree: ast.AST) -> str:
    return hashlib.sha256(_text(tree).encode()).hexdigest()


def _text(value: object) -> str:
    """A syntax tree in a form that does not depend on the Python version, unlike that of `ast.dump`.

    Of a raised error only the type counts, not the message. Types in a class count: they make fields.
    """
    if isinstance(value, list):
        return f"[{''.join(_text(item) + ',' for item in value)}]"
    if not isinstance(value, ast.AST):
        return repr(value)
    if isinstance(value, ast.Raise) and isinstance(value.exc, ast.Call):
        value = ast.Raise(exc=value.exc.func)
    left_out = ("ctx", "kind", "type_comment") + (() if isinstance(value, ast.AnnAssign) else TYPES)
    text = ""
    for field in value._fields:
        child = getattr(value, field, None)
        if field == "body" and isinstance(child, list):
            child = [_untyped(item, value) for item in child if not _no_code(item, value)]
        if child is not None and child != [] and field not in left_out:
            text += f"{field}={_text(child)}"  # empty fields differ between Python versions
    return f"{type(value).__name__}({text})"


def _untyped(item: ast.AST, parent: ast.AST) -> ast.AST:
    """`x: int = 1` as `x = 1`, except in the body of a class."""
    if isinstance(item, ast.AnnAssign) and item.value is not None and not isinstance(parent, ast.ClassDef):
        return ast.Assign([item.target], item.value)
    return item


def _no_code(item: ast.AST, parent: ast.AST) -> bool:
    """Whether a statement of a body is a docstring, a type, a warning, or the version number of the package."""
    if isinstance(item, ast.AnnAssign) and item.value is None and not isinstance(parent, ast.ClassDef):
        return True
    if isinstance(item, ast.ImportFrom) and item.module in TYPING or _is_for_typing(item) and not item.orelse:
        return True
    if isinstance(item, ast.Expr):
        warns = isinstance(item.value, ast.Call) and ast.unparse(item.value.func) == "warnings.warn"
        return warns or (isinstance(item.value, ast.Constant) and isinstance(item.value.value, str))
    targets = item.targets if isinstance(item, ast.Assign) else []
    return isinstance(parent, ast.Module) and any(isinstance(t, ast.Name) and t.id == "__version__" for t in targets)
