"""Graders of lesson 13, dynamic training."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import Finding, as_mapping, as_number, grader, listed, not_a, right, wrong
from course_utils.tables import active_dataset, read_toml


@grader("13.1")
def label_map(answer: Any) -> Sequence[Finding]:
    """Grade a label map: the label that VW gets for each value in the file."""
    wanted = read_toml("exercises.toml")["13.1"]
    late, on_time, none = wanted["late"], wanted["on_time"], wanted["none"]
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict", answer, hint="give each value of the file its label: {value: label, …}")]
    values = [late, *on_time, none]
    strange = [key for key in given if key not in values]
    if strange:
        hint = f"the values are {listed(values)}, spelt as in the file: a different spelling is a different value"
        return [wrong(f"the value {strange[0]!r} is not in the file", hint=hint)]
    absent = [value for value in values if value not in given]
    if absent:
        hint = "csv2vw stops at the first row with a value that is not in the map: give every value an entry"
        return [wrong(f"no entry for {listed(absent)}", hint=hint)]
    return [_late(given[late]), _on_time([given[value] for value in on_time]), _cancelled(given[none], none)]


def _late(label: Any) -> Finding:
    number = as_number(label)
    if number == 1:
        return right("late flights are the positive class")
    if number is None:
        return wrong(f"late flights get {label!r}", hint="VW needs a number here, not a text or a boolean")
    if number == -1:
        return wrong("late flights are the negative class", hint="which class is positive everywhere in the course?")
    return wrong(f"late flights get {label!r}", hint="logistic loss has two labels, one for each sign")


def _on_time(labels: Sequence[Any]) -> Finding:
    numbers = [as_number(label) for label in labels]
    if all(number == -1 for number in numbers):
        return right("flights that left on time or early are the negative class")
    if any(number is None for number in numbers):
        return wrong("flights on time or early get no number", hint="they departed, and not late: this is an outcome")
    if 0 in numbers:
        return wrong(
            "0 is not a label for logistic loss", hint="VW accepts it without a warning, but learns something else"
        )
    if 2 in numbers:
        hint = "the deck fixed this with sed afterwards: write the correct sign directly"
        return wrong("2 is the number of a class, as for --oaa", hint=hint)
    return wrong("early or on-time flights count as late", hint="from how many minutes is a flight late?")


def _cancelled(label: Any, value: str) -> Finding:
    if label is None:
        return right("flights that never departed have no label")
    if as_number(label) == 1:
        return wrong(f"{value} counts as late", hint="this is the deck's wrong label: did this flight depart late?")
    if as_number(label) == -1:
        return wrong(f"{value} counts as on time", hint="a flight that never departed did not depart on time either")
    hint = "which Python value means 'nothing'? With it, csv2vw writes a row without a label"
    return wrong(f"{value} gets {label!r}, and VW would learn from it", hint=hint)


@grader("13.2")
def pairs(answer: Any) -> Sequence[Finding]:
    """Grade a run of VW with pairs of namespaces: any object with options, examples and loss."""
    limits = read_toml("exercises.toml")["13.2"]
    options, loss = getattr(answer, "options", None), as_number(getattr(answer, "loss", None))
    examples = as_number(getattr(answer, "examples", None))
    if not isinstance(options, str) or loss is None or examples is None:
        return [not_a("a run of VW", answer, hint="keep the whole result of vowpal.run, not a part of it")]
    if "--loss_function logistic" not in options.replace("=", " "):
        hint = "you cannot compare the losses of two loss functions: start from the given options"
        return [wrong("this run has another loss function", hint=hint)]
    if not _same_steps(options, limits["steps"]):
        hint = (
            "larger or constant steps lower this loss for a reason that the next part explains; "
            "keep the given steps, and change only namespaces and pairs"
        )
        return [wrong("the step size differs from that of the run to beat", hint=hint)]
    if examples != limits["examples"][active_dataset()]:
        hint = "learn from the same flights, from all of them, once"
        return [wrong("the run to beat has other examples", hint=hint)]
    bar, floor = limits["bar"][active_dataset()], limits["floor"][active_dataset()]
    if loss < floor:  # only columns that are known after departure reach such a loss
        hint = "the timetable does not contain that much information: which of your columns is not in it?"
        return [wrong(f"a loss of {loss:.4f} is too good to be true", hint=hint)]
    if not re.search(r"(^|\s)(-q|--quadratic|--cubic|--interactions)\b", options):
        return [wrong("no namespaces are paired", hint="without pairs, carrier and hour only add up: read about -q")]
    if loss > bar:
        hint = (
            "you name a pair by the first letters of two namespaces, and a namespace can be paired with itself: "
            "which inputs have an effect together that they do not have alone?"
        )
        return [wrong(f"a loss of {loss:.4f} does not beat {bar}", hint=hint)]
    return [
        right("the same flights, the same steps, and inputs from the timetable"),
        right(f"the pairs lower the loss below {bar}"),
    ]


def _same_steps(options: str, steps: Mapping[str, float]) -> bool:
    """Return whether the options that set the step size are the given ones, each exactly once."""
    found = re.findall(r"(?:^|\s)(-l|--learning_rate|--power_t|--initial_t|--decay_learning_rate)[ =]?(\S+)", options)
    named = {"-l": "learning_rate"}
    given = [(named.get(name, name.lstrip("-")), value) for name, value in found]
    # Further options change the steps as well, such as another optimiser, or more passes over the same flights.
    return sorted(given) == sorted((name, f"{value:g}") for name, value in steps.items()) and not re.search(
        r"--(passes|sgd|adaptive|invariant|normalized|coin|ftrl|bfgs|cb|nn)\b", options
    )


@grader("13.3")
def guard(answer: Any) -> Sequence[Finding]:
    """Grade learning behind a guard: any object with a table of batches that were spoiled, learned or refused."""
    limits = read_toml("exercises.toml")["13.3"]
    batches = getattr(answer, "batches", None)
    if not {"harm", "learnt", "spoiled"} <= set(getattr(batches, "columns", ())):
        hint = "call online_learning.learn_guarded with the limit of your choice, and keep its result"
        return [not_a("a guarded run", answer, hint=hint)]
    spoiled, learnt = batches["spoiled"].astype(bool), batches["learnt"].astype(bool)
    if int(spoiled.sum()) != limits["spoiled"]:
        hint = "pass the same days as `spoiled`: test a guard on the fault that it should detect"
        return [wrong("the poisoned days are not in the run", hint=hint)]
    if len(batches) < limits["batches"]:
        return [wrong("some days are missing", hint="learn from the same stream as above")]
    if learnt.all():
        hint = "compare the harm of the poisoned days with your limit: which of the two is smaller?"
        return [wrong("no day was refused", hint=hint)]
    # Both faults are reported: a limit can be too high for one day and too low for another at the same time.
    findings = []
    accepted, refused = int((spoiled & learnt).sum()), int((~spoiled & ~learnt).sum())
    if accepted:
        hint = "behind a guard each poisoned day meets a healthy model, so it does less harm than after other such days"
        findings.append(wrong(f"{accepted} of the poisoned days were learned", hint=hint))
    else:
        findings.append(right("every poisoned day was undone"))
    if refused:
        hint = "a storm is news, not poison, and the model has to learn it: how much harm did the worst healthy day do?"
        findings.append(wrong(f"{refused} healthy days were refused, too", hint=hint))
    else:
        findings.append(right("no healthy day was refused, storms included"))
    return findings
