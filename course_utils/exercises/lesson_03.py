"""Graders of lesson 03, data versioning."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from course_utils.exercises.grading import Finding, as_mapping, grader, kind_of, listed, missing, not_a, right, wrong
from course_utils.tables import read_toml

_STAGES = ("prepare", "train", "evaluate")

# --------------------------------------------------------------------------- 03.1: what runs again

#: The hint for each change of ``versioning.toml``.
_HINTS = {
    "saved again": "does DVC compare when a file was written, or what is in it?",
    "model": "find the stage with this parameter under params, and the stages that read what it writes",
    "label": "find the stage with this parameter under params: does its output change, and which stages read it?",
    "threshold": "which of the three stages has this parameter under params?",
    "print": "which stage has this script under deps, and which stages read its output?",
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
            findings.append(wrong(f"'{key}': {said}", hint=_HINTS[key]))
    return findings


def _stages(value: Any) -> set[str] | None:
    """Return the stages of a list, set, tuple or text; None for anything else."""
    if value is None or value is False:
        return set()
    if isinstance(value, str):
        value = [part for part in re.split(r"[\s,;→>-]+|\band\b", value) if part]
        value = [] if [part.lower() for part in value] in (["none"], ["nothing"]) else value
    if isinstance(value, Mapping) or not isinstance(value, Iterable):
        return None
    names = [name.strip().lower() for name in value if isinstance(name, str)]
    return set(names) if len(names) == len(list(value)) and set(names) <= set(_STAGES) else None


# --------------------------------------------------------------------------- 03.2: commands for a colleague

_TAG = "february"


@dataclass
class _Clone:
    """A simulated clone of the repository on a colleague's machine.

    Attributes
    ----------
    knows_tag : bool
        Whether Git has fetched the tag.
    at : str
        The version that Git has checked out.
    fetched : set of str
        The versions whose files are in DVC's cache.
    workspace : str
        The version whose files are in the workspace.
    """

    knows_tag: bool = False
    at: str = "start"
    fetched: set[str] = field(default_factory=lambda: {"start"})
    workspace: str = "start"


@grader("03.2")
def bring_back(answer: Any) -> Sequence[Finding]:
    """Grade a list of commands by the state in which they would leave the colleague's clone."""
    commands = _commands(answer)
    if commands is None:
        return [wrong("this is not a list of commands", hint='write them as texts, such as "git status", in a list')]
    clone = _Clone()
    for command in commands:
        if (fault := _apply(clone, command)) is not None:
            return [fault]
    if clone.at != _TAG:
        hint = "pointers first: which Git command checks out another version of them?"
        return [wrong("at the end, her pointers are not those of the tag", hint=hint)]
    if clone.workspace != _TAG:
        hint = "Git changes only pointers. Which of DVC's arrows end in the workspace, and when do you need that?"
        return [wrong("her workspace has neither the data nor the model of that month", hint=hint)]
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
        return [words for part in parts if (words := shlex.split(part, comments=True))]
    except ValueError:
        return None


def _apply(clone: _Clone, words: list[str]) -> Finding | None:
    """Change the clone as a command would, or return what is wrong with the command."""
    line, verb = " ".join(words), " ".join(words[:2])
    command = _COMMANDS.get(verb)
    if command is None:
        if words[0] not in ("git", "dvc"):
            return wrong(
                f"{line!r} is not a command of Git or DVC", hint="all arrows of the figure begin with git or dvc"
            )
        return wrong(f"{line!r} does not help here", hint="only a few arrows of the figure lead to the workspace")
    return command(clone, words[2:])


def _git_fetch(clone: _Clone, rest: list[str]) -> None:
    clone.knows_tag = True


def _git_pull(clone: _Clone, rest: list[str]) -> Finding | None:
    if clone.at == _TAG:
        hint = "a tag is not a branch: fetch what is new before you check out the tag"
        return wrong("'git pull' at the tag has no branch to pull into", hint=hint)
    clone.knows_tag, clone.at = True, "main"
    return None


def _git_checkout(clone: _Clone, rest: list[str]) -> Finding | None:
    targets = [word for word in rest if not word.startswith("-")]
    if rest[:1] and rest[0] in ("-b", "-c", "-B", "-C"):
        targets = targets[1:]
    if "--" in rest or len(targets) != 1:
        return wrong("the checkout does not name one version", hint="write only the name of the tag after the command")
    if targets[0].removeprefix("refs/").removeprefix("tags/") != _TAG:
        if targets[0] in ("main", "march", "HEAD"):
            clone.at = targets[0]
            return None
        return wrong(f"there is no version {targets[0]!r}", hint="the exercise names the tag")
    if not clone.knows_tag:
        hint = "the tag is newer than her clone: how does Git learn what is new on the server?"
        return wrong("her Git does not know this tag yet", hint=hint)
    clone.at = _TAG
    return None


def _git_switch(clone: _Clone, rest: list[str]) -> Finding | None:
    if rest and not {"-d", "--detach", "-c", "-C", "--create"} & set(rest) and rest[-1].endswith(_TAG):
        hint = "git switch takes a branch, unless an option says that HEAD may be detached; another command takes both"
        return wrong("'git switch' refuses a tag", hint=hint)
    return _git_checkout(clone, rest)


