"""From counts to dollars."""

from __future__ import annotations

import numpy as np
import pytest

from course_utils.errors import DataError, UsageError
from course_utils.model import metrics, money

DECK = metrics.from_sklearn([[3768, 3178], [2009, 5558]])
FOUR = {"warned, late": 7, "warned, on time": -3, "not warned, late": -11, "not warned, on time": 2}


def test_the_decks_matrix_is_a_loss_at_the_stated_revenue():
    """The deck's counts, read correctly, are worth -$389,700 at $100 and $5,205,900 at $700."""
    assert money.value(DECK, money.payoff("deck_100")) == -389_700
    assert money.value(DECK, money.payoff("deck_700")) == 5_205_900


def test_a_table_of_readings_and_payoffs():
    """One table shows both of the deck's slips, the wrong reading and the wrong revenue, beside the correct values."""
    swapped = {**DECK, "warned, on time": 2009, "not warned, late": 3178}
    table = money.value_table({"deck": swapped, "right": DECK}, ["deck_100", "deck_700"])
    assert table.loc["deck_700", "deck"] == 4_738_300
    assert table.loc["deck_100"].to_dict() == {"deck": -857_300, "right": -389_700}


def test_the_two_ways_cross_at_break_even():
    """Below the break-even probability silence is worth more, above it a warning."""
    lines = money.expected_value(FOUR, step=0.01)
    cross = lines.index[(lines["warn"] >= lines["stay silent"]).to_numpy().argmax()]
    assert cross == pytest.approx(money.break_even(FOUR), abs=0.01)
    assert lines.loc[[0.0, 1.0], "warn"].tolist() == [FOUR["warned, on time"], FOUR["warned, late"]]


def test_revenue_moves_the_threshold():
    """Break-even is .25 at $100 and .40 at $700 of revenue."""
    assert money.break_even(money.payoff("deck_100")) == pytest.approx(0.25)
    assert money.break_even(money.payoff("deck_700")) == pytest.approx(0.40)


def test_break_even_is_where_both_actions_are_worth_the_same():
    """At the break-even probability a warned and an unwarned flight are worth the same on average."""
    p = money.break_even(FOUR)
    warned = p * FOUR["warned, late"] + (1 - p) * FOUR["warned, on time"]
    silent = p * FOUR["not warned, late"] + (1 - p) * FOUR["not warned, on time"]
    assert warned == pytest.approx(silent)


@pytest.mark.parametrize("harm", [{"not warned, late": 7}, {"warned, on time": 2}])
def test_no_threshold_where_warning_is_free_or_useless(harm):
    """A payoff under which warnings never cost or never help has no break-even, and is refused."""
    with pytest.raises(UsageError, match="no threshold decides"):
        money.break_even(FOUR | harm)


def test_each_flights_dollars_add_up_to_the_value():
    """Summing flights one by one gives the value of the counted cells."""
    late, warned = np.array([1, 1, 0, 0, 0]), np.array([1, 0, 1, 0, 0])
    assert money.dollars_by_flight(late, warned, FOUR).sum() == money.value(metrics.confusion(late, warned), FOUR) == -3


def test_curve_ends_at_always_and_never():
    """The value curve starts at 'warn always' and ends at 'warn never'."""
    late, p = np.array([1, 0, 0]), np.array([0.9, 1.0, 0.1])
    curve = money.curve(late, p, FOUR)
    assert curve.iloc[0] == pytest.approx(1000 * (7 - 3 - 3) / 3)
    assert curve.iloc[-1] == pytest.approx(1000 * (-11 + 2 + 2) / 3)
    assert curve.index[0] == 0
    assert curve.index[-1] > 1


def test_days_make_the_interval_wide():
    """If the flights of a day are correlated, the interval by days is several times wider than that by flights."""
    rng = np.random.default_rng(0)
    days = np.repeat(np.arange(60), 400)
    worth = np.repeat(rng.normal(size=60), 400) + rng.normal(size=60 * 400)
    by_day = money.bootstrap(worth, days, draws=400)
    by_flight = money.bootstrap(worth, np.arange(len(worth)), draws=400)
    assert by_day.width > 5 * by_flight.width
    assert by_day.low < by_day.mean < by_day.high


def test_the_interval_is_as_wide_as_theory_says():
    """For independent days the interval agrees with mean ± 1.96 standard errors."""
    worth = np.random.default_rng(1).normal(size=500)
    estimate = money.bootstrap(worth, np.arange(500), draws=4000)
    assert estimate.width == pytest.approx(2 * 1.96 * worth.std() / np.sqrt(500) * 1000, rel=0.06)


