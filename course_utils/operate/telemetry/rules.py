"""Alert rules as data: what Prometheus is told, and the same judged day by day without it."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from course_utils import tables
from course_utils.errors import DataError, UsageError
from course_utils.operate.telemetry.exposition import expose, metric_name
from course_utils.operate.telemetry.programs import program
from course_utils.operate.telemetry.reader import Reader, parse

__all__ = ["FILES", "Rule", "check_rule", "metrics_of", "promtool", "rule_file", "rule_states", "rule_test", "rules"]

#: The files of rules: about the flights of each day, and about the service at every moment.
FILES = ("flights", "service")
_TABLE = "alerts.toml"
_DAY = pd.Timedelta(days=1)
#: Days that rules are tried on where nothing says which.
_FIRST = "2013-01-01"
#: What a rule of Prometheus may say; 'for' is left out where an alert fires at once.
_PARTS = {"alert", "expr", "for", "labels", "annotations"}

#: An alert as Prometheus has it.
Rule = Mapping[str, Any]


def rules(file: str) -> pd.DataFrame:
    """Return the alerts of a file of rules.

    Parameters
    ----------
    file : str
        'flights' or 'service'.

    Returns
    -------
    DataFrame, one row an alert
        By its name: 'signal' ('' where it is about none), 'expr', 'for' ('' where it fires at once), 'severity',
        'summary'.

    Raises
    ------
    UsageError
        There is no such file.
    """
    found = [
        {
            "alert": rule["alert"],
            "signal": rule["labels"].get("signal", ""),
            "expr": rule["expr"],
            "for": rule.get("for", ""),
            "severity": rule["labels"]["severity"],
            "summary": rule["annotations"]["summary"],
        }
        for group in rule_file(file)["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    return pd.DataFrame(found).set_index("alert")


def rule_file(file: str) -> dict[str, Any]:
    """Return a file of rules as Prometheus reads it, as data.

    Parameters
    ----------
    file : str
        'flights' or 'service'.

    Raises
    ------
    UsageError
        There is no such file.
    """
    if file not in FILES:
        raise UsageError(f"there are no rules {file!r}", fix=f"choose from {', '.join(FILES)}")
    table = tables.read_toml(_TABLE)
    recorded = [{"record": one["name"], "expr": one["expr"]} for one in table["record"] if one["file"] == file]
    alerts = _of_signals() * (file == "flights") + [_of_table(one) for one in table["alert"] if one["file"] == file]
    groups = [{"name": f"{file} recorded", "rules": recorded}] * bool(recorded)
    return {"groups": [*groups, {"name": f"{file} alerts", "rules": alerts}]}


def _of_signals() -> list[dict[str, Any]]:
    """Return a rule for each signal that may wake somebody; those of one group share the name of their alert."""
    return [
        {
            "alert": f"Flights{signal['group'].capitalize()}",
            "expr": _beyond(metric_name(signal["name"]), signal),
            "labels": {"severity": "page", "signal": signal["name"]},
            "annotations": {"summary": signal["title"], "description": signal["means"]},
        }
        for signal in tables.read_toml("drift.toml")["signal"]
        if signal["tier"] == "page"
    ]


def _beyond(metric: str, signal: Mapping[str, Any]) -> str:
    """Write on which side of its limit a signal is an alarm, in PromQL."""
    limit = f"{signal['limit']:g}"
    return {
        "above": f"{metric} > {limit}",
        "below": f"{metric} < {limit}",
        "both": f"abs({metric}) > {limit}",
        "outside": f"{metric} < {signal.get('low', 0):g} or {metric} > {limit}",
    }[signal["side"]]


def _of_table(row: Mapping[str, Any]) -> dict[str, Any]:
    waits = {"for": row["for"]} if "for" in row else {}
    notes = {"summary": row["summary"], "description": row["means"]}
    return {
        "alert": row["name"],
        "expr": row["expr"].strip(),
        **waits,
        "labels": {"severity": row["severity"]},
        "annotations": notes,
    }


def rule_states(rule: Rule, ask: Callable[[str], pd.DataFrame]) -> pd.DataFrame:
    """Return what an alert was on each day: 'firing', 'pending' (not yet for as long as it asks), or ''.

    Parameters
    ----------
    rule : mapping
        'alert', 'expr' and, if it has to hold for some days, 'for'.
    ask : callable
        From PromQL to a table by day, such as `History.query`.

    Returns
    -------
    DataFrame, one row a day
        A column for each series that the expression names.

    Raises
    ------
    UsageError
        The rule lacks a part, has one that Prometheus does not know, or its expression is no PromQL.
    """
    wait = _wait(rule)
    holds = ask(str(rule["expr"])).notna()
    # Since when it holds without a break, for each day on which it does.
    begins = holds & ~holds.shift(fill_value=False)
    index = holds.index.to_series()
    since = begins.apply(lambda column: index.where(column).ffill())
    long = since.apply(lambda column: index - column >= wait)
    return holds.apply(lambda column: column.map({True: "pending", False: ""})).mask(holds & long, "firing")


def _wait(rule: Rule) -> pd.Timedelta:
    import promql_parser

    unknown = sorted(set(rule) - _PARTS)
    if unknown or not {"alert", "expr"} <= set(rule):
        what = f"Prometheus knows no {unknown[0]!r}" if unknown else "it has no name or no expression"
        raise UsageError(f"this is no alert rule: {what}", fix="write 'alert', 'expr' and, if it shall wait, 'for'")
    parse(str(rule["expr"]))
    if rule.get("for", "0s") in ("0s", ""):
        return pd.Timedelta(0)
    try:
        return pd.Timedelta(promql_parser.parse_duration(str(rule["for"])))
    except ValueError:
        raise UsageError(f"for: {rule['for']!r} is no length of time", fix="write it like 2d or 12h") from None


def check_rule(rule: Rule, values: Mapping[str, Sequence[float]], fires: Sequence[bool]) -> pd.DataFrame:
    """Test an alert rule on made-up days: whether it fires when it should, and only then.

    Parameters
    ----------
    rule : mapping
        As in a file of rules: 'alert', 'expr' and, if it shall wait, 'for'.
    values : mapping of str to sequence of float
        For each signal, its values day by day; NaN where there is none. Names are those of the daily table.
    fires : sequence of bool
        Whether the alert should fire, day by day.

    Returns
    -------
    DataFrame, one row a day, counted from 1
        The values, 'should' and 'does' (whether it fires), and 'right'.

    Raises
    ------
    DataError
        There are not as many days everywhere.
    UsageError
        The rule is none, or is about something that has no values here.
    """
    _wait(rule)  # refuses what is no rule
    daily = _daily(values, fires)
    unknown = sorted(metrics_of(str(rule["expr"])) - {metric_name(name) for name in daily})
    if unknown:
        known = ", ".join(map(metric_name, daily))
        raise UsageError(f"the rule asks for {unknown[0]}, which has no values here", fix=f"ask for one of {known}")
    states = rule_states(rule, lambda expression: Reader(expose(daily)).query(expression, daily.index))
    table = daily.assign(should=[bool(one) for one in fires], does=(states == "firing").any(axis=1))
    table["right"] = table["should"] == table["does"]
    return table.set_axis(pd.RangeIndex(1, len(table) + 1, name="day"))


def metrics_of(expression: str) -> set[str]:
    """Return the names of the metrics that an expression asks for.

    Parameters
    ----------
    expression : str
        PromQL.

    Raises
    ------
    UsageError
        It is no PromQL.
    """
    import promql_parser

    found: set[str] = set()
    promql_parser.walk(parse(expression), lambda node: found.add(getattr(node, "name", None) or ""))
    return found - {""}


def _daily(values: Mapping[str, Sequence[float]], fires: Sequence[bool]) -> pd.DataFrame:
    lengths = {len(fires), *(len(series) for series in values.values())}
    if len(lengths) > 1 or not values:
        raise DataError("the values and what they should lead to differ in length", fix="give one of each for a day")
    days = pd.date_range(_FIRST, periods=len(fires), name="day")
    return pd.DataFrame({name: [float(value) for value in series] for name, series in values.items()}, index=days)


def rule_test(rule: Rule, values: Mapping[str, Sequence[float]], fires: Sequence[bool]) -> str:
    """Write the same test as a file for ``promtool test rules``; the rule lies in ``rules.yml`` beside it.

    Parameters
    ----------
    rule, values, fires
        As for `check_rule`.

    Returns
    -------
    str
        YAML.

    Raises
    ------
    DataError
        There are not as many days everywhere.
    """
    import yaml

    daily = _daily(values, fires)
    # Prometheus 2 counts what lies just at the start of a window: with one, samples come two minutes before that.
    every, first, between = ("2m", 719, 719) if "[" in str(rule["expr"]) else ("1d", 0, 0)
    tested = {
        "interval": every,
        "input_series": [
            {"series": metric_name(name), "values": _spaced(daily[name], first, between)} for name in daily
        ],
        "alert_rule_test": [
            {
                "eval_time": f"{place + bool(first)}d",
                "alertname": rule["alert"],
                "exp_alerts": [_expected(rule)] * bool(fire),
            }
            for place, fire in enumerate(fires)
        ],
    }
    content = {"rule_files": ["rules.yml"], "evaluation_interval": "1d", "tests": [tested]}
    return yaml.safe_dump(content, sort_keys=False, width=100)


def _spaced(values: pd.Series, first: int, between: int) -> str:
    """Write values in promtool's notation, with so many gaps before the first one and between them."""
    texts = ["_" if value != value else f"{value:g}" for value in values]
    gap = f" _x{between} " if between else " "
    return f"_x{first} " * bool(first) + gap.join(texts)


def _expected(rule: Rule) -> dict[str, Any]:
    return {f"exp_{part}": dict(rule[part]) for part in ("labels", "annotations") if rule.get(part)}


def promtool(rule: Rule, test: str) -> tuple[bool, str]:
    """Let the real ``promtool test rules`` judge a rule.

    Parameters
    ----------
    rule : mapping
        The rule.
    test : str
        Its test, as `rule_test` writes it.

    Returns
    -------
    tuple of bool and str
        Whether it passes, and what the tool says.

    Raises
    ------
    UsageError
        The tool is not installed.
    """
    import yaml

    command = [program("promtool"), "test", "rules", "test.yml"]
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        groups = {"groups": [{"name": "tested", "rules": [dict(rule)]}]}
        (folder / "rules.yml").write_text(yaml.safe_dump(groups, sort_keys=False), encoding="utf-8")
        (folder / "test.yml").write_text(test, encoding="utf-8")
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode == 0, (done.stdout + done.stderr).strip()
