"""The deck's best practices as automatic checks, the ML Test Score of the course's model, and the rules of ML.

`checklist` only reads files of the course's repository: it runs no lesson and no test, needs no ``.git``, and has the
same result on every machine. `ml_test_score` scores the course's own model; a lesson counts when ``curriculum.toml``
says that it is written.
"""

from __future__ import annotations

import ast
import fnmatch
import json
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils import tables
from course_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "CHECKS",
    "PASSED",
    "Repository",
    "baseline_comes_first",
    "blank_score_sheet",
    "changes_meet_a_gate",
    "checklist",
    "columns_are_known",
    "data_are_pinned",
    "inputs_are_watched",
    "ml_test_score",
    "modules_have_tests",
    "packages_are_pinned",
    "predictions_have_reasons",
    "repository",
    "results_come_from_one_run",
    "rule_cards",
    "rule_categories",
    "rules_of_ml",
    "score_meaning",
    "section_scores",
    "worth_is_stated",
]

PASSED = "✓"
_NAME = "deploying-ml-models"
_SHA256 = re.compile(r"[0-9a-f]{64}")


# --------------------------------------------------------------------------- the repository


@dataclass(frozen=True)
class Repository:
    """The files of the course's repository, read and never changed.

    Attributes
    ----------
    root : Path
        The folder that holds ``pyproject.toml``.
    without : tuple of str
        Patterns of files that are treated as missing, such as ``uv.lock``.
    """

    root: Path
    without: tuple[str, ...] = ()

    def files(self, pattern: str) -> list[str]:
        """Return the files that match a `pattern` such as ``tests/unit/test_*.py``, in alphabetical order."""
        found = (path.relative_to(self.root).as_posix() for path in self.root.glob(pattern) if path.is_file())
        return sorted(name for name in found if not self._hidden(name))

    def has(self, name: str) -> bool:
        """Return whether the file `name` exists."""
        return not self._hidden(name) and (self.root / name).is_file()

    def read(self, name: str) -> str:
        """Return the text of the file `name`, or '' if it is missing."""
        return (self.root / name).read_text(encoding="utf-8") if self.has(name) else ""

    def table(self, name: str) -> dict[str, Any]:
        """Return the content of the TOML file `name`, or {} if it is missing or cannot be read."""
        try:
            return tomllib.loads(self.read(name))
        except tomllib.TOMLDecodeError:
            return {}

    def _hidden(self, name: str) -> bool:
        return any(fnmatch.fnmatch(name, pattern) for pattern in self.without)


def repository(*, without: str | Sequence[str] = ()) -> Repository:
    """Return the course's repository, found beside the course's code, in the working folder or in a folder above it.

    Parameters
    ----------
    without : str or sequence of str
        Patterns of files to treat as missing, such as ``uv.lock`` or ``tests/unit/*``. Default: none.

    Raises
    ------
    UsageError
        The repository was not found, or a pattern of `without` matches no file.

    Examples
    --------
    >>> checklist.repository(without="uv.lock").has("uv.lock")
    False
    """
    here = Path.cwd()
    for folder in (tables.checkout(), here, *here.parents):
        if _is_course(folder):
            break
    else:
        raise UsageError(
            "the course's repository was not found",
            fix="open the lesson inside the repository, as with `make lab`",
        )
    patterns = (without,) if isinstance(without, str) else tuple(without)
    # A misspelt name would leave out nothing, and every check would still pass.
    for pattern in patterns:
        if not Repository(folder).files(pattern):
            raise UsageError(
                f"the repository has no file {pattern!r}",
                fix="pass a path or pattern within the repository, such as uv.lock",
            )
    return Repository(folder, patterns)


def _is_course(folder: Path) -> bool:
    try:
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return project.get("project", {}).get("name") == _NAME


# --------------------------------------------------------------------------- one check a practice
# Each takes the repository and returns what is wrong, or '' if nothing is.


