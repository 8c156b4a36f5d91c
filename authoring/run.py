"""Run lessons from top to bottom with papermill, some at a time, and say how each went.

Results go to a folder of their own: committed notebooks are read, never written.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
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
from xml.etree import ElementTree

from authoring import processes, surroundings
from course_utils import tables
from course_utils.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

CELL_LIMIT = 60  # seconds
#: Notebooks, solutions and sources are what is committed; nothing may be written there.
COMMITTED = ("lessons", "notebooks", "solutions", "course_utils", "authoring", "tests")
#: Seconds of the last runs, by data set, folder and lesson: what the progress display expects.
TIMES = "times.json"


@dataclass
class Outcome:
    """How one lesson went.

    Attributes
    ----------
    slug : str
        ``12_static_training``.
    state : str
        'waiting', 'running', 'passed', 'failed' or 'skipped'.
    seconds : float
        Wall time, the kernel's start included.
    peak_bytes : int
        Most memory of the kernel and what it started.
    cell, cells : int
        The cell at work (the last one at the end), counted from 1 with text cells, and how many there are.
    reason : str
        Why it was skipped.
    failure : dict, optional
        'cell', 'prompt' (the number in brackets), 'source' and 'error' (lines).
    expected : float, optional
        Seconds of the last run.
    result : Path, optional
        The executed notebook.
    """

    slug: str
    state: str = "waiting"
    seconds: float = 0.0
    peak_bytes: int = 0
    cell: int = 0
    cells: int = 0
    reason: str = ""
    failure: dict[str, Any] | None = None
    expected: float | None = None
    result: Path | None = None

    @property
    def peak(self) -> str:
        """Peak memory for people."""
        return f"{self.peak_bytes / 2**20:,.0f} MiB" if self.peak_bytes else ""


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
    cell_limit: int = CELL_LIMIT,
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
    cell_limit : int
        Seconds that one cell may take.
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
        Somebody stopped the run; nothing of it is left running.
    """
    from rich.console import Console

    dataset = dataset or tables.DATASETS[0]
    tables.dataset(dataset)  # refuses an unknown name before anything runs
    if jobs < 1 or cell_limit < 1:
        raise UsageError(f"--jobs {jobs} and --cell-limit {cell_limit} must be 1 or more", fix="give a larger one")
    out = out.resolve()
    folders = {path.resolve().parent for path in notebooks} | {surroundings.ROOT / name for name in COMMITTED}
    inside = [folder for folder in folders if out == folder or folder in out.parents]
    if inside or out == surroundings.ROOT:
        raise UsageError(f"--out {out.name} would write among committed files", fix="name a folder such as runs/mine")
    out.mkdir(parents=True, exist_ok=True)
    times = times or out.parent / TIMES
    console = console or Console()

    key = f"{dataset}/{notebooks[0].parent.name if notebooks else ''}"
    known = _read_times(times).get(key, {})
    lessons = [_Lesson(path, out, cell_limit, Outcome(path.stem, expected=known.get(path.stem))) for path in notebooks]
    for lesson in lessons:
        lesson.target.unlink(missing_ok=True)
        if reason := skip(lesson.outcome.slug, dataset):
            lesson.outcome.state, lesson.outcome.reason = "skipped", reason
    mark = uuid.uuid4().hex
    environment = {**surroundings.headless(dataset), processes.MARK: mark}
    outcomes = [lesson.outcome for lesson in lessons]
    with _stoppable(), _display(console, outcomes) as show:
        try:
            while any(outcome.state in ("waiting", "running") for outcome in outcomes):
                at_work = [lesson for lesson in lessons if lesson.outcome.state == "running"]
                for lesson in lessons:
                    if lesson.outcome.state == "waiting" and len(at_work) < jobs:
                        lesson.start(environment)
                        at_work.append(lesson)
                time.sleep(0.1)
                for lesson in at_work:
                    lesson.look()
                show()
        finally:  # after Ctrl-C too; a lesson that ended well may have left a server behind as well
            with _deaf():
                processes.end([lesson.pid for lesson in lessons if lesson.pid], mark)
            for lesson in lessons:
                lesson.running.unlink(missing_ok=True)
    _write_times(times, key, outcomes)
    _write_junit(out / "junit.xml", outcomes, key)
    _report(console, outcomes, out)
    return outcomes


def failed(outcomes: Sequence[Outcome]) -> bool:
    """Say whether any lesson failed."""
    return any(outcome.state == "failed" for outcome in outcomes)


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
        self._reader.join(timeout=5)
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


# --------------------------------------------------------------------------- what people see


@contextlib.contextmanager
def _display(console: Console, outcomes: list[Outcome]) -> Iterator[Callable[[], None]]:
    """Show progress: a live table in a terminal, a line at each start and end elsewhere."""
    if console.is_terminal:
        from rich.live import Live

        with Live(console=console, refresh_per_second=5, transient=True) as live:
            yield lambda: live.update(_progress(outcomes))
        return

    seen = {outcome.slug: "waiting" for outcome in outcomes}

    def show() -> None:
        for outcome in outcomes:
            if outcome.state == seen[outcome.slug]:
                continue
            seen[outcome.slug] = outcome.state
            if outcome.state == "running":
                expected = f", about {outcome.expected:.0f} s" if outcome.expected else ""
                console.print(f"{outcome.slug}: started{expected}", highlight=False)
            else:
                what = f"{outcome.state}, {outcome.seconds:.1f} s" if outcome.state != "skipped" else "skipped"
                console.print(f"{outcome.slug}: {what}", highlight=False)

    yield show


