"""A scratch project under DVC: what it restores, what it detects, and that it leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import psutil
import pytest
from waiting import PATIENT, until

from course_utils import tables
from course_utils.develop.versioning import (
    MODEL,
    RAW,
    DvcProject,
    alternatives,
    changes,
    s3_record,
    sandbox_environment,
    start_project,
    through_s3,
    what_reruns,
)
from course_utils.develop.versioning.sandbox import Sandbox, clean_output, error_reason, serve, stage_results
from course_utils.errors import DataError, UsageError

pytestmark = pytest.mark.slow  # Git and DVC in scratch projects: seconds to begin with

STAGES = (
    "dvc stage add -n prepare -p prepare -d src/prepare.py -d data/raw/flights.csv -o data/processed/flights.csv"
    " python src/prepare.py",
    "dvc stage add -n train -p train -d src/train.py -d data/processed/flights.csv -o models/model.json"
    " python src/train.py",
    "dvc stage add -n evaluate -d src/evaluate.py -d data/processed/flights.csv -d models/model.json -M metrics.json"
    " python src/evaluate.py",
)


def under_dvc(*months: str) -> DvcProject:
    """Return a project whose flights are added, committed and pushed."""
    project = start_project()
    project.deliver(*months)
    project.run(
        "dvc init --quiet",
        "dvc remote add --default storage ../storage",
        "git add .dvc",
        "dvc add data/raw/flights.csv",
        "git commit --quiet --message 'Flights'",
        "dvc push",
    )
    return project


@pytest.fixture(scope="module")
def flights_only() -> Iterator[DvcProject]:
    """Give a project with the flights of January; each test leaves it as it was."""
    project = under_dvc("2013-01")
    yield project
    project.close()


@pytest.fixture(scope="module")
def pipeline() -> Iterator[DvcProject]:
    """Give a project with the lesson's pipeline, run, committed, tagged and pushed."""
    project = under_dvc("2013-01", "2013-02")
    project.early = project.clone("early")  # a clone older than the tag
    project.run(
        *STAGES, "dvc repro", "git add .", "git commit --quiet --message 'Pipeline'", "git tag february", "dvc push"
    )
    yield project
    project.close()


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Give a function that makes a call and returns what it printed."""

    def of(call: Callable[..., object], *arguments: str) -> str:
        capsys.readouterr()
        call(*arguments)
        return capsys.readouterr().out

    return of


# --------------------------------------------------------------------------- data


def test_a_project_starts_with_scripts_and_parameters_and_nothing_to_commit(printed):
    """A new project is a clean Git repository with the lesson's scripts."""
    project = start_project()
    assert printed(project.run, "git status --short") == "$ git status --short\n"
    assert all(project.holds(f"src/{name}.py") for name in ("prepare", "train", "evaluate"))
    assert "late_minutes: 15" in printed(project.show, "params.yaml")
    project.close()


def test_a_delivery_is_the_same_bytes_each_time(flights_only):
    """The flights of a month give the same file every time."""
    before = flights_only.fingerprint(RAW)
    flights_only.deliver("2013-01")
    assert flights_only.fingerprint(RAW) == before == "3f0d5c91c6e566ce878fb10001f892a5"


@pytest.mark.parametrize(("months", "says"), [((), "there is no month"), (("2014-01",), "2014-01"), (("May",), "May")])
def test_a_month_that_is_not_in_the_data_is_refused(flights_only, months, says):
    """The error names a mistyped month and the range of valid ones."""
    with pytest.raises(UsageError, match=f"{says}.*'2013-01' to '2013-12'"):
        flights_only.deliver(*months)


def test_git_keeps_a_pointer_and_the_remote_the_content(flights_only):
    """Git stores a hundred bytes, and a lost file comes back from the remote bit for bit."""
    assert flights_only.size(f"{RAW}.dvc") < 150 < flights_only.size(RAW)
    before = flights_only.fingerprint(RAW)
    assert flights_only.recorded(RAW) == before
    flights_only.delete(RAW, ".dvc/cache")
    assert not flights_only.holds(RAW)
    flights_only.run("dvc pull")
    assert flights_only.fingerprint(RAW) == before


