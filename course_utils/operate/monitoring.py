"""Monitoring in practice: an alert rule and its test, a running service, dashboards, and the runbook.

`try_rule` judges an alert rule and its test, `scrape_service` lets Prometheus scrape a running service, and
`example_dashboards` gives three dashboards, one of which hides an outage. `runbook` is what the person on call reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import features
from course_utils.errors import UsageError
from course_utils.operate import telemetry
from course_utils.serve import load_testing
from course_utils.wording import counted

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
    """Return the deck's questions about a service in production, and the answers of this course.

    Returns
    -------
    DataFrame, index 'from' (the deck's page) and 'asks' (the question)
        The 'answer', and the 'section' of the lesson that gives it.

    Examples
    --------
    >>> monitoring.deck_questions().loc[("Step 6", "How were the thresholds chosen?"), "section"]
    'A budget of false alarms'
    """
    return pd.DataFrame(tables.read_toml("monitoring.toml")["question"]).set_index(["from", "asks"])


def monitoring_tools() -> pd.DataFrame:
    """Return what the parts of monitoring are called in other tools: one row a part, one column a tool.

    Examples
    --------
    >>> monitoring.monitoring_tools().loc["user-defined metrics", "SageMaker and CloudWatch"]
    'CloudWatch PutMetricData'
    """
    table = pd.DataFrame(tables.read_toml("monitoring.toml")["tool"]).set_index("here")
    return table.rename(columns={"sagemaker": "SageMaker and CloudWatch", "clipper": "Clipper 0.4"})


def monitoring_tools_note() -> None:
    """Print the day on which the documentation was read for `monitoring_tools`.

    Examples
    --------
    >>> monitoring.monitoring_tools_note()
    as documented on 2026-11-24
    """
    print(f"as documented on {tables.read_toml('monitoring.toml')['tools']['read']}")


def runbook(signal: str | None = None) -> pd.DataFrame:
    """Return the runbook, or its entries about one signal.

    Parameters
    ----------
    signal : str, optional
        The name of a signal, one of `drift.signals`; by default the whole runbook.

    Returns
    -------
    DataFrame, one row a symptom
        'tier' ('page' or 'evidence'), 'signals', 'look' (what to look at first), 'causes' (likely ones), 'act' (at
        once), 'not' (what would make it worse), 'then' (in working hours) and 'who' acts.

    Raises
    ------
    UsageError
        The runbook has no entry about that signal.

    Examples
    --------
    >>> monitoring.runbook("label_coverage")["who"].tolist()
    ['data engineer on call']
    """
    entries = pd.DataFrame(tables.read_toml("runbook.toml")["entry"])
    if signal is not None:
        of_it = entries["signals"].map(lambda names: signal in names)
        if not of_it.any():
            raise UsageError(
                f"the runbook has no entry about {signal!r}", fix="choose one of drift.signals().index, or leave it out"
            )
        entries = entries[of_it]
    entries["signals"] = entries["signals"].str.join(", ")
    entries["causes"] = entries["causes"].str.join("; ")
    return entries.set_index("symptom")


# --------------------------------------------------------------------------- a rule and its test


@dataclass(frozen=True, repr=False)
class Trial:
    """The results of an alert rule and its test. Made by `try_rule`.

    Attributes
    ----------
    table : DataFrame, one row an expectation of the test
        What 'should' happen at each 'eval_time', what the rule 'does', and whether that is 'right'.
    hidden : DataFrame, one row a day
        The same on days that are not in the test, with the values as 'value'.
    unnoticed : tuple of str
        The wrong rules that pass the test, each by what is wrong with it.
    rules, test : str
        Both files, with which `try_rule` gives the same results again.
    """

    table: pd.DataFrame
    hidden: pd.DataFrame
    unnoticed: tuple[str, ...]
    rules: str
    test: str

    def __repr__(self) -> str:
        right = int(self.table["right"].sum())
        days, rules = counted(len(self.table), "day"), counted(len(self.unnoticed), "wrong rule")
        return f"{right} of {days} as they should be, {rules} unnoticed"


def try_rule(rules: str, test: str) -> Trial:
    """Judge an alert rule on label coverage by its test, and the test by rules that are wrong.

    Parameters
    ----------
    rules : str
        A rule file of Prometheus with one alert, as YAML.
    test : str
        Its unit test as YAML, as for `telemetry.check_rule_file`.

    Raises
    ------
    UsageError
        A file is not valid, or the rule file does not have one alert.

    See Also
    --------
    telemetry.check_rule_file : The test alone, of rules about any signal.

    Examples
    --------
    >>> rule = {"alert": "LabelsLate", "expr": "flights_label_coverage < 0.9", "for": "1d"}
    >>> test = telemetry.rule_test(rule, {"label_coverage": [1, 0.8, 0.8, 1]}, [False, False, True, False])
    >>> monitoring.try_rule(str({"groups": [{"name": "labels", "rules": [rule]}]}), test)
    4 of 4 days as they should be, 1 wrong rule unnoticed
    """
    plan = tables.read_toml("monitoring.toml")["rule"]
    alerts = telemetry.alerts_of(rules)
    if len(alerts) != 1:
        raise UsageError(
            f"the rule file has {counted(len(alerts), 'alert')}", fix="write exactly one rule with `alert:`"
        )
    [(name, rule)] = alerts.items()
    table = telemetry.check_rule_file(rules, test)
    hidden = telemetry.check_rule(rule, {plan["signal"]: plan["values"]}, plan["fires"])
    unnoticed = tuple(
        wrong["says"]
        for wrong in plan["wrong"]
        if telemetry.check_rule_file(
            json.dumps({"groups": [{"name": "wrong", "rules": [_rule_of(wrong, name)]}]}), test
        )["right"].all()
    )
    return Trial(table, hidden.rename(columns={plan["signal"]: "value"}), unnoticed, rules, test)


def _rule_of(wrong: Mapping[str, str], name: str) -> dict[str, str]:
    """Return a wrong rule of the table as an alert with a name."""
    return {"alert": name, "expr": wrong["expr"], "for": wrong["for"]}


# --------------------------------------------------------------------------- a running service


def scrape_service(
    address: str, app: str, inputs: Sequence[str], *, seconds: float = 60, rate: float = 50, every: str = "1s"
) -> pd.Series:
    """Let a real Prometheus scrape a running service under load, and return what it measured.

    Parameters
    ----------
    address : str
        The address of the cluster, as its connection's ``get_query_addr()`` returns it.
    app : str
        The name of the application that is queried.
    inputs : sequence of str
        The inputs that are sent, from first to last and again from the first.
    seconds, rate : float
        How long to send queries, and how many a second; both above 0.
    every : str
        How often Prometheus scrapes, as a duration such as '1s'.

    Returns
    -------
    Series
        'targets that answer', 'questions a second', 'default answers', 'p99 [ms]' and 'alerts firing'.

    Raises
    ------
    UsageError
        Prometheus is not installed, or `load_testing.open_loop_load` refuses an argument.
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
    """Return three dashboards of three weeks in summer, one for each airport; one of them hides an outage.

    Parameters
    ----------
    machine : Backtest
        A backtest that has 24 June to 14 July 2013.

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
    found[plan["hides"]] = _repeat_last_values(found[plan["hides"]], plan["out_first"], plan["out_last"])
    return found


def _repeat_last_values(board: pd.DataFrame, first: str, last: str) -> pd.DataFrame:
    """Return a board that repeats its last values during an outage, as an exporter does that keeps its last sample."""
    shown = board.astype(float)
    shown.loc[first:last] = np.nan
    return shown.ffill().astype(board.dtypes)
