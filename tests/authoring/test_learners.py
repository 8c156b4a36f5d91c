"""The learner's own copies."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from authoring import learners
from course_utils.errors import UsageError


def notebook(text: str) -> str:
    """Return a notebook of one text and one cell that was run."""
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": text},
        {
            "cell_type": "code",
            "execution_count": 7,
            "metadata": {},
            "outputs": [{"name": "stdout", "output_type": "stream", "text": "the answer\n"}],
            "source": "print(answer)",
        },
    ]
    return json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Make a clone with two lessons, each with its solution."""
    for folder in ("notebooks", "solutions"):
        (tmp_path / folder).mkdir()
        for name in ("00_start_here", "12_static_training"):
            kind = "as delivered" if folder == "notebooks" else "solved"
            (tmp_path / folder / f"{name}.ipynb").write_text(notebook(f"{name} {kind}"))
    (tmp_path / "solutions" / "INSTRUCTOR.md").write_text("not for learners")
    return tmp_path


def said(path: Path) -> str:
    """Return the text of a notebook's first cell, or what is in the file instead of a notebook."""
    try:
        return json.loads(path.read_text())["cells"][0]["source"]
    except ValueError:
        return path.read_text()


def _mine(clone: Path) -> dict[str, str]:
    return {path.name: said(path) for path in (clone / "my_lessons").glob("*.ipynb")}


def test_my_copy_shows_no_answer_before_i_run_it(clone: Path) -> None:
    """Below a question to guess at there is nothing yet; the committed notebook and the solution keep their outputs."""
    learners.copy_lessons(clone)
    mine, solved = (
        json.loads((clone / "my_lessons" / folder / "00_start_here.ipynb").read_text())["cells"][1]
        for folder in (".", "solutions")
    )
    assert mine["outputs"] == [] and mine["execution_count"] is None
    assert solved["outputs"] and "the answer" in (clone / "notebooks" / "00_start_here.ipynb").read_text()


def test_first_use_copies_every_lesson(clone: Path) -> None:
    """The first time, every lesson is copied; the second time, none."""
    assert learners.copy_lessons(clone) == ["00_start_here.ipynb", "12_static_training.ipynb"]
    assert _mine(clone)["00_start_here.ipynb"] == "00_start_here as delivered"
    assert learners.copy_lessons(clone) == []


def test_my_work_is_never_overwritten_and_new_lessons_arrive(clone: Path) -> None:
    """What I wrote stays when the course changes; lessons that are new are added."""
    learners.copy_lessons(clone)
    (clone / "my_lessons" / "12_static_training.ipynb").write_text("my answers")
    (clone / "notebooks" / "12_static_training.ipynb").write_text(notebook("12 as delivered later"))
    (clone / "notebooks" / "13_dynamic_training.ipynb").write_text(notebook("13 as delivered"))
    assert learners.copy_lessons(clone) == ["13_dynamic_training.ipynb"]
    assert _mine(clone)["12_static_training.ipynb"] == "my answers"


def test_lessons_that_changed_are_named(clone: Path) -> None:
    """After a pull I learn which lessons are newer than my copies; my own edits do not count."""
    learners.copy_lessons(clone)
    (clone / "my_lessons" / "00_start_here.ipynb").write_text("my answers")
    assert learners.changed(clone) == []
    (clone / "notebooks" / "12_static_training.ipynb").write_text(notebook("12 as delivered later"))
    assert learners.changed(clone) == ["12_static_training.ipynb"]
    learners.reset("12", clone)
    assert learners.changed(clone) == []


def test_reset_keeps_each_old_copy(clone: Path) -> None:
    """A reset gives me the lesson as delivered and keeps what I had, however often I do it."""
    learners.copy_lessons(clone)
    for number, text in ((1, "first try"), (2, "second try")):
        (clone / "my_lessons" / "12_static_training.ipynb").write_text(text)
        fresh, kept = learners.reset("12", clone)
        assert said(fresh) == "12_static_training as delivered"
        assert kept.name == f"12_static_training.mine-{number}.ipynb"
        assert kept.read_text() == text
    assert len(_mine(clone)) == 4


def test_reset_before_first_use_just_copies(clone: Path) -> None:
    """A reset of a lesson that I never opened gives me the lesson."""
    fresh, kept = learners.reset("0", clone)
    assert (fresh.name, kept) == ("00_start_here.ipynb", None)


def test_reset_of_no_lesson_is_refused(clone: Path) -> None:
    """A wrong number is refused with the numbers there are."""
    with pytest.raises(UsageError, match=r"no lesson '77'.*choose from 00, 12"):
        learners.reset("77", clone)


