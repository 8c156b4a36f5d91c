"""Graders of lesson 02, project structure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from course_utils.exercises.grading import (
    Finding,
    as_mapping,
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
class _Case:
    """One test of a rule: a file, whether the rule must refuse it, and what to say if it does not do so."""

    file: str
    stray: bool
    found: str
    hint: str


_CASES = (
    _Case(
        "flights.csv", True, "a CSV table at the top of the project passes", "what does your rule say to flights.csv?"
    ),
    _Case(
        "notebooks/flights.csv",
        True,
        "a CSV table beside the notebooks passes",
        "hooks see the path from the top of the project: does your pattern allow a folder before the name?",
    ),
    _Case("flights.parquet", True, "a Parquet table passes", "the task names two kinds of tables"),
    _Case(
        "src/data/flights.csv",
        True,
        "a table among the code passes",
        "the layout has two folders of that name, and one of them is for code: how must the path begin?",
    ),
    _Case(
        "data_old/flights.csv",
        True,
        "a table in a folder whose name only begins like the right one passes",
        "what comes after the folder's name in a path?",
    ),
    _Case(
        "data/raw/flights.csv",
        False,
        "raw data are refused although they are in the right folder",
        "`exclude` names the files that pass: is your condition inverted?",
    ),
    _Case(
        "data/processed/deep/flights.parquet",
        False,
        "a table in a subfolder of the right folder is refused",
        "a folder may have subfolders: only the beginning of the path matters",
    ),
    _Case(
        "src/data/read_csv.py",
        False,
        "code is refused",
        "the end of a file's name says what type it is, not any part of the name",
    ),
    _Case(
        "docs/about.csv.md",
        False,
        "a text about tables is refused",
        "the end of a file's name says what type it is, not any part of the name",
    ),
    _Case(
        "src/data/tocsv",
        False,
        "a script without an ending is refused",
        "in a regular expression a dot matches any character: how do you write a dot that is only a dot?",
    ),
    _Case("README.md", False, "the README is refused", "refuse tables only"),
)
#: What a hook that leaves these out searches for: every file, and no exception.
_DEFAULTS = {"files": "", "exclude": "^$"}


@grader("02.1")
def stray_tables(answer: Any) -> Sequence[Finding]:
    """Grade a hook's `files` and `exclude`, a dict of two regular expressions, by the files that pre-commit refuses."""
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="fill in the dict at the start of the cell")]
    if "files" not in given:
        return [missing(["files"], hint="keep the keys of the dict as they are")]
    patterns = {}
    for key, default in _DEFAULTS.items():
        said = given.get(key, default)
        if not isinstance(said, str):
            return [wrong(f"`{key}` is {kind_of(said)}", hint="write a regular expression as text, such as '^docs/'")]
        try:
            patterns[key] = re.compile(said.strip())
        except re.error as error:
            hint = "try it with re.search; a star repeats what is before it, and a dot is any character"
            return [wrong(f"`{key}` is not a regular expression: {error}", hint=hint)]
    missed = [case for case in _CASES if _is_refused(case.file, patterns) is not case.stray]
    if missed:
        good = len(_CASES) - len(missed)
        findings = [right(f"{good} of {len(_CASES)} files are judged correctly")] if good > len(_CASES) // 2 else []
        return [*findings, wrong(missed[0].found, hint=missed[0].hint)]
    return [right("every stray table is refused"), right("every file in its right place passes")]


def _is_refused(file: str, patterns: Mapping[str, re.Pattern[str]]) -> bool:
    """Say whether pre-commit gives a file to the hook, which then refuses it."""
    return bool(patterns["files"].search(file)) and not patterns["exclude"].search(file)


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
