"""What DVC and Git do in lesson 03 is what its exercises and tables say."""

from __future__ import annotations

import ast
import os
import shutil
import sysconfig
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from authoring import build, lessons
from course_utils import tables
from course_utils.data import datasets
from course_utils.develop.versioning import alternatives, changes, s3_record
from course_utils.errors import UsageError
from course_utils.notebook import terminal

LESSON = build.ROOT / "lessons" / "03_data_versioning.py"


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Give a function that makes a call and returns what it printed."""

    def of(call: Callable[..., object], *arguments: str) -> str:
        capsys.readouterr()
        call(*arguments)
        return capsys.readouterr().out

    return of


def pipeline_files() -> dict[str, str]:
    """Return the files that the lesson's terminal writes, each as it is written first."""
    texts: dict[str, str] = {}
    files: dict[str, str] = {}
    for cell in lessons.read(LESSON).cells:
        for line in ast.parse(cell.learner or "").body if cell.is_code else ():
            match line:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                    texts[name] = text.removeprefix("\n")
                case ast.Expr(
                    ast.Call(func=ast.Attribute(attr="write"), args=[ast.Constant(value=file), ast.Name(id=name)])
                ):
                    files.setdefault(file, texts[name])
    return files


@pytest.fixture
def pipeline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the folder of the lesson's pipeline, which has run on a sample of the flights."""
    from dvc.repo import Repo

    for name in ("DVC_GLOBAL_CONFIG_DIR", "DVC_SYSTEM_CONFIG_DIR", "DVC_SITE_CACHE_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    monkeypatch.setenv("PATH", os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    flights = datasets.load_flights()
    flights[flights["Month"] <= 2].iloc[::20].to_csv(folder / "data/flights.csv", index=False)
    for name, text in pipeline_files().items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.chdir(folder)
    with Repo.init(str(folder), no_scm=True) as repo:
        repo.add("data/flights.csv")
        repo.reproduce()
    return folder


@pytest.mark.slow
def test_each_change_reruns_the_stages_that_the_exercise_says(pipeline: Path, monkeypatch: pytest.MonkeyPatch):
    """For each of the six changes DVC runs the stages of the exercise's answer again, from raw data to metrics."""
    from dvc.repo import Repo

    for change in tables.read_toml("versioning.toml")["change"]:
        copy = pipeline.with_name(change["key"])
        shutil.copytree(pipeline, copy)
        monkeypatch.chdir(copy)
        before = (copy / change["file"]).read_text()
        assert before.count(change.get("old", before)) == 1
        (copy / change["file"]).write_text(before.replace(change["old"], change["new"]) if "old" in change else before)
        with Repo(str(copy)) as repo:
            assert [stage.name for stage in repo.reproduce()] == change["reruns"], change["key"]
    assert list(changes().index) == [change["key"] for change in tables.read_toml("versioning.toml")["change"]]


@pytest.mark.slow
def test_the_commands_of_exercise_03_2_do_what_its_grader_says():
    """In a real clone the grader's right answer restores last month's content, and its wrong answers do not."""
    shell = terminal.open_terminal()
    shell.export(HOME=str(shell.home), XDG_CONFIG_HOME="", GIT_CONFIG_NOSYSTEM="1", DVC_NO_ANALYTICS="true")
    shell.export(DVC_SITE_CACHE_DIR=f"{shell.home}/site")
    shell.output("git config --global user.name Ada && git config --global user.email ada@example.com")
    shell.output("git init --initial-branch main project && git clone project colleague")
    shell.cd("project")
    shell.write("flights.csv", "January")
    shell.output("dvc init && dvc add flights.csv && dvc remote add --default storage ../storage && dvc push")
    shell.output('git add . && git commit --message "January" && cd ../colleague && git pull && dvc pull')
    shell.write("flights.csv", "February")
    shell.output('dvc add flights.csv && git commit --all --message "February" && git tag february && dvc push')
    shell.cd("../colleague")
    for wrong in ("git checkout february", "git fetch --tags && git switch february"):
        with pytest.raises(UsageError, match=r"did not match|branch is expected"):
            shell.output(wrong)
    shell.output("git checkout february")
    with pytest.raises(UsageError, match="Checkout failed"):
        shell.output("dvc checkout")
    shell.output("dvc pull")
    assert (shell.where() / "flights.csv").read_text() == "February\n"
    shell.close()


# --------------------------------------------------------------------------- tables


def test_every_way_of_the_deck_is_in_the_decision_table():
    """Each tool of the deck has when to use it, what it lacks, and its state today."""
    table = alternatives()
    said = " ".join(table.index)
    for name in ("Pachyderm", "S3", "Git LFS", "git-annex", "dat", "Ceph", "FreeNAS", "ZFS", "DVC"):
        assert name in said
    assert (table.map(len) > 4).all().all()
    assert "2026" in table.columns[-1]


def test_the_benchmark_has_its_date_and_the_same_data_for_all(printed: Callable[..., str]):
    """The benchmark says when and with which data the tools were compared."""
    table = tables.benchmark("versioning")
    assert {"Git alone", "DVC", "DVC, verify on", "Git LFS", "git-annex"} == set(table.index)
    numbers = table.select_dtypes("number")
    assert len(numbers.columns) == 6
    assert (numbers > 0).all().all()
    note = printed(tables.benchmark_note, "versioning")
    assert "10 versions" in note
    assert "measured 20" in note
    assert "processor time" in note


def test_the_record_of_s3_is_dated_and_says_that_the_bytes_came_back():
    """The lesson's table about S3 has date, versions and result."""
    record = s3_record()["found"]
    assert record["same bytes"] is True
    assert isinstance(record["date"], date)
    assert isinstance(s3_record(), pd.DataFrame)
