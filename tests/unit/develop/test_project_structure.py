"""A project made from a template, kept in order by rules and free of secrets."""

from __future__ import annotations

import gc
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import matplotlib
import pandas as pd
import pytest

from course_utils import tables
from course_utils.develop import project_structure
from course_utils.develop.project_structure.legacy import weather_notebook
from course_utils.develop.project_structure.notebooks import read_notebook, write_notebook
from course_utils.develop.project_structure.project import REFUSED, put_file, run_git
from course_utils.develop.project_structure.secret_scan import check_staged, detectors
from course_utils.errors import DataError, UsageError

pytestmark = pytest.mark.slow  # projects made, committed and scanned with Git: seconds, with the whole file

ROWS = pd.DataFrame({"CRSDepTime": [500, 600, 700, 1900] * 3, "DepDelay": [0, 0, 20, 40] * 2 + [0, 15, 20, None]})


@pytest.fixture
def project():
    return project_structure.scaffold()


@pytest.fixture(scope="module")
def fresh():
    """Return a new project, for tests that only look at it or are refused."""
    return project_structure.scaffold()


@pytest.fixture(scope="module")
def left_behind():
    """Return the inherited project, for tests that only look at it."""
    return project_structure.inherited_project(ROWS)


# --------------------------------------------------------------------------- scaffold


def test_a_new_project_has_every_place_that_the_deck_draws(fresh):
    """What the deck's drawing shows is there, but for setup.py, which pyproject.toml replaces."""
    places = tables.read_toml("structure.toml")["place"]
    drawn = [place["path"] for place in places if place["deck"]]
    assert len(drawn) == 21
    there = {*fresh.files, *(f"{folder}/" for folder in fresh.folders)}
    assert set(drawn) <= there
    assert [place["path"] for place in places if place.get("replaces") == "setup.py"] == ["pyproject.toml"]
    assert "setup.py" not in there


def test_a_new_project_keeps_every_rule(fresh):
    """In a new project neither the linter nor the secret scanner finds anything."""
    assert project_structure.lint(fresh, [*project_structure.RULES, project_structure.tables_are_in_data]).empty
    assert project_structure.secrets(fresh).empty
    assert project_structure.secrets_in_history(fresh).empty


def test_the_name_is_filled_in():
    """My project's name is in its folder, its package and its README."""
    project = project_structure.scaffold("Late-night flights", author="Zoë O'Hara")
    assert project.name == "late_night_flights"
    assert 'name = "late_night_flights"' in project.read("pyproject.toml")
    assert project.read("README.md").startswith("# Late-night flights\n")
    assert "Zoë O'Hara" in project.read("LICENSE")
    assert not [file for file in project.files if "cookiecutter" in file + project.read(file)]


def test_a_project_is_shown_by_its_name(fresh):
    """At the end of a cell a project shows its name, and not where this machine keeps it."""
    assert isinstance(fresh, project_structure.Project)
    assert repr(fresh) == "Project(name='flight_delays')"


@pytest.mark.parametrize("name", ["", "  ", "2013 flights", "../flights", "a/b", "{{ x }}", "délais", None, 3])
def test_a_name_that_no_folder_can_have_is_refused(name):
    """An invalid name is refused before anything is created."""
    with pytest.raises(UsageError, match="is not a valid project name"):
        project_structure.scaffold(name)


def test_two_projects_are_the_same_bytes():
    """Two projects from the same template are identical, commit ids included."""

    def seen():
        project = project_structure.scaffold()
        texts = {file: project.read(file) for file in project.files}
        return hashlib.sha256(json.dumps(texts).encode()).hexdigest(), run_git(project, "rev-parse", "HEAD")

    assert seen() == seen()


def test_git_keeps_the_empty_folders_and_not_the_data(project):
    """A clone has data/raw too, but not the rows in it, and never .env."""
    project_structure.save(project, ROWS, "data/raw/a.csv")
    project.write(".env", "KEY=1\n")
    project.write("docs/a.md", "x\n")
    project_structure.commit(project, "More")
    kept = run_git(project, "ls-files").splitlines()
    assert "data/raw/.gitkeep" in kept
    assert "docs/a.md" in kept
    assert not {"data/raw/a.csv", ".env"} & set(kept)


