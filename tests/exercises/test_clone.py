"""The colleague's clone, in which commands of Git run."""

from __future__ import annotations

from course_utils.exercises.clone import TAG, VERSIONS, Clone


def test_the_clone_is_older_than_the_tag_and_learns_of_it(tmp_path):
    """The clone begins without the tag, and has its pointers after fetch and checkout."""
    clone = Clone(tmp_path)
    assert not clone.knows_tag()
    clone.run(["git", "fetch"])
    clone.run(["git", "checkout", TAG])
    assert clone.knows_tag()
    assert clone.pointers() == VERSIONS[TAG] != clone.workspace