def modules_have_tests(course: Repository) -> str:
    """Check that each module of the `course` has a test file with its name; return the first that has none."""
    files = course.files("course_utils/*/*.py") + course.files("course_utils/*/*/__init__.py")
    for file in files:
        stage, module = file.split("/")[1:3]
        name = module.removesuffix(".py")
        if stage not in ("exercises", "tables") and name != "__init__":
            tests = f"tests/unit/{stage}/test_{name}.py"
            if not course.has(tests):
                return f"{file} has no {tests}"
    return "" if files else "course_utils is empty"


def baseline_comes_first(course: Repository) -> str:
    """Check that lesson 12 of the `course` fits a table of rates before XGBoost."""
    lesson = "lessons/12_static_training.py"
    table, boosted = (_first_call(course.read(lesson), name) for name in ("train_rate_table", "train_xgboost"))
    return "" if table < boosted < float("inf") else f"{lesson} does not fit a table before XGBoost"


def columns_are_known(course: Repository) -> str:
    """Check that each column of the `course` has a meaning, a type and a known hour, and that loading validates."""
    file = "course_utils/tables/data/dictionary.csv"
    rows = _rows(course.read(file))
    for row in rows:
        known = row.get("known_hours_before") or row.get("event")  # weather is known when it is observed
        for field, value in (("meaning", row.get("meaning")), ("type", row.get("type")), ("hour when known", known)):
            if not value:
                return f"{file}: {row.get('column') or 'a column'} has no {field}"
    if not rows:
        return f"{file} is missing or empty"
    code = "course_utils/data/datasets"  # a module or a package
    sources = course.files(f"{code}.py") + course.files(f"{code}/*.py")
    validates = any(_first_call(course.read(source), "validate") < float("inf") for source in sources)
    return "" if validates else f"{code} does not validate"


def inputs_are_watched(course: Repository) -> str:
    """Check that the `course`'s input monitor has tests, and costs less beside the call than inside it."""
    tests, table = "tests/unit/operate/test_input_monitoring.py", "course_utils/tables/operate/benchmark_watching.csv"
    if not course.has(tests):
        return f"{tests} is missing"
    ratios = {row["watch"]: float(row["p99_ratio"]) for row in _rows(course.read(table))}
    if not {"inside", "beside"} <= ratios.keys():
        return f"{table} is missing or has no measurement"
    return "" if ratios["beside"] < ratios["inside"] else f"{table}: beside the call it does not cost less"


def data_are_pinned(course: Repository) -> str:
    """Check that each data source of the `course` has a SHA-256, and that Git ignores the data."""
    file = "course_utils/tables/data/checksums.csv"
    rows = _rows(course.read(file))
    if not rows:
        return f"{file} is missing or empty"
    for row in rows:
        if not _SHA256.fullmatch(row.get("sha256") or ""):
            return f"{file}: {row['file']} has no SHA-256"
    ignored = course.read(".gitignore").splitlines()
    open_to_git = [f"/data/{name}/" for name in ("raw", "processed") if f"/data/{name}/" not in ignored]
    return f".gitignore does not name {open_to_git[0]}" if open_to_git else ""


def packages_are_pinned(course: Repository) -> str:
    """Check that the `course`'s lock has each dependency, and a hash for each file."""
    project, lock = course.table("pyproject.toml"), course.table("uv.lock")
    if not lock:
        return "uv.lock is missing or cannot be read"
    groups = project.get("dependency-groups", {}).values()
    required = [*project.get("project", {}).get("dependencies", []), *(line for group in groups for line in group)]
    packages = {package["name"]: package for package in lock.get("package", [])}
    for line in required:
        # The part before the version, normalised as in the lock.
        name = re.split(r"[^\w.-]", line, maxsplit=1)[0].lower().replace("_", "-")
        if name not in packages:
            return f"uv.lock does not lock {name}"
    for package in packages.values():
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        if any(not file.get("hash", "").startswith("sha256:") for file in files):
            return f"uv.lock: a file of {package['name']} has no hash"
    return ""


