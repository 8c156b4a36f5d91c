"""The command line, and the Makefile that stands before it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from authoring import cli, gate, learners, run, surroundings
from course_utils.errors import UsageError


def _course(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["course", *arguments])
    with pytest.raises(SystemExit) as end:
        cli.main()
    return int(end.value.code or 0)


def test_help_names_every_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """`course --help` says what there is."""
    assert _course(monkeypatch, "--help") == 0
    text = capsys.readouterr().out
    for command in ("build", "check", "doctor", "generate", "lab", "reset", "run", "test"):
        assert re.search(rf"^  {command} ", text, re.M)


def test_a_refusal_is_one_readable_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What I typed wrong is said with its mend, without a traceback, and exits 1."""

    def refuse(number: str) -> None:
        raise UsageError(f"there is no lesson {number!r}", mend="choose from 00")

    monkeypatch.setattr(learners, "reset", refuse)
    assert _course(monkeypatch, "reset", "77") == 1
    assert capsys.readouterr().err == "Error: there is no lesson '77'. Mend: choose from 00.\n"


def test_an_unknown_option_exits_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An option that does not exist is refused."""
    assert _course(monkeypatch, "run", "--fast") == 2
    assert "--fast" in capsys.readouterr().err


@pytest.mark.parametrize(("state", "code"), [("passed", 0), ("failed", 1), ("skipped", 0)])
def test_run_exits_1_when_a_lesson_failed(monkeypatch: pytest.MonkeyPatch, state: str, code: int) -> None:
    """Continuous integration sees from the exit code whether a lesson failed."""
    monkeypatch.setattr(run, "choose", lambda wanted, folder: [folder / "00_start_here.ipynb"])
    monkeypatch.setattr(run, "run", lambda *arguments, **options: [run.Outcome("00_start_here", state)])
    assert _course(monkeypatch, "run") == code


def test_run_says_that_it_was_stopped(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """After Ctrl-C the exit code is 130 and no traceback is shown."""

    def stop(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "choose", lambda wanted, folder: [folder / "00_start_here.ipynb"])
    monkeypatch.setattr(run, "run", stop)
    assert _course(monkeypatch, "run") == 130
    assert "no lesson is left running" in capsys.readouterr().err


def test_each_run_has_a_folder_of_its_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Results of solutions and of another data set do not overwrite each other."""
    outs = []
    monkeypatch.setattr(run, "choose", lambda wanted, folder: [folder / "00_start_here.ipynb"])
    monkeypatch.setattr(run, "run", lambda notebooks, out, **options: outs.append(out) or [])
    monkeypatch.setattr(cli, "_at_hand", lambda dataset: None)
    for arguments in ((), ("--solutions",), ("--dataset", "allyears2k"), ("--out", "runs/mine")):
        assert _course(monkeypatch, "run", *arguments) == 0
    assert [out.name for out in outs] == ["notebooks", "solutions", "notebooks-allyears2k", "mine"]
    assert {out.parent.name for out in outs} == {"runs"}


def test_pytest_is_given_every_notebook_and_further_options(monkeypatch: pytest.MonkeyPatch) -> None:
    """`course test -k words` narrows the run; without a path everything is tested."""
    calls = []
    monkeypatch.setattr(gate, "_call", lambda command: calls.append(command) or 0)
    monkeypatch.setattr(gate, "notebook_folders", lambda: ["notebooks", "solutions"])
    assert _course(monkeypatch, "test", "-k", "words") == 0
    assert calls[0][-5:] == ["-k", "words", "tests", "notebooks", "solutions"]
    assert "--nbval" in calls[0]
    monkeypatch.chdir(surroundings.ROOT)
    assert _course(monkeypatch, "test", "tests/conftest.py") == 0
    assert calls[1][-1] == "tests/conftest.py"


def test_a_failing_test_fails_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """`course test` exits nonzero when a test fails."""
    monkeypatch.setattr(gate, "_call", lambda command: 1)
    assert _course(monkeypatch, "test") == 1


def test_nightly_fails_when_any_part_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notebook that differed once in five runs fails the night."""
    monkeypatch.setattr(gate, "_call", lambda command: 0)
    monkeypatch.setattr(gate, "_other_dataset", lambda name: 0)
    monkeypatch.setattr(gate, "determinism", lambda repeats: 1)
    assert _course(monkeypatch, "test", "--nightly") == 1


def test_determinism_counts_every_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table of the five runs names the cell that differed, and in which run."""
    runs = iter([{"notebooks.00_a": []}, {"notebooks.00_a": ["Cell 3"]}, {"notebooks.00_a": []}])
    monkeypatch.setattr(gate, "_runs", lambda: tmp_path)
    monkeypatch.setattr(gate, "_call", lambda command: 0)
    monkeypatch.setattr(gate, "failures", lambda junit: next(runs))
    assert gate.determinism(3) == 1
    row = next(line for line in capsys.readouterr().out.splitlines() if "notebooks.00_a" in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")] == ["notebooks.00_a", "same", "Cell 3", "same"]
    runs = iter([{"notebooks.00_a": []}] * 2)
    assert gate.determinism(2) == 0
    runs = iter([{}] * 2)
    assert gate.determinism(2) == 1  # nothing was compared


@pytest.mark.skipif(os.name == "nt", reason="Windows has no make")
def test_make_explains_itself() -> None:
    """`make` alone lists every target with what it does."""
    text = subprocess.run(["make"], cwd=surroundings.ROOT, capture_output=True, text=True, check=True).stdout
    makefile = (surroundings.ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split()
    for target in set(targets) - {"ready"}:
        assert re.search(rf"^  {target} +\w", text, re.M), target


@pytest.mark.skipif(os.name == "nt", reason="Windows has no make")
@pytest.mark.parametrize("target", ["lessons", "test", "lab", "check", "build", "generate", "doctor", "nightly"])
def test_every_target_sets_up_first(target: str) -> None:
    """Whichever target I type first, the course is set up before it starts."""
    done = subprocess.run(
        ["make", "-n", target], cwd=surroundings.ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert done[0].endswith("authoring/bootstrap.py")
    assert done[1].startswith(".venv/bin/course ")


def test_continuous_integration_runs_make_test() -> None:
    """What continuous integration runs is what anyone runs."""
    script = (surroundings.ROOT / ".ci" / "run").read_text()
    assert script.splitlines()[-1] == "exec make test"
    assert os.access(surroundings.ROOT / ".ci" / "run", os.X_OK)
