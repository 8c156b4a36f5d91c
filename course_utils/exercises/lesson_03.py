"""Graders of lesson 03, data versioning."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from course_utils.exercises.grading import Finding, as_mapping, grader, listed, right, wrong
from course_utils.tables import read_toml

STAGES = ("prepare", "train", "evaluate")

# --------------------------------------------------------------------------- 03.1: what runs again

_ASKS = {
    "saved again": "does DVC look at when a file was written, or at what is in it?",
    "model": "look for the commands whose -p names this parameter, and for who reads what they write",
    "label": "look for the command whose -p names this parameter: does what it writes change, and who reads that?",
    "threshold": "which of the three commands names this parameter after -p?",
    "digits": "which command names this script after -d, and who reads what it writes?",
    "comment": "its script is another one now; but are the bytes that it writes others than before?",
}


@grader("03.1")
def reruns(answer: Any) -> Sequence[Finding]:
    """Grade a mapping of each change to the stages that it makes run again."""
    truth = {change["key"]: set(change["reruns"]) for change in read_toml("versioning.toml")["change"]}
    given = as_mapping(answer)
    if given is None:
        return [
            wrong("the changes are not answered one by one", hint="keep the dict, and put a list behind each change")
        ]
    findings = []
    for key, wanted in truth.items():
        if key not in given:
            findings.append(wrong(f"'{key}' is missing", hint="the dict has an answer for each change of the table"))
            continue
        stages = _stages(given[key])
        if stages is None:
            hint = f"name stages as texts: {listed(STAGES)}; an empty list says that none runs"
            findings.append(wrong(f"'{key}' does not name stages", hint=hint))
        elif stages == wanted:
            findings.append(right(f"'{key}': just so"))
        else:
            said = "too many stages" if stages > wanted else "too few stages" if stages < wanted else "other stages"
            findings.append(wrong(f"'{key}': {said}", hint=_ASKS[key]))
    return findings


def _stages(value: Any) -> set[str] | None:
    """Read stages from a list, set, tuple or text; None where there is something else."""
    if value is None or value is False:
        return set()
    if isinstance(value, str):
        value = [part for part in re.split(r"[\s,;→>-]+|\band\b", value) if part]
        value = [] if [part.lower() for part in value] in (["none"], ["nothing"]) else value
    if isinstance(value, Mapping) or not isinstance(value, Iterable):
        return None
    names = [name.strip().lower() for name in value if isinstance(name, str)]
    return set(names) if len(names) == len(list(value)) and set(names) <= set(STAGES) else None


# --------------------------------------------------------------------------- 03.2: commands for a colleague

_TAG = "february"


@dataclass
class _Clone:
    """What a colleague's clone holds, as far as the exercise goes.

    Attributes
    ----------
    knows : bool
        Whether Git has heard of the tag.
    at : str
        What Git has checked out.
    fetched : set of str
        The states whose contents lie in DVC's cache.
    workspace : str
        The state whose contents lie in the workspace.
    """

    knows: bool = False
    at: str = "start"
    fetched: set[str] = field(default_factory=lambda: {"start"})
    workspace: str = "start"


@grader("03.2")
def bring_back(answer: Any) -> Sequence[Finding]:
    """Grade commands by what they would leave in the colleague's clone."""
    commands = _commands(answer)
    if commands is None:
        return [wrong("this is no list of commands", hint='write them as texts, such as "git status", in a list')]
    clone = _Clone()
    for command in commands:
        if (fault := _apply(clone, command)) is not None:
            return [fault]
    if clone.at != _TAG:
        hint = "pointers first: which of Git's commands goes to another version of them?"
        return [wrong("her pointers do not stand at the tag in the end", hint=hint)]
    if clone.workspace != _TAG:
        hint = "Git moves pointers only. Which of DVC's arrows end in the workspace, and when must that happen?"
        return [wrong("her workspace holds other data and no model of that month", hint=hint)]
    return [right("she has data and model of that month, and none of it was sent by e-mail")]


def _commands(answer: Any) -> list[list[str]] | None:
    """Return the words of each command, whether they come as a list, lines or one line joined by &&."""
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
    """Let a command change the clone, or say what is wrong with it."""
    line, verb = " ".join(words), " ".join(words[:2])
    act = _ACTS.get(verb)
    if act is None:
        if words[0] not in ("git", "dvc"):
            return wrong(
                f"{line!r} is no command of Git or DVC", hint="all arrows of the picture begin with git or dvc"
            )
        return wrong(f"{line!r} is not on the way", hint="only a few arrows of the picture lead to the workspace")
    return act(clone, words[2:])


def _git_fetch(clone: _Clone, rest: list[str]) -> None:
    clone.knows = True


def _git_pull(clone: _Clone, rest: list[str]) -> Finding | None:
    if clone.at == _TAG:
        hint = "a tag is no branch: fetch what is new before you go to the tag"
        return wrong("'git pull' at the tag has no branch to pull into", hint=hint)
    clone.knows, clone.at = True, "main"
    return None


