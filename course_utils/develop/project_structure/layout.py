"""The layout of a project: what each folder is for, who needs it, and rules that check it.

A rule is a function that takes a `Project` and returns what is wrong with it, so that teams can add their own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING

from course_utils.develop.project_structure.project import RAW, RUNS, Project
from course_utils.errors import UsageError
from course_utils.notebook.display import Page
from course_utils.tables import read_toml

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "RULES",
    "Rule",
    "alternatives",
    "folders_exist",
    "items_to_place",
    "lint",
    "logs_are_dated",
    "notebooks_are_named",
    "raw_is_read_only",
    "roles",
    "tables_are_in_data",
    "tree",
]


def tree(project: Project) -> Page:
    """Return the folders and files of `project` as a tree, with the purpose of each, for the end of a cell."""
    holds = {place["path"].rstrip("/"): place.get("holds", "") for place in read_toml("structure.toml")["place"]}
    shown = sorted({*project.folders, *(file for file in project.files if not file.endswith("__init__.py"))})
    lines = [f"{project.name}/"]
    for path in shown:
        ancestors = ["/".join(path.split("/")[: depth + 1]) for depth in range(path.count("/") + 1)]
        *bars, corner = (_is_last(ancestor, shown) for ancestor in ancestors)
        branch = "".join("    " if last else "│   " for last in bars) + ("└── " if corner else "├── ")
        name = path.rpartition("/")[2] + ("/" if path in project.folders else "")
        # The purpose is in a column of its own, to the right of the longest name.
        lines.append(f"{branch + name:<34}{holds.get(path, '')}".rstrip())
    text = "\n".join(lines)
    return Page(f'<pre style="font-family: monospace; line-height: 1.3">{escape(text)}</pre>', text)


def _is_last(path: str, paths: Sequence[str]) -> bool:
    """Return whether a path is the last one of its folder, which gets a corner in the drawing."""
    folder = path.rpartition("/")[0]
    return not any(other > path and other.rpartition("/")[0] == folder for other in paths)


def roles() -> pd.DataFrame:
    """Return the deck's six roles: what each asks about a project, what it gets, and in which folders.

    Examples
    --------
    >>> project_structure.roles().loc["DevOps", "where"]
    'requirements.txt, docs'
    """
    import pandas as pd

    return pd.DataFrame(read_toml("structure.toml")["role"]).set_index("role")


def alternatives() -> pd.DataFrame:
    """Return the deck's ways to organise a project, and the state of each today.

    Returns
    -------
    DataFrame, one row a way
        'is', 'today', 'what happened', 'since' and 'latest' (dates), and 'checked': the day it was looked up.

    Examples
    --------
    >>> project_structure.alternatives()["today"].to_dict()["Pachyderm"]
    'sold and renamed'
    """
    import pandas as pd

    columns = ["name", "is", "today", "what_happened", "since", "latest", "checked"]
    return (
        pd.DataFrame(read_toml("structure.toml")["alternative"])[columns]
        .set_index("name")
        .rename(columns={"what_happened": "what happened"})
    )


def items_to_place() -> list[str]:
    """Return the items of exercise 02.2, each of which belongs in one folder of the layout.

    Examples
    --------
    >>> project_structure.items_to_place()[0]
    'flights.csv as the airline sent it'
    """
    return [row["thing"] for row in read_toml("structure.toml")["02.2"]["thing"]]


#: Takes a project and returns what is wrong with it: files or short phrases; an empty list if nothing is.
Rule = Callable[[Project], list[str]]


def folders_exist(project: Project) -> list[str]:
    """Return the files and folders of the layout that are missing from `project`."""
    places = [place["path"] for place in read_toml("structure.toml")["place"]]
    there = {*project.files, *(f"{folder}/" for folder in project.folders)}
    return [f"{place} is missing" for place in places if place not in there]


def raw_is_read_only(project: Project) -> list[str]:
    """Return the raw data files of `project` that can be overwritten."""
    raw = [file for file in project.files if file.startswith(RAW)]
    return [file for file in raw if project.is_writable(file)]


def notebooks_are_named(project: Project) -> list[str]:
    """Return the notebooks of `project` not named by number, initials and subject: ``1.0-ab-late-flights.ipynb``."""
    pattern = r"notebooks/\d+\.\d+-[a-z]{2,3}-[a-z0-9]+(-[a-z0-9]+)*\.ipynb"
    return [file for file in project.files if file.endswith(".ipynb") and not re.fullmatch(pattern, file)]


def logs_are_dated(project: Project) -> list[str]:
    """Return the run logs of `project` that are not named by the time of their run."""
    pattern = r"\d{4}-\d\d-\d\dT\d{4}\.json"
    return [file for file in project.files if file.startswith(RUNS) and not re.fullmatch(RUNS + pattern, file)]


def tables_are_in_data(project: Project) -> list[str]:
    """Return the CSV and Parquet files of `project` that are outside its folder data."""
    tables = [file for file in project.files if file.endswith((".csv", ".parquet"))]
    return [file for file in tables if not file.startswith("data/")]


#: The rules that every project is checked against; a team adds its own.
RULES: tuple[Rule, ...] = (folders_exist, raw_is_read_only, notebooks_are_named, logs_are_dated)


def lint(project: Project, rules: Sequence[Rule] = RULES) -> pd.DataFrame:
    """Check a project against rules.

    Parameters
    ----------
    project : Project
        The project that every rule is called with.
    rules : sequence of functions
        Each takes the project and returns a list of texts: what is wrong. Default: `RULES`.

    Returns
    -------
    DataFrame, one row a finding
        'rule' (the function's name in words) and 'found'; empty if no rule is broken.

    Raises
    ------
    UsageError
        A rule is not a function, or does not return a list of texts.
    """
    import pandas as pd

    rows = []
    for rule in rules:
        if not callable(rule):
            raise UsageError(f"{rule!r} is not a rule", fix="pass functions that take a project")
        name = getattr(rule, "__name__", type(rule).__name__).replace("_", " ")
        found = rule(project)
        if not isinstance(found, list | tuple) or not all(isinstance(text, str) for text in found):
            problem = f"the rule {name!r} returns a {type(found).__name__}, not a list of texts"
            raise UsageError(problem, fix="return a list of what is wrong, empty if nothing is")
        rows += [{"rule": name, "found": text} for text in found]
    return pd.DataFrame(rows, columns=["rule", "found"])
