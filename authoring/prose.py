"""Hold prose to what was measured: every number of a text cell stands in a claim or an output of its section.

Not counted are headings, the frame's minutes, links, code, maths, ordinals, numbers of lessons and exercises, dates,
times of day and years, and constants that the tables below name. All else is: percentages, dollars, ratios, decimals,
thousands, plain numbers, number-words before a unit ("three times too narrow", "two thirds"), and what alt texts and
captions say. Numbers typed into a table of a text cell count as prose does.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

from authoring import lessons
from authoring.build import SOLVED, cell_id
from authoring.lessons import Cell, Lesson, Section
from course_utils import tables
from course_utils.errors import CourseError, UsageError

#: Tables whose numbers prose may use: by their name's unit, as dollars, or in a sentence that speaks of the deck.
NAMED_TABLES = ("constants.toml",)
DOLLAR_TABLES = ("payoffs.toml", "prices.toml")
DECK_TABLES = ("deck.toml",)

FRACTION_TOLERANCE = 0.03  # "two thirds" may stand for 64% to 69%

_UNIT_FORMS = {
    "hours": r"h|hours?|hour",
    "minutes": r"min|minutes?",
    "seconds": r"s|seconds?",
    "days": r"days?",
    "weeks": r"weeks?",
    "months": r"months?",
    "years": r"years?",
}
# Words that make a number-word before them a measurement.
_UNITS = (
    r"times|fold|percent|per cent|percentage points?|points?|orders? of magnitude|dollars?|cents?|"
    r"(?:milli|micro)?seconds?|minutes?|hours?|days?|weeks?|months?|years?|"
    r"miles?|kilomet(?:re|er)s?|metres?|feet|knots|degrees|(?:kilo|mega|giga)?bytes?|[kMG]B"
)
_ONES = (
    "two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen"
)
_WORDS = {word: number for number, word in enumerate(f"{_ONES} nineteen".split(), start=2)}
_TENS = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 1_000_000_000, "k": 1_000}
_PARTS = {
    "half": 2,
    "third": 3,
    "quarter": 4,
    "fifth": 5,
    "sixth": 6,
    "seventh": 7,
    "eighth": 8,
    "ninth": 9,
    "tenth": 10,
}

_COUNT = rf"(?:(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(list(_WORDS)[:8])}|one))?|{'|'.join(_WORDS)})"
_NUMBER = re.compile(
    r"(?P<sign>(?<![\w)\].,%$])[-−–](?=\\?[$.\d]))?(?P<dollar>\\?\$)?(?P<inner>(?<=\$)[-−–])?"
    r"(?<![\w.])(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)(?![\d]|[.,]\d)"
    r"(?:(?P<percent>\s?%|\s(?:percent|per\scent)\b|\s(?:percentage\s)?points?\b)"
    r"|\s?(?P<scale>thousand|million|billion|k)\b)?"
)
_WORD_NUMBER = re.compile(
    rf"\b(?P<count>{_COUNT}|an?(?=\s(?:hundred|thousand|million|billion)\b))"
    rf"(?:\s(?P<scale>hundred|thousand|million|billion))?[\s-]?(?P<unit>{_UNITS})\b",
    re.IGNORECASE,
)
_WORD_FRACTION = re.compile(
    rf"\b(?P<of>an?|one|{_COUNT})[\s-](?P<part>{'|'.join(_PARTS)}|halve)(?P<many>s?)\b(?P<after>\s(?:of|as|more|less|fewer)\b)?",
    re.IGNORECASE,
)
_TWICE = re.compile(r"\b(?P<word>half|twice|double|triple)\s(?:of|the|as)\b", re.IGNORECASE)
_RATIO = re.compile(
    rf"(?<![\w.,$])(?P<one>\d+|one|{_COUNT})\s(?:in|out\sof)\s(?:every\s)?(?P<many>\d+|{_COUNT})\b(?!\s?%|[.,]\d)",
    re.IGNORECASE,
)

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?|"
    r"Nov(?:ember)?|Dec(?:ember)?)"
)
_MORE = r"(?:\s?(?:,|and|or|to|[-–])\s?"
_END = r"(?![\w%]|[.,:]\d|\s%)"  # the number is over, and nothing makes a measurement of it
_YEAR = r"(?:19|20)\d\d"
_NOT_COUNTED = tuple(
    re.compile(pattern, re.MULTILINE | re.IGNORECASE)
    for pattern in (
        r"^(```|~~~)[\s\S]*?^\1",  # code
        r"(`+)[\s\S]+?\1",
        r"^#{1,6} .*$",  # headings
        r"^\*?\d+ minutes?\b(?: in class)?[:*.](?:.*\n?)(?:.+\n?)*",  # the frame's minutes
        r"(?<!!)\[[^\]]*\]\([^)]*\)",  # links, not pictures
        r"(?<=\])\([^)]*\)",  # where a picture lies
        r"<https?://[^>]*>|https?://\S+",
        r"^\s*\d+[.)]\s",  # numbered lists
        r"\b\d+(?:st|nd|rd|th)\b",  # ordinals
        rf"\bpart\s\d+\sof\s\d+{_END}",
        rf"\b(?:lesson|exercise|part|step|question|quiz)s?\s\d+(?:\.\d+)?{_MORE}\d+(?:\.\d+)?)*{_END}",
        rf"(?<![\w.,$-])\d{{1,2}}{_MORE}\d{{1,2}})*\s{_MONTH}\b(?:\s{_YEAR})?",  # 8-9 February 2013
        rf"\b{_MONTH}\s\d{{1,2}}(?:\s?[-–]\s?\d{{1,2}})?(?:,?\s{_YEAR})?{_END}(?!\s(?:{_UNITS}|flights|rows)\b)",
        rf"(?<![\w.,$]){_YEAR}-\d\d(?:-\d\d)?{_END}",
        rf"(?<![\w.,$]){_YEAR}(?:[-–](?:{_YEAR}|\d\d))?s?{_END}(?!\s(?:{_UNITS}|flights|rows)\b)",
        r"\b(?:[01]?\d|2[0-4]):[0-5]\d\b",  # times of day
    )
)
# `$…$` is maths where it holds something that only maths has; `\$` is a dollar.
_MATHS = re.compile(r"(?<!\\)\$\$[\s\S]+?\$\$|(?<!\\)\$(?=[^$]*[\\^_={}])(?!\s)[^$\n]+?(?<!\s)(?<!\\)\$(?!\d)")
_TAG = re.compile(r"<!--[\s\S]*?-->|</?[A-Za-z][^>]*>")
_ALT = re.compile(r"\b(?:alt|title)=\"([^\"]*)\"")


@dataclass(frozen=True)
class Number:
    """A number as prose states it.

    Parameters
    ----------
    text : str
        As written.
    value : float
        What it says, with its sign, in the units that it is written in.
    decimals : int
        How many it is stated with.
    place : int
        Where in the text it stands.
    percent, dollars, signed : bool
        Whether it is a share (or a difference of shares), an amount, and negative in so many words.
    scale : float
        1,000 for "12 thousand".
    tolerance : float, optional
        How far a measured value may be away; default half a unit of the last decimal.
    after : str
        The word behind it.
    """

    text: str
    value: float
    decimals: int
    place: int
    percent: bool = False
    dollars: bool = False
    signed: bool = False
    scale: float = 1.0
    tolerance: float | None = None
    after: str = ""

    def is_said_by(self, measured: float, *, percent: bool = False) -> bool:
        """Say whether a measured value, written with a percent sign or without, is this number at its decimals."""
        values = [measured]
        if self.percent and not percent:
            values.append(100 * measured)
        elif percent and not self.percent:
            values = [measured / 100, measured]
        slack = 0.5 * 10.0**-self.decimals if self.tolerance is None else self.tolerance
        for value in values:
            stated = value / self.scale
            gap = abs(stated - self.value) if self.signed else abs(abs(stated) - abs(self.value))
            if gap <= slack * (1 + 1e-9) + 1e-12:
                return True
        return False


@dataclass(frozen=True)
class Constant:
    """A number that prose may use unmeasured.

    Parameters
    ----------
    value : float
        The number.
    unit : str
        A unit of time that must follow it; ``"$"`` where it must be an amount; ``"deck"`` where its sentence must speak
        of the deck; empty where nothing is asked.
    """

    value: float
    unit: str = ""

    def covers(self, number: Number, sentence: str) -> bool:
        """Say whether it is what a sentence means by a number."""
        if not number.is_said_by(self.value, percent=False):
            return False
        if self.unit == "$":
            return number.dollars
        if self.unit == "deck":
            return re.search(r"\bdeck\b", sentence, re.IGNORECASE) is not None
        return not self.unit or re.fullmatch(_UNIT_FORMS[self.unit], number.after, re.IGNORECASE) is not None


def problems(path: str | Path, *, constants: Sequence[Constant] | None = None) -> list[str]:
    """Find numbers of a lesson's prose that nothing in their section measured.

    Parameters
    ----------
    path : path
        The lesson's source, ``lessons/NN_slug.py``; its solved notebook, executed, stands in ``solutions/`` beside.
    constants : sequence of Constant, optional
        What prose may use freely; default what the course's tables name.

    Returns
    -------
    list of str
        One message for each number, quoting it and its sentence; empty if there is none.
    """
    try:
        lesson = lessons.read(path)
    except CourseError as error:
        return [str(error)]
    if faults := lessons.faults(lesson):
        return faults
    import nbformat

    solved = lesson.path.parent.parent / SOLVED / f"{lesson.name}.ipynb"
    if not solved.is_file():
        return [
            f"{lesson.name}: not built, so its numbers cannot be looked up. Fix: run `course build {lesson.number}`."
        ]
    cells = nbformat.read(solved, as_version=4).cells
    outputs = {cell.id: cell.get("outputs", []) for cell in cells}
    free = course_constants() if constants is None else constants
    return [
        message for section in lesson.sections for message in _section_problems(lesson, section, outputs, list(free))
    ]


def course_constants() -> list[Constant]:
    """Read the constants that the course's tables name."""
    found: list[Constant] = []
    for name in NAMED_TABLES:
        for key, value in _table(name).items():
            unit = key.rpartition("_")[2]
            found += [Constant(number, unit if unit in _UNIT_FORMS else "") for number in _leaves(value)]
    for name in DOLLAR_TABLES:
        found += [Constant(number, "$") for number in _leaves(_table(name))]
    for name in DECK_TABLES:
        found += [Constant(number, "deck") for number in _leaves(_table(name))]
    return found


