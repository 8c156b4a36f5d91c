"""Who spent it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.errors import UsageError
from course_utils.serve.costs.checks import check_positive, to_decimal

__all__ = [
    "billing_export",
    "budget_alerts",
    "cost_controls",
    "cost_tools",
    "sql",
]


def billing_export() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a billing export with labels, made up, and what monitoring knows of the same resources.

    Returns
    -------
    bill : DataFrame, a row for each resource and day
        'day', 'service', 'resource', 'cost' in dollars (exact decimals) and 'labels', a list of {key, value} as in
        Google's export; empty where nobody labelled the resource.
    use : DataFrame, a row for each resource and day
        'day', 'resource' and 'requests': how often anything asked for it.
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


def sql(sql: str, **frames: pd.DataFrame) -> pd.DataFrame:
    """Ask tables in SQL, with DuckDB and in memory.

    Parameters
    ----------
    sql : str
        One query; the names of `frames` are its tables.
    **frames : DataFrame
        Decimals stay exact in it: they become DuckDB's DECIMAL.

    Returns
    -------
    DataFrame
        Sums of money as numbers to show, no longer to reckon with.

    Raises
    ------
    UsageError
        DuckDB cannot run the query; its words are in the message.
    """
    import duckdb
    import pyarrow as pa

    # One thread: rows come in one order. Nothing is fetched: no extension is looked for.
    settings = {"threads": 1, "autoinstall_known_extensions": False, "autoload_known_extensions": False}
    with duckdb.connect(":memory:", config=settings) as database:
        for name, frame in frames.items():
            database.register(name, pa.Table.from_pandas(frame, preserve_index=False))
        try:
            result = database.execute(sql)
        except duckdb.Error as error:
            said = str(error).strip().split("\n")[0]
            raise UsageError(f"the query cannot be run: {said}", fix="correct the query") from error
        return result.df()


def budget_alerts(daily: pd.Series, budget: float | Decimal, shares: Sequence[float]) -> pd.DataFrame:
    """Say when spending reached shares of a budget, and when it would have at an even pace.

    Parameters
    ----------
    daily : Series
        Dollars spent on each day of the month, in order; index: the day's number, from 1.
    budget : number
        Dollars for the whole month.
    shares : sequence of float
        Such as ``[0.5, 0.7]``.

    Returns
    -------
    DataFrame, index 'share'
        'day' on which the sum since the first reached the share (missing if it never did), 'even pace', the day on
        which it would have been reached had each day cost the same, and 'days early'.

    Raises
    ------
    UsageError
        The budget or a share is not positive, or there are no days.
    """
    check_positive(budget=budget)
    if not len(daily):
        raise UsageError("there are no days", fix="pass the costs of each day of the month")
    spent = np.cumsum([to_decimal(cost, "a day's cost") for cost in daily])
    rows = {}
    for share in shares:
        part = to_decimal(share, "a share")
        check_positive(share=share)
        reached = [day for day, total in zip(daily.index, spent, strict=True) if total >= part * to_decimal(budget, "")]
        even = math.ceil(part * len(daily))
        rows[share] = {"day": reached[0] if reached else None, "even pace": even}
    frame = pd.DataFrame(rows).T.astype({"day": "Int64", "even pace": int}).rename_axis("share")
    return frame.assign(**{"days early": frame["even pace"] - frame["day"]})


def cost_controls() -> pd.DataFrame:
    """Return the eleven ways of K3 to control costs: what each is, where this lesson does it, what kind of help it is.

    Returns
    -------
    DataFrame, index 'way' ('a' to 'k')
        'what', 'here' (the section) and 'kind'.
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
    """Return the tools that the deck names for costs, what each is for, and what became of it by November 2026."""
    frame = pd.DataFrame(tables.read_toml("hosting.toml")["tool"]).set_index("name")
    return frame.rename(columns={"use": "what it is for", "today": "in November 2026"}).rename_axis("in the deck, 2018")
