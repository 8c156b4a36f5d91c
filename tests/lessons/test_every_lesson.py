"""Every lesson of the course, held to what the course asks of a lesson."""

from __future__ import annotations

from pathlib import Path

import pytest

from authoring import build, lessons, prose, structure
from course_utils import tables

SOURCES = lessons.sources(build.ROOT)


def listed(messages: list[str]) -> str:
    return "\n" + "\n".join(messages)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_the_frame_and_the_budgets_are_kept(path: Path) -> None:
    """Each lesson has its title, aims, minutes, exercises and recap, and is no longer than it may be."""
    if found := structure.problems(path):
        pytest.fail(listed(found), pytrace=False)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_numbers_in_prose_are_measured(path: Path) -> None:
    """Each number that a lesson tells stands in a claim or an output of its section."""
    if found := prose.problems(path):
        pytest.fail(listed(found), pytrace=False)


def test_notebooks_come_from_their_sources() -> None:
    """What is committed in notebooks/ and solutions/ is what the sources in lessons/ say."""
    if found := build.build(check=True):
        pytest.fail(listed(found), pytrace=False)


def test_the_curriculum_knows_which_lessons_are_written() -> None:
    """A lesson is marked as written once its source is there, and not before."""
    marked = [f"{row['number']}_{row['slug']}" for row in tables.curriculum() if row.get("written")]
    assert marked == [path.stem for path in SOURCES]
