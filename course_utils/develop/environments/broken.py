"""Three projects that do not work, to diagnose and fix in lesson 05, and the check that a fix works."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from course_utils import tables
from course_utils.develop.environments.package_index import write_index
from course_utils.errors import UsageError

__all__ = ["Attempt", "try_fix", "write_projects"]

_SECONDS = 120  # far more than any step needs: a program that hangs must not block the lesson


@dataclass(frozen=True)
class Attempt:
    """The outcome of building a project's environment and running its program.

    Attributes
    ----------
    works : bool
        Whether the program ran without an error.
    resolved : bool
        Whether there were versions that satisfy all requirements.
    said : str
        The last line of the program's output, or the error.
    """

    works: bool
    resolved: bool
    said: str


def write_projects(folder: str | Path) -> None:
    """Write three projects below `folder`, in place of earlier ones: ``clock``, ``closure`` and ``model``."""
    for case in _cases().values():
        shutil.rmtree(Path(folder) / case["name"], ignore_errors=True)
        _write_project(Path(folder), case, case["requirements"], ())


def try_fix(name: str, lines: str | Sequence[str], *, until: str = "today") -> Attempt:
    """Build one of the three projects with other requirements in a temporary folder, and run its program.

    Parameters
    ----------
    name : {'clock', 'closure', 'model'}
        The project.
    lines : str or sequence of str
        Requirements such as ``"flightclock<2"``. They replace the project's dependencies, or are its overrides if that
        is what the project has to change (see `write_projects`).
    until : str
        As for `write_index`.

    Raises
    ------
    UsageError
        There is no such project, a line is not a requirement, or uv is not installed.

    Examples
    --------
    >>> environments.try_fix("clock", "flightclock").said
    "AttributeError: 'int' object has no attribute 'split'"
    """
    cases = _cases()
    if name not in cases:
        raise UsageError(f"there is no project {name!r}", fix=f"choose one of {', '.join(cases)}")
    case, given = cases[name], _requirements(lines)
    dependencies, overrides = (case["requirements"], given) if case["fix"] == "override" else (given, ())
    with tempfile.TemporaryDirectory(prefix="course-environment-", ignore_cleanup_errors=True) as made:
        folder = Path(made).resolve()
        write_index(folder, until)
        _write_project(folder, case, dependencies, overrides)
        return _run(folder, case)


def _cases() -> dict[str, dict[str, Any]]:
    return {case["name"]: case for case in tables.read_toml("environments.toml")["case"]}


def _requirements(lines: str | Sequence[str]) -> tuple[str, ...]:
    """Return requirements as a tuple; raises UsageError where one has no name, or an address."""
    from packaging.requirements import InvalidRequirement, Requirement

    listed = [lines] if isinstance(lines, str) else list(lines)
    for line in listed:
        try:
            readable = isinstance(line, str) and not Requirement(line).url
        except InvalidRequirement:
            readable = False
        if not readable:
            raise UsageError(
                f"{line!r} is not a requirement", fix="write a name and a version, such as 'flightclock>=1'"
            )
    if not listed:
        raise UsageError("there are no requirements", fix="name at least one package")
    return tuple(listed)


def _write_project(
    folder: Path, case: Mapping[str, Any], dependencies: Sequence[str], overrides: Sequence[str]
) -> None:
    """Write a project's files; TOML's lists of texts are written as JSON's."""
    project = folder / case["name"]
    project.mkdir()
    settings = f'[project]\nname = {json.dumps(case["name"])}\nversion = "1.0"\nrequires-python = ">=3.11"\n'
    settings += f"dependencies = {json.dumps(list(dependencies))}\n"
    if overrides:
        settings += f"\n[tool.uv]\noverride-dependencies = {json.dumps(list(overrides))}\n"
    settings += '\n[[tool.uv.index]]\nurl = "../index"\ndefault = true\n'
    files = {"pyproject.toml": settings, case["file"]: case["program"].lstrip()}
    for name, text in files.items():
        (project / name).write_text(text, encoding="utf-8", newline="\n")
    if "fitted" in case:
        _write_model(project, case["fitted"])


def _write_model(project: Path, fitted: Mapping[str, Any]) -> None:
    """Write a model as it was pickled with an older version of its package, and its card."""
    releases = tables.read_toml("environments.toml")["release"]
    [source] = [one["module"] for one in releases if (one["name"], one["version"]) == ("latemodel", fitted["version"])]
    module = ModuleType("latemodel")
    exec(source, module.__dict__)
    before = sys.modules.get("latemodel")
    sys.modules["latemodel"] = module  # pickle looks the class up by the name of its module
    try:
        content = pickle.dumps(module.HourTable(fitted["shares"]))
    finally:
        if before is None:
            del sys.modules["latemodel"]
        else:
            sys.modules["latemodel"] = before
    (project / "model.pkl").write_bytes(content)
    card = {"fitted with": {"latemodel": fitted["version"]}, "late at hour 19": fitted["shares"][19]}
    (project / "card.json").write_text(json.dumps(card) + "\n", encoding="utf-8", newline="\n")


def _run(folder: Path, case: Mapping[str, Any]) -> Attempt:
    """Run a project's program with uv: without the network, and without settings of this machine."""
    isolated = ["--offline", "--no-python-downloads", "--python", sys.executable, "--cache-dir", "../cache"]
    command = [_uv(), "run", "--quiet", *isolated, "--no-progress", "--color", "never", case["file"]]
    foreign = ("UV_", "PIP_", "CONDA_", "PYTHON", "VIRTUAL_ENV", "XDG_")
    around = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    around |= {"PYTHONUTF8": "1", "HOME": str(folder), "APPDATA": str(folder)}
    try:
        done = subprocess.run(
            command,
            cwd=folder / case["name"],
            env=around,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        problem = f"uv did not finish within {_SECONDS} s"
        raise UsageError(problem, fix="run the cell again when this machine is less busy") from error
    lines = (done.stderr if done.returncode else done.stdout).strip().splitlines() or ["no message"]
    traceback = "Traceback (most recent call last)" in done.stderr
    said = lines[-1] if traceback or not done.returncode else re.sub(r"^\W*error:\s*", "", lines[0])
    return Attempt(not done.returncode, "No solution found" not in done.stderr, said)


def _uv() -> str:
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):  # conda's uv is a program without a Python package
        found = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if found is None:
        raise UsageError("uv is not installed", fix="`pip install uv`, or run `course doctor`")
    return found
