"""Numbers in prose stand in a claim or an output of their section."""

from __future__ import annotations

import shutil
from pathlib import Path

import made_up
import nbformat
import pytest

from authoring import build, prose
from authoring.prose import Constant, numbers


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("It rose by 13% of 218,601 flights.", [13, 218601]),
        ("A loss of −\\$857,300, or \\$4.50 each.", [-857300, 4.5]),
        ("An AUC of .656 against 0.642 (−0.014).", [0.656, 0.642, -0.014]),
        ("From 25-60 to 0.10–0.13, at 3:1.", [25, 60, 0.1, 0.13, 3, 1]),
        ("About 1.2 million rows, 12 thousand dollars, 20 percent, 5 percentage points.", [1.2, 12, 20, 5]),
        ("12× as fast, 40 × as fast.", [12, 40]),
        ("An interval three times too narrow, tenfold, a twenty-five-minute delay.", [3, 10, 25]),
        ("Two thirds of them, a third of the rest, half of those, three quarters of all.", [2 / 3, 1 / 3, 0.5, 0.75]),
        ("One in five, 3 out of 10.", [0.2, 0.3]),
        ("Twice as many, and a hundred times more.", [2, 1]),
        ("| share | 13% |\n| --- | --- |\n| rows | 7 |", [13, 7]),
        ("**13%** and *7*.", [13, 7]),
    ],
)
def test_numbers_are_seen(text: str, values: list[float]) -> None:
    """Percentages, dollars, ratios, decimals, thousands and number-words before a unit count."""
    assert [number.value for number in numbers(text)] == pytest.approx(values)


@pytest.mark.parametrize(
    "text",
    [
        "## 13% of all",
        "*25 minutes in class: baselines 5 · two splits 8\n· dollars 6.*",
        "[13 · Dynamic training](13_dynamic_training.ipynb) and https://example.org/12",
        "Call `depth=12` or\n```python\nrounds = 300\n```",
        "With $x_1 = 4$ and $$\\frac{1}{2}$$.",
        "The 1st, the 2nd and the 31st; the first and the third model.",
        "Lesson 12, lessons 03-05, exercise 12.3, part 2 of 3, question 2, step 4.",
        "On 31 December, 8-9 February 2013, November 2, 2013, 2013-11-01, in 1987-2008 and 2013, at 23:00.",
        "1. the one\n2. the other",
        "Python 3.11.7, nyc2013, p99 and K1.",
        "The two models, the eleven columns, one by one, half an eye, a third model, a quarter.",
        '<details open="1"><summary>Hint</summary>Divide.</details>',
    ],
)
def test_what_is_not_measured_is_not_counted(text: str) -> None:
    """Headings, minutes, links, code, maths, ordinals, lessons, dates and names may bear numbers."""
    assert numbers(text) == []


@pytest.mark.parametrize(
    ("stated", "measured", "percent", "same"),
    [
        ("0.12", 0.1176, False, True),
        ("0.118", 0.1176, False, True),
        ("0.117", 0.1176, False, False),
        ("0.1176", 0.118, False, False),
        ("12%", 0.1176, False, True),
        ("12%", 11.8, True, True),
        ("12%", 0.118, True, False),
        ("0.12", 12.0, True, True),
        ("12 points", 0.1176, False, True),
        ("\\$857,300", -857300, False, True),
        ("−\\$857,300", 857300, False, False),
        ("218,000", 218601, False, False),
        ("1.2 million", 1_234_567, False, True),
        ("three times", 3.4, False, True),
        ("three times", 3.6, False, False),
        ("two thirds", 0.649, False, True),
        ("two thirds", 64.9, True, True),
        ("two thirds", 0.6, False, False),
        ("one in five", 0.22, False, True),
        ("one in five", 0.3, False, False),
    ],
)
def test_a_number_is_equal_at_the_decimals_it_is_stated_with(
    stated: str, measured: float, percent: bool, same: bool
) -> None:
    """Prose may round what was measured, and may not say more than that."""
    (number,) = numbers(stated)
    assert number.is_said_by(measured, percent=percent) is same


