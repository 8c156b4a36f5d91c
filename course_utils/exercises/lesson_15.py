"""Graders of lesson 15, online inference."""

from __future__ import annotations

import dis
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from course_utils.exercises.grading import Finding, as_mapping, as_number, describe_error, grader, right, wrong
from course_utils.tables import read_toml

# --------------------------------------------------------------------------- 15.1: the update that the deck meant


class _RefusedError(Exception):
    """What a cluster does not do, in a few words."""


class _Ledger:
    """Clipper's books, without processes: applications, links, models and the versions of each.

    It takes the calls of a ``ClipperConnection`` as far as an update needs them, also from clipper_admin's deployers.

    Parameters
    ----------
    app : str
        The application in use, linked to a model.
    models : mapping of str to list of str
        Versions of each model; the last one is current, and the first model is linked.
    """

    connected = True

    def __init__(self, app: str, models: Mapping[str, Sequence[str]]) -> None:
        self.app = app
        self.versions = {name: list(versions) for name, versions in models.items()}
        self.current = {name: versions[-1] for name, versions in models.items()}
        self.replicas = {(name, version): 1 for name, versions in models.items() for version in versions}
        self.linked: str | None = next(iter(models))
        self.gaps = 0  # times at which the application had nobody to ask

    # Calls that an update may make; parameters are named as clipper_admin names them.

    def build_and_deploy_model(self, name: str, version: Any, *rest: Any, **options: Any) -> None:
        self.deploy_model(name, version)

    def build_model(self, name: str, version: Any, *rest: Any, **options: Any) -> str:
        return f"{name}:{version}"

    def deploy_model(self, name: str, version: Any, *rest: Any, **options: Any) -> None:
        version = str(version)
        if version in self.versions.get(name, []):
            raise _RefusedError("a version is never used twice: give the new one a number of its own")
        self.versions.setdefault(name, []).append(version)
        self.current[name], self.replicas[name, version] = version, 1

    def set_model_version(self, name: str, version: Any, num_replicas: int | None = None) -> None:
        if str(version) not in self.versions.get(name, []):
            raise _RefusedError("that version of that model was never deployed, or is gone")
        self.current[name] = str(version)

    def set_num_replicas(self, name: str, num_replicas: int, version: Any = None) -> None:
        self.replicas[name, str(version or self.current.get(name))] = num_replicas

    def link_model_to_app(self, app_name: str, model_name: str) -> None:
        if app_name != self.app or model_name not in self.versions:
            raise _RefusedError("it links names that the cluster does not know")
        if self.linked not in (None, model_name):
            raise _RefusedError("an application has one model, and this one has its model already")
        self.linked = model_name

    def unlink_model_from_app(self, app_name: str, model_name: str) -> None:
        if app_name == self.app and model_name == self.linked:
            self.linked, self.gaps = None, self.gaps + 1

    def unregister_application(self, name: str) -> None:
        self.unlink_model_from_app(name, self.linked or "")

    delete_application = unregister_application

    def register_application(self, name: str, *rest: Any, **options: Any) -> None:
        if name == self.app and self.gaps == 0:
            raise _RefusedError("an application of that name is there already")

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
        raise _RefusedError("it asks the cluster: the update itself needs no answer")


@grader("15.1")
def update(answer: Any) -> Sequence[Finding]:
    """Grade a function that updates a model, on Clipper's books: who answers before, meanwhile and after."""
    names = read_toml("exercises.toml")["15.1"]
    app, model, mistaken = names["app"], names["model"], names["mistaken"]
    if not callable(answer):
        hint = "def update(connection): and then the calls that make the update"
        return [wrong(f"a {type(answer).__name__} is no function", hint=hint)]
    books = _Ledger(app, {model: ["1"], mistaken: ["2"]})
    try:
        answer(books)
    except _RefusedError as refused:
        return [wrong("the cluster refuses one of the calls", hint=str(refused))]
    except Exception as error:
        hint = "make it with the connection that it gets, and with names that stand in the cells above"
        return [wrong(f"the function stops: {describe_error(error)}", hint=hint)]
    return _judge_update(books, model, mistaken)