def test_the_template_installs_as_a_package(fresh):
    """`pip install -e .` would find the package and its parts."""
    from setuptools import find_packages

    assert {"src", "src.data", "src.features", "src.models", "src.visualization"} == set(
        find_packages(str(fresh._folder), include=["src*"])
    )


def test_a_project_is_deleted_with_its_object():
    """Nothing is left in the temporary folder, read-only files included."""
    project = project_structure.scaffold()
    project_structure.save(project, ROWS, "data/raw/a.csv")
    home = project._folder.parent
    assert home.is_dir()
    del project
    gc.collect()
    assert not home.exists()


def test_a_project_is_deleted_when_python_ends(tmp_path):
    """A script that does not delete its project leaves nothing behind."""
    code = "from course_utils.develop import project_structure as ps; project = ps.scaffold(); print(project.files[0])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == ".gitignore\n"
    assert list(tmp_path.iterdir()) == []


def test_the_settings_of_the_learner_stay_as_they_are(tmp_path):
    """My settings for Git and Cookiecutter are not read, changed or created."""
    home, temporary = tmp_path / "home", tmp_path / "tmp"
    home.mkdir()
    temporary.mkdir()
    # Settings that would make every commit fail, and a template setting that would change the answers.
    (home / ".gitconfig").write_text(
        "[commit]\n\tgpgsign = true\n[gpg]\n\tprogram = false\n[core]\n\thooksPath = /nowhere\n"
    )
    (home / ".cookiecutterrc").write_text("default_context:\n  author: Somebody Else\n  year: '1999'\n")
    before = {path.name: path.read_bytes() for path in home.iterdir()}
    code = """
import pandas as pd
from course_utils.develop import project_structure
project = project_structure.inherited_project(pd.DataFrame({"CRSDepTime": [500], "DepDelay": [20]}))
print("Kim Lee" in project.read("LICENSE"), "2013" in project.read("LICENSE"))
"""
    around = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "XDG_"))}
    around |= {
        "HOME": str(home),
        "USERPROFILE": str(home),
        "TMPDIR": str(temporary),
        "GIT_DIR": str(tmp_path / "elsewhere"),
    }
    around |= {"MPLCONFIGDIR": matplotlib.get_cachedir()}  # or it would build its font cache again, which takes long
    done = subprocess.run(
        [sys.executable, "-c", code], env=around, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "True True\n"
    assert {path.name: path.read_bytes() for path in home.iterdir()} == before
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "elsewhere").exists()