def _progress(outcomes: list[Outcome]) -> RenderableType:
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name, justify in (("lesson", "left"), ("", "left"), ("cell", "right"), ("elapsed", "right"), ("last", "right")):
        table.add_column(name, justify=justify)
    for outcome in outcomes:
        if outcome.state == "running":
            bar: RenderableType = ProgressBar(total=outcome.cells or 1, completed=outcome.cell, width=24)
            cell = f"{outcome.cell}/{outcome.cells}" if outcome.cells else "starting"
            elapsed = f"{outcome.seconds:.0f} s"
        else:
            bar, cell = _coloured(outcome.state), ""
            elapsed = f"{outcome.seconds:.0f} s" if outcome.seconds else ""
        expected = f"{outcome.expected:.0f} s" if outcome.expected else ""
        table.add_row(outcome.slug, bar, cell, elapsed, expected)
    return table


def _coloured(state: str) -> str:
    colour = {"passed": "green", "failed": "bold red", "skipped": "yellow"}.get(state, "dim")
    return f"[{colour}]{state}[/]"


def summary(outcomes: Sequence[Outcome]) -> Table:
    """Return a table: lesson, result, seconds, peak memory, and why a lesson was skipped."""
    from rich.table import Table

    table = Table(title="Lessons", title_justify="left", header_style="bold")
    table.add_column("lesson")
    table.add_column("result")
    table.add_column("seconds", justify="right")
    table.add_column("peak memory", justify="right")
    if any(outcome.reason for outcome in outcomes):
        table.add_column("why")
    for outcome in outcomes:
        seconds = f"{outcome.seconds:.1f}" if outcome.seconds else ""
        row = [outcome.slug, _coloured(outcome.state), seconds, outcome.peak]
        table.add_row(*row, *([outcome.reason] if len(table.columns) > len(row) else []))
    return table


def _report(console: Console, outcomes: list[Outcome], out: Path) -> None:
    from rich.markup import escape

    for outcome in outcomes:
        if not outcome.failure:
            continue
        failure = outcome.failure
        prompt = f", In [{failure['prompt']}]" if failure["prompt"] else ""
        where = f"cell {failure['cell']} of {outcome.cells}{prompt}" if failure["cell"] else "before its first cell"
        console.print(f"\n[bold red]{outcome.slug} failed[/] in {where}", highlight=False)
        for line in failure["source"].splitlines():
            console.print(f"    {escape(line)}", highlight=False, soft_wrap=True)
        for line in failure["error"]:
            console.print(f"  [red]{escape(line)}[/]", highlight=False, soft_wrap=True)
        if outcome.result:
            console.print(f"  The notebook as far as it ran: {escape(_shown(outcome.result))}", soft_wrap=True)
    console.print()
    console.print(summary(outcomes))
    counts = {state: sum(outcome.state == state for outcome in outcomes) for state in ("passed", "failed", "skipped")}
    text = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
    console.print(f"{text}. Executed notebooks: {escape(_shown(out))}", highlight=False, soft_wrap=True)


def _shown(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


# --------------------------------------------------------------------------- files


def _read_times(times: Path) -> dict[str, dict[str, float]]:
    try:
        return json.loads(times.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # expected times are a convenience: none is no reason to stop


def _write_times(times: Path, key: str, outcomes: Sequence[Outcome]) -> None:
    known = _read_times(times)
    new = {outcome.slug: round(outcome.seconds, 1) for outcome in outcomes if outcome.state == "passed"}
    known[key] = known.get(key, {}) | new
    _write(times, json.dumps(known, indent=1, sort_keys=True))


def _write_junit(path: Path, outcomes: Sequence[Outcome], name: str) -> None:
    suite = ElementTree.Element("testsuite", name=f"lessons {name}", tests=str(len(outcomes)), errors="0")
    for state, attribute in (("failed", "failures"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(outcome.state == state for outcome in outcomes)))
    suite.set("time", f"{sum(outcome.seconds for outcome in outcomes):.1f}")
    for outcome in outcomes:
        case = ElementTree.SubElement(
            suite, "testcase", classname=name.replace("/", "."), name=outcome.slug, time=f"{outcome.seconds:.1f}"
        )
        if outcome.peak_bytes:
            properties = ElementTree.SubElement(case, "properties")
            ElementTree.SubElement(properties, "property", name="peak_mib", value=f"{outcome.peak_bytes / 2**20:.0f}")
        if outcome.state == "skipped":
            ElementTree.SubElement(case, "skipped", message=outcome.reason)
        if outcome.failure:
            error = [_printable(line) for line in outcome.failure["error"]]
            node = ElementTree.SubElement(
                case, "failure", message=f"cell {outcome.failure['cell']}: {error[0] if error else ''}"
            )
            node.text = _printable(outcome.failure["source"]) + "\n\n" + "\n".join(error)
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    _write(path, ElementTree.tostring(suites, encoding="unicode", xml_declaration=True))


def _printable(text: str) -> str:
    """Drop what XML cannot hold, such as the escape codes of coloured tracebacks."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return "".join(character for character in plain if character >= " " or character in "\t\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    Path(file.name).replace(path)
