"""From a lesson's source to the two notebooks."""

from __future__ import annotations

import shutil
from pathlib import Path

import made_up
import nbformat
import pytest

from authoring import build, lessons
from course_utils.errors import UsageError

LEARNER, SOLVED = "notebooks/11_made_up.ipynb", "solutions/11_made_up.ipynb"


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the made-up lesson once."""
    root = tmp_path_factory.mktemp("built")
    made_up.write(root)
    assert build.build(root=root, say=lambda _: None) == []
    return root


@pytest.fixture
def built(once: Path, tmp_path: Path) -> Path:
    """Give each test its own copy of the built lesson."""
    return Path(shutil.copytree(once, tmp_path / "course"))


def cells(root: Path, file: str) -> dict[str, nbformat.NotebookNode]:
    return {cell.source: cell for cell in nbformat.read(root / file, as_version=4).cells}


def printed(root: Path, file: str, source: str) -> str:
    return "".join(output.get("text", "") for output in cells(root, file)[source].outputs)


def test_both_versions_are_executed(built: Path) -> None:
    """My notebook says 'not answered yet' where the solved one shows the right answer."""
    assert printed(built, LEARNER, 'check("11.1", mean)') == "not answered yet\n"
    assert printed(built, SOLVED, 'check("11.1", mean)') == "11.1: right, 925.0 it is\n"
    assert "mean = ..." in cells(built, LEARNER)
    assert "mean = total / len(counts)" in cells(built, SOLVED)
    assert "total / len" not in (built / LEARNER).read_text(encoding="utf-8")


def test_the_expected_output_is_folded_below_the_exercise(built: Path) -> None:
    """I can unfold what the check says to a right answer, in my notebook only."""
    (fold,) = [source for source in cells(built, LEARNER) if "11.1: right, 925.0 it is" in source]
    assert fold.startswith("<details><summary>")
    order = list(cells(built, LEARNER))
    assert order.index(fold) == order.index('check("11.1", mean)') + 1
    assert not [source for source in cells(built, SOLVED) if "<details><summary>What" in source]


def test_the_instructor_has_a_guide(built: Path) -> None:
    """What the instructor should know stands in one guide, by lesson and section, and in no notebook."""
    guide = (built / "solutions" / "INSTRUCTOR.md").read_text(encoding="utf-8")
    assert guide.index("## 11 · A made-up lesson") < guide.index("### Counting") < guide.index("Wait for a guess.")
    assert not any("Wait for a guess." in (built / file).read_text(encoding="utf-8") for file in (LEARNER, SOLVED))


def test_live_cells_are_not_run(built: Path) -> None:
    """A cell that measures my machine is in the notebook, not executed, and skipped by nbval; no other cell is."""
    for file in (LEARNER, SOLVED):
        skipped = [cell for cell in cells(built, file).values() if "nbval-skip" in cell.metadata.get("tags", [])]
        (live,) = skipped
        assert live.execution_count is None
        assert live.outputs == []
        counts = [cell.execution_count for cell in cells(built, file).values() if cell.cell_type == "code"]
        ran = [count for count in counts if count is not None]
        assert ran == list(range(1, len(ran) + 1))


def test_notebooks_are_the_same_on_every_machine(built: Path) -> None:
    """Nothing in a notebook tells when, where or with which Python it was made."""
    for file in (LEARNER, SOLVED):
        book = nbformat.read(built / file, as_version=4)
        nbformat.validate(book)
        assert book.metadata == {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
        assert all(set(cell.metadata) <= {"tags", "jupyter"} for cell in book.cells)
        ids = [cell.id for cell in book.cells]
        assert ids[:3] == ["11-made-up-001", "11-made-up-002", "11-made-up-003"]
        assert len(set(ids)) == len(ids)


def test_building_again_changes_nothing(built: Path) -> None:
    """A second build leaves every file as it is, though pictures and times may differ in their bytes."""
    path = built / LEARNER
    before = {file: file.read_bytes() for file in built.rglob("*") if file.is_file()}
    said: list[str] = []
    assert build.build(["11"], root=built, say=said.append) == []
    assert {file: file.read_bytes() for file in built.rglob("*") if file.is_file()} == before
    assert sum("unchanged" in line for line in said) == 2
    assert not list(path.parent.glob(".*"))


def test_the_check_of_a_sound_course_says_nothing(built: Path) -> None:
    """A committed course that comes from its sources passes."""
    assert build.build(check=True, root=built) == []


@pytest.mark.parametrize(
    ("old", "new", "stale"),
    [
        ("There were 1,850 flights", "There were just 1,850 flights", [LEARNER, SOLVED]),
        ("mean = total / len(counts)", "mean = sum(counts) / len(counts)", [SOLVED]),
        ("Wait for a guess.", "Wait for two guesses.", ["solutions/INSTRUCTOR.md"]),
        ('# %% tags=["live"]', "# %%", [LEARNER, SOLVED]),
        ("\n# %%\ncounts[0] - counts[1]\n", "\n", [LEARNER, SOLVED]),
    ],
)
def test_a_stale_file_is_named(built: Path, old: str, new: str, stale: list[str]) -> None:
    """When a source changes, each file that is to be built again is named, with the way to do it."""
    made_up.write(built, (old, new))
    found = build.build(check=True, root=built)
    assert [message.split(" is stale")[0] for message in found] == stale
    assert all("run `course build" in message for message in found)


def test_a_stale_expected_output_is_named(built: Path) -> None:
    """When the solved check says something else, my notebook's folded output is stale."""
    text = (built / SOLVED).read_text(encoding="utf-8")
    (built / SOLVED).write_text(text.replace("925.0 it is", "926.0 it is"), encoding="utf-8")
    (message,) = build.build(check=True, root=built)
    assert message.startswith(f"{LEARNER} is stale")