def test_a_colleague_gets_the_same_bytes(flights_only):
    """A second clone starts with an empty cache, and ends with the same file."""
    colleague = flights_only.clone("colleague")
    assert colleague.cached() == {}
    colleague.run("dvc pull")
    assert colleague.fingerprint(RAW) == flights_only.fingerprint(RAW)
    for name in ("colleague", "../outside", ""):
        with pytest.raises(UsageError, match="cannot be called"):
            flights_only.clone(name)


def test_contents_in_the_cache_are_named_by_their_sum(flights_only):
    """Each content in the cache is named by its MD5 hash."""
    cached = flights_only.cached()
    assert {hashlib.md5(content).hexdigest() for content in cached.values()} == set(cached)


# --------------------------------------------------------------------------- pipeline


def test_the_decks_command_is_gone_and_the_error_says_what_to_do(flights_only):
    """`dvc run`, as in the deck, is refused, and the error names the two commands that replace it."""
    with pytest.raises(
        UsageError, match=r"^`dvc run` failed: .*invalid choice: 'run'\. Fix: since DVC 3, .*`dvc repro`"
    ):
        flights_only.run("dvc run -d data/raw/flights.csv -o models/model.json python src/train.py")


def test_stages_that_were_run_are_skipped_when_nothing_changed(pipeline):
    """A second `dvc repro` runs no stage."""
    pipeline.run("dvc repro")
    assert pipeline.stages == {"prepare": "skipped", "train": "skipped", "evaluate": "skipped"}


def test_each_change_reruns_the_stages_that_the_exercise_says(pipeline, printed):
    """For each of the six changes DVC reruns the stages of the exercise's answer, and the project is unchanged."""
    tried = what_reruns(pipeline)
    for change in tables.read_toml("versioning.toml")["change"]:
        row = tried.loc[change["key"]]
        assert list(row.index[row == "runs"]) == change["reruns"], change["key"]
    assert list(tried.index) == list(changes().index)
    assert printed(pipeline.run, "git status --short") == "$ git status --short\n"
    pipeline.run("dvc repro")
    assert set(pipeline.stages.values()) == {"skipped"}


def test_changes_that_are_not_committed_are_not_lost(pipeline):
    """The trial is refused while the project has a change of mine that is not committed."""
    pipeline.edit("params.yaml", "prior: 100", "prior: 50")
    with pytest.raises(UsageError, match="not committed"):
        what_reruns(pipeline)
    pipeline.run("git reset --hard --quiet")


def test_last_months_data_and_model_come_back_bit_for_bit(pipeline):
    """Back at the tag of last month, data and model are the same, and so is a model trained again."""
    data, model = pipeline.fingerprint(RAW), pipeline.fingerprint(MODEL)
    pipeline.deliver("2013-01", "2013-02", "2013-03")
    pipeline.run("dvc add data/raw/flights.csv", "dvc repro", "git commit --all --quiet --message 'March'")
    assert set(pipeline.stages.values()) == {"ran"}
    assert pipeline.fingerprint(MODEL) != model
    pipeline.run("git checkout february", "dvc checkout")
    assert (pipeline.fingerprint(RAW), pipeline.fingerprint(MODEL)) == (data, model)
    pipeline.run("dvc repro --force --quiet")
    assert pipeline.fingerprint(MODEL) == model == pipeline.recorded(MODEL)


def test_the_commands_of_exercise_03_2_do_what_its_grader_says(pipeline):
    """In a real clone the grader's right answers restore the model, and its wrong answers do not."""
    early = pipeline.early
    early.run("dvc pull")
    with pytest.raises(UsageError, match="did not match any file"):
        early.run("git checkout february")
    early.run("git fetch --tags", "git checkout february")
    with pytest.raises(UsageError, match="Checkout failed"):
        early.run("dvc checkout")
    with pytest.raises(UsageError, match="branch is expected"):
        early.run("git switch february")
    early.run("dvc pull")
    assert early.fingerprint(MODEL) == pipeline.recorded(MODEL)


