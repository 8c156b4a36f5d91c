"""The audit: a delivery with planted faults that no one has marked, the score of an auditor, and the cost of misses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import faults
from course_utils.model.pitfalls.days import day_numbers
from course_utils.model.pitfalls.deliveries import Delivery, make_delivery
from course_utils.model.pitfalls.registry import checks, read_limits
from course_utils.model.pitfalls.runner import run_checks
from course_utils.wording import counted

__all__ = ["AUDITED", "Audit", "cost_of_missed_faults", "detector_error_rates", "example_deliveries"]

#: The inputs of an audited delivery: a model is meant to use these.
AUDITED = (
    *("DayOfWeek", "CRSDepTime", "CRSArrTime", "UniqueCarrier", "CRSElapsedTime", "Origin", "Dest", "Distance"),
    *("late_28d_carrier", "late_28d_flight", "late_24h_all", "late_6h_all", "late_3h_origin", "late_1h_origin"),
    *("temp", "dewp", "humid", "wind_speed", "visib", "pressure"),
)


def example_deliveries(flights: pd.DataFrame, known: pd.DataFrame, seed: int) -> tuple[Delivery, Delivery]:
    """Draw a clean delivery and a clean reference of other days: at most 20,000 flights each, in whole days.

    Days come from all over the year, so that the two do not differ by season. Days with a known incident are left out.

    Parameters
    ----------
    flights : DataFrame
        One row a flight, in the columns of the data dictionary.
    known : DataFrame
        Features by row label, as from `features.as_of`; those in `AUDITED` become the inputs.
    seed : int
        The same seed draws the same days.

    Examples
    --------
    >>> from course_utils.data import features
    >>> pitfalls.example_deliveries(flights, features.schedule(flights), seed=1)
    (Delivery(943 flights, 8 inputs), Delivery(1,215 flights, 8 inputs))
    """
    day = day_numbers(flights)
    days = np.setdiff1d(day.unique(), tables.read_toml("pitfalls.toml")["incidents"])
    order = np.random.default_rng(seed).permutation(days)
    size = day.value_counts().loc[order].cumsum()
    limit = min(read_limits()["rows"], len(flights) / 2)
    first = order[(size <= limit).to_numpy()]
    second = order[((size > limit) & (size <= 2 * limit)).to_numpy()]
    inputs = [name for name in AUDITED if name in known.columns]
    parts = [flights[day.isin(chosen)] for chosen in (first, second)]
    for part in parts:
        part.attrs = dict(flights.attrs)
    return tuple(make_delivery(part, known.loc[part.index], inputs=inputs) for part in parts)


class Audit:
    """A delivery with planted faults, a clean reference, and the score of what an auditor reports.

    Parameters
    ----------
    seed : int
        The same seed plants the same faults in the same flights.
    flights : DataFrame
        As for `example_deliveries`.
    known : DataFrame
        As for `example_deliveries`.
    planted : int or iterable of str
        How many faults, each for another check, or their names in `faults.catalogue`; by default six.

    Attributes
    ----------
    delivery, reference : Delivery
        The delivery with the faults, and clean flights of other days.

    Examples
    --------
    >>> from course_utils.data import features
    >>> audit = pitfalls.Audit(1, flights, features.schedule(flights), planted=["constant", "forbidden"])
    >>> audit
    Audit(Delivery(943 flights, 10 inputs), reference: 1,215 flights)
    >>> audit.score([{"check": "illegal", "where": "DayofMonth"}])[["planted", "found", "missed"]].to_list()
    [2, 1, 'constant']
    """

    def __init__(
        self, seed: int, flights: pd.DataFrame, known: pd.DataFrame, *, planted: int | Iterable[str] = 6
    ) -> None:
        self._clean, self.reference = example_deliveries(flights, known, seed)
        self.delivery, self._truth = faults.contaminate(self._clean, seed, planted)

    def __repr__(self) -> str:
        return f"Audit({self.delivery!r}, reference: {counted(len(self.reference.rows), 'flight')})"

    def score(self, findings: pd.DataFrame | Sequence[Any]) -> pd.Series:
        """Return how many of the planted faults the findings name, and the cost of the others.

        Parameters
        ----------
        findings : DataFrame or sequence of mappings
            'check' and 'where' of each. What is true of the clean delivery too counts as neither right nor wrong.

        Returns
        -------
        Series
            As `faults.score`, and 'dollars missed': what the missed faults cost per 1,000 flights, each by itself.
        """
        others = [name for name in checks().index if name != "necessary"]
        natural = run_checks(self._clean, self.reference, only=others)[["check", "where"]]
        # Whether a model needs an input of the clean delivery is a matter of opinion, not a fault.
        opinions = pd.DataFrame({"check": "necessary", "where": list(self._clean.inputs)})
        natural = pd.concat([natural[natural["where"] != ""], opinions])
        result = faults.score(findings, self._truth, natural=natural)
        missed = [name for name in result["missed"].split(", ") if name]
        return pd.concat(
            [result, pd.Series({"dollars missed": int(cost_of_missed_faults().reindex(missed).fillna(0).sum())})]
        ).rename("audit")

    def solution(self) -> pd.DataFrame:
        """Return the planted faults, with the check that should find each and its cost, to look at afterwards."""
        return self._truth.assign(dollars=cost_of_missed_faults().reindex(self._truth["fault"]).to_numpy())


def cost_of_missed_faults() -> pd.Series:
    """Return the cost of each fault that no one finds: dollars per 1,000 flights by name, 0 where none was measured."""
    return tables.benchmark("pitfall_costs")["dollars"].clip(lower=0)


def detector_error_rates() -> pd.DataFrame:
    """Return how often each check was wrong, as benchmarks/pitfalls.py measured it: one row a fault.

    Returns
    -------
    DataFrame
        By 'check' and 'fault': 'strength', 'power' (share of the seeds in which the fault was found), 'false alarms'
        (share of the seeds in which the check raised one on clean days) and 'seeds'.

    Examples
    --------
    >>> pitfalls.detector_error_rates().loc[("variance", "constant"), ["power", "false_alarms"]].to_list()
    [1.0, 0.0]
    """
    return tables.benchmark("pitfalls")
