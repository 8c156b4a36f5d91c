"""What pins an environment, what cannot be pinned, and environments that are broken, fixed and built again.

Everything is built from a shelf of tiny packages (``tables/develop/environments.toml``) in a temporary folder that is gone when
the call returns, by the real resolver and installer, uv, without the network and without the learner's own settings.
"""

from __future__ import annotations

import base64
import hashlib
import html
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils import tables
from course_utils.errors import UsageError
from course_utils.notebook.display import Page
from course_utils.tables import read_toml

if TYPE_CHECKING:
    from types import EllipsisType

    import numpy as np
    import pandas as pd

__all__ = [
    "BrokenEnvironment",
    "Built",
    "Locked",
    "Outcome",
    "broken_environments",
    "build",
    "compare_environments",
    "conda_commands",
    "conda_export",
    "course_lock",
    "direct_dependencies",
    "environment_tools",
    "environment_yml",
    "failure_causes",
    "fingerprint",
    "lock_entry",
    "pins",
    "resolve",
    "sum_in_threads",
    "unpinnable",
]

_COURSE = "deploying-ml-models"
_TABLE = "environments.toml"
_SECONDS = 120  # more than any step here can need; a hanging one must not hang the lesson
_THREADS = 64  # nobody has more, and each costs memory
_SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}


# --------------------------------------------------------------------------- tables


def conda_commands() -> pd.DataFrame:
    """Return the deck's conda commands, what is typed today, and why."""
    return _frame("command", "task")


def environment_tools() -> pd.DataFrame:
    """Return tools that manage environments: their language, what you ask for, where they lock it, their state."""
    return _frame("tool", "name")


def unpinnable() -> pd.DataFrame:
    """Return what no lock can pin, with an example and what helps."""
    return _frame("unpinned", "what")


def failure_causes() -> pd.DataFrame:
    """Return what may be wrong with an environment: the name of each cause, and what it means."""
    import pandas as pd

    return pd.DataFrame({"meaning": read_toml(_TABLE)["causes"]}).rename_axis("cause")


def conda_export() -> dict[str, Any]:
    """Return an environment as conda exports it on macOS: conda's lines, pip's, and what had been asked for."""
    table = read_toml(_TABLE)["exported"]
    return {"conda": table["lines"], "pip": table["pip"], "asked for": table["asked"]}


