"""Graders of lesson 15, online inference."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from typing import Any

from course_utils.exercises.calls import call, call_each
from course_utils.exercises.grading import (
    Finding,
    Refused,
    as_mapping,
    as_number,
    describe_error,
    grader,
    kind_of,
    listed,
    missing,
    not_a,
    right,
    wrong,
)
from course_utils.exercises.processes import packed, where_it_differs
from course_utils.tables import read_toml
from course_utils.wording import counted


def _first(mistakes: Sequence[tuple[bool, str, str]]) -> Finding | None:
    """Return the finding for the first mistake that was made: whether it was, what is wrong, and the hint."""
    return next((wrong(found, hint=hint) for made, found, hint in mistakes if made), None)


# --------------------------------------------------------------------------- 15.1: the update that the deck meant


@grader("15.1")
def update(answer: Any) -> Sequence[Finding]:
    """Grade a function that updates a model by what it does to a cluster without processes, during and after it."""
    if not callable(answer):
        return [not_a("a function", answer, hint="write def update(connection): with the calls of the update below it")]
    from course_utils.serve.clipper.rehearsal import Rehearsal

    names = read_toml("exercises.toml")["15.1"]
    with Rehearsal(names["app"], {names["model"]: ["1"], names["mistaken"]: ["2"]}) as cluster:
        try:
            call(answer, cluster.connection, may_be_none=True)
        except Refused as refused:
            if not cluster.refusals:
                hint = "read the client's message: what is it about, and what did you pass there for version 1?"
                if "ClipperException" in refused.finding.text:
                    return [wrong(refused.finding.text, hint=hint)]
                raise
            return [_refusal(cluster.refusals[-1], names)]
        return _judge_update(cluster, answer, names)


def _refusal(refused: Any, names: Mapping[str, Any]) -> Finding:
    """Return the finding for a call that the cluster refused."""
    found = f"the cluster refuses one of the calls: {refused.message.removeprefix('Error ')}"
    if refused.request.get("model_name") == names["mistaken"]:
        return wrong(found, hint=names["another"])
    hints = (hint for part, hint in names["refused"].items() if part in refused.message)
    return wrong(found, hint=next(hints, "which of your arguments does the cluster's answer name?"))


def _judge_update(cluster: Any, answer: Any, names: Mapping[str, Any]) -> list[Finding]:
    model = names["model"]
    if not cluster.calls:
        hint = "the check looks at the calls of the connection that the function gets as its argument"
        return [wrong("your function calls nothing on the connection", hint=hint)]
    for step in cluster.history:
        if not step.model:
            hint = "between two of your calls the application has no model: can you make the change in one step?"
            return [wrong(f"after the call {step.call}, passengers get the default answer", hint=hint)]
        if not step.replicas:
            found = f"after the call {step.call} no replica of version {step.version or '1'} answers"
            return [wrong(found, hint="how many replicas does the version in use have at that moment?")]
    now, versions = cluster.serving(), cluster.state.models
    if now.version == "1":
        return [_unchanged(cluster, names)]
    if not cluster.replicas.get((model, "1")) or "1" not in versions[model]:
        hint = "if the new version turns out to be bad in an hour, what could you go back to?"
        return [wrong("version 1 is gone, or has no replica", hint=hint)]
    used = right(f"the application uses version {now.version!r} of its own model, and always had one")
    return [used, right("version 1 is still deployed, for a rollback"), *_answers_as_planned(cluster, answer, now)]


def _unchanged(cluster: Any, names: Mapping[str, Any]) -> Finding:
    """Return the finding for an update after which version 1 still answers."""
    added = [name for name in cluster.state.models if name not in (names["model"], names["mistaken"])]
    elsewhere = f"{''.join(added[:1])!r} is deployed, but the application still uses version 1 of {names['model']!r}"
    new = "a new name creates a new model, which the application does not know: which name is it linked to?"
    old = "which version answers after the last of your calls?"
    mistakes = [
        (len(cluster.state.models[names["model"]]) > 1, "the new version is deployed, but the old one answers", old),
        (bool(added), elsewhere, new),
        (bool(cluster.history), "nothing has changed for the application", names["another"]),
        (True, "your calls change nothing", "you can read, but which call deploys a version?"),
    ]
    return _first(mistakes)


def _answers_as_planned(cluster: Any, answer: Any, now: Any) -> list[Finding]:
    """Compare the deployed function with the lesson's predict_v2, where the notebook has both names."""
    names = getattr(answer, "__globals__", {})
    if not callable(names.get("predict_v2")) or not isinstance(names.get("texts"), list):
        return []
    some = names["texts"][:2]
    try:
        same = list(cluster.predictor(now.model, now.version)(some)) == list(names["predict_v2"](some))
    except Exception as error:
        hint = "call it in the notebook with the first of the texts"
        return [wrong(f"the function that you deployed stops with {describe_error(error)}", hint=hint)]
    other = wrong("the new version does not answer as predict_v2 does", hint="which function did you deploy?")
    return [right("it answers as predict_v2 does") if same else other]


