"""The game day: what a player sees, what acts do, and whether a diagnosis is what earns points."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from course_utils import tables
from course_utils.errors import DataError, UsageError
from course_utils.operate import incidents
from course_utils.operate.incidents.catalog import cause, check_cause, harms, minutes
from course_utils.operate.incidents.games import play_on
from course_utils.operate.incidents.inspections import inspect, measure
from course_utils.operate.incidents.policies import NO_LOOK, READERS, policy_from
from course_utils.operate.incidents.scenario import (
    Episode,
    Fault,
    Scenario,
    clock,
    draw_scenario,
    healthy_gap,
    usual_warnings,
)
from course_utils.operate.incidents.scoring import behind, courses, debrief, loss_points, named, score_parts
from course_utils.operate.incidents.service import AIRPORTS, DAY, Service, State, expit, logit, open_service
from course_utils.operate.incidents.simulation import (
    Answered,
    Move,
    Simulation,
    apply_act,
    late_share,
    shared_simulation,
)

FAULTS = [entry for entry in tables.read_toml("incidents.toml")["cause"] if entry["weight"]]
POLICIES = {
    "no look": incidents.no_look,
    "clueless": incidents.clueless,
    "careful": incidents.careful,
    "best": incidents.best,
}


@pytest.fixture(scope="module")
def service():
    """Give the service of the half year, made once for all tests of a worker."""
    return open_service()


def rehearsed(service, *causes, seed=5):
    """Wait for the first page of a rehearsal."""
    game = incidents.rehearsal(service, seed, *causes)
    game.wait()
    return game


# --------------------------------------------------------------------------- fairness


def fair(table: pd.DataFrame, slack: float = 0.0) -> None:
    """Hold scores to what the course promises: who looks wins, who does not look loses."""
    assert table["no look"].mean() <= 60 + slack
    assert table["clueless"].mean() <= 30 + slack
    assert table["careful"].mean() >= 85
    assert table["best"].mean() >= table["careful"].mean() - 1
    assert table["no look: causes"].mean() <= 0.5
    assert table["careful: causes"].mean() >= 0.9


@pytest.mark.slow
def test_twenty_seeds_are_scored_fairly(service):
    """A script that looks first earns many points, and none that does not look does."""
    fair(incidents.tournament(service, POLICIES, range(100, 120)), slack=10)


@pytest.mark.nightly
def test_two_hundred_seeds_are_scored_fairly(service):
    """The same over two hundred shifts, none of which was used to tune a policy."""
    fair(incidents.tournament(service, POLICIES, range(100, 300)))


@pytest.mark.nightly
def test_the_committed_lookup_is_the_best_one_without_a_look(service):
    """No other lookup from the title of a page to an act earns more on the seeds that it was made on."""
    assert incidents.fit_no_look(service, range(100)) == dict(NO_LOOK)


@pytest.mark.parametrize("entry", FAULTS, ids=lambda entry: entry["name"])
def test_looks_tell_each_cause_and_its_cure_stops_most_of_the_loss(service, entry):
    """Every fault can be told from what a player sees, and the act of the table is the one that helps most."""
    game = incidents.rehearsal(service, 5, entry["name"])
    play_on(game, incidents.careful)
    assert named(game) == [1.0]
    lost = game.courses().iloc[-1].drop("yours")
    assert lost.idxmin() == entry["cure"] or lost[entry["cure"]] <= 1.1 * lost.min() + 500
    assert lost[entry["cure"]] < lost["no one acts"]


def test_pages_are_shared_and_no_act_is_right_for_all_causes_of_one():
    """A title alone tells no act: at least three different acts, or none, may be right for each page."""
    for page in incidents.titles().index:
        wanted = {"answers"} if page in ("fewer", "more") else {page}
        cures = {entry["cure"] for entry in tables.read_toml("incidents.toml")["cause"] if wanted & set(entry["pages"])}
        assert len(cures) >= 3


def test_shifts_hold_what_the_lesson_announces(service):
    """Over many seeds there are quiet shifts, false pages, pairs of faults, and faults that began before the shift."""
    shifts = [shared_simulation(service, seed).scenario for seed in range(100, 160)]
    pages = [episode for shift in shifts for episode in shift.episodes]
    assert any(all(not episode.faults for episode in shift.episodes) for shift in shifts)
    assert 0.2 < np.mean([not episode.faults for episode in pages]) < 0.6
    assert any(len(episode.faults) == 2 for episode in pages)
    assert any(fault.start < shift.begins for shift in shifts for fault in shift.faults)
    harmless = [shift for shift in shifts if shift.releases and not shift.faults]
    assert harmless


# --------------------------------------------------------------------------- the truth stays hidden


def test_nothing_that_a_player_sees_names_the_cause_before_the_end(service):
    """Neither what I can read of a game nor what I can hand in says what is wrong."""
    game = incidents.Game(service, 424)
    page = game.wait()
    seen = [repr(game), *game.log, str(game.record()), game.time, page.to_string(), str(game.minutes_left)]
    assert not [text for text in seen if "misread" in text]
    for end in (game.score, game.debrief, game.courses, game.reference, lambda: game.total):
        with pytest.raises(UsageError, match="the truth comes at the end"):
            end()


def test_a_seed_is_a_game(service):
    """The same seed is the same game, and not every seed is."""
    one, other = (incidents.play(service, 424, incidents.careful) for _ in range(2))
    assert one.debrief().equals(other.debrief())
    for wrong in (-1, 2.5, "24", True):
        with pytest.raises(UsageError, match="whole number"):
            incidents.Game(service, wrong)


def test_a_seed_is_the_same_game_on_every_machine(service):
    """Pages and causes of a seed are the ones that the course was published with."""
    assert isinstance(service, Service)
    one, other = (draw_scenario(service, 424, (), lambda *faults: "fewer") for _ in range(2))
    assert one == other
    episodes = incidents.Game(service, 424)._simulation.scenario.episodes
    assert [(clock(one.at), one.page, sorted(one.causes)) for one in episodes] == [
        ("2013-07-18 13:04", "fewer", ["live delays misread"]),
        ("2013-07-22 14:40", "slow", ["client retries"]),
        ("2013-07-28 16:00", "fewer", ["nothing"]),
    ]


# --------------------------------------------------------------------------- the clock


def test_looks_and_acts_take_their_minutes_and_what_is_refused_takes_none(service):
    """My minutes are kept, and neither a typing error nor an act that I cannot pay costs me anything."""
    game = rehearsed(service, "cache empty")
    start = pd.Timestamp(game.time)
    game.do("look inputs")
    assert pd.Timestamp(game.time) - start == pd.Timedelta(minutes=minutes()["look inputs"])
    with pytest.raises(UsageError, match="choose one of look inputs"):
        game.do("rollback")
    while game.minutes_left >= minutes()["retrain"]:
        game.do("retrain")
    before = (game.minutes_left, game.time, game.record())
    with pytest.raises(UsageError, match=f"'retrain' takes 45 minutes, and {game.minutes_left} of your shift's"):
        game.do("retrain")
    assert (game.minutes_left, game.time, game.record()) == before
    game.finish()
    for late in (lambda: game.do("restore"), game.wait):
        with pytest.raises(UsageError, match="the shift is over"):
            late()


def test_a_policy_that_acts_too_often_is_scored(service):
    """A policy that runs out of minutes does not stop the tournament: what was refused is counted."""

    def restless(game, page):
        while True:
            game.do("retrain")

    table = incidents.tournament(service, {"restless": restless}, [424])
    assert table["restless: refused"].iloc[0] == 3
    assert 0 <= table["restless"].iloc[0] <= 60


def test_a_policy_may_act_twice_and_name_an_unknown_cause(service):
    """Two acts on one page are both done, and a cause that does not exist only loses its points."""
    game = incidents.play(service, 424, lambda game, page: game.do("roll back") or game.do("restart") or "gremlins")
    assert game.over
    assert sum(line.endswith("  roll back") for line in game.log) == 3
    assert sum("there is no cause 'gremlins'" in line for line in game.log) == 3


def test_pages_are_closed_with_causes(service):
    """I name one cause or several for the last page, and what cannot be named is refused."""
    game = incidents.Game(service, 424)
    for wrong in (lambda: game.close("nothing"), game.page):
        with pytest.raises(UsageError, match=r"game\.wait"):
            wrong()
    game.wait()
    assert behind(game) == {"live delays misread"}
    for causes, words in (((), "no cause is given"), (("gremlins",), "choose one of nothing")):
        with pytest.raises(UsageError, match=words):
            game.close(*causes)
    game.close("live delays misread", "labels lost")
    game.finish()
    assert named(game) == [0.5, 0.0, 0.0]
    with pytest.raises(UsageError, match="choose one of nothing"):
        check_cause("gremlins")
    with pytest.raises(UsageError, match="about a fault"):
        incidents.rehearsal(service, 1, "nothing")


def test_an_act_holds_until_it_is_restored(service):
    """What I change stays changed, the end of a page is reported to me, and 'restore' takes it back."""
    game = rehearsed(service, "weather feed lost")
    game.do("block weather")
    event = game.wait()
    assert event["event"] == "resolved"
    game.do("restore")
    assert game.wait()["event"] == "end of shift"
    assert game.over
    assert "block weather" in game.debrief().loc["you did", "page 1"]


# --------------------------------------------------------------------------- the money


def test_the_loss_is_that_of_the_money_model(service):
    """A decision loses the difference to the better one in expected dollars, and a right one nothing."""
    lost = service.lost(np.array([0.5, 0.5, 0.1, 0.1]), np.array([True, False, True, False]))
    assert lost.tolist() == pytest.approx([0.0, 200.0, 120.0, 0.0])
    assert expit(logit(np.array([0.3]))) == pytest.approx([0.3])
    healthy = Simulation(service, Scenario(60, (), (), ()))
    assert healthy.loss(60 * DAY, 62 * DAY) == 0


def test_points_are_a_share_of_what_the_best_public_policy_saves(service):
    """The best public policy earns all points for the loss, doing nothing none, and doing harm none either."""
    assert loss_points(50_000, 10_000, 10_000, 10_000) == 60
    assert loss_points(50_000, 30_000, 10_000, 10_000) == 30
    assert loss_points(50_000, 90_000, 10_000, 10_000) == 0
    assert loss_points(0, 5_000, 0, 10_000) == 30
    game = incidents.play(service, 424, incidents.best)
    assert game.total == 100
    parts = score_parts(game)
    assert parts["of"].tolist() == [60, 40]
    assert debrief(game).loc["you saved"].equals(debrief(game).loc["best public policy saved"].rename("you saved"))


def test_every_needless_act_costs_something_and_the_table_most(service):
    """I can weigh an act before I take it."""
    prices = incidents.prices(service, every=16)
    assert set(prices.index) == set(harms()) <= set(incidents.acts().index)
    assert (prices > 0).all()
    assert prices.idxmax() == "use table"
    assert prices["use table"] > service.normal_day


def test_the_remedy_of_the_runbook_is_wrong_in_the_case_that_it_names(service):
    """A restart does not help against a client that retries, and the table loses more than a restart."""
    game = rehearsed(service, "client retries")
    game.finish()
    lost = courses(game).iloc[-1]
    assert lost["restart"] >= lost["no one acts"] > lost["limit client"]
    game = rehearsed(service, "cache empty")
    game.finish()
    lost = courses(game).iloc[-1]
    assert lost["use table"] > 2 * lost["restart"]


# --------------------------------------------------------------------------- what is behind a game


def test_states_follow_from_moves(service):
    """An act holds from the end of its minutes, restoring takes all back, and a restart ends what it cures."""
    assert apply_act(apply_act(State(), "use table"), "restore") == State()
    assert apply_act(State(), "block weather").blocked == {"weather"}
    assert apply_act(State(), "look inputs") == State()
    game = rehearsed(service, "slow replica")
    simulation, at = game._simulation, game._simulation.scenario.episodes[0].at
    moves = [Move("restart", at, at + 20)]
    assert simulation.present(at + 19, moves) and not simulation.present(at + 20, moves)
    shown = simulation.answered(at + 10, at + 20, moves)
    assert isinstance(shown, Answered) and shown.defaulted.all()
    assert 0.3 <= late_share(at) <= 0.5
    assert shared_simulation(service, 5, ("slow replica",)) is simulation
    assert isinstance(simulation.scenario.episodes[0], Episode)
    assert isinstance(simulation.scenario.faults[0], Fault) and simulation.scenario.faults[0].airport in AIRPORTS


def test_a_page_reports_a_number_beside_what_is_usual(service):
    """The number on my phone is measured on what was answered until then."""
    game = rehearsed(service, "cache empty")
    value, usual = measure(game._simulation, game._simulation.scenario.episodes[0], ())
    assert value < usual
    now, often = usual_warnings(service, 100 * DAY + 900)
    assert 0 <= now <= 100 and 0 <= often <= 100
    assert abs(healthy_gap(service, 100)) < 60


def test_a_look_at_nothing_is_refused(service):
    """There are as many looks as acts that begin with 'look', and no other."""
    game = rehearsed(service, "cache empty")
    with pytest.raises(UsageError, match="choose one of inputs"):
        inspect("tea leaves", game._simulation, game._now, ())
    for act in incidents.acts().index[incidents.acts().index.str.startswith("look ")]:
        assert isinstance(game.do(act), pd.DataFrame)


def test_a_policy_is_made_of_readers(service):
    """With a reader of replicas alone, slow answers are cured, and other pages are called false."""
    policy = policy_from({"replicas": READERS["replicas"]})
    game = incidents.play(service, 424, policy)
    assert named(game) == [0.0, 1.0, 1.0]
    assert incidents.play(service, 424, incidents.does_nothing).total < game.total
    assert incidents.play(service, 424, incidents.clueless).total < game.total


def test_tables_name_only_what_there_is():
    """Cures are acts, boards are about causes, and each page has a line in the runbook."""
    acts, known = set(incidents.acts().index), set(incidents.causes().index)
    assert {entry["cure"] for entry in FAULTS} <= acts
    assert set(incidents.rivals()[["one", "other"]].to_numpy().ravel()) <= known
    assert set(incidents.runbook().index) == set(incidents.titles())
    assert set(incidents.runbook()["first remedy"]) <= acts
    assert incidents.rubric().index[0] == "summary"
    assert incidents.settings()["days"] == 14
    assert cause("cache empty")["cure"] == "restart"


# --------------------------------------------------------------------------- for a class


def test_a_class_is_scored_from_what_was_done_and_not_from_what_is_claimed(service):
    """Records travel as text, are played again, and the best player comes first."""
    handed_in = incidents.seeds(2, seed=1)
    assert handed_in == incidents.seeds(2, seed=1)
    games = {name: incidents.play(service, 424, policy) for name, policy in POLICIES.items()}
    records = {name: json.loads(json.dumps(game.record())) for name, game in games.items()}
    assert incidents.rerun(service, records["careful"]).total == games["careful"].total
    table = incidents.standings(service, records)
    assert table.index[0] == "best"
    assert table.loc["careful", "all"] == games["careful"].total
    with pytest.raises(DataError, match="not the record"):
        incidents.rerun(service, {"seed": 424, "points": 100})
    with pytest.raises(DataError, match="not over"):
        incidents.rerun(service, incidents.Game(service, 424).record())
