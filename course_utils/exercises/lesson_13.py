"""Graders of lesson 13, dynamic training."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import Finding, as_mapping, as_number, grader, listed, right, wrong
from course_utils.tables import active_dataset, read_toml


@grader("13.1")
def label_map(answer: Any) -> Sequence[Finding]:
    """Grade a label map: what VW is to get for each value of a delivery's label."""
    wanted = read_toml("exercises.toml")["13.1"]
    late, on_time, none = wanted["late"], wanted["on_time"], wanted["none"]
    given = as_mapping(answer)
    if given is None:
        return [wrong("a label map is a dict", hint="give each value of the file its label: {value: label, …}")]
    values = [late, *on_time, none]
    strange = [key for key in given if key not in values]
    if strange:
        hint = f"the values are {listed(values)}, spelt as in the file: any other spelling is another value"
        return [wrong(f"the file holds no {strange[0]!r}", hint=hint)]
    absent = [value for value in values if value not in given]
    if absent:
        hint = "a value that the map does not name is refused at its first row: say something about each"
        return [wrong(f"nothing is said of {listed(absent)}", hint=hint)]
    return [_late(given[late]), _on_time([given[value] for value in on_time]), _cancelled(given[none], none)]


def _late(label: Any) -> Finding:
    number = as_number(label)
    if number == 1:
        return right("late flights are the positive class")
    if number is None:
        return wrong(f"late flights get {label!r}", hint="VW wants a number there, not a text or a truth")
    if number == -1:
        return wrong("late flights are the negative class", hint="what does the course call positive, everywhere?")
    return wrong(f"late flights get {label!r}", hint="logistic loss knows two labels, one for each sign")


def _on_time(labels: Sequence[Any]) -> Finding:
    numbers = [as_number(label) for label in labels]
    if all(number == -1 for number in numbers):
        return right("flights that left on time or early are the other class")
    if any(number is None for number in numbers):
        return wrong("flights on time or early get no number", hint="they did leave, and not late: that is an outcome")
    if 0 in numbers:
        return wrong("0 is no label of logistic loss", hint="VW takes it without a word, and learns something else")
    if 2 in numbers:
        return wrong(
            "2 counts classes, as for --oaa", hint="the deck repaired that with sed: write the sign right away"
        )
    return wrong("early or on time counts as late", hint="from how many minutes on is a flight late?")


def _cancelled(label: Any, value: str) -> Finding:
    if label is None:
        return right("flights that never left have no label")
    if as_number(label) == 1:
        return wrong(f"{value} counts as late", hint="that is the deck's bad label: did passengers wait for departure?")
    if as_number(label) == -1:
        return wrong(f"{value} counts as on time", hint="a flight that never left did not leave on time either")
    hint = "there is a Python value for 'nothing', and csv2vw takes it for a row without label"
    return wrong(f"{value} gets {label!r}, which VW would learn from", hint=hint)


@grader("13.2")
def pairs(answer: Any) -> Sequence[Finding]:
    """Grade a run of VW with pairs: anything with options, examples and loss."""
    limits = read_toml("exercises.toml")["13.2"]
    options, loss = getattr(answer, "options", None), as_number(getattr(answer, "loss", None))
    examples = as_number(getattr(answer, "examples", None))
    if not isinstance(options, str) or loss is None or examples is None:
        return [wrong(f"a {type(answer).__name__} is no run of VW", hint="keep what vw.run returns, not a part of it")]
    if "--loss_function logistic" not in options.replace("=", " "):
        hint = "losses of two loss functions cannot be compared: start from the given options"
        return [wrong("the loss is another one", hint=hint)]
    if not _same_steps(options, limits["steps"]):
        hint = (
            "larger or constant steps lower this loss for a reason that the next part takes apart; "
            "leave them as given, and change namespaces and pairs only"
        )
        return [wrong("the steps are not those of the run to beat", hint=hint)]
    if examples != limits["examples"][active_dataset()]:
        hint = "learn from the same flights, all of them, once"
        return [wrong("these are not the examples of the run to beat", hint=hint)]
    bar, floor = limits["bar"][active_dataset()], limits["floor"][active_dataset()]
    if loss < floor:
        hint = "nothing in the timetable knows that much: which column did not stand in it?"
        return [wrong(f"a loss of {loss:.4f} is too good to be true", hint=hint)]
    if not re.search(r"(^|\s)(-q|--quadratic|--cubic|--interactions)\b", options):
        return [wrong("no namespaces are paired", hint="without pairs, carrier and hour can only add up: see -q")]
    if loss > bar:
        hint = (
            "a pair of namespaces is named by their first letters, and one can be paired with itself: "
            "which inputs mean something else together?"
        )
        return [wrong(f"a loss of {loss:.4f} does not beat {bar}", hint=hint)]
    return [
        right("the same flights, the same steps, and honest inputs"),
        right(f"the pairs bring the loss below {bar}"),
    ]


def _same_steps(options: str, steps: Mapping[str, float]) -> bool:
    """Say whether the options that set the size of steps are those given, each just once."""
    found = re.findall(r"(?:^|\s)(-l|--learning_rate|--power_t|--initial_t|--decay_learning_rate)[ =]?(\S+)", options)
    named = {"-l": "learning_rate"}
    given = [(named.get(name, name.lstrip("-")), value) for name, value in found]
    return sorted(given) == sorted((name, f"{value:g}") for name, value in steps.items()) and not re.search(
        r"--(passes|sgd|adaptive|invariant|normalized|coin|ftrl|bfgs|cb|nn)\b", options
    )


@grader("13.3")
def guard(answer: Any) -> Sequence[Finding]:
    """Grade learning behind a guard: anything whose batches say what was spoiled and what was learnt."""
    limits = read_toml("exercises.toml")["13.3"]
    batches = getattr(answer, "batches", None)
    if not {"harm", "learnt", "spoiled"} <= set(getattr(batches, "columns", ())):
        hint = "run replay.guarded with the limit of your choice, and keep what it returns"
        return [wrong(f"a {type(answer).__name__} is no guarded run", hint=hint)]
    spoiled, learnt = batches["spoiled"].astype(bool), batches["learnt"].astype(bool)
    if int(spoiled.sum()) != limits["spoiled"]:
        hint = "pass the same days as `spoiled`: a guard must be tried on what it is for"
        return [wrong("the poisoned days are not in it", hint=hint)]
    if len(batches) < limits["batches"]:
        return [wrong("some days are missing", hint="learn from the same stream as above")]
    if learnt.all():
        hint = "compare the harm of the poisoned days with your limit: which of the two is smaller?"
        return [wrong("nothing was refused", hint=hint)]
    findings = []
    let_in, shut_out = int((spoiled & learnt).sum()), int((~spoiled & ~learnt).sum())
    if let_in:
        hint = "behind a guard each poisoned day meets a healthy learner, and does less harm than it would after others"
        findings.append(wrong(f"{let_in} of the poisoned days were learnt", hint=hint))
    else:
        findings.append(right("every poisoned day was taken back"))
    if shut_out:
        hint = "a storm is news and not poison, and has to be learnt: how much harm did the worst healthy day do?"
        findings.append(wrong(f"{shut_out} healthy days were refused too", hint=hint))
    else:
        findings.append(right("no healthy day was refused, storms included"))
    return findings
