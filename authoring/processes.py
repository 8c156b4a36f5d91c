"""Watch and end whole families of processes: a lesson is a runner, its kernel and whatever that starts."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil

from authoring import patience

#: The variable by which every process of one run knows, and shows, that it belongs to it.
MARK = "COURSE_RUN"

_GONE = (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess, OSError)


class PeakMemory:
    """The most memory that a process and all below it held at once, and the processor time of all of them.

    Both are sampled by a thread. Of a process that ended, the time since the last look is lost.

    Parameters
    ----------
    pid : int
        The process at the top.
    below_only : bool
        Leave the top one out (a runner that is no part of the lesson).
    interval : float
        Seconds between two looks.
    """

    def __init__(self, pid: int, *, below_only: bool = False, interval: float = 0.2) -> None:
        self.bytes = 0
        self._busy: dict[int, float] = {}
        self._pid, self._below_only, self._interval = pid, below_only, interval
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """Processor time until the last look, user and system, of all processes together."""
        return sum(self._busy.values())

    def _watch(self) -> None:
        while True:
            self.look()
            if self._stopped.wait(self._interval):
                return

    def look(self) -> None:
        """Take one sample now."""
        held = 0
        looks: dict[int, tuple[list[str], int]] = {}
        for place, process in enumerate(_family(self._pid)):
            try:
                command, rss, busy = process.cmdline(), process.memory_info().rss, process.cpu_times()
                above, above_rss = looks.get(process.ppid(), ([], 0))
            except _GONE:
                continue
            looks[process.pid] = command, rss
            if place > 0 or not self._below_only:
                self._busy[process.pid] = busy.user + busy.system
            # Until it has become the program that it was started for, a new process shows its parent's memory as its
            # own.
            still_its_parent = command == above and abs(rss - above_rss) < 0.02 * rss
            if still_its_parent or (place == 0 and self._below_only):
                continue
            held += _own_share(process, rss) if command == above else rss
            self.bytes = max(self.bytes, _high_water(process.pid))
        self.bytes = max(self.bytes, held)


def foreground(command: Sequence[str], **options: Any) -> int:
    """Run a command to its end and return its exit code.

    Ctrl-C reaches the command too; it gets the time to put its own house in order, where `subprocess.call` would kill
    it after a quarter of a second and leave its kernels to themselves.
    """
    with subprocess.Popen(command, **options) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _own_share(fork: psutil.Process, rss: int) -> int:
    """Return what a fork adds to its parent's memory, where the system (Linux) knows: most pages are the parent's."""
    try:
        return getattr(fork.memory_full_info(), "pss", rss)
    except _GONE:
        return rss


def _high_water(pid: int) -> int:
    """Return the most that one process ever held, where the system (Linux) keeps count: a spike between two looks."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
    return int(line.split()[1]) * 1024


def _family(pid: int) -> list[psutil.Process]:
    try:
        top = psutil.Process(pid)
        return [top, *top.children(recursive=True)]
    except _GONE:
        return []


def marked(mark: str) -> list[psutil.Process]:
    """List the processes whose environment carries `mark`, also those that left their parent."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except _GONE:
            continue
    return found


def end(pids: list[int], mark: str, *, pause: Callable[[float], None] = time.sleep) -> None:
    """Kill the families of `pids` and everything that carries `mark`, until nothing of them is left.

    They are looked for again after each round, since one of them may have been starting another.

    Raises
    ------
    TimeoutError
        Something survives being killed for ten seconds, longer on a slow or busy machine.
    """
    for _ in range(patience.whole_seconds(100)):
        left = {process.pid: process for process in marked(mark)}
        left |= {process.pid: process for pid in pids for process in _family(pid) if _lives(process)}
        if not left:
            return
        for process in left.values():
            try:
                process.kill()
            except _GONE:
                continue
        pause(0.1)
    raise TimeoutError(f"processes {sorted(left)} do not end")


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except _GONE:
        return False
