"""Resolve, lock, install and compare environments, with uv and the course's own package index.

Each environment is built in a temporary folder that is deleted when the call returns. uv runs without the network and
without your own settings.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.develop.environments.package_index import package_index
from course_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Built",
    "Locked",
    "build",
    "compare_environments",
    "fingerprint",
    "install",
    "parse_requirements",
    "resolve",
    "resolve_in",
    "run_python",
    "uv_program",
]


_SECONDS = 120  # far more than any step needs: a program that hangs must not block the lesson


@dataclass(frozen=True)
class Locked:
    """The versions that the resolver chose, with the hash of each file.

    Attributes
    ----------
    text : str
        A requirements file with hashes, from which pip and uv can install.
    pins : dict of str to str
        Version by package name.
    """

    text: str
    pins: dict[str, str]

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Built:
    """The packages found in an installed environment.

    Attributes
    ----------
    pins : dict of str to str
        Installed version by package name, as ``pip freeze`` lists them.
    hashes : dict of str to str
        SHA-256 of each package's files, by package name.
    """

    pins: dict[str, str]
    hashes: dict[str, str]

    @property
    def digest(self) -> str:
        """The SHA-256 of all names, versions and files together."""
        text = "".join(f"{name}=={self.pins[name]} {self.hashes[name]}\n" for name in sorted(self.pins))
        return hashlib.sha256(text.encode()).hexdigest()

    def __repr__(self) -> str:
        return "\n".join(f"{name}=={self.pins[name]} {self.hashes[name][:12]}" for name in sorted(self.pins))


def resolve(
    requirements: str | Sequence[str], *, overrides: str | Sequence[str] = (), until: str | None = None
) -> Locked:
    """Return the versions that uv chooses from the course's package index, as a lock.

    Parameters
    ----------
    requirements : str or sequence of str
        Requirements such as ``"flightclock<2"``, one a line; at least one.
    overrides : str or sequence of str
        Requirements that replace those of the packages. Default: none.
    until : str, optional
        A month, such as ``"2026-03"``; later releases do not exist yet. Default: the lesson's today.

    Raises
    ------
    UsageError
        A line is not a requirement, `until` is not a month, uv is not installed, or no versions satisfy all
        requirements: then the message is the resolver's own explanation.

    Examples
    --------
    >>> environments.resolve("flightclock").pins, environments.resolve("flightclock<2").pins
    ({'flightclock': '2.0'}, {'flightclock': '1.0'})
    """
    asked, forced = parse_requirements(requirements), parse_requirements(overrides, least=0)
    with package_index(until) as folder:
        return resolve_in(folder, asked, forced)


def build(locked: Locked, *, hotfix: str | None = None, swapped: str | None = None) -> Built:
    """Build an environment from a lock in a temporary folder, hash its files, and delete it.

    Parameters
    ----------
    locked : Locked
        The lock, as returned by `resolve`.
    hotfix : str, optional
        A package whose code is edited by hand after the installation.
    swapped : str, optional
        A package whose file is replaced in the package index, under the same version, before the installation.

    Raises
    ------
    UsageError
        The lock does not have the package, or uv refuses to install: then the message is uv's own explanation.

    Examples
    --------
    >>> locked = environments.resolve("flightclock<2")
    >>> environments.build(locked) == environments.build(locked, hotfix="flightclock")
    False
    """
    if not isinstance(locked, Locked):
        raise UsageError(
            f"locked is a {type(locked).__name__}, not a lock", fix="pass what environments.resolve returned"
        )
    for name in (hotfix, swapped):
        if name is not None and name not in locked.pins:
            raise UsageError(f"the lock has no package {name!r}", fix=f"choose one of {', '.join(locked.pins)}")
    # The lock alone decides which versions are installed: all releases are offered.
    with package_index("9999-12", swapped=swapped) as folder:
        install(folder, locked)
        if hotfix is not None:
            module = _site(folder) / f"{hotfix.replace('-', '_')}.py"
            module.write_text(module.read_text(encoding="utf-8") + "# quick fix on the server\n", encoding="utf-8")
        return fingerprint(_site(folder))


def fingerprint(folder: str | os.PathLike[str]) -> Built:
    """Return name, version and SHA-256 of each package that is installed in a `folder`, a ``site-packages``.

    Raises
    ------
    UsageError
        There is no such folder.
    """
    if not Path(folder).is_dir():
        raise UsageError(f"there is no folder {Path(folder).name!r}", fix="pass an environment's site-packages")
    versions, hashes = {}, {}
    for package in distributions(path=[os.fspath(folder)]):
        name = package.metadata["Name"].lower().replace("_", "-")
        digest = hashlib.sha256()
        for file in sorted(package.files or (), key=str):
            if _is_content(file):
                path = Path(file.locate())
                # Zero bytes separate names from contents, so that no two different packages give the same bytes.
                digest.update(f"{file}\0".encode() + (path.read_bytes() if path.is_file() else b"missing") + b"\0")
        versions[name], hashes[name] = package.version, digest.hexdigest()
    return Built(versions, hashes)


def _is_content(file: Any) -> bool:
    """Return whether a file is part of the package, and not written by the installer: records, scripts, caches."""
    record = file.parts[0].endswith(".dist-info") and file.name != "METADATA"
    return not record and file.parts[0] != ".." and file.suffix != ".pyc"


def compare_environments(one: Built, other: Built) -> pd.DataFrame:
    """Compare two environments, `one` and `other`, package by package.

    Returns
    -------
    DataFrame, one row a package
        'here' and 'there' (versions; None if it is not installed), 'same version' and 'same files'.

    Raises
    ------
    UsageError
        An argument is not an environment.

    Examples
    --------
    >>> mine = environments.Built({"numpy": "2.4.6"}, {"numpy": "6bec"})
    >>> yours = environments.Built({"numpy": "2.4.6"}, {"numpy": "03f0"})
    >>> environments.compare_environments(mine, yours)[["same version", "same files"]]
             same version  same files
    package
    numpy            True       False
    """
    import pandas as pd

    for environment in (one, other):
        if not isinstance(environment, Built):
            raise UsageError(
                f"a {type(environment).__name__} is not an environment", fix="pass what environments.build returned"
            )
    names = sorted({*one.pins, *other.pins})
    rows = {
        name: {
            "here": one.pins.get(name),
            "there": other.pins.get(name),
            "same version": one.pins.get(name) == other.pins.get(name),
            "same files": one.hashes.get(name) == other.hashes.get(name),
        }
        for name in names
    }
    columns = ["here", "there", "same version", "same files"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("package")


def parse_requirements(lines: str | Sequence[str], *, least: int = 1) -> tuple[str, ...]:
    """Return requirements as a tuple, one an entry, without comments.

    Parameters
    ----------
    lines : str or sequence of str
        Requirements with names and versions, one a line; addresses are refused, since nothing is downloaded.
    least : int
        The smallest number of requirements that is accepted.

    Raises
    ------
    UsageError
        A line is not a requirement, or there are fewer than `least`.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    if isinstance(lines, str):
        lines = lines.splitlines()
    if not isinstance(lines, Sequence) or not all(isinstance(line, str) for line in lines):
        raise UsageError("requirements must be text", fix="pass one line such as 'flightclock<2', or a list of lines")
    kept = [text for line in lines if (text := line.split("#")[0].strip())]
    for line in kept:
        try:
            readable = not Requirement(line).url
        except InvalidRequirement:
            readable = False
        if not readable:
            raise UsageError(
                f"{line!r} is not a requirement", fix="write a name and a version, such as 'flightclock<2'"
            )
    if len(kept) < least:
        raise UsageError("there are no requirements", fix="name at least one package")
    return tuple(kept)