# --------------------------------------------------------------------------- 15.2: a canary switch


@grader("15.2")
def canary(answer: Any) -> Sequence[Finding]:
    """Grade a function that sends a share of the passengers to version 2, by its result for many passengers."""
    if not callable(answer):
        return [not_a("a function", answer, hint="write def version_for(passenger, share): and return '1' or '2'")]
    rules = read_toml("exercises.toml")["15.2"]
    kinds = _passengers(rules["passengers"])
    names = [name for group in kinds.values() for name in group]
    few = [(name, 0.2) for name in names[::-3]]
    elsewhere = packed(answer, few)  # before it is called here
    said = {}
    for share in rules["shares"]:
        _check_version(call(answer, names[0], share, case=f"for {names[0]!r}, {share}"))
        values = call_each(answer, [(name, share) for name in names])
        said[share] = dict(zip(names, map(_check_version, values), strict=True))
    second = {share: {name for name, value in of.items() if value == "2"} for share, of in said.items()}
    if wrongs := _judge_shares(second, kinds, rules["slack"]):
        return wrongs
    if where := where_it_differs(answer, elsewhere, {(name, share): said[share][name] for name, share in few}):
        hint = "a reloaded page must show the same answer, on any server and after any restart: what can you decide by?"
        return [wrong(f"{where}, some passengers get another version", hint=hint)]
    for less, more in itertools.pairwise(sorted(second)):
        if back := len(second[less] - second[more]):
            hint = "a passenger who was switched at a small share must not be switched back when the share grows"
            return [
                wrong(f"from share={less:g} to share={more:g}, {counted(back, 'passenger')} switched back", hint=hint)
            ]
    return [
        right("version 2 gets its share of passengers with ids of any kind, from no one to everyone"),
        right("a passenger gets the same version in another process, and keeps version 2 when the share grows"),
    ]


def _passengers(count: int) -> dict[str, list[str]]:
    """Return made-up ids of several kinds, `count` of each, the same each time."""
    draw = random.Random(15)
    return {
        "such as 'passenger 17'": [f"passenger {number}" for number in range(count)],
        "such as 'K7Q2ZD'": ["".join(draw.choices("ABCDEFGHJKLMNPQRSTUVWXYZ23456789", k=6)) for _ in range(count)],
        "such as 'zoë.17@example.org'": [f"zoë.{draw.randrange(10**6)}@example.org" for _ in range(count)],
    }


def _check_version(value: Any) -> str:
    if isinstance(value, str) and value in ("1", "2"):
        return str(value)
    shown = f"{value!r:.40}" if isinstance(value, str | int) else kind_of(value)
    raise Refused(wrong(f"your function returns {shown}", hint="Clipper's `version` is a text: '1' or '2'"))


def _judge_shares(second: Mapping[float, set[str]], kinds: Mapping[str, list[str]], slack: float) -> list[Finding]:
    everyone = len({name for names in kinds.values() for name in names})
    if len(second[0.0]) == everyone and not second[1.0]:
        return [wrong("the two versions are exchanged", hint="version 2 is the new one, which gets the share")]
    if second[0.0]:
        hint = "share=0 is before the first passenger gets the new version"
        return [
            wrong(
                f"with share=0, version 2 goes to {len(second[0.0]):,} of {counted(everyone, 'passenger')}", hint=hint
            )
        ]
    if len(second[1.0]) < everyone:
        hint = "share=1 is after the last one switched: which of your numbers is never below the share?"
        if len(second[1.0]) < everyone / 2:
            hint = "share=1 is after the last one switched: what do you compare the share with, a number from 0 to 1?"
        return [
            wrong(
                f"with share=1, version 2 goes to only {len(second[1.0]):,} of {counted(everyone, 'passenger')}",
                hint=hint,
            )
        ]
    for kind, names in kinds.items():
        for share in second:
            got = len(second[share].intersection(names)) / len(set(names))
            if abs(got - share) > slack:
                hint = "count how many of a thousand different ids get version 2, and compare this with the share"
                found = f"with share={share:g}, {got:.1%} of the passengers with ids {kind} get version 2"
                return [wrong(found, hint=hint)]
    return []


