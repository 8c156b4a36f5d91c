"""Demand, servers, bills and whose they are."""

from __future__ import annotations

import math
import random
import re
from collections import deque
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from course_utils import tables
from course_utils.errors import DataError, UsageError
from course_utils.serve import costs
from course_utils.serve.costs import checks

LESSON = Path(__file__).parents[3] / "lessons" / "08_hosting_cost.py"


def a_flight(hour: int, delay: float) -> pd.DataFrame:
    """Make one flight from Newark on 2 January 2013."""
    day = {"Year": 2013, "Month": 1, "DayofMonth": 2, "CRSDepTime": 100 * hour, "Origin": "EWR"}
    return pd.DataFrame([day | {"DepDelay": delay}])


# --------------------------------------------------------------------------- demand


@pytest.mark.parametrize(
    ("delay", "each"), [(0, 2), (14, 2), (15, 10), (float("nan"), 10)], ids=["on time", "nearly", "late", "cancelled"]
)
def test_passengers_look_in_the_three_hours_before_departure(delay, each):
    """All look-ups of a flight are in the three hours before it leaves; late and cancelled flights get more of them."""
    asked = costs.demand(a_flight(15, delay))
    asked = asked[asked > 0]
    assert [str(hour) for hour in asked.index] == [f"2013-01-02 {hour}:00:00-05:00" for hour in (12, 13, 14)]
    assert asked.tolist() == pytest.approx([120 * each / 3] * 3)


def test_no_look_up_is_lost(flights):
    """The look-ups of a year are those of all its flights, in hours that follow each other without a gap."""
    asked = costs.demand(flights, passengers=3, lookups_late=1)
    late = (flights["DepDelay"] >= 15) | flights["DepDelay"].isna()
    assert asked.sum() == pytest.approx(3 * (2 * len(flights) + late.sum()))
    assert (np.diff(asked.index.asi8) == asked.index.asi8[1] - asked.index.asi8[0]).all()


def test_a_batch_scores_each_flight_three_times(flights):
    """Every flight is in the jobs of three hours, and no job is empty."""
    jobs = costs.batch_jobs(flights)
    assert jobs.sum() == 3 * len(flights)
    assert jobs.min() > 0


def test_own_assumptions_are_marked():
    """My own assumptions are used and marked as mine."""
    table = costs.assumptions(passengers=180)
    assert table.loc["passengers", ["value", "why"]].tolist() == [180, "your own"]
    assert costs.assumptions().loc["passengers", "value"] == 120
    assert costs.machine(years=2).loc["years", ["value", "why"]].tolist() == [2, "your own"]


# --------------------------------------------------------------------------- servers


def test_erlang_c_is_that_of_the_textbooks():
    """One server is busy as often as one has to wait; two servers at a load of one make one in three wait."""
    assert costs.erlang_c(1, 0.3) == pytest.approx(0.3)
    assert costs.erlang_c(2, 1) == pytest.approx(1 / 3)
    direct = (8**10 / math.factorial(10) * 10 / 2) / (
        sum(8**n / math.factorial(n) for n in range(10)) + 8**10 / math.factorial(10) * 10 / 2
    )
    assert costs.erlang_c(10, 8) == pytest.approx(direct)
    assert costs.erlang_c(3, 0) == 0


@pytest.mark.parametrize(("servers", "rate"), [(1, 50), (1, 80), (3, 206), (8, 700)])
def test_formula_and_simulation_agree(servers, rate):
    """The queue that is simulated request by request waits as long as Erlang's formula says."""
    assert costs.simulate_queue_wait(servers, rate, 10) == pytest.approx(costs.queue_wait(servers, rate, 10), rel=0.08)


