"""Scratch projects under Git: made from the course's template, written, read and committed.

Each `Project` is in a temporary folder of its own, which is deleted with it. Git runs with a fixed author and clock and
reads no settings of this machine; no command needs the network.
"""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import tempfile
import weakref
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from course_utils import tables
from course_utils.develop.git import commit_dates, git_environment, git_program, remove_tree
from course_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RAW", "REFUSED", "RUNS", "Project", "commit", "put_file", "run_git", "save", "scaffold"]

RAW = "data/raw/"  #: the folder for data as they arrived: written once, then read-only
RUNS = "reports/runs/"  #: the folder for logs of training runs
REFUSED = "commit refused"  #: the words that each line of the secret hook's output begins with
_WRITE = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


# --------------------------------------------------------------------------- files


@dataclass(frozen=True, eq=False)
class Project:
    """A project in a temporary folder, which is deleted with this object, at the latest when Python ends.

    Attributes
    ----------
    name : str
        The name of the project's folder.
    """

    name: str
    _folder: Path = field(repr=False)

    def __post_init__(self) -> None:
        weakref.finalize(self, remove_tree, self._folder.parent)

    @property
    def files(self) -> list[str]:
        """The project's files in alphabetical order, such as ``src/data/make_dataset.py``, without Git's own."""
        found = (path.relative_to(self._folder) for path in self._folder.rglob("*") if path.is_file())
        return sorted(path.as_posix() for path in found if path.parts[0] != ".git" and path.name != ".gitkeep")

    @property
    def folders(self) -> list[str]:
        """The project's folders in alphabetical order, such as ``src/data``."""
        found = (path.relative_to(self._folder) for path in self._folder.rglob("*") if path.is_dir())
        return sorted(path.as_posix() for path in found if path.parts[0] != ".git")

    def read(self, file: str) -> str:
        """Return the text of `file`, one of `files`.

        Raises
        ------
        UsageError
            There is no such file in the project.
        """
        return self._existing(file).read_text(encoding="utf-8")

    def is_writable(self, file: str) -> bool:
        """Return whether the permissions of `file` let anyone write to it (an administrator always can).

        Raises
        ------
        UsageError
            There is no such file in the project.
        """
        return bool(self._existing(file).stat().st_mode & _WRITE)

    def write(self, file: str, text: str) -> None:
        """Write a file atomically; a file in data/raw cannot be written a second time.

        Parameters
        ----------
        file : str
            Path within the project, such as ``docs/model-card.md``; missing folders are created.
        text : str
            The whole new content of the file, saved as UTF-8.

        Raises
        ------
        UsageError
            The path leads out of the project, or names raw data that exist already.
        """
        path = self._path(file)
        if file.startswith(RAW) and path.exists():
            raise UsageError(
                f"{file} is raw data and exists already",
                fix="never change raw data: save derived data in data/interim",
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        put_file(path, text)

    def _existing(self, file: str) -> Path:
        path = self._path(file)
        if not path.is_file():
            raise UsageError(f"{self.name} has no file {file!r}", fix="choose one of project.files")
        return path

    def _path(self, file: str) -> Path:
        """Return the full path of a file; raises UsageError where it would be outside the project or in .git."""
        pure = PurePosixPath(str(file).replace("\\", "/"))
        outside = pure.is_absolute() or not pure.parts or ".." in pure.parts or ":" in pure.parts[0]
        if outside or pure.parts[0] == ".git":
            raise UsageError(
                f"{file!r} is not in the project", fix="pass a path within the project, such as data/raw/a.csv"
            )
        return self._folder.joinpath(*pure.parts)


def put_file(path: Path, text: str) -> None:
    """Write `text` to `path` atomically: to a temporary file first, which is then renamed."""
    handle, name = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        temporary.chmod(0o644)  # mkstemp lets only its owner read
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def scaffold(name: str = "Flight delays", *, author: str = "Ana Brown") -> Project:
    """Create a project from the course's Cookiecutter template, with the layout of the deck.

    Cookiecutter asks no question, and neither reads nor writes settings in your home folder.

    Parameters
    ----------
    name : str
        The project's title: letters, digits, spaces and hyphens, starting with a letter.
    author : str
        The owner's name, written to LICENSE and ``pyproject.toml``.

    Returns
    -------
    Project
        Under Git, with one commit.

    Raises
    ------
    UsageError
        The name cannot be turned into a folder and package name, or Git is not installed.
    """
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z][A-Za-z0-9 _-]*", name.strip()):
        fix = "use letters, digits, spaces and hyphens, starting with a letter"
        raise UsageError(f"{name!r} is not a valid project name", fix=fix)
    from cookiecutter.main import cookiecutter

    home = Path(tempfile.mkdtemp(prefix="course-project-")).resolve()
    try:
        # Without a settings file Cookiecutter would read ~/.cookiecutterrc and save its answers in your home folder.
        with tempfile.TemporaryDirectory(prefix="course-cookiecutter-") as notes:
            settings = Path(notes, "settings.json")  # it expects YAML, of which JSON is a part
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
        # Cookiecutter writes this system's line ends: write the files again, to have the same bytes everywhere.
        for file in project.files:
            project.write(file, project.read(file))
        run_git(project, "init", "--quiet", "--initial-branch=main", "--template=")
        commit(project, "Start from the template")
    except BaseException:
        remove_tree(home)
        raise
    return project


