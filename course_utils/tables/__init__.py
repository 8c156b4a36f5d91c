"""The facts of the course as data: each stands in one file here, and lessons, tests and README read it."""

from __future__ import annotations

import os
import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from course_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

DATASETS = ("nyc2013", "allyears2k")  # the default first


def _open(name: str) -> Any:
    table = files(__package__) / name
    if not table.is_file():
        known = ", ".join(sorted(entry.name for entry in files(__package__).iterdir() if "." in entry.name[1:]))
        raise UsageError(f"there is no table {name!r}", mend=f"choose one of {known}")
    return table


@cache
def _toml(name: str) -> str:
    return _open(name).read_text(encoding="utf-8")


def read_toml(name: str) -> dict[str, Any]:
    """Read a TOML table of the course, such as ``curriculum.toml``.

    Raises
    ------
    UsageError
        There is no table of that name.
    """
    return tomllib.loads(_toml(name))


def read_csv(name: str, **options: Any) -> pd.DataFrame:
    """Read a CSV table of the course, such as ``dictionary.csv``; `options` go to `pandas.read_csv`.

    Raises
    ------
    UsageError
        There is no table of that name.
    """
    import pandas as pd

    with _open(name).open("rb") as file:
        return pd.read_csv(file, **options)


def curriculum() -> list[dict[str, Any]]:
    """Return the lessons in order: number, slug, title, deck section, minutes, aims, needs, exercises."""
    return read_toml("curriculum.toml")["lesson"]


def active_dataset() -> str:
    """Name the data set that lessons run on: environment variable ``COURSE_DATASET``, else ``nyc2013``.

    Raises
    ------
    UsageError
        The variable names a data set that the course does not have.
    """
    name = os.environ.get("COURSE_DATASET", "").strip() or DATASETS[0]
    if name not in DATASETS:
        raise UsageError(f"COURSE_DATASET names {name!r}", mend=f"set it to one of {', '.join(DATASETS)}, or unset it")
    return name
