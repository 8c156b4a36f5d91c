"""A pytest plugin: what else is watched while nbval runs a committed notebook for the first and only time.

nbval compares each cell with its committed output. In the same run the kernel is kept off the network, and one more
test for each notebook, "limits", looks at time, peak memory, attempts to reach the network, and cells committed
without having been run (which nbval would let pass).

Used as ``pytest -p authoring.verify --nbval notebooks solutions``.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from nbval.plugin import IPyNbFile

from authoring import processes, surroundings

#: Processor time that a lesson may take, with all that it starts. Not the time by the clock, in which the load of other
#: programs counts as well; on two free cores the two are about the same.
SECONDS = 60
SECONDS_LONG = 100
#: By the clock it may take this many times as long: only a lesson that waits for something would.
PATIENCE = 3
#: Lessons that fit several models or run servers.
LONG = ("12", "13", "15", "16", "17")
MEMORY = 2 * 2**30  # bytes


def seconds_allowed(notebook: Path) -> int:
    """Return the seconds of processor time that a lesson may take from the kernel's start to its last output."""
    return SECONDS_LONG if notebook.name[:2] in LONG else SECONDS


class LessonFile(IPyNbFile):
    """A notebook whose kernel is timed, weighed and kept off the network."""

    started: float = 0.0
    memory: processes.PeakMemory | None = None
    log: Path | None = None

    def collect(self) -> Iterator[pytest.Item]:
        """Yield nbval's items, one for each code cell, and the limits after them."""
        for item in super().collect():
            item.output_timeout = 60  # nbval's 5 s for an output to arrive are short on a busy machine
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
    """A notebook went over a limit."""


class Limits(pytest.Item):
    """The test after a notebook's last cell."""

    def runtest(self) -> None:
        """Compare what the whole notebook took with what it may take."""
        lesson = self.parent
        seconds, allowed = time.monotonic() - lesson.started, seconds_allowed(self.path)
        lesson.memory.look()
        peak, busy = lesson.memory.bytes, lesson.memory.seconds
        self.user_properties += [
            ("seconds", round(seconds, 1)),
            ("processor_seconds", round(busy, 1)),
            ("peak_mib", round(peak / 2**20)),
        ]
        problems = [f"tried to {attempt}" for attempt in dict.fromkeys(lesson.log.read_text("utf-8").splitlines())]
        if busy > allowed:
            problems.append(f"took {busy:.0f} s of processor time, allowed are {allowed} s")
        if seconds > PATIENCE * allowed:
            problems.append(f"took {seconds:.0f} s by the clock, allowed are {PATIENCE * allowed} s")
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
    """Show time and peak memory of each notebook."""
    rows = [
        (
            report.nodeid.partition("::")[0],
            properties["seconds"],
            properties["processor_seconds"],
            properties["peak_mib"],
        )
        for state in ("passed", "failed")
        for report in terminalreporter.getreports(state)
        if "peak_mib" in (properties := dict(getattr(report, "user_properties", ())))
    ]
    if rows:
        terminalreporter.section("notebooks: seconds, of which on a processor, peak memory")
        for name, seconds, busy, peak in sorted(rows):
            terminalreporter.line(f"{name:<55} {seconds:>6.1f} s {busy:>6.1f} s {peak:>6,} MiB")
