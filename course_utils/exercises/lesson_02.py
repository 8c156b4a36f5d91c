"""Graders of lesson 02, project structure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from course_utils.exercises.calls import StillRunningError, limited
from course_utils.exercises.grading import (
    Finding,
    Refused,
    as_mapping,
    grader,
    kind_of,
    listed,
    missing,
    not_a,
    right,
    wrong,
)
from course_utils.tables import read_toml
from course_utils.wording import counted

# --------------------------------------------------------------------------- 02.1


@dataclass(frozen=True)
class _Case:
    """Files that a rule must all refuse (stray) or let pass, and what to say if it does not do so."""

    stray: bool
    what: str
    hint: str
    files: tuple[str, ...]


_ENDING = "the end of a file's name says what type it is, not any part of the name"
#: The first case that a rule judges wrongly is reported.
_CASES = (
    _Case(
        True,
        "a CSV table at the top of the project",
        "`files` does not find this path: what does re.search say to it?",
        ("flights.csv",),
    ),
    _Case(
        True,
        "a CSV table beside the notebooks",
        "hooks see the path from the top of the project: does your pattern allow a folder before the name?",
        ("notebooks/flights.csv", "a/b/c/d/flights.csv"),
    ),
    _Case(
        True,
        "a Parquet table",
        "the task names two kinds of tables: does your pattern read each wherever it may be?",
        ("flights.parquet", "notebooks/flights.parquet"),
    ),
    _Case(
        True,
        "a table whose name has other signs than letters",
        "which signs may a file's name contain? Your pattern need not say",
        ("notebooks/flights 2013-07 (1).csv", "flights.v2.parquet"),
    ),
    _Case(
        True,
        "a table among the code",
        "the layout has two folders of that name, and one of them is for code: how must the path begin?",
        ("src/data/flights.csv", "src/data/raw/flights.parquet"),
    ),
    _Case(
        True,
        "a table in a folder of that name inside another folder",
        "only one folder of that name is the project's: how must the path begin?",
        ("notebooks/data/flights.csv", "a/data/flights.csv", "reports/old/data/raw/flights.csv", "my_data/flights.csv"),
    ),
    _Case(
        True,
        "a table whose path only begins like the right folder",
        "what comes after the folder's name in a path?",
        ("data_old/flights.csv", "database/flights.parquet", "data-2013/flights.csv", "data.csv", "data 2/flights.csv"),
    ),
    _Case(
        False,
        "a table in the right folder",
        "`exclude` names the files that pass: is your condition inverted?",
        ("data/raw/flights.csv", "data/processed/flights.parquet"),
    ),
    _Case(
        False,
        "a table in another subfolder of the right folder",
        "a folder may have subfolders of any name: only the beginning of the path matters",
        ("data/interim/flights.csv", "data/external/holidays.csv", "data/processed/deep/down/flights.parquet"),
    ),
    _Case(
        False,
        "a table in the right folder itself",
        "the task says: in the folder or below it. Does your pattern ask for a subfolder?",
        ("data/flights.csv", "data/flights.parquet"),
    ),
    _Case(False, "code", _ENDING, ("src/data/read_csv.py", "src/csv/read.py", "src/parquet.py")),
    _Case(False, "a text about tables", _ENDING, ("docs/about.csv.md", "docs/about.parquet.md", "docs/old.csv/a.md")),
    _Case(
        False,
        "a script without an ending",
        "in a regular expression a dot matches any character: how do you write a dot that is only a dot?",
        ("src/data/tocsv", "src/toparquet"),
    ),
    _Case(False, "a file that is no table", "refuse tables only", ("README.md", "notebooks/late.ipynb", ".gitignore")),
)
#: The limit for the files of one case.
_SECONDS = 1.0
#: What a hook that leaves these out searches for: every file, and no exception.
_DEFAULTS = {"files": "", "exclude": "^$"}
#: What else a hook of this kind consists of; other options change which files it sees.
_BESIDE = ("id", "name", "description", "entry", "language")


@grader("02.1")
def stray_tables(answer: Any) -> Sequence[Finding]:
    """Grade a hook's `files` and `exclude`, a dict of two regular expressions, by the files that pre-commit refuses."""
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="fill in the dict at the start of the cell")]
    if not set(given) & set(_DEFAULTS):
        return [missing(list(_DEFAULTS), hint="keep the keys of the dict as they are")]
    if unknown := [key for key in given if key not in (*_DEFAULTS, *_BESIDE)]:
        return [wrong(f"{listed(unknown)} cannot be judged here", hint="write the rule with the two keys of the cell")]
    if given.get("language", "fail") != "fail":
        return [wrong(f"the language is {given['language']!r}", hint="which language has a hook that only refuses?")]
    patterns = {key: _pattern(key, given.get(key, default)) for key, default in _DEFAULTS.items()}
    missed = []
    for case in _CASES:
        try:
            with limited(_SECONDS, 10 * _SECONDS):
                missed += [(case, file) for file in case.files if _is_refused(file, patterns) is not case.stray]
        except StillRunningError:
            hint = "a repetition inside a repetition, as in (a+)+, can be tried in too many ways"
            return [wrong(f"your rule takes too long for {case.files[0]!r}", hint=hint)]
    if not missed:
        return [right("every stray table is refused"), right("every file in its right place passes")]
    if "files" not in given:
        return [
            missing(["files"], hint="without it, the hook looks at every file: keep the keys of the dict as they are")
        ]
    total = sum(len(case.files) for case in _CASES)
    good = total - len(missed)
    findings = [right(f"{good} of {counted(total, 'file')} are judged correctly")] if good > total // 2 else []
    case, file = missed[0]
    found = f"{case.what} {'passes' if case.stray else 'is refused'}: {file}"
    return [*findings, wrong(found, hint=_about_exclude(file, patterns["exclude"]) or case.hint)]


