"""The runner, on real kernels and tiny notebooks."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import psutil
import pytest
from rich.console import Console
from waiting import PATIENT, until

from authoring import patience, processes, run, run_lesson
from authoring.outcomes import TIMES, Outcome, failed
from course_utils.errors import UsageError


def _run(notebooks: list[Path], out: Path, **options) -> tuple[list[Outcome], str]:
    text = io.StringIO()
    console = Console(file=text, width=120, force_terminal=options.pop("terminal", False))
    outcomes = run.run(notebooks, out, skip=options.pop("skip", lambda slug, dataset: ""), console=console, **options)
    return outcomes, text.getvalue()


@pytest.fixture(scope="module")
def mixed(
    tmp_path_factory: pytest.TempPathFactory, write_notebook: Callable[..., Path]
) -> tuple[list[Outcome], str, Path]:
    """Run one good, one failing, one too slow and one dying lesson, two at a time."""
    folder = tmp_path_factory.mktemp("mixed")
    for name, cells in {
        "00_good": ["import time", "held = b'x' * 300_000_000; time.sleep(0.5); del held"],
        "01_bad": ["1", "# the cell at fault\nraise ValueError('no\\nway')", "2"],
        "02_slow": ["1", "import time\ntime.sleep(100_000)"],
        "03_dead": ["import os", "os.kill(os.getpid(), 9)"],
        "04_other": ["1"],
    }.items():
        write_notebook(folder / "notebooks", name, *cells)
    outcomes, text = _run(
        sorted((folder / "notebooks").glob("*.ipynb")),
        folder / "runs" / "out",
        cell_limit=patience.whole_seconds(5),
        skip=lambda slug, dataset: "it needs the weather" if slug == "04_other" else "",
    )
    return outcomes, text, folder / "runs"


@pytest.mark.slow
def test_a_failing_lesson_does_not_stop_the_others(mixed) -> None:
    """I see which lessons passed and which did not, in the order of the course."""
    outcomes, _, _ = mixed
    assert [outcome.state for outcome in outcomes] == ["passed", "failed", "failed", "failed", "skipped"]
    assert failed(outcomes)


@pytest.mark.slow
def test_a_failure_shows_lesson_cell_source_and_error(mixed) -> None:
    """Where a lesson fails I see the cell's number and text and the error's last lines."""
    _, text, _ = mixed
    shown = text.partition("01_bad failed")[2].partition("02_slow failed")[0]
    assert "in cell 3 of 4, In [2]" in shown
    assert "# the cell at fault" in shown
    assert "ValueError: no" in shown
    assert "way" in shown


@pytest.mark.slow
def test_a_cell_that_hangs_is_ended_and_named(mixed) -> None:
    """A cell that hangs is ended and named, with the seconds that it had and what to type to give it more."""
    _, text, _ = mixed
    shown = text.partition("02_slow failed")[2].partition("03_dead failed")[0]
    assert "in cell 3 of 3" in shown
    assert "time.sleep(100_000)" in shown
    limit = patience.whole_seconds(5)
    assert f"still ran after {limit} s and was ended" in shown
    assert f"`course run 02 --cell-limit {2 * limit}` or `make lessons CELL_LIMIT={2 * limit}`" in shown


@pytest.mark.slow
def test_a_dead_kernel_is_told_from_an_error(mixed) -> None:
    """When the kernel dies I am told so, and at which cell."""
    _, text, _ = mixed
    assert "the kernel died while this cell ran" in text.partition("03_dead failed")[2]


@pytest.mark.slow
def test_failed_notebooks_are_kept(mixed) -> None:
    """I can open the failed notebook as far as it ran; nothing half-written lies beside it."""
    outcomes, _, runs = mixed
    kept = json.loads((runs / "out" / "01_bad.ipynb").read_text())
    assert any(output["output_type"] == "error" for cell in kept["cells"] for output in cell.get("outputs", []))
    assert outcomes[1].result == (runs / "out" / "01_bad.ipynb").resolve()
    assert not list((runs / "out").glob("*.running.*"))


@pytest.mark.slow
def test_the_table_has_seconds_and_peak_memory(mixed) -> None:
    """The table at the end has seconds and peak memory for each lesson, and why one was skipped."""
    outcomes, text, _ = mixed
    assert outcomes[0].peak_bytes > 300_000_000  # what the first lesson held
    assert outcomes[1].peak_bytes < 250_000_000
    assert "peak memory" in text
    assert "it needs the weather" in text
    assert "1 passed, 3 failed, 1 skipped" in text


@pytest.mark.slow
def test_junit_has_every_lesson(mixed) -> None:
    """Continuous integration can show each lesson's result and the failing cell."""
    _, _, runs = mixed
    suite = ElementTree.parse(runs / "out" / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "3", "1")
    bad = next(case for case in suite if case.get("name") == "01_bad")
    assert "the cell at fault" in bad.findtext("failure")
    assert bad.find("failure").get("message") == "cell 3: ValueError: no"


