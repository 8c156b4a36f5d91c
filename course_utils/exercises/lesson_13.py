"""Graders of lesson 13, dynamic training."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.exercises.grading import Finding, as_mapping, as_number, grader, kind_of, listed, right, wrong
from course_utils.tables import active_dataset, read_toml
from course_utils.wording import counted

if TYPE_CHECKING:
    import pandas as pd

_ROUNDING = 2e-5  # VW prints six decimals
#: What VW enables for a plain linear learner, with or without pairs, whatever its output looks like.
_USUAL = ("gd", "generate_interactions", "scorer-identity", "scorer-logistic", "count_label")


@grader("13.1")
def label_map(answer: Any) -> Sequence[Finding]:
    """Grade a label map: the ``--map`` options of csv2vw as one text, or the map that they mean."""
    wanted = read_toml("exercises.toml")["13.1"]
    late, on_time, none = wanted["late"], wanted["on_time"], wanted["none"]
    given = _typed_map(answer) if isinstance(answer, str) else as_mapping(answer)
    if isinstance(given, Finding):
        return [given]
    if given is None:
        hint = "give one text with a --map for each value of the file: --map VALUE=LABEL --map …"
        return [wrong("the options of a command are a text", hint=hint)]
    values = [late, *on_time, none]
    strange = [key for key in given if key not in values]
    if strange:
        hint = f"the values are {listed(values)}, spelt as in the file: any other spelling is another value"
        return [wrong(f"the file holds no {strange[0]!r}", hint=hint)]
    absent = [value for value in values if value not in given]
    if absent:
        hint = "csv2vw refuses a value that no --map names, at its first row: which values are still missing?"
        return [wrong(f"no --map names {listed(absent)}", hint=hint)]
    return [_late(given[late]), _on_time([given[value] for value in on_time]), _cancelled(given[none], none)]


def _typed_map(text: str) -> dict[str, Any] | Finding:
    """Read ``--map VALUE=LABEL …`` as a shell would, or say why that is not possible."""
    try:
        words = shlex.split(text)
    except ValueError:
        return wrong("a quote is not closed", hint="each quote needs a second one, around the whole VALUE=LABEL")
    found: dict[str, Any] = {}
    place = 0
    while place < len(words):
        word = words[place]
        if word == "--unlabelled":  # csv2vw asks for it when a label is none; it is no part of the map
            place += 2
            continue
        if word in ("course", "csv2vw") or (word.startswith("-") and not word.startswith("--map")):
            hint = "the command and its other options stay in terminal.run(…): here only the --map options count"
            return wrong(f"{word!r} is not a --map option", hint=hint)
        pair = word.removeprefix("--map=") if word.startswith("--map=") else "".join(words[place + 1 : place + 2])
        if not word.startswith("--map") or word.removeprefix("--map")[:1] not in ("", "="):
            hint = "each pair has a --map of its own, and a shell splits at spaces: what keeps two words together?"
            return wrong(f"the shell reads {word!r} as a word of its own", hint=hint)
        value, equals, label = pair.rpartition("=")
        if not (equals and value and label):
            hint = "a pair is VALUE=LABEL: one equals sign, and no spaces around it"
            if not equals and "=" in "".join(words[place + 2 : place + 3]):
                hint = "a shell splits at spaces: what keeps two words together?"
            return wrong(f"--map {pair!r} has no two sides", hint=hint)
        found[value] = None if label == "none" else _as_label(label)
        place += 1 if word.startswith("--map=") else 2
    return found


def _as_label(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _late(label: Any) -> Finding:
    number = as_number(label)
    if number == 1:
        return right("late flights are the positive class")
    if label is None:
        return wrong("late flights get no label", hint="they did leave, and late: that is an outcome to learn from")
    if number is None:
        return wrong(f"late flights get {label!r}", hint="VW needs a number there, not a text or a Boolean")
    if number == -1:
        return wrong("late flights are the negative class", hint="what does the course call positive, everywhere?")
    return wrong(f"late flights get {label!r}", hint="logistic loss knows two labels, one for each sign")


def _on_time(labels: Sequence[Any]) -> Finding:
    numbers = [as_number(label) for label in labels]
    if all(number == -1 for number in numbers):
        return right("flights that left on time or early are the other class")
    if any(label is None for label in labels):
        return wrong("flights on time or early get no label", hint="they did leave, and not late: that is an outcome")
    strange = next((label for label, number in zip(labels, numbers, strict=True) if number is None), None)
    if strange is not None:
        return wrong(f"flights on time or early get {strange!r}", hint="VW needs a number there: which one is it?")
    if 0 in numbers:
        hint = "csv2vw refuses it; VW alone would take it without a warning, and learn something else"
        return wrong("0 is no label of logistic loss", hint=hint)
    if 2 in numbers:
        return wrong(
            "2 counts classes, as for --oaa",
            hint="the deck corrected that with sed afterwards: which two labels does logistic loss know?",
        )
    if set(numbers) <= {1.0, -1.0}:
        return wrong("early or on time counts as late", hint="from how many minutes on is a flight late?")
    other = next(number for number in numbers if number not in (1, -1))
    return wrong(f"flights on time or early get {other:g}", hint="logistic loss knows one label for each sign")


def _cancelled(label: Any, value: str) -> Finding:
    if label is None:
        return right("flights that never left have no label")
    if as_number(label) == 1:
        hint = "this is the deck's faulty label: did these passengers wait for a departure?"
        return wrong(f"{value} counts as late", hint=hint)
    if as_number(label) == -1:
        return wrong(f"{value} counts as on time", hint="a flight that never left did not leave on time either")
    hint = "the exercise's text says how a --map makes a row without label, and how that is spelt"
    return wrong(f"{value} gets {label!r}, which csv2vw refuses as a label", hint=hint)


@grader("13.2")
def pairs(answer: Any) -> Sequence[Finding]:
    """Grade VW's own report on a run with pairs: the text that the command prints."""
    limits = read_toml("exercises.toml")["13.2"]
    if not isinstance(answer, str):
        hint = "terminal.output(…) returns what a command prints, terminal.run(…) returns nothing"
        return [wrong(f"{kind_of(answer)} is not a report", hint=hint)]
    report = _numbers(answer)
    if not {"average loss", "best constant's loss", "learning rate"} <= set(report):
        hint = "hand in what VW prints, whole and without --quiet, and not the command or one of its numbers"
        return [wrong("this text is no report of VW", hint=hint)]
    if fault := _another_run(answer, report, limits):
        return [fault]
    if not re.search(r"^creating (quadratic|cubic)? ?features for", answer, re.MULTILINE):
        return [wrong("no namespaces are paired", hint="without pairs, carrier and hour can only add up: see -q")]
    bar, floor = limits["bar"][active_dataset()], limits["floor"][active_dataset()]
    loss = report["average loss"]
    if loss < floor:
        hint = "no column of the timetable knows that much: which column is not in it?"
        return [wrong(f"a loss of {loss:.4f} is too good to be true", hint=hint)]
    if loss > bar:
        hint = (
            "-q names two namespaces by their first letters, and one can be paired with itself: "
            "which inputs mean something else together?"
        )
        return [wrong(f"a loss of {loss:.4f} is higher than {bar}", hint=hint)]
    return [
        right("the examples, labels, loss function, steps and learner are those of the run to beat"),
        right(f"with pairs, the loss is {bar} or less, and not below what a timetable can tell"),
    ]


