"""Arrows point one way: by folder, from the stages of the course down to its errors and tables."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import course_utils

ROOT = Path(course_utils.__file__).parent
#: What each folder, or file beside the folders, may import of course_utils.
MAY_IMPORT = {
    "errors": set(),
    "wording": set(),
    "tables": {"errors", "wording"},
    "moved": {"tables"},
    "notebook": {"errors", "wording", "tables"},
    "exercises": {"errors", "wording", "tables", "notebook"},
    "data": {"errors", "wording", "tables", "notebook"},
    "model": {"errors", "wording", "tables", "notebook", "data"},
    "develop": {"errors", "wording", "tables", "notebook", "data", "model"},
    "serve": {"errors", "wording", "tables", "notebook", "data", "model"},
    "operate": {"errors", "wording", "tables", "notebook", "data", "model", "develop", "serve"},
}
#: Old names are found, and warned about, from these two.
COMPATIBLE = {("__init__.py", "moved"), ("exercises/__init__.py", "moved")}
#: What is outside and imports course_utils.
OUTSIDE = {"authoring", "lessons", "tests", "benchmarks"}
#: Slow to import, and needed by few functions: imported inside them.
HEAVY = {
    "dask", "duckdb", "dvc", "matplotlib", "mlflow", "numba", "pandera", "scipy", "shap", "sklearn", "skrub",
    "vowpalwabbit", "xgboost",
}  # fmt: skip


def sources() -> Iterator[tuple[str, Path]]:
    """Yield the folder or module of course_utils that each file belongs to, and the file."""
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT).with_suffix("").parts
        # Code among the tables is data: its folders cannot be imported.
        if parts != ("__init__",) and all(part.isidentifier() for part in parts):
            yield parts[0], file


def name_of(file: Path) -> str:
    """Return the dotted name of a module, such as ``course_utils.data.splits``."""
    parts = file.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imported(node: ast.AST, file: Path) -> list[str]:
    """Return the full names that an import reads: ``from course_utils.model import money`` gives three parts."""
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
    """Return what is imported as soon as the file is: neither inside functions nor for types only."""

    def walk(node: ast.AST) -> Iterator[str]:
        yield from imported(node, file)
        types_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for child in node.orelse if types_only else ast.iter_child_nodes(node):
                yield from walk(child)

    return {*walk(ast.parse(file.read_text(encoding="utf-8")))}


def arrows() -> dict[str, set[str]]:
    """Return which modules each module of course_utils imports, packages counted as the modules that they are."""
    names = {name_of(file) for _, file in sources()}

    def module(name: str) -> str:
        while name not in names and "." in name:
            name = name.rpartition(".")[0]
        return name

    found: dict[str, set[str]] = {}
    for _, file in sources():
        used = {module(name) for name in everything(file) if name.startswith(f"{ROOT.name}.")}
        found[name_of(file)] = (used & names) - {name_of(file)}
    return found


def test_every_folder_has_its_place():
    """A new folder or module beside the stages says what it may import before anything imports it."""
    homeless = {folder for folder, _ in sources()} - set(MAY_IMPORT)
    assert not homeless, f"say in MAY_IMPORT of {Path(__file__).name} what {', '.join(sorted(homeless))} may import"


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
    """A module imports from its own folder and from those that its folder may import.

    A grader that runs the answer on the subject itself imports that inside its function.
    """
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for folder, file in sources()
        for name in sorted(at_once(file) if file.name.startswith("lesson_") else everything(file))
        if name.startswith(f"{ROOT.name}.")
        and name.split(".")[1] not in MAY_IMPORT[folder] | {folder}
        and (file.relative_to(ROOT).as_posix(), name.split(".")[1]) not in COMPATIBLE
    ]
    assert not wrong


def test_no_circle():
    """No two modules need each other, not even through others."""
    try:
        TopologicalSorter(arrows()).prepare()
    except CycleError as error:
        raise AssertionError(" → ".join(error.args[1])) from None


def test_every_stage_says_what_it_is_for():
    """The first lines of a stage say what it is for, which lessons use it, and what it may import."""
    for stage in ("notebook", "data", "model", "develop", "serve", "operate"):
        text = ast.get_docstring(ast.parse((ROOT / stage / "__init__.py").read_text(encoding="utf-8"))) or ""
        assert "Used by" in text, stage
        assert "Import" in text, stage


def test_heavy_packages_are_imported_where_they_are_used():
    """No module imports a heavy package at its top."""
    wrong = [
        f"{file.relative_to(ROOT)} imports {name} at its top; move it into the functions that need it"
        for _, file in sources()
        for name in sorted({name.partition(".")[0] for name in at_once(file)} & HEAVY)
    ]
    assert not wrong


def test_importing_the_whole_course_stays_light():
    """A notebook that imports every module has loaded none of the heavy packages, not even through others."""
    # Processes of the cluster import clipper_admin, which notebooks load when they connect.
    modules = sorted(name_of(file) for _, file in sources() if "clipper" not in file.parts)
    code = f"import sys, {', '.join(modules)}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert loaded == []
