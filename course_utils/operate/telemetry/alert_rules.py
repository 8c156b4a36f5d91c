"""Alert rules as data: the files that Prometheus reads, and the same rules evaluated day by day without it.

`rules` lists the alerts, `check_rule` tests a rule on invented days, and `rule_test` writes that test for promtool.
`check_rule_file` evaluates a rule file and its test, both as promtool reads them.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from course_utils import tables
from course_utils.errors import DataError, UsageError
from course_utils.operate.telemetry.exposition import PREFIX, expose, metric_name
from course_utils.operate.telemetry.programs import program
from course_utils.operate.telemetry.reader import Reader, parse

__all__ = [
    "FILES",
    "Rule",
    "alerts_of",
    "check_rule",
    "check_rule_file",
    "metrics_of",
    "promtool",
    "rule_file",
    "rule_states",
    "rule_test",
    "rules",
]

#: The rule files: about the flights of each day, and about the running service.
FILES = ("flights", "service")
_TABLE = "alerts.toml"
_DAY = pd.Timedelta(days=1)
#: The first of the invented days of a test.
_FIRST = "2013-01-01"
#: The keys that an alert rule may have; 'for' is left out if the alert fires immediately.
_PARTS = {"alert", "expr", "for", "keep_firing_for", "labels", "annotations"}

#: An alert as Prometheus has it.
Rule = Mapping[str, Any]


def rules(file: str) -> pd.DataFrame:
    """Return the alerts of a rule file.

    Parameters
    ----------
    file : {'flights', 'service'}
        The rules about the flights of each day, or about the running service.

    Returns
    -------
    DataFrame, one row an alert, index 'alert'
        'signal' (empty if the alert is about none), 'expr', 'for' (empty if it fires immediately), 'severity' and
        'summary'.

    Raises
    ------
    UsageError
        There is no such file.

    Examples
    --------
    >>> telemetry.rules("service").loc["ClipperNoReplica", ["expr", "for"]].to_dict()
    {'expr': 'clipper_replicas == 0', 'for': '30s'}
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
    """Return a rule file as Prometheus reads it from YAML; `file` is 'flights' or 'service'.

    Raises
    ------
    UsageError
        There is no such file.
    """
    if file not in FILES:
        raise UsageError(f"there are no rules {file!r}", fix=f"choose one of {', '.join(FILES)}")
    table = tables.read_toml(_TABLE)
    recorded = [{"record": one["name"], "expr": one["expr"]} for one in table["record"] if one["file"] == file]
    alerts = _of_signals() * (file == "flights") + [_of_table(one) for one in table["alert"] if one["file"] == file]
    groups = [{"name": f"{file} recorded", "rules": recorded}] * bool(recorded)
    return {"groups": [*groups, {"name": f"{file} alerts", "rules": alerts}]}


def _of_signals() -> list[dict[str, Any]]:
    """Return a rule for each signal that pages; the signals of one group share the name of their alert."""
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
    """Return the PromQL expression that holds while a signal is on the wrong side of its limit."""
    limit = f"{signal['limit']:g}"
    return {
        "above": f"{metric} > {limit}",
        "below": f"{metric} < {limit}",
        "both": f"abs({metric}) > {limit}",
        "outside": f"{metric} < {signal.get('low', 0):g} or {metric} > {limit}",
    }[signal["side"]]


