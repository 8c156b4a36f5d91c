"""Days as Prometheus sees them: written, asked about with it and without it, alerts, panels, the files of deploy/."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest
import yaml
from waiting import PATIENT, until

import course_utils
from course_utils import tables
from course_utils.errors import DataError, UsageError
from course_utils.operate import drift, telemetry
from course_utils.operate.telemetry.dashboards import panel_lines
from course_utils.operate.telemetry.deployment import FILES
from course_utils.operate.telemetry.exposition import day_ends
from course_utils.operate.telemetry.programs import program
from course_utils.operate.telemetry.reader import as_table, asked_at, parse, series_name

ROOT = Path(course_utils.__file__).parent.parent
DEPLOY = ROOT / "deploy"
SIGNALS = tables.read_toml("drift.toml")["signal"]
PAGES = [one for one in SIGNALS if one["tier"] == "page"]
needs_prometheus = pytest.mark.skipif(not telemetry.installed(), reason="Prometheus is not installed")


@pytest.fixture(scope="module")
def daily() -> pd.DataFrame:
    """Make up a year in which each signal moves about its limit, with gaps and a day that is not there."""
    random = np.random.default_rng(7)
    days = pd.date_range("2013-01-01", "2013-12-31", name="day")
    table = pd.DataFrame(index=days)
    for one in SIGNALS:
        limit = abs(one.get("limit", 1.0)) or 0.01
        table[one["name"]] = random.normal(one.get("limit", 0.0), 0.3 * limit, len(days)).round(6)
    table["requests"] = random.integers(800, 1000, len(days))
    for name in table.columns[::3]:
        table.loc[random.choice(days, 9, replace=False), name] = np.nan
    return table.drop(pd.Timestamp("2013-08-08"))


@pytest.fixture(scope="module")
def reader(daily) -> telemetry.History:
    """Open the year without Prometheus."""
    return telemetry.open_history(daily, "reader")


@pytest.fixture(scope="module")
def real(daily) -> Iterator[telemetry.History]:
    """Open the year with Prometheus."""
    if not telemetry.installed():
        pytest.skip("Prometheus is not installed")
    with telemetry.open_history(daily, "prometheus") as opened:
        yield opened


def short(*values: float, name: str = "log_loss", first: str = "2013-03-01") -> pd.DataFrame:
    """Make a table of a few days."""
    return pd.DataFrame({name: values}, index=pd.date_range(first, periods=len(values), name="day"))


# --------------------------------------------------------------------------- what is written


def test_a_days_value_carries_the_moment_at_which_the_day_ended():
    """I read in the exposition what the signal means, and midnight of New York, in winter time and in summer time."""
    text = telemetry.expose(short(0.5, 0.25, first="2013-03-09"))
    winter, summer = (pd.Timestamp(f"2013-03-{day} 00:00", tz="America/New_York").timestamp() for day in (10, 11))
    assert summer - winter == 23 * 3600
    assert f"\nflights_log_loss 0.5 {winter:.0f}" in text
    assert f"\nflights_log_loss 0.25 {summer:.0f}" in text
    assert "# HELP flights_log_loss Log-loss, once the labels have arrived (nats a flight)" in text
    assert "# TYPE flights_log_loss gauge" in text
    assert text.endswith("# EOF\n")


def test_what_is_missing_is_left_out():
    """A day on which nothing is known of a signal has no sample, and stays a gap."""
    table = short(0.5, np.nan, 0.7)
    assert len(telemetry.read_exposition(telemetry.expose(table))) == 2
    assert telemetry.open_history(table, "reader").query("flights_log_loss").isna().sum().item() == 1


def test_what_was_written_can_be_read():
    """Reading gives back the same values at the same moments, to the last digit."""
    table = short(0.1, 1 / 3, 1e-17)
    found = telemetry.read_exposition(telemetry.expose(table))
    assert found["value"].tolist() == table["log_loss"].tolist()
    assert found["time"].tolist() == day_ends(table.index).tolist()


def test_true_and_false_are_numbers():
    """A yes is 1 and a no is 0."""
    assert telemetry.read_exposition(telemetry.expose(short(True, False)))["value"].tolist() == [1, 0]


def test_a_name_becomes_one_that_prometheus_takes():
    """Spaces and signs become underscores."""
    assert telemetry.metric_name("hub_EWR") == "flights_hub_EWR"
    assert telemetry.metric_name(" schedule PSI > .25 ") == "flights_schedule_PSI_25"


def test_what_a_service_answers_can_be_read_too():
    """Of a service's answer without times I read labels and values."""
    found = telemetry.read_exposition('# TYPE queries_total counter\nqueries_total{app="a",model="b"} 7\nup 1\n')
    assert found["metric"].tolist() == ["queries_total", "up"]
    assert found["labels"].tolist() == [{"app": "a", "model": "b"}, {}]
    assert found["value"].tolist() == [7, 1]
    assert found["time"].isna().all()