def test_committed_lessons_are_only_read(clone: Path) -> None:
    """No learner's command writes the committed notebooks, and nothing half-copied is left."""
    for lesson in (clone / "notebooks").iterdir():
        lesson.chmod(0o444)
    (clone / "notebooks").chmod(0o555)
    learners.copy_lessons(clone)
    learners.reset("12", clone)
    (clone / "notebooks").chmod(0o755)
    names = {path.relative_to(clone / "my_lessons").as_posix() for path in (clone / "my_lessons").rglob("*")}
    assert names == {
        ".originals.json",
        "00_start_here.ipynb",
        "12_static_training.ipynb",
        "12_static_training.mine-1.ipynb",
        "solutions",
        "solutions/00_start_here.ipynb",
        "solutions/12_static_training.ipynb",
    }


def test_solutions_can_be_looked_at_and_not_saved(clone: Path) -> None:
    """Worked answers lie in my folder as files that cannot be written; the instructor's notes do not."""
    learners.copy_lessons(clone)
    solved = clone / "my_lessons" / "solutions" / "12_static_training.ipynb"
    assert said(solved) == "12_static_training solved"
    assert solved.stat().st_mode & 0o222 == 0
    assert not (clone / "my_lessons" / "solutions" / "INSTRUCTOR.md").exists()


@pytest.mark.parametrize("command", ["copy", "reset"])
def test_solutions_are_always_the_courses(clone: Path, command: str) -> None:
    """After a pull, opening or resetting a lesson brings the newest worked answers, whatever stood there."""
    learners.copy_lessons(clone)
    solved = clone / "my_lessons" / "solutions" / "12_static_training.ipynb"
    (clone / "solutions" / solved.name).write_text(notebook("12 solved better"))
    learners.copy_lessons(clone) if command == "copy" else learners.reset("00", clone)
    assert said(solved) == "12 solved better"
    solved.chmod(0o644)
    solved.write_text("scribbled over")
    learners.copy_lessons(clone) if command == "copy" else learners.reset("12", clone)
    assert said(solved) == "12 solved better"
    assert solved.stat().st_mode & 0o222 == 0


def test_links_between_a_lesson_and_its_solution_lead_there(clone: Path) -> None:
    """A link to a solution, right in notebooks/, is right in my folder too; so is the way back."""
    links = {
        "notebooks": "see [it](../solutions/00_start_here.ipynb)",
        "solutions": "[back](../notebooks/00_start_here.ipynb)",
    }
    for folder, text in links.items():
        (clone / folder / "00_start_here.ipynb").write_text(notebook(text))
    learners.copy_lessons(clone)
    assert _mine(clone)["00_start_here.ipynb"] == "see [it](solutions/00_start_here.ipynb)"
    solved = said(clone / "my_lessons" / "solutions" / "00_start_here.ipynb")
    assert solved == "[back](../00_start_here.ipynb)"
    assert learners.changed(clone) == []


def test_lab_opens_my_first_lesson_quietly(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """JupyterLab opens lesson 00 of my copies, shows no other folder, uses this environment and phones nobody."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
    calls = []

    def start(command: list[str], **options) -> int:
        calls.append((command, options))
        return 0

    assert learners.lab(browser=False, options=("--port=9000",), root=clone, start=start) == 0
    command, options = calls[0]
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert f"--ServerApp.root_dir={clone / 'my_lessons'}" in command
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in command
    assert "--LabApp.news_url=None" in command
    [settings] = [word.partition("=")[2] for word in command if word.startswith("--LabApp.app_settings_dir=")]
    defaults = json.loads((Path(settings) / "overrides.json").read_text())
    assert defaults["@jupyterlab/apputils-extension:notification"]["fetchNews"] == "false"  # no question at the start
    assert "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate" in command
    assert command[-2:] == ["--no-browser", "--port=9000"]
    assert options["env"]["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert options["env"].get("COURSE_HEADLESS") == os.environ.get("COURSE_HEADLESS")  # live cells run
    assert (clone / "my_lessons" / "12_static_training.ipynb").exists()


def test_root_is_told_what_to_type(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As root, JupyterLab would end with a line in a log: I read what to type before it starts."""
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    calls = []
    start = lambda command, **options: calls.append(command) or 0  # noqa: E731
    with pytest.raises(UsageError, match=r"root.*course lab -- --allow-root"):
        learners.lab(root=clone, start=start)
    assert calls == []
    assert learners.lab(root=clone, options=("--allow-root",), start=start) == 0
    assert calls[0][-1] == "--allow-root"


def test_no_lessons_is_an_error(tmp_path: Path) -> None:
    """Without notebooks there is nothing to copy, and I am told how to get them back."""
    with pytest.raises(UsageError, match="restore it from Git"):
        learners.copy_lessons(tmp_path)
