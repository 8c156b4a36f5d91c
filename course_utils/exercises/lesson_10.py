"""Graders of lesson 10, pitfalls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import (
    Finding,
    as_mapping,
    as_number,
    describe_error,
    grader,
    listed,
    not_a,
    right,
    wrong,
)
from course_utils.tables import read_toml

# --------------------------------------------------------------------------- 10.1: the form


@grader("10.1")
def form(answer: Any) -> Sequence[Finding]:
    """Grade a mapping of each signal to the horizons at which it may be used."""
    task = read_toml("pitfalls.toml")["10.1"]
    given = as_mapping(answer)
    if given is None:
        return [wrong("the form is not a dict of signals", hint="keep the dict, and write a list for each signal")]
    findings = []
    for signal in task["signal"]:
        name, wanted = signal["name"], set(signal["hours"])
        if name not in given:
            findings.append(wrong(f"'{name}' is missing", hint="the form needs an answer for each signal"))
            continue
        hours = _hours(given[name], task["horizons"])
        if hours is None:
            hint = f"write a list with some of {listed(task['horizons'])}, as numbers; an empty list means never"
            findings.append(wrong(f"'{name}' has no valid horizons", hint=hint))
        elif hours == wanted:
            findings.append(right(f"'{name}': correct"))
        else:
            said = "too many" if hours > wanted else "too few" if hours < wanted else "wrong"
            findings.append(wrong(f"'{name}': {said} horizons", hint=signal["hint"]))
    return findings


def _hours(value: Any, known: Sequence[float]) -> set[float] | None:
    """Read hours from a list, set, tuple, array or number; None where there is something else."""
    if value is None or value is False:
        return set()
    single = as_number(value)
    if single is not None:
        value = [single]
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        return None
    hours = [as_number(one) for one in value]
    return set(hours) if all(hour in known for hour in hours) else None


# --------------------------------------------------------------------------- 10.2: a feature without the future


@grader("10.2")
def late_before(answer: Any) -> Sequence[Finding]:
    """Grade a function from flights to the share late at the origin on all earlier days."""
    if not callable(answer):
        return [not_a("a function", answer, hint="define a function of the flights' rows")]
    rows = _flights()
    try:
        made = answer(rows.copy())
    except Exception as error:  # the learner's function may do anything
        hint = "it is called with a table of flights that has the columns of the course"
        return [wrong(f"called with some flights, it raises {describe_error(error)}", hint=hint)]
    values = _values(made, rows)
    if values is None:
        return [
            wrong(
                "it does not return a number per flight", hint="return a Series with the same row labels as the flights"
            )
        ]
    return [*_ahead(answer, rows, values), *_right_share(rows, values)]


def _flights() -> Any:
    """Make five days at two airports, some flights cancelled; rows not in order of time."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(10)
    size = 60
    rows = pd.DataFrame(
        {
            "Year": 2013,
            "Month": 3,
            "DayofMonth": rng.integers(1, 6, size),
            "CRSDepTime": rng.integers(6, 22, size) * 100,
            "Origin": pd.Categorical(rng.choice(["EWR", "JFK"], size)),
            "DepDelay": rng.choice([-3.0, 0.0, 5.0, 20.0, 45.0, np.nan], size),
        },
        index=rng.permutation(size) + 100,
    )
    late = np.where(rows["DepDelay"] >= 15, "YES", "NO")
    rows["IsDepDelayed"] = pd.Series(late, rows.index).where(rows["DepDelay"].notna())
    rows["Cancelled"] = rows["DepDelay"].isna().astype(int)
    return rows


def _values(made: Any, rows: Any) -> Any:
    import numpy as np
    import pandas as pd

    if isinstance(made, pd.DataFrame) and made.shape[1] == 1:
        made = made.iloc[:, 0]
    if not isinstance(made, pd.Series) or set(made.index) != set(rows.index) or not made.index.is_unique:
        return None
    try:
        return made.loc[rows.index].to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        return None


def _ahead(answer: Any, rows: Any, values: Any) -> list[Finding]:
    """Reverse all outcomes from one day on, and compare the values of flights up to that day: none may change."""
    import numpy as np

    for day in (3, 2, 4):
        other = rows.copy()
        later = other["DayofMonth"] >= day
        other.loc[later, "DepDelay"] = np.where(other.loc[later, "DepDelay"] >= 15, 0.0, 60.0)
        other.loc[later, "IsDepDelayed"] = np.where(other.loc[later, "DepDelay"] >= 15, "YES", "NO")
        again = _values(answer(other), other)
        asked = (rows["DayofMonth"] <= day).to_numpy()
        if again is None or not np.allclose(values[asked], again[asked], equal_nan=True):
            today = rows["DayofMonth"].to_numpy() == day
            before = asked & ~today
            if again is not None and np.allclose(values[before], again[before], equal_nan=True):
                return [
                    wrong(
                        "it changes when flights of the same day have other outcomes",
                        hint="in the morning no one knows the evening: which flights of the same day may it use?",
                    )
                ]
            hint = "does your average run over all rows? A flight may use only the days before its own"
            return [wrong("it changes when later days have other outcomes", hint=hint)]
    return [right("it does not change with the outcomes of today or later")]


