"""Profile a table column by column, and list what a profiler warns about.

`profile` and `warnings` are the core of the deck's profiler: on the deck's own data they reproduce all its figures.
`deck_figures` has those figures, next to the few that the deck printed wrong.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import checked, datasets
from course_utils.errors import DataError, UsageError
from course_utils.wording import counted

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

#: The limits above which a column gets a warning. The deck's profiler had these limits for correlation, skewness and
#: distinct values. Its warnings start at 1.3% missing or zero, so any limit below that gives the same warnings.
LIMITS = {"missing": 0.01, "zero": 0.01, "distinct": 50, "skewness": 20.0, "correlation": 0.9}


def profile(flights: pd.DataFrame) -> pd.DataFrame:
    """Return a profile of a table: one row per column, and one for the row label, called 'index'.

    Parameters
    ----------
    flights : DataFrame
        Any table with columns of numbers and texts, and at least one row.

    Returns
    -------
    DataFrame
        Indexed by column. 'kind' (see `kinds`), 'missing' and 'zero' (numbers of cells), 'distinct' (number of values,
        where 'missing' counts as one), 'skewness' (of numbers, else NaN) and 'follows' (see
        `rejected_by_correlation`).

    Raises
    ------
    DataError
        The table has no rows, two columns with the same name, or a list in a cell.

    Examples
    --------
    >>> profiles.profile(flights).loc["TailNum", ["kind", "missing", "distinct"]].astype(str).tolist()
    ['categorical', '5', '1435']
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
    """Return the kind of each column in `rows`: 'numeric', 'boolean' (two numbers), 'categorical' or 'constant'.

    Raises
    ------
    DataError
        The table has no rows, two columns with the same name, or a list in a cell.
    """
    _checked(rows)
    values = rows.nunique()
    kind = pd.Series("categorical", index=rows.columns)
    kind[rows.select_dtypes("number").columns] = "numeric"
    kind[(kind == "numeric") & (values == 2)] = "boolean"
    return kind.mask(values <= 1, "constant")


def rejected_by_correlation(numbers: pd.DataFrame, limit: float = LIMITS["correlation"]) -> pd.Series:
    """Return, for each column that correlates with an earlier column, the last such earlier column.

    This is the rule of the deck's profiler: the first of two correlated columns stays, the second is 'rejected'. The
    rule ignores which of the two a model may use.

    Parameters
    ----------
    numbers : DataFrame
        Columns of numbers; their order decides which one stays.
    limit : float from -1 to 1
        Pearson correlation above which a column is rejected.

    Returns
    -------
    Series of str
        Indexed by the rejected columns.

    Examples
    --------
    >>> profiles.rejected_by_correlation(flights[["Distance", "AirTime"]]).to_dict()
    {'AirTime': 'Distance'}
    """
    checked.need(numbers, ())
    plain = pd.DataFrame({name: checked.numbers(numbers[name]) for name in numbers}, index=numbers.index)
    correlation = plain.corr()
    above = pd.DataFrame(np.tril(correlation, k=-1) > limit, index=numbers.columns, columns=numbers.columns)
    return above.apply(lambda row: row.index[row].tolist()[-1:], axis=1).explode().dropna()


