"""Graders of lesson 04, build governance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from course_utils.exercises.grading import Finding, describe_error, grader, listed, right, words, wrong
from course_utils.tables import read_toml

# --------------------------------------------------------------------------- 04.1


@grader("04.1")
def query(answer: Any) -> Sequence[Finding]:
    """Grade a query in MLflow's language by the runs that it finds among made-up ones."""
    if not isinstance(answer, str):
        hint = "give the query itself, a text between quotes: the check asks it of runs of its own"
        return [wrong(f"a {type(answer).__name__} is no query", hint=hint)]
    if not answer.strip():
        return [wrong("an empty query finds every run", hint="say what the depth has to be, and what the loss")]
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
            right("it finds just the runs that were asked for"),
            right("text is compared as text, numbers as numbers"),
        ]
    return [_mistaken(task["runs"], wanted, found)]


def _run(entry: Mapping[str, Any]) -> Any:
    """Return something with what MLflow's filter looks at."""
    info = SimpleNamespace(run_id=entry["name"], run_name=entry["name"], status="FINISHED")
    data = SimpleNamespace(params=entry["params"], metrics=entry["metrics"], tags={"mlflow.runName": entry["name"]})
    return SimpleNamespace(info=info, data=data, inputs=SimpleNamespace(dataset_inputs=[]))


def _unreadable(text: str) -> str:
    if " or " in f" {text.lower()} ":
        return "MLflow has 'and' alone: both conditions must hold here anyway"
    if "==" in text:
        return "equal is written with one sign here, as in SQL"
    return "what was logged as a parameter is text, and stands in quotes; what was logged as a metric is a number"


def _mistaken(runs: Sequence[Mapping[str, Any]], wanted: set[str], found: set[str]) -> Finding:
    more, fewer = sorted(found - wanted), sorted(wanted - found)
    by_name = {run["name"]: run for run in runs}
    if not found:
        hint = "is each thing named as what it was logged as, params.… or metrics.…, and spelt as in the table above?"
        return wrong("it finds no run at all", hint=hint)
    if any(by_name[name]["params"]["max_depth"] != "4" for name in more):
        depths = [by_name[name]["params"]["max_depth"] for name in more]
        hint = "the depth is a text: ask for one that is equal, not for one that looks like it"
        return wrong(f"it also finds runs of depth {listed(sorted(set(depths)))}", hint=hint)
    if more:
        hint = (
            "which of the two losses tells how a model does on flights it did not learn from, and which way is better?"
        )
        return wrong("it also finds runs whose validation log-loss is too high", hint=hint)
    hint = "a run that meets both conditions is missing: ask for no more than the two"
    return wrong(f"it misses {len(fewer)} of {len(wanted)} runs", hint=hint)


# --------------------------------------------------------------------------- 04.2


@grader("04.2")
def gate(answer: Any) -> Sequence[Finding]:
    """Grade a promotion gate by its verdicts on candidates: a function of candidate, champion and policy."""
    if not callable(answer):
        hint = "define a function of candidate, champion and policy; the check calls it"
        return [wrong(f"a {type(answer).__name__} is no gate", hint=hint)]
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
            return [wrong(f"asked about {case['says']}, it raises {describe_error(error)}", hint=hint)]
        if reasons is None:
            hint = "return a list of texts, one for each reason to refuse; an empty list lets the candidate pass"
            return [wrong("it does not return reasons", hint=hint)]
        if given != before:
            return [wrong("it changes the evidence", hint="a judge reads evidence and leaves it as it is")]
        if (not reasons) is case["passes"]:
            good += 1
        else:
            verdict = "refuses" if case["passes"] else "lets through"
            findings.append(wrong(f"it {verdict} {case['says']}", hint=case.get("hint", _TOO_STRICT)))
    if good:
        findings.insert(0, right(f"{good} of {len(task['case'])} candidates are judged rightly"))
    if len(findings) == 1 and good:
        findings.append(right("every refusal comes with its reason"))
    return findings


_TOO_STRICT = (
    "someone better in every respect must pass: is each comparison the right way round, and equal still allowed?"
)


def _reasons(returned: Any) -> list[str] | None:
    """Return the reasons as a list, or None where something else came back."""
    if isinstance(returned, str):
        returned = [returned] if returned else []
    if isinstance(returned, bool | Mapping) or not isinstance(returned, Iterable):
        return None
    reasons = list(returned)
    return reasons if all(words(reason) for reason in reasons) else None