def test_the_same_seed_draws_the_same_days():
    """The same seed gives the same interval to the last digit."""
    worth, days = np.arange(100.0), np.arange(100) // 5
    assert money.bootstrap(worth, days) == money.bootstrap(worth, days)


def test_policies_are_compared_on_the_same_flights():
    """Against a policy, the table holds differences, and leaves that policy out."""
    late = np.tile([1, 0, 0, 0], 50)
    days = np.repeat(np.arange(20), 10)
    table = money.policies(late, {"always": late >= 0, "oracle": late == 1}, FOUR, days, against="always", draws=50)
    assert table.index.tolist() == ["oracle"]
    assert table.loc["oracle", "dollars"] == 0.75 * (2 + 3) * 1000
    assert table.loc["oracle", "warned"] == 0.25


def test_a_ledger_shows_where_the_dollars_come_from():
    """Each cell's dollars have its name, and they add up to the value."""
    book = money.dollars_by_cell(
        {"warned, late": 10, "warned, on time": 20, "not warned, late": 3, "not warned, on time": 50}, FOUR
    )
    assert book.to_dict() == {
        "warned, late": 70,
        "warned, on time": -60,
        "not warned, late": -33,
        "not warned, on time": 100,
    }
    assert money.dollars_by_cell(DECK, FOUR).sum() == money.value(DECK, FOUR)


def test_the_decks_total_is_read_backwards():
    """The published 4,738,300, and -857,300 at $100, match exchanged mistakes; the others match the correct reading."""
    for name, slip, right in (("deck_700", 4_738_300, 5_205_900), ("deck_100", -857_300, -389_700)):
        payoff = money.payoff(name)
        assert money.matching_readings(slip, DECK, payoff) == [
            "mistakes exchanged (transposed)",
            "other class positive (both)",
        ]
        assert money.matching_readings(right, DECK, payoff) == ["read correctly", "right answers exchanged"]
        assert money.matching_readings(right + 1, DECK, payoff) == []


def test_four_different_values_tell_all_readings_apart():
    """With four different values, each way to misread the matrix has its own total, which identifies it."""
    for payoff in (FOUR, money.payoff("finance")):
        worth = money.readings(DECK, payoff)
        assert worth.is_unique
        assert [money.matching_readings(total, DECK, payoff) for total in worth] == [[name] for name in money.READINGS]


def test_a_transposed_matrix_is_one_with_its_mistakes_exchanged():
    """Reading scikit-learn's matrix transposed gives the total of exchanged mistakes."""
    turned = metrics.from_sklearn([[3768, 2009], [3178, 5558]])
    assert money.value(turned, FOUR) == money.readings(DECK, FOUR)["mistakes exchanged (transposed)"]


