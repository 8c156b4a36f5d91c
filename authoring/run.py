"""Run lessons from top to bottom with papermill, some at a time, and say how each went.

Results go to a folder of their own: committed notebooks are read, never written.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from authoring import display, outcomes, patience, processes, surroundings
from authoring.outcomes import Outcome
from course_utils import tables
from course_utils.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

#: Notebooks, solutions and sources are what is committed; nothing may be written there.
COMMITTED = ("lessons", "notebooks", "solutions", "course_utils", "authoring", "tests")


def choose(wanted: Sequence[str], folder: Path) -> list[Path]:
    """Return the notebooks of `folder` that the curriculum has, in its order.

    Parameters
    ----------
    wanted : sequence of str
        Numbers (``12`` or ``1``) or slugs (``static_training``, ``12_static_training``); none: every lesson.
    folder : Path
        Where the notebooks lie.

    Raises
    ------
    UsageError
        No such lesson, or it is not there.
    """
    known = {f"{lesson['number']}_{lesson['slug']}": lesson for lesson in tables.curriculum()}
    there = {slug: folder / f"{slug}.ipynb" for slug in known if (folder / f"{slug}.ipynb").is_file()}
    lost = [slug for slug, lesson in known.items() if lesson.get("written") and slug not in there]
    if lost and not wanted:
        raise UsageError(f"{folder.name} lacks {', '.join(lost)}", fix="run `course build`, or restore it from Git")
    if not wanted:
        if not there:
            raise UsageError(f"{folder.name} holds no lesson", fix="run `course build`, or restore it from Git")
        return list(there.values())
    chosen = set()
    for name in wanted:
        text = Path(name).stem
        slugs = [slug for slug in known if text in (slug, slug[3:]) or text.zfill(2) == slug[:2]]
        if not slugs:
            choices = ", ".join(slug[:2] for slug in there)
            raise UsageError(f"there is no lesson {name!r}", fix=f"choose from {choices}")
        if slugs[0] not in there:
            raise UsageError(f"lesson {slugs[0]} is not in {folder.name}", fix=f"choose from {', '.join(there)}")
        chosen.add(slugs[0])
    return [path for slug, path in there.items() if slug in chosen]


def unsuited(slug: str, dataset: str) -> str:
    """Say why a lesson does not run on a data set; empty if it does."""
    lesson = next((lesson for lesson in tables.curriculum() if f"{lesson['number']}_{lesson['slug']}" == slug), {})
    suited = lesson.get("datasets", [tables.DATASETS[0]])
    if suited == "all" or dataset in suited:
        return ""
    if why := lesson.get("datasets_why"):
        return why
    why = tables.dataset(dataset)["unsuited"]
    return f"needs {' or '.join(suited)}" + (f": {dataset} {why}" if why else "")


def run(
    notebooks: Sequence[Path],
    out: Path,
    *,
    dataset: str | None = None,
    jobs: int = 2,
    cell_limit: int | None = None,
    skip: Callable[[str, str], str] = unsuited,
    times: Path | None = None,
    console: Console | None = None,
) -> list[Outcome]:
    """Run notebooks, each in a process of its own, and report.

    Parameters
    ----------
    notebooks : sequence of Path
    out : Path
        Folder for the executed notebooks and ``junit.xml``; results of earlier runs under the same names are replaced.
    dataset : str, optional
        One of `tables.DATASETS`; default the first.
    jobs : int
        How many run at a time.
    cell_limit : int, optional
        Seconds after which a hanging cell is ended; default `patience.CELL`, more on a slow or busy machine.
    skip : callable
        From slug and data set to the reason not to run, or ''.
    times : Path, optional
        File with the seconds of earlier runs, read and brought up to date; default beside `out`.
    console : rich Console, optional
        Where to show progress and results.

    Returns
    -------
    list of Outcome
        In the order of `notebooks`.

    Raises
    ------
    UsageError
        An option cannot be used, or `out` holds committed files.
    KeyboardInterrupt
        The run was stopped; nothing of it is left running.
    """
    from rich.console import Console

    dataset = dataset or tables.DATASETS[0]
    cell_limit = patience.whole_seconds(patience.CELL) if cell_limit is None else cell_limit
    _check_options(dataset, jobs, cell_limit)
    out = _prepared(out, notebooks)
    times, console = times or out.parent / outcomes.TIMES, console or Console()
    key = f"{dataset}/{notebooks[0].parent.name if notebooks else ''}"
    known = outcomes.read_times(times).get(key, {})
    results = [_planned(path.stem, skip(path.stem, dataset), known.get(path.stem)) for path in notebooks]
    lessons = [_Lesson(path, out, cell_limit, result) for path, result in zip(notebooks, results, strict=True)]
    _run_all(lessons, dataset, jobs, console)
    outcomes.write_times(times, key, results)
    outcomes.write_junit(out / "junit.xml", results, key)
    display.report(console, results, out)
    return results


def _check_options(dataset: str, jobs: int, cell_limit: int) -> None:
    tables.dataset(dataset)  # refuses an unknown name
    if jobs < 1 or cell_limit < 1:
        raise UsageError(f"--jobs {jobs} and --cell-limit {cell_limit} must be 1 or more", fix="give a larger one")


def _prepared(out: Path, notebooks: Sequence[Path]) -> Path:
    """Make the folder for results and return it; refuse one with committed files."""
    out = out.resolve()
    folders = {path.resolve().parent for path in notebooks} | {surroundings.ROOT / name for name in COMMITTED}
    inside = [folder for folder in folders if out == folder or folder in out.parents]
    if inside or out == surroundings.ROOT:
        raise UsageError(f"--out {out.name} would write among committed files", fix="name a folder such as runs/mine")
    out.mkdir(parents=True, exist_ok=True)
    return out


def _planned(slug: str, reason: str, expected: float | None) -> Outcome:
    """Return the outcome of a lesson before it runs, or of one that does not run, with the reason."""
    return Outcome(slug, "skipped" if reason else "waiting", reason=reason, expected=expected)


def _run_all(lessons: Sequence[_Lesson], dataset: str, jobs: int, console: Console) -> None:
    """Run lessons, `jobs` at a time, and leave no process behind."""
    for lesson in lessons:
        lesson.target.unlink(missing_ok=True)
    mark = uuid.uuid4().hex
    environment = {**surroundings.headless(dataset), processes.MARK: mark}
    with _stoppable(), display.progress(console, [lesson.outcome for lesson in lessons]) as show:
        try:
            while at_work := _at_work(lessons, jobs, environment):
                time.sleep(0.1)
                for lesson in at_work:
                    lesson.look()
                show()
        finally:  # after Ctrl-C too; a lesson that ended well may have left a server behind as well
            with _deaf():
                processes.end([lesson.pid for lesson in lessons if lesson.pid], mark)
            for lesson in lessons:
                lesson.running.unlink(missing_ok=True)


def _at_work(lessons: Sequence[_Lesson], jobs: int, environment: dict[str, str]) -> list[_Lesson]:
    """Start waiting lessons where there is room, and return those that run."""
    running = [lesson for lesson in lessons if lesson.outcome.state == "running"]
    waiting = [lesson for lesson in lessons if lesson.outcome.state == "waiting"]
    for lesson in waiting[: max(0, jobs - len(running))]:
        lesson.start(environment)
        running.append(lesson)
    return running


@dataclass
class _Lesson:
    """One notebook, its process and what is known of it."""

    source: Path
    out: Path
    cell_limit: int
    outcome: Outcome
    pid: int = 0
    _process: subprocess.Popen[str] | None = field(default=None, repr=False)
    _memory: processes.PeakMemory | None = field(default=None, repr=False)
    _reader: threading.Thread | None = field(default=None, repr=False)
    _errors: Any = field(default=None, repr=False)
    _started: float = 0.0
    _done: bool = False

    @property
    def target(self) -> Path:
        return self.out / self.source.name

    @property
    def running(self) -> Path:
        return self.target.with_suffix(".running.ipynb")

    def start(self, environment: dict[str, str]) -> None:
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (closed in look)
        command = [sys.executable, "-m", "authoring.run_lesson", *map(str, (self.source.resolve(), self.target))]
        # A session of its own: Ctrl-C reaches this process only, which then ends the others in order.
        self._process = subprocess.Popen(
            [*command, str(self.cell_limit)],
            stdout=subprocess.PIPE,
            stderr=self._errors,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=environment,
            cwd=surroundings.ROOT,
            start_new_session=True,
        )
        self.pid, self._started = self._process.pid, time.monotonic()
        self._memory = processes.PeakMemory(self.pid, below_only=True)
        self._memory.__enter__()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.outcome.state = "running"

    def _read(self) -> None:
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError:
                continue  # a library that prints to stdout
            match event:
                case {"event": "cell", "cell": cell, "of": cells}:
                    self.outcome.cell, self.outcome.cells = cell, cells
                case {"event": "failed"}:
                    self.outcome.failure = event
                case {"event": "done"}:
                    self._done = True

    def look(self) -> None:
        self.outcome.seconds = time.monotonic() - self._started
        code = self._process.poll()
        if code is None:
            return
        self._reader.join(timeout=patience.seconds(5))  # a server that the lesson left behind may hold the pipe open
        self._memory.__exit__()
        self.outcome.peak_bytes = self._memory.bytes
        self._errors.seek(0)
        last = self._errors.read().strip().splitlines()[-6:]
        self._errors.close()
        if code == 0 and self._done:
            self.outcome.state = "passed"
        else:
            self.outcome.state = "failed"
            crash = {"cell": self.outcome.cell, "prompt": None, "source": "", "error": last or [f"exit code {code}"]}
            self.outcome.failure = self.outcome.failure or crash
        self.outcome.result = self.target if self.target.is_file() else None
        self.pid = 0


@contextlib.contextmanager
def _stoppable() -> Iterator[None]:
    """Let a request to end, or a closed terminal, stop a run the way that Ctrl-C does."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {name: signal.signal(getattr(signal, name), stop) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(getattr(signal, name), handler)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Do not hear an impatient second Ctrl-C while processes are being ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
