"""A count and its noun agree: '1 flight', '2 flights'."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import course_utils
from course_utils.wording import counted

ROOT = Path(course_utils.__file__).parents[1]
#: Left out: what runs before the course is installed, and so cannot import `counted`.
ALONE = re.compile(r"authoring/bootstrap\.py")
#: Words on s that are no plurals, as in f"{file} needs …".
SINGULAR = re.compile(
    "accepts|adds|agrees|allows|answers|as|asks|bears|becomes|belongs|changes|comes|compares|contains|copies|costs|counts|"
    "differs|does|ends|exists|expects|fails|falls|finds|fires|fits|follows|gets|gives|goes|has|holds|injects|is|its|keeps|"
    "lacks|learns|leaves|lies|lists|loses|makes|matches|means|measures|misses|ms|names|needs|occurs|plus|puts|reads|refuses|repeats|"
    "returns|runs|s|says|serves|shows|stands|starts|states|stays|stops|takes|tells|this|trains|us|uses|versus|wants|"
    "was|works|writes"
)
#: Between a number and the noun that it counts, these cannot be.
NO_ADJECTIVE = re.compile(
    "a|and|are|as|at|be|by|cannot|could|did|for|from|had|have|in|it|may|must|of|or|than|that|the|to|were|when|where|with"
)
#: What a name stands for, and not a number.
NAMES = {"axis", "days", "features", "file", "kind"}


def plurals(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each number in an f-string that a plural follows, whatever the number is."""
    for text in ast.walk(ast.parse(source)):
        if not isinstance(text, ast.JoinedStr):
            continue
        for value, after in zip(text.values, text.values[1:], strict=False):
            if isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant) and _is_count(value):
                words = re.match(r" ([a-z]+)\b(?: ([a-z]+)\b)?", after.value)
                if words and _is_plural(*words.groups()):
                    yield value.lineno, f"{{{ast.unparse(value.value)}}}{words[0]}"


def _is_count(value: ast.FormattedValue) -> bool:
    name = ast.unparse(value.value)
    form = ast.unparse(value.format_spec) if value.format_spec else ""
    measured = "%" in form or re.search(r"\.[1-9]", form)
    constant = re.fullmatch(r"[A-Z_.]+", name)  # is what it is: its author sees whether it is 1
    return (
        value.conversion == -1
        and not measured
        and not constant
        and not name.startswith("counted(")
        and name not in NAMES
    )


def _is_plural(first: str, second: str | None) -> bool:
    def plural(word: str) -> bool:
        return word.endswith("s") and not word.endswith("ss") and not SINGULAR.fullmatch(word)

    adjective = not SINGULAR.fullmatch(first) and not NO_ADJECTIVE.fullmatch(first)
    return plural(first) or bool(second and adjective and plural(second))


SOURCES = [
    path
    for folder in ("course_utils", "authoring")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if not ALONE.fullmatch(path.relative_to(ROOT).as_posix()) and "{" not in str(path)
]


def test_no_count_of_one_is_followed_by_a_plural() -> None:
    """I never read '1 flights': every number before a plural noun goes through `counted`."""
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}: use counted(…)"
        for path in SOURCES
        for line, text in plurals(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('f"{len(rows)} flights"', ["{len(rows)} flights"]),
        ('f"{n:,} quiet days left"', ["{n} quiet days"]),
        ('f"{good} of {len(cells)} cells"', ["{len(cells)} cells"]),
        ('f"{share:.1%} flights"', []),
        ('f"{LIMIT} flights"', []),
        ('f"{path} needs rows"', []),
        ("f\"{counted(n, 'flight')} in all\"", []),
    ],
)
def test_what_is_taken_for_a_count_with_a_plural(source: str, found: list[str]) -> None:
    """The search finds a number with a noun, and passes shares, constants and names."""
    assert [text for _, text in plurals(source)] == found


def test_a_noun_follows_its_number() -> None:
    """One is singular and all else plural, thousands have commas, and plurals are spelt as they should be."""
    assert [counted(number, "flight") for number in (0, 1, 1.0, 2, 1_500, 1.5)] == [
        "0 flights",
        "1 flight",
        "1 flight",
        "2 flights",
        "1,500 flights",
        "1.5 flights",
    ]
    nouns = ["query", "quiet day", "batch", "class", "release"]
    assert [counted(2, noun) for noun in nouns] == ["2 queries", "2 quiet days", "2 batches", "2 classes", "2 releases"]
    assert counted(float("nan"), "flight") == "nan flights"