@pytest.mark.slow
def test_the_next_run_knows_how_long_this_one_took(mixed, notebook: Callable[..., Path]) -> None:
    """The next run says about how long a lesson will take; only lessons that passed count."""
    outcomes, _, runs = mixed
    known = json.loads((runs / TIMES).read_text())["nyc2013/notebooks"]
    assert known == {"00_good": round(outcomes[0].seconds, 1)}
    _, text = _run([notebook("00_good", "1")], runs / "again")
    assert f"00_good: started, about {outcomes[0].seconds:.0f} s" in text


@pytest.mark.slow
def test_a_terminal_gets_a_live_table(notebook: Callable[..., Path], tmp_path: Path) -> None:
    """In a terminal I see lesson, cell and elapsed time while it runs."""
    _, text = _run(
        [notebook("00_good", f"import time; time.sleep({patience.seconds(1)})", "1")], tmp_path / "out", terminal=True
    )
    assert "elapsed" in text
    assert "/3" in text


@pytest.mark.slow
def test_lessons_know_their_data_set_and_that_nobody_watches(notebook: Callable[..., Path], tmp_path: Path) -> None:
    """A lesson runs on the data set that I name, with live cells off and nothing phoning home."""
    names = ("COURSE_DATASET", "COURSE_HEADLESS", "MLFLOW_DISABLE_TELEMETRY")
    cell = f"import os; assert [os.environ.get(n) for n in {names}] == ['allyears2k', '1', 'true']"
    book = notebook("00_good", cell, "raise ValueError('a live cell ran')", tags={1: ["live"]})
    outcomes, text = _run([book], tmp_path / "out", dataset="allyears2k")
    assert outcomes[0].state == "passed", text