def resolve_in(folder: Path, requirements: Sequence[str], overrides: Sequence[str]) -> Locked:
    """Return uv's lock for `requirements` and `overrides`, from the package index in `folder`.

    Raises
    ------
    UsageError
        No versions satisfy all requirements, or uv is not installed.
    """
    (folder / "requirements.in").write_text("\n".join(requirements) + "\n", encoding="utf-8")
    command = ["pip", "compile", "requirements.in", "--generate-hashes"]
    if overrides:
        (folder / "overrides.txt").write_text("\n".join(overrides) + "\n", encoding="utf-8")
        command += ["--override", "overrides.txt"]
    text = _uv(folder, *command, "--no-header", "--no-annotate", "--python", sys.executable)
    return Locked(text, dict(re.findall(r"^([\w.-]+)==([^\s\\]+)", text, re.MULTILINE)))


def install(folder: Path, locked: Locked) -> None:
    """Install the packages of a lock, `locked`, into a new virtual environment in `folder`.

    Raises
    ------
    UsageError
        The hash of a file differs from the lock's, or uv is not installed.
    """
    (folder / "requirements.txt").write_text(locked.text, encoding="utf-8")
    _uv(folder, "venv", "environment", "--python", sys.executable)
    _uv(folder, "pip", "sync", "requirements.txt", "--require-hashes", "--python", "environment")


