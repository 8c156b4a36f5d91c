"""Around the signals of `drift`: the deck's questions, other people's tools, a rule on trial, boards, and the runbook.

`try_rule` tries an alert rule with its test, and the test with wrong rules; `example_dashboards` draws up three dashboards of which
one hides an outage; `scrape_service` lets Prometheus look at a service; `runbook` is what whoever is on call reads first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import features
from course_utils.errors import UsageError
from course_utils.operate import telemetry
from course_utils.serve import load_testing

if TYPE_CHECKING:
    from course_utils.operate.backtest import Backtest

__all__ = [
    "Trial",
    "deck_questions",
    "example_dashboards",
    "monitoring_tools",
    "monitoring_tools_note",
    "runbook",
    "scrape_service",
    "try_rule",
]


# --------------------------------------------------------------------------- tables of words


def deck_questions() -> pd.DataFrame:
    """Return what the deck asks of a service in production, and what this course answers.

    Returns
    -------
    DataFrame, index 'from' and 'asks'
        'answer' and 'section' of the lesson.
    """
    return pd.DataFrame(tables.read_toml("monitoring.toml")["question"]).set_index(["from", "asks"])


def monitoring_tools() -> pd.DataFrame:
    """Return what the parts of this lesson are called elsewhere: a row a part, a column a tool."""
    table = pd.DataFrame(tables.read_toml("monitoring.toml")["tool"]).set_index("here")
    return table.rename(columns={"sagemaker": "SageMaker and CloudWatch", "clipper": "Clipper 0.4"})


def monitoring_tools_note() -> None:
    """Print when the makers' documents were read for `monitoring_tools`."""
    print(f"as documented on {tables.read_toml('monitoring.toml')['tools']['read']}")


def runbook(signal: str | None = None) -> pd.DataFrame:
    """Return the runbook, or what it says of one signal.

    Parameters
    ----------
    signal : str, optional
        A signal of `drift.signals`.

    Returns
    -------
    DataFrame, one row an entry
        'symptom', 'tier' ('page' or 'evidence'), 'signals', 'look' (first), 'causes' (likely ones), 'act' (at once),
        'not' (what would make it worse), 'then' (in daylight) and 'who'.

    Raises
    ------
    UsageError
        The runbook has nothing on that signal.
    """
    entries = pd.DataFrame(tables.read_toml("runbook.toml")["entry"])
    if signal is not None:
        of_it = entries["signals"].map(lambda names: signal in names)
        if not of_it.any():
            raise UsageError(f"the runbook has nothing on {signal!r}", fix="choose one of drift.signals()")
        entries = entries[of_it]
    entries["signals"] = entries["signals"].str.join(", ")
    entries["causes"] = entries["causes"].str.join("; ")
    return entries.set_index("symptom")


# --------------------------------------------------------------------------- a rule and its test


@dataclass(frozen=True, repr=False)
class Trial:
    """What came of an alert rule and its test. Made by `try_rule`.

    Attributes
    ----------
    table : DataFrame
        The test, day by day: what should happen, and what the rule does.
    hidden : DataFrame
        The same on days that the test did not name: 'value', 'should' and 'does'.
    unnoticed : tuple of str
        Wrong rules that the test lets pass, by what is wrong with them.
    """

    table: pd.DataFrame
    hidden: pd.DataFrame
    unnoticed: tuple[str, ...]

    def __repr__(self) -> str:
        right = int(self.table["right"].sum())
        return f"{right} of {len(self.table)} days as they should be, {len(self.unnoticed)} wrong rules unnoticed"


