"""A colleague's clone for exercise 03.2, in which commands of Git run; commands of DVC are judged by its pointers."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from course_utils.exercises.grading import Refused, wrong

__all__ = ["TAG", "VERSIONS", "Clone"]

TAG = "february"
#: The versions on the server, and what the pointers to flights and model name in each; at first there is no model.
VERSIONS = {
    "first-delivery": {"data/flights.csv.dvc": "february"},
    "february": {"data/flights.csv.dvc": "february", "dvc.lock": "february"},
    "march": {"data/flights.csv.dvc": "march", "dvc.lock": "march"},
}
_POINTERS = tuple(VERSIONS["february"])

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


class Clone:
    """A clone of the project as the colleague has it: a real repository of Git, with the files of DVC only by name.

    Parameters
    ----------
    folder : Path
        An empty folder, for the clone and its server.

    Attributes
    ----------
    workspace : dict
        What each pointer named when its file came into the workspace.
    partly : bool
        Whether a command of DVC named single files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.partly = folder / "clone", False
        server = folder / "server.git"
        self._git("init", "--quiet", "--bare", "--initial-branch=main", str(server), where=folder)
        names = list(VERSIONS)
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
        return self._git("tag", "--list", TAG).stdout.strip() == TAG

    def run(self, words: list[str]) -> None:
        """Run a command; one that fails or does not help ends the check.

        Parameters
        ----------
        words : list of str
            The command and its arguments, at least one word.

        Raises
        ------
        Refused
            The command fails, or leads nowhere.
        """
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
        if any(word.removeprefix("refs/").removeprefix("tags/") == TAG for word in rest) and not self.knows_tag():
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
            self.cache |= {pair for tag in known for pair in VERSIONS.get(tag, {}).items()}
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
    first = next(iter(VERSIONS)) == names[0]
    stamp = "her <her> 1362096000 +0000"
    lines = []
    for place, name in enumerate(names):
        lines += ["commit refs/heads/main", f"committer {stamp}", f"data {len(name)}", name]
        if place == 0 and not first:
            lines.append("from refs/heads/main^0")
        for file, content in VERSIONS[name].items():
            lines += [f"M 100644 inline {file}", f"data {len(content)}", content]
        lines += [f"tag {name}", "from refs/heads/main", f"tagger {stamp}", f"data {len(name)}", name]
    return "\n".join([*lines, ""])