def _git_checkout(clone: _Clone, rest: list[str]) -> Finding | None:
    targets = [word for word in rest if not word.startswith("-")]
    if rest[:1] and rest[0] in ("-b", "-c", "-B", "-C"):
        targets = targets[1:]
    if "--" in rest or len(targets) != 1:
        return wrong(
            "the checkout does not name one version", hint="name what the version was tagged as, and nothing more"
        )
    if targets[0].removeprefix("refs/").removeprefix("tags/") != _TAG:
        if targets[0] in ("main", "march", "HEAD"):
            clone.at = targets[0]
            return None
        return wrong(f"there is no version {targets[0]!r}", hint="the exercise names the tag")
    if not clone.knows:
        hint = "the tag is younger than her clone: how does Git hear of what is new on the server?"
        return wrong("her Git does not know this tag yet", hint=hint)
    clone.at = _TAG
    return None


def _git_switch(clone: _Clone, rest: list[str]) -> Finding | None:
    if rest and not {"-d", "--detach", "-c", "-C", "--create"} & set(rest) and rest[-1].endswith(_TAG):
        hint = "git switch takes a branch, unless it is told that HEAD may be detached; another command takes both"
        return wrong("'git switch' refuses a tag", hint=hint)
    return _git_checkout(clone, rest)


def _git_reset(clone: _Clone, rest: list[str]) -> Finding | None:
    if "--hard" not in rest:
        hint = "without --hard it moves the branch and leaves the pointer files as they are"
        return wrong("this 'git reset' leaves the workspace alone", hint=hint)
    return _git_checkout(clone, rest)


def _dvc_targets(rest: list[str]) -> list[str]:
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
    if clone.knows and {"-T", "--all-tags", "-A", "--all-commits"} & set(rest):
        clone.fetched.add(_TAG)
    return None


def _dvc_checkout(clone: _Clone, rest: list[str]) -> Finding | None:
    if _dvc_targets(rest):
        return _partly()
    if clone.at not in clone.fetched:
        hint = "her cache is her own: by which of DVC's arrows does the model get there?"
        return wrong("the model of that month is not in her cache", hint=hint)
    clone.workspace = clone.at
    return None


def _dvc_pull(clone: _Clone, rest: list[str]) -> Finding | None:
    return _dvc_fetch(clone, rest) or _dvc_checkout(clone, rest)


def _dvc_repro(clone: _Clone, rest: list[str]) -> Finding | None:
    hint = "what that month made lies in the storage: it can be had without being made again"
    return wrong("'dvc repro' computes; she was to get what was there", hint=hint)


def _partly() -> Finding:
    return wrong("only a part of that month is asked for", hint="without a file's name DVC's commands take all files")


def _nothing(clone: _Clone, rest: list[str]) -> None:
    return None


_ACTS: dict[str, Callable[[_Clone, list[str]], Finding | None]] = {
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
    """Grade a function by the names that it finds in caches made up for it."""
    if not callable(answer):
        hint = "write a function: it will be asked about several caches"
        return [wrong(f"a {type(answer).__name__} is no function", hint=hint)]
    whole = dict(_kept(content) for content in (b"hour,late\n7,0\n", b"", bytes(range(256)), b"model" * 400))
    names = list(whole)
    flipped = whole | {names[3]: b"nodel" + whole[names[3]][5:]}
    swapped = whole | {names[0]: whole[names[2]], names[2]: whole[names[0]]}
    cut = whole | {names[2]: whole[names[2]][:-1]}
    for cache, broken, what in (
        (flipped, {names[3]}, "one changed byte"),
        (whole, set(), "a cache that is whole"),
        (swapped, {names[0], names[2]}, "two contents that changed places"),
        (cut, {names[2]}, "a content that is cut short"),
    ):
        if (fault := _wrong_names(answer, cache, broken, what)) is not None:
            return [fault]
    return [right("it finds changed, swapped and cut contents, and leaves a whole cache in peace")]


def _kept(content: bytes) -> tuple[str, bytes]:
    return hashlib.md5(content, usedforsecurity=False).hexdigest(), content


def _wrong_names(
    answer: Callable[[dict[str, bytes]], Any], cache: dict[str, bytes], broken: set[str], what: str
) -> Finding | None:
    found = answer(dict(cache))
    if isinstance(found, str | bytes | bool) or found is None or not isinstance(found, Iterable):
        kind = "nothing" if found is None else f"a {type(found).__name__}"
        return wrong(
            f"it returns {kind}", hint="return the names of the damaged ones as a list, an empty one if all is well"
        )
    try:
        found = set(found)
    except TypeError:
        return wrong("what it returns are no names", hint="return the keys of the dict, not what stands behind them")
    if not found <= set(cache):
        return wrong(
            "what it returns are no names of the cache", hint="return the keys of the dict, not sums or contents"
        )
    if found == set(cache) - broken and found != broken:
        return wrong(f"with {what} it names those that are whole", hint="which way round does your comparison ask?")
    if found == set(cache):
        hint = "compare one name and the sum of its content by eye: same kind of sum, same kind of text?"
        return wrong(f"with {what} it names every content", hint=hint)
    if found - broken:
        return wrong(
            f"with {what} it names contents that are whole", hint="what makes a content damaged, if not its sum?"
        )
    if broken - found:
        hint = (
            "size or beginning may be as before: what changes with every single bit, and did you look at all of them?"
        )
        return wrong(f"with {what} it misses the damage", hint=hint)
    return None
