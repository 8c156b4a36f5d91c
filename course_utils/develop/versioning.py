"""Tables of lesson 03: the changes of its exercise, other tools that version data, and a run through S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from course_utils import tables

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["alternatives", "changes", "s3_record"]


def changes() -> pd.DataFrame:
    """Return the changes of exercise 03.1: a key and a description.

    Examples
    --------
    >>> versioning.changes().loc["comment", "change"]
    'a comment in src/prepare.py'
    """
    import pandas as pd

    rows = tables.read_toml("versioning.toml")["change"]
    return pd.DataFrame({"change": {row["key"]: row["text"] for row in rows}}).rename_axis("key")


def alternatives() -> pd.DataFrame:
    """Return the deck's tools that version data: what each keeps, when to use it, and what it lacks.

    Returns
    -------
    DataFrame, one row a tool
        The last column has the state of the tool, as of the month in the column's name.

    Examples
    --------
    >>> versioning.alternatives().loc["Git LFS", "versions"]
    'chosen files, on the Git server'
    """
    import pandas as pd

    table = tables.read_toml("versioning.toml")["alternatives"]
    today = f"today ({table['checked']:%B %Y})"
    keys = {"name": "tool", "versions": "versions", "take": "take it when", "lose": "you go without", "today": today}
    frame = pd.DataFrame(table["way"]).rename(columns=keys)
    return frame[list(keys.values())].set_index("tool")


def s3_record() -> pd.DataFrame:
    """Return the committed result of the lesson's cell about S3, with date and versions.

    Examples
    --------
    >>> versioning.s3_record().loc["objects in the bucket", "found"]
    1
    """
    import pandas as pd

    record = tables.read_toml("versioning.toml")["s3"]
    names = [name.replace("_", " ") for name in record]
    return pd.DataFrame({"found": list(record.values())}, index=pd.Index(names, name="through S3"))