# --------------------------------------------------------------------------- 15.3: objective and replicas


@grader("15.3")
def plan(answer: Any) -> Sequence[Finding]:
    """Grade a plan for a load: the number of replicas, the objective, and the result of measuring both."""
    load = read_toml("exercises.toml")["15.3"]
    parts = ["replicas", "objective_micros", "measured"]
    given = as_mapping(answer)
    if given is None:
        return [not_a("a plan", answer, hint=f"fill in the dict of the cell; its keys are {listed(parts)}")]
    absent = [name for name in parts if name not in given]
    if absent:
        return [missing(absent, hint="the plan needs three parts: keep the keys of the dict as they are")]
    replicas, micros = as_number(given["replicas"]), as_number(given["objective_micros"])
    findings = [_replicas(replicas, load), _objective(micros, load)]
    return [*findings, _measured(given["measured"], replicas, micros, load)]


def _replicas(replicas: float | None, load: Mapping[str, float]) -> Finding:
    if replicas is None:
        return wrong("'replicas' is not a number", hint="write how many replicas to start")
    busy = load["rate"] * load["milliseconds"] / 1000
    enough = math.ceil(busy / load["busy"])
    reserve = "they keep up on average, but are busier than allowed: what remains for a busy moment?"
    several = f"{replicas:g} replica{'s' * (replicas != 1)}"
    mistakes = [
        (replicas < 1, f"{several} answer nothing", "write how many copies of the model should run"),
        (
            replicas % 1 > 0,
            f"{several} are not a whole number",
            "Little's law gives a mean: can you start a part of one?",
        ),
        (replicas <= busy, f"{several} cannot keep up", "how many queries are in work at the same time, on average?"),
        (replicas < enough, f"{several} keep up, but without reserve", reserve),
        (replicas > enough, f"{several} are more than the load needs", "each one costs money: are fewer enough?"),
    ]
    return _first(mistakes) or right("as many replicas as the load needs, with reserve")


def _objective(micros: float | None, load: Mapping[str, float]) -> Finding:
    if micros is None:
        return wrong("the objective is not a number", hint="write a time, in the unit that Clipper uses")
    milliseconds, least, most = micros / 1000, load["least_ms"], load["most_ms"]
    queue = "if two queries arrive at the same moment, when is the second one done, in the worst case?"
    alone, work = "how long does one query take, even without a queue?", load["milliseconds"]
    mistakes = [
        (micros <= 0, f"an objective of {micros:g} is no time", "how long may an answer take?"),
        (
            micros <= most,
            f"an objective of {counted(micros, 'microsecond')} ends before any work starts",
            "check Clipper's unit of time",
        ),
        (milliseconds <= work, f"in {milliseconds:g} ms no answer can arrive in time", alone),
        (milliseconds < least, f"{milliseconds:g} ms leave no time for the queue", queue),
        (milliseconds > most, f"the page stops waiting before {milliseconds:g} ms", "how long does it wait?"),
    ]
    return _first(mistakes) or right("the objective is between the time for the work and the time that the page waits")


def _measured(result: Any, replicas: float | None, micros: float | None, load: Mapping[str, float]) -> Finding:
    """Judge a measurement by where it comes from, and by what it found."""
    from course_utils.serve.load_testing import Result

    if not isinstance(result, Result):
        found = f"'measured' is {kind_of(result)}, not a measurement"
        return wrong(found, hint="keep the whole result of load_testing.open_loop_load")
    if not result.as_measured:
        hint = "hand in the result as load_testing.open_loop_load returned it, in this session"
        return wrong("the measurement was changed after it was made", hint=hint)
    counts, there, rate = result.counts(), result.deployment, result.rate
    if counts["failed"]:
        hint = "is the application registered and linked, and is its name right?"
        return wrong(f"{counted(counts['failed'], 'query')} failed", hint=hint)
    if there is None:
        hint = "measure the application on the cluster that this notebook has started"
        return wrong("the load was not sent to a cluster of this machine", hint=hint)
    offered = f"the load had a rate of {rate:g} a second" if rate else "all queries came at the same moment"
    again = "the plan and what you measure belong together: deploy the plan, and measure again"
    objective = counted(there.objective_micros, "microsecond")
    other = f"{result.app!r} was registered with an objective of {objective}, not the planned"
    fastest = result.requests.loc[result.requests["outcome"] == "in time", "ms"].min()
    sooner = f"an answer came after {fastest:.0f} ms, sooner than the slow model can answer"
    lost = "most queries got the default: compare the objective with the latency. Is batch_size=1?"
    mistakes = [
        (rate is None or abs(rate - load["rate"]) > 1e-6, offered, "what rate does the task name?"),
        (
            counts["asked"] < load["rate"] * load["seconds"],
            f"too few queries for this load: {counts['asked']}",
            f"send the full load for at least {counted(load['seconds'], 'second')}",
        ),
        (
            there.replicas != replicas,
            f"{counted(there.replicas, 'replica')} answered, and the plan has another number",
            again,
        ),
        (there.objective_micros != micros, other, again),
        (fastest < 0.9 * load["milliseconds"], sooner, "which function is deployed behind this application?"),
        (counts["in time"] < load["share"] * counts["asked"], "under this load the plan fails", lost),
    ]
    return _first(mistakes) or right("measured with these replicas and this objective: the plan works under this load")


