"""Checks for the pitfalls of model development: each examines a delivery of flights and reports its findings.

`checks` lists them, `run_checks` runs them, and each is here under its own name too: `pitfalls.available`. All have one
signature, ``check(delivery, reference, dictionary, horizon, log=None)``, and return a table with one row a finding. Its
severity is 'stop' or 'look' (an alarm), 'note' (worth knowing) or 'not assessable': a check that lacks what it needs
never reports that all is well.

Checks of kind 'rule' are exact. Those of kind 'statistic' compare days, not flights, since flights of one day share its
weather, and look at whole days with at most 20,000 flights; benchmarks/pitfalls.py measures how often they are wrong.

To add a check, write its detector into `signal_detectors` or `data_detectors`, under ``@detects("name")``, and its row
into ``tables/model/pitfalls.toml``.
"""

from __future__ import annotations

from typing import Any

from course_utils.model.pitfalls import data_detectors, signal_detectors
from course_utils.model.pitfalls.audit import (
    AUDITED,
    Audit,
    cost_of_missed_faults,
    detector_error_rates,
    example_deliveries,
)
from course_utils.model.pitfalls.days import day_blocks
from course_utils.model.pitfalls.deliveries import Delivery, make_delivery
from course_utils.model.pitfalls.experiments import permutation_importance, uses_future
from course_utils.model.pitfalls.registry import ALARMS, COLUMNS, SEVERITIES, checks, detector, detects
from course_utils.model.pitfalls.runner import run_checks, summarise_findings

__all__ = [
    "ALARMS",
    "AUDITED",
    "COLUMNS",
    "SEVERITIES",
    "Audit",
    "Delivery",
    "checks",
    "cost_of_missed_faults",
    "data_detectors",
    "day_blocks",
    "detector",
    "detector_error_rates",
    "detects",
    "example_deliveries",
    "make_delivery",
    "permutation_importance",
    "run_checks",
    "signal_detectors",
    "summarise_findings",
    "uses_future",
]


def __getattr__(name: str) -> Any:
    from course_utils.errors import UsageError

    # Detectors are looked up, not listed, so that a new one is found without a line here.
    try:
        return detector(name)
    except UsageError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted({*globals(), *checks().index})