def test_commits_have_the_case_clock_and_no_name_of_mine(pipeline, printed):
    """Commits have the date of the delivery, and no real person's name."""
    log = printed(pipeline.run, "git log february --format='%as %an %s'")
    assert "2013-03-01 Learner Pipeline" in log


# --------------------------------------------------------------------------- damage


def test_damage_below_a_read_only_copy_is_handed_out(flights_only):
    """DVC trusts its read-only copies: a flipped bit is checked out of the cache, and the status reports nothing."""
    flights_only.damage(RAW)
    flights_only.delete(RAW)
    flights_only.run("dvc checkout", "dvc status")
    assert flights_only.fingerprint(RAW) != flights_only.recorded(RAW)
    broken = [name for name, content in flights_only.cached().items() if hashlib.md5(content).hexdigest() != name]
    assert broken == [flights_only.recorded(RAW)]
    flights_only.delete(RAW, ".dvc/cache")
    flights_only.run("dvc pull")
    assert flights_only.fingerprint(RAW) == flights_only.recorded(RAW)


def test_damage_by_a_script_is_found_and_fixed(flights_only, printed):
    """A copy that a script wrote to is hashed again, discarded, and fetched from the remote."""
    flights_only.damage(RAW, protected=False)
    assert "not in cache:       data/raw/flights.csv" in printed(flights_only.run, "dvc status")
    with pytest.raises(DataError, match="not in the cache"):
        flights_only.damage(RAW)
    flights_only.run("dvc pull")
    assert all(hashlib.md5(content).hexdigest() == name for name, content in flights_only.cached().items())


def test_only_what_dvc_keeps_can_be_damaged(flights_only):
    """A file that is not under DVC has no cached copy to damage."""
    with pytest.raises(DataError, match=r"params\.yaml: the file is not under DVC"):
        flights_only.damage("params.yaml")


# --------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("rm -rf .", "not a Git or DVC command"),
        ("", "not a Git or DVC command"),
        ("git commit -m 'open", "close every quote"),
        ("git checkout nowhere", r"`git checkout` failed: pathspec 'nowhere'"),
        ("dvc add data/raw/nothing.csv", "`dvc add` failed: .*does not exist"),
        ("dvc", "`dvc` failed"),
    ],
)
def test_a_command_that_cannot_work_says_why(flights_only, command, says):
    """The error is one line, without a traceback or a path of this machine."""
    with pytest.raises(UsageError, match=says) as refused:
        flights_only.run(command)
    assert str(Path(__file__).parents[3]) not in str(refused.value)
    assert "course-versioning" not in str(refused.value)


@pytest.mark.parametrize("name", ["/etc/passwd", "../storage", ""])
def test_files_outside_the_project_are_out_of_reach(flights_only, name):
    """A name that leads out of the project is refused."""
    for call in (flights_only.show, flights_only.delete, flights_only.holds, flights_only.size):
        with pytest.raises(UsageError, match="leads out of the project"):
            call(name)


def test_a_file_that_is_not_there_is_named(flights_only):
    """The error names the missing file."""
    for call in (flights_only.show, flights_only.delete, flights_only.size, flights_only.fingerprint):
        with pytest.raises(UsageError, match=r"there is no notes\.txt in the project"):
            call("notes.txt")


def test_an_edit_needs_one_place(flights_only):
    """A text that is not in the file, or more than once, is not replaced."""
    for piece, found in (("depth", 0), (":", 7)):
        with pytest.raises(UsageError, match=f"is {found} times in params.yaml"):
            flights_only.edit("params.yaml", piece, "x")


def test_without_git_the_error_says_to_install_it(monkeypatch):
    """Without Git the error names its website."""
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match=r"Git is not installed.*git-scm"):
        start_project()


# --------------------------------------------------------------------------- nothing stays, nothing is read


