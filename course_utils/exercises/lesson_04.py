"""Graders of lesson 04, build governance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from course_utils.exercises.calls import CLOCK_SECONDS, PROCESSOR_SECONDS, StillRunningError, call, limited
from course_utils.exercises.grading import (
    Finding,
    Refused,
    describe_error,
    grader,
    kind_of,
    listed,
    not_a,
    right,
    word_count,
    wrong,
)
from course_utils.tables import read_toml
from course_utils.wording import counted

# --------------------------------------------------------------------------- 04.1


@grader("04.1")
def query(answer: Any) -> Sequence[Finding]:
    """Grade a query in MLflow's filter language by the runs that it finds among runs of the check."""
    if not isinstance(answer, str):
        hint = "write the query itself, a text between quotes: the check applies it to its own runs"
        return [not_a("a query", answer, hint=hint)]
    if not answer.strip():
        return [wrong("an empty query finds every run", hint="write one condition on the depth and one on the loss")]
    task = read_toml("tracking.toml")["04.1"]
    from mlflow.utils.search_utils import SearchUtils

    runs = [_run(entry) for entry in task["runs"]]
    try:
        with limited(PROCESSOR_SECONDS, CLOCK_SECONDS):
            clauses = SearchUtils.parse_search_filter(answer)
            found = {run.info.run_name for run in SearchUtils.filter(runs, answer)}
    except StillRunningError:
        return [wrong("MLflow takes too long to read it", hint="two short conditions are enough")]
    except Exception as error:  # MLflow raises errors of its own, and those of its parser
        message = describe_error(error).removeprefix("MlflowException: ")
        return [wrong(f"MLflow cannot read it: {message}", hint=_unreadable(answer))]
    wanted = set(task["wanted"])
    if found == wanted:
        return [right(f"of {counted(len(runs), 'run')}, it finds exactly the {len(wanted)} that the task asks for")]
    return [_other_names(task["runs"], clauses) or _mistaken(task["runs"], clauses, wanted, found)]


def _run(entry: Mapping[str, Any]) -> Any:
    """Return an object with the attributes of a run that MLflow's filter reads."""
    info = SimpleNamespace(run_id=entry["name"], run_name=entry["name"], status=entry.get("status", "FINISHED"))
    data = SimpleNamespace(params=entry["params"], metrics=entry["metrics"], tags={"mlflow.runName": entry["name"]})
    return SimpleNamespace(info=info, data=data, inputs=SimpleNamespace(dataset_inputs=[]))


def _unreadable(text: str) -> str:
    """Return a hint for a query that MLflow cannot read."""
    if " or " in f" {text.lower()} ":
        return "MLflow knows only 'and'; here both conditions must be true anyway"
    if "==" in text:
        return "'equal' is one sign here, as in SQL"
    if "-logloss" in text and not any(f"{sign}validation-logloss" in text for sign in '`"'):
        return "how does the lesson write a name that contains a hyphen?"
    if "(" in text:
        return "MLflow's filters have no brackets: write one condition after the other"
    return "a logged parameter is a text, so its value needs quotes; a logged metric is a number"


_Clause = Mapping[str, Any]
_DEPTH, _LOSS = ("parameter", "max_depth"), ("metric", "validation-logloss")


def _other_names(runs: Sequence[Mapping[str, Any]], clauses: Sequence[_Clause]) -> Finding | None:
    """Return what is wrong with the names in a query, if anything is."""
    logged = {"parameter": set(runs[0]["params"]), "metric": set(runs[0]["metrics"])}
    for clause in clauses:
        kind, name = clause["type"], clause["key"]
        if name not in logged.get(kind, {name}):
            hint = "does each name say how it was logged, params.… or metrics.…, and is it spelt as in the table above?"
            return wrong(f"no run has logged a {kind} {name!r}", hint=hint)
        if name == "train-logloss":
            hint = "which loss is measured on flights that the model did not learn from?"
            return wrong(f"it asks for {name!r}", hint=hint)
        if (kind, name) not in (_DEPTH, _LOSS):
            hint = "the runs of the check differ in everything else: use no other conditions"
            return wrong(f"it also compares {name!r}", hint=hint)
    return None


