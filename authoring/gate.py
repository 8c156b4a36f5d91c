"""What stands between a change and the learners: `course check`, `course test` and its nightly part."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from authoring import processes, run, surroundings
from course_utils import tables
from course_utils.errors import CourseError

#: Where committed notebooks lie.
NOTEBOOKS = ("notebooks", "solutions")
#: Times that the nightly run compares each notebook with its committed outputs.
REPEATS = 5


def notebook_folders(root: Path = surroundings.ROOT) -> list[str]:
    """Return those of `NOTEBOOKS` that hold any."""
    return [name for name in NOTEBOOKS if any((root / name).glob("*.ipynb"))]


def pytest_command(
    targets: Sequence[str], *, junit: Path | None = None, workers: int = 2, options: Sequence[str] = ()
) -> list[str]:
    """Return the command line that tests `targets`, notebooks among them.

    Each file stays on one worker, so that a notebook has one kernel; files go in the order in which they are collected,
    fast ones first (see ``tests/conftest.py``).
    """
    command = [sys.executable, "-m", "pytest", "-p", "authoring.verify", "-rs", "--color=auto"]
    command += ["--nbval", "--nbval-current-env", "--nbval-cell-timeout=100"]
    command += ["--nbval-sanitize-with", str(surroundings.ROOT / "tests" / "nbval_sanitize.cfg")]
    command += ["-n", str(workers), "--dist", "loadfile", "--no-loadscope-reorder"]
    if junit:
        command.append(f"--junitxml={junit}")
    return [*command, *options, *targets]


def test(options: Sequence[str] = (), *, nightly: bool = False) -> int:
    """Run every test, and every committed notebook once.

    Parameters
    ----------
    options : sequence of str
        For pytest; a path among them replaces the default of everything.
    nightly : bool
        Tests marked so as well, then `determinism` and the other data sets.

    Returns
    -------
    int
        0 if all is well.
    """
    named = any(not option.startswith("-") and Path(option.partition("::")[0]).exists() for option in options)
    targets = [] if named else ["tests", *notebook_folders()]
    marks = ["-m", "nightly or not nightly"] if nightly else []
    code = _call(pytest_command(targets, junit=_runs() / "tests.xml", options=[*marks, *options]))
    if not nightly:
        return code
    codes = [code, determinism(REPEATS)]
    codes += [_other_dataset(name) for name in tables.DATASETS[1:]]
    return max(codes)


def determinism(repeats: int) -> int:
    """Compare every notebook with its committed outputs, `repeats` times, and print a table.

    Returns
    -------
    int
        0 if no cell ever differed.
    """
    from rich.console import Console
    from rich.table import Table

    differing: dict[str, list[str]] = {}
    for number in range(1, repeats + 1):
        junit = _runs() / f"determinism-{number}.xml"
        junit.unlink(missing_ok=True)
        _call(pytest_command(notebook_folders(), junit=junit))
        for name, cells in failures(junit).items():
            differing.setdefault(name, [""] * (number - 1)).append(", ".join(cells) or "same")
    table = Table("notebook", *(f"run {number}" for number in range(1, repeats + 1)), title="Compared with its outputs")
    for name, results in sorted(differing.items()):
        table.add_row(name, *results)
    Console().print(table)
    complete = bool(differing) and all(results == ["same"] * repeats for results in differing.values())
    return 0 if complete else 1


def failures(junit: Path) -> dict[str, list[str]]:
    """Read from pytest's JUnit file which cells failed, by notebook; notebooks without a failure have an empty list."""
    found: dict[str, list[str]] = {}
    if not junit.is_file():
        return found
    for case in ElementTree.parse(junit).iter("testcase"):
        bad = case.find("failure") is not None or case.find("error") is not None
        found.setdefault(case.get("classname", "").replace(".ipynb", ""), []).extend([case.get("name", "")] * bad)
    return found


def check() -> int:
    """Look at what an author gets wrong most often, in under a minute: style, lessons, what is generated, unit tests.

    Returns
    -------
    int
        0 if all is well.
    """
    from authoring import build, generate, prose, structure

    ruff = [sys.executable, "-m", "ruff"]
    codes = [_call([*ruff, "check"]), _call([*ruff, "format", "--check", "--quiet"])]
    problems: list[str] = []
    for lesson in sorted((surroundings.ROOT / "lessons").glob("[0-9][0-9]_*.py")):
        problems += [*structure.problems(lesson), *prose.problems(lesson)]
    for stale in (lambda: build.build(check=True), lambda: generate.generate(check=True)):
        try:
            problems += stale()
        except CourseError as error:
            problems.append(str(error))
    for problem in problems:
        print(problem)
    fast = [sys.executable, "-m", "pytest", "-rs", "-n", "2", "--dist", "loadfile"]
    codes.append(_call([*fast, "-m", "not slow and not nightly and not browser", "tests"]))
    return max(*codes, 1 if problems else 0)


def _other_dataset(name: str) -> int:
    from course_utils import datasets

    try:
        datasets.load_flights(name)
    except CourseError as error:
        print(f"Lessons on {name}: not run. {error}")
        return 0
    folder = surroundings.ROOT / NOTEBOOKS[0]
    return int(run.failed(run.run(run.choose([], folder), _runs() / f"notebooks-{name}", dataset=name)))


def _runs() -> Path:
    folder = surroundings.ROOT / "runs"
    folder.mkdir(exist_ok=True)
    return folder


def _call(command: Sequence[str]) -> int:
    environment = {**surroundings.headless(), "COLUMNS": os.environ.get("COLUMNS", "120")}
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):  # a test that calls make is not part of `make test`
        environment.pop(name, None)
    return processes.foreground(command, cwd=surroundings.ROOT, env=environment)
