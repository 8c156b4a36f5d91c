"""The facts of the course as data: each is in one file here, which lessons, tests and README read.

The tables of a stage are in that stage's folder, tables of the whole course are beside this file. You read a table by
its file name alone, which is unique, so a table can move to another folder without changes elsewhere.
"""

from __future__ import annotations

import os
import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "DATASETS",
    "active_dataset",
    "benchmark",
    "benchmark_note",
    "canvas",
    "checkout",
    "curriculum",
    "dataset",
    "dataset_of",
    "find",
    "read_csv",
    "read_notes",
    "read_text",
    "read_toml",
    "workflow",
]

#: Folders of tables, one for each stage of the course.
_STAGES = ("data", "model", "develop", "serve", "operate")
#: What a row of datasets.toml must state, and what the rest is where it is not stated.
_DATASET_NEEDS = ("title", "years", "validation", "test", "file")
_DATASET_DEFAULTS: dict[str, Any] = {
    "flights": None,
    "source": "",
    "terms": "",
    "compare_from": "",
    "complete": False,
    "weather": False,
    "absent": [],
    "unsuited": "",
    "package": "",
    "url": "",
    "bytes": None,
    "sha256": "",
    "variable": "",
}


def checkout() -> Path:
    """Return the folder that contains `course_utils`: the repository, or ``site-packages`` where installed."""
    return Path(__file__).resolve().parents[2]


def find(name: str) -> Path:
    """Return the path of a table, or of a folder of files such as ``project_template``.

    Parameters
    ----------
    name : str
        The file name with its ending and without a folder, such as ``"drift.toml"``.

    Raises
    ------
    UsageError
        There is no table of that name.

    Examples
    --------
    >>> tables.find("drift.toml").parent.name
    'operate'
    """
    root = Path(str(files(__package__)))
    folders = [root, *(root / stage for stage in _STAGES)]
    for folder in folders:
        # Neither a path nor a stage's folder is a name: both would break when a table moves.
        if name and Path(name).name == name and (folder / name).exists() and (folder / name) not in folders:
            return folder / name
    known = sorted(entry.name for folder in folders for entry in folder.iterdir() if "." in entry.name[1:])
    known = ", ".join(name for name in known if not name.endswith(".py"))
    raise UsageError(f"there is no table {name!r}", fix=f"choose one of {known}")


@cache
def read_text(name: str) -> str:
    """Return the text of a table, by its `name` as for `find`."""
    return find(name).read_text(encoding="utf-8")


def read_toml(name: str) -> dict[str, Any]:
    """Return a TOML table as a dict, by its `name` as for `find`.

    Examples
    --------
    >>> tables.read_toml("constants.toml")["horizon_hours"]
    3
    """
    # Only the text is cached: each caller gets a dict of its own, which it may change.
    return tomllib.loads(read_text(name))


def read_csv(name: str, **options: Any) -> pd.DataFrame:
    """Return a CSV table as a DataFrame.

    Parameters
    ----------
    name : str
        As for `find`.
    **options
        Options of `pandas.read_csv`, such as ``index_col="column"``.

    Examples
    --------
    >>> tables.read_csv("dictionary.csv", index_col="column").loc["Distance", "unit"]
    'miles'
    """
    import pandas as pd

    with find(name).open("rb") as file:
        return pd.read_csv(file, **options)


def read_notes(name: str) -> list[str]:
    """Return the comment lines of a CSV table, by its `name` as for `find`.

    In the table of a benchmark they say how, when and on what machine it was measured.

    Examples
    --------
    >>> tables.read_notes("benchmark_costs.csv")[0]
    "the course's model asked on one thread, without network and JSON"
    """
    lines = read_text(name).splitlines()
    return [line.removeprefix("# ") for line in lines if line.startswith("#")]


def benchmark(name: str) -> pd.DataFrame:
    """Return the committed results of a benchmark, as measured by a script in ``benchmarks/``.

    Parameters
    ----------
    name : str
        The name of a section of ``benchmarks.toml``, such as ``"batch_stores"``.

    Returns
    -------
    DataFrame
        A row for each measured case, which is named in the index or in the first column.

    Raises
    ------
    UsageError
        There is no benchmark of that name.

    See Also
    --------
    benchmark_note : Prints when, how and on what machine the table was measured.

    Examples
    --------
    >>> tables.benchmark("batch_stores").columns[0]
    'store'
    """
    entry = _benchmark(name)
    index = entry.get("index")
    frame = read_csv(f"benchmark_{name}.csv", comment="#", parse_dates=entry.get("dates"))
    frame = frame.set_index(index if len(index) > 1 else index[0]) if index else frame
    return frame.rename(columns=entry.get("columns", {}))


def benchmark_note(name: str) -> None:
    """Print how a benchmark was measured, when, and on what kind of machine.

    Parameters
    ----------
    name : str
        As for `benchmark`.

    Raises
    ------
    UsageError
        There is no benchmark of that name.

    Examples
    --------
    >>> tables.benchmark_note("costs")
    the course's model asked on one thread, without network and JSON
    measured 20..., Linux on x86_64, ...
    """
    _benchmark(name)
    print("\n".join(read_notes(f"benchmark_{name}.csv")))


