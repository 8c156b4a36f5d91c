"""A data-science project with the right rooms: made from a template, kept in order by rules, and free of secrets.

Everything happens in a folder of its own under the system's temporary folder, which goes when the `Project` goes. Git
runs with a fixed author and clock and reads no settings of this machine; no command asks the network.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from html import escape
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from course_utils import tables
from course_utils.errors import DataError, UsageError
from course_utils.notebook.display import Page
from course_utils.tables import read_toml

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "RULES",
    "THRESHOLDS",
    "WEATHER",
    "Project",
    "Review",
    "Rule",
    "alternatives",
    "clear_outputs",
    "commit",
    "folders_exist",
    "inherited_project",
    "install_secret_hook",
    "items_to_place",
    "lint",
    "logs_are_dated",
    "notebooks_are_named",
    "raw_is_read_only",
    "read_runs",
    "record_run",
    "review_last_change",
    "roles",
    "save",
    "scaffold",
    "secrets",
    "secrets_in_history",
    "set_threshold",
    "tables_lie_in_data",
    "tree",
]

_RAW = "data/raw/"
_RUNS = "reports/runs/"
_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


# --------------------------------------------------------------------------- a project


@dataclass(frozen=True, eq=False)
class Project:
    """A project in a temporary folder that is removed with it, at the latest when Python ends.

    Attributes
    ----------
    name : str
        The name of its folder.
    """

    name: str
    _folder: Path = field(repr=False)

    def __post_init__(self) -> None:
        weakref.finalize(self, _remove, self._folder.parent)

    @property
    def files(self) -> list[str]:
        """Its files in order, such as ``src/data/make_dataset.py``, without what Git keeps for itself."""
        found = (path.relative_to(self._folder) for path in self._folder.rglob("*") if path.is_file())
        return sorted(path.as_posix() for path in found if path.parts[0] != ".git" and path.name != ".gitkeep")

    @property
    def folders(self) -> list[str]:
        """Its folders in order, such as ``src/data``."""
        found = (path.relative_to(self._folder) for path in self._folder.rglob("*") if path.is_dir())
        return sorted(path.as_posix() for path in found if path.parts[0] != ".git")

    def read(self, file: str) -> str:
        """Return the text of `file`, one of those it has.

        Raises
        ------
        UsageError
            There is no such file in the project.
        """
        path = self._path(file)
        if not path.is_file():
            raise UsageError(f"{self.name} has no file {file!r}", fix="look at project.files for those it has")
        return path.read_text(encoding="utf-8")

    def is_writable(self, file: str) -> bool:
        """Say whether the permissions of `file` let anyone write to it (an administrator always can).

        Raises
        ------
        UsageError
            There is no such file in the project.
        """
        path = self._path(file)
        if not path.is_file():
            raise UsageError(f"{self.name} has no file {file!r}", fix="look at project.files for those it has")
        return bool(path.stat().st_mode & _WRITE)

    def write(self, file: str, text: str) -> None:
        """Write one of its files, whole or not at all; what lies in data/raw is never written twice.

        Parameters
        ----------
        file : str
            Its place, such as ``docs/model-card.md``; folders that are missing are made.
        text : str
            All that it holds from now on.

        Raises
        ------
        UsageError
            The file would lie outside the project, or is raw data and there already.
        """
        path = self._path(file)
        if file.startswith(_RAW) and path.exists():
            raise UsageError(
                f"{file} is raw data and exists already",
                fix="raw data are never changed: save what you make of them in data/interim",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        _put(path, text)

    def _path(self, file: str) -> Path:
        pure = PurePosixPath(str(file).replace("\\", "/"))
        outside = pure.is_absolute() or not pure.parts or ".." in pure.parts or ":" in pure.parts[0]
        if outside or pure.parts[0] == ".git":
            raise UsageError(
                f"{file!r} does not lie in the project", fix="name a file by its place in it, such as data/raw/a.csv"
            )
        return self._folder.joinpath(*pure.parts)


def _put(path: Path, text: str) -> None:
    handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _remove(folder: Path) -> None:
    """Remove a folder, read-only files and all."""

    def again(remove: Callable[[str], Any], name: str, _: Any) -> None:
        Path(name).chmod(stat.S_IRWXU)
        remove(name)

    if folder.exists():
        shutil.rmtree(folder, onerror=again)


def scaffold(name: str = "Flight delays", *, author: str = "Ana Brown") -> Project:
    """Make a project from the course's Cookiecutter template, with the layout that the deck draws.

    Cookiecutter is asked nothing, reads no settings from the home folder and leaves none there.

    Parameters
    ----------
    name : str
        What the project is called: letters, digits, spaces and hyphens, a letter first.
    author : str
        Who owns it.

    Returns
    -------
    Project
        Under version control, with one commit.

    Raises
    ------
    UsageError
        The name cannot become the name of a folder and package, or Git is not installed.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9 _-]*", name.strip()):
        fix = "use letters, digits, spaces and hyphens, a letter first"
        raise UsageError(f"{name!r} is no name for a project", fix=fix)
    from cookiecutter.main import cookiecutter

    home = Path(tempfile.mkdtemp(prefix="course-project-")).resolve()
    try:
        # Without a file of its own Cookiecutter would read ~/.cookiecutterrc and note its answers in the home folder.
        with tempfile.TemporaryDirectory(prefix="course-cookiecutter-") as notes:
            settings = Path(notes, "settings.json")  # JSON is YAML
            folders = {"cookiecutters_dir": f"{notes}/templates", "replay_dir": f"{notes}/replay"}
            settings.write_text(json.dumps(folders), encoding="utf-8")
            made = cookiecutter(
                str(tables.find("project_template")),
                no_input=True,
                extra_context={"name": name.strip(), "author": author},
                output_dir=str(home),
                config_file=str(settings),
            )
        project = Project(Path(made).name, Path(made))
        # The same bytes on every system, whatever Cookiecutter takes for this system's end of line.
        for file in project.files:
            project.write(file, project.read(file))
        _git(project, "init", "--quiet", "--initial-branch=main", "--template=")
        commit(project, "Start from the template")
    except BaseException:
        _remove(home)
        raise
    return project