def try_rule(rule: Mapping[str, Any], values: Sequence[float], fires: Sequence[bool]) -> Trial:
    """Try an alert rule on the coverage of labels with its own test, and the test with rules that are wrong.

    Parameters
    ----------
    rule : mapping
        'alert', 'expr' and, if it shall wait, 'for': as Prometheus reads it.
    values : sequence of float
        The coverage of made-up days.
    fires : sequence of bool
        On which of them it should fire.

    Raises
    ------
    DataError
        There are more values than verdicts, or fewer.
    UsageError
        The rule is none.
    """
    plan = tables.read_toml("monitoring.toml")["rule"]
    signal = plan["signal"]
    table = telemetry.check_rule(rule, {signal: values}, fires)
    hidden = telemetry.check_rule(rule, {signal: plan["values"]}, plan["fires"])
    unnoticed = tuple(
        wrong["says"]
        for wrong in plan["wrong"]
        if telemetry.check_rule(
            {"alert": "Wrong", "expr": wrong["expr"], "for": wrong["for"]}, {signal: values}, fires
        )["right"].all()
    )
    return Trial(table, hidden.rename(columns={signal: "value"}), unnoticed)


# --------------------------------------------------------------------------- a running service


def scrape_service(
    address: str, app: str, inputs: Sequence[str], *, seconds: float = 60, rate: float = 50, every: str = "1s"
) -> pd.Series:
    """Let a real Prometheus scrape a running service while it is asked, and say what it saw in the end.

    Parameters
    ----------
    address : str
        Of the cluster, as ``get_query_addr()`` returns it.
    app : str
        The application that is asked.
    inputs : sequence of str
        What is asked, again and again.
    seconds, rate : float
        For how long, and how often a second.
    every : str
        How often Prometheus scrapes.

    Returns
    -------
    Series
        'targets that answer', 'questions a second', 'default answers', 'p99 [ms]' and 'alerts firing'.

    Raises
    ------
    UsageError
        Prometheus is not installed; or as from `load_testing.open_loop_load`.
    """
    window = f"{max(5, int(seconds))}s"
    latency = f'sum by (le) (rate(clipper_latency_seconds_bucket{{app="{app}"}}[{window}]))'
    asked = {
        "targets that answer": "sum(up)",
        "questions a second": f'sum(rate(clipper_queries_total{{app="{app}"}}[{window}]))',
        "default answers": f'sum(clipper_defaulted_total{{app="{app}"}})',
        "p99 [ms]": f"1000 * histogram_quantile(0.99, {latency})",
    }
    prometheus = telemetry.Prometheus(targets=[address], rules=["service"], every=every)
    try:
        load_testing.open_loop_load(address, app, inputs, rate=rate, seconds=seconds)
        seen = {name: prometheus.now(expression).sum() for name, expression in asked.items()}
        seen["alerts firing"] = int((prometheus.alerts()["state"] == "firing").sum())
    finally:
        prometheus.stop()
    return pd.Series(seen, name="seen").round(1)


# --------------------------------------------------------------------------- three dashboards


def example_dashboards(machine: Backtest) -> dict[str, pd.DataFrame]:
    """Return three dashboards of three weeks in summer, one an airport; behind one of them was an outage.

    Parameters
    ----------
    machine : TimeMachine

    Returns
    -------
    dict of str to DataFrame, keys 'A', 'B' and 'C'
        One row a day: 'requests', 'mean score', 'p99 [ms]' and 'late yesterday', as the panels show them.
    """
    plan = tables.read_toml("monitoring.toml")["boards"]
    rows, labels, _, _ = machine.table(plan["first"], plan["last"])
    found = {}
    for name, airport in zip("ABC", plan["airports"], strict=True):
        here = rows[rows["Origin"].astype(str) == airport].groupby("day")
        files = labels[labels["Origin"].astype(str) == airport]
        board = pd.DataFrame(
            {
                "requests": here.size(),
                "mean score": here["probability"].mean().round(4),
                "p99 [ms]": here["latency_ms"].quantile(0.99).round(2),
                "late yesterday": features.label(files).groupby(files["day"]).mean().round(4),
            }
        )
        found[name] = board.rename_axis("day")
    found[plan["hides"]] = _carried(found[plan["hides"]], plan["out_first"], plan["out_last"])
    return found


def _carried(board: pd.DataFrame, first: str, last: str) -> pd.DataFrame:
    """Show the last value again and again, as a panel does whose exporter keeps what it knew."""
    shown = board.astype(float)
    shown.loc[first:last] = np.nan
    return shown.ffill().astype(board.dtypes)
