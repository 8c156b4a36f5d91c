"""What the one run of each committed notebook notices, on tiny notebooks and real kernels."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from authoring import gate, patience, surroundings, verify

PICTURE = 'from IPython.display import HTML\ndisplay(HTML(\'<img alt="{}" src="data:image/png;base64,AAAA">\'))'
HELPER = """
import subprocess, sys
code = 'import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.7", 9))'
_ = subprocess.run([sys.executable, '-c', code], stderr=subprocess.DEVNULL)
"""
SERVER = """
import socket
server = socket.create_server(('127.0.0.1', 0))
for host in ('127.0.0.1', 'localhost'):
    socket.create_connection((host, server.getsockname()[1])).close()
"""
#: Less memory, a clock that jumps by hours, and a measurement of the machine that is another one in each process.
TIGHTER = """
import itertools, os, pathlib
from types import SimpleNamespace
from authoring import patience, verify

verify.MEMORY = 300_000_000
clock = itertools.count(step=20_000)
verify.time = SimpleNamespace(monotonic=lambda: next(clock))
verify.processes.PeakMemory.seconds = 10_000.0
patience.measure = lambda: 1 + os.getpid() / 2**22


def pytest_sessionstart():
    pathlib.Path(__file__).with_name(f"factor-{os.getpid()}").write_text(os.environ[patience.VARIABLE])
"""
SWALLOWED = "import socket\ntry:\n    socket.getaddrinfo('example.org', 80)\nexcept OSError:\n    pass"


def _printed(text: str) -> list[dict]:
    return [{"output_type": "stream", "name": "stdout", "text": text}]


def _shown(html: str) -> list[dict]:
    data = {"text/html": html, "text/plain": "<IPython.core.display.HTML object>"}
    return [{"output_type": "display_data", "data": data, "metadata": {}}]


@pytest.fixture(scope="module")
def verified(
    tmp_path_factory: pytest.TempPathFactory, write_notebook: Callable[..., Path]
) -> Callable[[str], dict[str, str]]:
    """Run pytest as `course test` does on one notebook for each case, and give what it said on each item of one."""
    folder = tmp_path_factory.mktemp("verified")
    write = functools.partial(write_notebook, folder)
    write("good", "print('seven')", outputs={0: _printed("seven\n")}, run=True)
    write("differs", "print('seven')", outputs={0: _printed("eight\n")}, run=True)
    same = _shown('<img alt="late: 22%" src="data:image/png;base64,iVBORw0KGgo=">')
    write("picture", PICTURE.format("late: 22%"), outputs={0: same}, run=True)
    write("words", PICTURE.format("late: 23%"), outputs={0: same}, run=True)
    write(
        "outside", "import socket\nsocket.create_connection(('192.0.2.1', 443), timeout=1)", SWALLOWED, HELPER, run=True
    )
    write("home", SERVER, run=True)
    write("bare", "print('seven')", run=False)
    write("live", "1 / 0", "_ = 1", tags={0: ["live", "nbval-skip"]}, run=True)
    write("big", "held = b'x' * 400_000_000", run=True)
    (folder / "tighter.py").write_text(TIGHTER)
    junit = folder / "report.xml"
    command = gate.pytest_command(
        [str(folder)], junit=junit, workers=2, options=["-p", "no:cacheprovider", "-p", "tighter"]
    )
    environment = {**surroundings.headless(), "COLUMNS": "200", "PYTHONPATH": str(folder), patience.VARIABLE: ""}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    cases = list(ElementTree.parse(junit).iter("testcase"))

    def items(name: str) -> dict[str, str]:
        """Return what was said of each item of a notebook: '' for one that passed."""
        if name == "report":
            return {name: done.stdout}
        if name == "factors":
            return {path.name: path.read_text() for path in folder.glob("factor-*")}
        mine = [case for case in cases if case.get("classname").endswith(f"{name}.ipynb")]
        return {
            case.get("name"): "".join(
                f"{part.get('message')}\n{part.text}" for part in case if part.tag != "properties"
            )
            for case in mine
        }

    return items


@pytest.mark.slow
def test_equal_outputs_pass_however_long_they_took(verified) -> None:
    """A notebook that gives what is committed passes, also after hours; the report has its seconds and memory."""
    assert verified("good") == {"Cell 0": "", "limits": ""}
    assert re.search(r"good\.ipynb +10000\.0 s +[2-9]\d+\.0 s +\d+ MiB", verified("report")["report"])


@pytest.mark.slow
def test_the_machine_is_measured_once_for_all_workers(verified) -> None:
    """The process that starts the workers measures the machine, and they wait as long as it says."""
    factors = verified("factors")
    assert len(factors) == 3  # of the process that starts the workers, and of two workers
    (factor,) = set(factors.values())
    assert float(factor) >= 1


def test_the_slowest_notebook_comes_first() -> None:
    """The table at the end begins with the notebook that used most processor time, however long it waited."""
    rows = [("a.ipynb", 5.0, 90.0, 500), ("b.ipynb", 20.0, 25.0, 1400), ("c.ipynb", 5.0, 6.0, 300)]
    lines = verify.table(rows)
    assert [line.split()[0] for line in lines] == ["notebook", "b.ipynb", "a.ipynb", "c.ipynb"]
    assert lines[1].split()[1:] == ["20.0", "s", "25.0", "s", "1,400", "MiB"]


def test_a_cell_that_hangs_is_ended_later_on_a_busy_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is three times as slow, a cell and a kernel get three times as long before they are ended."""
    monkeypatch.setenv(patience.VARIABLE, "3")
    command = gate.pytest_command(["notebooks"])
    assert f"--nbval-cell-timeout={3 * patience.CELL}" in command
    assert f"--nbval-kernel-startup-timeout={3 * patience.KERNEL}" in command


