"""The signals that are watched, their limits and what they mean, as tables/operate/drift.toml lists them.

`signals` is that list as a table and `limits` are the limits of the signals that page someone. Every other module of
this package reads its settings (bins, block length, smoothing, budget) from here.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd

from course_utils import tables
from course_utils.errors import UsageError

__all__ = ["CLOCK_COLUMNS", "HUB_COLUMN", "VOCABULARY", "limits", "raw_column", "settings", "signals"]

#: The signals that count values which the reference data never had, and the column that each of them reads.
VOCABULARY = {"unseen_carrier": "UniqueCarrier", "unseen_origin": "Origin", "unseen_dest": "Dest"}
#: Three columns of the schedule that must agree: arrival, departure, and the minutes between them.
CLOCK_COLUMNS = ("CRSArrTime", "CRSDepTime", "CRSElapsedTime")
#: The column with an airport's contrast of one day, before it is smoothed.
HUB_COLUMN = "gap_{}"


@cache
def settings() -> dict[str, Any]:
    """Return drift.toml as data: the signals, and the settings of bins, blocks, smoothing and budget."""
    return tables.read_toml("drift.toml")


def signals(tier: str | None = None) -> pd.DataFrame:
    """Return what is watched, one row a signal.

    Parameters
    ----------
    tier : {'page', 'evidence'}, optional
        Signals that page someone, or those that are read once a week; by default both.

    Returns
    -------
    DataFrame, index 'name'
        'tier', 'part', 'group', 'unit', 'side', 'limit', 'title', 'means', and where it applies 'low', 'column',
        'airport' and 'start'.

    Raises
    ------
    UsageError
        There is no such tier.

    See Also
    --------
    daily_signals : The values of these signals, day by day.

    Examples
    --------
    >>> signals = drift.signals("page")
    >>> print(signals.loc["missing_weather", "title"], "above", signals.loc["missing_weather", "limit"])
    Requests without weather above 0.05
    """
    if tier not in (None, "page", "evidence"):
        raise UsageError(f"there is no tier {tier!r}", fix="choose 'page' or 'evidence'")
    found = pd.DataFrame(settings()["signal"]).set_index("name")
    return found if tier is None else found[found["tier"] == tier]


def limits() -> pd.Series:
    """Return the limit of each signal that pages, by its name.

    Examples
    --------
    >>> print(drift.limits()["label_coverage"])
    0.98
    """
    return signals("page")["limit"].astype(float)


def raw_column(name: str, signal: pd.Series) -> str:
    """Return the daily table's column that holds a signal before it is smoothed; only contrasts (part D) are smoothed.

    Parameters
    ----------
    name : str
        A signal's name, such as 'hub_EWR'.
    signal : Series
        Its row in the table that `signals` returns.
    """
    if signal["part"] != "D":
        return name
    return "edge_day" if name == "edge" else HUB_COLUMN.format(signal["airport"])