def test_tables_that_cannot_be_written_are_refused():
    """A day that comes twice, a text, and two columns of one name are named."""
    with pytest.raises(DataError, match="2013-03-01 00:00:00 is there twice"):
        telemetry.expose(pd.concat([short(1, 2), short(3)]))
    with pytest.raises(DataError, match="column carrier: is not numeric"):
        telemetry.expose(short(1).assign(carrier="UA"))
    with pytest.raises(DataError, match="same metric name as column 'a b'"):
        telemetry.expose(pd.DataFrame({"a b": [1], "a_b": [2]}, index=["2013-01-01"]))


@pytest.mark.parametrize("text", ["{not a metric}", "a b c d", "# TYPE x gauge\nx 1\ny{ 2\n# EOF\n"])
def test_what_is_no_exposition_is_refused(text: str):
    """Anything else than Prometheus' text is refused, with the fix."""
    with pytest.raises(DataError, match="pass what /metrics answers"):
        telemetry.read_exposition(text)


# --------------------------------------------------------------------------- queries

QUERIES = [
    "flights_log_loss",
    "flights_log_loss > 0.2",
    "0.2 < flights_log_loss",
    "flights_log_loss >bool 0.2",
    "flights_log_loss == 0",
    "flights_log_loss > flights_auc",
    "flights_nothing",
    "avg_over_time(flights_log_loss[7d])",
    "sum_over_time(flights_auc[30d]) / count_over_time(flights_auc[30d])",
    "max_over_time(flights_psi_dest[28d]) - min_over_time(flights_psi_dest[28d])",
    "stddev_over_time(flights_auc[5d])",
    "last_over_time(flights_log_loss[3d])",
    "flights_psi_dest offset 1d",
    "abs(flights_hub_EWR) > 0.12",
    "absent(flights_requests)",
    'absent(flights_requests{airport="EWR"})',
    "sum({__name__=~'flights_psi_.*'})",
    "count({__name__=~'flights_psi_.*'} > 0.25)",
    "max({__name__=~'flights_hub_.*', __name__!~'.*LGA'})",
    "avg(flights_log_loss)",
    "min without (nothing) ({__name__=~'flights_hub_.*'})",
    "flights_asked < 0.98 or flights_asked > 1.02",
    "flights_auc and flights_log_loss > 0.2",
    "flights_auc and on() flights_log_loss > 0.2",
    "flights_auc unless flights_log_loss > 0.2",
    "(flights_auc + 1) * 2 - -flights_log_loss",
    "1 + 2 / 4",
    "2 > bool 1",
]


@needs_prometheus
@pytest.mark.parametrize("query", QUERIES)
def test_prometheus_and_the_small_reader_answer_alike(real, reader, query: str):
    """Whichever of the two I have, a query gives the same days, series and numbers."""
    pd.testing.assert_frame_equal(reader.query(query), real.query(query), rtol=1e-12)


@needs_prometheus
def test_panels_and_alerts_are_the_same_with_prometheus(real, reader):
    """The notebook shows the same panels and the same alerts where Prometheus is not installed."""
    for name in telemetry.panels("flights").index:
        pd.testing.assert_frame_equal(reader.panel(name), real.panel(name), rtol=1e-12)
    pd.testing.assert_frame_equal(reader.alerts(), real.alerts(), rtol=1e-12)


