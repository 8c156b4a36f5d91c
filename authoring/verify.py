"""A pytest plugin: what else is watched while nbval runs a committed notebook for the first and only time.

nbval compares each cell with its committed output. In the same run the kernel is kept off the network, and one more
test for each notebook, "limits", looks at peak memory, attempts to reach the network, and cells committed without
having been run (which nbval would let pass). Time is reported and never fails a notebook: the run ends with a table,
slowest lesson first.

Used as ``pytest -p authoring.verify --nbval notebooks solutions``.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from nbval.plugin import IPyNbFile

from authoring import patience, processes, surroundings

MEMORY = 2 * 2**30  # bytes
#: One line of the table at the end.
Row = tuple[str, float, float, int]


def pytest_configure() -> None:
    """Measure the machine once, before workers start: they inherit the result with the environment."""
    patience.factor()


class LessonFile(IPyNbFile):
    """A notebook whose kernel is timed, kept off the network, and has its memory measured."""

    started: float = 0.0
    memory: processes.PeakMemory | None = None
    log: Path | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """Yield nbval's items, one for each code cell, and the limits after them."""
        for item in super().collect():
            item.output_timeout = patience.seconds(patience.KERNEL)  # nbval's 5 s are short on a busy machine
            if item.options["skip"]:
                item.add_marker(pytest.mark.skip(reason="a live cell: it measures the machine it runs on"))
            yield item
        yield Limits.from_parent(self, name="limits")

    def setup(self) -> None:
        """Start the kernel, guarded."""
        handle, name = tempfile.mkstemp(prefix="course-network-", suffix=".log")
        os.close(handle)
        self.log, self.started = Path(name), time.monotonic()
        with mock.patch.dict(os.environ, surroundings.guarded(surroundings.headless(), self.log)):
            super().setup()
        self.memory = processes.PeakMemory(self.kernel.km.provisioner.pid)
        self.memory.__enter__()

    def teardown(self) -> None:
        """End the kernel."""
        if self.memory:
            self.memory.__exit__()
        super().teardown()
        if self.log:
            self.log.unlink(missing_ok=True)


class LimitError(Exception):
    """A notebook broke one of the limits."""


class Limits(pytest.Item):
    """The test after a notebook's last cell."""

    def runtest(self) -> None:
        """Report what the whole notebook took, and compare its memory with what it may take."""
        lesson = self.parent
        seconds = time.monotonic() - lesson.started
        lesson.memory.look()
        peak = lesson.memory.bytes
        self.user_properties += [
            ("seconds", round(seconds, 1)),
            ("processor_seconds", round(lesson.memory.seconds, 1)),
            ("peak_mib", round(peak / 2**20)),
        ]
        problems = [f"tried to {attempt}" for attempt in dict.fromkeys(lesson.log.read_text("utf-8").splitlines())]
        if peak > MEMORY:
            problems.append(f"held {peak / 2**30:.1f} GiB, allowed are {MEMORY / 2**30:.0f} GiB")
        code = [cell for cell in lesson.nb.cells if cell.cell_type == "code" and cell.source.strip()]
        unrun = [
            number
            for number, cell in enumerate(code)
            if cell.execution_count is None and "nbval-skip" not in cell.metadata.get("tags", [])
        ]
        if unrun:
            cells = ", ".join(map(str, unrun))
            problems.append(f"was committed with code cells that never ran: {cells} (run `course build`)")
        if problems:
            raise LimitError("\n".join(problems))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Show the problems alone, without a traceback."""
        if isinstance(excinfo.value, LimitError):
            return "\n".join(f"{self.path.name} {line}" for line in str(excinfo.value).splitlines())
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Name the test."""
        return self.path, 0, f"{self.path.parent.name}/{self.path.name}::limits"


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> Iterator[None]:
    """Put a `LessonFile` in the place of each file that nbval takes."""
    found = yield
    return [
        LessonFile.from_parent(parent, path=file_path) if type(collector) is IPyNbFile else collector
        for collector in found
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show time and peak memory of each notebook, the slowest first."""
    rows: list[Row] = []
    for report in (report for state in ("passed", "failed") for report in terminalreporter.getreports(state)):
        properties = dict(getattr(report, "user_properties", ()))
        if "peak_mib" in properties:
            measured = (properties[name] for name in ("processor_seconds", "seconds", "peak_mib"))
            rows.append((report.nodeid.partition("::")[0], *measured))
    if rows:
        terminalreporter.section("notebooks, the slowest first; time is reported, not judged")
        for line in table(rows):
            terminalreporter.line(line)


def table(rows: Iterable[Row]) -> list[str]:
    """Return the lines of a table of notebooks, the slowest first.

    Parameters
    ----------
    rows : iterable of tuple
        Notebook, seconds of processor time (it and all that it starts), seconds by the clock, and peak memory in MiB.
    """
    lines = [f"{'notebook':<55} {'processor':>11} {'clock':>9} {'peak memory':>13}"]
    for name, busy, seconds, peak in sorted(rows, key=lambda row: (-row[1], row[0])):
        lines.append(f"{name:<55} {busy:>9.1f} s {seconds:>7.1f} s {peak:>9,} MiB")
    return lines
