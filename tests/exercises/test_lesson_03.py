"""The graders of lesson 03 on right answers and on plausible wrong ones."""

from __future__ import annotations

import hashlib
import zlib
from types import MappingProxyType

import pandas as pd
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
        with_(saved_again=None, threshold=False),
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
    ],
    "03.3": [
        lambda cached: [name for name, content in cached.items() if md5(content) != name],
        by_loop,
        lazily,
        as_series,
        lambda cached: {name: len(content) for name, content in cached.items() if md5(content) != name},
    ],
}

WRONG = {
    "03.1": [
        (with_(saved_again=["prepare", "train", "evaluate"]), "when a file was written"),
        (with_(model=["train"]), "stages that read what it writes"),
        (with_(label=["prepare"]), "does its output change"),
        (with_(threshold=["evaluate"]), "has this parameter under params"),
        (with_(print=["train", "evaluate"]), "stages read its output"),
        (with_(comment=["prepare", "train", "evaluate"]), "write other bytes"),
        (with_(comment=[]), "write other bytes"),
        (with_(print=["test"]), "write the names of stages"),
        (with_(print=1), "write the names of stages"),
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
        (["git fetch", "git checkout february", "dvc pull data/raw/flights.csv.dvc"], "take all files"),
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
        (lambda cached: [n for n, c in cached.items() if hashlib.md5(c).digest() != n], "same kind of text"),
        (lambda cached: [name for name, content in cached.items() if not content], "if not its sum"),
        (lambda cached: list(cached)[:0], "every single bit"),
        (first_only, "check all contents"),
        (lambda cached: [n for n, c in cached.items() if len(c) not in (14, 0, 256, 2000)], "every single bit"),
        (lambda cached: any(md5(content) != name for name, content in cached.items()), "an empty one if all is well"),
        (lambda cached: print(len(cached)), "an empty one if all is well"),
        (lambda cached: [md5(content) for name, content in cached.items() if md5(content) != name], "keys of the dict"),
        (lambda cached: [[name] for name in cached], "keys of the dict"),
        (lambda cached: [n for n, c in cached.items() if zlib.crc32(c) != n], "same kind of sum"),
        (["d9d43835c1fec827e6bd92e669363962"], "several caches"),
    ],
}

SECRETS = {
    "03.1": ["prepare only", "['train', 'evaluate']", "none of them"],
    "03.2": ["git fetch", "dvc pull", "--tags", "git checkout february"],
    "03.3": ["md5", "hexdigest"],
}


def test_blanks_are_named(report):
    """I see which changes and commands I have not filled in yet."""
    assert "still to fill in: print" in report("03.1", with_(print=...))
    assert "not answered yet" in report("03.2", [...])


def test_one_mistake_does_not_hide_what_is_right(report):
    """The check confirms five right answers beside the wrong one."""
    printed = report("03.1", with_(threshold=["train"]))
    assert printed.count("✓") == 5
    assert "'threshold': too many stages" in printed