# --------------------------------------------------------------------------- 15.4: break it and roll back


@grader("15.4")
def rollback(answer: Any) -> Sequence[Finding]:
    """Grade an incident by what the clients saw, and by which versions the cluster had meanwhile."""
    from course_utils.serve.load_testing import Clients

    wanted = read_toml("exercises.toml")["15.4"]
    if not isinstance(answer, Clients):
        hint = "keep the clients that sent queries all the time, not one of their answers"
        return [wrong(f"{kind_of(answer)} has no record of the incident", hint=hint)]
    if not answer.as_recorded:
        hint = "hand in the clients as they are after their `with` block, with nothing changed"
        return [wrong("the record is not complete, or was changed", hint=hint)]
    if answer.app != wanted["app"]:
        return [wrong(f"the clients asked {answer.app!r}", hint="which application do the passengers use?")]
    table = answer.table()
    phases = [row for name, row in table.iterrows() if name != "in between"]
    if len(phases) < 2:
        hint = "call `now` while the model is broken, and again after the rollback"
        return [wrong(f"the record has {len(phases)} phase{'s' * (len(phases) != 1)}", hint=hint)]
    problem = _broken(answer, phases, wanted) or _repaired(answer, table, phases, wanted)
    return [problem] if problem else [
        right("every query got an answer, and wrong ones came for a short time only"),
        right("at the end version 1 answers, bit for bit as before"),
    ]  # fmt: skip


def _broken(answer: Any, phases: Sequence[Any], wanted: Mapping[str, Any]) -> Finding | None:
    """Return what is wrong with the first part of the incident, in which a version is broken."""
    bad = [place for place, row in enumerate(phases[:-1]) if row["other"] or row["mixed"]]
    if not bad:
        hint = "deploy the broken version of the model that the application uses, and call `now` while it answers"
        return wrong("no phase before the last one has wrong answers", hint=hint)
    there = answer.deployed[bad[0]]
    if there is None:
        hint = "let the clients ask the cluster that this notebook has started"
        return wrong("the record does not come from a cluster of this machine", hint=hint)
    if there.version in wanted["known"]:
        hint = "which outputs do the clients expect of each version? The broken version needs a number of its own"
        return wrong(f"version {there.version} gave the wrong answers, and it was not broken before", hint=hint)
    return None


def _repaired(answer: Any, table: Any, phases: Sequence[Any], wanted: Mapping[str, Any]) -> Finding | None:
    """Return what is wrong with the rollback."""
    last, there, seconds = phases[-1], answer.deployed[-1], answer.seconds_wrong
    serves = (f"version {there.version}" if there else "") or last["answers of"] or "no version"
    good = "go back to the version that was known to be good at the start"
    deployed_again = "it answers like the first version, but had to be deployed: which version is still there?"
    failed, faults = int(table["failed"].sum()), last["other"] or last["mixed"] or last["stale"]
    slow = "one call is enough: you do not have to train, build or start anything"
    mistakes = [
        (failed > 0, f"{counted(failed, 'query')} got no answer", "roll back by switching, without stopping anything"),
        (faults > 0, "the last phase still has wrong answers", "which version does the model serve at the end?"),
        (last["default"] > 0, "the last phase has default answers", "does the version in use have a replica?"),
        (last["answers of"] != "version 1", f"at the end {serves} serves", good),
        (serves != "version 1", f"at the end {serves} serves", deployed_again),
        (seconds > wanted["seconds"], f"wrong answers for {counted(round(seconds), 'second')}", slow),
    ]
    return _first(mistakes)