def _git_reset(clone: _Clone, rest: list[str]) -> Finding | None:
    if "--hard" not in rest:
        hint = "without --hard it moves the branch and does not change the pointer files"
        return wrong("this 'git reset' does not change the workspace", hint=hint)
    return _git_checkout(clone, rest)


def _dvc_targets(rest: list[str]) -> list[str]:
    """Return the files that a command of DVC names, without options and their values."""
    words, skip = [], False
    for word in rest:
        if skip or word.startswith("-"):
            skip = word in ("-r", "--remote", "-j", "--jobs")
        else:
            words.append(word)
    return words


def _dvc_fetch(clone: _Clone, rest: list[str]) -> Finding | None:
    if _dvc_targets(rest):
        return _partly()
    clone.fetched.add(clone.at)
    if clone.knows_tag and {"-T", "--all-tags", "-A", "--all-commits"} & set(rest):
        clone.fetched.add(_TAG)
    return None


def _dvc_checkout(clone: _Clone, rest: list[str]) -> Finding | None:
    if _dvc_targets(rest):
        return _partly()
    if clone.at not in clone.fetched:
        hint = "she has her own cache: which of DVC's arrows brings the model there?"
        return wrong("the model of that month is not in her cache", hint=hint)
    clone.workspace = clone.at
    return None


def _dvc_pull(clone: _Clone, rest: list[str]) -> Finding | None:
    return _dvc_fetch(clone, rest) or _dvc_checkout(clone, rest)


def _dvc_repro(clone: _Clone, rest: list[str]) -> Finding | None:
    hint = "the files of that month are in the storage: she can get them without making them again"
    return wrong("'dvc repro' computes the files again; she should get the stored ones", hint=hint)


def _partly() -> Finding:
    return wrong("this gets only a part of that month", hint="without a file name, DVC's commands take all files")


def _nothing(clone: _Clone, rest: list[str]) -> None:
    return None


#: What each command does to the clone; other commands do not help.
_COMMANDS: dict[str, Callable[[_Clone, list[str]], Finding | None]] = {
    "git fetch": _git_fetch,
    "git pull": _git_pull,
    "git checkout": _git_checkout,
    "git switch": _git_switch,
    "git reset": _git_reset,
    "git status": _nothing,
    "git log": _nothing,
    "git tag": _nothing,
    "dvc status": _nothing,
    "dvc fetch": _dvc_fetch,
    "dvc checkout": _dvc_checkout,
    "dvc pull": _dvc_pull,
    "dvc repro": _dvc_repro,
}


# --------------------------------------------------------------------------- 03.3: find the damage


@grader("03.3")
def damage(answer: Any) -> Sequence[Finding]:
    """Grade a function by the names that it returns for caches with and without damage."""
    if not callable(answer):
        return [not_a("a function", answer, hint="write a function: the check calls it with several caches")]
    whole = dict(_named_by_hash(content) for content in (b"hour,late\n7,0\n", b"", bytes(range(256)), b"model" * 400))
    names = list(whole)
    flipped = whole | {names[3]: b"nodel" + whole[names[3]][5:]}
    swapped = whole | {names[0]: whole[names[2]], names[2]: whole[names[0]]}
    cut = whole | {names[2]: whole[names[2]][:-1]}
    for cache, broken, what in (
        (flipped, {names[3]}, "one changed byte"),
        (whole, set(), "an undamaged cache"),
        (swapped, {names[0], names[2]}, "two exchanged contents"),
        (cut, {names[2]}, "a truncated content"),
    ):
        if (fault := _wrong_names(answer, cache, broken, what)) is not None:
            return [fault]
    return [right("it finds changed, exchanged and truncated contents, and reports nothing in an undamaged cache")]


def _named_by_hash(content: bytes) -> tuple[str, bytes]:
    return hashlib.md5(content, usedforsecurity=False).hexdigest(), content


def _wrong_names(
    answer: Callable[[dict[str, bytes]], Any], cache: dict[str, bytes], broken: set[str], what: str
) -> Finding | None:
    found = answer(dict(cache))
    if isinstance(found, str | bytes | bool) or found is None or not isinstance(found, Iterable):
        hint = "return the names of the damaged contents as a list, an empty one if all is well"
        return wrong(f"it returns {kind_of(found)}", hint=hint)
    try:
        found = set(found)
    except TypeError:
        return wrong("it does not return names", hint="return the keys of the dict, not its values")
    if not found <= set(cache):
        return wrong(
            "it returns names that are not in the cache", hint="return the keys of the dict, not sums or contents"
        )
    if found == set(cache) - broken and found != broken:
        return wrong(f"with {what} it names the undamaged contents", hint="is your comparison inverted?")
    if found == set(cache):
        hint = "print one name and the sum of its content: are they the same kind of sum and the same kind of text?"
        return wrong(f"with {what} it names every content", hint=hint)
    if found - broken:
        return wrong(
            f"with {what} it also names undamaged contents",
            hint="what shows that a content is damaged, if not its sum?",
        )
    if broken - found:
        hint = "size and start may be unchanged: what changes with every single bit, and do you check all contents?"
        return wrong(f"with {what} it misses the damage", hint=hint)
    return None