def _benchmark(name: str) -> dict[str, Any]:
    known = read_toml("benchmarks.toml")
    if name not in known:
        raise UsageError(f"there is no benchmark {name!r}", fix=f"choose one of {', '.join(known)}")
    return known[name]


def curriculum() -> list[dict[str, Any]]:
    """Return the lessons in order: number, slug, title, deck section, minutes, aims, needs, exercises.

    Examples
    --------
    >>> lesson = tables.curriculum()[12]
    >>> lesson["number"], lesson["slug"]
    ('12', 'static_training')
    """
    return read_toml("curriculum.toml")["lesson"]


def workflow(*steps: int) -> pd.DataFrame:
    """Return what to consider in some steps of the deployment workflow, or in all six.

    Parameters
    ----------
    *steps : int
        Numbers of the steps, from 1 to 6; without any, all steps.

    Returns
    -------
    DataFrame, one row for each consideration
        Index 'step' and 'consider'; columns 'the airline' (its example) and 'where' (the lessons that cover it, or why
        none needs to).

    Raises
    ------
    UsageError
        There is no step of that number.

    Examples
    --------
    >>> tables.workflow(2)["where"].iloc[0]
    'lesson 00, 10'
    """
    import pandas as pd

    table = read_toml("workflow.toml")
    titles = {step["number"]: f"{step['number']} {step['short']}" for step in table["step"]}
    for step in steps:
        if step not in titles:
            raise UsageError(f"there is no step {step!r}", fix=f"choose one of {', '.join(map(str, titles))}")
    rows = [
        {
            "step": titles[item["step"]],
            "consider": item["consideration"],
            "the airline": item["example"],
            "where": "lesson " + ", ".join(item["lessons"]) if item["lessons"] else f"nowhere: {item['why']}",
        }
        for item in table["item"]
        if not steps or item["step"] in steps
    ]
    return pd.DataFrame(rows).set_index(["step", "consider"])


def canvas() -> pd.DataFrame:
    """Return the stakeholder canvas as a table: the question to answer under each key.

    Examples
    --------
    >>> tables.canvas().loc["users", "question"]
    'Who acts on a prediction?'
    """
    import pandas as pd

    fields = read_toml("canvas.toml")["field"]
    return pd.DataFrame({"question": {field["key"]: field["question"] for field in fields}}).rename_axis("key")


def dataset(name: str) -> dict[str, Any]:
    """Return the facts about a data set: its row of ``datasets.toml``, completed with the defaults.

    Parameters
    ----------
    name : str
        One of `DATASETS`; any other name is refused.

    Returns
    -------
    dict
        Keys as explained at the top of ``datasets.toml``; ``compare_from`` is the start of validation if not stated.

    Raises
    ------
    UsageError
        There is no such data set, or its row lacks a key or has an unknown one.

    Examples
    --------
    >>> tables.dataset("nyc2013")["validation"]
    '2013-09'
    """
    rows = read_toml("datasets.toml")
    if name not in rows:
        raise UsageError(f"there is no data set {name!r}", fix=f"choose one of {', '.join(rows)}")
    row = rows[name]
    if absent := [key for key in _DATASET_NEEDS if not row.get(key)]:
        raise UsageError(f"datasets.toml: [{name}] does not state {absent[0]!r}", fix=f"add a line {absent[0]} = …")
    known = (*_DATASET_NEEDS, *_DATASET_DEFAULTS)
    if unknown := [key for key in row if key not in known]:
        raise UsageError(
            f"datasets.toml: [{name}] has the unknown key {unknown[0]!r}", fix=f"choose from {', '.join(known)}"
        )
    return {**_DATASET_DEFAULTS, **row, "compare_from": row.get("compare_from") or row["validation"]}


def dataset_of(rows: Any) -> str:
    """Return the name of the data set that a frame or series is from: its ``attrs['dataset']``, else the active one.

    pandas keeps ``attrs`` when you filter, sort, sample or copy rows, and loses them in a merge. Whatever has none in
    `rows`, such as a number, counts as from the active data set.

    Raises
    ------
    UsageError
        ``COURSE_DATASET`` names a data set that the course does not have.

    Examples
    --------
    >>> tables.dataset_of(flights.head(3))
    'nyc2013'
    """
    return getattr(rows, "attrs", {}).get("dataset") or active_dataset()


def active_dataset() -> str:
    """Return the name of the active data set: environment variable ``COURSE_DATASET``, by default ``nyc2013``.

    Raises
    ------
    UsageError
        The variable is not the name of a data set of the course.

    Examples
    --------
    >>> tables.active_dataset() in tables.DATASETS
    True
    """
    name = os.environ.get("COURSE_DATASET", "").strip() or DATASETS[0]
    if name not in DATASETS:
        raise UsageError(
            f"the environment variable COURSE_DATASET is {name!r}, which is not a data set",
            fix=f"set it to one of {', '.join(DATASETS)}, or unset it",
        )
    return name


#: Names of the data sets, the default first; read at import, so it comes after the function that reads them.
DATASETS: tuple[str, ...] = tuple(read_toml("datasets.toml"))