def save(project: Project, rows: pd.DataFrame, file: str) -> None:
    """Save rows as CSV in a project; what is saved in data/raw can never be written again.

    Parameters
    ----------
    project : Project
        Where.
    rows : DataFrame
        What; its index is not written.
    file : str
        Its place, such as ``data/raw/flights_2013-07.csv``.

    Raises
    ------
    UsageError
        The file would lie outside the project, or is raw data and there already.
    """
    project.write(file, rows.to_csv(index=False, lineterminator="\n"))
    if file.startswith(_RAW):
        path = project._path(file)
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_WRITE)


def tree(project: Project) -> Page:
    """Draw the folders and files of `project`, with what each is for.

    Returns
    -------
    Page
        Shown by a notebook as it stands at the end of a cell.
    """
    holds = {place["path"].rstrip("/"): place.get("holds", "") for place in read_toml("structure.toml")["place"]}
    shown = sorted({*project.folders, *(file for file in project.files if not file.endswith("__init__.py"))})
    lines = [f"{project.name}/"]
    for path in shown:
        ancestors = ["/".join(path.split("/")[: depth + 1]) for depth in range(path.count("/") + 1)]
        *bars, corner = (_is_last(ancestor, shown) for ancestor in ancestors)
        branch = "".join("    " if last else "│   " for last in bars) + ("└── " if corner else "├── ")
        name = path.rpartition("/")[2] + ("/" if path in project.folders else "")
        lines.append(f"{branch + name:<34}{holds.get(path, '')}".rstrip())
    text = "\n".join(lines)
    return Page(f'<pre style="font-family: monospace; line-height: 1.3">{escape(text)}</pre>', text)


def _is_last(path: str, paths: Sequence[str]) -> bool:
    """Say whether no other path of the same folder comes after it."""
    folder = path.rpartition("/")[0]
    return not any(other > path and other.rpartition("/")[0] == folder for other in paths)


# --------------------------------------------------------------------------- tables


def roles() -> pd.DataFrame:
    """Return the deck's six roles: what each asks of a project, what it gets, and where that lies."""
    import pandas as pd

    return pd.DataFrame(read_toml("structure.toml")["role"]).set_index("role")


