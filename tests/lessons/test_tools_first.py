"""A lesson about a tool uses the tool itself, and ends with the same commands and calls as they are typed at work."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import sysconfig
from collections import Counter
from pathlib import Path

import pytest

from authoring import build, lessons, patience
from course_utils import tables
from course_utils.data import datasets

TOOLS = {row["number"]: row["tools"] for row in tables.curriculum() if row.get("tools")}
SOURCES = {path.stem[:2]: path for path in lessons.sources(build.ROOT)}
#: Of the calls in a lesson's core route, what neither teaches a tool nor wraps one.
ASIDE = {"claim", "check", "quiz", "show_error", "show_source", "show_table", "open_terminal", "plots", "tables"}
#: Of all other calls, at least this share goes to the tools themselves.
SHARE = 0.5
#: A Python that cannot import the course: at work it is not there.
GUARD = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] in ('course_utils', 'authoring'):
            raise ImportError(f'{name} is not there at work')
sys.meta_path.insert(0, Absent())
"""
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def core(number: str) -> list[lessons.Cell]:
    """Return the cells of a lesson's core route that a learner sees."""
    lesson = lessons.read(SOURCES[number])
    return [cell for section in lesson.sections if not section.further for cell in section.cells if cell.learner]


class Calls(ast.NodeVisitor):
    """Count calls by where what is called comes from: followed through imports and assignments."""

    def __init__(self) -> None:
        self.origin: dict[str, str] = {}
        self.counts: Counter[str] = Counter()

    def root(self, node: ast.AST) -> str:
        """Return the package, or the course's function, that a name, attribute or call goes back to."""
        while isinstance(node, ast.Attribute | ast.Call | ast.Subscript | ast.Await):
            node = node.func if isinstance(node, ast.Call) else node.value
        return self.origin.get(node.id, "") if isinstance(node, ast.Name) else ""

    def visit_Import(self, node: ast.Import) -> None:
        """Note which package a name is."""
        for alias in node.names:
            self.origin[alias.asname or alias.name.partition(".")[0]] = alias.name.partition(".")[0]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Note which package a name is from, and what is set aside."""
        package = (node.module or "").partition(".")[0]
        for alias in node.names:
            aside = package == "course_utils" and alias.name in ASIDE
            self.origin[alias.asname or alias.name] = "aside" if aside else package

    def visit_Assign(self, node: ast.Assign) -> None:
        """Give each bound name the origin of its value."""
        self.visit(node.value)
        for target in node.targets:
            for name in ast.walk(target):
                if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store):
                    self.origin[name.id] = self.root(node.value)

    def visit_With(self, node: ast.With) -> None:
        """Give what a context manager returns the origin of the manager."""
        for item in node.items:
            if isinstance(item.optional_vars, ast.Name):
                self.origin[item.optional_vars.id] = self.root(item.context_expr)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        """Count a call at its origin."""
        origin = self.root(node.func)
        if isinstance(node.func, ast.Attribute) and node.func.attr in ("run", "output") and self.is_terminal(node.func):
            self.counts["a typed command"] += 1
        elif isinstance(node.func, ast.Attribute) and self.is_terminal(node.func):
            pass  # cd, export, write, show: what an editor or a shell does
        elif origin:
            self.counts[origin] += 1
        self.generic_visit(node)

    def is_terminal(self, node: ast.Attribute) -> bool:
        """Say whether a method is the terminal's."""
        return isinstance(node.value, ast.Name) and node.value.id == "terminal"


def counted(number: str) -> Counter[str]:
    """Count the calls that a learner reads in the core route of a lesson, by package."""
    calls = Calls()
    for cell in core(number):
        if cell.is_code:
            tree = ast.parse(cell.solved or "")
            if {"claim", "figure", "check"} & set(cell.tags):
                before = calls.counts.copy()
                calls.visit(tree)
                calls.counts = before  # names stay known, calls do not count
            else:
                calls.visit(tree)
    return calls.counts


@pytest.mark.parametrize("number", TOOLS)
def test_half_of_the_calls_go_to_the_tools(number: str) -> None:
    """What I type in a lesson about a tool is what I will type at work."""
    counts = counted(number)
    theirs = counts["a typed command"] + sum(counts[tool] for tool in TOOLS[number])
    course = counts["course_utils"]
    assert theirs >= SHARE * (theirs + course), f"{theirs} calls of {TOOLS[number]}, {course} of course_utils: {counts}"


@pytest.mark.parametrize("number", TOOLS)
def test_a_lesson_about_a_tool_ends_with_the_same_at_work(number: str) -> None:
    """Before the recap I find the lesson's commands and calls without the course around them."""
    titles = [cell.heading[1] for cell in core(number) if cell.heading]
    assert "The same at work" in titles
    [cell] = [cell for cell in core(number) if "at-work" in cell.tags]
    assert BLOCK.search(cell.source)
    assert "course_utils" not in cell.source


@pytest.mark.slow
@pytest.mark.parametrize("number", TOOLS)
def test_the_same_at_work_runs_in_an_empty_folder(number: str, tmp_path: Path) -> None:
    """Typed outside the course, beside a table of my own, every command and call works, without `course_utils`."""
    [cell] = [cell for cell in core(number) if "at-work" in cell.tags]
    work, home, guard = tmp_path / "work", tmp_path / "home", tmp_path / "guard"
    for folder in (work, home, guard):
        folder.mkdir()
    (guard / "sitecustomize.py").write_text(GUARD)
    (home / ".gitconfig").write_text(
        "[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n"
    )
    datasets.load_flights().iloc[::100].to_csv(work / "flights.csv", index=False)
    quiet = tables.read_toml("quiet.toml")["environment"]
    environment = {
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]),
        "HOME": str(home),
        "PYTHONPATH": str(guard),
        "MPLBACKEND": "agg",
        "LC_ALL": "C.UTF-8",
        **quiet,
    }
    script = ["set -eu"]
    for place, (kind, text) in enumerate(BLOCK.findall(cell.source)):
        if kind == "python":
            (work / f"block_{place}.py").write_text(text)
            script.append(f"{sys.executable} block_{place}.py")
        else:
            script.append(text)
    with subprocess.Popen(
        ["bash", "-c", "\n".join(script)],
        cwd=work,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=patience.whole_seconds(patience.CELL))
        finally:
            # What the blocks started in the background and did not stop ends here.
            subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)
    assert process.returncode == 0, said[-3000:]
