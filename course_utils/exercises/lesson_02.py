"""Graders of lesson 02, project structure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from course_utils.exercises.grading import (
    Finding,
    as_mapping,
    blank,
    describe_error,
    grader,
    listed,
    right,
    wrong,
)
from course_utils.tables import read_toml

# --------------------------------------------------------------------------- 02.1


@dataclass(frozen=True)
class _Sketch:
    """What a rule may ask of a project, for projects that were never made."""

    files: list[str]
    name: str = "sketch"

    @property
    def folders(self) -> list[str]:
        return sorted({parent.as_posix() for file in self.files for parent in PurePath(file).parents} - {"."})

    def read(self, file: str) -> str:
        return ""

    def is_writable(self, file: str) -> bool:
        return True


@dataclass(frozen=True)
class _Case:
    """One thing that a rule must get right: a file, whether it must be reported, what to say if that goes wrong."""

    file: str
    strayed: bool
    found: str
    hint: str


_CASES = (
    _Case("flights.csv", True, "a CSV table at the top of the project is passed over", "where does flights.csv lie?"),
    _Case(
        "notebooks/flights.csv",
        True,
        "a CSV table beside the notebooks is passed over",
        "try it on a table that lies in a folder of the project",
    ),
    _Case(
        "flights.parquet",
        True,
        "a Parquet table is passed over",
        "the task names two kinds of tables",
    ),
    _Case(
        "src/data/flights.csv",
        True,
        "a table among the code is passed over",
        "the layout has two folders of that name, and one of them is for code: where must the path begin?",
    ),
    _Case(
        "data_old/flights.csv",
        True,
        "a table in a folder whose name only begins like the right one is passed over",
        "what comes after the folder's name in a path?",
    ),
    _Case(
        "data/raw/flights.csv",
        False,
        "raw data are reported where they belong",
        "a rule returns what is wrong: is your condition the wrong way round?",
    ),
    _Case(
        "data/processed/deep/flights.parquet",
        False,
        "a table further down in the right folder is reported",
        "a folder may hold folders: only the beginning of the path counts",
    ),
    _Case(
        "src/data/read_csv.py",
        False,
        "code is reported",
        "the kind of a file stands at the end of its name, not anywhere in it",
    ),
    _Case(
        "docs/about.csv.md",
        False,
        "a text about tables is reported",
        "the kind of a file stands at the end of its name, not anywhere in it",
    ),
    _Case("README.md", False, "the README is reported", "look at tables only"),
)
# A stray table beside each: a rule that returns nothing but the first, or stops early, shows.
_MORE = ("LICENSE", "a.csv", "b.csv", "data/interim/c.csv")


@grader("02.1")
def stray_tables(answer: Any) -> Sequence[Finding]:
    """Grade a rule: a function from a project (its files, read, is_writable) to the tables outside data/."""
    if not callable(answer):
        hint = "pass the name of the function, without brackets behind it"
        return [wrong(f"a {type(answer).__name__} is no function", hint=hint)]
    try:
        together = _ask(answer, [*(case.file for case in _CASES), *_MORE])
        nothing = _ask(answer, [])
        single = [_ask(answer, [case.file]) for case in _CASES]
    except _UnreadableError as error:
        return [error.finding]
    if any(result is ... for result in (together, nothing, *single)):
        return [blank("what the function returns")]
    missed = [case for case, alone in zip(_CASES, single, strict=True) if bool(alone) is not case.strayed]
    if missed:
        good = len(_CASES) - len(missed)
        findings = [right(f"{good} of {len(_CASES)} files are judged rightly")] if good > len(_CASES) // 2 else []
        return [*findings, wrong(missed[0].found, hint=missed[0].hint)]
    if together != {case.file for case in _CASES if case.strayed} | {"a.csv", "b.csv"}:
        return [wrong("only some of several stray tables are returned", hint="go through all files before you return")]
    if nothing:
        return [wrong("an empty project has stray tables", hint="return an empty list where all is well")]
    return [right("every stray table is found"), right("no file that lies where it belongs is reported")]


class _UnreadableError(Exception):
    """What the learner's function returned cannot be looked at."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(finding.text)


