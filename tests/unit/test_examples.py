"""Examples in docstrings run as they are written, and every function that a lesson calls has one."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

import course_utils
from course_utils import tables
from course_utils.data import datasets

ROOT = Path(course_utils.__file__).parent
LESSONS = sorted((ROOT.parent / "lessons").glob("[0-9][0-9]_*.py"))
#: What needs a running cluster, server or repository: its lesson shows it at work, and its module's tests try it.
NEEDS_MORE = {f"{stage}.{name}" for stage, functions in tables.read_toml("examples.toml").items() for name in functions}


def modules() -> Iterator[str]:
    """Yield the dotted name of each module below course_utils that a notebook may import."""
    for file in sorted(ROOT.rglob("*.py")):
        parts = file.relative_to(ROOT.parent).with_suffix("").parts
        if all(part.isidentifier() for part in parts) and "exercises" not in parts:
            yield ".".join(part for part in parts if part != "__init__")


@cache
def flights() -> pd.DataFrame:
    """Return the flights of the first days of January: what examples call `flights`."""
    return datasets.load_flights().head(3000)


def names(module: ModuleType, text: str) -> dict[str, object]:
    """Return what an example may use without saying where it is from: as in a lesson whose first cell was run."""
    *_, stage, own = module.__name__.split(".")
    package = importlib.import_module(module.__name__.rpartition(".")[0])
    found = {"np": np, "pd": pd, own: module, stage: package}
    return found | ({"flights": flights().copy()} if "flights" in text else {})


@pytest.mark.parametrize("name", [*modules()])
def test_examples_give_what_they_show(name: str):
    """I can copy an example into a notebook, and it prints what the docstring says."""
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    for test in doctest.DocTestFinder(exclude_empty=True).find(module):
        if test.examples:
            test.globs.update(names(module, test.docstring or ""))
            assert runner.run(test).failed == 0, test.name


def called() -> set[tuple[str, str]]:
    """Return module and name of each function that a lesson calls through a module of the course."""
    found = set()
    for lesson in LESSONS:
        tree = ast.parse(lesson.read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
        aliases = {
            alias.name: f"{node.module}.{alias.name}"
            for node in imports
            if node.module.startswith("course_utils")
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                base = node.func.value
                if isinstance(base, ast.Name) and base.id in aliases:
                    found.add((aliases[base.id], node.func.attr))
    return found


@pytest.mark.parametrize(("module", "function"), [pytest.param(*pair, id=".".join(pair)) for pair in sorted(called())])
def test_what_a_lesson_calls_has_an_example(module: str, function: str):
    """`help(function)` ends with a call that I can try, unless it needs more than a notebook's cell."""
    short = f"{module.removeprefix('course_utils.')}.{function}"
    text = inspect.getdoc(getattr(importlib.import_module(module), function)) or ""
    if short in NEEDS_MORE:
        assert ">>>" not in text, f"{short} has an example: take it out of examples.toml"
    else:
        assert ">>>" in text, f"write a short example for {short}, or say in examples.toml what it needs"