def test_without_git_the_error_says_what_to_install(monkeypatch):
    """I read that Git is missing, not that a file was not found."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match="Git is not installed"):
        project_structure.scaffold()


# --------------------------------------------------------------------------- files


def test_raw_data_are_written_once(project):
    """Raw data cannot be saved a second time, and the file is read-only."""
    project_structure.save(project, ROWS, "data/raw/a.csv")
    before = project.read("data/raw/a.csv")
    with pytest.raises(UsageError, match="raw data and exists already"):
        project_structure.save(project, ROWS.head(1), "data/raw/a.csv")
    with pytest.raises(UsageError, match="raw data and exists already"):
        project.write("data/raw/a.csv", "")
    assert project.read("data/raw/a.csv") == before
    assert not project.is_writable("data/raw/a.csv")
    project_structure.save(project, ROWS, "data/raw/b.csv")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="permissions of this kind are those of Linux and macOS")
def test_other_programs_cannot_overwrite_raw_data_either(project):
    """A script that opens raw data to write is stopped by the system."""
    project_structure.save(project, ROWS, "data/raw/a.csv")
    path = project._folder / "data" / "raw" / "a.csv"
    who = {}
    if os.geteuid() == 0:  # an administrator may write to anything: try as another user, who owns the file
        nobody = 65534
        os.chown(path, nobody, nobody)
        for folder in [path.parent, *path.parents][: len(path.relative_to(project._folder.parent.parent).parts)]:
            folder.chmod(0o755)
        who = {"user": nobody, "group": nobody}
    code = f"open({str(path)!r}, 'a')"
    done = subprocess.run(["/usr/bin/env", "python3", "-c", code], capture_output=True, text=True, cwd="/", **who)
    assert "PermissionError" in done.stderr


def test_what_is_not_raw_may_be_saved_again(project):
    """Interim data can be saved as often as I like."""
    project_structure.save(project, ROWS, "data/interim/a.csv")
    project_structure.save(project, ROWS.head(2), "data/interim/a.csv")
    assert len(pd.read_csv(project._folder / "data" / "interim" / "a.csv")) == 2
    assert project.is_writable("data/interim/a.csv")


@pytest.mark.parametrize(
    "file", ["../a.csv", "/tmp/a.csv", "data/../../a.csv", "C:/a.csv", "..\\a.csv", "", ".git/config"]
)
def test_a_project_does_not_write_elsewhere(fresh, file):
    """A path that leads out of the project is refused."""
    with pytest.raises(UsageError, match="is not in the project"):
        project_structure.save(fresh, ROWS, file)


def test_a_file_that_is_not_there_is_named(fresh):
    """The error names the missing file and says where to look."""
    for ask in (fresh.read, fresh.is_writable):
        with pytest.raises(UsageError, match=r"no file 'docs/a.md'"):
            ask("docs/a.md")


def test_the_tree_says_what_each_place_is_for(fresh):
    """I see every folder with its purpose, indented below its parent folder."""
    text = repr(project_structure.tree(fresh))
    assert "│   └── raw/                      data as received, never changed" in text
    assert text.splitlines()[0] == "flight_delays/"
    assert "        └── visualize.py" in text


def test_tables_name_the_six_roles_and_five_ways():
    """Each role's folders are in the layout, and each alternative has the day on which it was looked up."""
    roles, ways = project_structure.roles(), project_structure.alternatives()
    assert len(roles) == 6
    places = {place["path"].rstrip("/") for place in tables.read_toml("structure.toml")["place"]} | {"reports"}
    assert {place for where in roles["where"] for place in where.split(", ")} <= places
    assert list(ways.index[:4]) == ["Cookiecutter Data Science", "MLflow", "Pachyderm", "ModelDB"]
    assert pd.to_datetime(ways["checked"]).notna().all()
    assert len(set(project_structure.items_to_place())) == 8


def test_a_failed_write_leaves_the_old_file(tmp_path):
    """When a file cannot be written, its old content stays and no temporary file is left."""
    put_file(tmp_path / "a.txt", "old")
    with pytest.raises(TypeError):
        put_file(tmp_path / "a.txt", None)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


# --------------------------------------------------------------------------- rules


def test_the_inherited_project_breaks_each_rule(left_behind):
    """Every rule finds what was planted for it, and nothing else."""
    found = project_structure.lint(left_behind, [*project_structure.RULES, project_structure.tables_are_in_data])
    assert {rule: list(part["found"]) for rule, part in found.groupby("rule")} == {
        "folders exist": ["README.md is missing", "references/ is missing", "requirements.txt is missing"],
        "raw is read only": ["data/raw/july.csv"],
        "notebooks are named": ["notebooks/Untitled3.ipynb"],
        "logs are dated": [f"reports/runs/run_{number}.log" for number in (10, 11, 8, 9)],
        "tables are in data": ["predictions.csv", "src/data/july_clean.csv"],
    }


@pytest.mark.parametrize(
    ("file", "good"),
    [
        ("notebooks/1.0-ab-first-look.ipynb", True),
        ("notebooks/12.3-abc-x1.ipynb", True),
        ("notebooks/1.0-ab.ipynb", False),
        ("notebooks/1-ab-first-look.ipynb", False),
        ("notebooks/1.0-AB-first-look.ipynb", False),
        ("notebooks/1.0-ab-first_look.ipynb", False),
        ("notebooks/final.ipynb", False),
        ("1.0-ab-first-look.ipynb", False),
        ("src/1.0-ab-first-look.ipynb", False),
    ],
)
def test_notebooks_are_named_by_number_initials_and_subject(project, file, good):
    """The deck's naming is checked, and so is that notebooks lie in notebooks/."""
    project.write(file, "{}")
    assert project_structure.notebooks_are_named(project) == ([] if good else [file])


