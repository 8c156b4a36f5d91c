"""Ten versions of the flights, stored with Git alone, DVC, Git LFS and git-annex: bytes, seconds, and what each loses.

    uv run python benchmarks/versioning.py            # print the table
    uv run python benchmarks/versioning.py --write    # and save it in course_utils/tables/develop/

Needs the programs git, git-lfs and git-annex (packages of Debian and Homebrew). All happens in a temporary folder.
Seconds are processor time of all programs that a tool starts, so that other work on the machine hardly counts.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import resource
import shutil
import stat
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path

import benchmark_io
import pandas as pd

from course_utils.data import datasets
from course_utils.develop.git import git_environment

VERSIONS = 10
OLD = 3  # the version that a colleague goes back to
FILE = "flights.csv"
COLUMNS = [
    *["Year", "Month", "DayofMonth", "DayOfWeek", "CRSDepTime", "CRSArrTime", "UniqueCarrier", "FlightNum"],
    *["Origin", "Dest", "Distance", "DepDelay"],
]


def sandbox_environment(root: Path) -> dict[str, str]:
    """Return environment variables with which Git and DVC read the settings in `root`/home, and no others."""
    home = str(root / "home")
    git = git_environment(root, name="Learner", email="learner@example.org")
    inherited = {name: value for name, value in git.items() if not name.startswith(("DVC_", "FORCE_COLOR", "CLICOLOR"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    homes = ("HOME", "USERPROFILE", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "DVC_GLOBAL_CONFIG_DIR")
    return inherited | dict.fromkeys(homes, home) | {
        "DVC_SYSTEM_CONFIG_DIR": str(root / "home" / "system"),
        "DVC_SITE_CACHE_DIR": str(root / "home" / "site"),
        "DVC_NO_ANALYTICS": "1",
        "PATH": path,
    }  # fmt: skip


class Tool(ABC):
    """One way to keep versions: a project, a bare Git repository for its clones, and storage for contents."""

    name: str
    version_command: tuple[str, ...]

    def __init__(self, root: Path) -> None:
        self.root, self.project, self.clone = root, root / "project", root / "clone"
        self.origin, self.storage = root / "origin.git", root / "storage"
        self.environment = sandbox_environment(root)
        for folder in (root / "home", self.storage, self.project):
            folder.mkdir(parents=True)
        config = root / "home" / "config"
        config.write_text("[core]\nanalytics = false\ncheck_update = false\nautostage = true\n")

    def run(self, *words: str, folder: Path | None = None, may_fail: bool = False) -> str:
        """Run a program and return what it says."""
        done = subprocess.run(
            words, cwd=folder or self.project, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode and not may_fail:
            raise RuntimeError(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def git(self, *words: str, folder: Path | None = None, may_fail: bool = False) -> str:
        """Run Git."""
        return self.run("git", *words, folder=folder, may_fail=may_fail)

    def start(self) -> None:
        """Make the project and what it is pushed to."""
        self.git("init", "--bare", str(self.origin), folder=self.root)
        self.git("init")
        self.git("remote", "add", "origin", self.origin.as_uri())
        self.prepare()

    def save(self, number: int) -> None:
        """Keep what lies in the project as a version, and push it."""
        self.add()
        self.git("commit", "-m", f"Version {number}")
        self.git("tag", f"v{number}")
        self.push()

    def copy(self) -> None:
        """Clone, and get the newest version."""
        self.git("clone", self.origin.as_uri(), str(self.clone), folder=self.root)
        self.get()

    def back(self, number: int) -> None:
        """Go to an older version in the clone."""
        self.git("checkout", f"v{number}", folder=self.clone)
        self.get()

    def without(self) -> str:
        """Say what somebody who lacks the tool finds in a clone."""
        other = self.root / "without"
        self.git(
            *("-c", "filter.lfs.smudge=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false"),
            *("clone", self.origin.as_uri(), str(other)),
            folder=self.root,
        )
        file = other / FILE
        if file.is_symlink() and not file.exists():
            return "a broken link"
        if not file.exists():
            return "no file"
        return "the data" if file.stat().st_size > 10_000 else "a pointer as text"

    def prepare(self) -> None:  # noqa: B027 (there may be nothing to set up)
        """Set the tool up in a fresh project."""

    @abstractmethod
    def add(self) -> None:
        """Put the file under version control."""

    @abstractmethod
    def push(self) -> None:
        """Send everything to where others can get it."""

    def get(self) -> None:  # noqa: B027 (Git alone has it already)
        """Get the content of the version that is checked out in the clone."""

    @abstractmethod
    def contents(self) -> list[Path]:
        """List the files in which what was pushed is kept."""

    check: tuple[str, ...] | None = None  #: the tool's own command that reads everything again and finds damage


class Git(Tool):
    """Git alone."""

    name, version_command, check = "Git alone", ("git", "--version"), ("git", "fsck")

    def add(self) -> None:
        """Put the file under version control."""
        self.git("add", FILE)

    def push(self) -> None:
        """Send everything to where others can get it."""
        self.git("push", "--tags", "origin", "main")

    def contents(self) -> list[Path]:
        """List the files in which what was pushed is kept."""
        return [path for path in self.origin.glob("objects/**/*") if path.is_file() and path.suffix in ("", ".pack")]


class Dvc(Tool):
    """DVC with a folder as remote."""

    name, version_command = "DVC", (sys.executable, "-m", "dvc", "--version")

    def dvc(self, *words: str, folder: Path | None = None) -> None:
        """Run DVC."""
        self.run(sys.executable, "-m", "dvc", *words, folder=folder)

    def prepare(self) -> None:
        """Set the tool up in a fresh project."""
        self.dvc("init")
        self.dvc("remote", "add", "--default", "storage", str(self.storage))
        self.git("add", ".dvc")

    def add(self) -> None:
        """Put the file under version control."""
        self.dvc("add", FILE)

    def push(self) -> None:
        """Send everything to where others can get it."""
        self.dvc("push")
        self.git("push", "--tags", "origin", "main")

    def get(self) -> None:
        """Get the content of the version that is checked out in the clone."""
        self.dvc("pull", folder=self.clone)

    def contents(self) -> list[Path]:
        """List the files in which what was pushed is kept."""
        return [path for path in self.storage.rglob("*") if path.is_file()]


class Lfs(Tool):
    """Git LFS, with the transfer for repositories that lie in a folder."""

    name, version_command, check = "Git LFS", ("git", "lfs", "version"), ("git", "lfs", "fsck")

    def prepare(self) -> None:
        """Set the tool up in a fresh project."""
        self.git("lfs", "install", "--local")
        self.git("lfs", "track", FILE)
        self.git("add", ".gitattributes")

    def add(self) -> None:
        """Put the file under version control."""
        self.git("add", FILE)

    def push(self) -> None:
        """Send everything to where others can get it."""
        self.git("push", "--tags", "origin", "main")

    def get(self) -> None:
        """Get the content of the version that is checked out in the clone."""
        self.git("lfs", "install", "--local", folder=self.clone)
        self.git("lfs", "pull", folder=self.clone)

    def contents(self) -> list[Path]:
        """List the files in which what was pushed is kept."""
        return [path for path in self.origin.glob("lfs/objects/**/*") if path.is_file()]


class Annex(Tool):
    """git-annex, with the bare repository as its remote."""

    name, version_command = "git-annex", ("git", "annex", "version", "--raw")
    check = ("git", "annex", "fsck")

    def prepare(self) -> None:
        """Set the tool up in a fresh project."""
        self.git("annex", "init", "origin", folder=self.origin)
        self.git("annex", "init", "project")

    def add(self) -> None:
        """Put the file under version control."""
        self.git("annex", "add", FILE)

    def push(self) -> None:
        """Send everything to where others can get it."""
        self.git("annex", "sync", "--content", "--no-commit", "origin")
        self.git("push", "--tags", "origin", "main")

    def get(self) -> None:
        """Get the content of the version that is checked out in the clone."""
        self.git("annex", "get", FILE, folder=self.clone)

    def contents(self) -> list[Path]:
        """List the files in which what was pushed is kept."""
        return [path for path in self.origin.glob("annex/objects/**/*") if path.is_file()]


class DvcVerified(Dvc):
    """DVC, told to read again what it gets from its remote."""

    name = "DVC, verify on"

    def prepare(self) -> None:
        """Set the tool up in a fresh project."""
        super().prepare()
        self.dvc("remote", "modify", "storage", "verify", "true")
        self.git("add", ".dvc")


TOOLS = (Git, Dvc, DvcVerified, Lfs, Annex)


def deliveries() -> list[bytes]:
    """Return ten versions of one file: the flights of January, of January and February, and so on."""
    flights = datasets.load_flights("nyc2013")[COLUMNS].astype({"DepDelay": "Int64"})
    return [
        flights[flights["Month"] <= month].to_csv(index=False, lineterminator="\n").encode()
        for month in range(1, VERSIONS + 1)
    ]


def seconds(action: Callable[[], object]) -> float:
    """Return the processor time of the programs that an action starts."""

    def spent() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    before = spent()
    action()
    return spent() - before


def megabytes(*folders: Path) -> float:
    """Return the size of all files below some folders, links not followed."""
    paths = (path for folder in folders for path in folder.rglob("*"))
    return sum(path.lstat().st_size for path in paths if stat.S_ISREG(path.lstat().st_mode)) / 1e6


def same(file: Path, content: bytes) -> bool:
    """Say whether a file holds a content."""
    return file.exists() and file.read_bytes() == content


def rot(path: Path) -> None:
    """Flip one bit, and leave name, size, rights and time stamps as they were."""
    content, was = bytearray(path.read_bytes()), path.stat()
    content[len(content) // 2] ^= 1
    path.chmod(0o644)
    path.write_bytes(content)
    path.chmod(stat.S_IMODE(was.st_mode))
    os.utime(path, ns=(was.st_atime_ns, was.st_mtime_ns))


def in_use(folder: Path, content: bytes) -> str:
    """Say what a clone got where what was pushed is damaged: nothing, or something wrong."""
    file = folder / FILE
    if same(file, content):
        return "the right content"
    wrong = file.exists() and len(file.read_bytes()) > 10_000
    return "handed out" if wrong else "refused"


def measure(kind: type[Tool], versions: list[bytes], root: Path) -> dict[str, object]:
    """Store all versions with one tool, get two of them back, and damage what was pushed."""
    tool = kind(root / kind.__name__)
    tool.start()

    def store() -> None:
        for number, content in enumerate(versions, start=1):
            file = tool.project / FILE
            if file.is_symlink():  # git-annex's
                file.unlink()
            elif file.exists():
                file.chmod(0o644)
            file.write_bytes(content)
            tool.save(number)

    row: dict[str, object] = {"tool": tool.name, "store_s": seconds(store)}
    row["clone_s"] = seconds(tool.copy)
    assert same(tool.clone / FILE, versions[-1]), tool.name
    row["clone_mb"] = megabytes(tool.clone)
    row["back_s"] = seconds(lambda: tool.back(OLD))
    assert same(tool.clone / FILE, versions[OLD - 1]), tool.name
    row["project_mb"] = megabytes(tool.project)
    row["pushed_mb"] = megabytes(tool.origin, tool.storage)
    row["without_the_tool"] = tool.without()
    row |= damage(tool, versions)
    row["version"] = re.search(r"\d+(\.\d+)+", tool.run(*tool.version_command, folder=root))[0]
    return row


def damage(tool: Tool, versions: list[bytes]) -> dict[str, object]:
    """Let all that was pushed rot a little, then see what a fresh clone gets and what the tool's check says."""
    _remove(tool.clone)
    done = {path.stat().st_ino: rot(path) for path in tool.contents()}
    with contextlib.suppress(RuntimeError):
        tool.copy()
    found = {"damage_pushed": in_use(tool.clone, versions[-1])}
    found["check"] = "none"
    if tool.check:
        for path in _local(tool):
            if path.stat().st_ino not in done:  # a hard link to what was pushed, as Git LFS makes them
                rot(path)
        said = tool.run(*tool.check, may_fail=True).lower()
        noticed = any(word in said for word in ("corrupt", "bad", "error", "fatal", "mismatch", "different", "missing"))
        found["check"] = f"{' '.join(tool.check)}: {'found' if noticed else 'not found'}"
    return found