def _another_run(text: str, report: Mapping[str, float], limits: Mapping[str, Any]) -> Finding | None:
    """Say in what a run differs from the one to beat, apart from namespaces and pairs; None if in nothing."""
    if "passes used" in report:
        hint = "a flight that is learnt a second time is no test any more: leave --passes out"
        return wrong("the flights were learnt in several passes", hint=hint)
    if report.get("number of examples") != limits["examples"][active_dataset()]:
        hint = "learn from the same flights, all of them, once"
        return wrong("these are not the examples of the run to beat", hint=hint)
    if not _is_logistic(report):
        hint = "losses of two loss functions cannot be compared: start from the given options"
        return wrong("the loss is not the logistic one", hint=hint)
    if report.get("weighted label sum") != limits["label_sum"].get(active_dataset(), report.get("weighted label sum")):
        hint = "the number of late flights differs: keep the label of timetable.csv, and its map, as they are"
        return wrong("these are not the labels of the run to beat", hint=hint)
    steps = {"learning_rate": report["learning rate"], "power_t": report.get("power_t")}
    if steps != dict(limits["steps"]) or report.get("initial_t"):
        hint = (
            "larger, constant or delayed steps change this loss for a reason that the next part explains; leave them "
            "as given, and change namespaces and pairs only"
        )
        return wrong("the steps are not those of the run to beat", hint=hint)
    return _another_learner(text)