def test_raw_data_that_were_not_saved_as_such_are_named(project):
    """Files saved in data/raw are read-only; those that came there in another way are found; interim data are not."""
    project_structure.save(project, ROWS, "data/raw/a.csv")
    project.write("data/raw/b.csv", "x\n")
    project.write("data/interim/c.csv", "x\n")
    assert project_structure.raw_is_read_only(project) == ["data/raw/b.csv"]


@pytest.mark.parametrize(
    ("file", "good"),
    [
        ("reports/runs/2013-12-01T0900.json", True),
        ("reports/runs/2013-12-01T0900.log", False),
        ("reports/runs/2013-12-01.json", False),
        ("reports/runs/run_2013-12-01T0900.json", False),
        ("docs/run_7.log", True),
    ],
)
def test_logs_are_named_by_the_time_of_their_run(project, file, good):
    """A run log without date and time in its name is found; files in other folders are not run logs."""
    project.write(file, "{}")
    assert project_structure.logs_are_dated(project) == ([] if good else [file])


def test_the_extra_rule_knows_the_data_folder_from_others(project):
    """Only the top folder data is for tables: src/data and database are not."""
    for file in ("data/raw/a.csv", "src/data/a.csv", "database/a.csv", "a.parquet", "src/data/csv.py"):
        project.write(file, "x")
    assert project_structure.tables_are_in_data(project) == ["a.parquet", "database/a.csv", "src/data/a.csv"]


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("folders_exist", "is not a rule"),
        (lambda project: True, "returns a bool"),
        (lambda project: [1], "not a list of texts"),
    ],
)
def test_a_rule_that_is_none_is_refused(fresh, rule, problem):
    """A rule of mine that returns the wrong thing is named, with what it returned."""
    with pytest.raises(UsageError, match=problem):
        project_structure.lint(fresh, [rule])


# --------------------------------------------------------------------------- runs


def test_runs_come_in_the_order_of_time(project):
    """Runs are in the order of their times, whatever the order in which I logged them."""
    for time, loss in (("2013-12-10 09:00", 3), ("2013-12-09 09:00", 2), ("2013-12-09 08:59", 1)):
        project_structure.record_run(project, time, {"train": loss, "test": loss + 0.5})
    logged = project_structure.read_runs(project)
    assert list(logged.index) == ["2013-12-09 08:59", "2013-12-09 09:00", "2013-12-10 09:00"]
    assert logged.iloc[-2].to_dict() == {"train": 2.0, "test": 2.5}
    assert project_structure.lint(project).empty


def test_a_project_without_runs_has_an_empty_table(fresh):
    """A project without logs is not an error."""
    assert project_structure.read_runs(fresh).empty


def test_logs_without_a_time_are_refused(left_behind):
    """A log whose name has no time is refused, since the order of the runs is unknown."""
    with pytest.raises(DataError, match=r"run_10\.log"):
        project_structure.read_runs(left_behind)


@pytest.mark.parametrize("time", ["yesterday", "2013-13-01 09:00", "2013-12-01", "", None, 5])
def test_a_time_that_is_none_is_refused(fresh, time):
    """The error shows how to write a time."""
    with pytest.raises(UsageError, match="is not a date and time"):
        project_structure.record_run(fresh, time, {"train": 1})


def test_a_run_is_logged_once(project):
    """No log overwrites another."""
    project_structure.record_run(project, "2013-12-01 09:00", {"train": 1})
    with pytest.raises(UsageError, match="logged already"):
        project_structure.record_run(project, "2013-12-01 09:00", {"train": 2})


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), "low", None])
def test_a_loss_is_a_finite_number(fresh, loss):
    """A run that diverged cannot be logged."""
    with pytest.raises(UsageError, match="the loss on test"):
        project_structure.record_run(fresh, "2013-12-01 09:00", {"test": loss})