def _about_exclude(file: str, exclude: re.Pattern[str]) -> str:
    """Return a hint for an `exclude` that names all files, none, or one at the top; '' for any other."""
    named = [bool(exclude.search(other)) for case in _CASES for other in case.files]
    if all(named):
        return "what `exclude` finds passes, and yours finds every path"
    if not any(named):
        return "what `exclude` finds passes, and yours finds no path: which files does the task except?"
    if file.startswith("flights") and exclude.search(file):
        return "what `exclude` finds passes, and yours finds this path"
    return ""


def _pattern(key: str, said: Any) -> re.Pattern[str]:
    if not isinstance(said, str):
        raise Refused(wrong(f"`{key}` is {kind_of(said)}", hint="write a regular expression as text, such as '^docs/'"))
    try:
        pattern = re.compile(said)
    except (re.error, OverflowError, RecursionError) as error:
        hint = "try it with re.search; a star repeats what is before it, and a dot is any character"
        raise Refused(wrong(f"`{key}` is not a regular expression: {error}", hint=hint)) from None
    if said != said.strip() and not pattern.flags & re.VERBOSE:
        hint = "a space in a regular expression stands for a space in the path"
        raise Refused(wrong(f"`{key}` begins or ends with white space", hint=hint))
    return pattern


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
    ("reports/figures", "reports/runs"): "is it a picture?",
    ("src/models", "src/features"): "does this code train or predict?",
    ("data/raw", "data/processed"): "raw data are kept as they came: did anyone prepare this table?",
    ("data/interim", "data/raw"): "has anyone changed these data since they came?",
    ("data/processed", "data/raw"): "has anyone prepared these data since they came?",
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
    if unknown := [thing for thing in given if thing not in wanted]:
        return [wrong(f"{listed(unknown)} is not in the list of items", hint="keep the keys of the dict as they are")]
    holds = {place["path"].rstrip("/"): place.get("holds", "") for place in read_toml("structure.toml")["place"]}
    holds = {path.split("/")[0]: "" for path in holds} | holds
    findings, good = [], 0
    for thing, folders in wanted.items():
        place = _folder(given[thing])
        if place is not None and any(place == folder or _is_inside(place, folder) for folder in folders):
            good += 1
        else:
            findings.append(_misplaced(thing, given[thing], place, folders, holds))
    if good:
        are = "is" if good == 1 else "are"
        findings.insert(0, right(f"{good} of {counted(len(wanted), 'thing')} {are} where others will look for them"))
    return findings


def _folder(value: Any) -> str | None:
    """Return a folder as the layout writes it, without a slash at either end; None if it is not a text."""
    if isinstance(value, PurePath):
        value = value.as_posix()
    return value.strip().replace("\\", "/").removeprefix("./").strip("/").lower() if isinstance(value, str) else None


def _is_inside(place: str, folder: str) -> bool:
    """Return whether a place is in a folder of the layout; nothing can be in a file."""
    return folder != _SECRET and place.startswith(f"{folder}/")


def _misplaced(thing: str, said: Any, place: str | None, folders: Sequence[str], holds: Mapping[str, str]) -> Finding:
    if place is None:
        return wrong(f"the place of {thing!r} is {kind_of(said)}", hint="write a folder as text, such as 'docs'")
    if not place:
        return wrong(f"{thing!r} has no folder", hint="at the top of a project there are only a few files")
    if _SECRET in folders:
        hint = "everyone who clones the project can read what Git stores: which file of the README does Git ignore?"
        if place.split("/")[0] == "data":
            hint = "Git ignores what is in there, but no program looks for keys among data: what does the README name?"
        return wrong(f"{thing!r} would be in {place!r}", hint=hint)
    if place == _SECRET:
        return wrong(f"{thing!r} would be in {place!r}", hint="that file is for keys and passwords")
    if place not in holds:
        return wrong(f"the layout has no folder {place!r}", hint=f"look for a place for {thing!r} in the tree")
    if _is_inside(folders[0], place):
        return wrong(f"{thing!r} needs more than {place!r}", hint="the layout has a more specific folder for this")
    about = (
        f"the tree says what is in there: {holds[place]}" if holds[place] else "the tree says what each folder is for"
    )
    return wrong(f"{thing!r} does not belong in {place!r}", hint=_WHY.get((place, folders[0]), about))