def _case(flights: int = 4000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return outcomes, a model with some skill, and a rival with less."""
    rng = np.random.default_rng(0)
    p = rng.beta(1, 3, size=flights)
    return (rng.random(flights) < p).astype(float), p, 0.5 * p + 0.5 * p.mean()


def test_the_assumptions_are_those_of_the_payoffs():
    """The base values are those of the deck's payoff at $100, and the high end those at $700."""
    assumed = money.assumptions()
    for column, name in (("base", "deck_100"), ("high", "deck_700"), ("low", "incremental")):
        v = money.payoff(name)
        assert assumed.loc["saved", column] == v["warned, late"] - v["not warned, late"]
        assert assumed.loc["wasted", column] == v["not warned, on time"] - v["warned, on time"]
    assert (assumed["low"] <= assumed["base"]).all()
    assert (assumed["base"] <= assumed["high"]).all()


def test_the_advantage_is_the_value_over_the_best_without_the_model():
    """Only differences count: the advantage is the model's value less the best of never, always and the rival's."""
    late, p, rival = _case()
    payoff = money.payoff("deck_100")
    at = money.break_even(payoff)
    worth = {
        name: money.dollars_by_flight(late, warned, payoff).mean() * 1000
        for name, warned in _policies(late, p, rival, at).items()
    }
    best = max(worth[name] for name in ("never", "always", "rival"))
    wanted = worth["model"] - best - 1500
    assert money.advantage(late, p, rival, saved=600, wasted=200, running=1500) == pytest.approx(wanted)


def _policies(late, p, rival, at):
    return {"never": late < 0, "always": late >= 0, "rival": rival >= at, "model": p >= at}


def test_those_who_do_not_read_halve_the_advantage():
    """When half of the passengers read the warning, half of the gain is left, and the running cost stays."""
    late, p, rival = _case()
    full, half = (money.advantage(late, p, rival, saved=600, wasted=200, read=read) for read in (1.0, 0.5))
    assert half == pytest.approx(full / 2)
    assert money.advantage(late, p, rival, saved=600, wasted=200, read=0.0, running=70) == -70


def test_more_late_flights_count_as_such():
    """A late_ratio of 2 gives the value of flights among which each late one occurs twice."""
    late, p, rival = _case()
    keep = late == 0
    # as many flights as before: of those on time so many leave that twice the late ones fit in
    share = (1 - 2 * late.mean()) / (1 - late.mean())
    warned, everyone = p >= 0.25, 1000 / len(late)
    won = 2 * (warned & (late == 1)).sum() * 600 - share * (warned & keep).sum() * 200
    always = 2 * (late == 1).sum() * 600 - share * keep.sum() * 200
    warned = rival >= 0.25
    table = 2 * (warned & (late == 1)).sum() * 600 - share * (warned & keep).sum() * 200
    measured = money.advantage(late, p, rival, saved=600, wasted=200, late_ratio=2)
    assert measured == pytest.approx((won - max(0, always, table)) * everyone)


def test_sensitivity_says_where_the_decision_flips():
    """Each assumption goes to both ends; the table says where the sign changes, and the widest swing comes first."""
    late, p, rival = _case()
    table = money.sensitivity(late, p, rival)
    base = money.assumptions()["base"].to_dict()
    assert sorted(table.index) == sorted(base)
    assert table["at base"].nunique() == 1
    low = table.loc["saved", "low"]
    assert table.loc["saved", "at low"] == pytest.approx(money.advantage(late, p, rival, **base | {"saved": low}))
    flip = table.loc["saved", "flips below"]
    assert low <= flip < base["saved"]
    there = money.advantage(late, p, rival, **base | {"saved": flip})
    assert (there > 0) != (table["at base"].iloc[0] > 0)
    nearer = flip + (table.loc["saved", "high"] - low) / 60
    assert (money.advantage(late, p, rival, **base | {"saved": nearer}) > 0) == (table["at base"].iloc[0] > 0)
    ends = table[["at low", "at base", "at high"]]
    swing = ends.max(axis=1) - ends.min(axis=1)
    assert swing.is_monotonic_decreasing
    assert np.isnan(table.loc["running", "flips below"])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"saved": 0}, "one of them is not positive"),
        ({"wasted": -5}, "one of them is not positive"),
        ({"read": 1.2}, "read=1.2"),
        ({"late_ratio": 10}, "on time"),
        ({"late_ratio": -1}, "on time"),
    ],
)
def test_impossible_assumptions_are_refused(changed, words):
    """An impossible assumption is named, with the fix."""
    with pytest.raises(UsageError, match=words):
        money.advantage(*_case(50), **{"saved": 600, "wasted": 200} | changed)


@pytest.mark.parametrize(
    ("error", "call", "words"),
    [
        (UsageError, lambda: money.sensitivity(*_case(50), steps=1), "steps=1"),
        (DataError, lambda: money.advantage([1, 0], [0.5], [0.1, 0.2], saved=1, wasted=1), "same flights"),
        (DataError, lambda: money.advantage([1, np.nan], [0.5, 0.1], [0.1, 0.2], saved=1, wasted=1), "cancelled"),
        (UsageError, lambda: money.payoff("deck"), "deck_100"),
        (UsageError, lambda: money.policies([1], {"a": [True]}, FOUR, [0], against="b"), "choose one of a"),
        (DataError, lambda: money.bootstrap([1.0, 2.0], [0]), "one block for each flight"),
        (DataError, lambda: money.bootstrap([1.0, 2.0], [0, 0]), "two days or more"),
        (DataError, lambda: money.dollars_by_flight([1, 0], [True], FOUR), "same flights"),
    ],
)
def test_bad_input_is_refused(error, call, words):
    """A wrong name or lengths that differ are refused, with the fix."""
    with pytest.raises(error, match=words):
        call()


def test_an_estimate_reads_as_dollars():
    """An estimate is printed in whole dollars with its interval, and has its width."""
    estimate = money.Estimate(1234.5, -99.6, 2000.0)
    assert str(estimate) == "1,234 [-100, 2,000]"
    assert estimate.width == pytest.approx(2099.6)