def test_a_signal_comes_back_day_by_day(daily, reader):
    """What I ask by a signal's name is the column of the table, each value on its own day."""
    found = reader.query("flights_log_loss")["flights_log_loss"]
    assert found.index.equals(pd.date_range("2013-01-01", "2013-12-31"))
    pd.testing.assert_series_equal(found.loc[daily.index], daily["log_loss"], check_names=False, check_freq=False)
    assert np.isnan(found["2013-08-08"])


@pytest.mark.parametrize("day", ["2013-03-13", "2013-07-01", "2013-11-06", "2013-12-20"])
def test_a_week_has_seven_days(day: str):
    """A mean over 7 days takes in seven of them, also when the clocks change."""
    table = short(*range(400), first="2012-12-01")
    found = telemetry.open_history(table, "reader").query("avg_over_time(flights_log_loss[7d])").iloc[:, 0]
    assert found[day] == table["log_loss"].rolling(7).mean()[day]


@pytest.mark.parametrize("engine", ["reader", pytest.param("prometheus", marks=needs_prometheus)])
def test_a_slip_is_told_in_the_same_words(engine: str):
    """A query that is not valid PromQL gets the same message from both."""
    with telemetry.open_history(short(1.0), engine) as history:
        for query in ("flights_log_loss >", "rate(flights_log_loss)", "mean(flights_log_loss)"):
            with pytest.raises(UsageError, match=re.escape(repr(query)) + " is not valid PromQL"):
                history.query(query)


@pytest.mark.parametrize(
    "query",
    [
        "rate(flights_log_loss[2d])",
        "flights_log_loss ^ 2",
        "topk(1, flights_log_loss)",
        "flights_log_loss @ 0",
        "flights_log_loss * on() group_left flights_auc",
        "flights_log_loss * on() {__name__=~'flights_psi.*'}",
        "avg_over_time({__name__=~'flights_psi.*'}[2d])",
    ],
)
def test_the_small_reader_says_what_it_cannot_do(reader, query: str):
    """What only Prometheus can do is refused, never answered wrongly."""
    with pytest.raises(UsageError):
        reader.query(query)


def test_one_series_is_written_as_in_promql():
    """Series have the names that Prometheus' own pages show."""
    assert series_name({"__name__": "up", "job": "clipper", "app": "x"}) == 'up{app="x", job="clipper"}'
    assert series_name({}) == "{}"
    assert parse("up").name == "up"


def test_days_are_asked_about_when_they_are_over():
    """Each day is asked about an hour or two after it ended, in winter and in summer, and before the next one ends."""
    days = pd.date_range("2013-01-01", "2013-12-31")
    waited = asked_at(days) - day_ends(days).as_unit("s").asi8
    assert set(waited) == {3600, 7200}


def test_answers_stand_in_order_and_empty_ones_are_left_out():
    """Two answers to one query have the same columns, whatever order the series came in."""
    table = as_table({"b": [1, np.nan], "a": [1, 2], "c": [np.nan, np.nan]}, pd.date_range("2013-01-01", periods=2))
    assert table.columns.tolist() == ["a", "b"]
    assert table.index.name == "day"


def test_a_reader_reads_labels():
    """I choose among series by their labels, and add them up by one of them."""
    lines = [
        f'late{{airport="{name}"}} {value} 1357106400' for name, value in (("EWR", 0.5), ("JFK", 0.25), ("LGA", 0.1))
    ]
    small = telemetry.Reader("\n".join(["# TYPE late gauge", *lines, "# EOF\n"]))
    day = pd.DatetimeIndex(["2013-01-01"])
    assert small.query('late{airport="JFK"}', day).loc["2013-01-01"].to_dict() == {'late{airport="JFK"}': 0.25}
    assert small.query('sum(late{airport!="JFK"})', day).iloc[0, 0] == pytest.approx(0.6)
    assert small.query("max by (airport) (late)", day).shape == (1, 3)
    assert small.query("late > 0.2", day).shape == (1, 2)


# --------------------------------------------------------------------------- a history


