"""Graders of lesson 12, static training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from course_utils.exercises.grading import Finding, as_mapping, as_number, grader, kind_of, listed, right, wrong
from course_utils.tables import active_dataset, read_toml

if TYPE_CHECKING:
    import pandas as pd

# XGBoost's names, and its other names for the same settings.
_SETTINGS = {
    "learning_rate": ("learning_rate", "eta"),
    "num_boost_round": ("num_boost_round", "n_estimators", "rounds"),
    "early_stopping_rounds": ("early_stopping_rounds", "early_stopping"),
}
_SIDES = ("training", "test")
_DATE = ["Year", "Month", "DayofMonth"]


@grader("12.1")
def early_stopping(answer: Any) -> Sequence[Finding]:
    """Grade settings with which early stopping can act: a mapping with XGBoost's names for the three of them."""
    limits = read_toml("exercises.toml")["12.1"]
    given = as_mapping(answer)
    if given is None:
        return [wrong("settings come as a dict", hint=f"give the three names {listed(list(_SETTINGS))} a value each")]
    for keys in _SETTINGS.values():
        if len(said := [key for key in keys if key in given]) > 1:
            hint = "XGBoost would take one of them and ignore the other: keep the name that you mean"
            return [wrong(f"{listed(said)} are two names of one setting", hint=hint)]
    values = {name: next((given[key] for key in keys if key in given), None) for name, keys in _SETTINGS.items()}
    findings = []
    numbers = {name: as_number(value) for name, value in values.items()}
    for name, number in numbers.items():
        if number is None or number <= 0:
            findings.append(_no_number(name, values[name]))
    if findings:
        return findings
    rate, rounds, patience = numbers.values()
    if rounds % 1 or patience % 1:
        return [wrong("rounds are counted in whole numbers", hint="only the learning rate may be a fraction")]
    return [_patience(rounds, patience, limits), _reach(rate, rounds, limits), _steps(rate, limits)]


def _no_number(name: str, value: Any) -> Finding:
    if value is None:
        return wrong(f"{name} has no value", hint="a model that may stop early needs all three")
    if as_number(value) is None:
        kind = kind_of(value)
        return wrong(f"{name} is {kind}", hint="XGBoost needs a number there, without quotes or brackets around it")
    return wrong(f"{name} is {value!r}", hint="give a positive number: with it, would training take a step at all?")


def _patience(rounds: float, patience: float, limits: dict[str, float]) -> Finding:
    if patience >= rounds:
        hint = "in which round could it stop at the earliest, and is training still running then?"
        return wrong("early stopping can never act", hint=hint)
    if patience > limits["largest_share"] * rounds:
        return wrong(
            "early stopping acts in the last rounds only",
            hint="allow many rounds, and make the patience a small part of them",
        )
    if patience < limits["patience"]:
        return wrong(
            "early stopping is too impatient",
            hint="a validation loss that rises for a round or two is often just noise",
        )
    return right("early stopping can act, and is patient enough to ride out noise")


def _reach(rate: float, rounds: float, limits: dict[str, float]) -> Finding:
    if rate * rounds < limits["reach"] - 1e-9:  # 0.1 × 30 is a little more or less than 3 in floats
        return wrong(
            "probabilities can hardly leave the value they start from",
            hint="each round adds only a part of what is left to learn: look at learning rate × rounds",
        )
    return right("there are rounds enough for probabilities to move")


def _steps(rate: float, limits: dict[str, float]) -> Finding:
    if rate > limits["largest_eta"]:
        return wrong(
            "the steps are very large",
            hint="with a large learning rate the best round comes early and by luck; make the learning rate smaller",
        )
    return right("the steps are small enough")