def test_missing_and_left_over_notebooks_are_named(built: Path) -> None:
    """A notebook that was never built, or whose lesson is gone, is named."""
    (built / LEARNER).rename(built / "notebooks" / "10_gone.ipynb")
    found = build.build(check=True, root=built)
    assert found[0].startswith(f"{LEARNER} is not built")
    assert found[1].startswith("notebooks/10_gone.ipynb has no source")
    assert len(build.build(["11"], check=True, root=built)) == 1
    (built / SOLVED).write_text("{", encoding="utf-8")
    assert f"{SOLVED} cannot be read" in " ".join(build.build(check=True, root=built))


UNFIT = {
    "import sys\nprint('x', file=sys.stderr)": "text on stderr, fix its cause: x",
    "import warnings\nwarnings.warn('careful')": "text on stderr",
    "print('UserWarning: careful')": "shows a warning: UserWarning: careful",
    "object()": "shows an address: 0x",
    "print('/home/me/flights.csv')": "an absolute path: /home/me/flights.csv",
    "print(r'C:\\Users')": "an absolute path",
    "import os\nprint(os.getcwd())": "an absolute path",
}


@pytest.mark.slow
def test_outputs_that_must_not_be_published_fail_the_build(tmp_path: Path) -> None:
    """A warning, text on stderr, an address or a path of the author's machine never reaches my notebook."""
    made_up.write(tmp_path, ("counts[0] - counts[1]\n", "\n\n# %%\n".join(UNFIT)))
    found = [message for message in build.build(root=tmp_path, say=lambda _: None) if message.startswith("solutions")]
    for number, message in enumerate(UNFIT.values(), start=15):
        assert any(f"solutions/11_made_up.ipynb, cell {number}: " in said and message in said for said in found), (
            message
        )
    assert not list(tmp_path.rglob("*.ipynb"))


@pytest.mark.slow
def test_a_failing_cell_is_shown(tmp_path: Path) -> None:
    """The build shows which cell failed, its source and the error, and the other lessons are built."""
    made_up.write(tmp_path, ("total = sum(counts)\n", "total = counts['one']\n"))
    path = tmp_path / "lessons" / "12_next_one.py"
    path.write_text("# %% [markdown]\n# # The next one\n\n# %%\n1 + 1\n", encoding="utf-8")
    found = build.build(root=tmp_path, say=lambda _: None)
    assert "cell 4 failed:\n  > total = counts['one']" in found[0]
    assert "TypeError" in found[0]
    assert [file.name for file in sorted(tmp_path.rglob("*.ipynb"))] == ["12_next_one.ipynb"] * 2


@pytest.mark.slow
def test_every_failed_claim_is_named_and_nothing_written(built: Path) -> None:
    """One build names every claim that does not hold, with cell and values, and no notebook is written."""
    before = {file: (built / file).read_bytes() for file in (LEARNER, SOLVED)}
    claims = 'nyc2013=(70, 80))\nclaim("Counts", len(counts), always=2)\nclaim("Sum", total, always=5)'
    later = '# %% tags=["claim"]\nclaim("A number in the summary", 1, always=2)\n\n# %% [markdown]\n# ## Recap'
    made_up.write(built, ("nyc2013=(64, 66))", claims), ("# %% [markdown]\n# ## Recap", later))
    said: list[str] = []
    found = build.build(root=built, say=said.append)
    for file in (SOLVED, LEARNER):
        here = [message.removeprefix(f"{file}, ") for message in found if message.startswith(file)]
        assert len(here) == 3
        assert here[0].startswith("cell 5: a claim failed: 'The share of the first count is' does not hold on nyc2013")
        assert here[1].startswith("cell 5: a claim failed: 'Sum' does not hold on nyc2013: measured 1,850, stated 5")
        assert here[2].startswith("cell 13: a claim failed: 'A number in the summary'")
    assert said == [f"{SOLVED}: failed", f"{LEARNER}: failed"]
    assert {file: (built / file).read_bytes() for file in (LEARNER, SOLVED)} == before


