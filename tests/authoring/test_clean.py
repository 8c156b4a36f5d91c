"""Removing what the course made."""

from __future__ import annotations

from pathlib import Path

import pytest

from authoring import clean, surroundings

MADE = (
    ".venv/bin/python",
    "runs/notebooks/00.ipynb",
    "data/interim/nyc2013.parquet",
    "data/external/allyears2k.csv",
    "authoring/__pycache__/cli.pyc",
    "notebooks/.ipynb_checkpoints/00.ipynb",
)
KEPT = ("notebooks/00.ipynb", "data/README.md", "data/external/mine.csv", "my.txt", "authoring/cli.py")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Make a clone with the course's files, the learner's and what was made."""
    for name in (*MADE, *KEPT, "my_lessons/00.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_clean_removes_what_was_made_and_nothing_else(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything that the course made goes; my own files and answers stay, and I am told so."""
    assert clean.main([], clone) == 0
    assert [name for name in MADE if (clone / name).exists()] == []
    assert [name for name in KEPT if not (clone / name).exists()] == []
    assert (clone / "my_lessons" / "00.ipynb").exists()
    assert "kept my_lessons/" in capsys.readouterr().out


def test_clean_all_removes_my_copies_too(clone: Path) -> None:
    """Asked for it, the learner's copies go as well."""
    clean.main(["--all"], clone)
    assert not (clone / "my_lessons").exists()
    assert (clone / "data" / "external" / "mine.csv").exists()


def test_a_linked_folder_is_unlinked_not_emptied(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """If I linked a folder to a larger disk, its contents stay."""
    far = tmp_path_factory.mktemp("far")
    (far / "results").touch()
    (clone / "build").symlink_to(far)
    clean.main([], clone)
    assert not (clone / "build").is_symlink()
    assert (far / "results").exists()


def test_git_ignores_all_that_is_made() -> None:
    """Nothing that the course makes can be committed by mistake."""
    ignored = (surroundings.ROOT / ".gitignore").read_text().split()
    for name in (*clean.MADE, clean.MINE, *clean.CACHES):
        assert any(f"/{name}/".startswith((f"/{line.strip('/')}/",)) for line in ignored), name
