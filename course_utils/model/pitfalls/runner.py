"""Run the checks on a delivery, and summarise their findings in one row a check."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import dictionary as data_dictionary
from course_utils.errors import DataError, UsageError
from course_utils.model.pitfalls.deliveries import Delivery
from course_utils.model.pitfalls.registry import SEVERITIES, checks, detector

__all__ = ["run_checks", "summarise_findings"]


def run_checks(
    delivery: Delivery,
    reference: Delivery | None = None,
    dictionary: pd.DataFrame | None = None,
    horizon: float | None = None,
    log: pd.DataFrame | None = None,
    *,
    only: str | Iterable[str] | None = None,
) -> pd.DataFrame:
    """Run the checks on a delivery and return their findings in one table.

    Parameters
    ----------
    delivery : Delivery
        The flights to examine; one without rows is refused.
    reference : Delivery, optional
        Flights of an earlier time, such as those that a model was trained on. Without them, checks that compare are
        'not assessable'.
    dictionary : DataFrame, optional
        The data dictionary, by default ``dictionary.load()``; for a policy of your own, change a copy.
    horizon : float, optional
        Hours before departure at which the model predicts, 0 or more; by default 3, from constants.toml.
    log : DataFrame, optional
        What the model in production did, by row label; by default the log of the delivery.
    only : str or iterable of str, optional
        Names of checks to run; by default all of `checks`.

    Returns
    -------
    DataFrame
        One row a finding, columns `COLUMNS`; checks in the order of `checks`, the worst finding of each first.

    Raises
    ------
    UsageError
        There is no such check, or the horizon is negative.
    DataError
        The delivery has no rows.

    Examples
    --------
    >>> delivery = pitfalls.make_delivery(flights, inputs=["CRSDepTime", "DepDelay", "Year"])
    >>> pitfalls.run_checks(delivery, only=["available", "variance"])[["check", "where", "severity"]]
           check     where severity
    0  available  DepDelay     stop
    1   variance      Year     look
    """
    dictionary = data_dictionary.load() if dictionary is None else dictionary
    horizon = tables.read_toml("constants.toml")["horizon_hours"] if horizon is None else horizon
    if not horizon >= 0:
        raise UsageError(f"horizon={horizon} is after departure", fix="pass hours before departure, 0 or more")
    if not len(delivery.rows):
        raise DataError("the delivery has no rows", fix="pass at least one day of flights")
    order = list(checks().index)
    names = list(order if only is None else [only] if isinstance(only, str) else only)
    parts = [detector(name)(delivery, reference, dictionary, horizon, log) for name in names]
    # An empty table has no types of its own: concatenated with others it would turn their numbers into objects.
    found = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    rank = found["severity"].map(SEVERITIES.index)
    return found.iloc[np.lexsort((rank, found["check"].map(order.index)))].reset_index(drop=True)


def summarise_findings(findings: pd.DataFrame, *, only: Iterable[str] | None = None) -> pd.DataFrame:
    """Return one row a check: its verdict, and how many findings it has.

    Parameters
    ----------
    findings : DataFrame
        A table of findings, as from `run_checks`.
    only : iterable of str, optional
        Names of checks to show; by default all of `checks`, whether they were run or not.

    Returns
    -------
    DataFrame
        By check: 'side', 'verdict' ('stop', 'look', 'note', 'nothing found' or 'not assessable'), 'findings' (how many
        alarms and notes) and 'first', the worst of them in words.

    Examples
    --------
    >>> delivery = pitfalls.make_delivery(flights, inputs=["CRSDepTime", "DepDelay", "Year"])
    >>> findings = pitfalls.run_checks(delivery, only=["variance", "duplicates"])
    >>> pitfalls.summarise_findings(findings, only=["variance", "duplicates"])[["verdict", "first"]]
                      verdict                          first
    check
    variance             look  Year: it is 2013 on every row
    duplicates  nothing found
    """
    table = checks()
    rows = {}
    for name in table.index if only is None else only:
        mine = findings[findings["check"] == name]
        real = mine[mine["severity"] != "not assessable"]
        worst = (real if len(real) else mine).head(1)
        verdict, first = "nothing found", ""
        if len(worst):
            verdict, where, evidence = worst[["severity", "where", "evidence"]].iloc[0]
            first = f"{where}: {evidence}" if where else evidence
        rows[name] = {"side": table.loc[name, "side"], "verdict": verdict, "findings": len(real), "first": first}
    return pd.DataFrame(rows).T.rename_axis("check")
