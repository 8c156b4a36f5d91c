"""Graders of lesson 15, online inference."""

from __future__ import annotations

import dis
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import (
    Finding,
    as_mapping,
    as_number,
    describe_error,
    grader,
    kind_of,
    not_a,
    right,
    wrong,
)
from course_utils.tables import read_toml

# --------------------------------------------------------------------------- 15.1: the update that the deck meant


class _RefusedError(Exception):
    """A call that a real cluster would refuse; the message is the hint."""


class _SimulatedCluster:
    """A cluster without processes, which records its applications, links, models and versions.

    It has the methods of a ``ClipperConnection`` that an update, or one of clipper_admin's deployers, may call.

    Parameters
    ----------
    app : str
        The application in use, linked to the first of the models.
    models : mapping of str to list of str
        The versions of each model; the last one is the current version.
    """

    connected = True

    def __init__(self, app: str, models: Mapping[str, Sequence[str]]) -> None:
        self.app = app
        self.versions = {name: list(versions) for name, versions in models.items()}
        self.current = {name: versions[-1] for name, versions in models.items()}
        self.replicas = {(name, version): 1 for name, versions in models.items() for version in versions}
        self.linked: str | None = next(iter(models))
        self.gaps = 0  # how often the application was without a model

    # Parameters have clipper_admin's names, since a learner's function may pass them as keywords.

    def build_and_deploy_model(self, name: str, version: Any, *rest: Any, **options: Any) -> None:
        self.deploy_model(name, version)

    def build_model(self, name: str, version: Any, *rest: Any, **options: Any) -> str:
        return f"{name}:{version}"

    def deploy_model(self, name: str, version: Any, *rest: Any, **options: Any) -> None:
        version = str(version)
        if version in self.versions.get(name, []):
            raise _RefusedError("a version is never used twice: give the new one its own number")
        self.versions.setdefault(name, []).append(version)
        self.current[name], self.replicas[name, version] = version, 1

    def set_model_version(self, name: str, version: Any, num_replicas: int | None = None) -> None:
        if str(version) not in self.versions.get(name, []):
            raise _RefusedError("this version of the model was never deployed, or has been removed")
        self.current[name] = str(version)

    def set_num_replicas(self, name: str, num_replicas: int, version: Any = None) -> None:
        self.replicas[name, str(version or self.current.get(name))] = num_replicas

    def link_model_to_app(self, app_name: str, model_name: str) -> None:
        if app_name != self.app or model_name not in self.versions:
            raise _RefusedError("it links a name that the cluster does not know")
        if self.linked not in (None, model_name):
            raise _RefusedError("an application has one model, and this one already has a model")
        self.linked = model_name

    def unlink_model_from_app(self, app_name: str, model_name: str) -> None:
        if app_name == self.app and model_name == self.linked:
            self.linked, self.gaps = None, self.gaps + 1

    def unregister_application(self, name: str) -> None:
        self.unlink_model_from_app(name, self.linked or "")

    delete_application = unregister_application

    def register_application(self, name: str, *rest: Any, **options: Any) -> None:
        if name == self.app and self.gaps == 0:
            raise _RefusedError("an application of this name already exists")

    def stop_versioned_models(self, model_versions_dict: Mapping[str, Sequence[Any]]) -> None:
        for name, versions in model_versions_dict.items():
            for version in map(str, versions):
                self.versions[name].remove(version)
                self.replicas[name, version] = 0

    def stop_inactive_model_versions(self, model_names: Sequence[str]) -> None:
        old = {name: [one for one in self.versions[name] if one != self.current[name]] for name in model_names}
        self.stop_versioned_models(old)

    def stop_models(self, model_names: Sequence[str]) -> None:
        self.stop_versioned_models({name: list(self.versions[name]) for name in model_names})

    def get_current_model_version(self, name: str) -> str:
        return self.current[name]

    def get_linked_models(self, app_name: str) -> list[str]:
        return [self.linked] if self.linked else []

    def get_query_addr(self) -> str:
        raise _RefusedError("it sends a query: an update needs no predictions")


@grader("15.1")
def update(answer: Any) -> Sequence[Finding]:
    """Grade a function that updates a model by what it does to a simulated cluster, during the update and after it."""
    names = read_toml("exercises.toml")["15.1"]
    app, model, mistaken = names["app"], names["model"], names["mistaken"]
    if not callable(answer):
        hint = "write def update(connection): and below it the calls of the update"
        return [not_a("a function", answer, hint=hint)]
    cluster = _SimulatedCluster(app, {model: ["1"], mistaken: ["2"]})
    try:
        answer(cluster)
    except _RefusedError as refused:
        return [wrong("the cluster refuses one of the calls", hint=str(refused))]
    except Exception as error:
        hint = "use the connection that the function is called with, and names from the cells above"
        return [wrong(f"the function stops with {describe_error(error)}", hint=hint)]
    return _judge_update(cluster, model, mistaken)


