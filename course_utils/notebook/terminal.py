"""Type commands in a notebook as in a terminal: the line, then what the program really printed.

A terminal keeps a working folder and environment variables from cell to cell. It adds no option and no setting to a
command. Only what differs on every machine is changed, and only in print: the scratch folder's path is shown as ``~``.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import weakref
from pathlib import Path

from course_utils.errors import UsageError
from course_utils.wording import counted

__all__ = ["Terminal", "open_terminal"]

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07")


class Terminal:
    """A terminal in a scratch folder, which is removed when Python ends; `open_terminal` makes one.

    Attributes
    ----------
    home : Path
        The scratch folder, absolute; shown as ``~``.
    folder : Path
        The working folder, absolute; `cd` changes it.
    """

    def __init__(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="course-terminal-")).resolve()
        self.folder = self.home
        self._variables: dict[str, str] = {}
        self._end = weakref.finalize(self, _remove, self.home)

    def run(self, command: str, *, fails: bool = False, last: int | None = None) -> None:
        """Run a command line and print it, then what it printed, on standard output and standard error.

        Parameters
        ----------
        command : str
            One line as you would type it; the system's shell reads it, so quotes, ``|`` and ``>`` work.
        fails : bool
            Whether the command is meant to fail, that is to exit with another code than 0; default no.
        last : int, optional
            Print that many lines from the end of a long output and say how many were left out; default all of it.

        Raises
        ------
        UsageError
            The command failed without being meant to, or did not although it was; or the terminal is closed.

        Examples
        --------
        >>> terminal = terminal.open_terminal()
        >>> terminal.run("echo hello")
        $ echo hello
        hello
        """
        print(f"$ {command}")
        code, said = self._call(command)
        lines = said.splitlines()
        if last is not None and len(lines) > last:
            lines = [f"… ({counted(len(lines) - last, 'line')} before these)", *lines[len(lines) - last :]]
        if lines:
            print("\n".join(lines))
        if (code != 0) != fails:
            what = f"`{command}` ended with exit code {code}"
            fix = "read what it printed above" if not fails else "it was meant to fail: run the cells above it first"
            raise UsageError(what, fix=fix)

    def output(self, command: str) -> str:
        """Return what a `command` prints, without printing it: for a claim, or to count lines.

        Raises
        ------
        UsageError
            The command failed, or the terminal is closed.
        """
        code, said = self._call(command)
        if code:
            raise UsageError(
                f"`{command}` ended with exit code {code}: {said.strip()[-300:]}", fix="correct the command"
            )
        return said

    def cd(self, folder: str) -> None:
        """Change the working folder, as ``cd`` does, and print that.

        Parameters
        ----------
        folder : str
            From the working folder on, or ``~`` for the scratch folder.

        Raises
        ------
        UsageError
            There is no such folder, or it is outside the scratch folder.
        """
        target = (self.home if folder == "~" else self.folder / folder).resolve()
        if not target.is_dir():
            raise UsageError(f"there is no folder {folder!r} here", fix="look with run('ls'), or make it first")
        if target != self.home and self.home not in target.parents:
            raise UsageError(f"{folder!r} is outside the scratch folder", fix="stay below ~")
        self.folder = target
        print(f"$ cd {folder}")

    def export(self, **variables: str) -> None:
        """Set environment variables for all later commands, as ``export`` does, and print each.

        Parameters
        ----------
        **variables : str
            The value of each variable by its name; an empty text unsets it.
        """
        for name, value in variables.items():
            self._variables[name] = value
            print(f"$ export {name}={self._tidy(value)}" if value else f"$ unset {name}")

    def write(self, name: str, text: str) -> None:
        """Write a file and print it whole, under its name: what an editor would do.

        Parameters
        ----------
        name : str
            From the working folder on; folders above it are made.
        text : str
            The whole content; a line break at its start is dropped, one at its end is added.

        Raises
        ------
        UsageError
            The file would be outside the scratch folder.
        """
        target = (self.folder / name).resolve()
        if self.home not in target.parents:
            raise UsageError(f"{name!r} is outside the scratch folder", fix="stay below ~")
        target.parent.mkdir(parents=True, exist_ok=True)
        content = text.removeprefix("\n").rstrip("\n") + "\n"
        target.write_text(content, encoding="utf-8", newline="\n")
        print(f"# {name}\n{content}", end="")

    def show(self, name: str) -> None:
        """Print a text file under its `name`, as an editor would show it.

        Raises
        ------
        UsageError
            There is no such file.
        """
        try:
            content = (self.folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{name} cannot be read as text", fix="look with run('ls') what is there") from error
        print(f"# {name}\n{self._tidy(content)}", end="" if content.endswith("\n") else "\n")

    def where(self) -> Path:
        """Return the working folder's real path, to open a terminal of your own in."""
        return self.folder

    def close(self) -> None:
        """Remove the scratch folder; a second call does nothing."""
        self._end()

    def _call(self, command: str) -> tuple[int, str]:
        if not self._end.alive:
            raise UsageError("this terminal is closed", fix="run the cell that opens it again")
        done = subprocess.run(
            command,
            shell=True,
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,  # a program that asks a question reads the end of its input, and does not wait
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return done.returncode, self._tidy(done.stdout.decode("utf-8", "replace"))

    def _environment(self) -> dict[str, str]:
        """Return this process's environment with the terminal's own variables, and Python's programs first in PATH."""
        # As `activate` does: a kernel may run in an environment whose folder of programs is not in PATH.
        programs = sysconfig.get_path("scripts")
        path = os.pathsep.join([programs, os.environ.get("PATH", os.defpath)])
        found = {**os.environ, "PATH": path, "PYTHONIOENCODING": "utf-8"}
        # The kernel's own variables would reach programs that draw or that start Python.
        for name in ("MPLBACKEND", "PYTHONSTARTUP", "PYTHONEXECUTABLE"):
            found.pop(name, None)
        found |= self._variables
        return {name: value for name, value in found.items() if value or name not in self._variables}

    def _tidy(self, text: str) -> str:
        """Take out what a screen would not show: colours, and lines that a progress bar wrote over."""
        plain = _ESCAPES.sub("", text).replace("\r\n", "\n")
        lines = [line.rstrip().rpartition("\r")[2] for line in plain.split("\n")]
        shown = "\n".join(lines).replace(str(self.home), "~")
        return shown.replace(str(Path(sys.prefix)), "~/.venv")


def open_terminal() -> Terminal:
    """Open a terminal in an empty scratch folder, which is removed when Python ends.

    Examples
    --------
    >>> terminal = terminal.open_terminal()
    >>> terminal.write("names.txt", "EWR")
    # names.txt
    EWR
    """
    return Terminal()


def _remove(folder: Path) -> None:
    def writable(function: object, path: str, error: object) -> None:
        # Git and DVC write-protect what they store, and some systems do not remove that.
        with contextlib.suppress(OSError):
            Path(path).chmod(0o700)
            Path(path).parent.chmod(0o700)
            Path(path).unlink()

    shutil.rmtree(folder, onerror=writable)