@grader("12.2")
def fairer_shuffle(answer: Any) -> Sequence[Finding]:
    """Grade a shuffle that keeps days whole: a pair, the dates of the training flights and of the test flights."""
    pair = answer if isinstance(answer, tuple | list) and len(answer) == 2 else (None, None)
    if any(getattr(side, "dtype", None) is not None and not hasattr(side, "index") for side in pair):
        hint = "hand in rows of `days`, a Series: the row label says which flight a date belongs to"
        return [wrong("the dates of a side have no row labels", hint=hint)]
    sides = dict(zip(_SIDES, map(_dates, pair), strict=True))
    if any(dates is None for dates in sides.values()):
        return [
            wrong(
                "there are no dates of two sides",
                hint="hand in a pair, the dates of the training flights and those of the test flights",
            )
        ]
    empty = [name for name, dates in sides.items() if not len(dates)]
    if empty:
        return [wrong(f"the {empty[0]} side holds no flights", hint="each of the two sides needs some days")]
    unknown = [name for name, dates in sides.items() if dates.isna().any()]
    if unknown:
        return [wrong(f"some dates of the {unknown[0]} side are missing", hint="every flight of `days` has its date")]
    return [_whole_days(**sides), _shuffled(**sides), _same_rows(sides)]


def _dates(side: Any) -> pd.Series | None:
    """Return the date of each flight by row label, from dates or from a table of flights; None for anything else."""
    import pandas as pd

    if set(_DATE) <= set(getattr(side, "columns", ())):
        parts = side[_DATE].set_axis(["year", "month", "day"], axis=1)
        return pd.to_datetime(parts)
    if isinstance(side, pd.DataFrame) and side.shape[1] == 1:
        side = side.iloc[:, 0]
    dates = side if isinstance(side, pd.Series) else None
    return dates if dates is not None and pd.api.types.is_datetime64_any_dtype(dates) else None


def _whole_days(training: pd.Series, test: pd.Series) -> Finding:
    import numpy as np

    shared = len(np.intersect1d(training.dt.normalize().unique(), test.dt.normalize().unique()))
    if not shared:
        return right("no day is on both sides")
    return wrong(
        f"the two sides share {shared} day{'s' * (shared != 1)}",
        hint="flights of one day share its weather: which unit must not be divided?",
    )


def _shuffled(training: pd.Series, test: pd.Series) -> Finding:
    if len(test) > len(training):
        hint = "a model learns from the larger side: in which order does the split hand out its two sides?"
        return wrong("the test side holds more flights than the training side", hint=hint)
    days = test.drop_duplicates()
    inside = (days > training.min()) & (days < training.max())
    if inside.mean() < 0.5:  # a shuffle has nearly all of them between the first and last training day
        return wrong(
            "the test days do not lie among the training days: this split is by time",
            hint="that is the better test, but not what is asked: keep the shuffle, and shuffle something larger",
        )
    return right("it is still a shuffle: the days of both sides lie among each other")


def _same_rows(sides: dict[str, pd.Series]) -> Finding:
    index = sides["training"].index.append(sides["test"].index)
    task, dataset = read_toml("exercises.toml")["12.2"], active_dataset()
    expected = task["labelled"][dataset]
    if len(index) != expected:
        more = "more flights" if len(index) > expected else "fewer flights"
        return wrong(
            f"the two sides hold {more} than departed flights in the data",
            hint="divide all departed flights, neither a sample nor another table, and each of them once",
        )
    if index.has_duplicates:
        return wrong("some flights are there twice", hint="each flight may be on one side only, and once")
    if index.dtype.kind not in "iu" or _checksum(sides) != task["checksum"][dataset]:
        hint = "hand in rows of `days` as they are: each date keeps its row label, which says whose date it is"
        return wrong("the dates do not belong to these row labels", hint=hint)
    return right("every departed flight is on just one side, with its own date")


def _checksum(sides: dict[str, pd.Series]) -> int:
    """Return a number that changes when a flight gets another date: the sum of row labels times days since 1970."""
    import pandas as pd

    dates = pd.concat(sides.values())
    days = (dates.dt.normalize() - pd.Timestamp(0)).dt.days.to_numpy()
    return int((dates.index.to_numpy() * days).sum())


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
        return [wrong(f"{kind_of(answer)} is not a probability", hint=hint)]
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
