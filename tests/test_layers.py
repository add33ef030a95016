"""Imports point downward only, and papers never import each other. Imports inside functions count like all others."""

import ast

import pytest

from depthlib.base.fingerprint import PACKAGE

# From the command line down to paths and statistics. `comparison` puts the papers side by side, so it stands above
# them.
ORDER = (
    "app",
    "site",
    "course",
    "bench",
    "papers.comparison",
    "papers",
    "report",
    "runs",
    "scenes",
    "training",
    "losses",
    "protocols",
    "data",
    "models",
    "metrics",
    "geometry",
    "base",
)
MODULES = {
    ".".join(("depthlib", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in PACKAGE.rglob("*.py")
}
ENTRIES = {"depthlib", "depthlib.__main__"}  # the version number, and `python -m depthlib`


def imported(path):
    """Modules and packages of depthlib that a file imports, typing-only imports included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "depthlib")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "depthlib":
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in MODULES else node.module


def shelf(module):
    """The layer of a module; the paper's key with it, where it is one."""
    parts = module.split(".")[1:]
    if parts[0] == "papers" and len(parts) > 1:
        return ("papers.comparison" if parts[1] == "comparison" else "papers"), parts[1]
    return parts[0], None


def faults(importing, imports):
    (layer, paper), found = shelf(importing), []
    for module in imports:
        if module in ENTRIES:
            continue
        other, other_paper = shelf(module)
        if ORDER.index(other) < ORDER.index(layer):
            found.append(f"{importing} imports {module}, which lies above")
        if layer == other == "papers" and paper != other_paper:
            found.append(f"{importing} imports {module}, another paper")
    return found


def test_every_folder_has_a_place_in_the_order():
    assert {shelf(module)[0] for module in MODULES if module not in ENTRIES} == set(ORDER)


@pytest.mark.parametrize("folder", ORDER)
def test_imports_point_downward(folder):
    modules = [module for module in MODULES if module not in ENTRIES and shelf(module)[0] == folder]
    assert modules and [fault for module in modules for fault in faults(module, imported(MODULES[module]))] == []


def test_the_rule_finds_what_it_exists_to_find(tmp_path):
    file = tmp_path / "x.py"
    imports = ("from depthlib.runs import store", "import depthlib.papers.anuw.loss", "from depthlib.base import paths")
    file.write_text("def f():\n    " + "\n    ".join(imports) + "\n")
    assert faults("depthlib.losses.x", imported(file)) == [
        "depthlib.losses.x imports depthlib.runs.store, which lies above",
        "depthlib.losses.x imports depthlib.papers.anuw.loss, which lies above",
    ]
    assert faults("depthlib.papers.dacnn.x", imported(file)) == [
        "depthlib.papers.dacnn.x imports depthlib.papers.anuw.loss, another paper"
    ]
    assert faults("depthlib.papers.comparison.x", imported(file)) == []


def test_the_table_of_a_paper_is_data():
    """So that the shelves below can read it without loading a paper's code."""
    tables = list(PACKAGE.glob("papers/*/__init__.py"))
    assert len(tables) == 7
    for path in tables:
        body = ast.parse(path.read_text(encoding="utf-8")).body
        assert [type(node) for node in body] == [ast.Expr, ast.Assign], path
        assert body[1].targets[0].id == "MODELS" and isinstance(ast.literal_eval(body[1].value), dict)
