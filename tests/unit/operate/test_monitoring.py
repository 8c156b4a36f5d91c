"""Around the signals: a rule on trial, three dashboards, the runbook and the tables of words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import yaml
from waiting import PATIENT

from authoring import patience
from course_utils import tables
from course_utils.errors import DataError, UsageError
from course_utils.operate import drift, monitoring, telemetry

RULE = {"alert": "LabelsLate", "expr": "flights_label_coverage < 0.9", "for": "1d"}
DAYS = [1, 0.88, 1, 0.88, 0.88, 0.5, 1, 0.93, 0.93]
FIRES = [False, False, False, False, True, True, False, False, False]


def tried(rule, values, fires):
    """Try a rule and its test, both as files."""
    rules = {"groups": [{"name": "labels", "rules": [rule]}]}
    return monitoring.try_rule(yaml.safe_dump(rules), telemetry.rule_test(rule, {"label_coverage": values}, fires))


def test_a_rule_is_tried_on_its_own_test_and_on_days_that_the_test_does_not_name():
    """A right rule with a good test: each day is as it should be, and every wrong rule would have failed the test."""
    trial = tried(RULE, DAYS, FIRES)
    assert isinstance(trial, monitoring.Trial)
    assert trial.table["right"].all()
    assert (trial.hidden["should"] == trial.hidden["does"]).all()
    assert trial.unnoticed == ()
    assert "9 of 9" in repr(trial)


def test_a_test_that_looks_at_little_lets_wrong_rules_pass_by_name():
    """A test with two bad days only does not notice a wrong limit."""
    trial = tried(RULE, [1, 0.5, 0.5], [False, False, True])
    assert trial.table["right"].all()
    assert "its limit is too low" in trial.unnoticed
    assert "it fires on the first bad day" not in trial.unnoticed


def test_a_rule_that_passes_its_own_test_may_still_be_wrong_on_other_days():
    """A test that shares the mistake of its rule does not hide it."""
    trial = tried({"alert": "Hasty", "expr": RULE["expr"]}, [1, 0.5], [False, True])
    assert trial.table["right"].all()
    assert not (trial.hidden["should"] == trial.hidden["does"]).all()


def test_every_wrong_rule_of_the_exercise_is_wrong_on_the_hidden_days():
    """The rules that a test must tell apart do differ from the right one."""
    plan = tables.read_toml("monitoring.toml")["rule"]
    for wrong in plan["wrong"]:
        rule = {"alert": "Wrong", "expr": wrong["expr"], "for": wrong["for"]}
        table = telemetry.check_rule(rule, {plan["signal"]: plan["values"]}, plan["fires"])
        assert not table["right"].all(), wrong["says"]


def test_a_rule_or_a_test_that_is_none_is_refused():
    """No PromQL, or fewer verdicts than days, is said at once."""
    with pytest.raises(UsageError):
        tried(RULE | {"expr": "coverage is low"}, DAYS, FIRES)
    with pytest.raises(DataError):
        tried(RULE, DAYS, FIRES[:-1])


# --------------------------------------------------------------------------- dashboards


@pytest.fixture
def machine() -> SimpleNamespace:
    """Play three weeks in which every day differs from the day before, at each of three airports."""
    rng = np.random.default_rng(0)
    days = pd.date_range("2013-06-24", "2013-07-14")
    rows = pd.concat(
        [
            pd.DataFrame(
                {
                    "Origin": airport,
                    "day": day,
                    "probability": rng.random(20 + place + n),
                    "latency_ms": rng.random(20 + place + n),
                    "DepDelay": rng.integers(0, 40, 20 + place + n).astype(float),
                }
            )
            for n, day in enumerate(days)
            for place, airport in enumerate(("EWR", "JFK", "LGA"))
        ],
        ignore_index=True,
    )
    return SimpleNamespace(table=lambda first, last: (rows, rows, None, None))


def test_just_one_board_repeats_itself_and_only_in_the_days_of_the_outage(machine):
    """The board that hides the outage shows each panel's last value on its days; all else was measured."""
    plan = tables.read_toml("monitoring.toml")["boards"]
    boards = monitoring.example_dashboards(machine)
    assert list(boards) == ["A", "B", "C"]
    for name, board in boards.items():
        repeats = (board.diff() == 0).all(axis=1)
        days = [f"{day:%Y-%m-%d}" for day in board.index[repeats]]
        wanted = [] if name != plan["hides"] else [plan["out_first"], "2013-07-04", plan["out_last"]]
        assert days == wanted
        assert board.notna().all(axis=None)


# --------------------------------------------------------------------------- the runbook and the tables


def test_every_signal_stands_in_the_runbook_and_the_runbook_names_no_other():
    """Each page leads to an entry; no entry is about a signal that is not measured."""
    known = drift.signals()
    named = {name for signals in monitoring.runbook()["signals"] for name in signals.split(", ") if name}
    assert named == set(known.index)
    for name in drift.signals("page").index:
        assert (monitoring.runbook(name)["tier"] == "page").any(), name


def test_an_entry_says_what_to_look_at_what_it_was_what_to_do_and_what_not():
    """No entry of the runbook leaves a question open."""
    table = monitoring.runbook().drop(columns="signals")
    assert (table.map(str).map(len) > 3).all(axis=None)
    assert set(table["tier"]) == {"page", "evidence"}
    with pytest.raises(UsageError, match="no_such"):
        monitoring.runbook("no_such")


def test_each_question_of_the_deck_has_an_answer_and_a_section_of_the_lesson():
    """The deck's four questions and the seven of its table are answered where it is said."""
    table = monitoring.deck_questions()
    assert table.groupby(level="from").size().to_dict() == {"Monitoring": 4, "Step 6": 7}
    lesson = (Path(__file__).parents[3] / "lessons" / "16_monitoring.py").read_text(encoding="utf-8")
    headings = {line.lstrip("# ").lower() for line in lesson.splitlines() if line.startswith(("# ## ", "# ### "))}
    assert {section.lower() for section in table["section"]} <= headings


def test_the_table_of_tools_is_dated(capsys):
    """The table of tools is shown with the day on which the documentation was read."""
    assert monitoring.monitoring_tools().notna().all(axis=None)
    monitoring.monitoring_tools_note()
    assert "20" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.skipif(not telemetry.installed(), reason="Prometheus is not installed")
def test_a_real_prometheus_sees_the_questions_of_a_running_service():
    """Scraped while it is asked, the service shows its target, its questions and no default answer."""
    from clipper_admin import ClipperConnection
    from clipper_admin.deployers.python import deploy_python_closure

    from course_utils.serve import load_testing
    from course_utils.serve.clipper import LocalContainerManager

    load_testing.silence_clipper_logs()
    name = load_testing.cluster_name("test-monitoring")
    connection = ClipperConnection(LocalContainerManager(name, clipper_query_port=0, clipper_management_port=0))
    connection.start_clipper()
    try:
        connection.register_application("echo", "strings", "none", round(1e6 * PATIENT))
        image = "clipper/python36-closure-container:0.4.1"
        deploy_python_closure(connection, "echo", 1, "strings", lambda texts: texts, base_image=image)
        connection.link_model_to_app("echo", "echo")
        seen = monitoring.scrape_service(
            connection.get_query_addr(), "echo", ["1", "2"], seconds=min(60, patience.seconds(15)), rate=20
        )
    finally:
        connection.stop_all()
    assert seen["targets that answer"] == 1
    assert seen["questions a second"] > 0
    assert seen["default answers"] == 0
