"""What is in a table, column by column, and what a profiler would warn of.

`profile` and `warnings` are what the deck's profiler comes down to: run on the deck's own data they give all its
figures again, which `deck_figures` keeps with the few that the deck printed wrong.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import datasets
from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    import skrub

__all__ = [
    "LIMITS",
    "deck_figures",
    "deck_warnings",
    "kinds",
    "profile",
    "profilers",
    "rejected_by_correlation",
    "skrub_profile",
    "summary",
    "warnings",
    "write_skrub_report",
]

#: From where on a column is worth a warning. The deck's profiler had these for correlation, skewness and distinct
#: values; its lists hold nothing below 1.3% missing or zero, so it is no matter where below that these two lie.
LIMITS = {"missing": 0.01, "zero": 0.01, "distinct": 50, "skewness": 20.0, "correlation": 0.9}


def profile(flights: pd.DataFrame) -> pd.DataFrame:
    """Describe each column of a table, its row label among them.

    Parameters
    ----------
    flights : DataFrame
        Any table with columns of numbers and texts.

    Returns
    -------
    DataFrame, one row a column
        'kind' (see `kinds`), 'missing' and 'zero' (cells), 'distinct' (values, 'missing' counting as one), 'skewness'
        (of numbers, else NaN) and 'follows' (see `rejected_by_correlation`).

    Raises
    ------
    DataError
        The table has no row, or two columns of one name.
    """
    rows = _checked(flights).reset_index(names="index")
    numbers = rows.select_dtypes("number")
    found = pd.DataFrame(index=rows.columns)
    found["kind"] = kinds(rows)
    found["missing"] = rows.isna().sum()
    found["zero"] = (numbers == 0).sum()
    found["distinct"] = rows.nunique(dropna=False)
    found["skewness"] = numbers.skew()
    found["follows"] = rejected_by_correlation(numbers)
    return found.astype({"zero": "Int64"}).rename_axis("column")


def kinds(rows: pd.DataFrame) -> pd.Series:
    """Say what kind each column is: 'numeric', 'boolean' (numbers with two values), 'categorical' or 'constant'.

    Parameters
    ----------
    rows : DataFrame
    """
    values = rows.nunique()
    kind = pd.Series("categorical", index=rows.columns)
    kind[rows.select_dtypes("number").columns] = "numeric"
    kind[(kind == "numeric") & (values == 2)] = "boolean"
    return kind.mask(values <= 1, "constant")


def rejected_by_correlation(numbers: pd.DataFrame, limit: float = LIMITS["correlation"]) -> pd.Series:
    """Name for each column the last column before it whose correlation with it is above a limit.

    This is the rule of the deck's profiler: what stands first stays, what follows it is 'rejected'. It knows nothing of
    which of the two a model may use.

    Parameters
    ----------
    numbers : DataFrame
        Columns of numbers, in their order.
    limit : float
        Pearson's correlation above which one column follows another.

    Returns
    -------
    Series of str, one for each column that follows another
    """
    correlation = numbers.corr()
    above = pd.DataFrame(np.tril(correlation, k=-1) > limit, index=numbers.columns, columns=numbers.columns)
    return above.apply(lambda row: row.index[row].tolist()[-1:], axis=1).explode().dropna()


def warnings(found: pd.DataFrame, rows: int) -> pd.DataFrame:
    """List what a profiler warns of.

    Parameters
    ----------
    found : DataFrame
        From `profile`.
    rows : int
        Rows of the table that was profiled.

    Returns
    -------
    DataFrame, one row a warning
        'column', 'warning' ('missing', 'zeros', 'distinct', 'skewed', 'constant' or 'rejected'), 'value' (cells,
        values, skewness; NaN for the last two) and 'share' of the rows in percent (of cells only).

    Raises
    ------
    UsageError
        `found` is no profile, or there are no rows.
    """
    absent = [name for name in ("kind", "missing", "zero", "distinct", "skewness", "follows") if name not in found]
    if absent:
        raise UsageError(f"this is no profile: it has no {absent[0]!r}", fix="make it with profiles.profile(flights)")
    if rows < 1:
        raise UsageError(f"rows={rows} are no table", fix="give the number of rows that were profiled")
    kept = found[found["follows"].isna() & (found["kind"] != "constant")]
    cells = LIMITS["missing"] * rows, LIMITS["zero"] * rows
    asked = {
        "constant": found[found["kind"] == "constant"].assign(value=np.nan)["value"],
        "rejected": found[found["follows"].notna()].assign(value=np.nan)["value"],
        "missing": kept["missing"][kept["missing"] > cells[0]],
        "zeros": kept["zero"][(kept["kind"] == "numeric") & (kept["zero"] > cells[1])],
        "distinct": kept["distinct"][(kept["kind"] == "categorical") & (kept["distinct"] > LIMITS["distinct"])],
        "skewed": kept["skewness"][(kept["kind"] == "numeric") & (kept["skewness"].abs() > LIMITS["skewness"])],
    }
    listed = pd.concat({name: values.astype(float) for name, values in asked.items()}, names=["warning", "column"])
    table = listed.rename("value").reset_index()
    counted = table["warning"].isin(["missing", "zeros"])
    table["share"] = (100 * table["value"] / rows).where(counted).round(1)
    return table[["column", "warning", "value", "share"]]


def summary(flights: pd.DataFrame, found: pd.DataFrame | None = None) -> pd.Series:
    """Return the head of a profile: rows, columns of each kind, missing cells and size, as the deck's profiler counts.

    Parameters
    ----------
    flights : DataFrame
    found : DataFrame, optional
        Its `profile`, if it is at hand.

    Returns
    -------
    Series
        'rows', 'variables' (the row label among them), 'numeric', 'categorical', 'boolean' and 'rejected' (those that
        follow another one or never change), 'missing cells' in percent of all cells, and 'without rejected': the same,
        leaving the missing cells of rejected columns out.
    """
    found = profile(flights) if found is None else found
    rejected = found["follows"].notna() | (found["kind"] == "constant")
    counts = found["kind"][~rejected].value_counts()
    cells = len(flights) * len(found)
    figures = {"rows": len(flights), "variables": len(found)}
    figures |= {kind: int(counts.get(kind, 0)) for kind in ("numeric", "categorical", "boolean")}
    figures["rejected"] = int(rejected.sum())
    figures["missing cells [%]"] = round(100 * found["missing"].sum() / cells, 2)
    figures["without rejected [%]"] = round(100 * found["missing"][~rejected].sum() / cells, 2)
    return pd.Series(figures, dtype=object, name="figure")


# --------------------------------------------------------------------------- the deck's own


def deck_warnings() -> pd.DataFrame:
    """Return the warnings of the deck's profile as they turn out on its data, in the form of `warnings`.

    A test computes them again from the deck's file wherever that is at hand.
    """
    deck = tables.read_toml("deck.toml")
    told, rows = deck["profile"], deck["data"]["rows"]
    gone = told["rejected_columns"]
    found = [(column, "rejected", np.nan) for column in gone]
    found += [(column, "missing", count) for column, count in told["missing"].items() if column not in gone]
    found += [(column, "zeros", count) for column, count in told["zeros"].items() if column not in gone]
    found += [(column, "distinct", count) for column, count in told["distinct"].items()]
    found += [(column, "skewed", skew) for column, skew in told["skewness"].items()]
    table = pd.DataFrame(found, columns=["column", "warning", "value"])
    counted = table["warning"].isin(["missing", "zeros"])
    table["share"] = (100 * table["value"] / rows).where(counted).round(1)
    return table


def deck_figures() -> pd.DataFrame:
    """Return the figures of the deck's profile, one by one, beside what they are.

    Returns
    -------
    DataFrame, index 'figure'
        'the deck says' and 'computed again' (texts), and 'why they differ', empty where they do not.
    """
    deck = tables.read_toml("deck.toml")
    told, data = deck["profile"], deck["data"]
    total = told["difference"][-1]
    rows: list[tuple[str, Any, Any, str]] = [
        ("rows", data["rows"], data["rows"], ""),
        ("variables", told["variables"], data["columns"] + 1, ""),
        *[
            (f"{kind} columns", told[kind], told[kind], "")
            for kind in ("numeric", "categorical", "boolean", "rejected")
        ],
        ("cells missing in all", f"{total['printed']}%", f"{total['computed']}%", total["why"]),
        ("late (IsDepDelayed = YES)", *2 * [_counted(data["late"], data["rows"])], ""),
        ("on time (NO)", *2 * [_counted(data["on_time"], data["rows"])], ""),
    ]
    for pair in told["correlation"]:
        one, other = pair["columns"]
        rows.append((f"{one} follows {other}", pair["value"], pair["value"], ""))
    for column, warning, value, share in deck_warnings().itertuples(index=False):
        if warning in ("missing", "zeros"):
            slip = _slip(told["difference"], column, warning)
            says = f"{value:,.0f} / {slip.get('printed', share)}%"
            rows.append((f"{column}, {warning}", says, f"{value:,.0f} / {share}%", slip.get("why", "")))
        elif warning != "rejected":
            text = f"{value:,.3f}" if warning == "skewed" else f"{value:,.0f}"
            rows.append((f"{column}, {warning}", text, text, ""))
    rows.append(("size in memory", f"{told['memory_megabytes']} MB", f"{told['memory_megabytes']} MB", ""))
    table = pd.DataFrame(rows, columns=["figure", "the deck says", "computed again", "why they differ"])
    text = {
        name: table[name].map(lambda value: f"{value:,}" if isinstance(value, int) else str(value)) for name in table
    }
    return pd.DataFrame(text).set_index("figure")


def _counted(count: int, rows: int) -> str:
    return f"{count:,} / {100 * count / rows:.1f}%"


def _slip(differences: list[dict[str, Any]], column: str, warning: str) -> dict[str, Any]:
    """Return the printed percentage of a warning where the deck got it wrong."""
    kind = {"missing": "missing", "zeros": "zero"}[warning]
    named = [slip for slip in differences if slip["what"].endswith(f" {kind}") and column in slip["what"]]
    return named[0] if named else {}


# --------------------------------------------------------------------------- a maintained profiler


def profilers() -> pd.DataFrame:
    """Return the profilers that were weighed for the course: what they bring along, and the choice."""
    rows = tables.read_toml("profilers.toml")["profiler"]
    return pd.DataFrame(rows).set_index("profiler")


def skrub_profile(flights: pd.DataFrame) -> pd.DataFrame:
    """Let a maintained profiler, skrub's TableReport, count each column's missing cells and distinct values.

    Parameters
    ----------
    flights : DataFrame

    Returns
    -------
    DataFrame, one row a column
        'missing' (cells) and 'distinct' (values, 'missing' not counted; skrub counts none in a column that is empty).

    Raises
    ------
    DataError
        The table has no row, or two columns of one name.
    """
    columns = _report(flights, compute_associations=False).dict()["columns"]
    counts = {
        column["name"]: {"missing": column["null_count"], "distinct": column.get("n_unique", 0)} for column in columns
    }
    return pd.DataFrame(counts).T.rename_axis("column")


def write_skrub_report(flights: pd.DataFrame, name: str = "profile") -> str:
    """Write skrub's report as one HTML page, to be opened in a browser.

    Parameters
    ----------
    flights : DataFrame
    name : str
        Of the file, without its ending; it lies in ``data/processed/reports``.

    Returns
    -------
    str
        What was written, without the folder.

    Raises
    ------
    DataError
        The table has no row, or two columns of one name.
    """
    from course_utils.data import reports

    html = _report(flights, compute_associations=True).html()
    file = reports.save(html, name)
    return f"{file.name}: {len(flights.columns)} columns, {len(flights):,} rows"


def _report(flights: pd.DataFrame, **options: Any) -> skrub.TableReport:
    _checked(flights)
    # skrub makes a folder in the home directory as soon as it is imported, unless it is told another one.
    os.environ.setdefault("SKB_DATA_DIRECTORY", str(datasets.data_folder().resolve() / "interim" / "skrub"))
    import skrub

    return skrub.TableReport(flights, plot_distributions=False, verbose=0, **options)


def _checked(flights: pd.DataFrame) -> pd.DataFrame:
    if not len(flights):
        raise DataError("a table without rows has no profile", fix="choose flights that are there")
    if flights.columns.has_duplicates:
        name = flights.columns[flights.columns.duplicated()][0]
        raise DataError("two columns have this name", column=str(name), fix="give each column a name of its own")
    return flights
