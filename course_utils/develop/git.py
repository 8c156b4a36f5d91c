"""Git in scratch repositories, apart from the settings of this machine.

Your own Git settings could sign commits, run hooks, convert line ends or ask for a password. The lessons' repositories
read none of them and have a fixed author and clock, so that their output is the same on every machine.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

from course_utils.errors import UsageError

__all__ = ["commit_dates", "git_environment", "git_program", "remove_tree"]

_SETTINGS = {
    "init.defaultBranch": "main",
    "advice.detachedHead": "false",
    "core.autocrlf": "false",  # the same bytes on Windows
    "core.quotePath": "false",  # 'é' in a file name, not an escape sequence
    "gc.auto": "0",  # no background process that still writes while the folder is deleted
}


def git_program() -> str:
    """Return the path of the ``git`` program.

    Raises
    ------
    UsageError
        Git is not installed, or not on the PATH.
    """
    program = shutil.which("git")
    if program is None:
        raise UsageError("Git is not installed", fix="install it from https://git-scm.com")
    return program


def git_environment(root: Path, *, name: str, email: str) -> dict[str, str]:
    """Return the environment variables for Git: this process's own, without its Git settings.

    Parameters
    ----------
    root : Path
        Git does not search for a repository in this folder or above it.
    name, email : str
        Author and committer of every commit.

    Examples
    --------
    >>> variables = git.git_environment(Path("scratch"), name="Ana", email="ana@example.com")
    >>> variables["GIT_AUTHOR_NAME"], variables["GIT_CONFIG_KEY_0"], variables["GIT_CONFIG_VALUE_0"]
    ('Ana', 'init.defaultBranch', 'main')
    """
    inherited = {variable: value for variable, value in os.environ.items() if not variable.startswith("GIT_")}
    settings = {"GIT_CONFIG_COUNT": str(len(_SETTINGS))}
    for number, (key, value) in enumerate(_SETTINGS.items()):
        settings |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    for role in ("AUTHOR", "COMMITTER"):
        settings |= {f"GIT_{role}_NAME": name, f"GIT_{role}_EMAIL": email}
    return inherited | settings | {
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CEILING_DIRECTORIES": str(root),
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",  # messages in English, whatever this machine speaks
    }  # fmt: skip


def commit_dates(moment: datetime) -> dict[str, str]:
    """Return the environment variables that date a commit at `moment`, a time in UTC.

    Examples
    --------
    >>> git.commit_dates(datetime(2013, 12, 1, 12))["GIT_AUTHOR_DATE"]
    '2013-12-01T12:00:00+00:00'
    """
    stamp = f"{moment:%Y-%m-%dT%H:%M:%S}+00:00"
    return {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp}


def remove_tree(folder: Path) -> None:
    """Delete a `folder` with everything in it, read-only files too; what cannot be deleted is left."""

    def unprotect_and_retry(function: Any, path: str, _: Any) -> None:
        with contextlib.suppress(OSError):
            Path(path).chmod(0o700)
            function(path)

    # Git and DVC write their objects read-only, which stops rmtree on Windows.
    if folder.exists():
        shutil.rmtree(folder, onerror=unprotect_and_retry)