@pytest.mark.slow
def test_a_server_that_a_lesson_forgot_is_ended(notebook: Callable[..., Path], tmp_path: Path) -> None:
    """Nothing that a lesson started is left running, even if it cut all ties."""
    left = tmp_path / "pid"
    cell = (
        "import pathlib, subprocess, sys\n"
        "code = 'import time; time.sleep(100_000)'\n"
        "forgotten = subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        f"pathlib.Path({str(left)!r}).write_text(str(forgotten.pid))"
    )
    _run([notebook("00_good", cell)], tmp_path / "out")
    assert not _alive(int(left.read_text()))


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_at_once_and_leaves_no_kernel(notebook: Callable[..., Path], tmp_path: Path, sent: int) -> None:
    """Ctrl-C stops a run whose cells would take hours, and no kernel is left behind."""
    cell = (
        "import os, pathlib, time\n"
        f"pathlib.Path({str(tmp_path)!r}, f'kernel-{{os.getpid()}}').touch()\n"
        "try:\n    time.sleep(100_000)\nexcept KeyboardInterrupt:\n    time.sleep(100_000)"
    )
    books = [notebook("00_one", cell), notebook("01_two", cell)]
    script = (
        "import sys; from pathlib import Path; from authoring import run\n"
        "try:\n    run.run([Path(p) for p in sys.argv[2:]], Path(sys.argv[1]), skip=lambda *_: '')\n"
        "except KeyboardInterrupt:\n    sys.exit(130)"
    )
    runner = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "out"), *map(str, books)],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: len(list(tmp_path.glob("kernel-*"))) == 2, "the kernels started")
        kernels = [int(path.name.split("-")[1]) for path in tmp_path.glob("kernel-*")]
        os.killpg(runner.pid, sent)  # as a terminal does: to everything that did not leave its group
        assert runner.wait(timeout=PATIENT) == 130
        assert [pid for pid in kernels if _alive(pid)] == []
    finally:
        runner.kill()


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_results_never_go_among_committed_files(notebook: Callable[..., Path], tmp_path: Path) -> None:
    """I cannot overwrite the notebooks by naming their folder for the results."""
    book = notebook("00_good", "1")
    before = book.read_bytes()
    for out in (book.parent, book.parent / "deeper", Path(run.surroundings.ROOT) / "solutions"):
        with pytest.raises(UsageError, match="would write among committed files"):
            run.run([book], out)
    assert book.read_bytes() == before


def test_lessons_are_chosen_by_number_or_name(tmp_path: Path) -> None:
    """I may say 12, 1, static_training or 12_static_training, in any order; the course's order is kept."""
    for slug in ("00_start_here", "01_data_science_workflow", "12_static_training"):
        (tmp_path / f"{slug}.ipynb").touch()
    chosen = run.choose(["12", "1"], tmp_path)
    assert [path.stem for path in chosen] == ["01_data_science_workflow", "12_static_training"]
    assert [path.stem for path in run.choose(["static_training"], tmp_path)] == ["12_static_training"]
    assert [path.stem for path in run.choose(["notebooks/12_static_training.ipynb"], tmp_path)] == [
        "12_static_training"
    ]


def test_a_lesson_that_is_not_there_is_refused_with_a_choice(tmp_path: Path) -> None:
    """A wrong number, or a lesson that is not written, is refused with the lessons there are."""
    (tmp_path / "12_static_training.ipynb").touch()
    with pytest.raises(UsageError, match=r"no lesson '77'.*choose from 12"):
        run.choose(["77"], tmp_path)
    with pytest.raises(UsageError, match="02_project_structure is not in"):
        run.choose(["2"], tmp_path)


def test_a_written_lesson_without_its_notebook_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lesson that should be there and is not is an error, not silently left out."""
    lessons = [{"number": "00", "slug": "a", "written": True}, {"number": "01", "slug": "b", "written": True}]
    monkeypatch.setattr(run.tables, "curriculum", lambda: lessons)
    (tmp_path / "00_a.ipynb").touch()
    with pytest.raises(UsageError, match="lacks 01_b"):
        run.choose([], tmp_path)


def test_a_lesson_says_why_it_does_not_suit_a_data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lesson that needs the weather says so instead of failing on other data."""
    lessons = [
        {"number": "16", "slug": "monitoring"},
        {"number": "12", "slug": "training", "datasets": ["nyc2013", "allyears2k"]},
        {"number": "13", "slug": "online", "datasets_why": "an order of flights is needed"},
    ]
    monkeypatch.setattr(run.tables, "curriculum", lambda: lessons)
    lessons.append({"number": "11", "slug": "fitting", "datasets": "all"})
    assert run.unsuited("11_fitting", "allyears2k") == run.unsuited("12_training", "allyears2k") == ""
    assert run.unsuited("16_monitoring", "nyc2013") == ""
    assert run.unsuited("16_monitoring", "allyears2k").startswith("needs nyc2013: allyears2k is a thin sample")
    assert run.unsuited("13_online", "allyears2k") == "an order of flights is needed"


