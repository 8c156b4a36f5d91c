"""Tables of lesson 05 and the course's own lock: conda, other tools, causes of failure, what no lock can pin."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from course_utils import tables
from course_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["conda_commands", "copy_course_lock", "environment_tools", "failure_causes", "unpinnable"]

_COURSE = "deploying-ml-models"  # the course's own entry in its lock


def conda_commands() -> pd.DataFrame:
    """Return the deck's conda commands, today's commands, what these print, and why they changed.

    Examples
    --------
    >>> environments.conda_commands()["today"].iloc[0]
    'conda env create --file environment.yml'
    """
    return _frame("command", "task")


def environment_tools() -> pd.DataFrame:
    """Return tools that manage environments: language, file with requirements, lock file, and state today.

    Examples
    --------
    >>> environments.environment_tools().loc["uv", "locks"]
    'uv.lock'
    """
    return _frame("tool", "name")


def unpinnable() -> pd.DataFrame:
    """Return what no lock can pin, with an example and a remedy.

    Examples
    --------
    >>> environments.unpinnable().loc["number of threads", "example"]
    'a sum is split into different shares'
    """
    return _frame("unpinned", "what")


def failure_causes() -> pd.DataFrame:
    """Return possible causes of a broken environment: name and meaning.

    Examples
    --------
    >>> environments.failure_causes().loc["missing package", "meaning"]
    'the program imports a package that is not in the requirements'
    """
    import pandas as pd

    return pd.DataFrame({"meaning": tables.read_toml("environments.toml")["causes"]}).rename_axis("cause")


def _frame(name: str, index: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(tables.read_toml("environments.toml")[name]).set_index(index)


def copy_course_lock(folder: str | Path) -> None:
    """Copy the course's own ``pyproject.toml`` and ``uv.lock`` into a new folder ``course`` below `folder`.

    Raises
    ------
    UsageError
        There is no lock of the course beside its code, in the working folder or in a folder above it.
    """
    # An installed package may be outside the clone that has the lock: then look around the notebook.
    here = Path.cwd()
    for root in (tables.checkout(), here, *here.parents):
        if _is_course(root):
            target = Path(folder) / "course"
            target.mkdir(exist_ok=True)
            for name in ("pyproject.toml", "uv.lock"):
                shutil.copyfile(root / name, target / name)
            return
    raise UsageError("the course's uv.lock was not found", fix="open the lesson inside the course's repository")


def _is_course(root: Path) -> bool:
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return project.get("project", {}).get("name") == _COURSE and (root / "uv.lock").is_file()
