"""Graders of lesson 10, pitfalls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from course_utils.exercises.calls import call
from course_utils.exercises.earlier_days import Flights, cases, earlier_days, formulas, reversed_from, shares
from course_utils.exercises.grading import (
    Finding,
    Refused,
    as_mapping,
    as_number,
    grader,
    kind_of,
    listed,
    not_a,
    right,
    wrong,
)
from course_utils.tables import read_toml
from course_utils.wording import counted

# --------------------------------------------------------------------------- 10.1: the form


@grader("10.1")
def form(answer: Any) -> Sequence[Finding]:
    """Grade a mapping of each signal to the horizons at which it may be used."""
    task = read_toml("pitfalls.toml")["10.1"]
    given = as_mapping(answer)
    if given is None:
        return [wrong("the form is not a dict of signals", hint="keep the dict, and write a list for each signal")]
    findings = []
    strange = [name for name in given if name not in {signal["name"] for signal in task["signal"]}]
    if strange:
        findings.append(wrong(f"{listed(strange[:3])} is not in the form", hint="keep the names of the form unchanged"))
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
            said = "too many horizons" if hours > wanted else "too few horizons" if hours < wanted else "wrong horizons"
            findings.append(wrong(f"'{name}': {said}", hint=signal["hint"]))
    return findings


def _hours(value: Any, known: Sequence[float]) -> set[float] | None:
    """Read hours from a list, set, tuple, array or number; None where there is something else."""
    if value is None or (isinstance(value, Mapping) and not value):  # {} looks like an empty set
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
    tried = cases()
    values = [_values(call(answer, rows, case=case), rows, case) for case, rows in tried]
    tables = [Flights.of(rows) for _, rows in tried]
    if _agrees(values, [shares(table, earlier_days) for table in tables]):
        return [
            right(
                f"it is the share late at the origin on all earlier days, for {counted(len(tried), 'table')} of flights"
            ),
            right("it does not change with the outcomes of today or later"),
        ]
    return [_mistake(answer, tried, tables, values)]


def _values(made: Any, rows: Any, case: str) -> Any:
    """Return a result as an array in the order of the rows; a result of another form ends the check."""
    import numpy as np
    import pandas as pd

    if isinstance(made, pd.DataFrame) and made.shape[1] == 1:
        made = made.iloc[:, 0]
    if not isinstance(made, pd.Series):
        hint = "return a Series with the same row labels as the flights"
        raise Refused(wrong(f"{case}, it returns {kind_of(made)}, not a number per flight", hint=hint))
    if not made.index.is_unique or set(made.index) != set(rows.index):
        lengths = f"{counted(len(made), 'value')} and {counted(len(rows), 'flight')}"
        hint = f"the row labels of {lengths} differ: give the Series those of `rows`"
        raise Refused(wrong(f"{case}, the values have other row labels than the flights", hint=hint))
    if not any(isinstance(one, str) for one in made):
        try:
            return made.loc[rows.index].to_numpy(dtype=float, na_value=np.nan)
        except (TypeError, ValueError):
            pass
    hint = "a share is a number between 0 and 1, and a missing one is NaN"
    raise Refused(wrong(f"{case}, some values are no numbers", hint=hint))


def _agrees(values: Sequence[Any], others: Sequence[Any]) -> bool:
    import numpy as np

    return all(np.allclose(a, b, rtol=1e-5, atol=1e-6, equal_nan=True) for a, b in zip(values, others, strict=True))


def _mistake(
    answer: Any, tried: Sequence[tuple[str, Any]], tables: Sequence[Flights], values: Sequence[Any]
) -> Finding:
    import numpy as np

    wanted = [shares(table, earlier_days) for table in tables]
    first = [np.isnan(one) for one in wanted]
    known = [values[place][~first[place]] for place in range(len(tried))]
    if _agrees(known, [one[~np.isnan(one)] for one in wanted]):
        hint = "nothing was known yet: missing is an honest answer, a number is not"
        return wrong("a day without earlier flights has a number", hint=hint)
    for formula, found, hint in formulas():
        others = [formula(table) for table in tables]
        if _agrees(values, others) or _agrees(known, [one[~first[place]] for place, one in enumerate(others)]):
            return wrong(found, hint=hint)
    if finding := _ahead(answer, tried[0][1], tables[0], values[0]):
        return finding
    place = next(
        place for place, pair in enumerate(zip(values, wanted, strict=True)) if not _agrees(*([one] for one in pair))
    )
    if np.isnan(known[place]).all() and len(known[place]):
        hint = "there are earlier days with labelled flights: print what your function computes on the way"
        return wrong(f"{tried[place][0]}, every share is missing", hint=hint)
    hint = "divide late flights by labelled flights, both counted over all earlier days at the same origin"
    return wrong(f"{tried[place][0]}, it is not the share of all earlier days", hint=hint)


def _ahead(answer: Any, rows: Any, table: Flights, values: Any) -> Finding | None:
    """Reverse all outcomes from one day on, and compare the values of flights up to that day: none may change."""
    import numpy as np

    changes_today = False
    for day in np.unique(table.day)[1:]:
        other = reversed_from(rows, day)
        again = _values(call(answer, other), other, "with other outcomes")
        before, today = table.day < day, table.day == day
        if not np.allclose(values[before], again[before], equal_nan=True):
            hint = "does your average run over all rows? A flight may use only the days before its own"
            return wrong("it changes when later days have other outcomes", hint=hint)
        changes_today |= not np.allclose(values[today], again[today], equal_nan=True)
    if changes_today:
        hint = "in the morning no one knows the evening: which flights of the same day may it use?"
        return wrong("it changes when flights of the same day have other outcomes", hint=hint)
    return None


# --------------------------------------------------------------------------- 10.3: the audit


@grader("10.3")
def audit(answer: Any) -> Sequence[Finding]:
    """Grade findings, each with check and where, by what was planted in the lesson's delivery."""
    task = read_toml("pitfalls.toml")["10.3"]
    lines = _lines(answer)
    if lines is None:
        return [wrong("these are not findings", hint="use a table or a list in which each line has check and where")]
    unknown = sorted({check for check, _ in lines} - {row["name"] for row in read_toml("pitfalls.toml")["check"]})
    if unknown:
        return [wrong(f"there is no check {unknown[0]!r}", hint="take the names from the report")]
    strange = sorted(set().union(*(where for _, where in lines)) - set(task["columns"]))
    if strange:
        found = f"neither the inputs nor the report have a column {strange[0]!r}"
        return [wrong(found, hint="spell the columns as the report does")]
    if len(lines) > task["most"]:
        hint = "which alarms are about a real fault, and which say only that a model could do without a column?"
        return [wrong(f"{counted(len(lines), 'line')}, at most {task['most']} are allowed", hint=hint)]
    planted = [(row["check"], set(row["where"])) for row in task["planted"]]
    touched = set().union(*(where for _, where in planted))
    useless = [(check, where) for check, where in lines if not where or where - touched]
    return [_recall(lines, planted), _precision(useless)]


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