def results_come_from_one_run(course: Repository) -> str:
    """Check that the outputs of each notebook in the `course` come from one run, in order and without an error."""
    files = [file for folder in ("notebooks", "solutions") for file in course.files(f"{folder}/[0-9][0-9]_*.ipynb")]
    for file in files:
        cells = _code_cells(course.read(file))
        # Cells that were skipped on purpose, such as those marked `live`, have no count.
        counts = [cell["execution_count"] for cell in cells if cell["execution_count"] is not None]
        if not counts:
            return f"{file} was never run"
        if counts != list(range(1, len(counts) + 1)):
            return f"{file}: its cells were not run in order"
        if any(output["output_type"] == "error" for cell in cells for output in cell["outputs"]):
            return f"{file} has an error"
    return "" if files else "no lesson was built"


def changes_meet_a_gate(course: Repository) -> str:
    """Check that each pull request of the `course` runs all tests."""
    workflow, gate = ".github/workflows/ci.yml", ".ci/run"
    text = course.read(workflow)
    if "pull_request" not in text or gate not in text:
        return f"{workflow} does not run {gate} on every pull request"
    return "" if "make test" in course.read(gate) else f"{gate} does not run the tests"


def predictions_have_reasons(course: Repository) -> str:
    """Check that reasons have tests, and that each figure in the `course` has an alternative text."""
    lesson, tests = "lessons/07_interpretability.py", "tests/unit/model/test_explain.py"
    for file in (lesson, tests):
        if not course.has(file):
            return f"{file} is missing"
    for file in course.files("notebooks/[0-9][0-9]_*.ipynb"):
        pages = [_html(output) for cell in _code_cells(course.read(file)) for output in cell["outputs"]]
        pictures = [picture for page in pages for picture in re.findall(r"<img\b[^>]*>", page)]
        if any(not re.search(r'\balt="[^"]+"', picture) for picture in pictures):
            return f"{file} has a figure without an alternative text"
    return ""


def worth_is_stated(course: Repository) -> str:
    """Check that each payoff of the `course` has all four outcomes, and that lessons about money claim dollars."""
    file = "course_utils/tables/model/payoffs.toml"
    payoffs = course.table(file)
    for name, payoff in payoffs.items():
        for cell in ("warned, late", "warned, on time", "not warned, late", "not warned, on time"):
            if not isinstance(payoff.get(cell), int | float):
                return f"{file}: {name} has no amount for '{cell}'"
    if not payoffs:
        return f"{file} is missing or empty"
    for number in _practice("dollars")["lessons"]:
        source = "".join(course.read(name) for name in course.files(f"lessons/{number}_*.py"))
        # From the call up to its unit, but not past a comment, which may contain any text.
        if not re.search(r"claim\((?:[^#]*?)unit=\"\$\"", source):
            return f"lesson {number} has no claim in dollars"
    return ""


#: The checks by the key of their practice.
CHECKS: dict[str, Callable[[Repository], str]] = {
    "template": modules_have_tests,
    "baseline": baseline_comes_first,
    "pipeline": columns_are_known,
    "inputs": inputs_are_watched,
    "data": data_are_pinned,
    "environment": packages_are_pinned,
    "results": results_come_from_one_run,
    "gate": changes_meet_a_gate,
    "reasons": predictions_have_reasons,
    "dollars": worth_is_stated,
}


def checklist(course: Repository | None = None) -> pd.DataFrame:
    """Check each of the deck's practices on the course's own repository.

    Parameters
    ----------
    course : Repository, optional
        The repository to check. Default: as from `repository`.

    Returns
    -------
    DataFrame, one row a practice
        'lesson' (where it is applied), 'checked' and 'verdict': `PASSED`, or what is wrong.

    Raises
    ------
    UsageError
        The repository was not found.

    Examples
    --------
    >>> without_lock = checklist.repository(without="uv.lock")
    >>> checklist.checklist(without_lock).loc["Pin packages like code", "verdict"]
    '✗ uv.lock is missing or cannot be read'
    """
    import pandas as pd

    course = repository() if course is None else course
    rows = []
    for practice in _practices():
        fault = CHECKS[practice["key"]](course)
        rows.append(
            {
                "practice": practice["practice"],
                "lesson": ", ".join(practice["lessons"]),
                "checked": practice["checked"],
                "verdict": f"✗ {fault}" if fault else PASSED,
            }
        )
    return pd.DataFrame(rows).set_index("practice")


