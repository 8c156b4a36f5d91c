"""Run Git and DVC in a temporary folder, with a home folder, a name and a clock of their own.

They neither read nor change a setting of this machine, so that their output is the same everywhere. Nothing needs the
network.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import weakref
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from course_utils.develop.git import commit_dates, git_environment, git_program, remove_tree
from course_utils.errors import UsageError

__all__ = [
    "Sandbox",
    "clean_output",
    "error_reason",
    "sandbox_environment",
    "serve",
    "stage_results",
]


class Sandbox:
    """A temporary folder with a project, its clones and its remote, and one DVC process for all of them.

    Starting DVC takes a second or more, a command a tenth of that: so one process stays, and runs each command line as
    ``python -m dvc`` would. It deletes the folder when its input ends, and so also when this process is killed.
    """

    def __init__(self) -> None:
        self._git = git_program()
        self.root = Path(tempfile.mkdtemp(prefix="course-versioning-")).resolve()
        (self.root / "home").mkdir()
        (self.root / "storage").mkdir()
        self.now = datetime(2013, 1, 1, 9)
        self._environment = sandbox_environment(self.root)
        (self.root / "home" / "config").write_text(
            "[core]\nanalytics = false\ncheck_update = false\nautostage = true\n", encoding="utf-8"
        )
        self._requests = itertools.count(1)
        self._worker = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve; serve()", str(self.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self.root,
            env=self._environment,
            text=True,
            encoding="utf-8",
            start_new_session=True,  # so that Ctrl+C does not reach it: see _run_dvc
        )
        self.close = weakref.finalize(self, _stop, self._worker, self.root)

    def check_open(self) -> None:
        """Raise an error if the sandbox was closed.

        Raises
        ------
        UsageError
            The sandbox was closed.
        """
        if not self.close.alive:
            raise UsageError("this project was closed, and its folder deleted", fix="call versioning.start_project()")

    def call(self, words: list[str], folder: Path) -> tuple[int, str]:
        """Run a command, `words`, in a `folder`; return its exit code and its output, cleaned.

        Raises
        ------
        UsageError
            The sandbox was closed, or DVC's process has ended.
        """
        self.check_open()
        # Each command is a minute later than the one before, so that commits are in order.
        self.now += timedelta(minutes=1)
        run = self._run_dvc if words[0] == "dvc" else self._run_git
        code, output = run(words[1:], folder)
        return code, clean_output(output, self.root)

    def _run_git(self, words: list[str], folder: Path) -> tuple[int, str]:
        done = subprocess.run(
            [self._git, *words],
            cwd=folder,
            env=self._environment | commit_dates(self.now),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
        return done.returncode, done.stdout

    def _run_dvc(self, words: list[str], folder: Path) -> tuple[int, str]:
        number = next(self._requests)
        request = json.dumps({"number": number, "words": words, "folder": str(folder)})
        try:
            print(request, file=self._worker.stdin, flush=True)
            for line in self._worker.stdout:
                answer = json.loads(line)
                if answer["number"] == number:  # skip the answer to a command that was interrupted
                    return answer["code"], answer["output"]
        except OSError:
            pass
        except KeyboardInterrupt:
            if os.name == "posix":  # stop the command and the stages that it started, and keep the process
                os.killpg(self._worker.pid, signal.SIGINT)
            raise
        self.close()
        raise UsageError("DVC's process has ended", fix="start another project with versioning.start_project()")


def sandbox_environment(root: Path) -> dict[str, str]:
    """Return environment variables with which Git, DVC and boto read no settings of this machine.

    The folder ``home`` in `root` replaces your home folder.
    """
    home = str(root / "home")
    git = git_environment(root, name="Learner", email="learner@example.org")
    # A notebook's kernel asks programs for colours and progress bars, which a saved output cannot show.
    foreign = ("DVC_", "AWS_", "FORCE_COLOR", "CLICOLOR")
    inherited = {name: value for name, value in git.items() if not name.startswith(foreign)}
    python = str(Path(sys.executable).parent)
    return inherited | {
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


def serve() -> None:
    """Run DVC command lines from standard input until it ends, then delete the folder: the loop of DVC's process."""
    root = Path(sys.argv[1])

    def end(*_: Any) -> None:
        os.chdir(root.parent)
        remove_tree(root)
        os._exit(0)

    # Jupyter terminates the children of a kernel before the kernel itself can clean up.
    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a running command restores it, in _dvc_main
    # Standard input and output carry requests and answers: DVC and its stages get an empty input, and what they print
    # is collected in a file.
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        with tempfile.TemporaryFile() as collected:
            os.dup2(collected.fileno(), 1)
            os.dup2(collected.fileno(), 2)
            for line in requests:
                request = json.loads(line)
                collected.seek(0)
                collected.truncate()
                code = _dvc_main(request["words"], request["folder"])
                collected.seek(0)
                output = collected.read().decode("utf-8", "replace")
                answer = {"number": request["number"], "code": code, "output": output}
                with contextlib.suppress(OSError):  # the notebook's process has ended
                    print(json.dumps(answer), file=answers, flush=True)
    finally:
        end()


