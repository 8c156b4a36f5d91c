"""The graders of lesson 15 on right answers and on plausible wrong ones."""

from __future__ import annotations

import hashlib
import random
import zlib
from types import MappingProxyType, SimpleNamespace

import numpy as np
import pandas as pd
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

APP, MODEL, MISTAKEN = "xgboost-airlines", "xgboost-model", "xgboostv2-model"
IMAGE = "clipper/python36-closure-container:0.4.1"

# --------------------------------------------------------------------------- 15.1


def with_the_deployer(connection):
    from clipper_admin.deployers.python import deploy_python_closure

    deploy_python_closure(connection, MODEL, 2, "strings", lambda texts: [0.5 for _ in texts], base_image=IMAGE)


def by_hand(connection):
    image = connection.build_model(MODEL, "2", "/model", IMAGE)
    connection.deploy_model(MODEL, "2", "strings", image, num_replicas=2)


def back_and_forth(connection):
    connection.build_and_deploy_model(
        name=MODEL, version="20131101", input_type="strings", model_data_path="", base_image=""
    )
    connection.set_model_version(MODEL, "1")
    connection.set_model_version(MODEL, "20131101", num_replicas=2)


def the_decks(connection):
    connection.build_and_deploy_model(MISTAKEN, 3, "strings", "", "")


def the_decks_rollback(connection):
    connection.set_model_version(name=MISTAKEN, version="2")


def version_reused(connection):
    connection.build_and_deploy_model(MODEL, 1, "strings", "", "")


def relinked(connection):
    connection.unlink_model_from_app(APP, MODEL)
    connection.link_model_to_app(APP, MISTAKEN)


def linked_twice(connection):
    connection.link_model_to_app(APP, MISTAKEN)


def started_anew(connection):
    connection.unregister_application(APP)
    connection.register_application(APP, "strings", "0.2", 100000)
    connection.link_model_to_app(APP, MISTAKEN)


def only_set(connection):
    connection.set_model_version(MODEL, "2")


def tidied_up(connection):
    by_hand(connection)
    connection.stop_inactive_model_versions([MODEL])


def left_at_one(connection):
    by_hand(connection)
    connection.set_model_version(MODEL, 1)


def nobody_works(connection):
    by_hand(connection)
    connection.set_num_replicas(MODEL, 0)


def own_names(connection):
    connection.undo_everything()


# --------------------------------------------------------------------------- 15.2


def by_sha(passenger, share):
    number = int.from_bytes(hashlib.sha256(passenger.encode()).digest()[:8], "big")
    return "2" if number < share * 2**64 else "1"


def by_crc(passenger, share):
    return "2" if zlib.crc32(passenger.encode()) % 1000 < 1000 * share else "1"


def by_seed(passenger, share):
    return np.where(random.Random(passenger).random() < share, "2", "1").item()


def by_dice(passenger, share):
    return "2" if random.random() < share else "1"


def by_hash(passenger, share):
    return "2" if hash(passenger) % 100 < 100 * share else "1"


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


# --------------------------------------------------------------------------- 15.3


def measured(asked=240, in_time=235, default=5, failed=0):
    counts = pd.Series({"asked": asked, "in time": in_time, "default": default, "failed": failed})
    return SimpleNamespace(counts=lambda: counts)


PLAN = {"replicas": 3, "objective_micros": 250_000, "measured": measured()}

# --------------------------------------------------------------------------- 15.4


def incident(*phases, seconds=4.0):
    kinds = ("answers of", "stale", "mixed", "other", "default", "failed")
    rows = {f"phase {place}": dict(zip(kinds, values, strict=True)) for place, values in enumerate(phases)}
    rows["in between"] = dict(zip(kinds, ("version 1", 0, 0, 3, 0, 0), strict=True))
    frame = pd.DataFrame(rows).T
    return SimpleNamespace(table=lambda: frame, seconds_wrong=seconds)


GOOD, BAD = ("version 1", 0, 0, 0, 0, 0), ("", 0, 0, 20, 0, 0)