def _practices() -> list[dict[str, Any]]:
    return tables.read_toml("practices.toml")["practice"]


def _practice(key: str) -> dict[str, Any]:
    return next(practice for practice in _practices() if practice["key"] == key)


def _rows(text: str) -> list[dict[str, str]]:
    import csv

    # The course's tables begin with comment lines: where the numbers are from.
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def _first_call(source: str, name: str) -> float:
    """Return the line of the first call of a function, or infinity if it is never called."""
    calls = (node for node in ast.walk(_parsed(source)) if isinstance(node, ast.Call))
    lines = [node.lineno for node in calls if getattr(node.func, "attr", getattr(node.func, "id", None)) == name]
    return min(lines, default=float("inf"))


@cache  # several checks search the same files
def _parsed(source: str) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.parse("")


def _code_cells(text: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(text or "{}").get("cells", []) if cell["cell_type"] == "code"]


def _html(output: Mapping[str, Any]) -> str:
    page = output.get("data", {}).get("text/html", "")
    return page if isinstance(page, str) else "".join(page)


# --------------------------------------------------------------------------- the ML Test Score


def ml_test_score(written: Sequence[str] | None = None) -> pd.DataFrame:
    """Return the 28 tests of the ML Test Score, with the points and the evidence of the course's own model.

    The paper scores a system in production. The course has none, so it earns nothing for tests that only a running
    system can pass, whatever its code could support.

    Parameters
    ----------
    written : sequence of str, optional
        Numbers of the lessons that count, such as ``["09", "10"]``. Default: those that are written.

    Returns
    -------
    DataFrame, one row a test by its key
        'section', 'ask', 'points' (0, 0.5 or 1, that the code could support), 'earned' (the same, but 0 where only a
        running system can earn them), 'lesson' (which has the evidence, or will) and 'evidence' (what it shows, or why
        there is none).

    Examples
    --------
    >>> len(checklist.ml_test_score()), float(checklist.ml_test_score(written=[])["points"].sum())
    (28, 0.0)
    """
    import pandas as pd

    if written is None:
        written = [lesson["number"] for lesson in tables.curriculum() if lesson["written"]]
    table = tables.read_toml("ml_test_score.toml")
    titles = {section["name"]: section["title"] for section in table["section"]}
    rows = {test["key"]: {"section": titles[test["section"]], "ask": test["ask"]} for test in table["test"]}
    for test in table["test"]:
        best = _best(test, written)
        earned = 0.0 if test.get("running") else best["points"]
        rows[test["key"]] |= {"points": best.pop("points"), "earned": earned} | best
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("test")


def _best(test: Mapping[str, Any], written: Sequence[str]) -> dict[str, Any]:
    """Return points, lesson and text of the best evidence of the written lessons, or why there is none."""
    counting = [one for one in test["evidence"] if one["lesson"] in written and one["points"]]
    if counting:
        best = max(counting, key=lambda one: one["points"])
        return {
            "points": float(best["points"]),
            "lesson": best["lesson"],
            "evidence": f"{best['says']} ({best['file'].partition('::')[0]})",
        }
    if test["evidence"]:
        lesson = test["evidence"][0]["lesson"]
        return {"points": 0.0, "lesson": lesson, "evidence": f"nothing before lesson {lesson} is written"}
    return {"points": 0.0, "lesson": "", "evidence": f"none: {test['none']}"}


def section_scores(points: Mapping[str, float] | pd.Series) -> pd.Series:
    """Add up the points of each section of the ML Test Score; the final score is the lowest of them.

    Parameters
    ----------
    points : mapping or Series of str to number
        0, 0.5 or 1 by the key of the test; a missing test counts as 0.

    Returns
    -------
    Series
        Points of each section, at most seven.

    Raises
    ------
    UsageError
        A key is not a test, or its points are not 0, 0.5 or 1.

    Examples
    --------
    >>> checklist.section_scores({"age": 0.5}).to_dict()
    {'Data and features': 0.0, 'Model development': 0.0, 'Infrastructure': 0.0, 'Monitoring': 0.5}
    """
    import pandas as pd

    table = tables.read_toml("ml_test_score.toml")
    place = {test["key"]: test["section"] for test in table["test"]}
    total = {section["name"]: 0.0 for section in table["section"]}
    for key, value in dict(points).items():
        if key not in place:
            raise UsageError(f"there is no test {key!r}", fix="use the names in checklist.blank_score_sheet()")
        if value not in (0, 0.5, 1):
            raise UsageError(f"{key} cannot have {value!r} points", fix="pass 0, 0.5 or 1")
        total[place[key]] += float(value)
    return pd.Series({section["title"]: total[section["name"]] for section in table["section"]}, name="points")