def _mistaken(
    runs: Sequence[Mapping[str, Any]], clauses: Sequence[_Clause], wanted: set[str], found: set[str]
) -> Finding:
    """Return what is wrong with a query whose names are right."""
    asked = {(clause["type"], clause["key"]) for clause in clauses}
    if len(asked) < 2:
        other = "max_depth" if _DEPTH not in asked else "validation-logloss"
        return wrong(f"it finds runs with any {other}", hint="the task has two conditions: which one is missing?")
    more = [run for run in runs if run["name"] in found - wanted]
    depths = {run["params"]["max_depth"] for run in runs if run["name"] in found}
    right_depth = {run["params"]["max_depth"] for run in runs if run["name"] in wanted}
    if depths - right_depth:
        hint = "the depth is a text: ask for an equal one, not for a similar one"
        if not depths & right_depth:
            hint = "compare the depth in your query with the task's"
        return wrong(f"it finds runs of depth {listed(sorted(depths - right_depth))}", hint=hint)
    if not found and not any(clause["key"] == "max_depth" and clause["value"] in right_depth for clause in clauses):
        hint = "compare the depth in your query with the task's, sign by sign: it is a text"
        return wrong("it finds no runs, since none has this depth", hint=hint)
    highest = max(run["metrics"][_LOSS[1]] for run in runs if run["name"] in wanted)
    limit = min(run["metrics"][_LOSS[1]] for run in runs if run["metrics"][_LOSS[1]] > highest)
    if more and all(run["metrics"][_LOSS[1]] == limit for run in more) and wanted <= found:
        hint = "a run at the limit is not below it: what does your comparison say to an equal value?"
        return wrong("it also finds a run whose loss is exactly the limit", hint=hint)
    if any(clause["comparator"] in (">", ">=") for clause in clauses if clause["key"] == _LOSS[1]):
        hint = "is a low or a high loss better, and which of them does the task ask for?"
        return wrong("it leaves out runs with a low loss", hint=hint)
    hint = "compare the limit in your query with the task's, digit by digit"
    if more:
        return wrong(f"it also finds {counted(len(more), 'run')} whose validation log-loss is too high", hint=hint)
    return wrong(f"it misses {len(wanted - found)} of {counted(len(wanted), 'run')}", hint=hint)


# --------------------------------------------------------------------------- 04.2

#: For each measurement: whose value it is compared with, a change for the worse, and whether an equal value passes.
_CRITERIA = {
    "validation_loss": ("champion", 0.001, False),
    "out_of_time_loss": ("champion", 0.001, False),
    "known_hours": ("policy", -0.5, True),
    "carrier_harm": ("policy", 0.0001, True),
    "time_ratio": ("policy", 0.01, True),
}
_Gate = Callable[..., Any]
_Values = Mapping[str, Any]


@grader("04.2")
def gate(answer: Any) -> Sequence[Finding]:
    """Grade a promotion gate, a function of candidate, champion and policy, by its verdicts and its reasons."""
    if not callable(answer):
        hint = "define a function of candidate, champion and policy; the check calls it"
        return [not_a("a gate", answer, hint=hint)]
    task = read_toml("tracking.toml")["04.2"]
    findings: list[Finding] = []
    for case in task["case"]:
        settings = (case.get("champion", task["champion"]), case.get("policy", task["policy"]))
        refused = bool(_reasons(answer, case["evidence"], settings, case["says"]))
        if refused is case["passes"]:
            verdict = "rejects" if case["passes"] else "accepts"
            findings.append(wrong(f"it {verdict} {case['says']}", hint=case.get("hint", _TOO_STRICT)))
    good = len(task["case"]) - len(findings)
    if not findings:
        settings = [(task["champion"], task["policy"])]
        settings += [(case["champion"], task["policy"]) for case in task["case"] if "champion" in case]
        settings += [(task["champion"], case["policy"]) for case in task["case"] if "policy" in case]
        tried = list(_just_beside(answer, settings))
        findings = list({finding.text: finding for finding in tried if finding}.values())
        good += sum(finding is None for finding in tried)
        if not findings:
            findings = _reasons_named(answer, *settings[0])
    if good:
        are = "is" if good == 1 else "are"
        findings = [right(f"{counted(good, 'candidate')} {are} judged correctly"), *findings]
    return findings


