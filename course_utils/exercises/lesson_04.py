"""Graders of lesson 04, build governance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from course_utils.exercises.grading import Finding, describe_error, grader, listed, not_a, right, word_count, wrong
from course_utils.tables import read_toml

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
    from mlflow.exceptions import MlflowException
    from mlflow.utils.search_utils import SearchUtils

    runs = [_run(entry) for entry in task["runs"]]
    try:
        found = {run.info.run_name for run in SearchUtils.filter(runs, answer)}
    except MlflowException as error:
        return [wrong(f"MLflow cannot read it: {str(error).splitlines()[0]}", hint=_unreadable(answer))]
    wanted = set(task["wanted"])
    if found == wanted:
        return [
            right("it finds exactly the runs that the task asks for"),
            right("it compares texts as texts, and numbers as numbers"),
        ]
    return [_mistaken(task["runs"], wanted, found)]


def _run(entry: Mapping[str, Any]) -> Any:
    """Return an object with the attributes of a run that MLflow's filter reads."""
    info = SimpleNamespace(run_id=entry["name"], run_name=entry["name"], status="FINISHED")
    data = SimpleNamespace(params=entry["params"], metrics=entry["metrics"], tags={"mlflow.runName": entry["name"]})
    return SimpleNamespace(info=info, data=data, inputs=SimpleNamespace(dataset_inputs=[]))


def _unreadable(text: str) -> str:
    """Return a hint for a query that MLflow cannot read."""
    if " or " in f" {text.lower()} ":
        return "MLflow knows only 'and'; here both conditions must be true anyway"
    if "==" in text:
        return "'equal' is one sign here, as in SQL"
    if "-logloss" in text and "`" not in text:
        return "how does the lesson write a name that contains a hyphen?"
    return "a logged parameter is a text, so its value needs quotes; a logged metric is a number"


def _mistaken(runs: Sequence[Mapping[str, Any]], wanted: set[str], found: set[str]) -> Finding:
    more, fewer = sorted(found - wanted), sorted(wanted - found)
    by_name = {run["name"]: run for run in runs}
    if not found:
        hint = "does each name say how it was logged, params.… or metrics.…, and is it spelt as in the table above?"
        return wrong("it finds no runs", hint=hint)
    if any(by_name[name]["params"]["max_depth"] != "4" for name in more):
        depths = [by_name[name]["params"]["max_depth"] for name in more]
        hint = "the depth is a text: ask for an equal one, not for a similar one"
        return wrong(f"it also finds runs of depth {listed(sorted(set(depths)))}", hint=hint)
    if more:
        hint = "which loss is measured on flights that the model did not learn from, and is low or high better?"
        return wrong("it also finds runs whose validation log-loss is too high", hint=hint)
    hint = "some runs that meet both conditions are missing: use no other conditions"
    return wrong(f"it misses {len(fewer)} of {len(wanted)} runs", hint=hint)


# --------------------------------------------------------------------------- 04.2


@grader("04.2")
def gate(answer: Any) -> Sequence[Finding]:
    """Grade a promotion gate, a function of candidate, champion and policy, by its verdicts on candidates."""
    if not callable(answer):
        hint = "define a function of candidate, champion and policy; the check calls it"
        return [not_a("a gate", answer, hint=hint)]
    task = read_toml("tracking.toml")["04.2"]
    findings: list[Finding] = []
    good = 0
    for case in task["case"]:
        given = [
            dict(case["evidence"]),
            dict(case.get("champion", task["champion"])),
            dict(case.get("policy", task["policy"])),
        ]
        given[0]["worst_carrier"] = given[1]["worst_carrier"] = "US"
        before = [dict(one) for one in given]
        try:
            reasons = _reasons(answer(*given))
        except Exception as error:  # the learner's function may do anything
            hint = "it is called with three mappings: the evidence of candidate and champion, and the policy"
            return [wrong(f"for {case['says']} it raises {describe_error(error)}", hint=hint)]
        if reasons is None:
            hint = "return a list of texts, one for each reason to reject; an empty list accepts the candidate"
            return [wrong("it does not return reasons", hint=hint)]
        if given != before:
            return [wrong("it changes the evidence", hint="read the evidence without changing it")]
        if (not reasons) is case["passes"]:
            good += 1
        else:
            verdict = "rejects" if case["passes"] else "accepts"
            findings.append(wrong(f"it {verdict} {case['says']}", hint=case.get("hint", _TOO_STRICT)))
    if good:
        findings.insert(0, right(f"{good} of {len(task['case'])} candidates are judged correctly"))
    if len(findings) == 1 and good:
        findings.append(right("it gives a reason for every rejection"))
    return findings


_TOO_STRICT = (
    "a candidate that is better in every respect must pass: is any comparison inverted, and do equal values pass?"
)


def _reasons(returned: Any) -> list[str] | None:
    """Return the reasons as a list, or None if the function returned something else."""
    if isinstance(returned, str):
        returned = [returned] if returned else []
    if isinstance(returned, bool | Mapping) or not isinstance(returned, Iterable):
        return None
    reasons = list(returned)
    return reasons if all(word_count(reason) for reason in reasons) else None
