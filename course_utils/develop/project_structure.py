"""A project's structure: the course's template, what its places are for, who reads them, and the alternatives."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils import tables
from course_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["alternatives", "copy_template", "layout", "roles"]


def copy_template(folder: str | Path) -> None:
    """Copy the course's Cookiecutter template into a `folder`, as ``template``.

    Raises
    ------
    UsageError
        There is no such folder, or it has a ``template`` already.
    """
    target = Path(folder) / "template"
    if not target.parent.is_dir() or target.exists():
        raise UsageError(f"{target.name} cannot be copied there", fix="pass a folder without a template")
    shutil.copytree(tables.find("project_template"), target)


def layout() -> pd.DataFrame:
    """Return what each place of the layout is for: one row a folder or file.

    Examples
    --------
    >>> project_structure.layout().loc["data/raw/", "holds"]
    'data as received, never changed'
    """
    import pandas as pd

    places = [place for place in tables.read_toml("structure.toml")["place"] if "holds" in place]
    return pd.DataFrame(places, columns=["path", "holds"]).set_index("path")


def roles() -> pd.DataFrame:
    """Return the deck's six roles: what each asks about a project, what it gets, and in which folders.

    Examples
    --------
    >>> project_structure.roles().loc["DevOps", "where"]
    'requirements.txt, docs'
    """
    import pandas as pd

    return pd.DataFrame(tables.read_toml("structure.toml")["role"]).set_index("role")


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
        pd.DataFrame(tables.read_toml("structure.toml")["alternative"])[columns]
        .set_index("name")
        .rename(columns={"what_happened": "what happened"})
    )
