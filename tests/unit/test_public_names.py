"""The names that course_utils offers: listed, described for readers, and tested."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import course_utils

ROOT = Path(course_utils.__file__).parent
TESTS = Path(__file__).parent.parent
#: The tree of the course's errors.
ERRORS = {"CourseError", "DataError", "UsageError", "ModelError", "ClaimError"}
#: Graders are found by the number of their exercise, and tested by it: nobody imports their names.
GRADERS = re.compile(r"lesson_\d\d\.py")
#: Code that lies among the tables is data: its folders cannot be imported.
FILES = sorted(
    file
    for file in ROOT.rglob("*.py")
    if all(part.isidentifier() for part in file.relative_to(ROOT).with_suffix("").parts)
    and not GRADERS.fullmatch(file.name)
    and file != ROOT / "__init__.py"
)
Function = ast.FunctionDef | ast.AsyncFunctionDef


def label(file: Path) -> str:
    """Name a module as it is imported."""
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def where_tested(file: Path) -> list[Path]:
    """Return where the tests of a module may be: in a file of its own, or in that of its package."""
    stage, *rest = label(file).split(".")
    if not rest or stage in ("exercises", "tables"):
        folder = TESTS / "exercises" if stage == "exercises" else TESTS / "unit"
        return [folder / f"test_{part}.py" for part in dict.fromkeys((*rest[-1:], stage))]
    return [TESTS / "unit" / stage / f"test_{part}.py" for part in dict.fromkeys((rest[-1], rest[0]))]


MODULES = pytest.mark.parametrize("file", FILES, ids=label)


@cache
def tree(file: Path) -> ast.Module:
    """Return the parsed module."""
    return ast.parse(file.read_text(encoding="utf-8"))


def is_public(name: str) -> bool:
    """Say whether a name is meant for others."""
    return not name.startswith("_")


def defined(file: Path) -> dict[str, ast.stmt]:
    """Return the public names that a module defines itself: functions, classes and constants."""
    found: dict[str, ast.stmt] = {}
    for node in tree(file).body:
        if isinstance(node, Function | ast.ClassDef):
            found[node.name] = node
        elif isinstance(node, ast.Assign):
            found |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = node
    return {name: node for name, node in found.items() if is_public(name)}


def imported(file: Path) -> set[str]:
    """Return the public names that a module takes from others of the course."""
    froms = [node for node in tree(file).body if isinstance(node, ast.ImportFrom)]
    names = {
        alias.asname or alias.name
        for node in froms
        if (node.module or "").startswith("course_utils")
        for alias in node.names
    }
    return {name for name in names if is_public(name)}


def listed(file: Path) -> list[str] | None:
    """Return `__all__` as it is written."""
    for node in tree(file).body:
        if isinstance(node, ast.Assign) and any(
            isinstance(name, ast.Name) and name.id == "__all__" for name in node.targets
        ):
            return ast.literal_eval(node.value)
    return None


def described(file: Path) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef]]:
    """Yield the public functions and classes of a module, and the public methods and properties of the latter."""
    for name, node in defined(file).items():
        if isinstance(node, Function | ast.ClassDef):
            yield name, node
        if isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, Function) and is_public(inner.name):
                    yield f"{name}.{inner.name}", inner


def parameters(node: ast.FunctionDef) -> list[ast.arg]:
    """Return the parameters of a function, without the object or class that a method belongs to."""
    given = node.args
    rest = [one for one in (given.vararg, given.kwarg) if one is not None]
    return [
        one for one in (*given.posonlyargs, *given.args, *given.kwonlyargs, *rest) if one.arg not in ("self", "cls")
    ]


def section(docstring: str, title: str) -> set[str]:
    """Return the names that a numpydoc section describes."""
    match = re.search(rf"^{title}\n-+\n(.*?)(?=^\S[^\n]*\n-+$|\Z)", docstring, re.MULTILINE | re.DOTALL)
    if match is None:
        return set()
    heads = re.findall(r"^(\S[^:\n]*)", match[1], re.MULTILINE)
    return {name.strip().lstrip("*") for head in heads for name in head.split(",")}


def raised(file: Path, node: ast.AST, seen: frozenset[str] = frozenset()) -> set[str]:
    """Return the course's errors that a function raises, itself or in private helpers of its module."""
    private = {
        inner.name: inner
        for inner in ast.walk(tree(file))
        if isinstance(inner, Function) and not is_public(inner.name) and not inner.name.startswith("__")
    }
    found: set[str] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Raise) and part.exc is not None:
            found |= {name.id for name in ast.walk(part.exc) if isinstance(name, ast.Name)} & ERRORS
        elif isinstance(part, ast.Call):
            name = getattr(part.func, "id", getattr(part.func, "attr", None))
            if name in private and name not in seen:
                found |= raised(file, private[name], seen | {name})
    return found