def _ask(rule: Callable[[Any], Any], files: Sequence[str]) -> Any:
    """Return the files that a rule reports, as a set of texts."""
    try:
        result = rule(_Sketch(sorted(files)))
        if result is not None and not isinstance(result, str | bool) and isinstance(result, Iterable):
            result = list(result)  # a generator may fail only now
    except (Exception, SystemExit) as error:  # the learner's function may do anything
        hint = "call it on a project and read the error; the files are project.files, a list of texts"
        raise _UnreadableError(wrong(f"the function stops with {describe_error(error)}", hint=hint)) from error
    if result is ...:
        return result
    if result is None:
        raise _UnreadableError(wrong("the function returns nothing", hint="end it with return and the list you made"))
    if not isinstance(result, list):
        finding = wrong(
            f"the function returns a {type(result).__name__}, not a list of files",
            hint="look at the rule above: it returns what is wrong, and an empty list where all is well",
        )
        raise _UnreadableError(finding)
    texts = {PurePath(item).as_posix() if isinstance(item, PurePath) else item for item in result}
    if unknown := [text for text in texts if text not in files]:
        finding = wrong(
            f"{unknown[0]!r} is no file of the project",
            hint="return the files as project.files has them, whole and unchanged",
        )
        raise _UnreadableError(finding)
    return texts


# --------------------------------------------------------------------------- 02.2

# Where a mistake is a common one, why it is one.
_WHY: Mapping[tuple[str, str], str] = {
    ("data/raw", "data/external"): "who made these data, you or somebody else's company?",
    ("data/raw", "data/interim"): "raw data are as they came: has somebody changed these already?",
    ("data/processed", "data/interim"): "is this what a model reads, or is there a step to go?",
    ("data/interim", "data/processed"): "is there a step to go, or is this what a model reads?",
    ("data/external", "data/raw"): "external data come from third parties; whose are these?",
    ("src/data", "src/features"): "does this code fetch data, or does it make inputs for a model of them?",
    ("docs", "references"): "docs say how to use this project; who wrote this text, and about what?",
    ("reports", "reports/runs"): "the layout is more exact than that",
    ("reports/figures", "reports/runs"): "is it a picture?",
}
_SECRET = ".env"


@grader("02.2")
def places(answer: Any) -> Sequence[Finding]:
    """Grade a mapping from things to the folders of the layout in which they belong."""
    wanted = {row["thing"]: row["folders"] for row in read_toml("structure.toml")["02.2"]["thing"]}
    given = as_mapping(answer)
    if given is None:
        return [wrong(f"a {type(answer).__name__} names no places", hint="fill in the dict that the cell begins with")]
    absent = [thing for thing in wanted if thing not in given]
    if absent:
        return [wrong(f"{listed(absent)} has no place", hint="keep the keys of the dict as they are")]
    known = {place["path"].rstrip("/") for place in read_toml("structure.toml")["place"]}
    known |= {"/".join(path.split("/")[:1]) for path in known} | {_SECRET}
    findings, good = [], 0
    for thing, folders in wanted.items():
        place = _folder(given[thing])
        if place in folders:
            good += 1
        else:
            findings.append(_misplaced(thing, given[thing], place, folders, known))
    if good:
        findings.insert(0, right(f"{good} of {len(wanted)} things lie where others will look for them"))
    return findings


def _folder(value: Any) -> str | None:
    """Write a folder as the layout does: no slash at its end, none before."""
    if isinstance(value, PurePath):
        value = value.as_posix()
    return value.strip().replace("\\", "/").removeprefix("./").strip("/").lower() if isinstance(value, str) else None


def _misplaced(thing: str, said: Any, place: str | None, folders: Sequence[str], known: set[str]) -> Finding:
    if place is None:
        return wrong(
            f"the place of {thing!r} is a {type(said).__name__}", hint="write a folder as text, such as 'docs'"
        )
    if _SECRET in folders:
        hint = (
            "whatever Git keeps, everybody who clones the project can read; which file of the README does Git not see?"
        )
        return wrong(f"{thing!r} would lie in {place!r}", hint=hint)
    if place not in known:
        return wrong(f"the layout has no {place!r}", hint=f"look at the tree for a place for {thing!r}")
    hint = _WHY.get((place, folders[0]), "read in the tree what each folder is for")
    return wrong(f"{thing!r} does not belong into {place!r}", hint=hint)
