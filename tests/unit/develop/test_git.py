"""Git in scratch repositories, apart from the settings of this machine."""

from __future__ import annotations

import shutil
import subprocess
from datetime import datetime

import pytest

from course_utils.develop.git import commit_dates, git_environment, git_program, remove_tree
from course_utils.errors import UsageError


def test_my_git_settings_are_not_read(tmp_path, monkeypatch):
    """A commit has the given author and time, although my own settings would sign it with another name."""
    home = tmp_path / "home"
    home.mkdir()
    (home / ".gitconfig").write_text("[commit]\n\tgpgsign = true\n[user]\n\tname = Me\n", encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    folder = tmp_path / "repository"
    folder.mkdir()
    variables = git_environment(tmp_path, name="Ana Brown", email="ana@example.com")
    variables |= commit_dates(datetime(2013, 12, 1, 12, 5))

    def run(*words: str) -> str:
        command = [git_program(), *words]
        return subprocess.run(command, cwd=folder, env=variables, check=True, capture_output=True, text=True).stdout

    run("init", "--quiet")
    run("commit", "--quiet", "--allow-empty", "--message", "First")
    assert run("log", "--format=%an %ae %cI") == "Ana Brown ana@example.com 2013-12-01T12:05:00+00:00\n"
    assert run("branch", "--show-current") == "main\n"


def test_without_git_the_error_says_where_to_get_it(monkeypatch):
    """Without Git, the error names its website."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match=r"Git is not installed.*git-scm\.com"):
        git_program()


def test_read_only_files_are_deleted_too(tmp_path):
    """A folder is deleted with its read-only files, and a folder that does not exist is not an error."""
    folder = tmp_path / "a"
    (folder / "b").mkdir(parents=True)
    (folder / "b" / "c.txt").write_text("x", encoding="utf-8")
    (folder / "b" / "c.txt").chmod(0o400)
    remove_tree(folder)
    assert not folder.exists()
    remove_tree(folder)