def passengers_wait(servers: int, rate: float, service_ms: float, together: int, spread_ms: float) -> float:
    """Simulate flights whose passengers look up within `spread_ms`, by the millisecond; return the 99th percentile.

    Written without the course's simulation: a clock that ticks, a line of people, and counters that are busy.
    """
    rng = random.Random(1)
    arrivals, now = [], 0.0
    while len(arrivals) < 12_000:
        now += rng.expovariate(rate / together / 1000)
        arrivals += [now + rng.uniform(0, spread_ms) for _ in range(together)]
    line, waits, busy_until = deque(), [], [0.0] * servers
    due, tick = deque(sorted(arrivals)), 0
    while due or line:
        while due and due[0] <= tick:
            line.append(due.popleft())
        for counter, until in enumerate(busy_until):
            if line and until <= tick:
                waits.append(max(0.0, tick - line.popleft()))
                busy_until[counter] = tick + service_ms
        tick = tick + 1 if line or not due else max(tick + 1, math.floor(due[0]))
    return sorted(waits)[int(0.99 * len(waits))]


@pytest.mark.parametrize(("servers", "together"), [(3, 120), (20, 120), (1, 7)])
def test_requests_that_arrive_together_wait_as_the_burst_formula_says(servers, together):
    """A whole flight at once waits for the rounds of the servers, as a simulation finds that knows no formula."""
    found = passengers_wait(servers, 0.001 * together, 10, together, spread_ms=0)
    assert costs.burst_wait(servers, together, 10) == pytest.approx(found, abs=11)


def test_erlangs_formula_holds_for_independent_requests_only():
    """With the same load, a whole flight at once waits far longer than the formula says; spread out, it does not."""
    formula = costs.queue_wait(3, 60, 10)
    assert passengers_wait(3, 60, 10, together=1, spread_ms=0) <= formula + 10
    assert passengers_wait(3, 60, 10, together=120, spread_ms=0) > 350 > 10 * (formula + 10)
    assert passengers_wait(3, 60, 10, together=120, spread_ms=60_000) < 50
    assert costs.simulate_queue_wait(3, 60, 10, together=120) > 350


