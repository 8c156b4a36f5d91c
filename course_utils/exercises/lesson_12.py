"""Graders of lesson 12, static training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from course_utils.exercises.grading import Finding, as_mapping, as_number, grader, kind_of, listed, not_a, right, wrong
from course_utils.tables import active_dataset, read_toml

if TYPE_CHECKING:
    import pandas as pd

# The course's name of each setting, and XGBoost's own names for it.
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
        return [not_a("a dict", answer, hint=f"give each of the three names {listed(list(_SETTINGS))} a value")]
    values = {name: next((given[key] for key in keys if key in given), None) for name, keys in _SETTINGS.items()}
    findings = []
    numbers = {name: as_number(value) for name, value in values.items()}
    for name, number in numbers.items():
        if number is None or number <= 0:
            hint = "early stopping needs all three settings" if values[name] is None else "use a positive number"
            findings.append(wrong(f"{name} is {values[name]!r}", hint=hint))
    if findings:
        return findings
    eta, rounds, patience = numbers["eta"], numbers["rounds"], numbers["early_stopping"]
    if rounds % 1 or patience % 1:
        return [wrong("rounds are counted in whole numbers", hint="only eta may be a fraction")]
    return [_patience(rounds, patience, limits), _reach(eta, rounds, limits), _steps(eta, limits)]


def _patience(rounds: float, patience: float, limits: dict[str, float]) -> Finding:
    if patience >= rounds:
        hint = "in which round could training stop at the earliest, and is it still running then?"
        return wrong("early stopping can never stop training", hint=hint)
    if patience > limits["largest_share"] * rounds:
        return wrong(
            "early stopping can act only in the last rounds",
            hint="allow many rounds, and make the patience a small part of them",
        )
    if patience < limits["patience"]:
        return wrong(
            "early stopping is too impatient",
            hint="if the validation loss rises for a round or two, that is often just noise",
        )
    return right("early stopping can act, and its patience is longer than the noise")


def _reach(eta: float, rounds: float, limits: dict[str, float]) -> Finding:
    if eta * rounds < limits["reach"]:
        return wrong(
            "scores stay near their starting point",
            hint="each round learns a share eta of what is left to learn: look at eta × rounds",
        )
    return right("there are enough rounds to learn")


def _steps(eta: float, limits: dict[str, float]) -> Finding:
    if eta > limits["largest_eta"]:
        hint = "with a large eta the best round comes early and is a matter of luck; make eta smaller"
        return wrong("the steps are very large", hint=hint)
    return right("the steps are small enough")


@grader("12.2")
def fairer_shuffle(answer: Any) -> Sequence[Finding]:
    """Grade a shuffled split in which no day is in two parts: any object with train, validation and test."""
    parts = {name: getattr(answer, name, None) for name in _PARTS}
    kind = [name for name, rows in parts.items() if not set(_DATE) <= set(getattr(rows, "columns", ()))]
    if kind:
        found = (
            f"this is not a split: {listed(kind)} {'is not a table' if len(kind) == 1 else 'are not tables'} of flights"
        )
        return [wrong(found, hint="make the split with the same function as above, and change one argument")]
    empty = [name for name, rows in parts.items() if not len(rows)]
    if empty:
        return [wrong(f"no flights in {listed(empty)}", hint="each of the three parts needs some days")]
    return [_whole_days(parts), _shuffled(parts), _same_rows(parts)]


def _days(rows: pd.DataFrame) -> pd.Index:
    """Return the days of some flights as numbers such as 20130701, which sort as the days do."""
    import pandas as pd

    return pd.Index((rows[_DATE].astype("int64") * [10_000, 100, 1]).sum(axis=1).unique())


def _whole_days(parts: dict[str, pd.DataFrame]) -> Finding:
    days = {name: _days(rows) for name, rows in parts.items()}
    pairs = [("train", "test"), ("train", "validation"), ("validation", "test")]
    shared = {pair: len(days[pair[0]].intersection(days[pair[1]])) for pair in pairs}
    torn = [pair for pair in pairs if shared[pair]]
    if not torn:
        return right("no day is in two parts")
    found = " and ".join(f"{one} and {other} share {shared[one, other]} days" for one, other in torn)
    if len(torn) < len(pairs):
        hint = "do not divide a day between any two parts, validation too: it decides when training stops"
        return wrong(found, hint=hint)
    return wrong(found, hint="flights of one day share its weather: which unit must you not divide?")


def _shuffled(parts: dict[str, pd.DataFrame]) -> Finding:
    train = _days(parts["train"])
    for name in ("validation", "test"):
        inside = (_days(parts[name]) > train.min()) & (_days(parts[name]) < train.max())
        if inside.mean() < 0.5:  # in a shuffle, nearly all of them are between the first and last training day
            return wrong(
                f"the days of {name} are not between the days of training: this split is by time",
                hint="that is the better test, but not the task here: keep the shuffle, and shuffle a larger unit",
            )
    return right("it is still a shuffle: the days of all parts are mixed")


def _same_rows(parts: dict[str, pd.DataFrame]) -> Finding:
    index = parts["train"].index.append([parts["validation"].index, parts["test"].index])
    if index.has_duplicates:
        return wrong("some flights are in two parts", hint="each row label may be in only one part")
    # A data set of your own has no number here, and any split of it is taken for whole.
    expected = read_toml("exercises.toml")["12.2"]["labelled"].get(active_dataset(), len(index))
    if len(index) != expected:
        more = "more" if len(index) > expected else "fewer"
        return wrong(
            f"the three parts have {more} flights than departed in the data",
            hint="split all flights, as the cells above do, not a sample or another table",
        )
    return right("every departed flight is in exactly one part")


@grader("12.3")
def warning_threshold(answer: Any) -> Sequence[Finding]:
    """Grade the break-even probability of a warning for the payoff of the exercise."""
    values = read_toml("exercises.toml")["12.3"]
    payoff, near = values["payoff"], values["near"]
    gain = payoff["warned, late"] - payoff["not warned, late"]
    loss = payoff["not warned, on time"] - payoff["warned, on time"]
    wanted = loss / (gain + loss)
    number = as_number(answer)
    if number is None:
        hint = "write one number, without quotes, such as 0.5 for a coin that shows heads"
        return [wrong(f"{kind_of(answer)} is not a probability", hint=hint)]
    mistakes = [
        (1 - wanted, "this is the break-even share of *false alarms*: a threshold is the probability of what?"),
        (loss / gain, "these are the odds at break-even: turn odds into a probability"),
        (gain / loss, "these are the odds, inverted: which payoff belongs in the numerator?"),
        (0.5, "one half is right only if a good warning earns as much as a false alarm costs; here the two differ"),
        (0.25, "this is the threshold for the deck's payoff at 100 dollars; here the payoff is different"),
    ]
    if abs(number - wanted) <= near:
        return [right("above this probability a warning earns more than it costs, on average")]
    if abs(number - 100 * wanted) <= 100 * near:
        return [wrong("this is a percentage", hint="a probability is a number between 0 and 1, not a percentage")]
    if not 0 <= number <= 1 and abs(number - gain / loss) > near:
        return [wrong(f"{number:g} is not a probability", hint="a probability is between 0 and 1")]
    for value, hint in mistakes:
        if abs(number - value) <= 0.004:
            return [wrong("at this threshold a warning does not break even", hint=hint)]
    direction = "omits warnings that earn money" if number > wanted else "sends warnings that lose money"
    hint = (
        "for a flight that is late with probability p, write down what a warning earns on average, and find the p at "
        "which this is zero. A threshold tuned on past months is different: it depends on their base rate"
    )
    return [wrong(f"this threshold {direction}", hint=hint)]