@pytest.mark.slow
def test_another_output_fails(verified) -> None:
    """A number that differs from the committed one fails, and I see both."""
    said = verified("differs")["Cell 0"]
    assert "Cell outputs differ" in said
    assert "eight" in said and "seven" in said


@pytest.mark.slow
def test_of_pictures_only_the_bytes_may_differ(verified) -> None:
    """A picture drawn by another library version passes; other words for those who cannot see it do not."""
    assert verified("picture")["Cell 0"] == ""
    assert "Cell outputs differ" in verified("words")["Cell 0"]


@pytest.mark.slow
def test_leaving_the_machine_is_refused(verified) -> None:
    """A lesson that tries to reach another machine fails, and I read which one."""
    assert "refused to reach 192.0.2.1 port 443: lessons run offline" in verified("outside")["Cell 0"]


@pytest.mark.slow
def test_attempts_that_a_lesson_hides_are_found(verified) -> None:
    """What a library swallowed, or a Python that the lesson started tried, is told at the notebook's end."""
    assert verified("outside")["Cell 1"] == ""
    assert "outside.ipynb tried to look up example.org" in verified("outside")["limits"]
    assert "outside.ipynb tried to reach 192.0.2.7 port 9" in verified("outside")["limits"]


@pytest.mark.slow
def test_this_machine_may_be_reached(verified) -> None:
    """Lessons may serve a model on this machine and ask it."""
    assert verified("home") == {"Cell 0": "", "limits": ""}


@pytest.mark.slow
def test_a_cell_that_never_ran_is_found(verified) -> None:
    """A notebook committed without its outputs fails instead of proving nothing."""
    assert "never ran: 0 (run `course build`)" in verified("bare")["limits"]


@pytest.mark.slow
def test_live_cells_are_skipped_with_the_reason(verified) -> None:
    """A cell that measures this machine is left out, and the report says so."""
    assert verified("live")["limits"] == ""
    assert "a live cell: it measures the machine it runs on" in verified("report")["report"]


@pytest.mark.slow
def test_memory_has_a_limit(verified) -> None:
    """A lesson that takes too much memory fails, with what it took and what it may take; its time does not matter."""
    (said,) = {line for line in verified("big")["limits"].splitlines() if line.startswith("big.ipynb")}
    assert re.search(r"held 0\.[4-9] GiB, allowed are", said)


def test_only_picture_bytes_and_one_unordered_list_are_sanitised() -> None:
    """No difference is overlooked but the bytes of pictures, and a set that MLflow prints in any order in one error."""
    rules = (surroundings.ROOT / "tests" / "nbval_sanitize.cfg").read_text()
    assert re.findall(r"^regex: (.*)$", rules, re.M) == [
        r"data:image/png;base64,[A-Za-z0-9+/=\s]+",
        r"not one of '\{[^}]*\}'",
    ]


def test_failing_cells_are_read_from_the_report(tmp_path: Path) -> None:
    """Five-run determinism names each cell that differed."""
    (tmp_path / "report.xml").write_text(
        "<testsuites><testsuite>"
        '<testcase classname="notebooks.00_a.ipynb" name="Cell 0"/>'
        '<testcase classname="notebooks.00_a.ipynb" name="Cell 1"><failure message="x"/></testcase>'
        '<testcase classname="solutions.00_a.ipynb" name="limits"/>'
        "</testsuite></testsuites>"
    )
    assert gate.failures(tmp_path / "report.xml") == {"notebooks.00_a": ["Cell 1"], "solutions.00_a": []}
    assert gate.failures(tmp_path / "none.xml") == {}


def test_the_guard_knows_this_machine() -> None:
    """Loopback in all its spellings is this machine; names and other addresses are not."""
    code = (
        "import sitecustomize as guard\n"
        "here = ['127.0.0.1', '127.8.9.1', '::1', 'localhost', '0.0.0.0', '', '::ffff:127.0.0.1', b'127.0.0.1']\n"
        "away = ['192.0.2.1', '10.0.0.1', '::ffff:10.0.0.1', 'example.org', '2001:db8::1', '<broadcast>']\n"
        "assert all(map(guard._stays_here, here)) and not any(map(guard._stays_here, away))"
    )
    environment = {**os.environ, "PYTHONPATH": str(surroundings.GUARD)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
