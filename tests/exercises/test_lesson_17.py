"""The graders of lesson 17 on right answers and on plausible wrong ones."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType, SimpleNamespace

import pandas as pd
import pytest
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

from course_utils import tables
from course_utils.operate import incidents
from course_utils.operate.incidents.policies import READERS

TRIAGE = {
    "A": ("look replay", "use table", "restart"),
    "B": ("look labels", "retrain", "block labels"),
    "C": ("look upstream", "block schedule", "nothing"),
    "D": ("look replicas", "restart", "roll back"),
}
FACTS = {"undetected": 156, "to cure": 55, "saved": 22_100, "sooner": "b", "prevent": "c"}


def replay_without(name):
    """Return a reader of replays that never tells one cause."""
    return lambda table: [cause for cause in READERS["replay"](table) if cause != name]


def changed(look, reader):
    """Return the committed readers with another one for a look."""
    return dict(READERS) | {look: reader}


def half_right(game, page):
    """Do what helps in part after the first page, and what is right after the second one; name the wrong causes."""
    if game.minutes_left >= 470:
        game.do("use table" if page["title"].startswith("Fewer") else "limit client")
    return "bad release"


@cache
def played(how: str):
    """Play a game in some way, once for all tests of a worker."""
    service = incidents.open_service()
    if how == "rehearsal":
        game = incidents.rehearsal(service, 5, "cache empty")
        game.wait()
        for act in ("look inputs", "look replay", "restart"):
            game.do(act)
        game.finish()
        return game
    if how == "never acted":
        game = incidents.rehearsal(service, 5, "cache empty")
        game.finish()
        return game
    if how == "open":
        game = incidents.Game(service, 424)
        game.wait()
        return game
    policies = {
        "careful": incidents.careful,
        "careful without a cause": lambda game, page: "nothing" if incidents.careful(game, page) else None,
        "best": incidents.best,
        "idle": lambda game, page: "nothing",
        "silent": lambda game, page: None,
        "table": lambda game, page: game.do("use table"),
        "half": half_right,
    }
    return incidents.play(service, 424, policies[how])


def made(answer):
    """Make the games that an answer names: they are played only when a test needs them."""
    if callable(answer) and getattr(answer, "__name__", "") == "late_made":
        return answer()
    return answer


def game(how: str):
    """Return a function that plays a game in some way."""

    def late_made():
        return played(how)

    return late_made


def facts(how: str = "rehearsal", **other):
    """Return a function that makes the facts of a rehearsal, some of them changed."""

    def late_made():
        return {"game": played(how)} | FACTS | other

    return late_made


RIGHT = {
    "17.1": [TRIAGE, MappingProxyType({name: list(three) for name, three in TRIAGE.items()}), pd.Series(TRIAGE)],
    "17.2": [game("careful"), game("best"), game("careful without a cause")],
    "17.3": [facts(), facts(saved=22_150.0, sooner=" B "), facts(undetected=155.5)],
    "17.4": [dict(READERS), MappingProxyType(dict(READERS)), pd.Series(dict(READERS))],
}

#: Right as well, by the label of the mutant.
EQUIVALENT = {
    "17.1": {"* with a foreign key": "the four boards are answered; another key does no harm"},
    "17.3": {
        "*'undetected'* → 15[57]": "the log shows whole minutes: one more or less is how it is rounded",
        "*'to cure'* → 5[46]": "the log shows whole minutes: one more or less is how it is rounded",
        "*'saved'* → 22[01]??": "a dollar more or less is how it is rounded",
        "* with a foreign key": "all five facts are there; another key does no harm",
    },
    "17.4": {
        "*'inputs'* left out": "the lesson gives this reader; without it the policy is still good enough",
        "*'inputs'* under another name": "the lesson gives this reader; without it the policy is still good enough",
        "* with a foreign key": "a reader of a look that does not exist is never called",
    },
}


def mutants(number: str):
    """Yield shifts in which nothing was done, as they are and with a better score written into them."""
    if number != "17.2":
        return
    service, bar = incidents.open_service(), tables.read_toml("exercises.toml")["17.2"]["bar"]
    for seed in range(1, 13):
        idle = incidents.play(service, seed, lambda game, page: "nothing")
        if idle.total < bar:  # in a quiet fortnight nothing is the right thing to do
            yield f"nothing done, seed {seed}", idle
            forged = incidents.play(service, seed, lambda game, page: "nothing")
            forged.score = lambda: pd.DataFrame({"points": {"all": 100.0}})
            yield f"nothing done, seed {seed}, score written", forged


WRONG = {
    "17.1": [
        (TRIAGE | {"A": ("look inputs", "use table", "restart")}, "on whose side"),
        (TRIAGE | {"B": ("look replay", "retrain", "block labels")}, "beside the minutes"),
        (TRIAGE | {"C": ("look inputs", "block schedule", "nothing")}, "before it happened"),
        (TRIAGE | {"D": ("look releases", "restart", "roll back")}, "one slow machine"),
        (TRIAGE | {"D": ("look replicas", "roll back", "restart")}, "the other cause of this board"),
        (TRIAGE | {"C": ("look upstream", "block schedule", "use table")}, "anything broken"),
        (TRIAGE | {"A": ("look replay", "nothing", "restart")}, "goes on losing"),
        (TRIAGE | {"A": ("look replay", "use table", "look labels")}, "a look changes nothing"),
        (TRIAGE | {"B": ("look labels", "use table", "block labels")}, "What does your act change"),
        (TRIAGE | {"B": ("look labels", "re-train", "block labels")}, "spelt as there"),
        (TRIAGE | {"B": ("labels", "retrain", "block labels")}, "begins with 'look'"),
        (TRIAGE | {"D": "look replicas"}, "the look first"),
        ({"A": TRIAGE["A"]}, "each of the boards"),
        (["look replay"], "three names"),
    ],
    "17.2": [
        (game("idle"), "you did nothing after page"),
        (game("silent"), "call game.close"),
        (game("table"), "whether they are needed"),
        (game("half"), "fits what the looks showed"),
        (game("rehearsal"), "start a game from a seed"),
        (SimpleNamespace(over=True, rehearsed=(), total=100.0), "keep the game itself"),
        (pd.DataFrame({"points": {"loss": 60, "causes": 40, "all": 100}}), "keep the game itself"),
        (100, "keep the game itself"),
    ],
    "17.3": [
        (facts(undetected=211), "the time of the page"),
        (facts(undetected=-156), "the later time comes first"),
        (facts(undetected=2.6), "in minutes"),
        (facts(**{"to cure": 35}), "which is its end"),
        (facts(saved=22_500), "the debrief of page 1"),
        (facts(saved="22,100 dollars"), "as numbers"),
        (facts(sooner="a"), "same page at the same time"),
        (facts(sooner="c"), "labels of a day"),
        (facts(prevent="a"), "on holiday"),
        (facts(prevent="b"), "until the night"),
        (facts(prevent="a fallback"), "letter of your choice"),
        (facts("never acted"), "in order"),
        (FACTS, "names of the dict"),
        (SimpleNamespace(**FACTS), "names of the dict"),
        (FACTS | {"game": {"seed": 5, "total": 100}}, "cells of the rehearsal"),
    ],
    "17.4": [
        (changed("replay", lambda table: list(table.index[:0])), "the two rows below"),
        (changed("labels", lambda table: list(table.index[:0])), "the last row first"),
        (changed("replay", lambda table: ["bad release"]), "vary while nothing is wrong"),
        (changed("replicas", lambda table: ["broken replica"]), "names of incidents.causes"),
        (changed("replicas", lambda table: ["nothing"]), "an empty list instead"),
        (changed("replicas", lambda table: "slow replica"), "return a list"),
        (changed("labels", lambda table: table["lateness"]), "which names, keys or positions"),
        (changed("labels", ["labels lost"]), "the function itself"),
        ({"replay": READERS["replay"]}, "each of the three looks"),
        (pd.DataFrame({"causes": ["nothing"] * 8, "mine": [100.0] * 8}), "the dict of functions"),
        (92.5, "the dict of functions"),
    ],
}

SECRETS = {
    "17.1": ["look replay", "look labels", "look upstream", "look replicas"],
    "17.2": ["live delays", "client retries", "roll back"],
    "17.3": ["156", "55", "22,1", "fetch"],
    "17.4": ["0.04", "0.95"],
}


def test_an_unfinished_shift_is_not_wrong_but_open(report):
    """While my shift is not over, the exercise is 'not answered yet'."""
    assert "not answered yet" in report("17.2", played("open"))


def test_readers_that_are_still_empty_are_not_answered_yet(report):
    """The functions that I start from count as blanks, and the check says which."""

    def read(table):
        """Tell nothing yet."""
        ...

    assert "still to fill in: 'replicas'" in report("17.4", dict(READERS) | {"replicas": read})


def test_a_game_whose_score_was_changed_by_hand_earns_what_its_record_earns(report):
    """Points that I write into a game do not count, since the check plays its record again."""
    game = incidents.play(incidents.open_service(), 424, lambda game, page: "nothing")
    game.score = lambda: pd.DataFrame({"points": {"all": 100.0}})
    assert "not solved yet" in report("17.2", game)


def test_a_reader_that_changes_its_table_is_told_so(report):
    """A reader that spoils the table of a look is refused with the name of the look."""

    def careless(table):
        found = READERS["labels"](table)
        table.iloc[:, :] = 0
        return found

    assert "with a table of 'look labels', your function changes its argument" in report(
        "17.4", changed("labels", careless)
    )


@pytest.mark.parametrize("entry", tables.read_toml("incidents.toml")["rival"], ids=lambda entry: entry["board"])
def test_the_look_of_a_board_really_tells_its_two_causes_apart(entry):
    """What the check of 17.1 calls right is so in the game: the look shows two different tables."""
    service = incidents.open_service()
    looks = tables.read_toml("exercises.toml")["17.1"]["board"][entry["board"]]["looks"]
    told = []
    for cause in (entry["one"], entry["other"]):
        if cause == "nothing":
            continue
        game = incidents.rehearsal(service, 5, cause)
        game.wait()
        look = looks[0].removeprefix("look ")
        table = game.do(looks[0])
        told.append(READERS[look](table) if look in READERS else list(table.loc[table["is"] == "on", "announced"]))
    assert told[0] == ([entry["one"]] if entry["board"] != "C" else [])
    if len(told) > 1:
        assert told[1] == [entry["other"]]