def score_meaning(score: float) -> str:
    """Return the meaning of a final ML Test Score, `score`, from 0 to 7.

    Raises
    ------
    UsageError
        The score is not between 0 and 7.

    Examples
    --------
    >>> checklist.score_meaning(0)
    'research, not yet a product'
    """
    for line in tables.read_toml("ml_test_score.toml")["reading"]:
        if 0 <= score <= line["most"]:
            return line["means"]
    raise UsageError(
        f"{score!r} is not an ML Test Score", fix="pass the lowest of the four section scores, from 0 to 7"
    )


def blank_score_sheet(section: str | None = None) -> pd.DataFrame:
    """Return the questions of the ML Test Score, by the key of the test.

    Parameters
    ----------
    section : {'data', 'model', 'infrastructure', 'monitoring'}, optional
        Only the questions of this section. Default: all of them.

    Raises
    ------
    UsageError
        There is no such section.

    Examples
    --------
    >>> len(checklist.blank_score_sheet("monitoring"))
    7
    """
    import pandas as pd

    table = tables.read_toml("ml_test_score.toml")
    names = [one["name"] for one in table["section"]]
    if section is not None and section not in names:
        raise UsageError(f"there is no section {section!r}", fix=f"choose from {', '.join(names)}")
    rows = {test["key"]: test["ask"] for test in table["test"] if section in (None, test["section"])}
    return pd.DataFrame({"ask of your project": rows}).rename_axis("test")


# --------------------------------------------------------------------------- rules of ML


def rule_categories() -> pd.DataFrame:
    """Return the four categories of the rules of machine learning, the piles of exercise 09.2: name and subject.

    Examples
    --------
    >>> list(checklist.rule_categories().index)
    ['before', 'pipeline', 'inputs', 'slow growth']
    """
    import pandas as pd

    rows = tables.read_toml("rules_of_ml.toml")["pile"]
    return pd.DataFrame({"about": {row["name"]: row["title"] for row in rows}}).rename_axis("pile")


def rule_cards() -> pd.DataFrame:
    """Return the cards of exercise 09.2, each a situation at the airline that a rule is about, by name.

    Examples
    --------
    >>> checklist.rule_cards().index[0]
    'a new source'
    """
    import pandas as pd

    found = [rule["card"] for rule in tables.read_toml("rules_of_ml.toml")["rule"] if "card" in rule]
    return pd.DataFrame({"card": {card["name"]: card["text"] for card in found}}).sort_index().rename_axis("name")


def rules_of_ml(pile: str | None = None) -> pd.DataFrame:
    """Return the 43 rules of machine learning in our own words, and the lessons that apply each.

    Parameters
    ----------
    pile : str, optional
        Only the rules of this category, one of `rule_categories`. Default: all of them.

    Raises
    ------
    UsageError
        There is no such pile.

    Examples
    --------
    >>> checklist.rules_of_ml().loc[1, "rule"]
    'Launch without machine learning if you can.'
    """
    import pandas as pd

    table = tables.read_toml("rules_of_ml.toml")
    names = [one["name"] for one in table["pile"]]
    if pile is not None and pile not in names:
        raise UsageError(f"there is no pile {pile!r}", fix=f"choose from {', '.join(names)}")
    rows = [
        {
            "number": rule["number"],
            "rule": rule["rule"],
            "pile": rule["pile"],
            "in the course": f"lesson {', '.join(rule['lessons'])}" if rule["lessons"] else f"not: {rule['none']}",
        }
        for rule in table["rule"]
        if pile in (None, rule["pile"])
    ]
    return pd.DataFrame(rows).set_index("number")