def test_cells_get_longer_on_a_busy_machine(
    notebook: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine that is twice as slow a hanging cell is ended twice as late, unless I say when."""
    limits: list[int] = []
    monkeypatch.setattr(run, "_run_all", lambda lessons, *_: limits.append(lessons[0].cell_limit))
    monkeypatch.setenv(patience.VARIABLE, "2")
    book = notebook("00_good", "1")
    _run([book], tmp_path / "out")
    _run([book], tmp_path / "out", cell_limit=7)
    assert limits == [2 * patience.CELL, 7]


def test_kernels_get_longer_on_a_busy_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that is twice as slow a kernel may start and answer twice as late."""
    given: dict[str, object] = {}
    monkeypatch.setattr(run_lesson.papermill, "execute_notebook", lambda *_, **options: given.update(options))
    monkeypatch.setenv(patience.VARIABLE, "2")
    assert run_lesson.run(tmp_path / "00_good.ipynb", tmp_path / "out.ipynb", 30)
    assert given["execution_timeout"] == 30
    assert given["start_timeout"] == given["iopub_timeout"] == 2 * patience.KERNEL


def test_wrong_options_are_refused(notebook: Callable[..., Path], tmp_path: Path) -> None:
    """A data set that does not exist, or no jobs at all, is refused before anything runs."""
    book = notebook("00_good", "1")
    with pytest.raises(UsageError, match="no data set 'flights'"):
        run.run([book], tmp_path / "out", dataset="flights")
    with pytest.raises(UsageError, match="--jobs 0"):
        run.run([book], tmp_path / "out", jobs=0)


def test_peak_memory_does_not_count_a_lesson_twice_while_it_starts_a_program() -> None:
    """A lesson that starts many programs is not said to hold its own memory twice."""
    code = (
        "import subprocess; held = b'x' * 200_000_000; print('held', flush=True);"
        "[subprocess.run(['git', '--version'], stdout=subprocess.DEVNULL) for _ in range(150)]"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    with processes.PeakMemory(child.pid, interval=0.005) as memory:
        child.wait()
    assert 200_000_000 < memory.bytes < 350_000_000


def test_peak_memory_counts_children() -> None:
    """Memory that a lesson's helper process holds counts too."""
    code = "import time; held = b'x' * 200_000_000; print('held', flush=True); time.sleep(100_000)"
    with processes.PeakMemory(os.getpid(), below_only=True, interval=0.05) as memory:
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        child.stdout.readline()
        until(lambda: memory.bytes > 200_000_000, "the child's memory is counted")
        child.kill()
        child.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts shared pages by their shares")
def test_peak_memory_counts_shared_pages_once() -> None:
    """Four forks of a process with 200 MB, which share its pages, are not said to hold a gigabyte."""
    code = (
        "import os, time; held = b'x' * 200_000_000\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0: more = b'y' * 20_000_000; print('held', flush=True); time.sleep(100_000)\n"
        "time.sleep(100_000)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True) as child:
        for _ in range(4):
            child.stdout.readline()
        with processes.PeakMemory(child.pid) as memory:
            memory.look()
        os.killpg(child.pid, signal.SIGKILL)
    assert 280_000_000 < memory.bytes < 700_000_000


def test_processor_time_counts_children_and_no_waiting() -> None:
    """What a lesson computes counts, in its helper processes too; what it waits for does not."""
    code = "import sys, time\nwhile time.process_time() < 0.5: pass\nprint('done', flush=True); sys.stdin.readline()"
    with processes.PeakMemory(os.getpid(), below_only=True, interval=0.05) as memory:
        child = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        child.stdout.readline()
        memory.look()
        before = memory.seconds
        time.sleep(1)
        memory.look()
        after = memory.seconds
        child.communicate(b"\n")
    assert before >= 0.45
    assert after - before < 0.5