def test_one_request_is_no_burst():
    """As many requests as servers do not wait, and one by one the simulation is the one of before."""
    assert costs.burst_wait(3, 1, 10) == costs.burst_wait(3, 3, 10) == 0
    assert costs.burst_wait(3, 120, 10, quantile=0.5) == 190
    assert costs.simulate_queue_wait(3, 206, 10, together=1) == costs.simulate_queue_wait(3, 206, 10)
    for wrong in ({"together": 0}, {"together": 1.5}, {"servers": True}, {"quantile": 1}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            costs.burst_wait(**{"servers": 3, "together": 9, "service_ms": 10} | wrong)


def test_even_requests_wait_less():
    """Where all requests take the same time, the queue is about half as long as where they differ."""
    assert 0.35 < costs.simulate_queue_wait(1, 80, 10, deterministic=True) / costs.queue_wait(1, 80, 10) < 0.65


def test_a_server_that_cannot_keep_up_never_catches_up():
    """A hundred requests a second of 10 ms are too much for one server, and with few requests none waits."""
    assert costs.queue_wait(1, 100, 10) == math.inf
    assert costs.queue_wait(3, 1, 10) == 0
    assert costs.queue_wait(2, 100, 10, quantile=0.5) < costs.queue_wait(2, 100, 10)


@pytest.mark.parametrize("rate", [90, 206, 290, 1990])
def test_servers_are_as_few_as_the_wait_allows(rate):
    """One server fewer would let passengers wait too long, however nearly the others are busy."""
    servers = costs.servers_needed(rate, 10, 50)
    fewer = costs.queue_wait(servers - 1, rate, 10) if servers > 1 else math.inf
    assert costs.queue_wait(servers, rate, 10) <= 50 < fewer
    assert costs.servers_needed(rate, 10, 5) >= servers


def test_hours_get_their_own_servers():
    """Each hour gets the servers that its traffic needs, and at least one."""
    needed = costs.servers_needed(pd.Series({"night": 0.0, "storm": 206.0, "rush": 290.0}), 10, 50)
    assert needed.to_dict() == {"night": 1, "storm": 3, "rush": 4}


def test_what_a_prediction_takes_is_measured_or_looked_up(capsys):
    """The committed table has its date and machine, and my own measurement is per prediction."""
    table = costs.cost_per_prediction()
    assert (table["processor time [ms]"] > 0).all()
    tables.benchmark_note("costs")
    assert re.search(r"measured \d{4}-\d\d-\d\d, .*cores", capsys.readouterr().out)
    calls = []
    assert costs.processor_time_ms(lambda: calls.append(sum(range(20_000))), repeat=5, predictions=10) >= 0
    assert len(calls) == 6


# --------------------------------------------------------------------------- bills


@pytest.mark.parametrize(
    ("bill", "dollars"),
    [
        (lambda: costs.aws_batch([94]), "0.10"),
        (lambda: costs.aws_batch([999, 1000, 1001]), "0.40"),
        (lambda: costs.aws_batch([0]), "0"),
        (lambda: costs.aws_batch([]), "0"),
        (lambda: costs.aws_batch([94] * 744), "74.40"),
        (lambda: costs.aws_batch([94 * 744]), "7.00"),
        (lambda: costs.aws_real_time(1), "0.01"),
        (lambda: costs.aws_real_time(100), "0.01"),
        (lambda: costs.aws_real_time(101), "0.02"),
        (lambda: costs.aws_real_time(300), "0.03"),
        (lambda: costs.aws_real_time(16_257_840), "1625.79"),
        (lambda: costs.azure(1000), "0.50"),
        (lambda: costs.azure(1), "0.00"),
        (lambda: costs.azure(16_257_840), "8128.92"),
        (lambda: costs.google(2232), "124.99"),
        (lambda: costs.google(744, "batch"), "68.91"),
        (lambda: costs.google(Decimal(1) / 3, "batch"), "0.03"),
    ],
)
def test_bills_follow_the_vendors_rounding_rules(bill, dollars):
    """Each bill is right to the cent, rounded as its vendor rounds."""
    assert bill() == Decimal(dollars)


def test_floats_round_up_where_nothing_is_to_be_rounded():
    """Three cents stay three cents, although floats would round them up to four."""
    assert math.ceil(300 * 0.0001 * 100) == 4
    for hundreds in range(1, 200):
        assert costs.aws_real_time(100 * hundreds) == Decimal(hundreds) / 100


def test_the_decks_prices_are_in_the_list():
    """The deck's five prices are listed exactly, dated 2018, and every price has a source and a rounding rule."""
    table = costs.prices()
    wanted = {"aws_batch": "0.1", "aws_real_time": "0.0001", "azure": "0.5"}
    wanted |= {"google_batch": "0.09262", "google_online": "0.056"}
    assert {key: str(table.loc[key, "dollars"]) for key in wanted} == wanted
    assert (table["as of"] == 2018).all()
    assert (table[["source", "rounding"]].map(len) > 5).all(axis=None)


def test_todays_prices_make_todays_bill():
    """I enter my vendor's price, and every bill is worked out with it."""
    mine = costs.prices(google_online="0.09", aws_batch=0.2)
    assert costs.google(100, price_list=mine) == 9
    assert costs.aws_batch([1], mine) == Decimal("0.2")
    assert costs.rent_or_buy(price_list=mine)["rent"].iloc[0] == pytest.approx(0.09 * 8760)
    assert mine.loc["google_online", ["as of", "source"]].tolist() == ["today", "your own"]
    assert costs.google(100) == Decimal("5.60")


def test_buying_pays_from_some_number_of_nodes_on():
    """Renting grows node by node, buying machine by machine, and a dearer machine pays later."""
    table = costs.rent_or_buy(40)
    assert (table["buy"] < table["rent"]).idxmax() == 13
    assert table["buy"].nunique() == 2  # a third machine from 33 nodes on
    assert table["buy"][33] == pytest.approx(1.5 * table["buy"][32])
    dearer = costs.rent_or_buy(40, dollars=12_000)
    assert (dearer["buy"] < dearer["rent"]).idxmax() > 13


def test_the_whole_bill_names_every_part_of_the_deck():
    """Load balancer, servers, monitoring, object and log storage are lines, and each can shrink in a way of K3."""
    bill = costs.architecture(2232, 1344)
    for part in (
        "load balancers",
        "prediction servers",
        "monitoring, registry, scheduler",
        "object storage",
        "log store",
    ):
        assert part in bill.index
    assert bill["built"].sum() == Decimal("1339.24")
    assert (bill["lean"] < bill["built"]).all()
    assert set(bill["way"]) <= set(costs.cost_controls().index)
    assert bill.loc["object storage", "lean"] == Decimal("4.60") + Decimal("7.20")


def test_more_nines_cost_minutes_first_and_servers_later():
    """A target of 99.9% leaves 43.2 minutes in 30 days, and with servers up 99% of the time it takes one to spare."""
    table = costs.availability("0.99", "0.999", "0.9999")
    assert table["minutes in 30 days"].tolist() == pytest.approx([432, 43.2, 4.32])
    assert table["spare servers"].tolist() == [1, 1, 2]
    assert costs.availability("0.9", servers=1)["spare servers"].item() == 0


# --------------------------------------------------------------------------- whose bill it is


def test_the_teams_do_not_add_up_where_labels_are_missing():
    """Grouping by label leaves out what has none, and the rest of the bill is just that."""
    bill, _ = costs.billing_export()
    teams = costs.sql(
        "SELECT label.value AS team, sum(cost) AS dollars FROM bill, UNNEST(labels) AS t(label) "
        "WHERE label.key = 'team' GROUP BY team",
        bill=bill,
    )
    none = sum(cost for cost, labels in zip(bill["cost"], bill["labels"], strict=True) if not labels)
    assert none > 0
    assert teams["dollars"].sum() + float(none) == pytest.approx(float(bill["cost"].sum()))


def test_money_is_exact_in_sql():
    """A hundred tenths are ten, which floats would miss."""
    frame = pd.DataFrame({"cost": [Decimal("0.1")] * 100})
    assert costs.sql("SELECT sum(cost) = 10 AS exact, typeof(sum(cost)) AS type FROM bill", bill=frame).iloc[0]["exact"]


def test_the_planted_overspend_is_one_unused_resource():
    """The trial runs unused from day 8 to the end of the month; without it June is within the budget."""
    bill, use = costs.billing_export()
    trial = bill[bill["resource"] == "gpu-trial"]
    assert [day.day for day in trial["day"]] == list(range(8, 31))
    assert use.loc[use["resource"] == "gpu-trial", "requests"].sum() == 0
    budget = tables.read_toml("hosting.toml")["export"]["budget"]
    assert bill["cost"].sum() - trial["cost"].sum() < budget < bill["cost"].sum()


def test_alarms_come_on_the_day_that_reaches_the_share():
    """A share that is just reached counts, one that is never reached has no day; early is relative to an even pace."""
    table = costs.budget_alerts(pd.Series([10, 20, 70, 0], index=[1, 2, 3, 4]), 200, [0.05, 0.1, 0.5, 0.9])
    assert table["day"].tolist()[:3] == [1, 2, 3]
    assert table["even pace"].tolist() == [1, 1, 2, 4]
    assert table["days early"].tolist()[:3] == [0, -1, -1]
    assert table["day"].isna().tolist() == [False, False, False, True]


def test_tenths_of_cents_reach_a_share_exactly():
    """Ten days of ten cents are the whole budget of a dollar."""
    table = costs.budget_alerts(pd.Series([0.1] * 10, index=range(1, 11)), 1, [0.3, 1.0])
    assert table["day"].tolist() == [3, 10]


# --------------------------------------------------------------------------- the deck


def test_each_of_the_eleven_ways_is_met_by_a_section():
    """Whichever answer of K3 I look at, the lesson shows me where it was done."""
    question = next(quiz for quiz in tables.read_toml("quizzes.toml")["quiz"] if quiz["name"] == "K3.1")
    options = [option["text"] for option in question["options"]]
    ways = costs.cost_controls()
    assert ways.index.tolist() == list("abcdefghijk")
    assert ways["what"].tolist() == options[:11]
    sections = re.findall(r"^# ## (.+)$", LESSON.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(ways["here"]) <= set(sections)


def test_the_decks_tools_are_listed_with_their_state_today():
    """Calculators, Cloudcraft, Cost Explorer, BigQuery and Data Studio are listed, each with its state today."""
    table = costs.cost_tools()
    named = " ".join(table.index)
    for tool in (
        "Google Cloud Calculator",
        "Azure",
        "Amazon ML",
        "Cloudcraft",
        "Cost Explorer",
        "BigQuery",
        "Data Studio",
    ):
        assert tool in named
    assert (table.map(len) > 5).all(axis=None)


# --------------------------------------------------------------------------- what is refused


def test_numbers_are_checked_and_read_exactly():
    """A price of 0.1 is a tenth; a Boolean, NaN or a count with a decimal point is refused."""
    assert checks.to_decimal(0.1, "a price") == checks.to_decimal(np.float64(0.1), "a price") == Decimal("0.1")
    assert checks.to_count(np.int64(3)) == 3
    checks.check_positive(rate=1, budget=Decimal("0.01"))
    for refused in (
        lambda: checks.to_decimal(True, "a price"),
        lambda: checks.to_count(3.0),
        lambda: checks.check_positive(rate=math.nan),
    ):
        with pytest.raises(UsageError):
            refused()


FRAME = pd.DataFrame({"cost": [1]})


@pytest.mark.parametrize(
    ("error", "call", "words"),
    [
        (UsageError, lambda: costs.assumptions(passenger=3), "passenger'.*choose from passengers"),
        (UsageError, lambda: costs.assumptions(passengers=0), "passengers is 0.*above zero"),
        (UsageError, lambda: costs.machine(years=True), "years is True"),
        (UsageError, lambda: costs.rent_or_buy(year=3), "choose from dollars, years"),
        (UsageError, lambda: costs.rent_or_buy(0), "most is 0"),
        (DataError, lambda: costs.demand(a_flight(15, 0).iloc[:0]), "no flights"),
        (DataError, lambda: costs.batch_jobs(a_flight(15, 0).iloc[:0]), "load_flights"),
        (UsageError, lambda: costs.erlang_c(2, 2), "cannot handle a load of 2"),
        (UsageError, lambda: costs.erlang_c(0, 0), "one or more"),
        (UsageError, lambda: costs.erlang_c(1.5, 1), "whole number"),
        (UsageError, lambda: costs.queue_wait(0, 1, 10), "0 servers"),
        (UsageError, lambda: costs.queue_wait(1, 1, -10), "service_ms is -10"),
        (UsageError, lambda: costs.queue_wait(1, 1, 10, 99), "between 0 and 1"),
        (UsageError, lambda: costs.simulate_queue_wait(1, 100, 10), "more servers than load"),
        (UsageError, lambda: costs.servers_needed(-1, 10, 50), "-1 requests"),
        (UsageError, lambda: costs.servers_needed(1, 10, 0), "wait_ms is 0"),
        (UsageError, lambda: costs.processor_time_ms(3), "lambda"),
        (UsageError, lambda: costs.prices(aws=1), "choose from aws_batch"),
        (UsageError, lambda: costs.prices(azure="dear"), "price azure is 'dear'"),
        (UsageError, lambda: costs.prices(azure=-1), "zero or more"),
        (UsageError, lambda: costs.aws_batch([94.0]), "whole number"),
        (UsageError, lambda: costs.aws_real_time(-1), "-1 predictions"),
        (UsageError, lambda: costs.azure(True), "True predictions"),
        (UsageError, lambda: costs.google(math.nan), "node hours is nan"),
        (UsageError, lambda: costs.google(1, "offline"), "'online' or 'batch'"),
        (UsageError, lambda: costs.architecture(-1, 0), "quantity of server"),
        (UsageError, lambda: costs.availability("99.9"), "between 0 and 1"),
        (UsageError, lambda: costs.sql("SELECT price FROM bill", bill=FRAME), 'cannot run the query.*"price"'),
        (UsageError, lambda: costs.budget_alerts(pd.Series(dtype=float), 10, [0.5]), "no days"),
        (UsageError, lambda: costs.budget_alerts(pd.Series([1]), 0, [0.5]), "budget is 0"),
        (UsageError, lambda: costs.budget_alerts(pd.Series([1]), 10, [0]), "share is 0"),
    ],
)
def test_bad_input_is_refused(error, call, words):
    """Input that makes no sense is refused, with the fix."""
    with pytest.raises(error, match=words):
        call()
