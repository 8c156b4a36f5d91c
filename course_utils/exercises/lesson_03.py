"""Graders of lesson 03, data versioning."""

from __future__ import annotations

import hashlib
import os
import random
import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from course_utils.exercises.calls import call
from course_utils.exercises.grading import (
    Finding,
    Refused,
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

_TAG = "february"
#: The versions on the server, and what the pointers to flights and model name in each; at first there is no model.
_VERSIONS = {
    "first-delivery": {"data/flights.csv.dvc": "february"},
    "february": {"data/flights.csv.dvc": "february", "dvc.lock": "february"},
    "march": {"data/flights.csv.dvc": "march", "dvc.lock": "march"},
}
_POINTERS = tuple(_VERSIONS["february"])


@grader("03.2")
def bring_back(answer: Any) -> Sequence[Finding]:
    """Grade a list of commands: Git runs those of Git in a clone, and those of DVC are judged by its pointers."""
    commands = _commands(answer)
    if commands is None:
        return [wrong("this is not a list of commands", hint='write them as texts, such as "git status", in a list')]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        clone = _Clone(Path(folder))
        for command in commands:
            clone.run(command)
        if clone.pointers() != _VERSIONS[_TAG]:
            hint = "pointers first: which Git command checks out another version of them?"
            if any(command[:2] == ["git", "reset"] and "--hard" not in command for command in commands):
                hint = "without --hard it moves the branch and does not change the pointer files"
            return [wrong("at the end, her pointers are not those of the tag", hint=hint)]
        if clone.workspace != _VERSIONS[_TAG]:
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


#: Commands of Git that look at a repository, or change what is checked out.
_GIT = "fetch pull checkout switch reset restore merge status log show tag branch diff stash remote rev-parse"
#: Options of DVC's commands that need a value, and those that take none; a test compares them with DVC's own.
_DVC_VALUE = ("-r", "--remote", "-j", "--jobs")
_DVC_FLAG = {
    "fetch": "-q --quiet -v --verbose -a --all-branches -T --all-tags -A --all-commits -d --with-deps -R --recursive "
    "--run-cache --no-run-cache",
    "checkout": "-q --quiet -v --verbose -f --force -d --with-deps -R --recursive --relink --allow-missing --summary",
}
_DVC_FLAG["pull"] = f"{_DVC_FLAG['fetch']} -f --force --allow-missing"


class _Clone:
    """A clone of the project as the colleague has it: a real repository of Git, with the files of DVC only by name."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.partly = folder / "clone", False
        server = folder / "server.git"
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(server), where=folder)
        names = list(_VERSIONS)
        self._git("fast-import", "--quiet", where=server, given=_history(names[:1]))
        self._git("clone", "--quiet", str(server), str(self.folder), where=folder)
        self._git("fast-import", "--quiet", where=server, given=_history(names[1:]))
        self.workspace = self.pointers()
        self.cache = set(self.workspace.items())

    def _git(self, *words: str, where: Path | None = None, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run Git without the learner's settings, editors and questions."""
        around = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        around |= {
            "GIT_CONFIG_GLOBAL": os.devnull,
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }
        around |= {"GIT_EDITOR": "true", "GIT_PAGER": "cat"}
        around |= {f"GIT_{who}_{what}": "her" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        line = ["git", *words]
        return subprocess.run(
            line, cwd=where or self.folder, env=around, input=given, capture_output=True, text=True, timeout=30
        )

    def pointers(self) -> dict[str, str]:
        """Return what the pointers name that are checked out."""
        files = {name: self.folder / name for name in _POINTERS}
        return {name: file.read_text(encoding="utf-8").strip() for name, file in files.items() if file.is_file()}

    def knows_tag(self) -> bool:
        """Return whether Git has fetched the tag."""
        return self._git("tag", "--list", _TAG).stdout.strip() == _TAG

    def run(self, words: list[str]) -> None:
        """Run a command; one that fails or does not help ends the check."""
        line = " ".join(words)
        if words[0] not in ("git", "dvc"):
            hint = "all arrows of the figure begin with git or dvc"
            raise Refused(wrong(f"{line!r} is not a command of Git or DVC", hint=hint))
        verb, rest = "".join(words[1:2]), words[2:]
        if words[0] == "git" and verb in _GIT.split():
            self._run_git(line, verb, rest)
        elif words[0] == "dvc" and verb in _DVC_FLAG:
            self._run_dvc(verb, rest)
        elif words[:2] == ["dvc", "repro"]:
            hint = "the files of that month are in the storage: she can get them without making them again"
            raise Refused(wrong("'dvc repro' computes the files again; she should get the stored ones", hint=hint))
        elif words[:2] not in (["dvc", "status"], ["dvc", "diff"]):
            hint = "only a few arrows of the figure lead to the workspace"
            raise Refused(wrong(f"{line!r} does not help here", hint=hint))

    def _run_git(self, line: str, verb: str, rest: list[str]) -> None:
        if any(
            re.match(r"[/~.]|--(git-dir|work-tree|upload-pack|exec)|.*(:|\\)", word) for word in rest if word != "."
        ):
            hint = "her clone has a name for the server, and commands of Git start at the top of the project"
            raise Refused(wrong(f"{line!r} names a place outside her clone", hint=hint))
        done = self._git(verb, *rest)
        if done.returncode == 0:
            return
        said = next((row for row in done.stderr.splitlines() if row.startswith(("fatal:", "error:"))), done.stderr)
        said = said.split("\n")[0].replace(f"{self.folder.parent}{os.sep}", "").strip()
        found = f"{line!r} fails: {said}" if said else f"{line!r} fails"
        raise Refused(wrong(found, hint=self._why(verb, rest, done.stderr)))

    def _why(self, verb: str, rest: list[str], said: str) -> str:
        """Return a hint for a command of Git that failed."""
        if any(word.removeprefix("refs/").removeprefix("tags/") == _TAG for word in rest) and not self.knows_tag():
            return "the tag is newer than her clone: how does Git learn what is new on the server?"
        if "a branch is expected" in said:
            return (
                "git switch takes a branch, unless an option says that HEAD may be detached; another command takes both"
            )
        if verb == "pull" and "not currently on a branch" in said:
            return "a tag is not a branch: fetch what is new before you check out the tag"
        if "does not appear to be a git repository" in said:
            return "under which name does her clone know the server? 'git remote' lists it"
        if "usage:" in said:
            return "which options does this command of Git have?"
        return "the exercise names the tag: is each name in this command one that her clone knows?"

    def _run_dvc(self, verb: str, rest: list[str]) -> None:
        targets, flags, words = [], set(), iter(rest)
        for word in words:
            if word in _DVC_VALUE:
                if next(words, "") not in ("storage", *map(str, range(1, 100))):
                    hint = "the lesson gives DVC's remote a name: look at .dvc/config"
                    raise Refused(wrong(f"'dvc {verb}' needs another value after {word}", hint=hint))
            elif word.startswith("-"):
                if word not in _DVC_FLAG[verb].split():
                    hint = "which options does this command of DVC have?"
                    raise Refused(wrong(f"'dvc {verb}' knows no option {word}", hint=hint))
                flags.add(word)
            else:
                targets.append(word)
        wanted = self._targets(verb, targets)
        if verb != "checkout":
            self.cache |= wanted.items()
            known = (
                self._git("tag", "--list").stdout.split() if flags & {"-T", "--all-tags", "-A", "--all-commits"} else ()
            )
            self.cache |= {pair for tag in known for pair in _VERSIONS.get(tag, {}).items()}
        if verb != "fetch":
            if not wanted.items() <= self.cache:
                hint = "she has her own cache: which of DVC's arrows brings the model there?"
                raise Refused(wrong("the model of that month is not in her cache", hint=hint))
            self.workspace = {**self.workspace, **wanted} if targets else wanted

    def _targets(self, verb: str, targets: list[str]) -> dict[str, str]:
        """Return what the pointers name for files and stages; for all without any."""
        pointers = self.pointers()
        if not targets:
            return pointers
        self.partly = True
        known = dict.fromkeys(("data/flights.csv", "data/flights.csv.dvc"), "data/flights.csv.dvc")
        if "dvc.lock" in pointers:
            known |= dict.fromkeys(("model.csv", "train", "dvc.yaml", "dvc.yaml:train"), "dvc.lock")
        for target in targets:
            if target not in known:
                hint = "without a file name, DVC's commands take all files"
                raise Refused(wrong(f"'dvc {verb}' finds no {target!r} in her project", hint=hint))
        return {known[target]: pointers[known[target]] for target in targets if known[target] in pointers}


def _history(names: Sequence[str]) -> str:
    """Return commits and annotated tags of some versions, in order, as git fast-import reads them."""
    first = next(iter(_VERSIONS)) == names[0]
    stamp = "her <her> 1362096000 +0000"
    lines = []
    for place, name in enumerate(names):
        lines += ["commit refs/heads/main", f"committer {stamp}", f"data {len(name)}", name]
        if place == 0 and not first:
            lines.append("from refs/heads/main^0")
        for file, content in _VERSIONS[name].items():
            lines += [f"M 100644 inline {file}", f"data {len(content)}", content]
        lines += [f"tag {name}", "from refs/heads/main", f"tagger {stamp}", f"data {len(name)}", name]
    return "\n".join([*lines, ""])


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
