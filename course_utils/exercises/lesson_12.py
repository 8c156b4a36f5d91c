"""Graders of lesson 12, static training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from course_utils.exercises.grading import Finding, as_mapping, as_number, grader, listed, right, wrong
from course_utils.tables import active_dataset, read_toml

if TYPE_CHECKING:
    import pandas as pd

# The course's names, and XGBoost's own for the same things.
_SETTINGS = {
    "eta": ("eta", "learning_rate"),
    "rounds": ("rounds", "num_boost_round", "n_estimators"),
    "early_stopping": ("early_stopping", "early_stopping_rounds"),
}
_PARTS = ("train", "validation", "test")
_DATE = ["Year", "Month", "DayofMonth"]


@grader("12.1")
def early_stopping(answer: Any) -> Sequence[Finding]:
    """Grade settings with which early stopping can act: a mapping with eta, rounds and early_stopping."""
    limits = read_toml("exercises.toml")["12.1"]
    given = as_mapping(answer)
    if given is None:
        return [wrong("settings come as a dict", hint=f"give the three names {listed(list(_SETTINGS))} a value each")]
    values = {name: next((given[key] for key in keys if key in given), None) for name, keys in _SETTINGS.items()}
    findings = []
    numbers = {name: as_number(value) for name, value in values.items()}
    for name, number in numbers.items():
        if number is None or number <= 0:
            hint = "a model that may stop early needs all three" if values[name] is None else "give a positive number"
            findings.append(wrong(f"{name} is {values[name]!r}", hint=hint))
    if findings:
        return findings
    eta, rounds, patience = numbers["eta"], numbers["rounds"], numbers["early_stopping"]
    if rounds % 1 or patience % 1:
        return [wrong("rounds are counted in whole numbers", hint="a fraction belongs to eta only")]
    return [_patience(rounds, patience, limits), _reach(eta, rounds, limits), _steps(eta, limits)]


def _patience(rounds: float, patience: float, limits: dict[str, float]) -> Finding:
    if patience >= rounds:
        hint = "in which round could it stop at the earliest, and is training still running then?"
        return wrong("early stopping can never act", hint=hint)
    if patience > limits["largest_share"] * rounds:
        return wrong(
            "early stopping acts in the last rounds only",
            hint="let the rounds be many and the patience a small part of them",
        )
    if patience < limits["patience"]:
        return wrong(
            "early stopping is too impatient",
            hint="a validation loss that rises for a round or two is often just noise",
        )
    return right("early stopping can act, and is patient enough to ride out noise")


def _reach(eta: float, rounds: float, limits: dict[str, float]) -> Finding:
    if eta * rounds < limits["reach"]:
        return wrong(
            "scores can hardly leave the point they start from",
            hint="each round moves a score by a share eta of what is left to learn: look at eta × rounds",
        )
    return right("there are rounds enough for scores to move")


def _steps(eta: float, limits: dict[str, float]) -> Finding:
    if eta > limits["largest_eta"]:
        return wrong(
            "the steps are very large", hint="with a large eta the best round comes early and by luck; make eta smaller"
        )
    return right("the steps are small enough")


@grader("12.2")
def fairer_shuffle(answer: Any) -> Sequence[Finding]:
    """Grade a shuffled split in which no day stands on two sides: anything with train, validation and test."""
    parts = {name: getattr(answer, name, None) for name in _PARTS}
    kind = [name for name, rows in parts.items() if not set(_DATE) <= set(getattr(rows, "columns", ()))]
    if kind:
        return [
            wrong(
                f"no split: {listed(kind)} is no table of flights",
                hint="make the split with the same function as above, changing one argument",
            )
        ]
    empty = [name for name, rows in parts.items() if not len(rows)]
    if empty:
        return [wrong(f"{listed(empty)} holds no flights", hint="each of the three parts needs some days")]
    return [_whole_days(parts), _shuffled(parts), _same_rows(parts)]


def _days(rows: pd.DataFrame) -> pd.Index:
    import pandas as pd

    return pd.Index((rows[_DATE].astype("int64") * [10_000, 100, 1]).sum(axis=1).unique())


def _whole_days(parts: dict[str, pd.DataFrame]) -> Finding:
    days = {name: _days(rows) for name, rows in parts.items()}
    pairs = [("train", "test"), ("train", "validation"), ("validation", "test")]
    shared = {pair: len(days[pair[0]].intersection(days[pair[1]])) for pair in pairs}
    torn = [pair for pair in pairs if shared[pair]]
    if not torn:
        return right("no day is on two sides")
    found = " and ".join(f"{one} and {other} share {shared[one, other]} days" for one, other in torn)
    if len(torn) < len(pairs):
        return wrong(
            found, hint="keep days whole between all three parts, validation too: it decides when training stops"
        )
    return wrong(found, hint="flights of one day share its weather: which unit must not be split?")


def _shuffled(parts: dict[str, pd.DataFrame]) -> Finding:
    train = _days(parts["train"])
    for name in ("validation", "test"):
        inside = (_days(parts[name]) > train.min()) & (_days(parts[name]) < train.max())
        if inside.mean() < 0.5:  # a shuffle has nearly all of them between the first and last training day
            return wrong(
                f"the days of {name} do not lie among those of training: this split is by time",
                hint="that is the better test, but not what is asked: keep the shuffle, and shuffle something larger",
            )
    return right("it is still a shuffle: days of all parts lie among each other")


def _same_rows(parts: dict[str, pd.DataFrame]) -> Finding:
    index = parts["train"].index.append([parts["validation"].index, parts["test"].index])
    if index.has_duplicates:
        return wrong("some flights are in two parts", hint="each row label may be in one part only")
    # A data set of your own has no number here, and any split of it is taken for whole.
    expected = read_toml("exercises.toml")["12.2"]["labelled"].get(active_dataset(), len(index))
    if len(index) != expected:
        more = "more" if len(index) > expected else "fewer"
        return wrong(
            f"there are {more} flights in the three parts than departed flights in the data",
            hint="split all the flights, as the cells above do, neither a sample nor another table",
        )
    return right("every departed flight is in just one part")


@grader("12.3")
def warning_threshold(answer: Any) -> Sequence[Finding]:
    """Grade the probability from which a warning pays, for the payoff that the exercise states."""
    values = read_toml("exercises.toml")["12.3"]
    payoff, near = values["payoff"], values["near"]
    gain = payoff["warned, late"] - payoff["not warned, late"]
    loss = payoff["not warned, on time"] - payoff["warned, on time"]
    wanted = loss / (gain + loss)
    number = as_number(answer)
    if number is None:
        hint = "give one number, without quotes, such as the probability that a coin shows heads"
        return [wrong(f"a {type(answer).__name__} is no probability", hint=hint)]
    mistakes = [
        (1 - wanted, "that is the break-even share of *needless* warnings: which of the two must be rare enough?"),
        (loss / gain, "that is the odds at break-even: turn odds into a probability"),
        (gain / loss, "that is the odds the other way round: which payoff is on which side of the scales?"),
        (0.5, "one half is right only where a good warning earns what a false alarm costs; here the two differ"),
        (0.25, "that belongs to the deck's payoff at $100; here other dollars are at stake"),
    ]
    if abs(number - wanted) <= near:
        return [right("from this probability on a warning earns more than it costs, on average")]
    if abs(number - 100 * wanted) <= 100 * near:
        return [
            wrong("the size is right, the unit is not", hint="a probability lies between 0 and 1, it is no percentage")
        ]
    if not 0 <= number <= 1 and abs(number - gain / loss) > near:
        return [wrong(f"{number:g} is no probability", hint="a probability lies between 0 and 1")]
    for value, hint in mistakes:
        if abs(number - value) <= 0.004:
            return [wrong("a warning does not break even there", hint=hint)]
    direction = "forgoes warnings that would pay" if number > wanted else "sends warnings that lose money"
    return [
        wrong(
            f"a threshold there {direction}",
            hint="for a flight that is late with probability p, write down what a warning earns on average, and find "
            "where that is nothing. A threshold tuned on past months is another thing: it follows their base rate",
        )
    ]