def warnings(found: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Return the warnings that a profiler would give, one row each.

    Parameters
    ----------
    found : DataFrame
        A profile as from `profile`.
    rows : int
        Number of rows of the table that was profiled, 1 or more.

    Returns
    -------
    DataFrame
        'column', 'warning' ('missing', 'zeros', 'distinct', 'skewed', 'constant' or 'rejected'), 'value' (number of
        cells or values, or skewness; NaN for the last two) and 'share' (of 'missing' and 'zeros': percent of the rows).

    Raises
    ------
    UsageError
        `found` is not a profile, or `rows` is below 1.

    Examples
    --------
    >>> profiles.warnings(profiles.profile(flights), rows=len(flights))["warning"].unique().tolist()
    ['constant', 'rejected', 'missing', 'zeros', 'distinct']
    """
    absent = [name for name in ("kind", "missing", "zero", "distinct", "skewness", "follows") if name not in found]
    if absent:
        raise UsageError(f"this is not a profile: it has no {absent[0]!r}", fix="pass profiles.profile(flights)")
    counts = ("missing", "zero", "distinct", "skewness")
    odd = [name for name in counts if not pd.api.types.is_numeric_dtype(found[name])]
    if odd or not found.index.is_unique or not found.columns.is_unique:
        problem = f"its {odd[0]!r} are not numbers" if odd else "it has a column twice"
        raise UsageError(f"this is not a profile: {problem}", fix="pass profiles.profile(flights)")
    if rows < 1:
        raise UsageError(f"rows={rows} cannot be profiled", fix="give the number of rows of the profiled table")
    # Columns that are rejected or constant get that warning only.
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
    """Return the head of a profile, counted as the deck's profiler does: rows, columns of each kind, missing cells.

    Parameters
    ----------
    flights : DataFrame
        As for `profile`.
    found : DataFrame, optional
        The `profile` of `flights`, to save computing it again. Default: it is computed.

    Returns
    -------
    Series
        'rows', 'variables' (columns and the row label), 'numeric', 'categorical', 'boolean', 'rejected' (correlated or
        constant columns), 'missing cells [%]' of all cells, and 'without rejected [%]': the same without the missing
        cells of rejected columns.

    Examples
    --------
    >>> profiles.summary(flights)[["rows", "variables", "rejected"]].tolist()
    [3000, 32, 17]
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
    """Return the warnings of the deck's profile, recomputed on the deck's data, in the form of `warnings`.

    They are committed; a test recomputes them wherever the deck's file is available.

    Examples
    --------
    >>> len(profiles.deck_warnings())
    34
    """
    deck = tables.read_toml("deck.toml")
    printed, rows = deck["profile"], deck["data"]["rows"]
    gone = printed["rejected_columns"]
    found = [(column, "rejected", np.nan) for column in gone]
    found += [(column, "missing", count) for column, count in printed["missing"].items() if column not in gone]
    found += [(column, "zeros", count) for column, count in printed["zeros"].items() if column not in gone]
    found += [(column, "distinct", count) for column, count in printed["distinct"].items()]
    found += [(column, "skewed", skew) for column, skew in printed["skewness"].items()]
    table = pd.DataFrame(found, columns=["column", "warning", "value"])
    counted = table["warning"].isin(["missing", "zeros"])
    table["share"] = (100 * table["value"] / rows).where(counted).round(1)
    return table


def deck_figures() -> pd.DataFrame:
    """Return the figures of the deck's profile next to the recomputed ones.

    Returns
    -------
    DataFrame
        Indexed by 'figure'. 'the deck says' and 'computed again' (texts), and 'why they differ', empty if they agree.

    Examples
    --------
    >>> profiles.deck_figures().loc["TaxiIn, missing", ["the deck says", "computed again"]].tolist()
    ['16,026 / 38.4%', '16,026 / 36.4%']
    """
    deck = tables.read_toml("deck.toml")
    printed, data = deck["profile"], deck["data"]
    total = printed["difference"][-1]
    rows: list[tuple[str, Any, Any, str]] = [
        ("rows", data["rows"], data["rows"], ""),
        ("variables", printed["variables"], data["columns"] + 1, ""),
        *[
            (f"{kind} columns", printed[kind], printed[kind], "")
            for kind in ("numeric", "categorical", "boolean", "rejected")
        ],
        ("cells missing in all", f"{total['printed']}%", f"{total['computed']}%", total["why"]),
        ("late (IsDepDelayed = YES)", *2 * [_counted(data["late"], data["rows"])], ""),
        ("on time (NO)", *2 * [_counted(data["on_time"], data["rows"])], ""),
    ]
    for pair in printed["correlation"]:
        one, other = pair["columns"]
        rows.append((f"{one} follows {other}", pair["value"], pair["value"], ""))
    for column, warning, value, share in deck_warnings().itertuples(index=False):
        if warning in ("missing", "zeros"):
            slip = _slip(printed["difference"], column, warning)
            says = f"{value:,.0f} / {slip.get('printed', share)}%"
            rows.append((f"{column}, {warning}", says, f"{value:,.0f} / {share}%", slip.get("why", "")))
        elif warning != "rejected":
            text = f"{value:,.3f}" if warning == "skewed" else f"{value:,.0f}"
            rows.append((f"{column}, {warning}", text, text, ""))
    rows.append(("size in memory", f"{printed['memory_megabytes']} MB", f"{printed['memory_megabytes']} MB", ""))
    table = pd.DataFrame(rows, columns=["figure", "the deck says", "computed again", "why they differ"])
    text = {
        name: table[name].map(lambda value: f"{value:,}" if isinstance(value, int) else str(value)) for name in table
    }
    return pd.DataFrame(text).set_index("figure")


def _counted(count: int, rows: int) -> str:
    return f"{count:,} / {100 * count / rows:.1f}%"


def _slip(differences: list[dict[str, Any]], column: str, warning: str) -> dict[str, Any]:
    """Return the deck's wrong percentage for a warning, or an empty dict if the deck is right."""
    kind = {"missing": "missing", "zeros": "zero"}[warning]
    named = [slip for slip in differences if slip["what"].endswith(f" {kind}") and column in slip["what"]]
    return named[0] if named else {}


# --------------------------------------------------------------------------- a maintained profiler


def profilers() -> pd.DataFrame:
    """Return the profilers that were compared for the course: what each one installs, and the verdict.

    Examples
    --------
    >>> profiles.profilers().loc["skrub (TableReport)", "packages"]
    '1'
    """
    rows = tables.read_toml("profilers.toml")["profiler"]
    return pd.DataFrame(rows).set_index("profiler")


def skrub_profile(flights: pd.DataFrame) -> pd.DataFrame:
    """Return each column's missing cells and distinct values, as counted by skrub's TableReport.

    Parameters
    ----------
    flights : DataFrame
        As for `profile`.

    Returns
    -------
    DataFrame
        Indexed by column. 'missing' (number of cells) and 'distinct' (number of values, without 'missing'; skrub counts
        none in an empty column).

    Raises
    ------
    DataError
        The table has no rows, two columns with the same name, or a list in a cell.

    See Also
    --------
    profile : The same counts, and more, in ten lines of pandas.

    Examples
    --------
    >>> profiles.skrub_profile(flights[["DepDelay", "Origin"]]).loc["Origin"].tolist()
    [0, 3]
    """
    columns = _report(flights, compute_associations=False).dict()["columns"]
    counts = {
        column["name"]: {"missing": column["null_count"], "distinct": column.get("n_unique", 0)} for column in columns
    }
    return pd.DataFrame(counts).T.rename_axis("column")


def write_skrub_report(flights: pd.DataFrame, name: str = "profile") -> str:
    """Write skrub's report as an HTML page that you can open in a browser, and return a line about it.

    Parameters
    ----------
    flights : DataFrame
        As for `profile`.
    name : str
        Name of the file in ``data/processed/reports``, without extension: letters, digits, - and _.

    Returns
    -------
    str
        Name and size of the page, without the folder.

    Raises
    ------
    DataError
        The table has no rows, two columns with the same name, or a list in a cell.
    """
    from course_utils.data import reports

    html = _report(flights, compute_associations=True).html()
    file = reports.save(html, name)
    return f"{file.name}: {counted(len(flights.columns), 'column')}, {counted(len(flights), 'row')}"


def _report(flights: pd.DataFrame, **options: Any) -> skrub.TableReport:
    _checked(flights)
    # As soon as it is imported, skrub creates a folder in the home directory unless this variable names another one.
    os.environ.setdefault("SKB_DATA_DIRECTORY", str(datasets.data_folder().resolve() / "interim" / "skrub"))
    import skrub

    return skrub.TableReport(flights, plot_distributions=False, verbose=0, **options)


def _checked(flights: pd.DataFrame) -> pd.DataFrame:
    if not len(flights):
        raise DataError("a table without rows has no profile", fix="pass at least one flight")
    if flights.columns.has_duplicates:
        name = flights.columns[flights.columns.duplicated()][0]
        raise DataError("two columns have this name", column=str(name), fix="rename one of them")
    for name in flights.select_dtypes("object"):
        if lists := [kind for kind in set(map(type, flights[name])) if kind.__hash__ is None]:
            raise DataError(f"holds a {lists[0].__name__} in a cell", column=str(name), fix="pass one value a cell")
    return flights