def _table(name: str) -> dict[str, Any]:
    try:
        return tables.read_toml(name)
    except UsageError:  # comes with the lesson that needs it
        return {}


def _leaves(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


def _section_problems(
    lesson: Lesson, section: Section, outputs: Mapping[str, list[Any]], constants: list[Constant]
) -> Iterator[str]:
    measured: list[tuple[float, bool]] = []
    for cell in section.cells:
        measured += output_numbers(outputs.get(cell_id(lesson, cell), []))
        if cell.is_code and "instructor" not in cell.tags:
            measured += ((value, False) for value in _claimed(cell.solved or ""))
    for cell in section.cells:
        if "instructor" in cell.tags:
            continue
        for text in _texts(cell):
            if not cell.is_code and (loose := _loose_dollars(text)):
                yield f"{lesson.where(cell)}: two dollar signs in a cell enclose maths: write '100 dollars' ({loose!r})"
            for number in numbers(text):
                sentence = sentence_at(text, number.place)
                free = any(constant.covers(number, sentence) for constant in constants)
                if not free and not any(number.is_said_by(value, percent=percent) for value, percent in measured):
                    yield (
                        f"{lesson.where(cell)}: {number.text!r} stands in no claim, table or output of its section: "
                        f"“{sentence}”"
                    )


def _texts(cell: Cell) -> list[str]:
    """List what a cell says to the reader: a text cell itself, or the alt texts and captions of a code cell."""
    if not cell.is_code:
        return [cell.source, *_ALT.findall(cell.source)]
    nodes = [node for node in ast.walk(ast.parse(cell.solved or "")) if isinstance(node, ast.keyword)]
    said = [node.value for node in nodes if node.arg in ("alt", "caption")]
    return [text for value in said if (text := _literal(value))]


def _literal(node: ast.expr) -> str:
    """Return the words of a literal text; what an f-string computes is measured, and left out."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.BinOp):
        return _literal(node.left) + _literal(node.right)
    if isinstance(node, ast.JoinedStr):
        return "".join(_literal(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return ""


def _claimed(source: str) -> Iterator[float]:
    """Yield the values and the ends of ranges that a cell's claims state."""
    for call in lessons.calls(source, "claim"):
        for keyword in call.keywords:
            if keyword.arg in (*tables.DATASETS, "always"):
                try:
                    yield from _leaves(_listed(ast.literal_eval(keyword.value)))
                except ValueError:  # computed, so not stated
                    continue


def _listed(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


# ------------------------------------------------------------------------------------------------------- tokenizer


def numbers(text: str) -> list[Number]:
    """Take the numbers that count out of Markdown text, in order.

    Examples
    --------
    >>> [(found.text, found.value) for found in numbers("Lesson 12: −3.5% of 218,601 flights, three times as many.")]
    [('−3.5%', -3.5), ('218,601', 218601.0), ('three times', 3.0)]
    """
    hidden = _hide(text)
    found = [*_ratios(hidden), *_fractions(hidden), *_word_numbers(hidden)]
    for number in found:  # a ratio's digits are not numbers of their own
        hidden = hidden[: number.place] + " " * len(number.text) + hidden[number.place + len(number.text) :]
    return sorted([*found, *_digits(hidden)], key=lambda number: number.place)


def _hide(text: str) -> str:
    """Blank what is not counted, so that places in the text stay the same."""
    text = text.replace("\xa0", " ").replace("\u202f", " ").replace("\u2009", " ")
    for pattern in (*_NOT_COUNTED[:2], _MATHS, _TAG, *_NOT_COUNTED[2:]):
        text = pattern.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    return text.replace("**", "  ").replace("\n", " ")


def _digits(text: str) -> Iterator[Number]:
    for found in _NUMBER.finditer(text):
        digits = found["digits"].replace(",", "")
        signed = bool(found["sign"] or found["inner"])
        after = re.match(r"[\s-]?([A-Za-z]+)", text[found.end() :])
        yield Number(
            text=found[0].strip().replace("\\", ""),
            value=-float(digits) if signed else float(digits),
            decimals=len(digits.partition(".")[2]),
            place=found.start(),
            percent=bool(found["percent"]),
            dollars=bool(found["dollar"]) or bool(after and re.fullmatch("dollars?", after[1])),
            signed=signed,
            scale=_SCALES.get((found["scale"] or "").lower(), 1),
            after=after[1] if after else "",
        )


def _word_numbers(text: str) -> Iterator[Number]:
    for found in _WORD_NUMBER.finditer(text):
        unit = found["unit"].lower()
        yield Number(
            text=found[0],
            value=float(_value(found["count"])),
            decimals=0,
            place=found.start(),
            percent=unit.startswith(("per", "point")),
            dollars=unit.startswith("dollar"),
            scale=_SCALES.get((found["scale"] or "").lower(), 1),
            after=unit,
        )


def _fractions(text: str) -> Iterator[Number]:
    for found in _WORD_FRACTION.finditer(text):
        part = found["part"].lower().replace("halve", "half")
        # "a third try", "a quarter" of a year: fractions of something say so; "two thirds" needs no more.
        if not found["after"] and (part in ("half", "quarter") or not found["many"]):
            continue
        share = _value(found["of"]) / _PARTS[part]
        yield Number(found[0], share, 2, found.start(), tolerance=FRACTION_TOLERANCE)
    for found in _TWICE.finditer(text):
        word = found["word"].lower()
        if word == "half":
            yield Number(found[0], 0.5, 2, found.start(), tolerance=FRACTION_TOLERANCE)
        else:
            yield Number(found[0], 3.0 if word == "triple" else 2.0, 0, found.start())


def _ratios(text: str) -> Iterator[Number]:
    for found in _RATIO.finditer(text):
        share = _value(found["one"]) / max(1, _value(found["many"]))
        if share <= 1:
            yield Number(found[0], share, 2, found.start(), tolerance=min(FRACTION_TOLERANCE, 0.2 * share))


def _value(word: str) -> int:
    word = word.lower()
    if word.isdigit():
        return int(word)
    if word in ("a", "an", "one"):
        return 1
    tens, _, ones = word.replace("-", " ").partition(" ")
    return {**_WORDS, **_TENS, "one": 1}[tens] + {**_WORDS, "one": 1, "": 0}[ones]


def output_numbers(outputs: Iterable[Any]) -> list[tuple[float, bool]]:
    """Return the numbers that outputs show, each with whether it is written in percent.

    Captions and alt texts are left out: they are prose, and prove nothing.
    """
    found: list[tuple[float, bool]] = []
    for output in outputs:
        data = output.get("data", {})
        texts = [output.get("text", ""), data.get("text/plain", ""), data.get("text/markdown", "")]
        page = re.sub(r"<(style|script|figcaption|svg)\b[\s\S]*?</\1>", " ", data.get("text/html", ""))
        for text in (*texts, unescape(re.sub(r"<[^>]*>", " ", page))):
            text = re.sub(r"\b(?:19|20)\d\d-\d\d(?:-\d\d)?\b", " ", text)
            for number in _OUTPUT_NUMBER.finditer(text):
                value = float(number["digits"].replace(",", ""))
                found.append((-value if number["sign"] else value, bool(number["percent"])))
    return found


_OUTPUT_NUMBER = re.compile(
    r"(?P<sign>(?<![\w.])[-−–]\$?|(?<=\$)[-−])?(?<![A-Za-z_\d.])"
    r"(?P<digits>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?(?:e[+-]?\d+)?|\.\d+)(?P<percent>\s?%)?"
)


def sentence_at(text: str, place: int) -> str:
    """Return the sentence of a text that a place lies in, on one line."""
    ends = [found.end() for found in re.finditer(r"[.!?][)\"”’*_]*(?=\s)|\n\s*\n|\n(?=[-*|>] )", text)]
    start = max((end for end in ends if end <= place), default=0)
    stop = min((end for end in ends if end > place), default=len(text))
    return " ".join(text[start:stop].split())


def _loose_dollars(text: str) -> str | None:
    """Return the first of two dollar signs outside maths and code, escaped ones too: JupyterLab reads both as maths."""
    for pattern in _NOT_COUNTED[:2]:
        text = pattern.sub(" ", text)
    text = _MATHS.sub(" ", text)
    signs = [found.start() for found in re.finditer(r"\$", text)]
    return text[signs[0] :].split()[0] if len(signs) > 1 else None