def test_a_history_needs_days_and_an_engine_that_exists():
    """An empty table and a made-up engine are refused."""
    with pytest.raises(UsageError, match="there are no days"):
        telemetry.open_history(pd.DataFrame())
    with pytest.raises(UsageError, match="no engine 'grafana'"):
        telemetry.open_history(short(1), "grafana")


def test_without_prometheus_the_small_reader_answers(monkeypatch: pytest.MonkeyPatch):
    """Where Prometheus is not installed a history opens all the same; asked for by name, it says how to get it."""
    monkeypatch.setenv("PATH", "")
    assert not telemetry.installed()
    with telemetry.open_history(short(1.0, 2.0)) as history:
        assert history.address is None
        assert history.query("flights_log_loss").iloc[:, 0].tolist() == [1, 2]
    with pytest.raises(UsageError, match="apt install prometheus"):
        telemetry.open_history(short(1.0), "prometheus")
    with pytest.raises(UsageError, match="promtool is not installed"):
        program("promtool")


def test_alerts_fire_on_the_days_on_which_signals_alarm(daily, reader):
    """What Prometheus would fire about flights is, day for day, what drift.alarms says."""
    fired = reader.alerts()
    fired = fired[fired["signal"] != ""]
    wanted = drift.alarms(daily)
    assert len(fired) > 500
    assert sorted(zip(fired["day"], fired["signal"], strict=True)) == sorted(
        zip(wanted["day"], wanted["signal"], strict=True)
    )
    assert set(fired["severity"]) == {"page"}


def test_an_alert_that_waits_is_told_when_it_fires(monkeypatch: pytest.MonkeyPatch):
    """The days on which an alert is only pending are not among those on which it fired."""
    waiting = {"groups": [{"rules": [{**ABOVE, "for": "1d", "labels": {"severity": "ticket"}}]}]}
    monkeypatch.setattr("course_utils.operate.telemetry.history.rule_file", lambda file: waiting)
    fired = telemetry.open_history(short(0, 2, 2, 3), "reader").alerts()
    assert fired["day"].dt.day.tolist() == [3, 4]
    assert fired[["alert", "severity", "value"]].iloc[-1].tolist() == ["Loss", "ticket", 3]


def test_a_day_without_numbers_is_an_alarm(reader):
    """The day that is missing from the table fires the alert that nothing was measured."""
    fired = reader.alerts()
    assert fired.loc[fired["alert"] == "FlightsSilent", "day"].tolist() == [pd.Timestamp("2013-08-08")]