def alternatives() -> pd.DataFrame:
    """Return the deck's ways of arranging a project, and what each is today.

    Returns
    -------
    DataFrame, one row a way
        'is', 'today', 'what happened', 'since' and 'latest' (dates), and 'checked': the day when that was so.
    """
    import pandas as pd

    columns = ["name", "is", "today", "what_happened", "since", "latest", "checked"]
    return (
        pd.DataFrame(read_toml("structure.toml")["alternative"])[columns]
        .set_index("name")
        .rename(columns={"what_happened": "what happened"})
    )


def items_to_place() -> list[str]:
    """List the things of exercise 02.2, each of which has its place in the layout."""
    return [row["thing"] for row in read_toml("structure.toml")["02.2"]["thing"]]


# --------------------------------------------------------------------------- rules

#: Looks at a project and returns what is wrong with it: files, or short phrases; an empty list where all is well.
Rule = Callable[[Project], list[str]]


def folders_exist(project: Project) -> list[str]:
    """Return the places of the layout that `project` lacks."""
    places = [place["path"] for place in read_toml("structure.toml")["place"]]
    there = {*project.files, *(f"{folder}/" for folder in project.folders)}
    return [f"{place} is missing" for place in places if place not in there]


def raw_is_read_only(project: Project) -> list[str]:
    """Return the raw data of `project` that somebody could overwrite."""
    raw = [file for file in project.files if file.startswith("data/raw/")]
    return [file for file in raw if project.is_writable(file)]


def notebooks_are_named(project: Project) -> list[str]:
    """Return the notebooks of `project` not named by number, initials, subject: ``1.0-ab-what-it-is-about.ipynb``."""
    pattern = r"notebooks/\d+\.\d+-[a-z]{2,3}-[a-z0-9]+(-[a-z0-9]+)*\.ipynb"
    return [file for file in project.files if file.endswith(".ipynb") and not re.fullmatch(pattern, file)]


def logs_are_dated(project: Project) -> list[str]:
    """Return the logs of `project` that are not named by the time of their run, so that names do not sort by time."""
    pattern = r"\d{4}-\d\d-\d\dT\d{4}\.json"
    return [file for file in project.files if file.startswith(_RUNS) and not re.fullmatch(_RUNS + pattern, file)]


def tables_lie_in_data(project: Project) -> list[str]:
    """Return the tables, CSV or Parquet, that lie anywhere in `project` but in its folder data."""
    tables = [file for file in project.files if file.endswith((".csv", ".parquet"))]
    return [file for file in tables if not file.startswith("data/")]


#: The rules that a project starts with.
RULES: tuple[Rule, ...] = (folders_exist, raw_is_read_only, notebooks_are_named, logs_are_dated)


def lint(project: Project, rules: Sequence[Rule] = RULES) -> pd.DataFrame:
    """Hold a project to rules.

    Parameters
    ----------
    project : Project
        What is looked at.
    rules : sequence of functions
        Each takes the project and returns a list of what is wrong.

    Returns
    -------
    DataFrame, one row a finding
        'rule' (the function's name in words) and 'found'; empty where every rule is kept.

    Raises
    ------
    UsageError
        A rule is no function, or returns something else than a list of texts.
    """
    import pandas as pd

    rows = []
    for rule in rules:
        if not callable(rule):
            raise UsageError(f"{rule!r} is no rule", fix="pass functions that take a project")
        name = getattr(rule, "__name__", type(rule).__name__).replace("_", " ")
        found = rule(project)
        if not isinstance(found, list | tuple) or not all(isinstance(text, str) for text in found):
            problem = f"the rule {name!r} returns a {type(found).__name__}, not a list of texts"
            raise UsageError(problem, fix="return the list of what is wrong, empty if all is well")
        rows += [{"rule": name, "found": text} for text in found]
    return pd.DataFrame(rows, columns=["rule", "found"])


# --------------------------------------------------------------------------- runs


