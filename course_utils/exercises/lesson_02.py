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
    kind_of,
    missing,
    not_a,
    right,
    wrong,
)
from course_utils.tables import read_toml

# --------------------------------------------------------------------------- 02.1


@dataclass(frozen=True)
class _Sketch:
    """A project that exists only as a list of files, with what a rule may read of a project."""

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
    """One test of a rule: a file, whether the rule must report it, and what to say if it does not do so."""

    file: str
    stray: bool
    found: str
    hint: str


_CASES = (
    _Case("flights.csv", True, "a CSV table at the top of the project is not reported", "where is flights.csv?"),
    _Case(
        "notebooks/flights.csv",
        True,
        "a CSV table beside the notebooks is not reported",
        "try it on a table in a folder of the project",
    ),
    _Case(
        "flights.parquet",
        True,
        "a Parquet table is not reported",
        "the task names two kinds of tables",
    ),
    _Case(
        "src/data/flights.csv",
        True,
        "a table among the code is not reported",
        "the layout has two folders of that name, and one of them is for code: how must the path begin?",
    ),
    _Case(
        "data_old/flights.csv",
        True,
        "a table in a folder whose name only begins like the right one is not reported",
        "what comes after the folder's name in a path?",
    ),
    _Case(
        "data/raw/flights.csv",
        False,
        "raw data are reported although they are in the right folder",
        "a rule returns what is wrong: is your condition inverted?",
    ),
    _Case(
        "data/processed/deep/flights.parquet",
        False,
        "a table in a subfolder of the right folder is reported",
        "a folder may have subfolders: only the beginning of the path matters",
    ),
    _Case(
        "src/data/read_csv.py",
        False,
        "code is reported",
        "the end of a file's name says what type it is, not any part of the name",
    ),
    _Case(
        "docs/about.csv.md",
        False,
        "a text about tables is reported",
        "the end of a file's name says what type it is, not any part of the name",
    ),
    _Case("README.md", False, "the README is reported", "check tables only"),
)
# More stray tables, to detect a rule that returns only the first one or stops early.
_MORE = ("LICENSE", "a.csv", "b.csv", "data/interim/c.csv")


@grader("02.1")
def stray_tables(answer: Any) -> Sequence[Finding]:
    """Grade a rule: a function that returns the tables outside data/ of a project (files, read, is_writable)."""
    if not callable(answer):
        return [not_a("a function", answer, hint="pass the name of the function, without brackets after it")]
    try:
        together = _ask(answer, [*(case.file for case in _CASES), *_MORE])
        nothing = _ask(answer, [])
        single = [_ask(answer, [case.file]) for case in _CASES]
    except _UnreadableError as error:
        return [error.finding]
    if any(result is ... for result in (together, nothing, *single)):
        return [blank("what the function returns")]
    missed = [case for case, alone in zip(_CASES, single, strict=True) if bool(alone) is not case.stray]
    if missed:
        good = len(_CASES) - len(missed)
        findings = [right(f"{good} of {len(_CASES)} files are judged correctly")] if good > len(_CASES) // 2 else []
        return [*findings, wrong(missed[0].found, hint=missed[0].hint)]
    if together != {case.file for case in _CASES if case.stray} | {"a.csv", "b.csv"}:
        return [wrong("only some of several stray tables are returned", hint="go through all files before you return")]
    if nothing:
        return [wrong("an empty project has stray tables", hint="return an empty list if all is well")]
    return [right("every stray table is found"), right("no file in its right place is reported")]


class _UnreadableError(Exception):
    """The learner's function failed, or returned something other than files of the project."""

    def __init__(self, finding: Finding) -> None:
        self.finding = finding
        super().__init__(finding.text)


def _ask(rule: Callable[[Any], Any], files: Sequence[str]) -> Any:
    """Return the files that a rule reports, as a set of texts."""
    try:
        result = rule(_Sketch(sorted(files)))
        if result is not None and not isinstance(result, str | bool) and isinstance(result, Iterable):
            result = list(result)  # now, since a generator runs, and may fail, only when it is read
    except (Exception, SystemExit) as error:  # the learner's function may do anything
        hint = "call it on a project, and read the error message; project.files is a list of texts"
        raise _UnreadableError(wrong(f"the function stops with {describe_error(error)}", hint=hint)) from error
    if result is ...:
        return result
    if result is None:
        raise _UnreadableError(wrong("the function returns nothing", hint="end it with return and the list you made"))
    if not isinstance(result, list):
        finding = wrong(
            f"the function returns {kind_of(result)}, not a list of files",
            hint="look at the rule above: it returns what is wrong, and an empty list if all is well",
        )
        raise _UnreadableError(finding)
    texts = {PurePath(item).as_posix() if isinstance(item, PurePath) else item for item in result}
    if unknown := [text for text in texts if text not in files]:
        finding = wrong(
            f"{unknown[0]!r} is not a file of the project",
            hint="return the whole paths from project.files, unchanged",
        )
        raise _UnreadableError(finding)
    return texts


# --------------------------------------------------------------------------- 02.2

#: Hints for common mistakes, by the folder given and the right one.
_WHY: Mapping[tuple[str, str], str] = {
    ("data/raw", "data/external"): "who collected these data, your company or another one?",
    ("data/raw", "data/interim"): "raw data are never changed: have these been changed already?",
    ("data/processed", "data/interim"): "does a model read this, or is another step needed first?",
    ("data/interim", "data/processed"): "is another step needed, or does a model read this already?",
    ("data/external", "data/raw"): "external data come from third parties: who collected these?",
    ("src/data", "src/features"): "does this code fetch data, or does it turn data into inputs for a model?",
    ("docs", "references"): "docs say how to use this project: who wrote this text, and about what?",
    ("reports", "reports/runs"): "the layout has a more specific folder for this",
    ("reports/figures", "reports/runs"): "is it a picture?",
}
_SECRET = ".env"


@grader("02.2")
def places(answer: Any) -> Sequence[Finding]:
    """Grade a mapping from things to the folders of the layout to which they belong."""
    wanted = {row["thing"]: row["folders"] for row in read_toml("structure.toml")["02.2"]["thing"]}
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="fill in the dict at the start of the cell")]
    absent = [thing for thing in wanted if thing not in given]
    if absent:
        return [missing(absent, hint="keep the keys of the dict as they are")]
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
        findings.insert(0, right(f"{good} of {len(wanted)} things are where others will look for them"))
    return findings


def _folder(value: Any) -> str | None:
    """Return a folder as the layout writes it, without a slash at either end; None if it is not a text."""
    if isinstance(value, PurePath):
        value = value.as_posix()
    return value.strip().replace("\\", "/").removeprefix("./").strip("/").lower() if isinstance(value, str) else None


def _misplaced(thing: str, said: Any, place: str | None, folders: Sequence[str], known: set[str]) -> Finding:
    if place is None:
        return wrong(f"the place of {thing!r} is {kind_of(said)}", hint="write a folder as text, such as 'docs'")
    if _SECRET in folders:
        hint = "everyone who clones the project can read what Git stores: which file of the README does Git ignore?"
        return wrong(f"{thing!r} would be in {place!r}", hint=hint)
    if place not in known:
        return wrong(f"the layout has no folder {place!r}", hint=f"look for a place for {thing!r} in the tree")
    hint = _WHY.get((place, folders[0]), "the tree says what each folder is for")
    return wrong(f"{thing!r} does not belong in {place!r}", hint=hint)
