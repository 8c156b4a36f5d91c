"""Arrows point one way: lessons may use course_utils, never the other way round, and neither may its lower modules."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import course_utils

ROOT = Path(course_utils.__file__).parent
#: From the bottom. A module may import those below it and its neighbours on the same line.
LAYERS = (
    ("errors", "tables"),
    ("page",),
    ("datasets", "dictionary", "faults", "reports", "projects", "environments", "practices", "watching"),
    ("splits", "features", "metrics", "money", "profiles", "costs", "versioning"),
    ("training", "vw", "explain", "pitfalls"),
    ("replay",),
    ("tracking",),
    ("promotion",),
    ("batch", "serving"),
    ("load", "timemachine"),
    ("drift", "telemetry"),
    ("retraining", "monitoring"),
    ("incidents",),
)
#: These stand aside: they import the two lowest lines, and no module of a line imports them.
ASIDE = ("claims", "plots", "exercises")
#: Free to look at everything.
FREE = ("doctor",)
#: What sits outside and imports course_utils.
OUTSIDE = {"authoring", "lessons", "tests", "benchmarks"}
#: Slow to import, and needed by few functions: imported inside them.
HEAVY = {
    "dask", "duckdb", "dvc", "matplotlib", "mlflow", "numba", "pandera", "scipy", "shap", "sklearn", "skrub",
    "vowpalwabbit", "xgboost",
}  # fmt: skip

LEVEL = {module: level for level, modules in enumerate(LAYERS) for module in modules}


def sources() -> Iterator[tuple[str, Path]]:
    """Yield each module or subpackage of course_utils, with each of its files."""
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        # Code that lies among the tables is data: its folders cannot be imported.
        if parts != ("__init__",) and all(part.isidentifier() for part in parts):
            yield parts[0], file


def imported(node: ast.AST, file: Path) -> list[str]:
    """Return the full names that an import statement reads: ``from course_utils import money`` gives two parts."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        package = (ROOT.name, *file.relative_to(ROOT).parent.parts)
        start = ".".join(package[: len(package) + 1 - node.level]) if node.level else ""
        base = ".".join(part for part in (start, node.module) if part)
        return [f"{base}.{alias.name}" for alias in node.names]
    return []


def everything(file: Path) -> set[str]:
    """Return all that a file imports: at the top, inside functions, and for type checking only."""
    return {name for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) for name in imported(node, file)}


def at_once(file: Path) -> set[str]:
    """Return the packages that are imported as soon as the file is: neither inside functions nor for types only."""

    def walk(node: ast.AST) -> Iterator[str]:
        yield from imported(node, file)
        types_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for child in node.orelse if types_only else ast.iter_child_nodes(node):
                yield from walk(child)

    return {name.split(".")[0] for name in walk(ast.parse(file.read_text(encoding="utf-8")))}


def arrows() -> dict[str, set[str]]:
    """Return which modules of course_utils each of them imports."""
    found: dict[str, set[str]] = {}
    for module, file in sources():
        used = {name.split(".")[1] for name in everything(file) if name.startswith(f"{ROOT.name}.")}
        found.setdefault(module, set()).update(used - {module})
    return found


def test_every_module_has_its_place():
    """A new module gets a place in the order before anything imports it."""
    known = {*LEVEL, *ASIDE, *FREE}
    homeless = [module for module in arrows() if module not in known]
    assert not homeless, f"give {', '.join(homeless)} a place in LAYERS, ASIDE or FREE of {Path(__file__).name}"


def test_no_module_knows_who_uses_it():
    """course_utils can be installed and used without the lessons, the authors' tools and the tests."""
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for _, file in sources()
        for name in sorted(everything(file))
        if name.split(".")[0] in OUTSIDE
    ]
    assert not wrong


def test_arrows_point_down():
    """A module imports those below and beside it, never one above."""
    wrong = [
        f"{module} imports {other}, which does not lie below it"
        for module, others in arrows().items()
        if module in LEVEL
        for other in sorted(others)
        if LEVEL.get(other, len(LAYERS)) > LEVEL[module]
    ]
    assert not wrong


def test_those_who_stand_aside_need_the_lowest_only():
    """Claims, plots and graders import errors, tables and page, so that an answer of any kind can be looked at."""
    low = {*LAYERS[0], *LAYERS[1]}
    wrong = [f"{module} imports {other}" for module in ASIDE for other in sorted(arrows()[module] - low)]
    assert not wrong


def test_no_circle():
    """No two modules need each other, not even through others."""
    try:
        TopologicalSorter(arrows()).prepare()
    except CycleError as error:
        raise AssertionError(" → ".join(error.args[1])) from None


def test_heavy_packages_are_imported_where_they_are_used():
    """No module imports a heavy package at its top."""
    wrong = [
        f"{file.relative_to(ROOT)} imports {name} at its top; move it into the functions that need it"
        for _, file in sources()
        for name in sorted(at_once(file) & HEAVY)
    ]
    assert not wrong


def test_importing_the_whole_course_stays_light():
    """A notebook that imports every module has loaded none of the heavy packages, not even through others."""
    modules = sorted({f"{ROOT.name}.{module}" for module, _ in sources()})
    code = f"import sys, {', '.join(modules)}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