def _dvc_main(words: list[str], folder: str) -> int:
    """Run a command line in a folder as ``python -m dvc`` does, and return its exit code."""
    from dvc.cli import main

    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return main(words)
    except SystemExit as end:  # from the parser of the command line
        return end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        return 130
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.stdout.flush()
        sys.stderr.flush()


def _stop(worker: subprocess.Popen[str], root: Path) -> None:
    """End DVC's process and delete the folder."""
    with contextlib.suppress(OSError):
        worker.stdin.close()
    try:
        worker.wait(timeout=30)
    except subprocess.TimeoutExpired:
        worker.kill()
        worker.wait()
    worker.stdout.close()
    remove_tree(root)


# Advertisements that `dvc init` prints.
_ADVICE = re.compile(r"^What's next\?\n(?:-.*\n?)+", re.MULTILINE)
# Commit ids: 7 to 12 hexadecimal digits, at least one of them a decimal digit, and not a part of a path or hash.
_COMMIT = re.compile(r"(?<![\w/.])(?=[a-f]*\d)[0-9a-f]{7,12}(?![\w/.])")
_STAGE = re.compile(r"^(?:(Running) stage|(?:Restored|Stage)) '(?P<name>[\w-]+)'(?P<rest>.*)", re.MULTILINE)


def clean_output(output: str, root: Path) -> str:
    """Return a program's output without colours, advertisements, and paths and commit ids that differ between runs.

    Parameters
    ----------
    output : str
        The output of Git or DVC as it was printed.
    root : Path
        The sandbox's folder, shown as '…'.
    """
    output = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.replace("\r\n", "\n"))
    output = _ADVICE.sub("", output)
    for path in (str(root), root.as_posix()):
        output = output.replace(path, "…")
    output = re.sub(r"^(\[[\w/ -]*?)( \(root-commit\))? [0-9a-f]{7,12}\]", r"\1]", output, flags=re.MULTILINE)
    output = _COMMIT.sub("…", output)
    lines = [line.rstrip() for line in output.splitlines()]
    kept = [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
    return "\n".join(kept).strip("\n")


def error_reason(output: str) -> str:
    """Return the error message in the `output` of a failed command, on one line."""
    messages = re.findall(r"^(?:ERROR|error|fatal):\s*((?:.+\n?)+)", output, re.MULTILINE)
    text = " ".join((messages[0] if messages else output).split()) or "no message"
    return re.sub(r" \(choose from .*| usage: .*|,? ?<https://error.*", "", text).rstrip(".")


def stage_results(output: str) -> dict[str, str]:
    """Return the result of each stage from the `output` of ``dvc repro``: 'ran', 'restored' or 'skipped'."""
    results = {}
    for stage in _STAGE.finditer(output):
        cached = "is cached" in stage["rest"]
        results[stage["name"]] = "ran" if stage[1] else "restored" if cached else "skipped"
    return results
