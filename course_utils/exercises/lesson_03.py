"""Graders of lesson 03, data versioning."""

from __future__ import annotations

import hashlib
import random
import re
import shlex
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from course_utils.exercises.calls import call
from course_utils.exercises.clone import TAG, VERSIONS, Clone
from course_utils.exercises.grading import (
    Finding,
    as_mapping,
    grader,
    kind_of,
    listed,
    missing,
    not_a,
    right,
    wrong,
)
from course_utils.tables import read_toml

_STAGES = ("prepare", "train", "evaluate")

# --------------------------------------------------------------------------- 03.1: what runs again

#: Where to look for the first stage that runs, and for the stages after it, by the change of ``versioning.toml``.
_FIRST = {
    "saved again": "does DVC compare when a file was written, or what is in it?",
    "model": "which stage has this parameter under params?",
    "label": "which stage has this parameter under params?",
    "threshold": "which of the three stages has this parameter under params?",
    "print": "which stage has this script under deps?",
    "comment": "does DVC know what a comment is, or does it compare the whole script?",
}
_AFTER = {
    "model": "which stages read what that stage writes, and does it write something else now?",
    "label": "which stages read what that stage writes: does its output change?",
    "comment": "the script has changed, but does it write other bytes than before?",
}


@grader("03.1")
def reruns(answer: Any) -> Sequence[Finding]:
    """Grade a mapping from each change to the stages that DVC runs again because of it."""
    truth = {change["key"]: set(change["reruns"]) for change in read_toml("versioning.toml")["change"]}
    given = as_mapping(answer)
    if given is None:
        return [not_a("a dict of changes", answer, hint="keep the dict, and write a list for each change")]
    findings = []
    for key, wanted in truth.items():
        if key not in given:
            findings.append(missing([key], hint="the dict needs an answer for each change of the table"))
            continue
        stages = _stages(given[key])
        if stages is None:
            hint = f"write the names of stages: {listed(_STAGES)}; an empty list means that none runs"
            findings.append(wrong(f"'{key}' does not name stages", hint=hint))
        elif stages == wanted:
            findings.append(right(f"'{key}': correct"))
        else:
            said = "too many stages" if stages > wanted else "too few stages" if stages < wanted else "other stages"
            findings.append(wrong(f"'{key}': {said}", hint=_where_to_look(key, wanted, stages)))
    if unknown := [key for key in given if key not in truth]:
        findings.append(wrong(f"{listed(unknown)} is not in the table", hint="keep the keys of the dict as they are"))
    return findings


def _where_to_look(key: str, wanted: set[str], stages: set[str]) -> str:
    """Return the hint about the first stage if that is wrong, else about the stages after it."""
    first = min(map(_STAGES.index, wanted), default=len(_STAGES))
    before = stages & set(_STAGES[:first])
    is_right = bool(wanted) and _STAGES[first] in stages and not before
    return _AFTER[key] if is_right and key in _AFTER else _FIRST[key]


def _stages(value: Any) -> set[str] | None:
    """Return the stages of a list, set, tuple or text; None for anything else."""
    if isinstance(value, bytes | Mapping) or not isinstance(value, Iterable):
        return None
    items = [value] if isinstance(value, str) else list(value)
    if not all(isinstance(item, str) for item in items):
        return None
    words = re.findall(r"\w+", " ".join(items).lower())
    if isinstance(value, str) and words in (["none"], ["nothing"], ["no", "stage"]):
        return set()
    if (
        words
        and words[0] in ("all", "every", "everything")
        and set(words[1:]) <= {"of", "them", "three", "stages", "stage"}
    ):
        return set(_STAGES)
    names = set(words) - {"and", "then", "only"}
    return names if names <= set(_STAGES) and (names or not "".join(items).strip()) else None


# --------------------------------------------------------------------------- 03.2: commands for a colleague


@grader("03.2")
def bring_back(answer: Any) -> Sequence[Finding]:
    """Grade a list of commands: Git runs those of Git in a clone, and those of DVC are judged by its pointers."""
    commands = _commands(answer)
    if isinstance(answer, list | tuple | str) and not any(answer):
        return [wrong("there is no command yet", hint="which arrow of the picture does she follow first?")]
    if commands is None:
        return [wrong("this is not a list of commands", hint='write them as texts, such as "git status", in a list')]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        clone = Clone(Path(folder))
        for command in commands:
            clone.run(command)
        if clone.pointers() != VERSIONS[TAG]:
            hint = "pointers first: which Git command checks out another version of them?"
            if any(command[:2] == ["git", "reset"] and "--hard" not in command for command in commands):
                hint = "without --hard it moves the branch and does not change the pointer files"
            return [wrong("at the end, her pointers are not those of the tag", hint=hint)]
        if clone.workspace != VERSIONS[TAG]:
            hint = "Git changes only pointers. Which of DVC's arrows end in the workspace, and when do you need that?"
            if clone.partly:
                hint = "without a file name, DVC's commands take all files"
            return [wrong("her workspace has not both the data and the model of that month", hint=hint)]
    return [right("she has the data and the model of that month, without an e-mail")]