def _right_share(rows: Any, values: Any) -> list[Finding]:
    import numpy as np

    late = (rows["DepDelay"] >= 15).astype(float).where(rows["DepDelay"].notna())
    wanted, everywhere, all_flights = np.full((3, len(rows)), np.nan)
    for place, (day, origin) in enumerate(zip(rows["DayofMonth"], rows["Origin"], strict=True)):
        before = rows["DayofMonth"] < day
        here = before & (rows["Origin"] == origin)
        if late[here].notna().any():
            wanted[place] = late[here].mean()
            all_flights[place] = late[here].fillna(0).mean()
        if late[before].notna().any():
            everywhere[place] = late[before].mean()
    first = np.isnan(wanted)
    if np.allclose(values[~first], wanted[~first]):
        if np.isnan(values[first]).all():
            return [right("it is the share of late flights at the origin on all earlier days")]
        return [
            wrong("the first day has a number", hint="nothing was known yet: missing is an honest answer, 0 is not")
        ]
    if np.allclose(values[~first], everywhere[~first], equal_nan=True):
        return [wrong("it counts flights of all airports", hint="use only flights from the flight's own origin")]
    if np.allclose(values[~first], all_flights[~first], equal_nan=True):
        return [
            wrong("it counts cancelled flights as on time", hint="they have no label: count flights with a label only")
        ]
    hint = "divide late flights by labelled flights, both counted over all earlier days at the same origin"
    return [wrong("it is not the share of all earlier days", hint=hint)]


# --------------------------------------------------------------------------- 10.3: the audit


@grader("10.3")
def audit(answer: Any) -> Sequence[Finding]:
    """Grade findings, each with check and where, by what was planted in the lesson's delivery."""
    task = read_toml("pitfalls.toml")["10.3"]
    lines = _lines(answer)
    if lines is None:
        return [wrong("these are not findings", hint="use a table or a list in which each line has check and where")]
    if len(lines) > task["most"]:
        hint = "which alarms are about a real fault, and which say only that a model could do without a column?"
        return [wrong(f"{len(lines)} lines, at most {task['most']} are allowed", hint=hint)]
    unknown = sorted({check for check, _ in lines} - {row["name"] for row in read_toml("pitfalls.toml")["check"]})
    if unknown:
        return [wrong(f"there is no check {unknown[0]!r}", hint="take the names from the report")]
    planted, neutral = ([(row["check"], set(row["where"])) for row in task[part]] for part in ("planted", "neutral"))
    found = [
        place
        for place, (check, where) in enumerate(planted)
        if any(check == mine and where & columns for mine, columns in lines)
    ]
    touched = set().union(*(where for _, where in planted))
    useless = [
        (check, columns)
        for check, columns in lines
        if not columns & touched and not any(check == other and columns & where for other, where in neutral)
    ]
    return [_recall(found, planted, task), _precision(useless, task)]


def _lines(answer: Any) -> list[tuple[str, set[str]]] | None:
    import pandas as pd

    if isinstance(answer, pd.DataFrame):
        answer = answer.to_dict("records")
    if isinstance(answer, str | Mapping) or not isinstance(answer, Iterable):
        return None
    lines = []
    for line in answer:
        given = as_mapping(line)
        if given is None and isinstance(line, list | tuple) and len(line) == 2:
            given = dict(zip(("check", "where"), line, strict=True))
        if given is None or not {"check", "where"} <= set(given):
            return None
        where = given["where"]
        names = where.split(",") if isinstance(where, str) else list(where) if isinstance(where, Iterable) else None
        if names is None:
            return None
        lines.append((str(given["check"]), {str(name).strip() for name in names} - {""}))
    return lines


def _recall(found: Sequence[int], planted: Sequence[Any], task: Mapping[str, Any]) -> Finding:
    if len(found) == len(planted):
        return right("you named every planted fault")
    if len(found) >= task["least_found"]:
        return right(f"{len(found)} of {len(planted)} planted faults are named; one hides behind another check's name")
    hint = "which alarms name a column that no other check explains? Name the check and one of its columns"
    return wrong(f"{len(found)} of {len(planted)} planted faults are named", hint=hint)


def _precision(useless: Sequence[tuple[str, set[str]]], task: Mapping[str, Any]) -> Finding:
    if len(useless) <= task["most_wrong"]:
        return right("your report does not send the provider after correct data")
    hint = "an input that a model could do without is not a fault of the delivery, if the clean flights have it too"
    return wrong(f"{len(useless)} lines report data that are correct", hint=hint)