def _of_table(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the rule of a row of alerts.toml."""
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
    """Return the state of an alert on each day: 'firing', 'pending' (its 'for' has not passed yet), or ''.

    Parameters
    ----------
    rule : mapping
        As for `check_rule`.
    ask : callable
        Takes a PromQL expression, and returns a table by day; for example `History.query`.

    Returns
    -------
    DataFrame of str, one row a day, one column a series of the expression

    Raises
    ------
    UsageError
        The rule is not valid: a part is missing or unknown, or the expression is not valid PromQL.
    """
    wait, keep = _wait(rule), _duration(rule, "keep_firing_for")
    holds = ask(str(rule["expr"])).notna()
    # For each day on which the expression holds: the day since which it has held without a break.
    begins = holds & ~holds.shift(fill_value=False)
    index = holds.index.to_series()
    since = begins.apply(lambda column: index.where(column).ffill())
    long = since.apply(lambda column: index - column >= wait)
    states = holds.apply(lambda column: column.map({True: "pending", False: ""})).mask(holds & long, "firing")
    return states.apply(lambda column: _kept(column, keep)) if keep else states


def _kept(states: pd.Series, keep: pd.Timedelta) -> pd.Series:
    """Return the states of one series with each alarm kept up for some time after its condition has ended."""
    found, ended, before = states.copy(), None, ""
    for day, state in states.items():
        if before == "firing":
            ended = None if state else (day if ended is None else ended)
            if state or day - ended < keep:  # a condition that holds again need not wait again
                found[day] = "firing"
        before, ended = found[day], ended if found[day] == "firing" else None
    return found


def _wait(rule: Rule) -> pd.Timedelta:
    """Return how long an alert waits before it fires, after checking that the rule is valid."""
    unknown = sorted(set(rule) - _PARTS)
    if unknown or not {"alert", "expr"} <= set(rule):
        what = f"the key {unknown[0]!r} is unknown" if unknown else "'alert' or 'expr' is missing"
        raise UsageError(
            f"this is not an alert rule: {what}", fix="give 'alert', 'expr' and, if the alert should wait, 'for'"
        )
    parse(str(rule["expr"]))
    _duration(rule, "keep_firing_for")  # for its errors
    return _duration(rule, "for")


def _duration(rule: Rule, key: str) -> pd.Timedelta:
    """Return the duration under a key of a rule; 0 without one."""
    import promql_parser

    text = str(rule.get(key, "0"))
    if text in ("0", "0s", ""):
        return pd.Timedelta(0)
    try:
        if text.isdecimal():  # the parser takes it for seconds, Prometheus refuses it
            raise ValueError
        return pd.Timedelta(promql_parser.parse_duration(text))
    except ValueError:
        fix = "write a number and its unit, such as 30m or 12h"
        raise UsageError(f"{key}: {text!r} is not a duration", fix=fix) from None


def check_rule(rule: Rule, values: Mapping[str, Sequence[float]], fires: Sequence[bool]) -> pd.DataFrame:
    """Test an alert rule on invented days: whether it fires when it should, and only then.

    Parameters
    ----------
    rule : mapping
        'alert', 'expr' and, if the alert should wait or last, 'for' or 'keep_firing_for', as in a rule file of
        Prometheus.
    values : mapping of str to sequence of float
        The values of each signal, one a day, by its column in the daily table; NaN for a missing value.
    fires : sequence of bool
        Whether the alert should fire, one value a day.

    Returns
    -------
    DataFrame, one row a day, counted from 1
        The values, 'should' and 'does' (whether it fires), and 'right'.

    Raises
    ------
    DataError
        The values and `fires` differ in length.
    UsageError
        The rule is not valid, or uses a metric that has no values here.

    See Also
    --------
    rule_test : The same test as a file for promtool.

    Examples
    --------
    >>> rule = {"alert": "WeatherLost", "expr": "flights_missing_weather > 0.05"}
    >>> test = telemetry.check_rule(rule, {"missing_weather": [0, 0.02, 0.5]}, [False, False, True])
    >>> test["right"].tolist()
    [True, True, True]
    """
    _wait(rule)  # for its errors: an invalid rule must be refused before its metrics are looked up
    daily = _daily(values, fires)
    unknown = sorted(metrics_of(str(rule["expr"])) - {metric_name(name) for name in daily})
    if unknown:
        known = ", ".join(map(metric_name, daily))
        raise UsageError(f"the rule uses {unknown[0]}, which has no values here", fix=f"use one of {known}")
    states = rule_states(rule, lambda expression: Reader(expose(daily)).query(expression, daily.index))
    table = daily.assign(should=[bool(one) for one in fires], does=(states == "firing").any(axis=1))
    table["right"] = table["should"] == table["does"]
    return table.set_axis(pd.RangeIndex(1, len(table) + 1, name="day"))


def check_rule_file(rules: str, test: str) -> pd.DataFrame:
    """Evaluate a rule file against its unit test, both written for ``promtool test rules``, without promtool.

    Only tests of whole days are supported: ``interval`` and ``evaluation_interval`` are ``1d``, and each series is a
    metric without labels. Labels and annotations of the expected alerts are not compared.

    Parameters
    ----------
    rules : str
        The rule file as YAML.
    test : str
        The test as YAML; its ``rule_files`` are not read.

    Returns
    -------
    DataFrame, one row for each expectation, index 'eval_time'
        'alert', 'should' and 'does' (whether it fires), and 'right'.

    Raises
    ------
    UsageError
        A file is not valid YAML or lacks a part, a rule is not valid, or the test needs what only promtool can do.

    See Also
    --------
    check_rule : The same for one rule, with values as Python lists.

    Examples
    --------
    >>> rule = {"alert": "WeatherLost", "expr": "flights_missing_weather > 0.05"}
    >>> test = telemetry.rule_test(rule, {"missing_weather": [0, 0.5]}, [False, True])
    >>> telemetry.check_rule_file(str({"groups": [{"name": "a", "rules": [rule]}]}), test)["right"].to_dict()
    {'0d': True, '1d': True}
    """
    known = alerts_of(rules)
    content = _yaml(test, "the test")
    if content.get("evaluation_interval") != "1d":
        raise UsageError("the test does not look once a day", fix="write `evaluation_interval: 1d` in the test")
    rows = []
    for one in _parts(content, "tests", "the test"):
        values, fired = _values_of(one), {}
        for expected in _parts(one, "alert_rule_test", "the test"):
            name, place = expected.get("alertname"), _day_of(expected.get("eval_time"))
            if name not in known:
                raise UsageError(f"no rule is called {name!r}", fix="use the same name as `alert:` and as `alertname:`")
            days = max(place + 1, *map(len, values.values()))
            if (name, days) not in fired:
                padded = {
                    signal: [*series, *[float("nan")] * (days - len(series))] for signal, series in values.items()
                }
                fired[name, days] = check_rule(known[name], padded, [False] * days)["does"]
            does = bool(fired[name, days].iloc[place])
            rows.append((f"{place}d", name, bool(expected.get("exp_alerts")), does))
    table = pd.DataFrame(rows, columns=["eval_time", "alert", "should", "does"]).set_index("eval_time")
    return table.assign(right=table["should"] == table["does"])


def alerts_of(rules: str) -> dict[str, Rule]:
    """Return the alerts of a rule file by their names; `rules` is its YAML.

    Raises
    ------
    UsageError
        The text is not valid YAML, or has no groups of rules.

    Examples
    --------
    >>> telemetry.alerts_of("groups: [{name: a, rules: [{alert: Down, expr: up == 0}]}]")
    {'Down': {'alert': 'Down', 'expr': 'up == 0'}}
    """
    groups = _parts(_yaml(rules, "the rule file"), "groups", "the rule file")
    found = [rule for group in groups for rule in _parts(group, "rules", "the rule file")]
    return {str(rule["alert"]): rule for rule in found if "alert" in rule}


def _yaml(text: str, name: str) -> dict[str, Any]:
    """Return a YAML file as a dict."""
    import yaml

    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, AttributeError) as error:
        where = getattr(error, "problem_mark", None)
        line = f", line {where.line + 1}" if where else ""
        raise UsageError(f"{name} is not valid YAML{line}", fix="indent with spaces, and quote texts") from None
    if not isinstance(content, dict):
        raise UsageError(f"{name} has no keys", fix="start it as the example of the lesson does")
    return content


def _parts(content: Mapping[str, Any], key: str, name: str) -> list[dict[str, Any]]:
    """Return the list of mappings under a key."""
    found = content.get(key)
    if not isinstance(found, list) or not found or not all(isinstance(one, dict) for one in found):
        raise UsageError(f"{name} has no list `{key}:`", fix=f"write `{key}:`, and below it one or more entries with -")
    return found


def _values_of(test: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return the values of each signal in one test of a test file."""
    if test.get("interval") != "1d":
        raise UsageError("the test does not have one value a day", fix="write `interval: 1d` in the test")
    found = {}
    for one in _parts(test, "input_series", "the test"):
        series = str(one.get("series", ""))
        if not re.fullmatch(rf"{PREFIX}\w+", series):
            raise UsageError(f"the series {series!r} is not supported", fix=f"use a metric such as {PREFIX}log_loss")
        tokens = str(one.get("values", "")).split()
        found[series.removeprefix(PREFIX)] = [value for token in tokens for value in _expanded(token)]
    return found


def _expanded(token: str) -> list[float]:
    """Return the values of promtool's notation: a number, ``_`` for a gap, ``_x3``, ``1x3`` and ``1+2x3``."""
    gap = re.fullmatch(r"_(?:x(\d+))?", token)
    if gap:
        return [float("nan")] * int(gap[1] or 1)
    series = re.fullmatch(r"(-?[\d.]+)(?:([+-][\d.]+)?x(\d+))?", token)
    try:
        if series and series[3]:
            return [float(series[1]) + step * float(series[2] or 0) for step in range(int(series[3]) + 1)]
        return [float(token)]
    except ValueError:
        raise UsageError(f"{token!r} is not a value of a series", fix="separate numbers by spaces") from None


def _day_of(eval_time: Any) -> int:
    """Return the day that an eval_time such as '3d' means, counted from 0."""
    found = re.fullmatch(r"(\d+)d|0[smh]?", str(eval_time).strip())
    if not found:
        raise UsageError(f"eval_time: {eval_time!r} is not a whole day", fix="write it as 0d, 1d, 2d")
    return int(found[1] or 0)


def metrics_of(expression: str) -> set[str]:
    """Return the names of the metrics that an `expression` in PromQL uses.

    Raises
    ------
    UsageError
        The expression is not valid PromQL.

    Examples
    --------
    >>> telemetry.metrics_of("sum(up) > 0")
    {'up'}
    """
    import promql_parser

    found: set[str] = set()
    promql_parser.walk(parse(expression), lambda node: found.add(getattr(node, "name", None) or ""))
    return found - {""}


def _daily(values: Mapping[str, Sequence[float]], fires: Sequence[bool]) -> pd.DataFrame:
    """Return the values of a test as a daily table of invented days."""
    lengths = {len(fires), *(len(series) for series in values.values())}
    if len(lengths) > 1 or not values:
        raise DataError("values and fires differ in length, or are empty", fix="give one value and one boolean a day")
    days = pd.date_range(_FIRST, periods=len(fires), name="day")
    return pd.DataFrame({name: [float(value) for value in series] for name, series in values.items()}, index=days)


def rule_test(rule: Rule, values: Mapping[str, Sequence[float]], fires: Sequence[bool]) -> str:
    """Return the test of `check_rule` as a YAML file for ``promtool test rules``, with the rule in ``rules.yml``.

    Parameters
    ----------
    rule, values, fires
        As for `check_rule`.

    Raises
    ------
    DataError
        The values and `fires` differ in length.
    """
    import yaml

    daily = _daily(values, fires)
    # Prometheus 2 includes a sample at the very start of a window, version 3 does not. So if the rule has a window,
    # samples are two minutes before each full day, where both versions agree.
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
    """Return values in promtool's notation, with gaps before the first value and between values."""
    texts = ["_" if value != value else f"{value:g}" for value in values]
    gap = f" _x{between} " if between else " "
    return f"_x{first} " * bool(first) + gap.join(texts)


def _expected(rule: Rule) -> dict[str, Any]:
    """Return the labels and annotations that a firing alert has, as promtool expects them."""
    return {f"exp_{part}": dict(rule[part]) for part in ("labels", "annotations") if rule.get(part)}


def promtool(rule: Rule, test: str) -> tuple[bool, str]:
    """Run the real ``promtool test rules`` on a rule.

    Parameters
    ----------
    rule : mapping
        As for `check_rule`.
    test : str
        Its test, as `rule_test` returns it.

    Returns
    -------
    passes : bool
        Whether the rule passes its test.
    output : str
        What the tool printed.

    Raises
    ------
    UsageError
        ``promtool`` is not installed.
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
