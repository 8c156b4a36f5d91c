"""Set the course up in ``.venv``: ``python3 authoring/bootstrap.py``. The Makefile calls it before anything else.

It needs nothing but Python and its standard library, because it runs when nothing is installed yet. A second run finds
the stamp of the first and ends at once; an interrupted set-up starts again from the beginning.
"""

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

LOWEST = (3, 11)
OLDEST_UV = (0, 9)  # that reads the lock
ROOT = Path(__file__).resolve().parent.parent
#: Whatever changes here changes the environment.
SOURCES = ("pyproject.toml", "uv.lock", ".python-version")


class SetUpError(Exception):
    """The set-up cannot go on; the text says why and what to do."""


def main(root: Path = ROOT) -> int:
    """Set the course up unless that is done already, and return the exit code."""
    environment = Environment(Path(root).resolve())
    if environment.ready():
        return 0
    started = time.monotonic()
    try:
        with alone(environment.root):
            if environment.ready():
                return 0
            environment.set_up()
    except SetUpError as error:
        print(f"The course cannot be set up: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nSet-up stopped. The next run starts it again.", file=sys.stderr)
        return 130
    print(f"The course is set up in .venv ({time.monotonic() - started:.0f} s).", file=sys.stderr)
    return 0


class Environment:
    """The environment of one clone.

    Parameters
    ----------
    root : Path
        The clone.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.venv = root / ".venv"
        self.bin = self.venv / ("Scripts" if os.name == "nt" else "bin")
        self.stamp = self.venv / "course-ready"
        self.started = self.venv / "course-setting-up"

    def program(self, name: str) -> Path:
        """Return the path of a program in the environment."""
        return self.bin / (name + ".exe" if os.name == "nt" else name)

    def fingerprint(self) -> str:
        """Return a text that changes when the environment must, or when the clone was moved."""
        digest = hashlib.sha256(str(self.root).encode())
        for name in SOURCES:
            digest.update((self.root / name).read_bytes())
        return digest.hexdigest()

    def ready(self) -> bool:
        """Say whether the environment is the one that the sources ask for."""
        try:
            stamp = self.stamp.read_text(encoding="utf-8")
        except OSError:
            return False
        programs = all(self.program(name).exists() for name in ("python", "course"))
        return programs and stamp == self.fingerprint()

    def set_up(self) -> None:
        """Make or fix the environment.

        Raises
        ------
        SetUpError
            Something that it needs is not there.
        """
        uv = self._uv_at_hand()
        if sys.version_info < LOWEST and not uv:
            here = ".".join(map(str, sys.version_info[:3]))
            raise SetUpError(
                f"this is Python {here}, and the course needs 3.11 or newer. Install one from python.org or your "
                "system's packages, then name it: make PYTHON=python3.11"
            )
        moved = self.stamp.exists() and str(self.root) not in self._script()
        if self.started.exists() or moved or (self.venv.exists() and not self._works()):
            self._remove()  # half made, made for another folder, or its Python is gone
        print("Setting the course up in .venv; the first time this fetches about 2 GB.", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="course-uv-") as scratch:
            if not uv:
                # A copy, because the environment that is about to be made again may be the one that holds uv.
                uv = shutil.copy2(str(self._bring_uv()), scratch)
            python = self._python(uv)
            if self.venv.exists() and self._minor(self.program("python")) != self._minor(python):
                self._remove()
            if not self.venv.exists():
                self._run([uv, "venv", "--quiet", "--python", python, str(self.venv)], "uv could not make .venv")
            self.stamp.unlink(missing_ok=True)
            self.started.touch()
            quiet = [] if sys.stderr.isatty() else ["--quiet"]  # a log needs no list of 260 packages
            self._run(
                [uv, "sync", "--locked", "--python", str(self.program("python")), *quiet],
                "uv could not install the packages (see above). Behind a proxy set HTTPS_PROXY, for a mirror "
                "UV_DEFAULT_INDEX, and run the same command again. If it says that the lockfile needs to be updated: "
                "uv lock",
            )
        if not self.program("course").exists():
            raise SetUpError("the command `course` is not there: remove .venv and run the same command again")
        self._write(self.stamp, self.fingerprint())
        self.started.unlink()

    def _uv_at_hand(self) -> str:
        """Return the uv of this machine, or '' where there is none that can read the lock."""
        uv = shutil.which("uv") or ""
        if uv:
            done = subprocess.run([uv, "--version"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            numbers = re.findall(r"[0-9]+", done.stdout.decode("utf-8", "replace"))
            if done.returncode or tuple(map(int, numbers[:2])) < OLDEST_UV:
                return ""
        return uv

    def _script(self) -> str:
        """Return the text of an installed script, which names the folder that it was installed for."""
        try:
            return self.program("course").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def _works(self) -> bool:
        return bool(self._minor(self.program("python")))

    def _minor(self, python: Path) -> str:
        """Return '3.11' for a Python of that kind; '' if it does not start."""
        ask = "import sys; print('{}.{}'.format(*sys.version_info))"
        try:
            done = subprocess.run(
                [str(python), "-c", ask], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False
            )
        except OSError:
            return ""
        return done.stdout.decode().strip()

    def _remove(self) -> None:
        if self.venv.is_symlink() or self.venv.is_file():
            raise SetUpError(".venv is not a folder of this clone: remove it and run the same command again")
        shutil.rmtree(str(self.venv))

    def _bring_uv(self) -> Path:
        """Return uv from the environment, put there with pip if need be."""
        uv = self.program("uv")
        if uv.exists():
            return uv
        if not self.venv.exists():
            if importlib.util.find_spec("ensurepip") is None:
                raise SetUpError(
                    "this Python lacks venv and pip. On Debian and Ubuntu: sudo apt install python3-venv. "
                    "Then run the same command again"
                )
            self._run([sys.executable, "-m", "venv", str(self.venv)], "this Python could not make .venv (see above)")
        python = str(self.program("python"))
        if subprocess.call([python, "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            self._run([python, "-m", "ensurepip"], "pip could not be put into .venv: remove it and try again")
        self._run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"uv=={self.locked_uv()}"],
            "pip could not install uv (see above). Behind a proxy set HTTPS_PROXY, for a mirror PIP_INDEX_URL, and "
            "run the same command again",
        )
        return uv

    def locked_uv(self) -> str:
        """Return the version of uv that the lock has."""
        import tomllib

        lock = tomllib.loads((self.root / "uv.lock").read_text(encoding="utf-8"))
        return next(package["version"] for package in lock["package"] if package["name"] == "uv")

    def _python(self, uv: str) -> str:
        """Return the pinned Python if uv finds it or can fetch it, else the one that runs this."""
        pinned = (self.root / ".python-version").read_text(encoding="utf-8").strip()
        here = ".".join(map(str, sys.version_info[:2]))
        mine = getattr(sys, "_base_executable", None) or sys.executable
        if here == pinned:
            return mine
        found = self._ask([uv, "python", "find", "--no-project", "--system", pinned])
        if not found:
            print(f"Fetching Python {pinned}, on which outputs are compared.", file=sys.stderr, flush=True)
            self._ask([uv, "python", "install", "--no-bin", pinned])
            found = self._ask([uv, "python", "find", "--no-project", "--system", pinned])
        if found:
            return found
        if sys.version_info < LOWEST:
            raise SetUpError(f"there is no Python {pinned} and none could be fetched: install Python 3.11 or newer")
        print(
            f"Python {pinned} cannot be had here. Python {here} does: lessons run on it, but an output may differ from "
            "the committed one in a last digit.",
            file=sys.stderr,
        )
        return mine

    def _ask(self, command: list) -> str:
        """Return what a command prints; '' if it fails or takes longer than five minutes."""
        try:
            done = subprocess.run(
                command,
                cwd=str(self.root),
                env=self._variables(),
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                check=False,
                timeout=300,
            )
        except (OSError, subprocess.TimeoutExpired):
            return ""
        return "" if done.returncode else done.stdout.decode("utf-8", "replace").strip()

    def _variables(self) -> dict:
        """Return the environment for uv and pip: the clone's own `.venv`, whichever other one is active."""
        others = ("VIRTUAL_ENV", "CONDA_PREFIX", "UV_PYTHON", "UV_FROZEN", "UV_NO_SYNC")
        ours = {name: value for name, value in os.environ.items() if name not in others}
        return {**ours, "UV_PROJECT_ENVIRONMENT": str(self.venv)}

    def _run(self, command: list, problem: str) -> None:
        try:
            code = subprocess.call(command, cwd=str(self.root), env=self._variables())
        except OSError as error:
            raise SetUpError(f"{problem}: {error}") from error
        if code:
            raise SetUpError(problem)

    def _write(self, path: Path, text: str) -> None:
        whole = path.with_name(path.name + ".new")
        whole.write_text(text, encoding="utf-8")
        whole.replace(path)


@contextlib.contextmanager
def alone(root: Path) -> "Iterator[None]":
    """Wait until no other set-up of the same clone is at work (where the system has file locks)."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    name = "course-" + hashlib.sha256(str(root).encode()).hexdigest()[:16] + ".lock"
    with (Path(tempfile.gettempdir()) / name).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