@needs_prometheus
def test_promtool_fires_the_rules_of_deploy_on_the_same_days(daily, reader, tmp_path: Path):
    """The real promtool, given the summer and the rules of deploy/, finds exactly these alerts and no other."""
    days = reader.days[150:250]
    fired = reader.alerts().query("day in @days")
    summaries = telemetry.rules("flights").reset_index().set_index(["alert", "signal"])["summary"]
    details = {rule["annotations"]["summary"]: rule for rule in telemetry.rule_file("flights")["groups"][-1]["rules"]}
    gaps = daily.reindex(days)
    series = [
        {
            "series": telemetry.metric_name(name),
            "values": " ".join("_" if v != v else repr(float(v)) for v in gaps[name]),
        }
        for name in gaps
    ]
    by_day = {(day, alert): part for (day, alert), part in fired.groupby(["day", "alert"])}
    expected = []
    for place, day in enumerate(days):
        for alert in sorted(set(fired["alert"])):
            part = by_day.get((day, alert), fired.iloc[:0])
            rules = [details[summaries[alert, name]] for name in part["signal"]]
            exp = [{"exp_labels": rule["labels"], "exp_annotations": rule["annotations"]} for rule in rules]
            expected.append({"eval_time": f"{place}d", "alertname": alert, "exp_alerts": exp})
    test = {"interval": "1d", "input_series": series, "alert_rule_test": expected}
    content = {
        "rule_files": [str(DEPLOY / "prometheus" / "rules" / "flights.yml")],
        "evaluation_interval": "1d",
        "tests": [test],
    }
    (tmp_path / "test.yml").write_text(yaml.safe_dump(content))
    done = subprocess.run(["promtool", "test", "rules", "test.yml"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-2000:]


# --------------------------------------------------------------------------- rules

ABOVE = {"alert": "Loss", "expr": "flights_log_loss > 1"}
TESTED = [
    (ABOVE, (0, 2, 2, np.nan, 2), (False, True, True, False, True)),
    (ABOVE | {"for": "1d"}, (0, 2, 2, 2, 0, 2), (False, False, True, True, False, False)),
    (ABOVE | {"for": "2d", "labels": {"severity": "page"}}, (0, 2, 2, 2, 0, 2), (False,) * 3 + (True,) + (False,) * 2),
    ({"alert": "Week", "expr": "avg_over_time(flights_log_loss[3d]) > 1"}, (0, 2, 2, 2, 0, 0), (0, 0, 1, 1, 1, 0)),
    ({"alert": "Gone", "expr": "absent(flights_log_loss)"}, (0, np.nan, 1), (False, True, False)),
]


@pytest.mark.parametrize(("rule", "values", "fires"), TESTED)
def test_a_rule_is_tried_on_made_up_days(rule, values, fires):
    """I say on which days my rule should fire and read, day by day, whether it does."""
    table = telemetry.check_rule(rule, {"log_loss": values}, fires)
    assert table["right"].all()
    assert table.index.tolist() == list(range(1, len(values) + 1))
    wrong = telemetry.check_rule(rule, {"log_loss": values}, [not one for one in fires])
    assert not wrong["right"].any()


@needs_prometheus
@pytest.mark.parametrize(("rule", "values", "fires"), TESTED)
def test_promtool_judges_a_rule_alike(rule, values, fires):
    """The same test, written for promtool, passes there, and fails with one day the other way."""
    test = telemetry.rule_test(rule, {"log_loss": values}, fires)
    passed, said = telemetry.promtool(rule, test)
    assert passed, said
    assert "SUCCESS" in said
    other = [*fires[:-1], not fires[-1]]
    passed, said = telemetry.promtool(rule, telemetry.rule_test(rule, {"log_loss": values}, other))
    assert not passed
    assert "FAILED" in said


DAILY = """
rule_files: [rules.yml]
evaluation_interval: 1d
tests:
  - interval: 1d
    input_series:
      - {series: flights_log_loss, values: "0x1 0.5+0.1x2 _ 1 _x2 2"}
    alert_rule_test:
      - {eval_time: 0d, alertname: High, exp_alerts: []}
      - {eval_time: 2d, alertname: High}
      - {eval_time: 3d, alertname: High, exp_alerts: [{}]}
      - {eval_time: 4d, alertname: High, exp_alerts: [{}]}
      - {eval_time: 5d, alertname: High, exp_alerts: []}
      - {eval_time: 6d, alertname: High, exp_alerts: []}
      - {eval_time: 12d, alertname: High, exp_alerts: []}
"""
HIGH = "groups: [{name: a, rules: [{alert: High, expr: flights_log_loss > 0.3, for: 1d}]}]"


def test_a_rule_file_and_its_test_are_evaluated_as_promtool_does(tmp_path: Path):
    """The files that I write for promtool get the same verdict without it."""
    assert telemetry.alerts_of(HIGH)["High"]["for"] == "1d"
    table = telemetry.check_rule_file(HIGH, DAILY)
    assert table["right"].all()
    assert list(table.index) == ["0d", "2d", "3d", "4d", "5d", "6d", "12d"]
    assert table["does"].tolist() == [False, False, True, True, False, False, False]
    late = telemetry.check_rule_file(HIGH.replace("1d", "2d"), DAILY)
    assert list(late.index[~late["right"]]) == ["3d"]
    if telemetry.installed():
        (tmp_path / "rules.yml").write_text(HIGH)
        (tmp_path / "test.yml").write_text(DAILY)
        command = ["promtool", "test", "rules", "test.yml"]
        assert subprocess.run(command, cwd=tmp_path, check=False).returncode == 0


@pytest.mark.parametrize(
    ("rules", "test", "fix"),
    [
        ("groups: [", DAILY, "indent with spaces"),
        ("- a", DAILY, "as the example"),
        ("groups: []", DAILY, "`groups:`"),
        (HIGH, DAILY.replace("evaluation_interval: 1d", ""), "`evaluation_interval: 1d`"),
        (HIGH, DAILY.replace("- interval: 1d", "- interval: 1m"), "`interval: 1d`"),
        (HIGH, DAILY.replace("High", "Low"), "the same name"),
        (HIGH, DAILY.replace("12d", "12h"), "0d, 1d, 2d"),
        (HIGH, DAILY.replace("0x1", "many"), "by spaces"),
        (HIGH, DAILY.replace("flights_log_loss", "up"), "flights_log_loss"),
    ],
)
def test_a_rule_file_that_cannot_be_evaluated_is_refused(rules: str, test: str, fix: str):
    """A slip in one of the files says what to write."""
    with pytest.raises(UsageError) as caught:
        telemetry.check_rule_file(rules, test)
    assert fix in str(caught.value)


def test_a_rule_that_is_none_is_refused():
    """An unknown key, an invalid duration and a metric without values are each named."""
    for rule, words in (
        ({"alert": "X"}, "is missing"),
        (ABOVE | {"if": "x"}, "the key 'if' is unknown"),
        (ABOVE | {"for": "two days"}, "is not a duration"),
        (ABOVE | {"for": "1"}, "for: '1' is not a duration"),
        (ABOVE | {"keep_firing_for": 1}, "keep_firing_for: '1' is not a duration"),
        (ABOVE | {"expr": "flights_log_loss >"}, "is not valid PromQL"),
        (ABOVE | {"expr": "log_loss > 1"}, "uses log_loss, which has no values here"),
    ):
        with pytest.raises(UsageError, match=words):
            telemetry.check_rule(rule, {"log_loss": [1, 2]}, [False, True])
    with pytest.raises(DataError, match="differ in length"):
        telemetry.check_rule(ABOVE, {"log_loss": [1, 2]}, [True])


def test_a_rule_waits_for_as_long_as_it_says():
    """On each day I see whether an alert is pending or fires; a break starts the wait again."""
    history = telemetry.open_history(short(0, 2, 2, 2, 0, 2), "reader")
    states = telemetry.rule_states(ABOVE | {"for": "2d"}, history.query).iloc[:, 0]
    assert states.tolist() == ["", "pending", "pending", "firing", "", "pending"]


def test_a_rule_may_keep_its_alarm_for_a_while():
    """After its condition has ended, an alarm lasts as long as the rule says, as in Prometheus."""
    rule = ABOVE | {"for": "1d", "keep_firing_for": "2d"}
    values, fires = [0, 2, 0, 2, 2, 0, 2, 0, 0, 0, 2], [False] * 4 + [True] * 5 + [False] * 2
    history = telemetry.open_history(short(*values), "reader")
    assert (telemetry.rule_states(rule, history.query).iloc[:, 0] == "firing").tolist() == fires
    if telemetry.installed():
        passes, output = telemetry.promtool(rule, telemetry.rule_test(rule, {"log_loss": values}, fires))
        assert passes, output


def test_every_signal_that_pages_has_its_alert():
    """Each signal that pages is an alert with the limit of the table; evidence is not an alert."""
    alerts = telemetry.rules("flights")
    assert sorted(name for name in alerts["signal"] if name) == sorted(one["name"] for one in PAGES)
    assert alerts.loc["FlightsLabels", "expr"] == "flights_label_coverage < 0.98"
    with pytest.raises(UsageError, match="no rules 'weather'"):
        telemetry.rules("weather")


def test_objectives_burn_at_two_speeds():
    """The service pages when its budget burns fast or steadily, each judged over a long and a short window."""
    alerts = telemetry.rules("service")
    assert alerts.loc[["ClipperBudgetBurnsFast", "ClipperBudgetBurns"], "severity"].eq("page").all()
    assert alerts.loc["ClipperBudgetShrinks", "severity"] == "ticket"
    recorded = {rule["record"] for rule in telemetry.rule_file("service")["groups"][0]["rules"]}
    for name in ("ClipperBudgetBurnsFast", "ClipperBudgetBurns", "ClipperBudgetShrinks"):
        asked = telemetry.metrics_of(alerts.loc[name, "expr"])
        assert len(asked) == 2
        assert asked <= recorded


# --------------------------------------------------------------------------- panels and the files of deploy/


def test_every_signal_is_on_a_panel():
    """Every signal that pages and all evidence is on a panel, and no panel shows what is not measured."""
    shown = {name for one in tables.read_toml("panels.toml")["panel"] for name in one.get("signals", ())}
    assert shown == {one["name"] for one in SIGNALS}


def test_panels_ask_what_can_be_asked():
    """Every line of every panel is PromQL, about flights on the one board and about Clipper on the other."""
    for name, board in telemetry.panels()["dashboard"].items():
        for query in panel_lines(name).values():
            assert telemetry.metrics_of(query)
            prefix = "flights_" if board == "flights" else ("clipper_", "app:clipper_")
            assert all(metric.startswith(prefix) for metric in telemetry.metrics_of(query))
    with pytest.raises(UsageError, match="no panel 'weather'"):
        panel_lines("weather")


def test_a_panel_is_a_line_a_signal(daily, reader):
    """A panel comes as a table of days for a figure, averaged where the table of panels says so."""
    hubs = reader.panel("hubs")
    assert hubs.columns.tolist() == ["hub_EWR", "hub_JFK", "hub_LGA"]
    assert hubs.loc["2013-05-05", "hub_JFK"] == daily.loc["2013-05-05", "hub_JFK"]
    week = reader.panel("log_loss").loc["2013-05-05", "log_loss"]
    assert week == pytest.approx(daily.loc["2013-04-29":"2013-05-05", "log_loss"].mean())


@pytest.mark.parametrize("board", FILES)
def test_grafana_shows_the_notebooks_panels(board: str):
    """Each panel of the notebook is one of Grafana's, with the same title, lines and limits."""
    shown = {panel["title"]: panel for panel in telemetry.dashboard(board)["panels"]}
    for name, row in telemetry.panels(board).iterrows():
        panel = shown.pop(row["title"])
        assert {one["legendFormat"]: one["expr"] for one in panel["targets"]} == panel_lines(name)
        assert panel["fieldConfig"]["defaults"]["custom"]["axisLabel"] == row["unit"]
    assert not shown
    with pytest.raises(UsageError, match="no dashboard 'weather'"):
        telemetry.dashboard("weather")


def test_grafana_draws_the_limits_that_page():
    """The panel of the hubs has both limits; the panel of log-loss has none."""
    limit = next(one["limit"] for one in SIGNALS if one["name"] == "hub_EWR")
    drawn = {
        panel["title"]: [step["value"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"][1:]]
        for panel in telemetry.dashboard("flights")["panels"]
    }
    assert drawn["Each airport compared with the other two"] == [-limit, limit]
    assert drawn["Log-loss, mean of 7 days"] == []


@pytest.mark.parametrize("path", telemetry.deployment_files())
def test_the_files_of_deploy_follow_from_the_tables(path: str):
    """Rules and dashboards in deploy/ are those of the tables."""
    assert (ROOT / path).read_text(encoding="utf-8") == telemetry.deployment_files()[path], "run `course generate`"


@needs_prometheus
def test_the_rules_pass_their_unit_tests():
    """Prometheus' own tool finds the configuration good and the rules as their tests have them."""
    tests = sorted((DEPLOY / "prometheus" / "tests").glob("*.yml"))
    for command in (["test", "rules", *tests], ["check", "config", DEPLOY / "prometheus" / "prometheus.yml"]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_unit_test():
    """Each alert about the service fires in one unit test and stays quiet in another; so does each kind of limit."""
    fired: dict[str, set[bool]] = {}
    for file in (DEPLOY / "prometheus" / "tests").glob("*.yml"):
        for test in yaml.safe_load(file.read_text(encoding="utf-8"))["tests"]:
            for one in test.get("alert_rule_test", ()):
                fired.setdefault(one["alertname"], set()).add(bool(one["exp_alerts"]))
    assert all(both == {True, False} for both in fired.values())
    assert set(telemetry.rules("service").index) <= set(fired)
    tested = telemetry.rules("flights").reset_index().query("alert in @fired")["signal"]
    assert {one["side"] for one in SIGNALS if one["name"] in set(tested)} == {one["side"] for one in PAGES}


def test_compose_keeps_to_this_machine():
    """The Compose file opens nothing to the network, and both programs find their files."""
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert "--web.listen-address=127.0.0.1:9090" in services["prometheus"]["command"]
    assert services["grafana"]["environment"]["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert not any("ports" in service for service in services.values())
    for service in services.values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert not source.startswith(".") or source == "../build/history" or (DEPLOY / source).is_dir()
    source = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"][0]
    assert source["uid"] == telemetry.dashboard("flights")["panels"][0]["datasource"]["uid"]
    port = next(row["port"] for row in tables.read_toml("ports.toml")["port"] if row["what"] == "Prometheus")
    assert source["url"] == f"http://127.0.0.1:{port}"


def test_what_monitoring_costs_was_measured(capsys: pytest.CaptureFixture[str]):
    """I read what scraping and counting cost beside being unwatched, and where that was measured."""
    table = tables.benchmark("telemetry")
    assert table.index.tolist() == ["unwatched", "scraped", "scraped and counting"]
    assert table.loc["unwatched", ["p50_ratio", "p99_ratio"]].eq(1).all()
    assert (table["p99_ms"] >= table["p50_ms"]).all()
    tables.benchmark_note("telemetry")
    assert "virtual cores" in capsys.readouterr().out


# --------------------------------------------------------------------------- a Prometheus of one's own


def answers(address: str) -> bool:
    """Return whether a program listens at an address."""
    try:
        with urllib.request.urlopen(f"{address}/-/ready", timeout=PATIENT):
            return True
    except OSError:
        return False


@needs_prometheus
def test_a_prometheus_is_gone_when_it_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """While a history is open I can read its pages; closed, it leaves no program, port or file, and says so."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    before = psutil.Process().children(recursive=True)
    history = telemetry.open_history(short(1.0), "prometheus")
    assert answers(history.address)
    children = [child for child in psutil.Process().children(recursive=True) if child not in before]
    assert "prometheus" in {child.name() for child in children}
    history.close()
    history.close()
    assert not answers(history.address)
    assert not any(child.is_running() for child in children)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="does not answer"):
        history.query("flights_log_loss")


@needs_prometheus
def test_a_prometheus_does_not_outlive_a_killed_notebook(tmp_path: Path):
    """When the notebook's process is killed outright, Prometheus ends by itself and its folder is removed."""
    code = (
        "import time\nfrom course_utils.operate import telemetry\n"
        "server = telemetry.Prometheus()\nprint(server.address, flush=True)\ntime.sleep(100_000)"
    )
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment) as notebook:
        try:
            address = notebook.stdout.readline().strip()
            assert answers(address)
            assert list(tmp_path.iterdir())
        finally:
            notebook.kill()
    until(lambda: not answers(address), "Prometheus is gone")
    until(lambda: not list(tmp_path.iterdir()), "its folder is gone")


@needs_prometheus
def test_a_port_that_is_taken_is_named():
    """If the port is taken, the message says so, and nothing is left behind."""
    first = telemetry.Prometheus()
    try:
        port = int(first.address.rpartition(":")[2])
        with pytest.raises(UsageError, match=f"port {port} is taken"):
            telemetry.Prometheus(port=port)
        assert first.now("1 + 1").tolist() == [2]
        assert first.alerts().empty
        with pytest.raises(UsageError, match="Prometheus refuses query_range"):
            first.ask("query_range", query="up", start=2, end=1, step=1)
    finally:
        first.stop()


@needs_prometheus
def test_a_prometheus_that_cannot_start_says_why():
    """With settings that it refuses I read its own reason."""
    with pytest.raises(UsageError, match=r"did not start: .*duration"):
        telemetry.Prometheus(every="soon")


@needs_prometheus
def test_samples_without_sense_are_refused_by_promtool(tmp_path: Path):
    """What is no OpenMetrics does not become a past."""
    with pytest.raises(DataError, match="promtool refuses the samples"):
        telemetry.backfill("flights_log_loss one\n", tmp_path / "data")