def _judge_update(cluster: _SimulatedCluster, model: str, mistaken: str) -> list[Finding]:
    if cluster.gaps:
        hint = "between two of your calls the application has no model: can you make the change in one step?"
        return [wrong("during the update passengers get the default answer", hint=hint)]
    new = [version for version in cluster.versions.get(model, []) if version != "1"]
    if not new:
        if len(cluster.versions) > 2:
            hint = "a new name creates a new model, which the application does not know: which name is it linked to?"
            return [wrong("the application still uses version 1", hint=hint)]
        hint = f"what is {mistaken!r}: another model, or a version of the model in use?"
        return [wrong("nothing has changed for the application", hint=hint)]
    if cluster.current[model] == "1":
        hint = "which version answers after the last of your calls?"
        return [wrong("the new version is deployed, but the old one answers", hint=hint)]
    if not cluster.replicas.get((model, cluster.current[model])):
        return [wrong("the new version cannot answer", hint="how many replicas does it have?")]
    if "1" not in cluster.versions[model] or not cluster.replicas.get((model, "1")):
        hint = "if the new version turns out to be bad in an hour, what could you go back to?"
        return [wrong("the old version is gone", hint=hint)]
    return [
        right("the application uses the new version, and was never without a model"),
        right("version 1 is still there for a rollback"),
    ]


# --------------------------------------------------------------------------- 15.2: a canary switch

_Switch = Callable[[str, float], Any]


@grader("15.2")
def canary(answer: Any) -> Sequence[Finding]:
    """Grade a function that sends a share of the passengers to version 2, by its result for many passengers."""
    rules = read_toml("exercises.toml")["15.2"]
    if not callable(answer):
        return [not_a("a function", answer, hint="write def version_for(passenger, share): and return '1' or '2'")]
    names = [f"passenger {number}" for number in range(rules["passengers"])]
    calls = {share: [answer(name, share) for name in names] for share in (0.0, 0.05, 0.2, 0.5, 1.0)}
    said = {value for values in calls.values() for value in values}
    if not said <= {"1", "2"}:
        strange = next(value for value in said if value not in ("1", "2"))
        hint = "Clipper's `version` is a text: '1' or '2'"
        return [wrong(f"it returns {strange!r}", hint=hint)]
    second = {
        share: {name for name, value in zip(names, values, strict=True) if value == "2"}
        for share, values in calls.items()
    }
    return _judge_canary(answer, second, names, rules["slack"])


def _judge_canary(answer: _Switch, second: Mapping[float, set[str]], names: list[str], slack: float) -> list[Finding]:
    if len(second[0.0]) > len(second[1.0]):
        return [wrong("the two versions are exchanged", hint="version 2 is the new one, which gets the share")]
    if second[0.0] or len(second[1.0]) != len(names):
        hint = "share=0 is before the first passenger gets the new version, share=1 is after the last one switched"
        return [wrong("a share of 0 must send no one to version 2, and a share of 1 everyone", hint=hint)]
    # Asked again, to detect a random choice; `hash` gives the same only within one process.
    if {name for name in names if answer(name, 0.2) == "2"} != second[0.2] or _uses_hash(answer):
        hint = "a reloaded page must show the same answer, on any server and after any restart: what can you decide by?"
        return [wrong("the same passenger may get another version next time", hint=hint)]
    off = {share: abs(len(second[share]) / len(names) - share) for share in (0.05, 0.2, 0.5)}
    if any(gap > slack for gap in off.values()):
        hint = "count how many of a thousand different names get version 2, and compare this with the share"
        return [wrong("version 2 does not get its share", hint=hint)]
    if not second[0.05] <= second[0.2] <= second[0.5]:
        hint = "a passenger who was switched at a small share must not be switched back when the share grows"
        return [wrong("a growing share sends some passengers back to version 1", hint=hint)]
    return [
        right("version 2 gets its share, from no one to everyone"),
        right("a passenger keeps a version, and a growing share switches no one back"),
    ]


def _uses_hash(function: Any) -> bool:
    """Return whether a function calls Python's ``hash``, which gives a text another number in each process."""
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    return any(step.opname == "LOAD_GLOBAL" and step.argval == "hash" for step in dis.get_instructions(code))


# --------------------------------------------------------------------------- 15.3: objective and replicas


@grader("15.3")
def plan(answer: Any) -> Sequence[Finding]:
    """Grade a plan for a load: the number of replicas, the objective, and the result of measuring both."""
    load = read_toml("exercises.toml")["15.3"]
    given = as_mapping(answer)
    if given is None or not {"replicas", "objective_micros", "measured"} <= set(given):
        hint = "fill in {'replicas': …, 'objective_micros': …, 'measured': …}"
        return [wrong("the plan needs three parts", hint=hint)]
    findings = [_replicas(as_number(given["replicas"]), load), _objective(as_number(given["objective_micros"]), load)]
    return [*findings, _measured(given["measured"], load)]


