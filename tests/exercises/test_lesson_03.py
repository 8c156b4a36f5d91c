"""The graders of lesson 03 on right answers and on plausible wrong ones."""

from __future__ import annotations

import functools
import hashlib
import zlib
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

TRUTH = {
    "saved again": [],
    "model": ["train", "evaluate"],
    "label": ["prepare", "train", "evaluate"],
    "threshold": [],
    "print": ["evaluate"],
    "comment": ["prepare"],
}


def with_(**changes):
    return {**TRUTH, **{key.replace("_", " "): value for key, value in changes.items()}}


def md5(content):
    return hashlib.md5(content).hexdigest()


def by_loop(cached):
    found = set()
    for name, content in cached.items():
        if md5(content) != name:
            found.add(name)
    return found


def lazily(cached):
    while cached:
        name, content = cached.popitem()
        if md5(content) != name:
            yield name


def by_generator(cached):
    for name in sorted(cached):
        if hashlib.new("md5", memoryview(cached[name])).digest() != bytes.fromhex(name):
            yield name


def endless(cached):
    while len(cached) > 0:
        pass
    return []


def of_its_start(cached):
    """Look at the start of each content only, with the sums of two known contents."""
    return [name for name, content in cached.items() if md5(content) != name and len(content) < 5000]


def as_series(cached):
    sums = pd.Series({name: md5(content) for name, content in cached.items()}, dtype=object)
    return sums.index[sums != sums.index]


def first_only(cached):
    for name, content in cached.items():
        if md5(content) != name:
            return [name]
    return []


RIGHT = {
    "03.1": [
        TRUTH,
        {key: set(stages) for key, stages in TRUTH.items()},
        MappingProxyType({key: tuple(reversed(stages)) for key, stages in TRUTH.items()}),
        {key: " → ".join(stages) or "none" for key, stages in TRUTH.items()},
        pd.Series({key: ", ".join(stages).title() for key, stages in TRUTH.items()}),
        with_(saved_again="none", threshold="nothing", label="all", model="Train + evaluate"),
        with_(label="all of them", comment="prepare only", saved_again=np.array([]), print=("evaluate" for _ in "1")),
    ],
    "03.2": [
        ["git fetch --tags", "git checkout february", "dvc pull"],
        ["git pull", "git checkout tags/february", "dvc fetch", "dvc checkout"],
        ("git fetch", "git switch --detach february", "dvc pull -r storage"),
        "git fetch origin && git checkout -b complaint february && dvc pull",
        [
            "$ git fetch --all\n$ git status",
            "git reset --hard february",
            "dvc status",
            "dvc fetch -j 2",
            "dvc checkout",
        ],
        ["git fetch --tags  # hear of the tag", "dvc fetch --all-tags", "git checkout february", "dvc checkout"],
        ["git fetch", "git switch -c complaint february", "dvc pull --force"],
        ["git pull origin february", "dvc pull"],
        ["git fetch", "git restore --source=february .", "dvc pull"],
        ["git fetch", "git merge --ff-only february", "dvc pull"],
        ["git pull", "git checkout february", "dvc pull model.csv data/flights.csv"],
    ],
    "03.3": [
        lambda cached: [name for name, content in cached.items() if md5(content) != name],
        by_loop,
        by_generator,
        as_series,
        functools.partial(lambda known, cached: {name for name in cached if known(cached[name]) != name}, md5),
        lambda cached: np.array([name for name, content in cached.items() if md5(content) != name], dtype=str),
        lambda cached: list(filter(lambda name: md5(cached[name]) != name.lower(), reversed(cached))),
        lambda cached: {name: len(content) for name, content in cached.items() if md5(content) != name},
    ],
}

