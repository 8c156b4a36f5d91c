"""A project taken over from a colleague, after a year without rules.

Lesson 02 checks it and cleans it up: tables are scattered, raw data can be overwritten, and a key is in an output.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from course_utils.develop.git import remove_tree
from course_utils.develop.project_structure.notebooks import write_notebook
from course_utils.develop.project_structure.project import RUNS, Project, commit, put_file, scaffold
from course_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["THRESHOLDS", "WEATHER", "inherited_project", "set_threshold", "weather_notebook"]


#: The colleague's notebooks: one about which passengers are warned, and one that printed a key.
THRESHOLDS = "notebooks/2.0-kl-who-is-warned.ipynb"
WEATHER = "notebooks/Untitled3.ipynb"


def inherited_project(rows: pd.DataFrame) -> Project:
    """Create the project that a colleague left behind: the template's, after a year without rules.

    Raw data can be overwritten, tables are scattered, names of notebooks and logs follow no rule, and a notebook's
    output contains a key.

    Parameters
    ----------
    rows : DataFrame
        Flights in the deck's columns, at least one; the first 100 become the project's data.

    Returns
    -------
    Project
        Under Git, with three commits.

    Raises
    ------
    UsageError
        There are no rows, or Git is not installed.
    """
    if not len(rows):
        raise UsageError("rows has no flights", fix="pass at least one row")
    project = scaffold("Delays final", author="Kim Lee")
    for file in ("README.md", "requirements.txt"):
        project._path(file).unlink()
    remove_tree(project._path("references"))
    text = rows.head(100).to_csv(index=False, lineterminator="\n")
    # put_file and not `save`: raw data that can be overwritten are one of the faults.
    for file in ("data/raw/july.csv", "src/data/july_clean.csv", "predictions.csv"):
        put_file(project._path(file), text)
    for number in (8, 9, 10, 11):
        project.write(f"{RUNS}run_{number}.log", f"run {number}\n")
    project.write(WEATHER, write_notebook(weather_notebook()))
    commit(project, "First look at the weather")
    set_threshold(project, rows, 0.25)
    commit(project, "Who is warned")
    return project


def weather_notebook() -> Any:
    """Return a notebook that printed all environment variables, keys included."""
    from nbformat import v4

    # The example pair of AWS's own documentation, which never worked. In pieces, so that a scan of the course's own
    # repository does not report it.
    key, secret = "AKIA" + "IOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYEXAMPLEKEY"
    printed = f"HOME=/home/kim\nAWS_ACCESS_KEY_ID={key}\nAWS_SECRET_ACCESS_KEY={secret}\nLANG=en_US.UTF-8\n"
    cells = [
        v4.new_markdown_cell("# Why is the weather not loading?", id="why"),
        v4.new_code_cell(
            "import os\n\nfor name, value in os.environ.items():\n    print(f'{name}={value}')",
            id="environment",
            execution_count=7,
            outputs=[v4.new_output("stream", name="stdout", text=printed)],
        ),
    ]
    return v4.new_notebook(cells=cells, metadata=_PYTHON)


_PYTHON = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def set_threshold(project: Project, rows: pd.DataFrame, probability: float) -> None:
    """Set the decision threshold in the colleague's notebook `THRESHOLDS`, and run the notebook again.

    Parameters
    ----------
    project : Project
        As returned by `inherited_project`.
    rows : DataFrame
        Flights in the deck's columns 'CRSDepTime' and 'DepDelay'.
    probability : float
        Passengers are warned in hours with at least this share of late flights, from 0 to 1.

    Raises
    ------
    UsageError
        The probability is not between 0 and 1.
    """
    from nbformat import v4

    if not 0 <= probability <= 1:
        raise UsageError(f"{probability!r} is not a probability", fix="pass a number from 0 to 1")
    by_hour = (rows["DepDelay"] >= 15).groupby(rows["CRSDepTime"] // 100).mean().rename("share late").to_frame()
    warned = by_hour[by_hour["share late"] >= probability].rename_axis("hour").round(3)
    count = 1 if not project._path(THRESHOLDS).exists() else 12  # a second run in the same session
    table = {"text/plain": warned.to_string(), "text/html": warned.to_html()}
    drawn = _chart(by_hour["share late"], probability)
    picture = {"text/plain": "<Figure size 400x200 with 1 Axes>", "image/png": drawn}
    cells = [
        v4.new_markdown_cell("# Who is warned?", id="title"),
        v4.new_code_cell(f"warn_from = {probability:.2f}", id="threshold", execution_count=count),
        v4.new_code_cell(
            "by_hour[by_hour['share late'] >= warn_from]",
            id="table",
            execution_count=count + 1,
            outputs=[v4.new_output("execute_result", table, execution_count=count + 1)],
        ),
        v4.new_code_cell(
            "draw(by_hour, warn_from)",
            id="picture",
            execution_count=count + 2,
            outputs=[v4.new_output("display_data", picture)],
        ),
    ]
    project.write(THRESHOLDS, write_notebook(v4.new_notebook(cells=cells, metadata=_PYTHON)))


def _chart(shares: pd.Series, threshold: float) -> str:
    """Return a bar chart of the share by hour, with a line at the threshold, as base64 like in a notebook."""
    import base64
    import io

    from matplotlib.figure import Figure

    fig = Figure(figsize=(4, 2))
    ax = fig.add_subplot()
    ax.bar(shares.index, shares)
    ax.axhline(threshold)
    picture = io.BytesIO()
    fig.savefig(picture, format="png", dpi=60, metadata={"Software": None})
    return base64.b64encode(picture.getvalue()).decode() + "\n"