def _judge_update(books: _Ledger, model: str, mistaken: str) -> list[Finding]:
    if books.gaps:
        hint = "between two of your calls the application has no model; can the change be one step?"
        return [wrong("meanwhile, passengers get the default answer", hint=hint)]
    new = [version for version in books.versions.get(model, []) if version != "1"]
    if not new:
        if len(books.versions) > 2:
            hint = "a new name makes a new model, and the application does not know it: which name is it linked to?"
            return [wrong("the application still asks version 1", hint=hint)]
        hint = f"look at what {mistaken!r} is: another model, or a version of the one in use?"
        return [wrong("nothing has changed for the application", hint=hint)]
    if books.current[model] == "1":
        hint = "which version answers after the last of your calls?"
        return [wrong("the new version is there, and the old one answers", hint=hint)]
    if not books.replicas.get((model, books.current[model])):
        return [wrong("nobody works for the version that answers", hint="how many replicas does it have?")]
    if "1" not in books.versions[model] or not books.replicas.get((model, "1")):
        hint = "suppose the new one proves bad in an hour: what would you go back to?"
        return [wrong("the old version is gone", hint=hint)]
    return [
        right("the application asks the new version, and was never without a model"),
        right("version 1 still stands there to go back to"),
    ]


# --------------------------------------------------------------------------- 15.2: a canary switch

_Switch = Callable[[str, float], Any]


@grader("15.2")
def canary(answer: Any) -> Sequence[Finding]:
    """Grade a function that sends a share of the passengers to version 2, by what it does to a thousand of them."""
    rules = read_toml("exercises.toml")["15.2"]
    if not callable(answer):
        hint = "def version_for(passenger, share): and return '1' or '2'"
        return [wrong(f"a {type(answer).__name__} is no function", hint=hint)]
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
        return [wrong("the two versions are swapped", hint="version 2 is the new one, which gets the share")]
    if second[0.0] or len(second[1.0]) != len(names):
        hint = "share=0 is before the first passenger tries the new version, share=1 after the last one switched"
        return [wrong("no share still sends some, or the whole share not all", hint=hint)]
    if {name for name in names if answer(name, 0.2) == "2"} != second[0.2] or _throws_dice(answer):
        hint = "who reloads the page must see the same answer, on any server and after any restart: what may decide?"
        return [wrong("the same passenger may get another version next time", hint=hint)]
    off = {share: abs(len(second[share]) / len(names) - share) for share in (0.05, 0.2, 0.5)}
    if any(gap > slack for gap in off.values()):
        hint = "count how many of a thousand different names get version 2, and compare that with the share"
        return [wrong("the share is not kept", hint=hint)]
    if not second[0.05] <= second[0.2] <= second[0.5]:
        hint = "whoever was switched at a small share must not be switched back when the share grows"
        return [wrong("a growing share sends some passengers back", hint=hint)]
    return [
        right("each share is kept, from none to all"),
        right("a passenger stays with a version, and a growing share switches nobody back"),
    ]


def _throws_dice(function: Any) -> bool:
    """Say whether a function asks Python's own ``hash``, which gives texts another number in each process."""
    code = getattr(function, "__code__", None)
    if code is None:
        return False
    return any(step.opname == "LOAD_GLOBAL" and step.argval == "hash" for step in dis.get_instructions(code))


# --------------------------------------------------------------------------- 15.3: objective and replicas


@grader("15.3")
def plan(answer: Any) -> Sequence[Finding]:
    """Grade a plan for a load: replicas and objective, and what a measurement of it showed."""
    load = read_toml("exercises.toml")["15.3"]
    given = as_mapping(answer)
    if given is None or not {"replicas", "objective_micros", "measured"} <= set(given):
        hint = "{'replicas': …, 'objective_micros': …, 'measured': …}"
        return [wrong("the plan lacks one of its three parts", hint=hint)]
    findings = [_replicas(as_number(given["replicas"]), load), _objective(as_number(given["objective_micros"]), load)]
    return [*findings, _measured(given["measured"], load)]


