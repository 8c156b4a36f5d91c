"""What stands between a change and the learners: `course check`, `course test` and its nightly part."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from authoring import outcomes, patience, processes, run, surroundings
from course_utils import tables
from course_utils.errors import CourseError
from course_utils.wording import counted

#: Where committed notebooks lie.
NOTEBOOKS = ("notebooks", "solutions")
#: What is checked for spelling; `[tool.codespell]` in pyproject.toml says which words are meant.
SPELLED = (
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "authoring",
    "benchmarks",
    "course_utils",
    "deploy",
    "lessons",
    "tests",
)
#: Times that the nightly run compares each notebook with its committed outputs.
REPEATS = 5
#: Examples of the property test of features at night, and in the author's loop; `make test` leaves it its default.
EXAMPLES, FEW_EXAMPLES = 5000, 50
#: With this `benchmarks/serving.py --check` says that something became slower.
SLOWER = 3


def notebook_folders(root: Path = surroundings.ROOT) -> list[str]:
    """Return those of `NOTEBOOKS` that hold any."""
    return [name for name in NOTEBOOKS if _notebooks(name, root)]


def _notebooks(folder: str, root: Path = surroundings.ROOT) -> list[Path]:
    return sorted((root / folder).glob("*.ipynb"))


def pytest_command(
    targets: Sequence[str], *, junit: Path | None = None, workers: int = 2, options: Sequence[str] = ()
) -> list[str]:
    """Return the command line that tests `targets`, notebooks among them.

    Each file stays on one worker, so that a notebook has one kernel; files go in the order in which they are collected,
    fast ones first (see ``tests/conftest.py``). A cell or kernel that hangs is ended; how long that takes to notice
    depends on the machine (see `authoring.patience`).
    """
    command = [sys.executable, "-m", "pytest", "-p", "authoring.verify", "-rs", "--color=auto"]
    command += ["--nbval", "--nbval-current-env", f"--nbval-cell-timeout={patience.whole_seconds(patience.CELL)}"]
    command += [f"--nbval-kernel-startup-timeout={patience.whole_seconds(patience.KERNEL)}"]
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
        Tests marked so as well and the property test at length; then, unless a path is named, `determinism` in the
        place of the one run of each notebook, and the other data sets. A summary says what came of each part.

    Returns
    -------
    int
        0 if all is well.
    """
    named = any(not option.startswith("-") and Path(option.partition("::")[0]).exists() for option in options)
    junit = _runs() / "tests.xml"
    if not nightly:
        targets = [] if named else ["tests", *notebook_folders()]
        return _call(pytest_command(targets, junit=junit, options=options))
    junit.unlink(missing_ok=True)  # the summary must not read an old one
    marks = ["-m", "nightly or not nightly", *options]
    code = _call(pytest_command([] if named else ["tests"], junit=junit, options=marks), COURSE_EXAMPLES=str(EXAMPLES))
    parts = [Part("tests, nightly ones among them", code, f"{_counted(junit)}; {EXAMPLES:,} examples of features")]
    if not named:
        parts.append(determinism(REPEATS))
        parts += [_other_dataset(name, folder) for name in tables.DATASETS[1:] for folder in notebook_folders()]
        parts.append(blind_claims())
        parts.append(serving_speed())
    _summarise(parts)
    return max(part.code for part in parts)


@dataclass(frozen=True)
class Part:
    """What came of one part of the nightly run.

    Attributes
    ----------
    name : str
        What was done.
    code : int
        0 if nothing failed.
    detail : str
        What came of it, or why it was skipped.
    skipped : bool
        Whether nothing was done at all.
    """

    name: str
    code: int
    detail: str
    skipped: bool = False

    @property
    def state(self) -> str:
        """'passed', 'failed' or 'skipped'."""
        return "skipped" if self.skipped else "failed" if self.code else "passed"


def _counted(junit: Path) -> str:
    """Say how many tests passed, failed and were skipped."""
    if not junit.is_file():
        return "no report"
    suites = list(ElementTree.parse(junit).iter("testsuite"))
    total, bad, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites for name in names)
        for names in (("tests",), ("failures", "errors"), ("skipped",))
    )
    return f"{total - bad - skipped:,} passed, {bad:,} failed, {skipped:,} skipped"