@MODULES
def test_all_lists_what_the_module_offers(file: Path):
    """`__all__` has every public name once: a package's has what it gathers, a module of private functions has none."""
    names = listed(file)
    private = any(isinstance(node, Function) and not is_public(node.name) for node in tree(file).body)
    gathers = imported(file) and (not private or file.name == "__init__.py")
    if not defined(file) and not gathers:
        assert names is None, f"{label(file)} offers nothing"
        return
    assert names is not None, f"write __all__ = {sorted(defined(file))} below the imports of {label(file)}"
    assert len(names) == len(set(names))
    wanted = set(defined(file)) or imported(file)
    assert set(names) == wanted


@MODULES
def test_what_is_offered_is_described(file: Path):
    """Each public function, class and method says in a sentence what it does, and what each parameter is."""
    faults = []
    for name, node in described(file):
        docstring = ast.get_docstring(node) or ""
        summary = docstring.partition("\n\n")[0]
        if not summary.endswith((".", "?")):
            faults.append(f"{name} has no summary that ends with a full stop")
        if isinstance(node, Function):
            told = section(docstring, "Parameters")
            wanted = {one.arg for one in parameters(node)}
            if not told and all(f"`{one}`" in docstring for one in wanted):
                told = wanted  # where the signature says it all, the text may name them, without a section
            faults += [f"{name} does not describe {one}" for one in sorted(wanted - told)]
            faults += [f"{name} describes {one}, which it does not take" for one in sorted(told - wanted)]
    assert not faults


#: A shorter entry says hardly more than the name; shape, unit, default or limits take this many words.
LEAST_WORDS = 5


def entries(docstring: str) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a numpydoc section with their descriptions."""
    match = re.search(r"^Parameters\n-+\n(.*?)(?=^\S[^\n]*\n-+$|\Z)", docstring, re.MULTILINE | re.DOTALL)
    for head, body in re.findall(r"^(\S[^\n]*)\n((?:[ \t]+[^\n]*\n?|\n)*)", match[1] if match else "", re.MULTILINE):
        yield head, " ".join(body.split())


@MODULES
def test_what_is_described_is_worth_reading(file: Path):
    """A parameter's entry says shape, unit, default or limits, or points to where that is said."""
    faults = []
    for name, node in described(file):
        for head, body in entries(ast.get_docstring(node) or ""):
            points = re.match(r"As (for|from|of|in|by|returned by) `", body) or "{" in head
            if len(body.split()) < LEAST_WORDS and not points:
                faults.append(f"{name}, {head}: {body or 'no description'}")
    assert not faults, "say more, or name the parameters in `backticks` in the text and drop the section"


@MODULES
def test_errors_are_announced(file: Path):
    """A function that raises an error of the course says so under 'Raises'."""
    faults = []
    for name, node in described(file):
        if isinstance(node, Function):
            quiet = raised(file, node) - section(ast.get_docstring(node) or "", "Raises")
            faults += [f"{name} does not announce {error}" for error in sorted(quiet)]
    assert not faults


@MODULES
def test_types_are_told(file: Path):
    """Every parameter and every result of what is offered has its type."""
    faults = []
    for name, node in described(file):
        if isinstance(node, Function):
            faults += [f"{name}: {one.arg} has no type" for one in parameters(node) if one.annotation is None]
            if node.returns is None:
                faults.append(f"{name} does not say what it returns")
    assert not faults


@MODULES
def test_what_is_offered_is_tested(file: Path):
    """Each public function and class is used in its module's test file; constants are tested with what uses them."""
    if not defined(file):
        pytest.skip("gathers what other modules define")
    there = [tests for tests in where_tested(file) if tests.is_file()]
    assert there, f"write {where_tested(file)[0].name}"
    words = {word for tests in there for word in re.findall(r"\w+", tests.read_text(encoding="utf-8"))}
    untested = [
        name for name, node in defined(file).items() if isinstance(node, Function | ast.ClassDef) and name not in words
    ]
    assert not untested
