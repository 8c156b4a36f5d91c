"""A scratch project under Git and DVC, on which the commands of lesson 03 run.

Each project is in a temporary folder, with its clones and its remote storage. The folder is deleted when the project is
closed, at the latest when Python ends.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath

from course_utils import tables
from course_utils.data import datasets
from course_utils.develop.git import remove_tree
from course_utils.develop.versioning.sandbox import Sandbox, error_reason, stage_results
from course_utils.errors import DataError, UsageError

__all__ = ["COLUMNS", "MODEL", "RAW", "DvcProject", "start_project"]


RAW = "data/raw/flights.csv"  #: the file with the delivered flights
MODEL = "models/model.json"  #: the model, an output of the pipeline

#: The columns of the delivered flights.
COLUMNS = [
    *["Year", "Month", "DayofMonth", "DayOfWeek", "CRSDepTime", "CRSArrTime", "UniqueCarrier", "FlightNum"],
    *["Origin", "Dest", "Distance", "DepDelay"],
]
_TEMPLATE = "flight-pipeline"


_PROGRAMS = ("git", "dvc")
_CACHE = Path(".dvc", "cache", "files", "md5")


def start_project() -> DvcProject:
    """Return a new project: the pipeline's scripts and parameters under Git, beside an empty folder for a DVC remote.

    Raises
    ------
    UsageError
        Git is not installed.
    """
    sandbox = Sandbox()
    project = DvcProject(sandbox, "project")
    shutil.copytree(tables.find(_TEMPLATE), project._folder, ignore=shutil.ignore_patterns("__pycache__"))
    for results in ("data/processed", "models"):
        (project._folder / results).mkdir(parents=True)
    project._quietly("git init", "git add .", "git commit -m 'Scripts and parameters'")
    return project


class DvcProject:
    """A scratch project under Git, and under DVC after ``dvc init``; created by `start_project`.

    A `file` is a path within the project, such as ``data/raw/flights.csv``.
    """

    def __init__(self, sandbox: Sandbox, name: str) -> None:
        self._sandbox, self._name = sandbox, name
        self._folder = sandbox.root / name
        #: The result of the last ``dvc repro`` by stage, in order: 'ran', 'restored' or 'skipped'.
        self.stages: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<the scratch project {self._name!r}>"

    def run(self, *commands: str) -> None:
        """Run Git and DVC commands one after the other, and print the output of each.

        Parameters
        ----------
        *commands : str
            Command lines that start with git or dvc, such as ``"dvc add data/raw/flights.csv"``.

        Raises
        ------
        UsageError
            A command failed or is not a Git or DVC command, or the project is closed.
        """
        for command in commands:
            print(f"$ {command}")
            if output := self._call(command):
                print(output)

    def deliver(self, *months: str) -> None:
        """Write the flights of some months to `RAW`, and set the project's clock to the day after the last of them.

        Parameters
        ----------
        *months : str
            Months of 2013, such as ``"2013-01"``; at least one.

        Raises
        ------
        UsageError
            There is no month, or one is not in the data.
        """
        flights = datasets.load_flights("nyc2013")
        known = {f"{year}-{month:02}" for year, month in flights[["Year", "Month"]].drop_duplicates().to_numpy()}
        if not months or (unknown := sorted({*map(str, months)} - known)):
            problem = f"there are no flights of {unknown[0]!r}" if months else "there is no month"
            raise UsageError(problem, fix=f"pass months from {min(known)!r} to {max(known)!r}")
        stamp = flights["Year"].astype(str) + "-" + flights["Month"].astype(str).str.zfill(2)
        chosen = flights.loc[stamp.isin(months), COLUMNS].astype({"DepDelay": "Int64"})
        # Whole numbers and \n as line end give the same bytes, and so the same hash, on every machine.
        content = chosen.to_csv(index=False, lineterminator="\n").encode()
        self._write(RAW, content)
        last = datetime.strptime(max(months), "%Y-%m")
        self._sandbox.now = (last + timedelta(days=32)).replace(day=1, hour=9)
        print(f"{RAW}: {len(chosen):,} flights, {len(content) / 1e6:.1f} MB")

    def show(self, file: str) -> None:
        """Print the text of a `file`.

        Raises
        ------
        UsageError
            There is no such file in the project.
        """
        print(self._path(file).read_text(encoding="utf-8").rstrip())

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace the text `old` in a `file`, where it must be exactly once, by `new`.

        Raises
        ------
        UsageError
            There is no such file, or `old` is not in it exactly once.
        """
        text = self._path(file).read_text(encoding="utf-8")
        if (found := text.count(old)) != 1:
            raise UsageError(
                f"{old!r} is {found} times in {file}",
                fix=f"run project.show({file!r}), and pass a text that is there once",
            )
        self._write(file, text.replace(old, new).encode())

    def delete(self, *names: str) -> None:
        """Delete files or folders by their `names`, such as ``"data/raw/flights.csv"`` or ``".dvc/cache"``.

        Raises
        ------
        UsageError
            There is no such file or folder in the project.
        """
        for name in names:
            path = self._path(name)
            remove_tree(path) if path.is_dir() else path.unlink()

    def holds(self, file: str) -> bool:
        """Return whether a `file` exists in the project.

        Raises
        ------
        UsageError
            The path leads out of the project.
        """
        return self._inside(file).exists()

    def size(self, file: str) -> int:
        """Return the size of a `file` in bytes.

        Raises
        ------
        UsageError
            There is no such file in the project.
        """
        return self._path(file).stat().st_size

    def fingerprint(self, file: str) -> str:
        """Return the MD5 hash of a `file`'s content, by which DVC identifies it.

        Raises
        ------
        UsageError
            There is no such file in the project.
        """
        return hashlib.md5(self._path(file).read_bytes(), usedforsecurity=False).hexdigest()

    def recorded(self, file: str) -> str:
        """Return the MD5 hash that DVC recorded for a `file`, in its pointer file or in ``dvc.lock``.

        Raises
        ------
        DataError
            The file is not under DVC.
        """
        import yaml

        self._sandbox.check_open()
        for record in (self._folder / f"{file}.dvc", self._folder / "dvc.lock"):
            content = yaml.safe_load(record.read_bytes()) if record.is_file() else {}
            outs = [
                *content.get("outs", ()),
                *(out for one in content.get("stages", {}).values() for out in one["outs"]),
            ]
            for out in outs:
                if (record.parent / out["path"]) == self._folder / file:
                    return out["md5"]
        raise DataError("the file is not under DVC", file=file, fix="run `dvc add`, or make it an output of a stage")

    def cached(self) -> dict[str, bytes]:
        """Return the contents of DVC's cache by name: the MD5 hash that each had when it was stored."""
        found = sorted((self._folder / _CACHE).glob("??/*"))
        return {f"{path.parent.name}{path.name}": path.read_bytes() for path in found}

    def damage(self, file: str, *, protected: bool = True) -> None:
        """Flip one bit in the cached copy of a file: same name, same size, different content.

        Parameters
        ----------
        file : str
            A file under DVC, such as ``data/raw/flights.csv``.
        protected : bool
            Whether the copy stays read-only with its old time stamps, as after a disk error. False leaves it writable
            with a new time stamp, as after a script that wrote to it.

        Raises
        ------
        DataError
            The file is not under DVC, or the cache has no copy of it.
        """
        name = self.recorded(file)
        copy = self._folder / _CACHE / name[:2] / name[2:]
        if not copy.is_file():
            raise DataError("its content is not in the cache", file=file, fix="run `dvc fetch`")
        content, before = bytearray(copy.read_bytes()), copy.stat()
        content[len(content) // 2] ^= 1
        copy.chmod(0o644)
        copy.write_bytes(content)
        if protected:
            copy.chmod(0o444)
            # DVC trusts a read-only copy whose time stamp it knows, and does not hash it again.
            os.utime(copy, ns=(before.st_atime_ns, before.st_mtime_ns))

    def clone(self, name: str = "colleague") -> DvcProject:
        """Clone the Git repository into a new folder, `name`, beside this one: the same remote, an empty cache.

        Raises
        ------
        UsageError
            The name is taken, or has other characters than letters, digits, underscores and hyphens.
        """
        other = DvcProject(self._sandbox, name)
        if not re.fullmatch(r"[\w-]+", name) or other._folder.exists():
            raise UsageError(f"a clone cannot be called {name!r}", fix="choose a new name of letters, digits, _ and -")
        self._quietly(f"git clone . ../{name}")
        return other

    def close(self) -> None:
        """Stop DVC and delete the project, its clones and its remote."""
        self._sandbox.close()

    def _quietly(self, *commands: str) -> None:
        for command in commands:
            self._call(command)

    def _call(self, command: str) -> str:
        """Run one command and return its output, cleaned."""
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"{command!r} cannot be read: {error}", fix="close every quote") from error
        if not words or words[0] not in _PROGRAMS:
            raise UsageError(f"{command!r} is not a Git or DVC command", fix="start it with git or dvc")
        code, output = self._sandbox.call(words, self._folder)
        if words[:2] == ["dvc", "repro"]:
            self.stages = stage_results(output)
        if code:
            retired = tables.read_toml("versioning.toml")["retired"].get(" ".join(words[:2]))
            raise UsageError(
                f"`{' '.join(words[:2])}` failed: {error_reason(output)}",
                fix=retired or "correct the command, or the files that it needs",
            )
        return output

    def _inside(self, name: str) -> Path:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            raise UsageError(
                f"{name!r} leads out of the project", fix="pass a path within the project, such as data/raw/flights.csv"
            )
        self._sandbox.check_open()
        return self._folder / pure

    def _path(self, name: str) -> Path:
        path = self._inside(name)
        if not path.exists():
            raise UsageError(
                f"there is no {name} in the {self._name}", fix="create it, or run `dvc checkout` to restore it"
            )
        return path

    def _write(self, name: str, content: bytes) -> None:
        path = self._inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_bytes(content)
        temporary.replace(path)