def test_outputs_show_numbers() -> None:
    """Numbers of printed text and tables are seen; those of captions, alt texts, styles and names are not."""
    new = nbformat.v4.new_output
    page = (
        "<style>a {width: 77px}</style><table><tr><td>1,850</td><td>−$3.5</td></tr></table>"
        '<figure><img alt="13" src="data:,"><figcaption>14 lines</figcaption></figure>'
    )
    outputs = [new("stream", text="✓ nyc2013: 64.9% of 1e-05"), new("display_data", data={"text/html": page})]
    assert prose.output_numbers(outputs) == [(64.9, True), (1e-05, False), (1850.0, False), (-3.5, False)]


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the made-up lesson once."""
    root = tmp_path_factory.mktemp("built")
    made_up.write(root)
    assert build.build(root=root, say=lambda _: None) == []
    return root


@pytest.fixture
def root(once: Path, tmp_path: Path) -> Path:
    """Give each test its own copy of the built lesson."""
    return Path(shutil.copytree(once, tmp_path / "course"))


def test_a_sound_lesson_has_no_problems(root: Path) -> None:
    """Nothing is said about prose whose numbers were all measured."""
    assert prose.problems(root / "lessons" / "11_made_up.py", constants=[]) == []


TEXT = "There were 1,850 flights"


@pytest.mark.parametrize(
    ("old", "new", "quoted"),
    [
        (TEXT, "There were 1,851 flights", "1,851"),
        ("64.9% of them", "64.8% of them", "64.8%"),
        ("64.9% of them", "sixty percent of them", "sixty percent"),
        ("two thirds, belong", "three quarters of all, belong", "three quarters of"),
        ("# Counting is what", "# Counting 13 things is what", "13"),
        ("A sum, divided.", "A sum, divided by 3.", "3"),
        ("You counted small things", "You counted 1,850 small things", "1,850"),
        ("total = sum(counts)\n", 'total = sum(counts)\nf(fig, alt="A line at 0.77")\n', "0.77"),
        ("total = sum(counts)\n", 'total = sum(counts)\nf(fig, alt="x", caption=f"At {total} of 99%")\n', "99%"),
        ("# Counting is", '# <img src="x.png" alt="A line at 0.77">\n# Counting is', "0.77"),
        ("# Counting is", "# ![A line at 0.77](3.png)\n# Counting is", "0.77"),
        ("# Wait for a guess.", "# Wait for 77 guesses.", None),
        (TEXT, "As many as 66% of some 650 flights: there were 1,850 flights", "650"),
        ("write your guess", "on 31 December (`x = 5`) write your guess", None),
    ],
)
def test_an_unmeasured_number_is_quoted_with_its_sentence(root: Path, old: str, new: str, quoted: str | None) -> None:
    """A number that nothing in its section measured is named with cell and sentence."""
    found = prose.problems(made_up.write(root, (old, new)), constants=[])
    if quoted is None:
        assert found == []
    else:
        (message,) = found
        assert f"'{quoted}' stands in no claim, table or output of its section" in message
        assert message.startswith("11_made_up, cell ")
        assert quoted.split()[0] in message.split("“")[1]


def test_ends_of_a_claimed_range_count(root: Path) -> None:
    """Prose may state the range that a claim checks, even where the measured value differs."""
    path = made_up.write(root, (TEXT, "From 64 to 66 percent, so"), ("64.9% of them", "some of them"))
    assert prose.problems(path, constants=[]) == []
    path = made_up.write(root, (TEXT, "From 63 to 66 percent, so"), ("64.9% of them", "some of them"))
    assert "'63'" in prose.problems(path, constants=[])[0]


def test_constants_are_free_with_their_unit(root: Path) -> None:
    """What the course fixed once needs no claim, as long as it is meant: 3 hours, not 3 of anything."""
    horizon, price, deck = Constant(3, "hours"), Constant(700, "$"), Constant(5558, "deck")
    free = made_up.write(
        root, (TEXT, "Three hours ahead, at 3 h and \\$700, the deck's 5,558: there were 1,850 flights")
    )
    assert prose.problems(free, constants=[horizon, price, deck]) == []
    assert len(prose.problems(free, constants=[])) == 4
    bound = made_up.write(root, (TEXT, "3 models, 700 flights, our 5,558: there were 1,850 flights"))
    assert len(prose.problems(bound, constants=[horizon, price, deck])) == 3


def test_the_courses_constants_are_read() -> None:
    """The horizon, the late minutes and the deck's payoffs are the course's own constants."""
    constants = prose.course_constants()
    assert {Constant(3, "hours"), Constant(15, "minutes"), Constant(336776), Constant(700, "$")} <= set(constants)


def test_bare_dollars_are_refused(root: Path) -> None:
    """Two dollar signs that JupyterLab would turn into maths are found before a learner reads garbled text."""
    path = made_up.write(root, (TEXT, "It costs $650 or $1200: there were 1,850 flights"))
    assert "write '100 dollars' ('$650')" in " ".join(prose.problems(path, constants=[]))
    escaped = made_up.write(root, (TEXT, "It costs \\$650.\n#\n# Or \\$1200: there were 1,850 flights"))
    assert "write '100 dollars'" in " ".join(prose.problems(escaped, constants=[]))
    path = made_up.write(root, (TEXT, "As $a^2 = b_1$ says there were 1,850 flights"))
    assert prose.problems(path, constants=[]) == []


def test_a_lesson_that_is_not_built_is_named(tmp_path: Path) -> None:
    """Without outputs there is nothing to hold prose to, and that is said."""
    (message,) = prose.problems(made_up.write(tmp_path))
    assert "not built" in message
    (message,) = prose.problems(made_up.write(tmp_path, ('# %% tags=["live"]', '# %% tags=["lively"]')))
    assert "unknown tag" in message
