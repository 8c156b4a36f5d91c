"""How a benchmark's table is kept for lessons: with what was measured, when, and on what kind of machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING

from course_utils import tables

if TYPE_CHECKING:
    import pandas as pd


def text(frame: pd.DataFrame, *says: str, packages: Sequence[str] = (), index: bool = False) -> str:
    """Return a table as it is kept: lines that begin with ``#``, then the CSV.

    Parameters
    ----------
    frame : DataFrame
        What was measured.
    *says : str
        What it is: a line each.
    packages : sequence of str
        Whose versions matter.
    index : bool
        Whether the index is a column of the table.
    """
    machine = f"{platform.system()} on {platform.machine()}, {os.cpu_count()} virtual cores"
    names = "".join(f", {name} {version(name)}" for name in packages)
    measured = f"measured {date.today():%Y-%m-%d}, {machine}, Python {platform.python_version()}{names}"
    lines = "".join(f"# {line}\n" for line in (*says, measured))
    return lines + frame.to_csv(index=index, lineterminator="\n")


def keep(name: str, written: str) -> None:
    """Put a table in the place of the one that is kept, whole or not at all.

    Parameters
    ----------
    name : str
        Of the benchmark in ``course_utils/tables/benchmarks.toml``.
    written : str
        As `text` returns it.
    """
    target = tables.find(f"benchmark_{name}.csv")
    made = target.with_suffix(".new")
    made.write_text(written, encoding="utf-8")
    made.replace(target)