def _another_learner(text: str) -> Finding | None:
    """Say whether another algorithm than VW's usual one learnt, or one that had learnt before, or did not learn."""
    found = re.search(r"^Enabled learners: (.*?)\s*$", text, re.MULTILINE)
    others = [name for name in re.split(r",\s*", found[1]) if name not in _USUAL] if found else ["unknown"]
    # --sgd and its like change the steps of the usual learner, which VW reports as initial_t only.
    if others:
        hint = "an option exchanges the learning algorithm: which of your options are neither --namespace nor pairs?"
        return wrong(f"another learner was used: {', '.join(others)}", hint=hint)
    if re.search(r"^using l[12] regularization", text, re.MULTILINE):
        return wrong("the run is regularised", hint="leave --l1 and --l2 out: change namespaces and pairs only")
    if re.search(r"^only testing", text, re.MULTILINE):
        return wrong("the run only tests", hint="-t switches learning off, and this loss is about learning")
    first = re.search(r"^(\d\.\d+)\s+\S+\s+1\s", text, re.MULTILINE)
    if first and abs(float(first[1]) - math.log(2)) > 1e-5:
        hint = "before its first flight a new learner knows nothing: which option gave this one a past?"
        return wrong(f"the first flight has a loss of {first[1]}", hint=hint)
    return None


def _numbers(report: str) -> dict[str, float]:
    """Return the lines ``name = number`` of VW's report."""
    found = re.findall(r"^([a-zA-Z_' ]+?) = (-?\d+(?:\.\d+)?)(?: h)?\s*$", report, re.MULTILINE)
    return {name: float(number) for name, number in found}


def _is_logistic(report: Mapping[str, float]) -> bool:
    """Say whether the best constant's loss is the entropy of the labels, as only logistic loss has it."""
    examples = report.get("weighted example sum", 0)
    if not examples:
        return False
    share = (1 + report.get("weighted label sum", 0) / examples) / 2
    if not 0 < share < 1:
        return False
    entropy = -(share * math.log(share) + (1 - share) * math.log(1 - share))
    return abs(entropy - report["best constant's loss"]) < _ROUNDING


@grader("13.3")
def guard(answer: Any) -> Sequence[Finding]:
    """Grade learning behind a guard: anything whose batches say what was spoiled and what was learnt."""
    limits = read_toml("exercises.toml")["13.3"]
    batches = getattr(answer, "batches", None)
    if not {"harm", "learnt", "spoiled"} <= set(getattr(batches, "columns", ())):
        hint = "call online_learning.learn_guarded with your limit, and keep what it returns"
        return [wrong(f"{kind_of(answer)} is not a guarded run", hint=hint)]
    batches = batches.sort_index()
    spoiled, learnt = batches["spoiled"].astype(bool), batches["learnt"].astype(bool)
    harm = batches["harm"].map(as_number)
    if harm.isna().any():
        return [wrong("the harm of some days is no number", hint="hand in what learn_guarded returns, unchanged")]
    if fault := _another_stream(batches, spoiled, harm, limits):
        return [fault]
    if learnt.all():
        hint = "compare the harm of the reversed days with your limit: which of the two is smaller?"
        return [wrong("nothing was refused", hint=hint)]
    if harm[learnt].max() >= harm[~learnt].min():
        hint = "a day is refused when its harm exceeds the limit, and only then: hand in what learn_guarded returns"
        return [wrong("no limit divides these days into learnt and refused ones", hint=hint)]
    findings = []
    let_in, shut_out = int((spoiled & learnt).sum()), int((~spoiled & ~learnt).sum())
    if let_in:
        hint = "behind a guard each reversed day meets a healthy learner, and does less harm than after another bad day"
        findings.append(wrong(f"{let_in} of the reversed days {_were(let_in)} learnt", hint=hint))
    else:
        findings.append(right("every reversed day was rolled back"))
    if shut_out:
        hint = "a storm is real news and has to be learnt: how much harm did the worst healthy day do?"
        findings.append(wrong(f"{shut_out} healthy {'day was' if shut_out == 1 else 'days were'} refused", hint=hint))
    else:
        findings.append(right("no other day was refused"))
    return findings


def _another_stream(batches: pd.DataFrame, spoiled: pd.Series, harm: pd.Series, limits: Mapping[str, Any]) -> Any:
    """Say whether a run has other days, other reversed days or another learner than the lesson's; None if not."""
    if len(batches) != limits["batches"]:
        found = f"the run has {counted(len(batches), 'day')}, and the lesson's stream {limits['batches']}"
        return wrong(found, hint="learn from the same stream as above")
    if [place for place, flag in enumerate(spoiled) if flag] != limits["spoiled"]:
        hint = "pass the same days as `spoiled`: test a guard on the fault that it is for"
        return wrong("the reversed days are not those of the lesson", hint=hint)
    # Until the first reversed day, every guarded run that refused nothing has learnt the same.
    first = limits["spoiled"][0]
    expected = limits["first_harm"].get(active_dataset())
    if expected and batches["learnt"].iloc[:first].all() and abs(harm.iloc[first] - expected) > expected / 10:
        hint = "keep the stream, the options and the sample of earlier flights as they are, and change the limit only"
        return wrong("the first reversed day does another harm than in the lesson's run", hint=hint)
    return None


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