WRONG = {
    "03.1": [
        (with_(saved_again=["prepare", "train", "evaluate"]), "when a file was written"),
        (with_(model=["train"]), "which stages read what that stage writes"),
        (with_(model=["prepare", "train", "evaluate"]), "which stage has this parameter"),
        (with_(model=[]), "which stage has this parameter"),
        (with_(label=["prepare"]), "does its output change"),
        (with_(label=["train", "evaluate"]), "which stage has this parameter"),
        (with_(saved_again=None), "an empty list means"),
        (with_(threshold=False), "an empty list means"),
        (with_(threshold="-"), "an empty list means"),
        (with_(print={"evaluate": True}), "an empty list means"),
        ({**TRUTH, "seed": []}, "keep the keys"),
        (with_(threshold=["evaluate"]), "has this parameter under params"),
        (with_(print=["train", "evaluate"]), "has this script under deps"),
        (with_(comment=["prepare", "train", "evaluate"]), "write other bytes"),
        (with_(comment=[]), "what a comment is"),
        (with_(print=["test"]), "an empty list means"),
        (with_(print=1), "an empty list means"),
        ({key: stages for key, stages in TRUTH.items() if key != "label"}, "each change of the table"),
        (list(TRUTH.values()), "keep the dict"),
    ],
    "03.2": [
        (["git checkout february", "dvc pull"], "learn what is new"),
        (["git fetch --tags", "git checkout february"], "Git changes only pointers"),
        (["git fetch --tags", "git checkout february", "dvc checkout"], "her own cache"),
        (["git fetch --tags", "dvc pull", "git checkout february"], "Git changes only pointers"),
        (["git pull", "dvc pull"], "pointers first"),
        (["git fetch", "git switch february", "dvc pull"], "HEAD may be detached"),
        (["git fetch", "git checkout february", "dvc fetch"], "Git changes only pointers"),
        (["git fetch", "git checkout february", "git pull", "dvc pull"], "a tag is not a branch"),
        (["git fetch", "git checkout february", "dvc pull data/flights.csv.dvc"], "take all files"),
        (["git fetch", "git checkout february", "dvc pull data/raw/flights.csv.dvc"], "take all files"),
        (["git fetch --tags x", "git checkout february", "dvc pull"], "know the server"),
        (["git fetch +-tags", "git checkout february", "dvc pull"], "know the server"),
        (["git fetch --tag", "git checkout --february", "dvc pull"], "options does this command of Git"),
        (["git fetch", "git checkout february", "dvc pull --tags"], "options does this command of DVC"),
        (["git fetch", "git checkout february", "dvc pull -r server"], "remote a name"),
        (["git fetch ../server.git --tags", "git checkout february", "dvc pull"], "a name for the server"),
        (["git -C /tmp fetch", "git checkout february", "dvc pull"], "lead to the workspace"),
        (["git fetch", "git checkout february -- dvc.lock", "dvc fetch"], "Git changes only pointers"),
        ([" "], "write them as texts"),
        (["git fetch", "git checkout february", "dvc repro"], "without making them again"),
        (["git fetch", "git checkout march", "dvc pull"], "pointers first"),
        (["git fetch", "git checkout febuary", "dvc pull"], "names the tag"),
        (["git fetch", "git reset february", "dvc pull"], "without --hard"),
        (["scp you:model.json ."], "begin with git or dvc"),
        (["dvc push"], "lead to the workspace"),
        (["dvc pull 'february"], "write them as texts"),
        (3, "write them as texts"),
    ],
    "03.3": [
        (lambda cached: [name for name, content in cached.items() if md5(content) == name], "comparison inverted"),
        (lambda cached: [n for n, c in cached.items() if hashlib.sha256(c).hexdigest() != n], "same kind of sum"),
        (lambda cached: [n for n, c in cached.items() if hashlib.md5(c).digest() != n], "same kind of sum"),
        (lambda cached: [name for name, content in cached.items() if not content], "if not its sum"),
        (lambda cached: list(cached)[:0], "every single bit"),
        (first_only, "check all contents"),
        (lazily, "work on a copy"),
        (endless, "does your loop end"),
        (of_its_start, "check all contents"),
        (lambda cached: [n for n, c in cached.items() if md5(c) != n and c], "check all contents"),
        (lambda cached: [n for n, c in cached.items() for _ in "12" if md5(c) != n], "more than once"),
        (lambda cached: [n for n, c in cached.items() if md5(c) != n] or None, "hand its result back"),
        (lambda cached, sums: [], "keep the arguments"),
        (lambda cached: [n for n, c in cached.items() if len(c) not in (14, 0, 256, 2000)], "if not its sum"),
        (lambda cached: any(md5(content) != name for name, content in cached.items()), "an empty one if all is well"),
        (lambda cached: print(len(cached)), "what is printed"),
        (lambda cached: [md5(content) for name, content in cached.items() if md5(content) != name], "keys of the dict"),
        (lambda cached: [[name] for name in cached], "keys of the dict"),
        (lambda cached: [n for n, c in cached.items() if zlib.crc32(c) != n], "same kind of sum"),
        (["d9d43835c1fec827e6bd92e669363962"], "several caches"),
    ],
}

_SET = "stages are read as a set"
_AGAIN = "running it once more changes nothing"
EQUIVALENT = {
    "03.1": {
        "[[]'*'] reversed": _SET,
        "[[]'*'][[]?] and [[]?] exchanged": _SET,
        "[[]'*'][[]?] twice": _SET,
    },
    "03.2": {
        "[[]?] twice": _AGAIN,
        "[[]0] → 'git fetch'": "Git also fetches the tags of the commits that it fetches",
    },
    "03.3": {
        "result reversed": "the names have no order",
        "result sorted": "the names have no order",
        "result as a set": "any collection of names will do",
        "result keys only": "a list of the list: the same",
    },
}

SECRETS = {
    "03.1": ["prepare only", "['train', 'evaluate']", "none of them"],
    "03.2": ["git fetch", "dvc pull", "--tags", "git checkout february"],
    "03.3": ["md5", "hexdigest"],
}


def test_blanks_are_named(report):
    """I see which changes and commands I have not filled in yet."""
    assert "still to fill in: 'print'" in report("03.1", with_(print=...))
    assert "not answered yet" in report("03.2", [...])


def test_one_mistake_does_not_hide_what_is_right(report):
    """The check confirms five right answers beside the wrong one."""
    printed = report("03.1", with_(threshold=["train"]))
    assert printed.count("✓") == 5
    assert "'threshold': too many stages" in printed


@pytest.mark.parametrize("command", ["fetch", "checkout", "pull"])
def test_options_of_dvc_are_those_of_the_tool(command):
    """The check accepts the options that DVC's own command has."""
    parser = pytest.importorskip("dvc.cli.parser", reason="the versioning group is not installed").get_main_parser()
    from course_utils.exercises.clone import _DVC_FLAG, _DVC_VALUE

    for option in _DVC_FLAG[command].split():
        parser.parse_args([command, option])
    for option in _DVC_VALUE if command != "checkout" else ():
        parser.parse_args([command, option, "1"])