@pytest.mark.slow
def test_a_cell_that_fails_after_a_claim_is_named_with_it(tmp_path: Path) -> None:
    """An error after a failed claim stops the lesson; the build names the cell that stopped it, and the claim."""
    edits = ("nyc2013=(64, 66)", "nyc2013=(70, 80)"), ("counts[0] - counts[1]\n", "counts['one']\n")
    made_up.write(tmp_path, *edits)
    solved = [message for message in build.build(root=tmp_path, say=lambda _: None) if message.startswith("solutions")]
    assert "cell 15 failed:\n  > counts['one']" in solved[0]
    assert "cell 5: a claim failed" in solved[1]


@pytest.mark.slow
def test_both_notebooks_are_written_or_neither(tmp_path: Path) -> None:
    """A claim that only holds in the solved notebook fails the learner's, and neither of them is written."""
    claim = "import os\nclaim('Solved', os.getcwd().endswith('solutions'), always=True)\ncounts[0] - counts[1]\n"
    made_up.write(tmp_path, ("counts[0] - counts[1]\n", claim))
    said: list[str] = []
    (problem,) = build.build(root=tmp_path, say=said.append)
    assert problem.startswith(f"{LEARNER}, cell 15: a claim failed")
    assert said[:2] == [f"{SOLVED}: not written, since the other one failed", f"{LEARNER}: failed"]
    assert not list(tmp_path.rglob("*.ipynb"))


def test_a_faulty_source_is_not_executed(tmp_path: Path) -> None:
    """An exercise without a check fails the build at once, by name."""
    made_up.write(tmp_path, ("mean = ...\n", ""))
    (message,) = build.build(root=tmp_path, say=lambda _: None)
    assert "does not bind" in message
    assert not list(tmp_path.rglob("*.ipynb"))


def test_a_lesson_that_is_not_written_is_refused(tmp_path: Path) -> None:
    """Asking for a lesson that nobody wrote names those that are there."""
    made_up.write(tmp_path)
    with pytest.raises(UsageError, match="11"):
        build.build(["12"], root=tmp_path)


def stream(text: str, name: str = "stdout") -> nbformat.NotebookNode:
    return nbformat.v4.new_output("stream", name=name, text=text)


def test_outputs_are_compared_as_nbval_does() -> None:
    """The same words are the same output, whatever the bytes of a picture; other words are not."""
    show = nbformat.v4.new_output
    one = show("display_data", data={"text/html": '<img alt="A line" src="data:image/png;base64,AAAA">'})
    two = show("display_data", data={"text/html": '<img alt="A line" src="data:image/png;base64,BBBB">'})
    other = show("display_data", data={"text/html": '<img alt="A curve" src="data:image/png;base64,AAAA">'})
    assert build.same_outputs([one], [two])
    assert not build.same_outputs([one], [other])
    assert build.same_outputs([stream("a\n"), stream("b\n")], [stream("a\nb\n")])
    assert not build.same_outputs([stream("a\n")], [stream("b\n")])
    assert not build.same_outputs([stream("a\n")], [stream("a\n"), one])
    bare = [show("display_data", data={"image/png": text, "text/plain": "figure"}) for text in ("AAAA", "BBBB")]
    assert build.same_outputs(bare[:1], bare[1:])


def test_claims_and_drawing_are_folded(tmp_path: Path) -> None:
    """A learner sees the sentence with its tick, or the figure; a click shows the code, on the site too."""
    lesson = lessons.read(made_up.write(tmp_path))
    book = build.notebook(lesson, "notebooks")
    folded = [cell for cell in book.cells if cell.metadata.get("jupyter", {}).get("source_hidden")]
    assert folded
    for cell in folded:
        assert "hide-input" in cell.metadata.tags and {"claim", "figure"} & set(cell.metadata.tags)
    assert not any("hide-input" in cell.metadata.get("tags", ()) for cell in book.cells if cell not in folded)


def test_a_page_has_one_title(tmp_path: Path) -> None:
    """In a lesson of several parts, parts and all below them are one level down; fenced code is left alone."""
    parts = (
        "# # Part 1 of 2: Count\n\n# %% [markdown]\n# ## Sums\n#\n# ```\n# # a comment\n# ```\n\n"
        "# %% [markdown]\n# # Part 2 of 2: More\n"
    )
    source = f"# %% [markdown]\n# # A title\n\n# %% [markdown]\n{parts}"
    path = tmp_path / "lessons" / "11_made_up.py"
    path.parent.mkdir()
    path.write_text(source)
    texts = [cell.source for cell in build.notebook(lessons.read(path), "notebooks").cells]
    assert [text.splitlines()[0] for text in texts] == [
        "# A title",
        "## Part 1 of 2: Count",
        "### Sums",
        "## Part 2 of 2: More",
    ]
    assert "```\n# a comment\n```" in texts[2]