def _replicas(replicas: float | None, load: Mapping[str, float]) -> Finding:
    busy = load["rate"] * load["milliseconds"] / 1000
    enough = math.ceil(busy / load["busy"])
    if replicas is None:
        return wrong("the replicas are no number", hint="count them")
    if replicas != int(replicas):
        hint = "Little's law gives a mean; nobody can start a part of a replica"
        return wrong(f"{replicas:g} replicas", hint=hint)
    if replicas <= busy:
        hint = "how many questions are being worked on at the same time, on average?"
        return wrong(f"{replicas:g} replicas cannot keep up", hint=hint)
    if replicas < enough:
        hint = "they keep up on average and are busier than allowed: what is left for a bad moment?"
        return wrong(f"{replicas:g} replicas keep up, without room", hint=hint)
    if replicas > enough:
        return wrong(f"{replicas:g} replicas are more than the load needs", hint="each one costs: would fewer do?")
    return right("as many replicas as the load needs, with room")


def _objective(micros: float | None, load: Mapping[str, float]) -> Finding:
    least, most = 1000 * load["least_ms"], 1000 * load["most_ms"]
    if micros is None:
        return wrong("the objective is no number", hint="a time, in the unit that Clipper takes")
    if micros <= load["most_ms"]:
        return wrong(f"{micros:g} microseconds are over before anything starts", hint="mind Clipper's unit of time")
    if micros <= 1000 * load["milliseconds"]:
        return wrong("no answer can be there in time", hint="how long does one question take, even if nobody waits?")
    if micros < least:
        hint = "two questions that come at the same moment: when is the second one done, in the worst case?"
        return wrong("the objective leaves no time to wait for a turn", hint=hint)
    if micros > most:
        return wrong("the page would have given up by then", hint="how long does it wait?")
    return right("an objective between what the work takes and what the page waits")


def _measured(result: Any, load: Mapping[str, float]) -> Finding:
    try:
        counts = {str(name): int(count) for name, count in result.counts().items()}
    except (AttributeError, TypeError, ValueError):
        return wrong("nothing was measured", hint="keep what load.offer returns")
    asked = counts.get("asked", 0)
    if asked < 0.8 * load["rate"] * load["seconds"]:
        hint = f"offer the whole load: so many questions a second, for at least {load['seconds']:g} seconds"
        return wrong(f"{asked} questions are not that load", hint=hint)
    if counts.get("failed"):
        return wrong(f"{counts['failed']} questions failed", hint="is the application linked, and is its name right?")
    if counts.get("in time", 0) < load["share"] * asked:
        hint = "most questions got the default: compare the objective with the wait, and count the replicas that run"
        return wrong("the plan does not hold", hint=hint)
    return right("measured: the plan holds")


# --------------------------------------------------------------------------- 15.4: break it and roll back


@grader("15.4")
def rollback(answer: Any) -> Sequence[Finding]:
    """Grade an incident by what passengers saw: anything with a table of phases and the seconds of wrong answers."""
    limit = read_toml("exercises.toml")["15.4"]["seconds"]
    table, seconds = getattr(answer, "table", None), as_number(getattr(answer, "seconds_wrong", None))
    if not callable(table) or seconds is None:
        hint = "keep the clients that asked all the while, not one of their answers"
        return [wrong(f"a {type(answer).__name__} saw nothing", hint=hint)]
    phases = [row for name, row in table().iterrows() if name != "in between"]
    if len(phases) < 2:
        return [wrong("too few phases", hint="say `now` while it is broken, and again after the rollback")]
    before_last, last = phases[:-1], phases[-1]
    if not any(row["other"] or row["mixed"] for row in before_last):
        hint = "deploy the broken version of the very model that the application asks, and look while it answers"
        return [wrong("nothing was broken", hint=hint)]
    if sum(row["failed"] for row in phases):
        return [wrong("some questions had no answer at all", hint="roll back by switching, without stopping anything")]
    if last["other"] or last["mixed"] or last["default"] or last["stale"]:
        return [wrong("the last phase still has wrong answers", hint="which version does the model serve at the end?")]
    if last["answers of"] != "version 1":
        hint = "go back to the one that was known to be good at the start"
        return [wrong(f"at the end {last['answers of'] or 'nobody'} answers", hint=hint)]
    if seconds > limit:
        hint = "one call is enough: nothing has to be trained, built or started for it"
        return [wrong(f"wrong answers for {seconds:.0f} seconds", hint=hint)]
    return [
        right("passengers saw wrong answers, and nobody waited for the repair"),
        right("at the end version 1 answers, as before, bit for bit"),
    ]