def _commands(answer: Any) -> list[list[str]] | None:
    """Return the words of each command, from a list, from lines, or from one line joined with &&."""
    if isinstance(answer, str):
        answer = [answer]
    if isinstance(answer, Mapping) or not isinstance(answer, Iterable):
        return None
    lines = list(answer)
    if not lines or not all(isinstance(line, str) for line in lines):
        return None
    parts = [part.strip().lstrip("$!% ") for line in lines for part in re.split(r"\n|&&|;", line)]
    try:
        commands = [words for part in parts if (words := shlex.split(part, comments=True))]
    except ValueError:
        return None
    return commands or None


# --------------------------------------------------------------------------- 03.3: find the damage


@grader("03.3")
def damage(answer: Any) -> Sequence[Finding]:
    """Grade a function by the names that it returns for caches with and without damage."""
    if not callable(answer):
        return [not_a("a function", answer, hint="write a function: the check calls it with several caches")]
    for cache, broken, what in _caches(random.Random(20130301)):
        if (fault := _wrong_names(answer, cache, broken, what)) is not None:
            return [fault]
    return [right("it finds changed, exchanged and truncated contents, and reports nothing in an undamaged cache")]


def _caches(chance: random.Random) -> Iterator[tuple[dict[str, bytes], set[str], str]]:
    """Yield caches, the names of their damaged contents, and what is damaged; sizes, orders and numbers differ."""
    contents = [b"hour,late\n7,0\n", b"", bytes(range(256)), b"model" * 400, chance.randbytes(100_000)]
    whole = dict(_named_by_hash(content) for content in contents)
    text, empty, signs, model, large = whole
    yield whole | {model: b"nodel" + whole[model][5:]}, {model}, "one changed byte"
    yield whole, set(), "an undamaged cache"
    yield whole | {text: whole[signs], signs: whole[text]}, {text, signs}, "two exchanged contents"
    yield whole | {signs: whole[signs][:-1]}, {signs}, "a truncated content"
    yield whole | {empty: b"0"}, {empty}, "a content that was empty"
    yield whole | {text: b""}, {text}, "a content that is lost"
    for place in (0, 50_000, 99_999):
        flipped = bytearray(whole[large])
        flipped[place] ^= 1
        yield whole | {large: bytes(flipped)}, {large}, f"one flipped bit, in byte {place + 1} of 100,000,"
    yield {}, set(), "an empty cache"
    names = list(whole)
    chance.shuffle(names)
    yield {name: b"x" + whole[name] for name in names}, set(names), "damage everywhere"
    many = dict(_named_by_hash(chance.randbytes(chance.randrange(1, 50))) for _ in range(40))
    damaged = set(chance.sample(list(many), 11))
    yield {name: content + b"\n" * (name in damaged) for name, content in many.items()}, damaged, "11 longer contents"


def _named_by_hash(content: bytes) -> tuple[str, bytes]:
    return hashlib.md5(content, usedforsecurity=False).hexdigest(), content


def _wrong_names(
    answer: Callable[[dict[str, bytes]], Any], cache: dict[str, bytes], broken: set[str], what: str
) -> Finding | None:
    returned = call(answer, cache, case=f"with {what}")
    if isinstance(returned, str | bytes | bool) or not isinstance(returned, Iterable):
        hint = "return the names of the damaged contents as a list, an empty one if all is well"
        return wrong(f"it returns {kind_of(returned)}", hint=hint)
    try:
        names = list(returned)
        found = set(names)
    except TypeError:
        return wrong("it does not return names", hint="return the keys of the dict, not its values")
    if not found <= set(cache):
        hint = "return the keys of the dict, not sums or contents"
        return wrong("it returns names that are not in the cache", hint=hint)
    if len(names) > len(found):
        return wrong(f"with {what} it names a content twice", hint="does your loop come past a content more than once?")
    if found == broken:
        return None
    if found == set(cache) - broken:
        return wrong(f"with {what} it names the undamaged contents", hint="is your comparison inverted?")
    if found == set(cache):
        hint = "print one name and the sum of its content: are they the same kind of sum and the same kind of text?"
        return wrong(f"with {what} it names every content", hint=hint)
    if found - broken:
        hint = "what shows that a content is damaged, if not its sum?"
        return wrong(f"with {what} it also names undamaged contents", hint=hint)
    hint = "size and start may be unchanged: what changes with every single bit, and do you check all contents?"
    return wrong(f"with {what} it misses the damage", hint=hint)