def _recall(lines: Sequence[tuple[str, set[str]]], planted: Sequence[tuple[str, set[str]]]) -> Finding:
    missed = [
        where for check, where in planted if not any(check == said and where & columns for said, columns in lines)
    ]
    if not missed:
        return right(f"all {counted(len(planted), 'planted fault')} are named, each by the check for it")
    found = f"planted faults named by the check for them: {len(planted) - len(missed)} of {len(planted)}"
    named = set().union(*(columns for _, columns in lines))
    if all(where & named for where in missed):
        hint = (
            "the columns are there, but one is under another check's name: have its values really become what the "
            "alarm says, or does another check describe what you see in the data?"
        )
    elif any(where & named for where in missed):
        hint = "a faulty column is missing, and another has a line with a check that does not explain its fault"
    else:
        hint = "which alarms name a column that no other check explains? Name the check and one of its columns"
    return wrong(found, hint=hint)


def _precision(useless: Sequence[tuple[str, set[str]]]) -> Finding:
    if not useless:
        return right("every line names a column with a planted fault, and no other column")
    check, where = useless[0]
    if not where:
        return wrong(f"a line with {check!r} names no column", hint="the provider must know where to look")
    found = f"{len(useless)} line{'s' * (len(useless) != 1)} report data that are correct, such as {check!r}"
    if len(useless) == 1:
        found = f"a line with {check!r} reports data that are correct"
    if check == "necessary":
        hint = "an input that a model could do without is not a fault of the delivery, if the clean flights have it too"
    else:
        hint = "look at `audit.reference`: do the clean flights show the same?"
    return wrong(found, hint=hint)
