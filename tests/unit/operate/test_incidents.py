"""The game day: what a player sees, what acts do, and whether the score is fair."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from course_utils import tables
from course_utils.data import faults
from course_utils.errors import DataError, UsageError
from course_utils.operate import incidents
from course_utils.operate.incidents.catalog import check_cause, settings
from course_utils.operate.incidents.inspections import inspect_day
from course_utils.operate.incidents.scenario import Scenario, draw_cause, draw_scenario
from course_utils.operate.incidents.scoring import score_parts
from course_utils.operate.incidents.service import State, served
from course_utils.operate.incidents.simulation import Simulation, apply_act, shared_simulation

KINDS = [kind["name"] for kind in tables.read_toml("incidents.toml")["kind"]]
POINTS = tables.read_toml("incidents.toml")["points"]
NAIVE = {"nothing": incidents.does_nothing, "back": incidents.rolls_back}


@pytest.fixture(scope="module")
def service(flights):
    """Give the service of the half year, made once for all tests of a worker."""
    return incidents.Service(flights)


def rehearsed(service, cause, responder, seed=3):
    """Let a responder play a rehearsal to its end."""
    game, named = incidents.rehearsal(service, seed, cause), None
    for morning in range(1, 15):
        game.skip_to(morning)
        named = responder(game) or named
    game.close(named or "nothing")
    return game


# --------------------------------------------------------------------------- fairness


def fair(table: pd.DataFrame) -> None:
    """Hold scores to what the course promises."""
    hurt = table[table["cause"] != "nothing"]
    beaten = (hurt["good"] > hurt["nothing"]) & (hurt["good"] > hurt["back"])
    assert table["good"].mean() >= 85
    assert hurt["nothing"].mean() <= 20
    assert table["back"].mean() <= 40
    assert beaten.mean() >= 0.95
    assert hurt["page after"].notna().all()


@pytest.mark.slow
def test_twenty_seeds_are_scored_fairly(service):
    """Following the runbook pays, doing nothing and rolling back always do not."""
    fair(incidents.tournament(service, {"good": incidents.follows_the_runbook} | NAIVE, range(20)))


@pytest.mark.nightly
def test_two_hundred_seeds_are_scored_fairly(service):
    """The same over two hundred games."""
    fair(incidents.tournament(service, {"good": incidents.follows_the_runbook} | NAIVE, range(200)))


@pytest.mark.parametrize("cause", KINDS)
@pytest.mark.slow
def test_every_incident_shows_in_time_and_can_be_cured(service, cause):
    """Each incident pages before the fortnight is over, and a player who follows the runbook finds its cause."""
    game = rehearsed(service, cause, incidents.follows_the_runbook)
    assert game.total >= 85
    assert game.truth()["cause"] == cause
    if cause != "nothing":
        assert game.truth()["first page on morning"] <= 12


def test_on_a_quiet_fortnight_doing_nothing_scores_all_points_and_acting_does_not(service):
    """If nothing is wrong, keeping still is right."""
    calm = rehearsed(service, "nothing", incidents.does_nothing)
    assert calm.total == 100
    busy = rehearsed(service, "nothing", lambda game: game.do("use table") if game.morning == 1 else None)
    assert busy.total < 60


# --------------------------------------------------------------------------- the truth stays hidden


def test_nothing_that_a_player_sees_names_the_cause_before_the_end(service):
    """Neither what I can read of a game nor what I can hand in says what is wrong."""
    game = incidents.Game(service, 24)
    game.wait(until_page=True)
    seen = [repr(game), *game.log, str(game.record()), game.date, game.pages().to_string(), str(game.points)]
    seen += [str(getattr(game, name)) for name in dir(game) if not name.startswith("_") and not _asks(game, name)]
    assert not [text for text in seen if "poison" in text or "flipped" in text]
    for end in (game.truth, game.score, game.courses, lambda: game.total):
        with pytest.raises(UsageError, match="the truth comes at the end"):
            end()


def _asks(game: incidents.Game, name: str) -> bool:
    """Say whether a name is a method, or asks for the end."""
    return name == "total" or callable(getattr(type(game), name, None))


def test_a_morning_does_not_know_of_the_day_to_come(service):
    """The boards of a morning end with the evening before."""
    game = incidents.rehearsal(service, 3, "weather lost")
    assert game.boards().index[-1] < pd.Timestamp(game.date)
    game.wait()
    assert game.boards().index[-1] == pd.Timestamp(game.date) - pd.Timedelta(days=1)


def test_a_seed_is_a_game(service):
    """The same seed is the same game, and not every seed is."""
    one, other = (incidents.play(service, 24, incidents.does_nothing) for _ in range(2))
    assert one.truth().equals(other.truth())
    assert len({draw_cause(seed) for seed in range(80)}) == len(KINDS)
    for wrong in (-1, 2.5, "24", True):
        with pytest.raises(UsageError, match="whole number"):
            incidents.Game(service, wrong)


# --------------------------------------------------------------------------- acts


def test_acts_cost_points_and_unknown_ones_are_refused(service):
    """My budget is kept, and a typing error does not cost me anything."""
    game = incidents.rehearsal(service, 3, "nothing")
    look = game.do("look requests")
    assert set(look.columns) == {"the day before your shift", "yesterday"}
    assert game.points == POINTS["budget"] - 1
    with pytest.raises(UsageError, match="choose one of look requests"):
        game.do("rollback")
    for _ in range(3):
        game.do("retrain")
    with pytest.raises(UsageError, match="0 are left"):
        game.do("look feeds")
    assert game.do("restore") is None
    game.close("nothing")
    for act in (lambda: game.do("restore"), game.wait, lambda: game.close("nothing")):
        with pytest.raises(UsageError, match="over"):
            act()


@pytest.mark.parametrize(
    ("cause", "look", "sees"),
    [
        ("times in minutes", "look requests", lambda t: t.loc["latest departure", "yesterday"] < 1440),
        ("kilometres", "look requests", lambda t: t.loc["distance over the route's own", "yesterday"] == 1.61),
        ("carrier renamed", "look requests", lambda t: t.loc["airlines never seen", "yesterday"] in ("PI", "PS")),
        ("doubled feed", "look requests", lambda t: t.loc["asked twice [%]", "yesterday"] > 5),
        ("weather lost", "look feeds", lambda t: t.loc["weather"].mean() > 70),
        ("labels lost", "look labels", lambda t: t["arrived"].iloc[-1] < t["awaited"].iloc[-1]),
        ("poisoned labels", "look labels", lambda t: t["labels against minutes [%]"].iloc[-1] > 50),
        ("hub changed", "look labels", lambda t: t.iloc[-1].filter(like="beyond").max() > 15),
        ("slow replica", "look answers", lambda t: t["median [ms]"].max() == 400),
        ("bad release", "look releases", lambda t: t.index[0] == "8" and t.iloc[0, 2] > t.iloc[1, 2]),
    ],
)
def test_the_right_look_shows_the_incident(service, cause, look, sees):
    """There is a look for each incident that tells me what it is."""
    game = incidents.rehearsal(service, 3, cause)
    game.wait(until_page=True)
    assert sees(game.do(look))


def test_a_page_goes_on_until_the_source_is_fixed_and_whoever_was_needlessly_paged_says_so(service):
    """Blocking a feed saves dollars and fixes nothing; paging the right one fixes it in two days."""
    game = incidents.rehearsal(service, 3, "weather lost")
    game.wait(until_page=True)
    game.do("block weather")
    game.do("page service owner")
    game.do("page data engineer")
    assert "missing_weather" in set(game.wait()["signal"])
    assert "service owner found nothing to fix" in " ".join(game.log)
    assert game.wait(2).empty
    assert "data engineer has fixed something" in " ".join(game.log)


def test_a_small_incident_is_scored_on_cause_and_act_alone(service):
    """Where there was nearly nothing to lose, I am not paid for luck."""
    game = rehearsed(service, "kilometres", incidents.follows_the_runbook)
    assert game.score().index.tolist() == ["cause", "act", "all"]
    assert game.total == 100
    with pytest.raises(UsageError, match="choose one of nothing"):
        incidents.rehearsal(service, 3, "kilometres").close("km")


def test_late_is_worth_less_than_at_once(service):
    """An act that comes three mornings late earns fewer points, in loss and in speed."""
    at_once = rehearsed(service, "slow replica", incidents.follows_the_runbook)
    shown = at_once.truth()["first page on morning"]
    late = incidents.rehearsal(service, 3, "slow replica")
    late.skip_to(shown + 3)
    late.do("page service owner")
    late.close("slow replica")
    parts = (game.score()["points"] for game in (late, at_once))
    slow, quick = parts
    assert slow["speed"] == pytest.approx(quick["speed"] * 2 / 5)
    assert slow["loss"] < quick["loss"]


# --------------------------------------------------------------------------- the days behind a game


def test_a_seed_and_a_cause_make_a_scenario(service):
    """The same seed gives the same day and place, whatever the cause; only a bad release excludes a harmless one."""
    one = draw_scenario(3, "kilometres", service.days)
    assert isinstance(one, Scenario) and one == draw_scenario(3, "kilometres", service.days)
    other = draw_scenario(3, "bad release", service.days)
    assert (other.first, other.start) == (one.first, one.start)
    assert other.release_day == other.start and other.decoy == -1
    check_cause("kilometres")
    with pytest.raises(UsageError, match="choose one of nothing"):
        check_cause("gremlins")


def test_a_simulation_answers_for_any_course_of_action(service):
    """An act changes the state from its day on, restoring takes all back, and the same scenario is simulated once."""
    simulation = shared_simulation(service, draw_scenario(3, "slow replica", service.days))
    assert isinstance(simulation, Simulation)
    assert simulation is shared_simulation(service, draw_scenario(3, "slow replica", service.days))
    assert apply_act(apply_act(State(), "use table"), "restore") == State()
    assert apply_act(State(), "block weather").blocked == {"weather"}
    course = simulation.course({2: ["use table"], 4: ["restore"]})
    assert [state.table for state, _ in course[:6]] == [False, False, True, True, False, False]
    parts = score_parts(simulation, {}, "slow replica", simulation.course({}))
    assert [name for name, *_ in parts] == ["loss", "speed", "cause", "act"]
    assert {name: points for name, points, *_ in parts}["cause"] == settings()["points"]["right"] / 2


def test_there_is_something_to_look_at_on_the_first_morning(service):
    """Before any day has passed, a look shows the days before the shift; a look at nothing is refused."""
    simulation = shared_simulation(service, draw_scenario(3, "slow replica", service.days))
    table = inspect_day("requests", simulation, [])
    assert table["yesterday"].equals(table["the day before your shift"].rename("yesterday"))
    with pytest.raises(UsageError, match="choose one of requests"):
        inspect_day("tea leaves", simulation, [])


# --------------------------------------------------------------------------- the service behind it


def test_a_service_that_nothing_happens_to_pages_nobody(service):
    """Between the first and the last day of a game a healthy service has no page."""
    limits = tables.read_toml("incidents.toml")
    days = service.pages["day"].dt.strftime("%Y-%m-%d")
    assert not days.between(limits["first_day"], "2013-12-16").any()
    assert set(service.titles.index) >= set(service.pages["signal"])


def test_fallbacks_answer_without_what_they_do_not_need(service):
    """The table and the last good copy of the timetable do not see a fault of the feed."""
    day = service.machine.day("2013-09-10")
    broken = faults.plant("minutes_of_day", day.rows, 0)[0]
    shift = service.shifts.loc["2013-09-10"]
    plain = service.answer(day.rows, day.rows, State(), shift)
    assert not np.allclose(service.answer(broken, day.rows, State(), shift), plain)
    for state in (State(table=True), State(blocked=frozenset(["schedule"]))):
        np.testing.assert_array_equal(
            service.answer(broken, day.rows, state, shift), service.answer(day.rows, day.rows, state, shift)
        )
    assert np.allclose(service.answers[day.rows.index], plain, atol=1e-6)
    other = served(day, pd.Series(0.5, day.rows.index))
    assert (other.rows["probability"] == 0.5).all()
    assert other.labels["probability"].equals(day.labels["probability"].astype(float))


def test_prices_say_that_the_table_is_dear_and_a_good_copy_is_free(service):
    """I can weigh an act before I take it."""
    prices = incidents.prices(service, every=20)
    assert prices["use table"] < prices["block weather"] < prices["block schedule"] == 0
    assert set(prices.index) <= set(incidents.acts().index)


def test_what_happens_is_composed_of_the_courses_faults():
    """Every incident of data is a fault that the course has already."""
    planted = {kind["fault"] for kind in tables.read_toml("incidents.toml")["kind"] if "fault" in kind}
    assert planted <= set(faults.catalogue().index)
    assert len(KINDS) >= 9
    assert "nothing" in incidents.causes().index
    for kind in tables.read_toml("incidents.toml")["kind"]:
        assert set(kind["cures"]) <= set(incidents.acts().index)


def test_the_exhibits_of_the_exercise_page_what_its_answers_say(service):
    """The four boards that I am to judge show what their grader expects."""
    boards = incidents.exhibits(service)
    signals = boards.groupby("board")["signal"].apply(set)
    assert "late_answers" in signals["A"]
    assert "clock" in signals["B"]
    assert all(name.startswith("hub_") for name in signals["C"])
    assert signals["D"] == {"edge"}
    assert "release 8" in boards.loc[boards["board"] == "D", "log"].iloc[0]
    answers = tables.read_toml("exercises.toml")["17.1"]["board"]
    for entry in tables.read_toml("incidents.toml")["exhibit"]:
        kind = next(one for one in tables.read_toml("incidents.toml")["kind"] if one["name"] == entry["cause"])
        assert answers[entry["board"]]["acts"] == kind["cures"]


def test_runbook_and_rubric_can_be_read():
    """I hold the runbook of lesson 16, and know what a post-mortem must have."""
    assert {"look", "act", "not", "who"} <= set(incidents.runbook().columns)
    assert incidents.rubric().index[0] == "summary"


# --------------------------------------------------------------------------- for a class


def test_a_class_is_scored_from_what_was_done_and_not_from_what_is_claimed(service):
    """Records travel as text, are played again, and the best player comes first."""
    handed_in = incidents.seeds(2, seed=1)
    assert handed_in == incidents.seeds(2, seed=1)
    one = incidents.seeds(1, cause="slow replica", seed=2)[0]
    assert draw_cause(one) == "slow replica"
    games = {
        name: incidents.play(service, one, who)
        for name, who in (NAIVE | {"good": incidents.follows_the_runbook}).items()
    }
    records = {name: json.loads(json.dumps(game.record())) for name, game in games.items()}
    assert incidents.rerun(service, records["good"]).total == games["good"].total
    table = incidents.standings(service, records)
    assert table.index[0] == "good"
    assert table.loc["good", "all"] == games["good"].total
    with pytest.raises(DataError, match="not the record"):
        incidents.rerun(service, {"seed": one, "points": 100})
    with pytest.raises(DataError, match="not over"):
        incidents.rerun(service, incidents.Game(service, one).record())
    with pytest.raises(UsageError, match="there is no cause"):
        incidents.seeds(1, cause="gremlins")