def record_run(project: Project, time: str, losses: Mapping[str, float]) -> None:
    """Log the losses of one training run, in a file that is named by its time.

    Parameters
    ----------
    project : Project
        Where; in reports/runs.
    time : str
        When it ran, to the minute, such as ``2013-12-02 09:30``.
    losses : mapping
        A number for each part, such as train, validation and test.

    Raises
    ------
    UsageError
        The time is none, a run of that minute is logged already, or a loss is no finite number.
    """
    try:
        moment = datetime.strptime(time, "%Y-%m-%d %H:%M")
    except (TypeError, ValueError):
        raise UsageError(f"{time!r} is no time", fix="write it as in 2013-12-02 09:30") from None
    import math

    for part, loss in losses.items():
        try:
            finite = math.isfinite(float(loss))
        except (TypeError, ValueError):
            finite = False
        if not finite:
            raise UsageError(f"the loss on {part} is {loss!r}", fix="log finite numbers")
    file = f"{_RUNS}{moment:%Y-%m-%dT%H%M}.json"
    if file in project.files:
        raise UsageError(f"a run of {time} is logged already", fix="give this run its own time")
    project.write(file, json.dumps({part: float(loss) for part, loss in losses.items()}, indent=1) + "\n")


def read_runs(project: Project) -> pd.DataFrame:
    """Read the logs of `project` in the order of time, the latest last.

    Returns
    -------
    DataFrame, one row a run
        The logged losses; the index is the time of the run.

    Raises
    ------
    DataError
        A log is not named by its time, so that nobody can say when it was written.
    """
    import pandas as pd

    if undated := logs_are_dated(project):
        raise DataError("the name of this log holds no time", file=undated[0], fix="name it as record_run does")
    logs = [file for file in project.files if file.startswith(_RUNS)]
    times = [datetime.strptime(PurePosixPath(file).stem, "%Y-%m-%dT%H%M").strftime("%Y-%m-%d %H:%M") for file in logs]
    return pd.DataFrame([json.loads(project.read(file)) for file in logs], index=pd.Index(times, name="run"))


# --------------------------------------------------------------------------- Git


def commit(project: Project, message: str) -> None:
    """Commit all that changed, by a fixed author at a fixed time.

    Parameters
    ----------
    project : Project
        Where.
    message : str
        What was done, in a line.

    Raises
    ------
    UsageError
        Nothing changed, the project's hook refuses (see `install_secret_hook`), or Git is not installed.
    """
    _git(project, "add", "--all")
    if not _git(project, "status", "--porcelain"):
        raise UsageError("there is nothing to commit", fix="change a file first")
    count = _git(project, "rev-list", "--count", "--all").strip()
    when = f"2013-12-01T12:{int(count or 0) % 60:02d}:00+00:00"
    dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
    _git(project, "commit", "--quiet", "--message", message, **dates)


#: Settings of the learner's and of the machine stay out: they could sign, hook, convert or ask.
_GIT_SETTINGS = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_AUTHOR_NAME": "Ana Brown",
    "GIT_AUTHOR_EMAIL": "ana@example.com",
    "GIT_COMMITTER_NAME": "Ana Brown",
    "GIT_COMMITTER_EMAIL": "ana@example.com",
    "LC_ALL": "C",
}