def _replicas(replicas: float | None, load: Mapping[str, float]) -> Finding:
    busy = load["rate"] * load["milliseconds"] / 1000
    enough = math.ceil(busy / load["busy"])
    if replicas is None:
        return wrong("'replicas' is not a number", hint="write how many replicas to start")
    if replicas != int(replicas):
        hint = "Little's law gives a mean, but you cannot start a part of a replica"
        return wrong(f"{replicas:g} replicas are not a whole number", hint=hint)
    if replicas <= busy:
        hint = "how many queries are in work at the same time, on average?"
        return wrong(f"{replicas:g} replicas cannot keep up", hint=hint)
    if replicas < enough:
        hint = "they keep up on average, but are busier than allowed: what remains for a busy moment?"
        return wrong(f"{replicas:g} replicas keep up, but without reserve", hint=hint)
    if replicas > enough:
        return wrong(
            f"{replicas:g} replicas are more than the load needs", hint="each one costs money: are fewer enough?"
        )
    return right("as many replicas as the load needs, with reserve")


def _objective(micros: float | None, load: Mapping[str, float]) -> Finding:
    least, most = 1000 * load["least_ms"], 1000 * load["most_ms"]
    if micros is None:
        return wrong("the objective is not a number", hint="write a time, in the unit that Clipper uses")
    if micros <= load["most_ms"]:
        return wrong(f"{micros:g} microseconds end before any work starts", hint="check Clipper's unit of time")
    if micros <= 1000 * load["milliseconds"]:
        return wrong("no answer can arrive in time", hint="how long does one query take, even without a queue?")
    if micros < least:
        hint = "if two queries arrive at the same moment, when is the second one done, in the worst case?"
        return wrong("the objective leaves no time for the queue", hint=hint)
    if micros > most:
        return wrong("the page stops waiting before that", hint="how long does it wait?")
    return right("the objective is between the time for the work and the time that the page waits")


def _measured(result: Any, load: Mapping[str, float]) -> Finding:
    try:
        counts = {str(name): int(count) for name, count in result.counts().items()}
    except (AttributeError, TypeError, ValueError):
        return wrong("'measured' is not a measurement", hint="keep the result of load_testing.open_loop_load")
    asked = counts.get("asked", 0)
    if asked < 0.8 * load["rate"] * load["seconds"]:
        hint = f"send the full load, at the rate of the task, for at least {load['seconds']:g} seconds"
        return wrong(f"{asked} queries are too few for this load", hint=hint)
    if counts.get("failed"):
        return wrong(f"{counts['failed']} queries failed", hint="is the application linked, and is its name right?")
    if counts.get("in time", 0) < load["share"] * asked:
        hint = "most queries got the default: compare the objective with the latency, and count the running replicas"
        return wrong("under this load the plan fails", hint=hint)
    return right("measured: the plan works under this load")


# --------------------------------------------------------------------------- 15.4: break it and roll back


@grader("15.4")
def rollback(answer: Any) -> Sequence[Finding]:
    """Grade an incident by what passengers saw: an object with a table of phases and the seconds of wrong answers."""
    limit = read_toml("exercises.toml")["15.4"]["seconds"]
    table, seconds = getattr(answer, "table", None), as_number(getattr(answer, "seconds_wrong", None))
    if not callable(table) or seconds is None:
        hint = "keep the clients that sent queries all the time, not one of their answers"
        return [wrong(f"{kind_of(answer)} has no record of the incident", hint=hint)]
    phases = [row for name, row in table().iterrows() if name != "in between"]
    if len(phases) < 2:
        return [wrong("too few phases", hint="call `now` while the model is broken, and again after the rollback")]
    before_last, last = phases[:-1], phases[-1]
    if not any(row["other"] or row["mixed"] for row in before_last):
        hint = "deploy the broken version of the model that the application uses, and call `now` while it answers"
        return [wrong("no phase has wrong answers", hint=hint)]
    if sum(row["failed"] for row in phases):
        return [wrong("some queries got no answer", hint="roll back by switching, without stopping anything")]
    if last["other"] or last["mixed"] or last["default"] or last["stale"]:
        return [wrong("the last phase still has wrong answers", hint="which version does the model serve at the end?")]
    if last["answers of"] != "version 1":
        hint = "go back to the version that was known to be good at the start"
        return [wrong(f"at the end {last['answers of'] or 'no version'} answers", hint=hint)]
    if seconds > limit:
        hint = "one call is enough: you do not have to train, build or start anything"
        return [wrong(f"wrong answers for {seconds:.0f} seconds", hint=hint)]
    return [
        right("passengers got wrong answers for a short time only, and always got an answer"),
        right("at the end version 1 answers, bit for bit as before"),
    ]
