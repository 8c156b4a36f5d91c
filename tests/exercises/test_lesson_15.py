"""The graders of lesson 15 on right answers and on plausible wrong ones."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
import random
import sys
import threading
import uuid
import zlib
from collections.abc import Iterator
from types import MappingProxyType, SimpleNamespace
from typing import Any

import cloudpickle
import numpy as np
import pandas as pd
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

from course_utils.serve import load_testing
from course_utils.serve.load_testing import consistency, provenance

if __name__ in sys.modules:  # as in a notebook: another process gets the functions, and does not import this file
    cloudpickle.register_pickle_by_value(sys.modules[__name__])

APP, MODEL, MISTAKEN = "xgboost-airlines", "xgboost-model", "xgboostv2-model"
IMAGE = "clipper/python36-closure-container:0.4.1"

# --------------------------------------------------------------------------- 15.1

texts = ['{"Distance": 500}', '{"Distance": 750}', '{"Distance": 100}']


def predict(texts):
    return [0.25 for _ in texts]


def predict_v2(texts):
    return [json.loads(text)["Distance"] / 1000 for text in texts]


def with_the_deployer(connection):
    from clipper_admin.deployers.python import deploy_python_closure

    deploy_python_closure(connection, MODEL, 2, "strings", predict_v2, base_image=IMAGE)


def deployed(connection, name=MODEL, version=2, function=predict_v2, input_type="strings", **options):
    from clipper_admin.deployers.python import deploy_python_closure

    deploy_python_closure(connection, name, version, input_type, function, base_image=IMAGE, **options)


def by_hand(connection):
    from clipper_admin.deployers.deployer_utils import save_python_function

    folder = save_python_function(MODEL, predict_v2)
    image = connection.build_model(MODEL, "2", folder, IMAGE)
    connection.deploy_model(MODEL, "2", "strings", image, num_replicas=2)


def in_one_call(connection):
    from clipper_admin.deployers.deployer_utils import save_python_function

    connection.build_and_deploy_model(
        name=MODEL,
        version="second",
        input_type="string",
        model_data_path=save_python_function(MODEL, predict_v2),
        base_image=IMAGE,
        labels=["shallow"],
    )


def back_and_forth(connection):
    deployed(connection, version=20131101)
    connection.set_model_version(MODEL, "1")
    connection.set_model_version(MODEL, "20131101", num_replicas=2)
    return "done"


def tidy_and_careful(connection):
    connection.stop_models([MISTAKEN])
    number = int(connection.get_current_model_version(MODEL)) + 1
    if f"{MODEL}:{number}" not in connection.get_all_models():
        deployed(connection, version=number, num_replicas=3, batch_size=8)
    assert connection.get_linked_models(APP) == [MODEL]


class Update:
    """An answer that is an object."""

    def __call__(self, connection, version="2"):
        """Update."""
        deployed(connection, version=version)


def the_decks(connection):
    deployed(connection, MISTAKEN, 2)


def the_decks_with_another_number(connection):
    deployed(connection, MISTAKEN, 3)


def the_decks_rollback(connection):
    connection.set_model_version(name=MISTAKEN, version="2")


def relinked(connection):
    connection.unlink_model_from_app(APP, MODEL)
    connection.link_model_to_app(APP, MISTAKEN)


def linked_twice(connection):
    connection.link_model_to_app(APP, MISTAKEN)


def started_anew(connection):
    connection.unregister_application(APP)
    connection.register_application(APP, "strings", "0.2", 100000)
    connection.link_model_to_app(APP, MISTAKEN)


def tidied_up(connection):
    deployed(connection)
    connection.stop_inactive_model_versions([MODEL])


def replaced(connection):
    connection.stop_versioned_models({MODEL: ["1"]})
    deployed(connection)


def left_at_one(connection):
    deployed(connection)
    connection.set_model_version(MODEL, 1)


def nobody_works(connection):
    deployed(connection)
    connection.set_num_replicas(MODEL, 0)


def asks_afterwards(connection):
    deployed(connection)
    return connection.get_query_addr()


def without_a_model(connection):
    connection.deploy_model(MODEL, "2", "strings", "my-image:2")


# --------------------------------------------------------------------------- 15.2


def by_sha(passenger, share):
    number = int.from_bytes(hashlib.sha256(passenger.encode()).digest()[:8], "big")
    return "2" if number < share * 2**64 else "1"


def by_crc(passenger, share):
    return "2" if zlib.crc32(passenger.encode()) % 1000 < 1000 * share else "1"


def by_seed(passenger, share):
    return np.where(random.Random(passenger).random() < share, "2", "1").item()


def by_uuid(passenger, share):
    number = uuid.uuid5(uuid.NAMESPACE_URL, passenger).int
    return ["1", "2"][number / 2**128 < share]


def by_md5_with_salt(passenger, share, *, salt="canary-2"):
    return np.str_("12"[int(hashlib.md5(f"{salt}/{passenger}".encode()).hexdigest(), 16) % 10_000 < share * 10_000])


def by_numpy(passenger, share):
    return "2" if np.random.default_rng(list(passenger.encode())).random() < share else "1"


class Canary:
    """An answer that is an object, and keeps what it has computed."""

    def __init__(self):
        self.seen = {}

    def __call__(self, passenger, share):
        """Return the version."""
        point = self.seen.setdefault(passenger, zlib.crc32(passenger.encode()) / 2**32)
        return "2" if point < share else "1"


def by_dice(passenger, share):
    return "2" if random.random() < share else "1"


def by_hash(passenger, share):
    return "2" if hash(passenger) % 100 < 100 * share else "1"


def by_hidden_hash(passenger, share):
    return "2" if (lambda text: text.__hash__())(passenger) % 100 < 100 * share else "1"


def remembering_dice(draws=None):
    draws = {}

    def version_for(passenger, share):
        return "2" if draws.setdefault(passenger, random.random()) < share else "1"

    return version_for


def in_turn():
    turn = itertools.count()

    def version_for(passenger, share):
        return "2" if next(turn) % 20 < 20 * share else "1"

    return version_for


def in_order_of_arrival():
    seen = {}

    def version_for(passenger, share):
        return "2" if seen.setdefault(passenger, len(seen)) % 100 < 100 * share else "1"

    return version_for


def with_a_lock():
    lock = threading.Lock()

    def version_for(passenger, share):
        with lock:
            return by_sha(passenger, share)

    return version_for


def swapped(passenger, share):
    return {"1": "2", "2": "1"}[by_sha(passenger, share)]


def reshuffled(passenger, share):
    return by_sha(f"{passenger} {share}", share)


def by_number(passenger, share):
    return 2 if by_sha(passenger, share) == "2" else 1


def in_percent(passenger, share):
    return "2" if zlib.crc32(passenger.encode()) % 100 < share else "1"


def half(passenger, share):
    return by_sha(passenger, 0.5 if 0 < share < 1 else share)


def never_none(passenger, share):
    return "2" if zlib.crc32(passenger.encode()) % 101 <= 100 * share else "1"


def never_all(passenger, share):
    return "2" if 1 + zlib.crc32(passenger.encode()) % 100 < 100 * share else "1"


def by_the_number_in_the_id(passenger, share):
    return "2" if int(passenger.split()[1]) % 100 < 100 * share else "1"


def by_the_first_letter(passenger, share):
    return "2" if ord(passenger[0]) % 16 / 16 < share else "1"


# --------------------------------------------------------------------------- 15.3


def measured(asked=240, in_time=235, default=5, failed=0, rate=80, replicas=3, objective=250_000, ms=24.0, here=True):
    outcomes = ["in time"] * in_time + ["default"] * default + ["failed"] * failed
    assert len(outcomes) == asked
    requests = pd.DataFrame({"due": np.arange(asked) / 80, "ms": ms, "outcome": outcomes})
    there = load_testing.Deployment("planned", "1", replicas, objective) if here else None
    record = (requests, 3.1, "planned", rate, there)
    return load_testing.Result(*record, provenance.seal(*record))


PLAN = {"replicas": 3, "objective_micros": 250_000, "measured": measured()}


def planned(**changes):
    """Return a plan that was measured as it is."""
    micros = changes.get("objective_micros", 250_000)
    return PLAN | {"measured": measured(objective=int(micros), **changes.pop("load", {}))} | changes


def touched_up():
    result = measured(in_time=40, default=200)
    result.requests.loc[:200, "outcome"] = "in time"
    return result


# --------------------------------------------------------------------------- 15.4

GOOD, BAD = ["1"] * 5, ["other"] * 5


def incident(*phases, versions=("1", "3", "1"), seconds=4.0, between=(), app=APP, here=True, left=True):
    """Return what clients have recorded: the kinds of answers in each phase, and the version that the cluster had."""
    clients = load_testing.Clients("127.0.0.1:1", app, ["x"], {"1": [0.25], "2": [0.5]})
    for place, kinds in enumerate(phases):
        start = 10 * place
        for step, kind in enumerate(kinds):
            clients._answered.append(consistency._Answered(start + 0.01 * step, start + 0.01 * step + 0.005, kind))
        clients._phases.append((f"phase {place}", kinds[0] if kinds[0] in "12" else "other", start, start + 5))
        clients._deployed.append(load_testing.Deployment(MODEL, versions[place], 1, 10**7) if here else None)
    for kind in between:
        clients._answered.append(consistency._Answered(8, 8.001, kind))
    wrong = [one for one in clients._answered if one.kind == "other"]
    for one in wrong[:1]:  # the first wrong answer came so long before the first right one after them
        after = min((one.end for one in clients._answered if one.kind == "1" and one.end > wrong[-1].end), default=0)
        one.end = min(one.end, after - seconds)
        one.start = one.end if one.start > one.end else one.start
    if left:
        clients.__exit__(None, None, None)
    return clients


def forged():
    clients = incident(GOOD, BAD, BAD)
    for one in clients._answered[-20:]:
        one.kind = "1"
    return clients


RIGHT = {
    "15.1": [with_the_deployer, by_hand, in_one_call, back_and_forth, tidy_and_careful, Update()],
    "15.2": [
        by_sha,
        by_crc,
        by_seed,
        by_uuid,
        by_md5_with_salt,
        by_numpy,
        Canary(),
        functools.partial(by_md5_with_salt, salt="2"),
        lambda passenger, share: str(1 + (zlib.adler32(hashlib.sha1(passenger.encode()).digest()) % 997 < 997 * share)),
    ],
    "15.3": [
        PLAN,
        MappingProxyType(planned(objective_micros=60_000.0, replicas=np.int64(3))),
        pd.Series(planned(objective_micros=300_000, load={"in_time": 150, "default": 90})),
        planned(objective_micros=np.int32(100_000), replicas=3.0),
        planned(load={"asked": 800, "in_time": 790, "default": 10, "rate": 80.0}),
        PLAN | {"measured": measured(in_time=120, default=120), "why": "a note"},
    ],
    "15.4": [
        incident(GOOD, BAD, GOOD),
        incident(BAD, GOOD, versions=("3", "1"), seconds=90),
        incident(GOOD, BAD, BAD, GOOD, GOOD, versions=("1", "4", "4", "1", "1")),
        incident(["2"] * 5, ["mixed", *BAD], GOOD, versions=("2", "broken", "1"), between=("1", "other")),
        incident(GOOD, BAD, GOOD, seconds=119),
    ],
}  # fmt: skip

WRONG = {
    "15.1": [
        (the_decks, "another model"),
        (the_decks_with_another_number, "another model"),
        (the_decks_rollback, "another model"),
        (lambda connection: deployed(connection, "xgboost-model-v2"), "linked to"),
        (lambda connection: deployed(connection, version=1), "never used twice"),
        (lambda connection: deployed(connection, input_type="doubles"), "which type of input"),
        (lambda connection: deployed(connection, function=predict), "which function did you deploy"),
        (lambda connection: deployed(connection, num_replicas=0), "how many replicas"),
        (lambda connection: deployed(connection, function=lambda texts: 1 / 0), "with the first of the texts"),
        (relinked, "one step"),
        (linked_twice, "already has a model"),
        (started_anew, "one step"),
        (lambda connection: connection.register_application(APP, "strings", "0", 100), "must it change"),
        (lambda connection: connection.link_model_to_app("airlines", MODEL), "get_all_apps"),
        (lambda connection: connection.link_model_to_app(APP, "xgboost"), "get_all_models"),
        (lambda connection: connection.set_model_version(MODEL, "2"), "never deployed"),
        (lambda connection: connection.get_all_models(), "which call deploys"),
        (tidied_up, "go back to"),
        (replaced, "how many replicas"),
        (left_at_one, "after the last of your calls"),
        (nobody_works, "how many replicas"),
        (without_a_model, "base image"),
        (asks_afterwards, "no predictions"),
        (lambda connection: connection.undo_everything(), "which names, keys or positions"),
        (lambda connection: deployed(None), "which names, keys or positions"),
        (lambda connection: 2, "the function gets as its argument"),
        (lambda: [1], "keep the arguments"),
        (2, "def update"),
    ],
    "15.2": [
        (by_dice, "a reloaded page"),
        (by_hash, "a reloaded page"),
        (by_hidden_hash, "a reloaded page"),
        (remembering_dice(), "a reloaded page"),
        (in_turn(), "a reloaded page"),
        (in_order_of_arrival(), "a reloaded page"),
        (with_a_lock(), "what else does it hold on to"),
        (swapped, "version 2 is the new one"),
        (reshuffled, "switched back"),
        (by_number, "is a text"),
        (in_percent, "a number from 0 to 1"),
        (half, "count how many"),
        (by_the_first_letter, "count how many"),
        (by_the_number_in_the_id, "what the function is given"),
        (never_none, "before the first passenger"),
        (never_all, "after the last one switched: which"),
        (lambda passenger, share: "1", "a number from 0 to 1"),
        (lambda passenger, share: "2", "before the first passenger"),
        (lambda passenger, share: share, "is a text"),
        (lambda passenger, share: ["2"], "is a text"),
        (lambda passenger: "2", "keep the arguments"),
        ("2", "def version_for"),
    ],
    "15.3": [
        (PLAN | {"replicas": 1}, "on average"),
        (PLAN | {"replicas": 0}, "how many copies"),
        (PLAN | {"replicas": -3}, "how many copies"),
        (PLAN | {"replicas": 1.6}, "a part of one"),
        (PLAN | {"replicas": 2.999}, "a part of one"),
        (PLAN | {"replicas": 2}, "busy moment"),
        (PLAN | {"replicas": 4}, "are fewer enough"),
        (PLAN | {"replicas": "three"}, "how many replicas to start"),
        (PLAN | {"replicas": [3]}, "how many replicas to start"),
        (planned(objective_micros=250), "unit of time"),
        (planned(objective_micros=300), "unit of time"),
        (PLAN | {"objective_micros": 0.25}, "unit of time"),
        (PLAN | {"objective_micros": "250 ms"}, "in the unit that Clipper uses"),
        (PLAN | {"objective_micros": 0}, "how long may an answer take"),
        (planned(objective_micros=20_000), "without a queue"),
        (planned(objective_micros=20_001), "in the worst case"),
        (planned(objective_micros=59_999), "in the worst case"),
        (planned(objective_micros=300_001), "how long does it wait"),
        (planned(objective_micros=3_000_000), "how long does it wait"),
        (PLAN | {"measured": measured(asked=50, in_time=45)}, "the full load"),
        (PLAN | {"measured": measured(asked=239, in_time=234)}, "the full load"),
        (PLAN | {"measured": measured(rate=40)}, "what rate"),
        (PLAN | {"measured": measured(rate=None)}, "what rate"),
        (PLAN | {"measured": measured(in_time=119, default=121)}, "most queries got the default"),
        (PLAN | {"measured": measured(in_time=0, default=0, failed=240)}, "registered and linked"),
        (PLAN | {"measured": measured(in_time=234, default=5, failed=1)}, "registered and linked"),
        (PLAN | {"measured": measured(replicas=4)}, "belong together"),
        (PLAN | {"measured": measured(objective=10_000_000)}, "belong together"),
        (PLAN | {"measured": measured(ms=2.0)}, "which function is deployed"),
        (PLAN | {"measured": measured(here=False)}, "the cluster that this notebook"),
        (PLAN | {"measured": dataclasses.replace(measured(rate=40), rate=80)}, "as load_testing.open_loop_load"),
        (PLAN | {"measured": touched_up()}, "as load_testing.open_loop_load"),
        (PLAN | {"measured": load_testing.Result(measured().requests, 3.1)}, "as load_testing.open_loop_load"),
        (PLAN | {"measured": SimpleNamespace(counts=measured().counts)}, "keep the whole result"),
        (PLAN | {"measured": measured().counts()}, "keep the whole result"),
        (PLAN | {"measured": 0.98}, "keep the whole result"),
        ({"replicas": 3, "measured": measured()}, "needs three parts"),
        ((3, 250_000), "fill in the dict"),
    ],
    "15.4": [
        (incident(GOOD, GOOD), "deploy the broken version"),
        (incident(GOOD, GOOD, BAD), "deploy the broken version"),
        (incident(GOOD, BAD, BAD), "does the model serve at the end"),
        (incident(GOOD, BAD, ["2"] * 5, versions=("1", "3", "2")), "known to be good"),
        (incident(GOOD, BAD, GOOD, versions=("1", "3", "4")), "which version is still there"),
        (incident(GOOD, BAD, GOOD, versions=("1", "2", "1")), "a number of its own"),
        (incident(BAD, seconds=1), "again after the rollback"),
        (incident(GOOD, BAD, ["1", "failed"]), "without stopping"),
        (incident(GOOD, BAD, GOOD, between=("failed",)), "without stopping"),
        (incident(GOOD, BAD, GOOD, seconds=600), "one call"),
        (incident(GOOD, BAD, GOOD, seconds=121), "one call"),
        (incident(GOOD, BAD, ["1", "default"]), "have a replica"),
        (incident(GOOD, BAD, ["1", "mixed"]), "does the model serve at the end"),
        (incident(GOOD, BAD, GOOD, here=False), "the cluster that this notebook"),
        (incident(GOOD, BAD, GOOD, app="friday"), "which application"),
        (incident(GOOD, BAD, GOOD, left=False), "after their `with` block"),
        (forged(), "after their `with` block"),
        (SimpleNamespace(table=pd.DataFrame, seconds_wrong=1.0), "all the time"),
        ({"output": 0.2}, "all the time"),
    ],
}

SECRETS = {
    "15.1": ["xgboost-model'", "version=2", "deploy_python_closure"],
    "15.2": ["sha256", "crc32", "hashlib", "%"],
    "15.3": ["3 replicas", "ceil", "three replicas"],
    "15.4": ["set_model_version"],
}

SOLUTION_NAMES = {"15.1": {"predict_v2": predict_v2, "image": IMAGE, "texts": texts}}

EQUIVALENT = {
    "15.1": {
        "line 2: 2 → *": "any number is new, except that of version 1",
        "line 2: 'strings' → 'string'": "Clipper accepts both names",
        "result *": "an update is judged by its calls, whatever it returns",
        "the first result for ever": "the check calls the function once",
        "right once, then None": "the check calls the function once",
    },
    "15.2": {
        "line 5: number < share with LtE": "no id has a number that equals the share",
        "line 4: 16 → -16": "an even power is the same",
        "result as text": "the result is a text",
        "result first only": "the first letter of a version is all of it",
    },
    "15.3": {"* with a foreign key": "an entry that nobody asked for changes nothing"},
    "15.4": {
        ".versions* as text": "the clients read outputs as numbers",
        "._deployed reversed": "the same version at the start and at the end",
        "before: [12]": "either version may answer before the broken one is deployed",
        "before: default": "the incident begins with the broken version",
        "broken: mixed": "a mixture of versions is broken as well",
        "broken: other": "this is the right answer",
        "rolled back: 1": "this is the right answer",
    },
}


def mutants(number: str) -> Iterator[tuple[str, Any]]:
    """Yield records of an incident with one thing changed."""
    if number != "15.4":
        return
    kinds = ("1", "2", "mixed", "other", "default", "failed")
    for place, first in enumerate(("before", "broken", "rolled back")):
        for kind in kinds:
            phases = [GOOD, BAD, GOOD]
            phases[place] = [kind] * 5
            yield f"{first}: {kind}", incident(*phases)
    for version in ("1", "2"):
        yield f"broken version {version}", incident(GOOD, BAD, GOOD, versions=("1", version, "1"))
    for version in ("2", "3", ""):
        yield f"version {version!r} at the end", incident(GOOD, BAD, GOOD, versions=("1", "3", version))


def test_an_empty_function_is_not_answered_yet(report):
    """A function that I have not written yet is not a mistake."""

    def update(connection): ...

    def version_for(passenger, share): ...

    assert "not answered yet" in report("15.1", update)
    assert "not answered yet" in report("15.2", version_for)


def test_an_update_is_tried_on_the_clients_own_calls(report):
    """The check names the cluster's own answer to a call that it refuses, and the call after which nothing answers."""
    assert "incompatible input_type 'doubles'" in report(
        "15.1", lambda connection: deployed(connection, input_type="doubles")
    )
    assert "after the call delete_model_links, passengers get the default" in report("15.1", relinked)
    assert "xgboostv2-model:2 already exists" in report("15.1", the_decks)