def blind_claims() -> Part:
    """Run every lesson with spoilt data and models, and name the claims that do not notice: shown, to be tightened.

    Returns
    -------
    Part
        Failed only where no claim about data was reached.
    """
    from authoring import perturb

    claims = []
    for found in perturb.perturb(perturb.solutions(())):
        print("\n".join(perturb.told(found)), flush=True)
        claims += [claim for claim in found if claim.about_data]
    blind = sum(claim.never_fails for claim in claims)
    return Part(
        "claims with spoilt data",
        0 if claims else 1,
        f"{blind} of {counted(len(claims), 'claim')} about data never fail",
    )


def serving_speed() -> Part:
    """Compare the speed of serving, next to its peers, with what was kept: shown, for a busy machine is no fault.

    Returns
    -------
    Part
        Failed only where the benchmark could not be run to its end.
    """
    code = _call([sys.executable, str(surroundings.ROOT / "benchmarks" / "serving.py"), "--check"])
    says = {0: "no ratio fell by more than 15%", SLOWER: "a ratio fell by more than 15%: see above, measure again"}
    return Part("speed of serving", 0 if code in says else 1, says.get(code, "the benchmark did not run"))


def _summarise(parts: Sequence[Part]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("part", "result", "detail", title="The nightly run")
    for part in parts:
        table.add_row(part.name, part.state, part.detail)
    Console().print(table)


def determinism(repeats: int) -> Part:
    """Compare every notebook with its committed outputs, `repeats` times, and print a table.

    Returns
    -------
    Part
        Passed if there are notebooks, each was compared each time, and no cell ever differed.
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
    wanted = {f"{folder}.{path.stem}" for folder in notebook_folders() for path in _notebooks(folder)}
    same = {name for name, results in differing.items() if results == ["same"] * repeats}
    detail = f"{len(wanted & same)} of {counted(len(wanted), 'notebook')} gave the same each time"
    return Part(f"every notebook {counted(repeats, 'time')}", 0 if wanted and wanted <= same else 1, detail)


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
    """Look at what an author gets wrong most often, in a minute or two: style, lessons, what is generated, fast tests.

    Tests marked slow, nightly or browser are left out, and the property test of features tries few examples.

    Returns
    -------
    int
        0 if all is well.
    """
    from authoring import build, generate, prose, structure

    ruff = [sys.executable, "-m", "ruff"]
    codes = [_call([*ruff, "check"]), _call([*ruff, "format", "--check", "--quiet"])]
    codes.append(_call([sys.executable, "-m", "codespell_lib", *SPELLED]))
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
    marks = "not slow and not nightly and not browser"
    codes.append(_call([*fast, "-m", marks, "tests"], COURSE_EXAMPLES=str(FEW_EXAMPLES)))
    return max(*codes, 1 if problems else 0)


def _other_dataset(name: str, folder: str) -> Part:
    """Run the lessons of a folder on another data set where its file is on this machine."""
    from course_utils.data import datasets

    part = f"{folder}/ on {name}"
    if not datasets.is_available(name):
        return Part(part, 0, "its file is not on this machine: fetch it as data/README.md says", skipped=True)
    try:
        datasets.load_flights(name)
        results = run.run(run.choose([], surroundings.ROOT / folder), _runs() / f"{folder}-{name}", dataset=name)
    except CourseError as error:  # the file is there and is not the published one, say
        return Part(part, 1, str(error))
    states = Counter(outcome.state for outcome in results)
    detail = ", ".join(f"{states[state]} {state}" for state in ("passed", "failed", "skipped") if states[state])
    return Part(part, int(outcomes.failed(results) or not states["passed"]), detail)


def _runs() -> Path:
    folder = surroundings.ROOT / "runs"
    folder.mkdir(exist_ok=True)
    return folder


def _call(command: Sequence[str], **variables: str) -> int:
    environment = {**surroundings.headless(), "COLUMNS": os.environ.get("COLUMNS", "120"), **variables}
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):  # a test that calls make is not part of `make test`
        environment.pop(name, None)
    return processes.foreground(command, cwd=surroundings.ROOT, env=environment)