def _local(tool: Tool) -> list[Path]:
    """List the files of the project in which the tool keeps contents."""
    where = {"Git LFS": ".git/lfs/objects", "git-annex": ".git/annex/objects", "Git alone": ".git/objects"}[tool.name]
    return [path for path in (tool.project / where).rglob("*") if path.is_file() and path.stat().st_size > 100_000]


def _remove(folder: Path) -> None:
    def unprotect(function: Callable[[str], None], path: str, _: object) -> None:
        Path(path).parent.chmod(0o755)
        Path(path).chmod(0o755)
        function(path)

    shutil.rmtree(folder, onerror=unprotect)


def main() -> None:
    """Measure every tool that is here, print the table and, if asked, keep it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--write", action="store_true", help="keep the table for the lesson")
    options = parser.parse_args()
    versions = deliveries()
    root = Path(tempfile.mkdtemp(prefix="course-benchmark-"))
    try:
        rows = [measure(kind, versions, root) for kind in TOOLS]
    finally:
        _remove(root)
    frame = pd.DataFrame(rows).round(1)
    print(frame.set_index("tool").T.to_string())
    if options.write:
        total = sum(map(len, versions)) / 1e6
        says = (
            f"{VERSIONS} versions of one CSV file, {len(versions[0]) / 1e6:.1f} to {len(versions[-1]) / 1e6:.1f} MB, "
            f"{total:.1f} MB in all; seconds of processor time"
        )
        benchmark_io.keep("versioning", benchmark_io.text(frame, says))


if __name__ == "__main__":
    main()
