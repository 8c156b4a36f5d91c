"""Graders of lesson 17, the game day."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from course_utils.exercises.calls import call
from course_utils.exercises.grading import (
    Finding,
    Refused,
    as_mapping,
    as_number,
    blank,
    grader,
    kind_of,
    listed,
    missing,
    not_a,
    right,
    wrong,
)
from course_utils.tables import read_toml
from course_utils.wording import counted

_NOTHING = "nothing"


@grader("17.1")
def triage(answer: Any) -> Sequence[Finding]:
    """Grade the look and the two acts of each board: a mapping from board to three names."""
    rivals = {entry["board"]: entry for entry in read_toml("incidents.toml")["rival"]}
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="give each board three names: the look, the act if `one`, if `other`")]
    absent = [name for name in rivals if name not in given]
    if absent:
        return [wrong(f"no answer for board {listed(absent)}", hint="the dict has a letter for each of the boards")]
    findings: list[Finding] = []
    for name, entry in rivals.items():
        names = given[name]
        if isinstance(names, str) or not isinstance(names, Sequence) or len(names) != 3:
            hint = "write the look first, then the act if it is `one`, then the act if it is `other`"
            findings.append(wrong(f"the answer for board {name} is not three names", hint=hint))
            continue
        findings.append(_look(name, names[0]))
        findings.append(_act(name, names[1], entry["one"], entry["other"]))
        findings.append(_act(name, names[2], entry["other"], entry["one"]))
    return findings


def _look(board: str, look: Any) -> Finding:
    known = [entry["name"] for entry in read_toml("incidents.toml")["act"] if entry["name"].startswith("look ")]
    asked = read_toml("exercises.toml")["17.1"]["board"][board]
    if look in asked["looks"]:
        return right(f"board {board}: this look tells the two apart")
    if look not in known:
        return wrong(
            f"board {board}: {look!r} is not a look", hint="choose a name of the table that begins with 'look'"
        )
    return wrong(f"board {board}: {look!r} does not tell the two apart", hint=asked["look_hint"])


def _act(board: str, act: Any, cause: str, other: str) -> Finding:
    table = read_toml("incidents.toml")
    cures = {entry["name"]: entry["cure"] or _NOTHING for entry in table["cause"]}
    known = [entry["name"] for entry in table["act"]]
    if act == cures[cause]:
        return right(f"board {board}: this act is right if it is {cause!r}")
    if act not in known and act != _NOTHING:
        hint = "choose a name of the table of acts, spelt as there, or 'nothing'"
        return wrong(f"board {board}: {act!r} is not an act", hint=hint)
    found = f"board {board}: {act!r} does not stop the loss if it is {cause!r}"
    if str(act).startswith("look "):
        return wrong(found, hint="a look changes nothing: which act should follow it?")
    if act == cures[other]:
        return wrong(found, hint=f"it belongs to {other!r}, the other cause of this board")
    if act == _NOTHING:
        return wrong(found, hint="this fault goes on losing dollars until it is stopped: what stops it?")
    if cures[cause] == _NOTHING:
        return wrong(found, hint="is anything broken here that an act could repair?")
    shows = next(entry["shows"] for entry in table["cause"] if entry["name"] == cause)
    return wrong(found, hint=f"the fault is: {shows}. What does your act change about that?")


# --------------------------------------------------------------------------- a shift


@grader("17.2")
def shift(answer: Any) -> Sequence[Finding]:
    """Grade a shift that the learner has played: a `Game`, whose record is played again here."""
    from course_utils.operate import incidents

    if type(answer) is not incidents.Game:
        return [not_a("a game", answer, hint="keep the game itself, as incidents.Game(service, seed) made it")]
    if not answer.over:
        return [blank("play to the end of the shift")]
    if answer.rehearsed:
        hint = "a rehearsal is for practice: start a game from a seed"
        return [wrong("the causes were known before the game", hint=hint)]
    again = incidents.rerun(answer.service, answer.record())
    bar, points = read_toml("exercises.toml")["17.2"]["bar"], again.total
    found = f"played again from its record, your shift earns {counted(round(points), 'point')}, and {bar} are needed"
    if points >= bar:
        return [right(found)]
    return [wrong(found, hint=_weakest_page(again)), *_unnamed_pages(again)]


def _weakest_page(game: Any) -> str:
    """Return a hint about the page on which a shift lost most against the best public policy."""
    table = game.debrief()
    gaps = (table.loc["best public policy saved"] - table.loc["you saved"]).astype(float)
    page = gaps.idxmax()
    if gaps[page] <= 0:
        return "the loss is small: the points are missing for the causes, so close each page with game.close"
    if table.loc["you did", page] == "nothing":
        return f"you did nothing after {page}, and the loss went on: which looks does the runbook name for its title?"
    if float(table.loc["you saved", page]) < 0:
        return (
            f"after {page}, your acts cost more than they saved: which look would have shown whether they are needed?"
        )
    return (
        f"after {page} a larger part of the loss could be stopped: which act fits what the looks showed, and how soon?"
    )


def _unnamed_pages(game: Any) -> list[Finding]:
    table = game.debrief()
    silent = [page for page in table.columns if table.loc["you said", page] == "nothing was named"]
    if not silent:
        return []
    hint = "call game.close with a cause before you wait for the next page"
    return [wrong(f"no cause was named for {listed(silent)}", hint=hint)]


# --------------------------------------------------------------------------- the facts of a post-mortem


@grader("17.3")
def postmortem(answer: Any) -> Sequence[Finding]:
    """Grade the facts of a post-mortem: a dict with the game of the rehearsal, three numbers and two letters."""
    from course_utils.operate import incidents

    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="keep the names of the dict, and replace each ... by a value")]
    names = ["game", "undetected", "to cure", "saved", "sooner", "prevent"]
    absent = [name for name in names if name not in given]
    if absent:
        return [missing(absent, hint="keep the names of the dict, and replace each ... by a value")]
    game = given["game"]
    if type(game) is not incidents.Game or not game.over:
        return [wrong("the game is not a finished rehearsal", hint="run the cells of the rehearsal again")]
    facts = _facts(incidents.rerun(game.service, game.record()))
    if facts is None:
        return [wrong("the rehearsal was not cured by an act", hint="run the cells of the rehearsal again, in order")]
    allowed = read_toml("exercises.toml")["17.3"]
    return [
        _number("undetected", given, facts, allowed["minutes"]),
        _number("to cure", given, facts, allowed["minutes"]),
        _number("saved", given, facts, allowed["dollars"]),
        _choice("sooner", given["sooner"], allowed["sooner"]),
        _choice("prevent", given["prevent"], allowed["prevent"]),
    ]


def _facts(game: Any) -> dict[str, float] | None:
    """Return the numbers of the first page of a rehearsal; None if no act changed the service after it."""
    import numpy as np

    table = game.debrief()["page 1"]
    acts = [line for line in game.log if line.endswith("  restart")]
    if not acts:
        return None
    began, page, cured = (np.datetime64(text[:16], "m") for text in (table["began"], table["time"], acts[0]))
    saved = float(table["you saved"])
    return {"undetected": int((page - began).astype(int)), "to cure": int((cured - page).astype(int)), "saved": saved}


_ASKS = {
    "undetected": "subtract the time at which the fault began from the time of the page",
    "to cure": "subtract the time of the page from the line of the log that has the act, which is its end",
    "saved": "read the last row of the debrief of page 1",
}


def _number(name: str, given: Mapping[Any, Any], facts: Mapping[str, float], allowed: float) -> Finding:
    value = as_number(given[name])
    if value is None:
        return wrong(f"{name!r} is {kind_of(given[name])}, not a number", hint="write minutes and dollars as numbers")
    if abs(value - facts[name]) <= allowed:
        return right(f"{name!r} agrees with the rehearsal")
    if name != "saved" and abs(60 * value - facts[name]) <= 60:
        return wrong(f"{name!r} is in another unit", hint="it is asked for in minutes, and this looks like hours")
    if abs(value + facts[name]) <= allowed:
        return wrong(
            f"{name!r} has the wrong sign", hint="the later time comes first, and what was saved counts as positive"
        )
    return wrong(f"{name!r} does not agree with the rehearsal", hint=_ASKS[name])


_CHOICES = {
    ("sooner", "a"): "two people see the same page at the same time: what would have paged before?",
    ("sooner", "c"): "when do the labels of a day arrive, and when did this page come?",
    ("prevent", "a"): "a careful engineer may be on holiday next time: what does not depend on a person?",
    ("prevent", "b"): "the cache may stop filling at noon: what would happen until the night?",
}


def _choice(name: str, value: Any, wanted: str) -> Finding:
    letter = value.strip().lower() if isinstance(value, str) else value
    if letter == wanted:
        return right(f"{name!r}: this is the best of the three")
    if (name, letter) not in _CHOICES:
        return wrong(f"{name!r} is none of the letters", hint="write the letter of your choice as a text, such as 'a'")
    return wrong(f"{name!r}: there is a better choice", hint=_CHOICES[name, letter])


# --------------------------------------------------------------------------- readers that play other shifts


@grader("17.4")
def readers(answer: Any) -> Sequence[Finding]:
    """Grade the readers of looks by the shifts that a policy plays with them: a mapping from look to function."""
    asked = read_toml("exercises.toml")["17.4"]
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="give the dict of functions, by the second word of each look")]
    absent = [name for name in asked["hints"] if name not in given]
    if absent:
        return [missing(absent, hint="give a function for each of the three looks, under the look's second word")]
    for name in asked["hints"]:
        if not callable(given[name]):
            hint = "give the function itself, without calling it"
            return [wrong(f"{name!r} is {kind_of(given[name])}, not a function", hint=hint)]
    trial = _Trial({name: function for name, function in given.items() if callable(function)})
    points = trial.play(asked["seeds"])
    if trial.problems:
        return list(trial.problems.values())
    found = f"{counted(round(points), 'point')} on average over other shifts, and {asked['bar']} are needed"
    if points >= asked["bar"]:
        return [right(found)]
    weak = trial.weaknesses(asked["hints"])
    return weak or [wrong(found, hint="play these causes as rehearsals, and compare their tables with a healthy one")]


class _Trial:
    """Shifts that are played with a learner's readers, and what each reader got right and wrong.

    Parameters
    ----------
    functions : mapping of str to callable
        The readers, by the look whose table they take.
    """

    def __init__(self, functions: Mapping[str, Callable[[Any], Any]]) -> None:
        self.functions = functions
        self.problems: dict[str, Finding] = {}
        self.missed: dict[str, list[str]] = {name: [] for name in functions}
        self.invented: dict[str, list[str]] = {name: [] for name in functions}

    def play(self, seeds: Sequence[int]) -> float:
        """Return the mean points over some `seeds`; it stops at the first reader that fails."""
        from course_utils.operate import incidents

        total = 0.0
        for seed in seeds:
            game = incidents.Game(incidents.open_service(), seed)
            policy = incidents.policy_from({name: self._reader(name, game) for name in self.functions})
            incidents.play_on(game, policy)
            if self.problems:
                return 0.0
            total += game.total
        return total / len(seeds)

    def _reader(self, name: str, game: Any) -> Callable[[Any], list[str]]:
        from course_utils.operate.incidents import scoring

        causes = {entry["name"]: entry for entry in read_toml("incidents.toml")["cause"]}

        def reader(table: Any) -> list[str]:
            if self.problems:
                return []
            try:
                told = call(self.functions[name], table, case=f"with a table of 'look {name}'")
            except Refused as refused:
                self.problems[name] = refused.finding
                return []
            if not isinstance(told, list | tuple | set):
                hint = "return a list, which is empty if the table shows nothing unusual"
                self.problems[name] = wrong(f"{name!r} returns {kind_of(told)}, not a list", hint=hint)
                return []
            unknown = [one for one in told if one not in causes or one == _NOTHING]
            if unknown:
                hint = "return names of incidents.causes(), and an empty list instead of 'nothing'"
                self.problems[name] = wrong(f"{name!r} returns {listed(unknown)}, which is no cause", hint=hint)
                return []
            real = scoring.behind(game)
            here = {one for one in real if causes[one]["told"].startswith(f"look {name}")}
            self.missed[name] += sorted(here - set(told))
            self.invented[name] += sorted(set(told) - real)
            return list(told)

        return reader

    def weaknesses(self, hints: Mapping[str, str]) -> list[Finding]:
        """Return a finding for each reader that missed causes or saw causes that were not there."""
        findings = []
        for name, hint in hints.items():
            if self.missed[name]:
                found = f"{name!r} misses {listed(sorted(set(self.missed[name])))} in other shifts"
                findings.append(wrong(found, hint=hint))
            if self.invented[name]:
                found = f"{name!r} sees {listed(sorted(set(self.invented[name])))} where it is not"
                findings.append(wrong(found, hint="how much do these values vary while nothing is wrong?"))
        return findings
