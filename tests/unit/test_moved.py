"""Notebooks written for version 0.1 still run, and warn what to change."""

from __future__ import annotations

import importlib
import subprocess
import sys
import warnings

import pytest

from course_utils import moved, tables

MOVED = tables.read_toml("moved.toml")


def run(code: str) -> subprocess.CompletedProcess[str]:
    """Run code as a learner's cell, with every warning shown."""
    return subprocess.run([sys.executable, "-W", "default", "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("old", MOVED)
def test_every_name_of_version_0_1_leads_somewhere(old: str):
    """Each old module and each renamed function is found under its new path."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        stand_in = moved.module(old)
    new = importlib.import_module(f"course_utils.{MOVED[old]['to']}")
    for name, renamed in MOVED[old].get("renamed", {}).items():
        assert not hasattr(new, name), f"{name} has two names"
        assert callable(getattr(stand_in, name)), renamed


@pytest.mark.parametrize(
    ("code", "new"),
    [
        ("from course_utils import vw; vw.parsed", "course_utils.model.vowpal"),
        ("from course_utils.vw import run", "course_utils.model.vowpal"),
        ("import course_utils.money", "course_utils.model.money"),
        ("from course_utils.page import show_table", "course_utils.notebook.display"),
        ("from course_utils.serving import LocalContainerManager", "course_utils.serve.clipper"),
        ("from course_utils.exercises import show_source", "course_utils.notebook.show_source"),
    ],
)
def test_an_old_import_works_and_names_the_new_one(code: str, new: str):
    """Every way of importing an old name works, and the warning points to my own line."""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert f"<string>:1: DeprecationWarning: {code.split()[1].split('.')[0]}" in done.stderr
    assert f"is now {new}, and goes away in the next release" in done.stderr


def test_a_warning_of_one_import_comes_once():
    """Importing the same old module twice warns once; new names never warn."""
    done = run(
        "from course_utils import vw\nfrom course_utils import vw as again\nfrom course_utils.model import vowpal"
    )
    assert done.stderr.count("DeprecationWarning") == 1


def test_a_name_that_never_existed_is_an_ordinary_import_error():
    """A typing error in an import raises Python's own error."""
    assert "cannot import name 'vww' from 'course_utils'" in run("from course_utils import vww").stderr
    assert "No module named 'course_utils.vww'" in run("import course_utils.vww").stderr
    with pytest.raises(AttributeError, match="has no attribute 'vww'"):
        moved.module("vww")


def test_installing_twice_changes_nothing():
    """Reloading the package does not install a second finder."""
    before = list(sys.meta_path)
    moved.install()
    assert sys.meta_path == before


def test_warn_names_the_line_of_the_caller():
    """A warning from inside the course points to the first line outside it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        moved.warn("x is now y")
    assert caught[0].filename == __file__
