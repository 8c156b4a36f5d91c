"""Conda and other tools that manage environments: commands, exports, and an environment.yml made from a lock."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils import tables
from course_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["conda_commands", "conda_export", "environment_tools", "environment_yml"]


def conda_commands() -> pd.DataFrame:
    """Return the deck's conda commands, today's commands, and why they changed.

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


def conda_export() -> dict[str, Any]:
    """Return an environment as conda exports it on macOS: lines for conda, lines for pip, and direct dependencies.

    Examples
    --------
    >>> environments.conda_export()["conda"][0]
    'appnope=0.1.4=pyhd8ed1ab_1'
    """
    table = tables.read_toml("environments.toml")["exported"]
    return {"conda": table["lines"], "pip": table["pip"], "asked for": table["asked"]}


def _frame(name: str, index: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(tables.read_toml("environments.toml")[name]).set_index(index)


def environment_yml(
    versions: Mapping[str, str],
    *,
    name: str,
    python: str = "3.11",
    pip: Sequence[str] = (),
    channels: Sequence[str] = ("conda-forge", "nodefaults"),
) -> str:
    """Return the text of conda's environment.yml with the versions of a lock.

    Parameters
    ----------
    versions : mapping of str to str
        Version by package name, such as ``Locked.pins``, at least one.
    name : str
        The environment's name: letters, digits, dots and hyphens.
    python : str
        Python version to install, such as ``"3.11"``.
    pip : sequence of str
        Packages of `versions` that conda's channels do not have; pip installs them.
    channels : sequence of str
        Channels to search, in this order; ``nodefaults`` excludes the channels of your own settings.

    Raises
    ------
    UsageError
        `versions` is empty, a package for pip has no version, or the name is not valid.

    Examples
    --------
    >>> print(environments.environment_yml({"numpy": "2.4.6"}, name="delays", channels=["conda-forge"]))
    name: delays
    channels:
      - conda-forge
    dependencies:
      - python=3.11
      - pip
      - numpy=2.4.6
    """
    if not re.fullmatch(r"[\w.-]+", name):
        raise UsageError(f"{name!r} is not a valid environment name", fix="use letters, digits, dots and hyphens")
    if not versions:
        raise UsageError("versions is empty", fix="pass the versions of a lock, such as Locked.pins")
    if unknown := [package for package in pip if package not in versions]:
        raise UsageError(f"{unknown[0]!r} has no version", fix=f"choose from {', '.join(versions)}")
    lines = [f"name: {name}", "channels:", *(f"  - {channel}" for channel in channels), "dependencies:"]
    lines += [f"  - python={python}", "  - pip"]
    lines += [f"  - {package}={version}" for package, version in versions.items() if package not in pip]
    if pip:
        lines += ["  - pip:", *(f"      - {package}=={versions[package]}" for package in pip)]
    return "\n".join(lines) + "\n"