_TOO_STRICT = "a candidate that is better in every respect must pass: is any comparison inverted?"


def _reasons(answer: _Gate, candidate: _Values, settings: tuple[_Values, _Values], says: str) -> list[str]:
    """Return the reasons that a gate gives for a candidate; anything else than a list of texts ends the check."""
    champion, policy = settings
    given = ({**candidate, "worst_carrier": "US"}, {**champion, "worst_carrier": "UA"}, dict(policy))
    returned = call(answer, *given, case=f"for {says}")
    hint = "return a list of texts, one for each reason to reject; an empty list accepts the candidate"
    if isinstance(returned, str | bytes | bool | Mapping) or not isinstance(returned, Iterable):
        raise Refused(wrong(f"for {says}, it returns {kind_of(returned)}", hint=hint))
    reasons = list(returned)
    for reason in reasons:
        if not word_count(reason):
            found = f"for {says}, one of the reasons is {kind_of(reason) if reason != '' else 'empty'}"
            raise Refused(wrong(found, hint=hint))
    return reasons


def _base(champion: _Values, policy: _Values) -> dict[str, float]:
    """Return a candidate that passes: on the good side of every limit."""
    limits = {"champion": champion, "policy": policy}
    return {name: limits[source][name] - 20 * worse for name, (source, worse, _) in _CRITERIA.items()}


def _just_beside(answer: _Gate, settings: Sequence[tuple[_Values, _Values]]) -> Iterator[Finding | None]:
    """Yield what is wrong with the verdict on candidates just below, at and just above each limit."""
    for champion, policy in settings:
        limits = {"champion": champion, "policy": policy}
        for (name, (source, worse, equal_passes)), step in itertools.product(_CRITERIA.items(), (-1, 0, 1)):
            value = limits[source][name] + step * worse
            passes = equal_passes if step == 0 else step < 0
            whose = "champion's" if source == "champion" else "policy's"
            where = {-1: "just better than", 0: "exactly", 1: "just worse than"}[step]
            says = f"a candidate whose {name} is {where} the {whose}"
            refused = bool(_reasons(answer, {**_base(champion, policy), name: value}, (champion, policy), says))
            if refused is not passes:
                yield None
            elif step == 0:
                hint = "a value at a limit of the policy is within it" if passes else "an equal loss is no improvement"
                yield wrong(f"it {'rejects' if passes else 'accepts'} {says}", hint=f"{hint}: what does < say to it?")
            else:
                hint = f"compare with the {source} that your function receives, without a margin"
                yield wrong(f"it {'rejects' if passes else 'accepts'} {says}", hint=hint)


def _reasons_named(answer: _Gate, champion: _Values, policy: _Values) -> list[Finding]:
    """Grade the reasons: one for each fault, and another one for another fault."""
    limits = {"champion": champion, "policy": policy}
    base = _base(champion, policy)
    bad = {name: limits[source][name] + worse for name, (source, worse, _) in _CRITERIA.items()}
    single: dict[str, str] = {}
    for count in range(1, len(bad) + 1):
        for names in itertools.combinations(bad, count):
            says = f"a candidate with {count} fault{'s' * (count > 1)}"
            reasons = _reasons(answer, base | {name: bad[name] for name in names}, (champion, policy), says)
            if len(reasons) != count:
                found = f"{says} gets {len(reasons)} reason{'s' * (len(reasons) > 1)}"
                hint = "the author fixes one fault a day: does your function stop at the first, or join two of them?"
                if len(reasons) > count:
                    hint = "one comparison, one reason"
                return [wrong(found, hint=hint)]
            if count == 1:
                single[reasons[0]] = names[0]
    if len(single) < len(bad):
        found = f"{counted(len(bad), 'different fault')} get {counted(len(single), 'different reason')}"
        return [wrong(found, hint="what will the author have to change? The reason should say which comparison failed")]
    return [right("each fault has a reason of its own, and a candidate gets one for each of its faults")]