def test_a_closed_project_is_gone_and_says_so():
    """After closing, folder and process are gone, and another command says why it cannot run."""
    project = start_project()
    root, worker = project._sandbox.root, project._sandbox._worker
    project.close()
    project.close()
    assert not root.exists()
    assert worker.poll() is not None
    for call in (lambda: project.run("dvc status"), lambda: project.show("params.yaml")):
        with pytest.raises(UsageError, match="closed"):
            call()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_killed_notebook_leaves_nothing_behind():
    """Even if Python is killed, DVC's process deletes the folder and ends."""
    code = (
        "import os, signal; from course_utils.develop import versioning; project = versioning.start_project(); "
        "print(project._sandbox.root, project._sandbox._worker.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL
    root, worker = done.stdout.split()
    until(lambda: not Path(root).exists(), "the folder is gone")
    until(lambda: ended(int(worker)), "DVC's process has ended")


def ended(pid: int) -> bool:
    """Say whether a process has ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
def test_a_kernel_that_ends_its_children_leaves_nothing_behind():
    """When Jupyter terminates the child processes of a kernel, the folder is deleted too."""
    project = start_project()
    project.run("dvc init --quiet")
    root, worker = project._sandbox.root, project._sandbox._worker
    worker.terminate()
    worker.wait(timeout=PATIENT)
    assert not root.exists()
    with pytest.raises(UsageError, match=r"DVC's process has ended.*start another project"):
        project.run("dvc status")
    project.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
def test_a_project_survives_an_interrupted_cell(printed):
    """When I interrupt a long command it stops, and the project can still be used."""
    project = start_project()
    started, finished = project._folder / "started", project._folder / "finished"
    (project._folder / "long.py").write_text(
        f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep({10 * PATIENT}); "
        f"pathlib.Path({str(finished)!r}).touch()"
    )
    project.run("dvc init --quiet", "dvc stage add --name long python long.py")

    def interrupt() -> None:
        until(started.exists, "the long command runs")
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        project.run("dvc repro")
    assert "long" in printed(project.run, "dvc stage list")
    assert not finished.exists()
    project.close()


def state_of(home: Path) -> dict[str, int]:
    """Return the files below a folder, with the time of their last change."""
    return {str(path): path.lstat().st_mtime_ns for path in home.rglob("*")}


def test_my_settings_are_neither_read_nor_changed(tmp_path, monkeypatch, printed):
    """My settings for signing, cache and repository have no effect, and are not changed."""
    (tmp_path / ".gitconfig").write_text("[commit]\n\tgpgsign = true\n[init]\n\tdefaultBranch = trunk\n")
    (tmp_path / ".config" / "dvc").mkdir(parents=True)
    (tmp_path / ".config" / "dvc" / "config").write_text(f"[cache]\n    dir = {tmp_path / 'cache'}\n")
    for name, value in {
        "HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / ".config"),
        "GIT_DIR": str(tmp_path / "other.git"),
        "GIT_AUTHOR_NAME": "Another Name",
        "DVC_SITE_CACHE_DIR": str(tmp_path / "site"),
        "AWS_PROFILE": "work",
        "FORCE_COLOR": "1",
    }.items():
        monkeypatch.setenv(name, value)
    before, variables, folder = state_of(tmp_path), dict(os.environ), Path.cwd()
    shared = [Path("/var/tmp/dvc"), Path("/var/cache/dvc")]  # where DVC keeps notes for all users of a machine
    beside = [state_of(path) for path in shared]
    project = under_dvc("2013-01")
    assert "main" in printed(project.run, "git branch")
    assert "Learner" in printed(project.run, "git log --format=%an")
    assert project.recorded(RAW) in project.cached()
    project.close()
    assert state_of(tmp_path) == before
    assert [state_of(path) for path in shared] == beside
    assert (dict(os.environ), Path.cwd()) == (variables, folder)


def test_two_projects_do_not_know_of_each_other():
    """A change in one project has no effect on another."""
    one, other = start_project(), start_project()
    one.edit("params.yaml", "prior: 100", "prior: 7")
    one.run("dvc init --quiet")
    with pytest.raises(UsageError, match="not inside of a DVC repository"):
        other.run("dvc status")
    one.close()
    other.run("git status")
    other.close()


def test_the_lasting_process_says_what_a_fresh_one_says(pipeline):
    """Commands print the same as with `python -m dvc`, although DVC is started only once."""
    root, folder = pipeline._sandbox.root, pipeline._folder
    for words in (["status"], ["dag"], ["params", "diff"], ["run"], ["metrics", "show"], ["stage", "list"]):
        fresh = subprocess.run(
            [sys.executable, "-m", "dvc", *words],
            cwd=folder,
            env=sandbox_environment(root),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        code, said = pipeline._sandbox.call(["dvc", *words], folder)
        assert code == fresh.returncode
        assert sorted(said.split()) == sorted(clean_output(fresh.stdout, root).split())


def test_an_interrupted_commands_answer_is_skipped(flights_only, printed):
    """After an interrupted command, the next one gets its own answer."""
    sandbox = flights_only._sandbox
    request = json.dumps({"number": 0, "words": ["version"], "folder": str(flights_only._folder)})
    print(request, file=sandbox._worker.stdin, flush=True)
    assert "up to date" in printed(flights_only.run, "dvc status")


def test_what_is_printed_is_the_same_on_every_machine(tmp_path):
    """Paths, commit ids, colours and advertisements are removed."""
    said = (
        f"\x1b[31mIn {tmp_path}/project\x1b[0m   \n[main (root-commit) 1a2b3c4] Flights\nHEAD is now at "
        "1a2b3c4 Flights\n\n\n"
        "What's next?\n------------\n- Star us on GitHub: <https://github.com/treeverse/dvc>\n"
        "md5: d9d43835c1fec827e6bd92e669363962\ndeadbeef decade 12345678.csv"
    )
    assert clean_output(said, tmp_path) == (
        "In …/project\n[main] Flights\nHEAD is now at … Flights\n\n"
        "md5: d9d43835c1fec827e6bd92e669363962\ndeadbeef decade 12345678.csv"
    )


def test_a_failed_command_has_a_reason_in_one_line():
    """Of a long error only the message is shown, and not the list of all commands or links."""
    output = "ERROR: argument COMMAND: invalid choice: 'run' (choose from 'add',\n'repro')\nusage: dvc"
    assert error_reason(output) == "argument COMMAND: invalid choice: 'run'"
    assert error_reason("") == "no message"


def test_each_stage_has_its_result():
    """I see for each stage whether it ran, was restored from the cache, or was skipped."""
    output = (
        "Running stage 'prepare':\nStage 'train' is cached - skipping run\nStage 'evaluate' didn't change, skipping"
    )
    assert stage_results(output) == {"prepare": "ran", "train": "restored", "evaluate": "skipped"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process without asking it")
def test_dvcs_process_deletes_its_folder_when_its_input_ends():
    """The loop of DVC's process, `serve`, ends with its input and deletes the folder."""
    assert serve.__module__.endswith("versioning.sandbox")
    sandbox = Sandbox()
    sandbox._worker.stdin.close()
    sandbox._worker.wait(timeout=60)
    assert not sandbox.root.exists()


# --------------------------------------------------------------------------- tables


def test_every_way_of_the_deck_is_in_the_decision_table():
    """Each tool of the deck has when to use it, what it lacks, and its state today."""
    table = alternatives()
    said = " ".join(table.index)
    for name in ("Pachyderm", "S3", "Git LFS", "git-annex", "dat", "Ceph", "FreeNAS", "ZFS", "DVC"):
        assert name in said
    assert (table.map(len) > 4).all().all()
    assert "2026" in table.columns[-1]


def test_the_benchmark_has_its_date_and_the_same_data_for_all(printed):
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


def test_without_moto_the_cell_says_how_to_install_it(flights_only, printed, monkeypatch):
    """The optional cell says what to install, and does nothing else."""
    monkeypatch.setitem(sys.modules, "boto3", None)
    assert "uv pip install" in printed(through_s3, flights_only)


@pytest.mark.skipif(not (find_spec("moto") and find_spec("dvc_s3")), reason="moto and dvc-s3 are optional")
def test_the_same_commands_work_against_s3(flights_only, printed):
    """If moto is installed, the flights are pushed to a bucket and pulled back."""
    said = printed(through_s3, flights_only)
    assert "1 file pushed" in said
    assert "bit for bit: True" in said
