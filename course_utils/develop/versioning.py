"""Version data, models and pipelines with DVC, in a Git repository that is thrown away afterwards.

A `DvcProject` lies in a folder of its own under the system's temporary folder. Git and DVC run there with a home folder, a
name and a clock of their own, so that they neither read nor change a setting of this machine, and an output is the same
everywhere. Nothing needs the network. The folder goes when the project is closed, at the latest when Python ends.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import logging
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import weakref
from datetime import datetime, timedelta
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from course_utils import tables
from course_utils.data import datasets
from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "COLUMNS",
    "MODEL",
    "RAW",
    "DvcProject",
    "alternatives",
    "changes",
    "environment",
    "s3_record",
    "start_project",
    "through_s3",
    "what_reruns",
]

RAW = "data/raw/flights.csv"  #: where a delivery lies
MODEL = "models/model.json"  #: what the pipeline makes of it

#: What a delivery holds of each flight.
COLUMNS = [
    *["Year", "Month", "DayofMonth", "DayOfWeek", "CRSDepTime", "CRSArrTime", "UniqueCarrier", "FlightNum"],
    *["Origin", "Dest", "Distance", "DepDelay"],
]
_TEMPLATE = "flight-pipeline"
_S3_ACCOUNT = {"aws_access_key_id": "course", "aws_secret_access_key": "course", "region_name": "us-east-1"}
_PROGRAMS = ("git", "dvc")
_CACHE = Path(".dvc", "cache", "files", "md5")


# --------------------------------------------------------------------------- the project


def start_project() -> DvcProject:
    """Make an empty Git repository with the pipeline's scripts and parameters, beside an empty folder for storage.

    Raises
    ------
    UsageError
        There is no ``git`` on this machine.
    """
    lab = _Lab()
    project = DvcProject(lab, "project")
    shutil.copytree(tables.find(_TEMPLATE), project._folder, ignore=shutil.ignore_patterns("__pycache__"))
    for room in ("data/processed", "models"):  # where results go
        (project._folder / room).mkdir(parents=True)
    project._quietly("git init", "git add .", "git commit -m 'Scripts and parameters'")
    return project


class DvcProject:
    """A small project under Git, and under DVC once ``dvc init`` was run; make it with `start_project`.

    Files are named from the project's folder on, such as ``data/raw/flights.csv``.
    """

    def __init__(self, lab: _Lab, name: str) -> None:
        self._lab, self._name = lab, name
        self._folder = lab.root / name
        #: What the last ``dvc repro`` did with each stage, in order: 'ran', 'restored' or 'skipped'.
        self.stages: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<the throw-away {self._name}>"

    def run(self, *commands: str) -> None:
        """Run Git and DVC commands one after the other, and print what each says.

        Parameters
        ----------
        *commands : str
            Command lines, such as ``"dvc add data/raw/flights.csv"``.

        Raises
        ------
        UsageError
            A command is neither Git's nor DVC's, or it failed: the message has what it said. Or the project is closed.
        """
        for command in commands:
            print(f"$ {command}")
            if said := self._call(command):
                print(said)

    def deliver(self, *months: str) -> None:
        """Put the flights of some months where deliveries come in, over what lies there.

        Parameters
        ----------
        *months : str
            Such as ``"2013-01"``. The project's clock goes to the first day after the last of them.

        Raises
        ------
        UsageError
            No month is named, or one is not in the data.
        """
        flights = datasets.load_flights("nyc2013")
        known = {f"{year}-{month:02}" for year, month in flights[["Year", "Month"]].drop_duplicates().to_numpy()}
        if not months or (unknown := sorted({*map(str, months)} - known)):
            problem = f"there are no flights of {unknown[0]!r}" if months else "no month is named"
            raise UsageError(problem, fix=f"name months from {min(known)!r} to {max(known)!r}")
        stamp = flights["Year"].astype(str) + "-" + flights["Month"].astype(str).str.zfill(2)
        chosen = flights.loc[stamp.isin(months), COLUMNS].astype({"DepDelay": "Int64"})
        # Whole numbers and one kind of line end: the same bytes on every machine.
        content = chosen.to_csv(index=False, lineterminator="\n").encode()
        self._write(RAW, content)
        last = datetime.strptime(max(months), "%Y-%m")
        self._lab.now = (last + timedelta(days=32)).replace(day=1, hour=9)
        print(f"{RAW}: {len(chosen):,} flights, {len(content) / 1e6:.1f} MB")

    def show(self, file: str) -> None:
        """Print a text file of the project.

        Parameters
        ----------
        file : str

        Raises
        ------
        UsageError
            There is no such file in the project.
        """
        print(self._path(file).read_text(encoding="utf-8").rstrip())

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a piece of a text file.

        Parameters
        ----------
        file : str
        old, new : str
            What stands there exactly once, and what is to stand there instead.

        Raises
        ------
        UsageError
            There is no such file, or `old` does not stand in it exactly once.
        """
        text = self._path(file).read_text(encoding="utf-8")
        if (found := text.count(old)) != 1:
            raise UsageError(
                f"{old!r} stands {found} times in {file}", fix=f"look with .show({file!r}) and name a piece found once"
            )
        self._write(file, text.replace(old, new).encode())

    def delete(self, *names: str) -> None:
        """Delete files or folders of the project, as an accident would.

        Parameters
        ----------
        *names : str
            Such as ``"data/raw/flights.csv"`` or ``".dvc/cache"``.

        Raises
        ------
        UsageError
            There is no such file or folder in the project.
        """
        for name in names:
            path = self._path(name)
            _remove(path) if path.is_dir() else path.unlink()

    def holds(self, file: str) -> bool:
        """Say whether the project holds a file.

        Parameters
        ----------
        file : str

        Raises
        ------
        UsageError
            The name leads out of the project.
        """
        return self._inside(file).exists()

    def size(self, file: str) -> int:
        """Return the size of a file in bytes.

        Parameters
        ----------
        file : str

        Raises
        ------
        UsageError
            There is no such file in the project.
        """
        return self._path(file).stat().st_size

    def fingerprint(self, file: str) -> str:
        """Return the MD5 sum of a file's content, by which DVC knows it.

        Parameters
        ----------
        file : str

        Raises
        ------
        UsageError
            There is no such file in the project.
        """
        return hashlib.md5(self._path(file).read_bytes(), usedforsecurity=False).hexdigest()

    def recorded(self, file: str) -> str:
        """Return the MD5 sum under which DVC keeps a file's content, as the pointer file or ``dvc.lock`` says.

        Parameters
        ----------
        file : str

        Raises
        ------
        DataError
            DVC keeps no such file.
        """
        import yaml

        self._lab.check_open()
        for record in (self._folder / f"{file}.dvc", self._folder / "dvc.lock"):
            content = yaml.safe_load(record.read_bytes()) if record.is_file() else {}
            outs = [
                *content.get("outs", ()),
                *(out for one in content.get("stages", {}).values() for out in one["outs"]),
            ]
            for out in outs:
                if (record.parent / out["path"]) == self._folder / file:
                    return out["md5"]
        raise DataError("DVC keeps no file of this name", file=file, fix="put it under DVC with dvc add or a stage")

    def cached(self) -> dict[str, bytes]:
        """Return what lies in DVC's cache: content by the name that DVC gave it, the MD5 sum when it was put there."""
        found = sorted((self._folder / _CACHE).glob("??/*"))
        return {f"{path.parent.name}{path.name}": path.read_bytes() for path in found}

    def damage(self, file: str, *, protected: bool = True) -> None:
        """Flip one bit in the cached copy of a file: same name, same size, other content.

        Parameters
        ----------
        file : str
        protected : bool
            Leave the copy as DVC made it, read-only with its time stamps, as an ageing disk does; False: leave it
            writable and newly written, as a careless script does.

        Raises
        ------
        DataError
            DVC keeps no such file, or the cache holds no copy of it.
        """
        name = self.recorded(file)
        copy = self._folder / _CACHE / name[:2] / name[2:]
        if not copy.is_file():
            raise DataError("its content is not in the cache", file=file, fix="get it there with dvc fetch")
        content, was = bytearray(copy.read_bytes()), copy.stat()
        content[len(content) // 2] ^= 1
        copy.chmod(0o644)
        copy.write_bytes(content)
        if protected:
            copy.chmod(0o444)
            os.utime(copy, ns=(was.st_atime_ns, was.st_mtime_ns))

    def clone(self, name: str = "colleague") -> DvcProject:
        """Clone the Git repository, as from a Git server, into a folder beside this one.

        Parameters
        ----------
        name : str
            Of the new folder.

        Returns
        -------
        Project
            With the same storage, and an empty cache.

        Raises
        ------
        UsageError
            There is a folder of that name.
        """
        other = DvcProject(self._lab, name)
        if not re.fullmatch(r"[\w-]+", name) or other._folder.exists():
            raise UsageError(f"a clone cannot be called {name!r}", fix="give it a plain name that is not taken")
        self._quietly(f"git clone . ../{name}")
        return other

    def close(self) -> None:
        """Stop DVC and delete the project, its clones and its storage."""
        self._lab.close()

    def _quietly(self, *commands: str) -> None:
        for command in commands:
            self._call(command)

    def _call(self, command: str) -> str:
        """Run one command and return what it says, cleaned."""
        try:
            words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"{command!r} cannot be read: {error}", fix="close every quote") from error
        if not words or words[0] not in _PROGRAMS:
            raise UsageError(f"{command!r} is no command of Git or DVC", fix="begin it with git or dvc")
        code, said = self._lab.call(words, self._folder)
        if words[:2] == ["dvc", "repro"]:
            self.stages = _stages(said)
        if code:
            retired = tables.read_toml("versioning.toml")["retired"].get(" ".join(words[:2]))
            raise UsageError(
                f"`{' '.join(words[:2])}` failed: {_complaint(said)}",
                fix=retired or "read what it says, and fix the command or what it needs",
            )
        return said

    def _inside(self, name: str) -> Path:
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            raise UsageError(f"{name!r} leads out of the project", fix="name a file from the project's folder on")
        self._lab.check_open()
        return self._folder / pure

    def _path(self, name: str) -> Path:
        path = self._inside(name)
        if not path.exists():
            raise UsageError(f"there is no {name} in the {self._name}", fix="make it or get it back first")
        return path

    def _write(self, name: str, content: bytes) -> None:
        path = self._inside(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        made = path.with_name(f".{path.name}.new")
        made.write_bytes(content)
        made.replace(path)


def changes() -> pd.DataFrame:
    """Return the changes of exercise 03.1: a key, and what is changed where."""
    import pandas as pd

    rows = tables.read_toml("versioning.toml")["change"]
    return pd.DataFrame({"change": {row["key"]: row["text"] for row in rows}}).rename_axis("key")


def what_reruns(project: DvcProject) -> pd.DataFrame:
    """Try each change of ``tables/develop/versioning.toml`` on a project, see which stages DVC runs again, and undo it.

    Parameters
    ----------
    project : Project
        With the pipeline of the lesson, run and committed.

    Returns
    -------
    DataFrame
        A row for each change, a column for each stage: 'runs' where the stage ran again, '·' where it did not.

    Raises
    ------
    UsageError
        A command failed, or the project holds changes that are not committed.
    """
    import pandas as pd

    if project._call("git status --porcelain"):
        raise UsageError("the project holds changes that are not committed", fix="commit them, so that nothing is lost")
    rows = {}
    for change in tables.read_toml("versioning.toml")["change"]:
        if "old" in change:
            project.edit(change["file"], change["old"], change["new"])
        else:  # saved again as it is
            project._write(change["file"], project._path(change["file"]).read_bytes())
        project._quietly("dvc repro")
        rows[change["key"]] = {name: "runs" if done == "ran" else "·" for name, done in project.stages.items()}
        project._quietly("git reset --hard", "dvc checkout")
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("change")


# --------------------------------------------------------------------------- what the tables say


def alternatives() -> pd.DataFrame:
    """Return the deck's ways to version data: what each keeps, when to take it, and what became of it.

    Returns
    -------
    DataFrame
        A row for each; 'today' says what it is, as of the date in the column's name.
    """
    import pandas as pd

    table = tables.read_toml("versioning.toml")["alternatives"]
    today = f"today ({table['checked']:%B %Y})"
    keys = {"name": "tool", "versions": "versions", "take": "take it when", "lose": "you go without", "today": today}
    frame = pd.DataFrame(table["way"]).rename(columns=keys)
    return frame[list(keys.values())].set_index("tool")


def s3_record() -> pd.DataFrame:
    """Return what `through_s3` found when it was last run for the record, with date and versions."""
    import pandas as pd

    record = tables.read_toml("versioning.toml")["s3"]
    names = [name.replace("_", " ") for name in record]
    return pd.DataFrame({"found": list(record.values())}, index=pd.Index(names, name="through S3"))


def through_s3(project: DvcProject) -> None:
    """Push to an S3 bucket and pull from it: the commands of a folder, at another address.

    The bucket is moto's, a stand-in for Amazon's service that runs on this machine and keeps all in memory. Prints the
    commands and what came of them; where moto or DVC's S3 part is not installed, how to get them.

    Parameters
    ----------
    project : Project
        With `RAW` under DVC.

    Raises
    ------
    UsageError
        A command failed.
    """
    try:
        import boto3
        import dvc_s3  # noqa: F401
        from moto.server import ThreadedMotoServer
    except ImportError as error:
        print(f"{error.name} is not installed. To try it: uv pip install 'moto[server]' dvc-s3")
        return
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # one line a request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        bucket = boto3.resource("s3", endpoint_url=address, **_S3_ACCOUNT).create_bucket(Bucket="flights")
        before = project.recorded(RAW)
        project.run("dvc remote add --local amazon s3://flights/dvc")
        project._quietly(f"dvc remote modify --local amazon endpointurl {address}")
        project.run("dvc push --remote amazon")
        project.delete(RAW, ".dvc/cache")
        project.run("dvc pull --remote amazon")
        print(f"objects in the bucket: {sum(1 for _ in bucket.objects.all())}")
        print(f"{RAW} came back bit for bit: {project.fingerprint(RAW) == before}")
        project._quietly("dvc remote remove --local amazon")
    finally:
        server.stop()


# --------------------------------------------------------------------------- where it happens


class _Lab:
    """A temporary folder with a project, its clones and its storage, and one DVC process that serves them all.

    Starting DVC takes a second or more, a command a tenth of that: so one process stays, and runs each command line as
    ``python -m dvc`` would. It deletes the folder when its input ends, so also when this process is killed.
    """

    def __init__(self) -> None:
        git = shutil.which("git")
        if git is None:
            raise UsageError("there is no git on this machine", fix="install Git from https://git-scm.com")
        self._git = git
        self.root = Path(tempfile.mkdtemp(prefix="course-versioning-")).resolve()
        (self.root / "home").mkdir()
        (self.root / "storage").mkdir()
        self.now = datetime(2013, 1, 1, 9)
        self._environment = environment(self.root)
        (self.root / "home" / "config").write_text(
            "[core]\nanalytics = false\ncheck_update = false\nautostage = true\n", encoding="utf-8"
        )
        self._requests = itertools.count(1)
        self._worker = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import _serve; _serve()", str(self.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self.root,
            env=self._environment,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # an interrupted cell reaches a running command only: see _ask_dvc
        )
        self.close = weakref.finalize(self, _shut, self._worker, self.root)

    def check_open(self) -> None:
        if not self.close.alive:
            raise UsageError("this project was closed, and its folder deleted", fix="start another one")

    def call(self, words: list[str], folder: Path) -> tuple[int, str]:
        """Run a command in a folder; return its exit code and what it said, cleaned."""
        self.check_open()
        self.now += timedelta(minutes=1)
        code, said = self._ask_dvc(words[1:], folder) if words[0] == "dvc" else self._ask_git(words[1:], folder)
        return code, _clean(said, self.root)

    def _ask_git(self, words: list[str], folder: Path) -> tuple[int, str]:
        stamp = f"{self.now:%Y-%m-%dT%H:%M:%S}+00:00"
        done = subprocess.run(
            [self._git, *words],
            cwd=folder,
            env=self._environment | {"GIT_AUTHOR_DATE": stamp, "GIT_COMMITTER_DATE": stamp},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        return done.returncode, done.stdout

    def _ask_dvc(self, words: list[str], folder: Path) -> tuple[int, str]:
        number = next(self._requests)
        question = json.dumps({"number": number, "words": words, "folder": str(folder)})
        try:
            print(question, file=self._worker.stdin, flush=True)
            for line in self._worker.stdout:
                answer = json.loads(line)
                if answer["number"] == number:  # not one whose reader was interrupted
                    return answer["code"], answer["said"]
        except OSError:
            pass
        except KeyboardInterrupt:
            if os.name == "posix":  # the command and what it started
                os.killpg(self._worker.pid, signal.SIGINT)
            raise
        self.close()
        raise UsageError("DVC's process has ended", fix="start another project")


def environment(root: Path) -> dict[str, str]:
    """Return an environment in which Git, DVC and boto see nothing of this machine's settings.

    Parameters
    ----------
    root : Path
        A folder of the caller's; a folder ``home`` in it is where programs keep what they otherwise keep at home.
    """
    home, nothing = str(root / "home"), os.devnull
    settings = {
        "init.defaultBranch": "main",
        "advice.detachedHead": "false",
        "core.autocrlf": "false",
        "gc.auto": "0",
    }
    git = {"GIT_CONFIG_COUNT": str(len(settings))}
    for place, (key, value) in enumerate(settings.items()):
        git |= {f"GIT_CONFIG_KEY_{place}": key, f"GIT_CONFIG_VALUE_{place}": value}
    for role in ("AUTHOR", "COMMITTER"):
        git |= {f"GIT_{role}_NAME": "Learner", f"GIT_{role}_EMAIL": "learner@example.org"}
    # A notebook's kernel asks for colours and moving figures, which have no place in a file.
    foreign = ("GIT_", "DVC_", "AWS_", "FORCE_COLOR", "CLICOLOR")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    python = str(Path(sys.executable).parent)
    return inherited | git | {
        "GIT_CONFIG_GLOBAL": nothing,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CEILING_DIRECTORIES": str(root),
        "GIT_TERMINAL_PROMPT": "0",
        "HOME": home,
        "USERPROFILE": home,
        "XDG_CONFIG_HOME": home,
        "XDG_CACHE_HOME": home,
        "XDG_DATA_HOME": home,
        "DVC_GLOBAL_CONFIG_DIR": home,
        "DVC_SYSTEM_CONFIG_DIR": str(root / "home" / "system"),
        "DVC_SITE_CACHE_DIR": str(root / "home" / "site"),
        "DVC_NO_ANALYTICS": "1",
        "AWS_ACCESS_KEY_ID": "course",
        "AWS_SECRET_ACCESS_KEY": "course",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "PATH": os.pathsep.join([python, os.environ.get("PATH", "")]),  # stages find this Python as `python`
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUTF8": "1",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "SHELL": "/bin/sh",
        "COLUMNS": "100",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "TERM": "dumb",
    }  # fmt: skip


def _serve() -> None:
    """Run DVC command lines that come in on standard input, until it ends; then delete the folder around them."""
    root = Path(sys.argv[1])

    def end(*_: Any) -> None:
        os.chdir(root.parent)
        _remove(root)
        os._exit(0)

    # A kernel that is shut down terminates its children before it tidies up.
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # but while a command runs
    # Standard input and output carry questions and answers; what DVC and its stages read is empty, what they write is
    # collected in a file.
    questions = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        with tempfile.TemporaryFile() as said:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            for line in questions:
                question = json.loads(line)
                said.seek(0)
                said.truncate()
                code = _main(question["words"], question["folder"])
                said.seek(0)
                answer = {"number": question["number"], "code": code, "said": said.read().decode("utf-8", "replace")}
                with contextlib.suppress(OSError):  # nobody listens any more
                    print(json.dumps(answer), file=answers, flush=True)
    finally:
        end()


def _main(words: list[str], folder: str) -> int:
    """Do in a folder what ``python -m dvc`` does with a command line, and return its exit code."""
    from dvc.cli import main

    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return main(words)
    except SystemExit as end:  # a parser's
        return end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stdout.flush()
        sys.stderr.flush()


def _shut(worker: subprocess.Popen[str], root: Path) -> None:
    with contextlib.suppress(OSError):
        worker.stdin.close()
    try:
        worker.wait(timeout=30)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
    worker.stdout.close()
    _remove(root)


def _remove(folder: Path) -> None:
    """Delete a folder with what is protected in it."""

    def unprotect(function: Any, path: str, _: Any) -> None:
        with contextlib.suppress(OSError):
            Path(path).chmod(0o700)
            function(path)

    if folder.exists():
        shutil.rmtree(folder, onerror=unprotect)


# --------------------------------------------------------------------------- what they say

# What `dvc init` tells of the product.
_ADVICE = re.compile(r"^What's next\?\n(?:-.*\n?)+", re.MULTILINE)
_COMMIT = re.compile(r"(?<![\w/.])(?=[a-f]*\d)[0-9a-f]{7,12}(?![\w/.])")
_STAGE = re.compile(r"^(?:(Running) stage|(?:Restored|Stage)) '(?P<name>[\w-]+)'(?P<rest>.*)", re.MULTILINE)


def _clean(said: str, root: Path) -> str:
    """Take out of a program's words what differs from run to run or is of no use here."""
    said = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said.replace("\r\n", "\n"))
    said = _ADVICE.sub("", said)
    for path in (str(root), root.as_posix()):
        said = said.replace(path, "…")
    said = re.sub(r"^(\[[\w/ -]*?)( \(root-commit\))? [0-9a-f]{7,12}\]", r"\1]", said, flags=re.MULTILINE)
    said = _COMMIT.sub("…", said)
    lines = [line.rstrip() for line in said.splitlines()]
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join(kept).strip("\n")


def _complaint(said: str) -> str:
    """Return what a failed command complains of, on one line."""
    complaints = re.findall(r"^(?:ERROR|error|fatal):\s*((?:.+\n?)+)", said, re.MULTILINE)
    text = " ".join((complaints[0] if complaints else said).split()) or "it said nothing"
    return re.sub(r" \(choose from .*| usage: .*|,? ?<https://error.*", "", text).rstrip(".")


def _stages(said: str) -> dict[str, str]:
    """Read from the output of ``dvc repro`` what became of each stage."""
    done = {}
    for found in _STAGE.finditer(said):
        cached = "is cached" in found["rest"]
        done[found["name"]] = "ran" if found[1] else "restored" if cached else "skipped"
    return done