# --------------------------------------------------------------------------- secrets


def test_a_planted_key_is_found_and_not_repeated(left_behind):
    """The scanner names file, cell and kind; the table shows four characters and no more."""
    found = project_structure.secrets(left_behind)
    assert set(found["file"]) == {project_structure.WEATHER}
    assert set(found["where"]) == {"cell 2, output"}
    assert set(found["kind"]) == {"AWS Access Key"}
    assert list(found["begins"]) == ["AKIA…", "wJal…"]
    assert found.to_string().count("EXAMPLE") == 0


def test_a_removed_key_stays_in_history():
    """After the output is cleared the files are clean, and the commit that brought the key is still there."""
    project = project_structure.inherited_project(ROWS)
    project_structure.clear_outputs(project, project_structure.WEATHER)
    project_structure.commit(project, "Remove key")
    assert project_structure.secrets(project).empty
    history = project_structure.secrets_in_history(project)
    assert set(history["commit"]) == {"First look at the weather"}
    assert set(history["file"]) == {project_structure.WEATHER}
    # Even where the file itself is gone.
    (project._folder / project_structure.WEATHER).unlink()
    project_structure.commit(project, "Remove notebook")
    assert project_structure.secrets_in_history(project).equals(history)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_name_that_no_project_may_have_stops_the_scan(project):
    """A file with a colon in its name, which Windows could not hold, is named instead of passed over."""
    (project._folder / "a:b.txt").write_text("x\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"'a:b\.txt' is not in the project"):
        project_structure.secrets(project)


def test_a_password_in_code_is_found_with_its_line(project):
    """Not only keys of known services are found, but also a password assigned in code."""
    project.write("src/data/load.py", 'import os\n\npassword = "' + "ginger" + "-42-" + 'weasel"\n')
    found = project_structure.secrets(project)
    assert found[["file", "where", "kind"]].values.tolist() == [["src/data/load.py", "line 3", "Secret Keyword"]]


def test_hashes_and_pictures_are_no_secrets(project, left_behind):
    """The scanner gives no false alarm for a hash or for the bytes of a picture."""
    project.write("data.lock", f"sha256: {hashlib.sha256(b'x').hexdigest()}\n")
    assert project_structure.secrets(project).empty
    assert project_structure.THRESHOLDS not in set(project_structure.secrets(left_behind)["file"])


def test_a_guarded_project_refuses_a_commit_with_a_key(project):
    """The hook names what it found, nothing is committed, and without the key the commit goes through."""
    project_structure.install_secret_hook(project)
    notebook = "notebooks/1.0-ab-weather.ipynb"
    project.write(notebook, write_notebook(weather_notebook()))
    with pytest.raises(UsageError, match=f"commit refused: AWS Access Key in {notebook}"):
        project_structure.commit(project, "Look at the weather")
    assert project_structure.secrets_in_history(project).empty
    project_structure.clear_outputs(project, notebook)
    project_structure.commit(project, "Look at the weather")
    assert notebook in run_git(project, "ls-files")


def test_the_hook_exits_with_the_verdict(project, monkeypatch, capsys):
    """The check that Git calls exits with 1 and names the secret, or with 0 where nothing is staged."""
    monkeypatch.chdir(project._folder)
    with pytest.raises(SystemExit, match="False"):
        check_staged()
    project.write("docs/a.md", "AKIA" + "IOSFODNN7EXAMPLE\n")
    run_git(project, "add", "--all")
    with pytest.raises(SystemExit, match="True"):
        check_staged()
    assert capsys.readouterr().out == f"{REFUSED}: AWS Access Key in docs/a.md\n"


def test_a_guarded_project_lets_a_key_be_taken_out():
    """The commit that removes a leaked key is not refused."""
    project = project_structure.inherited_project(ROWS)
    project_structure.install_secret_hook(project)
    project_structure.clear_outputs(project, project_structure.WEATHER)
    project_structure.commit(project, "Remove key")
    assert project_structure.secrets(project).empty


def test_the_scanner_opens_no_connection(left_behind, monkeypatch):
    """The scanner does not try out whether a key works."""
    import socket

    def refuse(*_, **__):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    assert len(project_structure.secrets(left_behind)) == 2


def test_the_course_itself_has_no_secrets_in_this_module():
    """A scan of the course's own repository does not report the planted key."""
    from detect_secrets.core.scan import scan_file

    with detectors():
        for file in Path(project_structure.__file__).parent.glob("*.py"):
            assert not list(scan_file(str(file)))
        assert not list(scan_file(__file__))


# --------------------------------------------------------------------------- review and Git


def test_the_text_of_a_notebook_shows_the_one_line_that_changed():
    """As Python text the change is two lines; in the notebook file it is many, the picture included."""
    project = project_structure.inherited_project(ROWS)
    project_structure.set_threshold(project, ROWS, 0.4)
    project_structure.commit(project, "Warn fewer")
    raw = project_structure.review_last_change(project, project_structure.THRESHOLDS)
    text = project_structure.review_last_change(project, project_structure.THRESHOLDS, as_text=True)
    assert text.lines == ("-warn_from = 0.25", "+warn_from = 0.40")
    assert set(text.lines) & set(raw.lines) == set()
    assert raw.changed > 5 * text.changed
    assert any('"image/png"' in line for line in raw.lines)
    assert max(map(len, repr(raw).splitlines())) < 80
    assert "color: #B42318" in text._repr_mimebundle_()["text/html"]


def test_a_long_review_is_cut_short_and_counted_whole():
    """A long diff shows its beginning, the number of further lines, and the count of all."""
    shown = project_structure.Review(("+" + "x" * 100, *(f"+line {number}" for number in range(49))))
    assert shown.changed == 50
    lines = repr(shown).splitlines()
    assert lines[0] == "+" + "x" * 71 + "…"
    assert lines[-2:] == ["+line 38", "… and 10 more lines"]


def test_a_notebook_is_the_same_after_reading_and_writing():
    """Reading a notebook and writing it again gives the same text."""
    text = write_notebook(weather_notebook())
    assert write_notebook(read_notebook(text)) == text


def test_running_again_without_a_change_is_a_change_too():
    """A second run shows in the raw diff, and not in the text."""
    project = project_structure.inherited_project(ROWS)
    project_structure.set_threshold(project, ROWS, 0.25)
    project_structure.commit(project, "Run again")
    assert project_structure.review_last_change(project, project_structure.THRESHOLDS).changed
    assert project_structure.review_last_change(project, project_structure.THRESHOLDS, as_text=True).lines == ()


def test_a_review_needs_two_versions(left_behind, fresh):
    """The error says to commit before and after the change."""
    with pytest.raises(UsageError, match="not in both of the last two commits"):
        project_structure.review_last_change(left_behind, project_structure.THRESHOLDS)
    with pytest.raises(UsageError, match="not in both of the last two commits"):
        project_structure.review_last_change(fresh, "notebooks/none.ipynb")


def test_nothing_to_commit_is_said(fresh):
    """An empty commit is refused, and the error says what to do."""
    with pytest.raises(UsageError, match="nothing to commit"):
        project_structure.commit(fresh, "Nothing")


@pytest.mark.parametrize("probability", [-0.1, 1.5, float("nan")])
def test_a_threshold_is_a_probability(left_behind, probability):
    """Percentages and negatives are refused."""
    with pytest.raises(UsageError, match="is not a probability"):
        project_structure.set_threshold(left_behind, ROWS, probability)


def test_an_inherited_project_needs_flights():
    """A table without rows is refused."""
    with pytest.raises(UsageError, match="has no flights"):
        project_structure.inherited_project(ROWS.head(0))


def test_the_template_ships_with_the_package():
    """The installed package contains the template."""
    template = tables.find("project_template")
    assert (template / "cookiecutter.json").is_file()
    assert len(list(template.rglob("*gitkeep"))) == 9


def test_names_of_the_package_are_there():
    """Each name that the package lists can be imported from it."""
    assert all(hasattr(project_structure, name) for name in project_structure.__all__)