def save(project: Project, rows: pd.DataFrame, file: str) -> None:
    """Save a table as CSV in a project; a file in data/raw becomes read-only.

    Parameters
    ----------
    project : Project
        The project that gets the file.
    rows : DataFrame
        The table; its index is not saved.
    file : str
        As for `Project.write`, such as ``data/raw/flights_2013-07.csv``.

    Raises
    ------
    UsageError
        The path leads out of the project, or names raw data that exist already.
    """
    project.write(file, rows.to_csv(index=False, lineterminator="\n"))
    if file.startswith(RAW):
        path = project._path(file)
        path.chmod(stat.S_IMODE(path.stat().st_mode) & ~_WRITE)


# --------------------------------------------------------------------------- Git


def commit(project: Project, message: str) -> None:
    """Commit all changes of `project` with a one-line `message`; author and time are fixed.

    Raises
    ------
    UsageError
        Nothing changed, the secret hook refuses (see `install_secret_hook`), or Git is not installed.
    """
    run_git(project, "add", "--all")
    if not run_git(project, "status", "--porcelain"):
        raise UsageError("there is nothing to commit", fix="change a file first")
    # One minute per commit, so that the log is in order and each commit id is the same on every machine.
    count = int(run_git(project, "rev-list", "--count", "--all").strip() or 0)
    dates = commit_dates(datetime(2013, 12, 1, 12, count % 60))
    run_git(project, "commit", "--quiet", "--message", message, **dates)


def run_git(project: Project, *arguments: str, **variables: str) -> str:
    """Run Git in a project and return its standard output.

    Parameters
    ----------
    project : Project
        The project in whose folder Git runs.
    *arguments : str
        The command, such as ``"status", "--porcelain"``.
    **variables : str
        Environment variables in addition to those of `git_environment`.

    Raises
    ------
    UsageError
        The command failed, or Git is not installed.
    """
    folder = project._folder
    environment = git_environment(folder.parent, name="Ana Brown", email="ana@example.com")
    done = subprocess.run(
        [git_program(), *arguments],
        cwd=folder,
        env=environment | variables,
        capture_output=True,
        text=True,
        encoding="utf-8",
    )
    if done.returncode:
        output = (done.stdout + done.stderr).strip().splitlines()
        if refusals := [line for line in output if line.startswith(REFUSED)]:
            fix = "take the key out of the file, revoke it, and keep the new one in .env"
            raise UsageError("; ".join(refusals), fix=fix)
        reason = output[-1] if output else "no message"
        raise UsageError(f"git {arguments[0]} failed: {reason}", fix="check the project's files and its last commits")
    return done.stdout
