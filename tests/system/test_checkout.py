"""What Git hands out on other systems."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from authoring import surroundings

#: One of each kind that breaks with other line ends: sources, scripts, tables, what is compared, damaged files.
SAMPLES = (
    ".gitattributes",
    ".ci/run",
    "Makefile",
    "authoring/cli.py",
    "binder/postBuild",
    "course_utils/tables/data/dictionary.csv",
    "environment.yml",
    "lessons/00_start_here.py",
    "notebooks/00_start_here.ipynb",
    "solutions/00_start_here.ipynb",
    "tests/unit/data/fixtures/utf16.csv",
    "tests/unit/data/fixtures/wrong_encoding.csv",
    "uv.lock",
)


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "core.autocrlf=true", "-c", "core.safecrlf=false", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


@pytest.fixture
def windows(tmp_path: Path) -> Path:
    """Clone the samples, and a file with line ends of Windows, as Git for Windows is set up to do."""
    origin = tmp_path / "origin"
    for name in SAMPLES:
        (origin / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(surroundings.ROOT / name, origin / name)
    (origin / "tests/unit/data/fixtures/crlf.csv").write_bytes(b"a,b\r\n1,2\n")
    (origin / "edited_on_windows.py").write_bytes(b"x = 1\r\n")
    _git(origin, "init", "--quiet")
    _git(origin, "add", ".")
    author = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    _git(origin, *author, "commit", "--quiet", "--message", "x")
    _git(tmp_path, "clone", "--quiet", "--config", "core.autocrlf=true", str(origin), "clone")
    return tmp_path / "clone"


def test_a_checkout_on_windows_has_the_same_bytes(windows: Path) -> None:
    """Git for Windows changes no line ends, so lessons, scripts and fixtures are there what they are here."""
    for name in SAMPLES:
        assert (windows / name).read_bytes() == (surroundings.ROOT / name).read_bytes(), name
    assert (windows / "tests/unit/data/fixtures/crlf.csv").read_bytes() == b"a,b\r\n1,2\n"
    assert (windows / "edited_on_windows.py").read_bytes() == b"x = 1\n"
    assert _git(windows, "status", "--porcelain") == ""


def test_built_notebooks_are_folded_away_in_reviews(windows: Path) -> None:
    """Reviews show lessons/, and fold what is built from them."""
    for name, folded in (("notebooks", "set"), ("solutions", "set"), ("lessons", "unspecified")):
        said = _git(windows, "check-attr", "linguist-generated", "--", f"{name}/00_start_here.ipynb")
        assert said.split()[-1] == folded
