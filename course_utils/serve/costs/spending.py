"""Who spent the money: a labelled billing export, SQL, budget alerts, and the deck's ways to control costs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.errors import UsageError
from course_utils.serve.costs.checks import check_positive, to_decimal

__all__ = ["billing_export", "budget_alerts", "cost_controls", "cost_tools", "sql"]


def billing_export() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return an invented billing export with labels, and how often each resource was used according to monitoring.

    Returns
    -------
    bill : DataFrame, one row per resource and day
        'day', 'service', 'resource', 'cost' in dollars (exact decimals) and 'labels': a list of {key, value} as in
        Google's export, empty if the resource has no labels.
    use : DataFrame, one row per resource and day
        'day', 'resource' and 'requests': how often the resource was used.

    Examples
    --------
    >>> bill, use = costs.billing_export()
    >>> bill["cost"].sum()
    Decimal('1310.613')
    >>> bill["labels"].iloc[0][0]
    {'key': 'team', 'value': 'data_science'}
    """
    data = tables.read_toml("hosting.toml")
    days = pd.date_range(data["export"]["first"], periods=data["export"]["days"], freq="D")
    bill, use = [], []
    for day in days:
        for resource in data["resource"]:
            if day.day < resource.get("from", 1):
                continue
            quiet = Decimal(str(resource.get("weekend", 1))) if day.dayofweek >= 5 else 1
            labels = [{"key": key, "value": value} for key, value in resource.get("labels", {}).items()]
            common = {"day": day.date(), "resource": resource["name"]}
            cost = Decimal(str(resource["dollars"])) * quiet
            bill.append(common | {"service": resource["service"], "cost": cost, "labels": labels})
            use.append(common | {"requests": int(resource["busy"] * quiet)})
    return pd.DataFrame(bill)[["day", "service", "resource", "cost", "labels"]], pd.DataFrame(use)


def sql(query: str, **frames: pd.DataFrame) -> pd.DataFrame:
    """Return the result of an SQL query on data frames, run by DuckDB in memory.

    Parameters
    ----------
    query : str
        One statement in DuckDB's SQL; its tables are the names of `frames`.
    **frames : DataFrame
        The tables by name. Decimals stay exact inside the query, as DuckDB's DECIMAL.

    Returns
    -------
    DataFrame
        Decimals come back as floats: show them, but do not calculate with them.

    Raises
    ------
    UsageError
        DuckDB cannot run the query; the message quotes its reason.

    Examples
    --------
    >>> bill, _ = costs.billing_export()
    >>> query = "SELECT service, count(*) AS lines FROM bill GROUP BY service ORDER BY lines DESC LIMIT 1"
    >>> costs.sql(query, bill=bill)
              service  lines
    0  Compute Engine    203
    """
    import duckdb
    import pyarrow as pa

    # One thread keeps the order of rows the same in every run; without extensions nothing is downloaded.
    settings = {"threads": 1, "autoinstall_known_extensions": False, "autoload_known_extensions": False}
    with duckdb.connect(":memory:", config=settings) as database:
        for name, frame in frames.items():
            # Through Arrow, which gives each column one type: DuckDB guesses types of objects from a sample of rows.
            database.register(name, pa.Table.from_pandas(frame, preserve_index=False))
        try:
            result = database.execute(query)
        except duckdb.Error as error:
            reason = str(error).strip().split("\n")[0]
            raise UsageError(f"DuckDB cannot run the query: {reason}", fix="correct the SQL") from error
        return result.df()


def budget_alerts(daily: pd.Series, budget: float | Decimal, shares: Sequence[float]) -> pd.DataFrame:
    """Return the day on which spending reached each share of a budget, and the day expected at an even pace.

    Parameters
    ----------
    daily : Series
        Dollars spent on each day of the month, in order; the index is the day's number, from 1.
    budget : number
        Dollars for the whole month, above zero.
    shares : sequence of float
        Shares of the budget at which to alert, such as ``[0.5, 0.7]``.

    Returns
    -------
    DataFrame, index 'share'
        'day': when the total reached the share, missing if it never did; 'even pace': when it would have reached it if
        every day had cost the same; 'days early': the difference.

    Raises
    ------
    UsageError
        The budget or a share is not positive, or there are no days.

    Examples
    --------
    >>> costs.budget_alerts(pd.Series([10, 10, 80, 0], index=[1, 2, 3, 4]), budget=100, shares=[0.5])
           day  even pace  days early
    share
    0.5      3          2          -1
    """
    check_positive(budget=budget)
    if not len(daily):
        raise UsageError("there are no days", fix="pass the cost of each day of the month")
    spent = np.cumsum([to_decimal(cost, "a day's cost") for cost in daily])
    rows = {}
    for share in shares:
        part = to_decimal(share, "a share")
        check_positive(share=share)
        limit = part * to_decimal(budget, "the budget")
        reached = [day for day, total in zip(daily.index, spent, strict=True) if total >= limit]
        even = math.ceil(part * len(daily))
        rows[share] = {"day": reached[0] if reached else None, "even pace": even}
    frame = pd.DataFrame(rows).T.astype({"day": "Int64", "even pace": int}).rename_axis("share")
    return frame.assign(**{"days early": frame["even pace"] - frame["day"]})


def cost_controls() -> pd.DataFrame:
    """Return the eleven ways to control costs of quiz K3: what each is, where lesson 08 uses it, how it helps.

    Returns
    -------
    DataFrame, index 'way' ('a' to 'k')
        'what', 'here' (the section of lesson 08) and 'kind' (the kind of help).

    Examples
    --------
    >>> costs.cost_controls().loc["a", "kind"]
    'informs you'
    """
    quizzes = {quiz["name"]: quiz for quiz in tables.read_toml("quizzes.toml")["quiz"]}
    options = [option["text"] for option in quizzes["K3.1"]["options"] if option["verdict"] == "part"]
    known = tables.read_toml("hosting.toml")["way"]
    rows = [
        {"way": way["letter"], "what": text, "here": way["where"], "kind": way["kind"]}
        for way, text in zip(known, options, strict=True)
    ]
    return pd.DataFrame(rows).set_index("way")


def cost_tools() -> pd.DataFrame:
    """Return the cost tools that the deck names, what each is for, and its state in November 2026.

    Examples
    --------
    >>> costs.cost_tools().loc["Cost Explorer", "what it is for"]
    "Amazon's own charts of spending, with a forecast"
    """
    frame = pd.DataFrame(tables.read_toml("hosting.toml")["tool"]).set_index("name")
    return frame.rename(columns={"use": "what it is for", "today": "in November 2026"}).rename_axis("in the deck, 2018")