def _uv(folder: Path, *command: str) -> str:
    """Run uv with the folder's package index only: no network, its own cache, and no settings of this machine."""
    pip = ["--no-index", "--find-links", "packages"] if command[0] == "pip" else []
    isolated = ["--offline", "--no-config", "--no-python-downloads", "--cache-dir", "cache"]
    return _call([uv_program(), *command, *pip, *isolated, "--no-progress", "--color", "never"], folder)


def uv_program() -> str:
    """Return the path of the ``uv`` program: this environment's, or the one on the PATH.

    Raises
    ------
    UsageError
        uv is not installed.
    """
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):  # conda's uv is a program without a Python package
        found = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if found is None:
        raise UsageError("uv is not installed", fix="`pip install uv`, or run `course doctor`")
    return found


def run_python(folder: Path, code: str) -> str:
    """Run `code` with the Python of the environment in `folder`, and return what it printed.

    Raises
    ------
    UsageError
        The code failed; the message is the last line of its traceback.
    """
    program = next(path for path in _programs(folder / "environment") if path.is_file())
    # -I ignores PYTHONPATH and your own packages; -B writes no .pyc files into the environment.
    return _call([str(program), "-I", "-B", "-c", code], folder)


def _programs(environment: Path) -> Iterator[Path]:
    yield environment / "bin" / "python"
    yield environment / "Scripts" / "python.exe"


def _site(folder: Path) -> Path:
    return next((folder / "environment").rglob("site-packages"))


def _call(command: Sequence[str], folder: Path) -> str:
    """Run a program in a folder and return what it printed; raises UsageError with its error message if it fails."""
    foreign = ("UV_", "PIP_", "CONDA_", "PYTHON", "VIRTUAL_ENV")
    settings = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**settings, "PYTHONUTF8": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        problem = f"{Path(command[0]).stem} did not finish within {_SECONDS} s"
        raise UsageError(problem, fix="run the cell again when this machine is less busy") from error
    if done.returncode:
        problem = _error_message(done.stderr, folder)
        mismatch = "Hash mismatch" in problem
        fix = "find out who changed the file" if mismatch else "change the requirements, and build it again"
        raise UsageError(problem, fix=fix)
    return done.stdout.strip()


def _error_message(text: str, folder: Path) -> str:
    """Return an error as one line without paths, the same on every machine; of a traceback, its last line."""
    if "Traceback (most recent call last)" in text:
        text = text.strip().splitlines()[-1]
    else:  # uv first reports what succeeded, and its warnings
        text = re.split(r"^\s*(?:error:|×)\s*", text, maxsplit=1, flags=re.MULTILINE)[-1]
    # uv draws the causes of an error as a tree.
    text = re.sub(r"\s*\n\s*(cause|╰─▶|├─▶)\s*:?\s*", ": ", text)
    text = text.replace(str(folder), "").replace("\\", "/")
    text = re.sub(r"[^\s()'\"`]*/([^/\s()'\"`]+)", r"\1", text)
    text = re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}", r"\1…", text)
    return " ".join(text.split()).rstrip(".")