def _git(project: Project, *arguments: str, **settings: str) -> str:
    """Run Git in a project and return what it printed."""
    program = shutil.which("git")
    if program is None:
        raise UsageError("Git is not installed", fix="install it from git-scm.com")
    folder = project._folder
    around = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    around |= _GIT_SETTINGS | {"GIT_CEILING_DIRECTORIES": str(folder.parent)} | settings
    options = ["-c", "core.autocrlf=false", "-c", "core.quotePath=false", "-c", "gc.auto=0"]
    done = subprocess.run(
        [program, *options, *arguments], cwd=folder, env=around, capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        said = (done.stdout + done.stderr).strip().splitlines()
        if any(line.startswith(_REFUSED) for line in said):
            raise UsageError("; ".join(line for line in said if line.startswith(_REFUSED)), fix=_KEEP_OUT)
        raise UsageError(f"git {arguments[0]} failed: {said[-1] if said else 'no message'}", fix="look at the project")
    return done.stdout


# --------------------------------------------------------------------------- secrets

_REFUSED = "commit refused"
_KEEP_OUT = "take the key out of the file, withdraw it, and keep the new one in .env"
#: Detectors that take anything irregular for a secret: hashes, ids and the bytes of pictures are full of it.
_TOO_EAGER = ("Base64HighEntropyString", "HexHighEntropyString")


def secrets(project: Project) -> pd.DataFrame:
    """Scan the files of `project` with detect-secrets; whether a key works is not tried, so nothing is sent.

    Returns
    -------
    DataFrame, one row a secret
        'file', 'where' (cell or line), 'kind' and 'begins' (its first four characters: the table must not leak).

    Raises
    ------
    UsageError
        Something at the project's top has a colon in its name, which `Project.write` would have refused.
    """
    from detect_secrets.core.scan import scan_file

    found = []
    with _settings():
        for file in project.files:
            for secret in sorted(scan_file(str(project._path(file))), key=lambda secret: secret.line_number):
                where = _place(project.read(file), secret.secret_value) if file.endswith(".ipynb") else ""
                place = where or f"line {secret.line_number}"
                found.append((file, place, secret.type, _beginning(secret.secret_value)))
    return _table(found, ["file", "where", "kind", "begins"])


def secrets_in_history(project: Project) -> pd.DataFrame:
    """Scan what each commit of `project` added, with detect-secrets.

    Returns
    -------
    DataFrame, one row a secret and commit
        'commit' (its message), 'file', 'kind' and 'begins'.

    Raises
    ------
    UsageError
        Git is not installed.
    """
    found = []
    for number in _git(project, "rev-list", "--reverse", "HEAD").split():
        message = _git(project, "log", "-1", "--format=%s", number).strip()
        added = _git(project, "show", "--format=", "--no-color", "--unified=0", number)
        found += [(message, *secret) for secret in _added_secrets(added, there=False)]
    return _table(found, ["commit", "file", "kind", "begins"])


def install_secret_hook(project: Project) -> None:
    """Give `project` a Git hook that scans what is about to be committed and refuses a commit with a secret in it."""
    import sys

    hook = project._folder / ".git" / "hooks" / "pre-commit"
    hook.parent.mkdir(exist_ok=True)
    # Git runs hooks by its own shell on every system, and that shell wants / in paths.
    python = Path(sys.executable).as_posix()
    module = "from course_utils.develop.project_structure import _check_staged; _check_staged()"
    _put(hook, f'#!/bin/sh\nexec "{python}" -c "{module}"\n')
    hook.chmod(0o755)


def _check_staged() -> None:
    """Exit with 1 if what is staged in the present folder holds a secret; runs as a Git hook."""
    command = ["git", "diff", "--cached", "--no-color", "--unified=0"]
    staged = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    found = sorted({(file, kind) for file, kind, _ in _added_secrets(staged, there=True)})
    for file, kind in found:
        print(f"{_REFUSED}: {kind} in {file}")
    raise SystemExit(bool(found))


def _added_secrets(diff: str, *, there: bool) -> list[tuple[str, str, str]]:
    """Return file, kind and beginning of each secret that a diff adds; one that it takes away is no news."""
    from detect_secrets.core.scan import scan_diff

    with _settings(there=there):
        added = [secret for secret in scan_diff(diff) if secret.is_added]
    added.sort(key=lambda secret: (secret.filename, secret.line_number))
    return [(secret.filename, secret.type, _beginning(secret.secret_value)) for secret in added]


@contextmanager
def _settings(*, there: bool = True) -> Iterator[None]:
    """Choose detect-secrets' detectors; among its filters none asks the issuer of a key whether it is valid.

    Parameters
    ----------
    there : bool
        Whether the files that are scanned lie on disk: those of history need not, and must not be passed over.
    """
    from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
    from detect_secrets.settings import transient_settings

    known = {plugin.__name__ for plugin in get_mapping_from_secret_type_to_class().values()}
    with transient_settings({"plugins_used": [{"name": name} for name in sorted(known - {*_TOO_EAGER})]}) as settings:
        if not there:
            settings.disable_filters("detect_secrets.filters.common.is_invalid_file")
        yield


def _place(notebook: str, secret: str) -> str:
    """Say in which cell of a notebook a secret stands, and whether somebody wrote or printed it."""
    for number, cell in enumerate(json.loads(notebook)["cells"], start=1):
        if secret in "".join(cell["source"]):
            return f"cell {number}, code"
        if secret in json.dumps(cell.get("outputs", [])):
            return f"cell {number}, output"
    return ""


def _beginning(secret: str) -> str:
    return f"{secret[:4]}…"


def _table(rows: list[tuple[str, ...]], columns: list[str]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(dict.fromkeys(rows)), columns=columns)


# --------------------------------------------------------------------------- notebooks under review


@dataclass(frozen=True)
class Review:
    """What a reviewer is shown of one change to a notebook.

    Attributes
    ----------
    lines : tuple of str
        The lines taken away (-) and added (+), as Git shows them.
    """

    lines: tuple[str, ...]

    @property
    def changed(self) -> int:
        """How many lines there are to read."""
        return len(self.lines)

    def __repr__(self) -> str:
        return "\n".join(_shortened(self.lines))

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        colours = {"-": "#B42318", "+": "#1B6E3C"}
        look = "font-family: monospace; background: #f7f7f7; padding: 8px; line-height: 1.3"
        paint = '<span style="color: {}">{}</span>'.format
        rows = (paint(colours.get(line[0], "#555555"), escape(line)) for line in _shortened(self.lines))
        html = f'<pre style="{look}">{"<br>".join(rows)}</pre>'
        return {"text/html": html, "text/plain": str(self)}


_LONGEST, _MOST = 72, 40


def _shortened(lines: Sequence[str]) -> Iterator[str]:
    for line in lines[:_MOST]:
        yield line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
    if len(lines) > _MOST:
        yield f"… and {len(lines) - _MOST} more lines"


def review_last_change(project: Project, notebook: str, *, as_text: bool = False) -> Review:
    """Show what the last commit changed in a notebook.

    Parameters
    ----------
    project : Project
        Where it lies.
    notebook : str
        Its place, such as ``notebooks/1.0-ab-thresholds.ipynb``.
    as_text : bool
        Turn both versions into Python text by Jupytext first: code and prose, without outputs.

    Returns
    -------
    Review
        The changed lines.

    Raises
    ------
    UsageError
        The project's last commit and the one before do not both have the notebook.
    """
    import difflib

    try:
        old, new = (_git(project, "show", f"{commit}:{notebook}") for commit in ("HEAD~1", "HEAD"))
    except UsageError as error:
        problem = f"the last two commits do not both have {notebook!r}"
        raise UsageError(problem, fix="commit the notebook before and after its change") from error
    if as_text:
        old, new = _as_text(old), _as_text(new)
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    return Review(tuple(line for line in lines if not line.startswith(("---", "+++", "@@"))))


def _as_text(notebook: str) -> str:
    import jupytext

    return jupytext.writes(_read_notebook(notebook), fmt="py:percent")


def clear_outputs(project: Project, notebook: str) -> None:
    """Take the outputs out of a notebook.

    Parameters
    ----------
    project : Project
        Where it lies.
    notebook : str
        Its place, such as ``notebooks/1.0-ab-thresholds.ipynb``.

    Raises
    ------
    UsageError
        There is no such notebook in the project.
    """
    book = _read_notebook(project.read(notebook))
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    project.write(notebook, _write_notebook(book))


def _read_notebook(text: str) -> Any:
    import nbformat

    return nbformat.reads(text, as_version=4)


def _write_notebook(book: Any) -> str:
    import nbformat

    return nbformat.writes(book, indent=1) + "\n"


# --------------------------------------------------------------------------- a project that somebody left behind

#: The colleague's notebooks: one on who is warned, and one that printed a key.
THRESHOLDS = "notebooks/2.0-kl-who-is-warned.ipynb"
WEATHER = "notebooks/Untitled3.ipynb"


def inherited_project(rows: pd.DataFrame) -> Project:
    """Make the project that a colleague left behind: the template's, after a year without rules.

    Raw data can be overwritten, tables lie about, notebooks and logs are named as it came, a key stands in an output.

    Parameters
    ----------
    rows : DataFrame
        Some flights, in the deck's columns; they become its data.

    Returns
    -------
    Project
        Under version control, with three commits.

    Raises
    ------
    UsageError
        There are no rows, or Git is not installed.
    """
    if not len(rows):
        raise UsageError("a project without flights", fix="pass a few rows")
    project = scaffold("Delays final", author="Kim Lee")
    for file in ("README.md", "requirements.txt"):
        project._path(file).unlink()
    _remove(project._path("references"))
    text = rows.head(100).to_csv(index=False, lineterminator="\n")
    for file in ("data/raw/july.csv", "src/data/july_clean.csv", "predictions.csv"):
        _put(project._path(file), text)
    for number in (8, 9, 10, 11):
        project.write(f"{_RUNS}run_{number}.log", f"run {number}\n")
    project.write(WEATHER, _write_notebook(_weather_notebook()))
    commit(project, "First look at the weather")
    set_threshold(project, rows, 0.25)
    commit(project, "Who is warned")
    return project


def _weather_notebook() -> Any:
    """Make a notebook that printed the environment of its process, keys and all."""
    from nbformat import v4

    # AWS's own documentation uses this pair as its example; it never worked. In pieces, so that no scanner of the
    # course's own repository takes it for a leak.
    key, secret = "AKIA" + "IOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG" + "/bPxRfiCYEXAMPLEKEY"
    printed = f"HOME=/home/kim\nAWS_ACCESS_KEY_ID={key}\nAWS_SECRET_ACCESS_KEY={secret}\nLANG=en_US.UTF-8\n"
    cells = [
        v4.new_markdown_cell("# Why is the weather not loading?", id="why"),
        v4.new_code_cell(
            "import os\n\nfor name, value in os.environ.items():\n    print(f'{name}={value}')",
            id="environment",
            execution_count=7,
            outputs=[v4.new_output("stream", name="stdout", text=printed)],
        ),
    ]
    return v4.new_notebook(cells=cells, metadata=_PYTHON)


_PYTHON = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def set_threshold(project: Project, rows: pd.DataFrame, probability: float) -> None:
    """Set the threshold in the colleague's notebook on warnings, and run it again.

    Parameters
    ----------
    project : Project
        The one that `inherited_project` made.
    rows : DataFrame
        Flights in the deck's columns.
    probability : float
        From which share of late flights on an hour's passengers are warned, from 0 to 1.

    Raises
    ------
    UsageError
        The probability is none.
    """
    from nbformat import v4

    if not 0 <= probability <= 1:
        raise UsageError(f"{probability!r} is no probability", fix="pass a number from 0 to 1")
    by_hour = (rows["DepDelay"] >= 15).groupby(rows["CRSDepTime"] // 100).mean().rename("share late").to_frame()
    warned = by_hour[by_hour["share late"] >= probability].rename_axis("hour").round(3)
    count = 1 if not project._path(THRESHOLDS).exists() else 12  # run again later in the day, in the same session
    table = {"text/plain": warned.to_string(), "text/html": warned.to_html()}
    drawn = _drawn(by_hour["share late"], probability)
    picture = {"text/plain": "<Figure size 400x200 with 1 Axes>", "image/png": drawn}
    cells = [
        v4.new_markdown_cell("# Who is warned?", id="title"),
        v4.new_code_cell(f"warn_from = {probability:.2f}", id="threshold", execution_count=count),
        v4.new_code_cell(
            "by_hour[by_hour['share late'] >= warn_from]",
            id="table",
            execution_count=count + 1,
            outputs=[v4.new_output("execute_result", table, execution_count=count + 1)],
        ),
        v4.new_code_cell(
            "draw(by_hour, warn_from)",
            id="picture",
            execution_count=count + 2,
            outputs=[v4.new_output("display_data", picture)],
        ),
    ]
    project.write(THRESHOLDS, _write_notebook(v4.new_notebook(cells=cells, metadata=_PYTHON)))


def _drawn(shares: pd.Series, threshold: float) -> str:
    """Draw a share for each hour with a line at the threshold; return the picture as notebooks store it."""
    import base64
    import io

    from matplotlib.figure import Figure

    fig = Figure(figsize=(4, 2))
    ax = fig.add_subplot()
    ax.bar(shares.index, shares)
    ax.axhline(threshold)
    picture = io.BytesIO()
    fig.savefig(picture, format="png", dpi=60, metadata={"Software": None})
    return base64.b64encode(picture.getvalue()).decode() + "\n"