RIGHT = {
    "15.1": [with_the_deployer, by_hand, back_and_forth],
    "15.2": [by_sha, by_crc, by_seed],
    "15.3": [
        PLAN,
        MappingProxyType(PLAN | {"replicas": np.int64(3), "objective_micros": 60_000.0}),
        PLAN | {"objective_micros": 300_000, "measured": measured(in_time=150, default=90)},
    ],
    "15.4": [incident(GOOD, BAD, GOOD), incident(BAD, GOOD, seconds=90), incident(GOOD, BAD, BAD, GOOD, GOOD)],
}  # fmt: skip

WRONG = {
    "15.1": [
        (the_decks, "another model"),
        (lambda connection: connection.build_and_deploy_model("xgboost-model-v2", 2, "strings", "", ""), "linked to"),
        (the_decks_rollback, "another model"),
        (version_reused, "never used twice"),
        (relinked, "one step"),
        (linked_twice, "already has a model"),
        (started_anew, "one step"),
        (only_set, "never deployed"),
        (tidied_up, "go back to"),
        (left_at_one, "after the last of your calls"),
        (nobody_works, "how many replicas"),
        (own_names, "names from the cells above"),
        (lambda: [1], "use the connection"),
        (2, "def update"),
    ],
    "15.2": [
        (by_dice, "a reloaded page"),
        (by_hash, "after any restart"),
        (swapped, "version 2 is the new one"),
        (reshuffled, "switched back"),
        (by_number, "is a text"),
        (in_percent, "after the last one switched"),
        (half, "count how many"),
        (never_none, "before the first passenger"),
        (lambda passenger, share: "1", "after the last one switched"),
        (lambda passenger, share: share, "is a text"),
        ("2", "def version_for"),
    ],
    "15.3": [
        (PLAN | {"replicas": 1}, "on average"),
        (PLAN | {"replicas": 1.6}, "a part of a replica"),
        (PLAN | {"replicas": 2}, "busy moment"),
        (PLAN | {"replicas": 4}, "are fewer enough"),
        (PLAN | {"replicas": "three"}, "how many replicas to start"),
        (PLAN | {"objective_micros": 250}, "unit of time"),
        (PLAN | {"objective_micros": 0.25}, "unit of time"),
        (PLAN | {"objective_micros": 20_000}, "without a queue"),
        (PLAN | {"objective_micros": 25_000}, "in the worst case"),
        (PLAN | {"objective_micros": 3_000_000}, "how long does it wait"),
        (PLAN | {"measured": measured(asked=50, in_time=50)}, "the full load"),
        (PLAN | {"measured": measured(in_time=40, default=200)}, "count the running replicas"),
        (PLAN | {"measured": measured(in_time=0, default=0, failed=240)}, "linked"),
        (PLAN | {"measured": 0.98}, "load_testing.open_loop_load"),
        ((3, 250_000), "'replicas'"),
    ],
    "15.4": [
        (incident(GOOD, GOOD), "deploy the broken version"),
        (incident(GOOD, BAD, BAD), "at the end"),
        (incident(GOOD, BAD, ("version 2", 0, 0, 0, 0, 0)), "known to be good"),
        (incident(BAD, seconds=1), "again after the rollback"),
        (incident(GOOD, ("", 0, 0, 20, 0, 7), GOOD), "without stopping"),
        (incident(GOOD, BAD, GOOD, seconds=600), "one call"),
        (incident(GOOD, BAD, ("version 1", 0, 0, 0, 9, 0)), "at the end"),
        ({"output": 0.2}, "all the time"),
    ],
}

SECRETS = {
    "15.1": ["xgboost-model'", "version=2", "deploy_python_closure"],
    "15.2": ["sha256", "crc32", "hashlib", "%"],
    "15.3": ["3 replicas", "ceil", "three"],
    "15.4": ["set_model_version"],
}


def test_an_empty_function_is_not_answered_yet(report):
    """A function that I have not written yet is not a mistake."""

    def update(connection): ...

    def version_for(passenger, share): ...

    assert "not answered yet" in report("15.1", update)
    assert "not answered yet" in report("15.2", version_for)