def _frame(name: str, index: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(read_toml(_TABLE)[name]).set_index(index)


# --------------------------------------------------------------------------- the course's own lock


def course_lock(file: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Read the course's own ``uv.lock``.

    Parameters
    ----------
    file : path, optional
        The lock. Without it, it is looked for beside the course's code, then in the working folder and those above it:
        an installed package may lie outside the clone that holds the lock.

    Returns
    -------
    dict
        As TOML has it; ``["package"]`` lists the packages.

    Raises
    ------
    UsageError
        There is no lock, or it is not the course's.
    """
    if file is not None:
        found = _read_lock(Path(file).resolve())
        if found is None:
            raise UsageError(f"{Path(file).name} is no lock of the course", fix="name the uv.lock of the repository")
        return found
    here = Path.cwd()
    for folder in (tables.checkout(), here, *here.parents):
        found = _read_lock((folder / "uv.lock").resolve())
        if found is not None:
            return found
    raise UsageError(
        "the course's uv.lock is not here", fix="open the lesson inside the course's repository, or pass file="
    )


def _read_lock(path: Path) -> dict[str, Any] | None:
    """Return a lock, or None where there is none or it belongs to another project."""
    try:
        lock = _parsed(path, path.stat().st_mtime_ns)
        ours = any(package["name"] == _COURSE for package in lock["package"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return lock if ours else None


@cache  # half a second for the course's own; read again once it has changed
def _parsed(path: Path, changed: int) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def lock_entry(name: str, lock: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Return what a lock holds about one package, beside what each line is good for.

    Parameters
    ----------
    name : str
        The package.
    lock : mapping, optional
        As `course_lock` returns it, which is the default.

    Returns
    -------
    DataFrame, one row a field
        'in the lock' and 'pins'.

    Raises
    ------
    UsageError
        The lock has no such package.
    """
    import pandas as pd

    lock = course_lock() if lock is None else lock
    package = _locked(lock, name)[0]
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    conditions = _conditions(lock, package["name"])
    values = {
        "name": package["name"],
        "version": package["version"],
        "from": "a package index" if "registry" in package["source"] else next(iter(package["source"])),
        "hash": "; ".join(f"{file['hash'][:19]}…" for file in files[:1]) or "none",
        "bytes": f"{files[0]['size']:,}" if files and "size" in files[0] else "not told",
        "needs": ", ".join(edge["name"] for edge in package.get("dependencies", [])) or "nothing",
        "only where": " or ".join(conditions) or "everywhere",
    }
    meaning = read_toml(_TABLE)["holds"]
    return pd.DataFrame({"in the lock": values, "pins": {key: meaning[key] for key in values}}).rename_axis("field")


def direct_dependencies(lock: Mapping[str, Any] | None = None) -> list[str]:
    """Return the packages that the course itself asks for, in name order; what they need in turn is not among them.

    Parameters
    ----------
    lock : mapping, optional
        As `course_lock` returns it, which is the default.

    Raises
    ------
    UsageError
        There is no lock, or it is not the course's.
    """
    course = _locked(course_lock() if lock is None else lock, _COURSE)[0]
    return sorted({edge["name"] for edge in _edges(course)})


def _locked(lock: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a package's entries: several, where versions differ by Python or system."""
    from packaging.utils import canonicalize_name

    found = [package for package in lock["package"] if package["name"] == canonicalize_name(name)]
    if not found:
        raise UsageError(f"the lock has no package {name!r}", fix="choose one that the lock names")
    return found


def _edges(package: Mapping[str, Any]) -> list[dict[str, Any]]:
    groups = package.get("dev-dependencies", {}).values()
    return [*package.get("dependencies", []), *(edge for group in groups for edge in group)]


def _conditions(lock: Mapping[str, Any], name: str) -> list[str]:
    """Return the markers under which a package is needed; none where somebody needs it without one."""
    markers = [edge.get("marker") for package in lock["package"] for edge in _edges(package) if edge["name"] == name]
    return sorted(set(markers)) if markers and None not in markers else []


def pins(system: str = "linux", python: str = "3.11", lock: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return what a lock installs on one system and Python.

    Parameters
    ----------
    system : 'linux', 'macos' or 'windows'
    python : str
        Such as ``"3.11"``; the newest patch of it.
    lock : mapping, optional
        As `course_lock` returns it, which is the default.

    Returns
    -------
    dict
        Version by name, the course itself left out.

    Raises
    ------
    UsageError
        The system is none of the three, or the course does not run on that Python.
    """
    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet

    if system not in _SYSTEMS:
        raise UsageError(f"there is no system {system!r}", fix=f"choose one of {', '.join(_SYSTEMS)}")
    lock = course_lock() if lock is None else lock
    full = f"{python}.99" if re.fullmatch(r"\d+\.\d+", str(python)) else None
    if full is None or not SpecifierSet(lock["requires-python"]).contains(full):
        raise UsageError(f"the lock is not made for Python {python}", fix=f"choose one in {lock['requires-python']}")
    machine = {**_SYSTEMS[system], "python_version": python, "python_full_version": full, "extra": ""}
    machine |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    packages: dict[str, list[dict[str, Any]]] = {}
    for package in lock["package"]:
        packages.setdefault(package["name"], []).append(package)
    wanted: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = _edges(packages[_COURSE][0])
    while waiting:
        edge = waiting.pop()
        if "marker" in edge and not Marker(edge["marker"]).evaluate(machine):
            continue
        package = next(one for one in packages[edge["name"]] if one["version"] == edge.get("version", one["version"]))
        wanted[package["name"]] = package["version"]
        for extra in ("", *edge.get("extra", ())):
            if (package["name"], extra) not in seen:
                seen.add((package["name"], extra))
                waiting += package.get("optional-dependencies", {}).get(extra, []) if extra else _edges(package)
    return dict(sorted(wanted.items()))


# --------------------------------------------------------------------------- what no lock can pin


def sum_in_threads(values: Any, threads: int = 1, dtype: str = "float32") -> float:
    """Add numbers as a threaded library does: each thread adds its share in order, then the shares are added.

    Parameters
    ----------
    values : array of numbers
    threads : int
        Into how many shares the numbers are cut, each added by a thread of its own.
    dtype : 'float32' or 'float64'
        What is added in: 24 or 53 binary digits.

    Returns
    -------
    float
        The total, which is the same on every machine for the same `values`, `threads` and `dtype`.

    Raises
    ------
    UsageError
        There is nothing to add, something is missing or no number, or `threads` or `dtype` cannot be used.
    """
    import numpy as np

    numbers = _addends(values, dtype)
    most = min(_THREADS, len(numbers))
    if isinstance(threads, bool) or not isinstance(threads, int | np.integer) or not 1 <= threads <= most:
        raise UsageError(f"{threads!r} threads cannot share the sum", fix=f"pass a whole number from 1 to {most}")
    shares = np.array_split(numbers, threads)
    with ThreadPoolExecutor(threads) as pool:
        totals = list(pool.map(_add_in_order, shares))
    return float(_add_in_order(np.array(totals)))


def _add_in_order(numbers: np.ndarray) -> Any:
    return numbers.cumsum()[-1]  # one after the other; numpy's own sum() adds in pairs


def _addends(values: Any, dtype: str) -> np.ndarray:
    import numpy as np

    if dtype not in ("float32", "float64"):
        raise UsageError(f"dtype={dtype!r} cannot be added in", fix="choose float32 or float64")
    try:
        numbers = np.asarray(values, dtype="float64").ravel().astype(dtype)
    except (TypeError, ValueError) as error:
        raise UsageError("something in values is no number", fix="pass numbers only") from error
    if not numbers.size or not np.isfinite(numbers).all():
        problem = "a value is missing or not finite" if numbers.size else "there is nothing to add"
        raise UsageError(problem, fix="pass at least one number, and fill or drop what is missing")
    return numbers


# --------------------------------------------------------------------------- resolving and building


@dataclass(frozen=True)
class Locked:
    """What the resolver chose, with the hash of each file.

    Attributes
    ----------
    text : str
        A requirements file with hashes, which pip and uv install from.
    pins : dict
        Version by name.
    """

    text: str
    pins: dict[str, str]

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Built:
    """An environment that was built from a lock, as it was found afterwards.

    Attributes
    ----------
    pins : dict
        Version by name, as installed: what ``pip freeze`` knows.
    hashes : dict
        SHA-256 of each package's files by name.
    """

    pins: dict[str, str]
    hashes: dict[str, str]

    @property
    def digest(self) -> str:
        """One SHA-256 of all names, versions and files."""
        text = "".join(f"{name}=={self.pins[name]} {self.hashes[name]}\n" for name in sorted(self.pins))
        return hashlib.sha256(text.encode()).hexdigest()

    def __repr__(self) -> str:
        return "\n".join(f"{name}=={self.pins[name]} {self.hashes[name][:12]}" for name in sorted(self.pins))


def resolve(
    requirements: str | Sequence[str], *, overrides: str | Sequence[str] = (), until: str | None = None
) -> Locked:
    """Let uv choose versions from the lesson's shelf, and lock them.

    Parameters
    ----------
    requirements : str or sequence of str
        Lines such as ``"flightclock<2"``.
    overrides : str or sequence of str
        Lines that are put in the place of whatever packages ask for.
    until : str, optional
        A month, such as ``"2026-03"``: what was released later is not on the shelf yet. Default: the lesson's today.

    Returns
    -------
    Locked

    Raises
    ------
    UsageError
        A line is no requirement, `until` is no month, uv is not installed, or no versions go together: then the problem
        is the resolver's own explanation.
    """
    asked, forced = _requirements(requirements), _requirements(overrides, least=0)
    with _shelf(until) as folder:
        return _resolve(folder, asked, forced)


def build(locked: Locked, *, hotfix: str | None = None, swapped: str | None = None) -> Built:
    """Build an environment from a lock in a temporary folder, look at every file of it, and throw it away.

    Parameters
    ----------
    locked : Locked
    hotfix : str, optional
        After that, somebody edits the code of this package on the server.
    swapped : str, optional
        Before that, somebody puts another file in the place of this package's on the shelf, under the same version.

    Returns
    -------
    Built

    Raises
    ------
    UsageError
        The lock does not name the package, or uv refuses to install: then the problem is its own explanation.
    """
    if not isinstance(locked, Locked):
        raise UsageError(f"a {type(locked).__name__} is no lock", fix="pass what environments.resolve returned")
    for name in (hotfix, swapped):
        if name is not None and name not in locked.pins:
            raise UsageError(f"the lock has no package {name!r}", fix=f"choose one of {', '.join(locked.pins)}")
    with _shelf("9999-12", swapped=swapped) as folder:
        _install(folder, locked)
        if hotfix is not None:
            module = _site(folder) / f"{hotfix.replace('-', '_')}.py"
            module.write_text(module.read_text(encoding="utf-8") + "# quick fix on the server\n", encoding="utf-8")
        return fingerprint(_site(folder))


def fingerprint(folder: str | os.PathLike[str]) -> Built:
    """Hash every file that the packages of an environment brought along.

    Parameters
    ----------
    folder : path
        The environment's ``site-packages``.

    Returns
    -------
    Built
        Names, versions and a SHA-256 for each package.

    Raises
    ------
    UsageError
        There is no such folder.
    """
    if not Path(folder).is_dir():
        raise UsageError(f"there is no folder {Path(folder).name!r}", fix="name an environment's site-packages")
    versions, hashes = {}, {}
    for package in distributions(path=[os.fspath(folder)]):
        name = package.metadata["Name"].lower().replace("_", "-")
        digest = hashlib.sha256()
        for file in sorted(package.files or (), key=str):
            if _is_content(file):
                path = Path(file.locate())
                digest.update(f"{file}\0".encode() + (path.read_bytes() if path.is_file() else b"missing") + b"\0")
        versions[name], hashes[name] = package.version, digest.hexdigest()
    return Built(versions, hashes)


def _is_content(file: Any) -> bool:
    """Say whether a file comes from the package, and not from who installed it: notes, scripts with paths, caches."""
    notes = file.parts[0].endswith(".dist-info") and file.name != "METADATA"
    return not notes and file.parts[0] != ".." and file.suffix != ".pyc"


def compare_environments(one: Built, other: Built) -> pd.DataFrame:
    """Compare two environments package by package.

    Parameters
    ----------
    one, other : Built

    Returns
    -------
    DataFrame, one row a package
        'here' and 'there' (versions, None where it is not installed), 'same version' and 'same files'.

    Raises
    ------
    UsageError
        One of them is no environment.
    """
    import pandas as pd

    for environment in (one, other):
        if not isinstance(environment, Built):
            raise UsageError(f"a {type(environment).__name__} is no environment", fix="pass what build returned")
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


def environment_yml(
    versions: Mapping[str, str],
    *,
    name: str,
    python: str = "3.11",
    pip: Sequence[str] = (),
    channels: Sequence[str] = ("conda-forge", "nodefaults"),
) -> str:
    """Write conda's environment.yml from what a lock pins.

    Parameters
    ----------
    versions : mapping
        Version by name, such as ``Locked.pins``.
    name : str
        What the environment is called.
    python : str
        Its Python.
    pip : sequence of str
        Packages that conda's channels do not have: pip installs them.
    channels : sequence of str
        Where conda looks; ``nodefaults`` keeps the learner's own settings out.

    Returns
    -------
    str
        The file's text.

    Raises
    ------
    UsageError
        There is nothing to pin, a package for pip has no version, or `name` cannot name an environment.
    """
    if not re.fullmatch(r"[\w.-]+", name):
        raise UsageError(f"{name!r} cannot name an environment", fix="use letters, digits, dots and dashes")
    if not versions:
        raise UsageError("there is nothing to pin", fix="pass the pins of a lock")
    if unknown := [package for package in pip if package not in versions]:
        raise UsageError(f"{unknown[0]!r} has no version", fix=f"choose from {', '.join(versions)}")
    lines = [f"name: {name}", "channels:", *(f"  - {channel}" for channel in channels), "dependencies:"]
    lines += [f"  - python={python}", "  - pip"]
    lines += [f"  - {package}={version}" for package, version in versions.items() if package not in pip]
    if pip:
        lines += ["  - pip:", *(f"      - {package}=={versions[package]}" for package in pip)]
    return "\n".join(lines) + "\n"


# --------------------------------------------------------------------------- broken environments


@dataclass(frozen=True)
class Outcome:
    """What became of an environment: how far it got, and what was said last.

    Attributes
    ----------
    case : str
        Whose it is.
    requirements, overrides : tuple of str
        What was asked for.
    works : bool
        Whether it was built and its program ended well.
    step : 'resolve', 'install', 'fit' or 'run'
        How far it got.
    said : str
        The last thing said: the program's answer, or an error.
    pins : dict
        What was chosen: version by name; empty where nothing was.
    later : Outcome or None
        The same built again, on the same day a year on, when newer releases are out.
    """

    case: str
    requirements: tuple[str, ...]
    overrides: tuple[str, ...]
    works: bool
    step: str
    said: str
    pins: dict[str, str] = field(default_factory=dict)
    later: Outcome | None = None

    def __repr__(self) -> str:
        chosen = ", ".join(f"{name} {version}" for name, version in self.pins.items()) or "nothing chosen"
        return f"{'✓' if self.works else '✗'} {self.step} ({chosen}): {self.said}"


@dataclass(frozen=True)
class BrokenEnvironment:
    """An environment that does not work: a project's requirements, its program, and whatever else it holds.

    Attributes
    ----------
    name, story : str
        What it is called, and what its owners tell.
    requirements, overrides : tuple of str
        What the project asks for.
    program : str
        What it runs.
    fit : str
        What made the model that it uses; empty where it uses none.
    fitted : tuple of str
        What the model was made with.
    """

    name: str
    story: str
    requirements: tuple[str, ...]
    program: str
    overrides: tuple[str, ...] = ()
    fit: str = ""
    fitted: tuple[str, ...] = ()

    def run(self, until: str | None = None) -> Outcome:
        """Build it and run its program.

        Parameters
        ----------
        until : str, optional
            What is on the shelf, as for `resolve`; ``"then"`` is when the project was started, and the default is
            today.

        Returns
        -------
        Outcome

        Raises
        ------
        UsageError
            `until` is no month, or uv is not installed.
        """
        return _outcome(self, self.requirements, self.overrides, until=until)

    def fix(
        self,
        requirements: str | Sequence[str] | EllipsisType | None = None,
        *,
        overrides: str | Sequence[str] | EllipsisType | None = None,
        refit: bool = False,
    ) -> Outcome | EllipsisType:
        """Build it again with other requirements, and run its program: today, and a year later.

        Parameters
        ----------
        requirements, overrides : str or sequence of str, optional
            Lines to put in the place of the project's own; default: as they are. ``...`` means: not answered yet.
        refit : bool
            Fit the model again in the environment, instead of taking the archive's.

        Returns
        -------
        Outcome
            Or ``...`` where that was given.

        Raises
        ------
        UsageError
            A line is no requirement, or uv is not installed.
        """
        if requirements is ... or overrides is ...:
            return ...
        asked = self.requirements if requirements is None else _requirements(requirements)
        forced = self.overrides if overrides is None else _requirements(overrides, least=0)
        later = _outcome(self, asked, forced, until="later", refit=refit)
        return _outcome(self, asked, forced, refit=refit, later=later)

    def show(self) -> None:
        """Show what the project holds, and what happens when it is built and run today.

        Raises
        ------
        UsageError
            Its model cannot be made as its owners made it, or uv is not installed.
        """
        parts = [("requirements.in", "\n".join(self.requirements))]
        parts += [("the model's card", self._card())] if self.fit else []
        parts += [("program", self.program.strip()), ("today", repr(self.run()))]
        style = "background: #f7f7f7; color: #222222; padding: 8px; margin: 4px 0; font-family: monospace"
        style += "; white-space: pre-wrap; word-break: normal; overflow-wrap: break-word"
        page = "".join(
            f'<p><b>{html.escape(title)}</b></p><pre style="{style}">{html.escape(text)}</pre>' for title, text in parts
        )
        text = "\n\n".join([self.story, *(f"{title}:\n{text}" for title, text in parts)])
        Page(f"<p>{html.escape(self.story)}</p>{page}", text).show()

    def _card(self) -> str:
        return _made(self.fit, self.fitted)["card.json"].decode()


def broken_environments() -> list[BrokenEnvironment]:
    """Return three broken environments to diagnose and fix: 'clock', 'closure' and 'model'."""
    return [
        BrokenEnvironment(
            name=case["name"],
            story=case["story"],
            requirements=tuple(case["requirements"]),
            program=case["program"],
            fit=case.get("fit", ""),
            fitted=tuple(case.get("fitted", ())),
        )
        for case in read_toml(_TABLE)["case"]
    ]


def _outcome(
    case: BrokenEnvironment,
    requirements: tuple[str, ...],
    overrides: tuple[str, ...],
    *,
    until: str | None = None,
    refit: bool = False,
    later: Outcome | None = None,
) -> Outcome:
    _uv_program()  # without it, nothing can be said about the environment
    chosen: dict[str, str] = {}
    step = "resolve"
    with _shelf(until) as folder:
        try:
            if case.fit:
                _archive(folder, case)
            locked = _resolve(folder, requirements, overrides)
            chosen, step = locked.pins, "install"
            _install(folder, locked)
            if refit and case.fit:
                step = "fit"
                _python(folder, case.fit)
            step = "run"
            said, works = _python(folder, case.program), True
        except UsageError as error:
            said, works = error.problem, False
    return Outcome(case.name, requirements, overrides, works, step, said, chosen, later)


def _archive(folder: Path, case: BrokenEnvironment) -> None:
    """Put the archive's model and card into a folder."""
    for name, content in _made(case.fit, case.fitted).items():
        (folder / name).write_bytes(content)


@cache
def _made(fit: str, fitted: tuple[str, ...]) -> dict[str, bytes]:
    """Make a model as it was made, in an environment of its own; return its files."""
    with _shelf("9999-12") as folder:
        _install(folder, _resolve(folder, fitted, ()))
        _python(folder, fit)
        return {name: (folder / name).read_bytes() for name in ("model.pkl", "card.json")}


# --------------------------------------------------------------------------- a shelf, and uv


@contextmanager
def _shelf(until: str | None = None, *, swapped: str | None = None) -> Iterator[Path]:
    """Make a temporary folder with the wheels that were out by a month, in its folder ``shelf``."""
    table = read_toml(_TABLE)
    month = table["shelf"].get(until or "today", until)
    if not re.fullmatch(r"\d{4}-\d\d", str(month)):
        raise UsageError(f"{until!r} is no month", fix=f"pass one such as {table['shelf']['then']!r}")
    with tempfile.TemporaryDirectory(prefix="course-environment-", ignore_cleanup_errors=True) as made:
        folder = Path(made).resolve()
        (folder / "shelf").mkdir()
        for release in table["release"]:
            if release["released"] <= month:
                extra = "# not what was published\n" if release["name"].replace("_", "-") == swapped else ""
                _wheel(folder / "shelf", release, extra)
        yield folder


def _wheel(shelf: Path, release: Mapping[str, Any], extra: str = "") -> None:
    """Write a wheel by hand, the same bytes each time: a zip of the module and three files about it."""
    name, version = release["name"], release["version"]
    info = f"{name}-{version}.dist-info"
    about = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    about += [f"Requires-Dist: {line}" for line in release.get("requires", ())]
    files = {
        f"{name}.py": release["module"].lstrip() + extra,
        f"{info}/METADATA": "\n".join(about) + "\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: course\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{path},sha256={_record_hash(text)},{len(text.encode())}" for path, text in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,"]) + "\n"
    with zipfile.ZipFile(shelf / f"{name}-{version}-py3-none-any.whl", "w", zipfile.ZIP_STORED) as wheel:
        for path, text in files.items():
            made = zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0))
            made.create_system = 3  # or the bytes would tell on which system it was made
            made.external_attr = 0o644 << 16
            wheel.writestr(made, text)


def _record_hash(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def _requirements(lines: str | Sequence[str], *, least: int = 1) -> tuple[str, ...]:
    """Return requirements one a line, comments left out; raises UsageError where one cannot be read."""
    from packaging.requirements import InvalidRequirement, Requirement

    if isinstance(lines, str):
        lines = lines.splitlines()
    if not isinstance(lines, Sequence) or not all(isinstance(line, str) for line in lines):
        raise UsageError("requirements are texts", fix="pass one line such as 'flightclock<2', or a list of lines")
    kept = [text for line in lines if (text := line.split("#")[0].strip())]
    for line in kept:
        try:
            readable = not Requirement(line).url
        except InvalidRequirement:
            readable = False
        if not readable:
            raise UsageError(f"{line!r} is no requirement", fix="write a name and a version, such as 'flightclock<2'")
    if len(kept) < least:
        raise UsageError("nothing is required", fix="name at least one package")
    return tuple(kept)


def _resolve(folder: Path, requirements: Sequence[str], overrides: Sequence[str]) -> Locked:
    (folder / "requirements.in").write_text("\n".join(requirements) + "\n", encoding="utf-8")
    command = ["pip", "compile", "requirements.in", "--generate-hashes"]
    if overrides:
        (folder / "overrides.txt").write_text("\n".join(overrides) + "\n", encoding="utf-8")
        command += ["--override", "overrides.txt"]
    text = _uv(folder, *command, "--no-header", "--no-annotate", "--python", sys.executable)
    return Locked(text, dict(re.findall(r"^([\w.-]+)==([^\s\\]+)", text, re.MULTILINE)))


def _install(folder: Path, locked: Locked) -> None:
    (folder / "requirements.txt").write_text(locked.text, encoding="utf-8")
    _uv(folder, "venv", "environment", "--python", sys.executable)
    _uv(folder, "pip", "sync", "requirements.txt", "--require-hashes", "--python", "environment")


def _uv(folder: Path, *command: str) -> str:
    """Run uv on the shelf alone: no network, a cache of this folder's own, none of the learner's settings."""
    pip = ["--no-index", "--find-links", "shelf"] if command[0] == "pip" else []
    alone = ["--offline", "--no-config", "--no-python-downloads", "--cache-dir", "cache"]
    return _call([_uv_program(), *command, *pip, *alone, "--no-progress", "--color", "never"], folder)


def _uv_program() -> str:
    """Return where uv is: in this environment, or else on the path."""
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError):  # conda's uv is a program without a Python package
        found = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if found is None:
        raise UsageError("uv is not installed", fix="`pip install uv`, or run `course doctor`")
    return found


def _python(folder: Path, code: str) -> str:
    program = next(path for path in _programs(folder / "environment") if path.is_file())
    return _call([str(program), "-I", "-B", "-c", code], folder)


def _programs(environment: Path) -> Iterator[Path]:
    yield environment / "bin" / "python"
    yield environment / "Scripts" / "python.exe"


def _site(folder: Path) -> Path:
    return next((folder / "environment").rglob("site-packages"))


def _call(command: Sequence[str], folder: Path) -> str:
    """Run a program in a folder and return what it printed; raises UsageError with its last words where it fails."""
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
        problem = f"{Path(command[0]).stem} did not end within {_SECONDS} s"
        raise UsageError(problem, fix="run the cell again when this machine has less to do") from error
    if done.returncode:
        problem = _last_words(done.stderr, folder)
        foreign_file = "Hash mismatch" in problem
        fix = "find out who changed the file" if foreign_file else "change what is asked for, and build it again"
        raise UsageError(problem, fix=fix)
    return done.stdout.strip()


def _last_words(text: str, folder: Path) -> str:
    """Return an error as it reads on every machine: on one line, without paths, and of a traceback the last line."""
    if "Traceback (most recent call last)" in text:
        text = text.strip().splitlines()[-1]
    else:  # uv tells first what went well, and warns
        text = re.split(r"^\s*(?:error:|×)\s*", text, maxsplit=1, flags=re.MULTILINE)[-1]
    text = re.sub(r"\s*\n\s*(cause|╰─▶|├─▶)\s*:?\s*", ": ", text)
    text = text.replace(str(folder), "").replace("\\", "/")
    text = re.sub(r"[^\s()'\"`]*/([^/\s()'\"`]+)", r"\1", text)
    text = re.sub(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}", r"\1…", text)
    return " ".join(text.split()).rstrip(".")
