"""Hold a lesson to the frame and the budgets of the course.

The frame (title, aims, minutes, recap, next) and what must be in a lesson come from the curriculum; the budgets are the
constants below. They count the core route, what every learner does; the ``further`` section is held to the same rules
cell by cell, and has at most as many cells again.
"""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from statistics import median
from typing import Any

from authoring import lessons
from authoring.build import LEARNER, SOLVED
from authoring.lessons import Cell, Lesson
from course_utils import tables
from course_utils.errors import CourseError
from course_utils.wording import counted

MEDIAN_LINES = 5
MOST_LINES, MOST_SHARE = 12, 0.9  # nine cells of ten are this long or shorter
LONGEST, LONGEST_SOLVED = 20, 25
MEDIAN_WORDS = (25, 60)
PART_CELLS, PART_WORDS = 25, 1500
NOTEBOOK_BYTES = 300_000
MINUTES_AN_EXERCISE = 10
SENTENCES_BEFORE_AIMS = 2
SHARED_WORDS = 0.5  # of an aim's words must come back in the recap

_HANDLING_MODULES = frozenset({"glob", "io", "os", "pathlib", "shutil", "subprocess", "sys", "tempfile"})
_MINUTES = re.compile(r"(?P<total>\d+) minutes? in class: (?P<parts>[^*\n]+(?:\n[^*\n]+)*)")
_PART = re.compile(r"Part (?P<number>\d+) of (?P<of>\d+)\b")
_FENCED = re.compile(r"^(```|~~~).*?^\1\s*$", re.MULTILINE | re.DOTALL)


def problems(
    path: str | Path,
    *,
    curriculum: Sequence[dict[str, Any]] | None = None,
    quizzes: Sequence[dict[str, Any]] | None = None,
) -> list[str]:
    """Find where a lesson leaves the frame or the budgets.

    Parameters
    ----------
    path : path
        The lesson's source, ``lessons/NN_slug.py``. Its built notebooks are looked for beside that folder.
    curriculum, quizzes : sequence of dict, optional
        The tables to hold it to; default the course's own.

    Returns
    -------
    list of str
        One message for each broken rule, naming lesson, cell and rule; empty if there is none.
    """
    try:
        lesson = lessons.read(path)
    except CourseError as error:
        return [str(error)]
    if faults := lessons.faults(lesson):
        return faults
    plan = list(tables.curriculum() if curriculum is None else curriculum)
    entry = next((row for row in plan if f"{row['number']}_{row['slug']}" == lesson.name), None)
    if entry is None:
        return [f"{lesson.name}: no lesson of the curriculum has this number and slug"]
    asked = tables.read_toml("quizzes.toml")["quiz"] if quizzes is None else quizzes
    view = _View(lesson, entry, plan, [row["name"] for row in asked if row["lesson"] == lesson.number])
    return [message for rule in _RULES for message in rule(view)]


@dataclass(frozen=True)
class _View:
    """A lesson beside what the curriculum says of it.

    Parameters
    ----------
    lesson : Lesson
        The lesson.
    entry : dict
        Its entry of the curriculum.
    plan : list of dict
        The whole curriculum.
    quizzes : list of str
        The knowledge checks that belong into it.
    """

    lesson: Lesson
    entry: dict[str, Any]
    plan: list[dict[str, Any]]
    quizzes: list[str]

    @property
    def learners(self) -> list[tuple[Cell, bool]]:
        """What the learner sees, each cell with whether it is `further`."""
        return [
            (cell, section.further)
            for section in self.lesson.sections
            for cell in section.cells
            if cell.learner is not None
        ]

    @property
    def core(self) -> list[Cell]:
        return [cell for cell, further in self.learners if not further]

    @property
    def code(self) -> list[Cell]:
        return [cell for cell, _ in self.learners if cell.is_code]

    def says(self, cell: Cell | None, rule: str) -> str:
        return f"{self.lesson.where(cell) if cell else self.lesson.name}: {rule}"


# ----------------------------------------------------------------------------------------------------------- frame


def _title(view: _View) -> Iterator[str]:
    first = view.lesson.cells[0]
    wanted = view.entry["title"]
    allowed = (wanted, f"{view.entry['number']} · {wanted}")
    if first.heading is None or first.heading[0] != 1 or first.heading[1] not in allowed:
        yield view.says(first, f"the lesson starts with its title, '# {wanted}'")
    text = first.source.split("\n", 1)[1] if "\n" in first.source else ""
    paragraphs = [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]
    sentences = _sentences(paragraphs[0]) if paragraphs and not paragraphs[0].startswith(("-", "**")) else []
    if len(sentences) != SENTENCES_BEFORE_AIMS:
        yield view.says(first, f"below the title two sentences say where you are, found {len(sentences)}")
    yield from _aims(view, first)
    yield from _minutes(view, first)


def _aims(view: _View, first: Cell) -> Iterator[str]:
    wanted = [_plain(aim) for aim in view.entry["aims"]]
    if not wanted:
        yield view.says(first, "the curriculum states no aims for this lesson")
    given = [_plain(aim) for aim in re.findall(r"^[-*] +(.+(?:\n {2,}\S.*)*)", first.source, re.MULTILINE)]
    for number, aim in enumerate(wanted, start=1):
        if aim not in given:
            yield view.says(first, f"aim {number} of the curriculum is not in its list: {aim!r}")
    for aim in given:
        if aim not in wanted:
            yield view.says(first, f"an aim that the curriculum does not have: {aim!r}")
    if sorted(given) == sorted(wanted) and given != wanted:
        yield view.says(first, "the aims stand in another order than in the curriculum")


def _minutes(view: _View, first: Cell) -> Iterator[str]:
    said = _MINUTES.search(first.source)
    minutes = view.entry["minutes"]
    if not said:
        yield view.says(
            first,
            f"no minutes for each section, such as '*{counted(minutes, 'minute')} in class: first part 5 · second …*'",
        )
        return
    parts = [part.strip().rstrip(".") for part in said["parts"].split("·")]
    numbers = [re.search(r"\b(\d+)$", part) for part in parts]
    if missing := [part for part, number in zip(parts, numbers, strict=True) if number is None]:
        yield view.says(first, f"no minutes after {missing[0]!r}")
        return
    total = sum(int(number[1]) for number in numbers if number)
    if int(said["total"]) != minutes:
        yield view.says(first, f"says {counted(said['total'], 'minute')}, the curriculum says {minutes}")
    if total != minutes:
        yield view.says(first, f"the sections' minutes sum to {total}, the curriculum says {minutes}")


def _setup(view: _View) -> Iterator[str]:
    tagged = [cell for cell in view.lesson.cells if "setup" in cell.tags]
    if len(tagged) != 1 or len(view.core) < 2 or tagged[0] is not view.core[1]:
        yield view.says(tagged[-1] if tagged else None, "one cell tagged setup follows the title, and only there")
    trees = [ast.parse(cell.learner or "") for cell in tagged]
    froms = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    if tagged and not any((node.module or "").split(".")[0] == "course_utils" for node in froms):
        yield view.says(tagged[0], "the setup imports from course_utils")


def _headings(view: _View) -> Iterator[str]:
    for cell in view.lesson.cells:
        if cell.is_code:
            continue
        lines = _FENCED.sub("", cell.source).splitlines()
        if any(re.match(r"#{1,2} ", line) for line in lines[1:]):
            yield view.says(cell, "a # or ## heading starts a cell of its own")
    core = [section for section in view.lesson.sections[1:] if not section.further]
    if not [section for section in core if section.title != "Recap" and not _PART.match(section.title)]:
        yield view.says(None, "no ## section between title and recap")


def _recap(view: _View) -> Iterator[str]:
    core = [section for section in view.lesson.sections if not section.further]
    if [section.title for section in view.lesson.sections].count("Recap") != 1 or core[-1].title != "Recap":
        yield view.says(None, "one section '## Recap' ends the core route")
        return
    recap = core[-1]
    stems = _stems(" ".join(cell.source for cell in recap.cells if not cell.is_code))
    for aim in view.entry["aims"]:
        words = _stems(aim)
        if len(words & stems) < SHARED_WORDS * len(words):
            yield view.says(recap.cells[0], f"the recap does not come back to the aim {aim!r}")
    yield from _next(view, recap.cells)


def _next(view: _View, recap: list[Cell]) -> Iterator[str]:
    place = view.plan.index(view.entry)
    if place + 1 == len(view.plan):
        return
    target = f"{view.plan[place + 1]['number']}_{view.plan[place + 1]['slug']}.ipynb"
    texts = [[cell for cell in cells if cell.learner and not cell.is_code] for cells in (recap, view.lesson.cells)]
    ends = [cells[-1].source.strip().rsplit("\n\n", 1)[-1] for cells in texts if cells]
    if not any(f"]({target})" in end for end in ends):
        yield view.says(recap[0], f"the last line links the next lesson: [{target[:2]} · …]({target})")


def _further(view: _View) -> Iterator[str]:
    seen_recap = False
    for section in view.lesson.sections:
        head = section.cells[0]
        tagged = "further" in head.tags
        if section.title.startswith("Further") != tagged:
            yield view.says(head, "a heading '## Further…' and the tag further go together")
        if tagged and not seen_recap:
            yield view.says(head, "the further section stands after the recap")
        seen_recap = seen_recap or section.title == "Recap"
    for cell in view.lesson.cells:
        if "further" in cell.tags and not cell.heading:
            yield view.says(cell, "the tag further stands at a ## heading")
    beyond = len(view.learners) - len(view.core)
    if beyond > len(view.core):
        yield view.says(
            None, f"further has {counted(beyond, 'cell')}, the core route {len(view.core)}: at most as many again"
        )


def _exercises(view: _View) -> Iterator[str]:
    wanted = list(view.entry["exercises"])
    stated = [cell for cell, _ in view.learners if cell.exercise]
    numbers = [cell.exercise for cell in stated]
    for number in wanted:
        if number not in numbers:
            yield view.says(None, f"exercise {number} of the curriculum is missing")
    for cell in stated:
        if cell.exercise not in wanted:
            yield view.says(cell, f"exercise {cell.exercise} is not in the curriculum")
    needed = view.entry["minutes"] // MINUTES_AN_EXERCISE
    core = sum(cell.exercise is not None for cell in view.core)
    if core < needed:
        yield view.says(
            None,
            f"{counted(core, 'exercise')} in {counted(view.entry['minutes'], 'minute')}: plan one every ten minutes",
        )
    asked = [lessons.first_text(call) for cell in view.code for call in lessons.calls(cell.learner or "", "quiz")]
    for name in view.quizzes:
        if name not in asked:
            yield view.says(None, f'the knowledge check quiz("{name}") is missing')


def _hand_in(view: _View) -> Iterator[str]:
    """Find exercises that leave open what to hand in: the name that the check takes, and the type of the answer."""
    task, told, solved = None, "", []
    for cell in view.lesson.cells:
        if cell.exercise:
            task, told, solved = cell, "", []
        if task and not cell.is_code:
            told += re.sub(r"<details.*?</details>", "", cell.source, flags=re.DOTALL)
        elif task and "check" not in cell.tags:
            solved.append(cell.solved or "")
        elif task:
            call = lessons.calls(cell.source, "check")[0]
            name = ast.unparse(call.args[1])
            if not re.search(rf"`{name}\b|, {name}\)`|^{name} = ", told, re.MULTILINE):
                yield view.says(task, f"the task does not name `{name}`, which the check takes")
            wanted, pattern = _asked_type(name, solved)
            if not re.search(pattern, told):
                yield view.says(task, f"the task does not say that `{name}` is {wanted}")
            task = None


def _asked_type(name: str, solved: list[str]) -> tuple[str, str]:
    """Return the type of a solution in words, and how a task may say it, as a regular expression."""
    nodes = [node for source in solved for node in ast.walk(ast.parse(source))]
    for node in nodes:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            arguments = ", ".join(one.arg for one in node.args.args)
            return f"the function `{name}({arguments})`", re.escape(f"`{name}({arguments})`")
    assigned = [node.value for node in nodes if isinstance(node, ast.Assign) and name in map(ast.unparse, node.targets)]
    for value in assigned[-1:]:
        if isinstance(value, ast.Dict) or (isinstance(value, ast.Call) and ast.unparse(value.func) == "dict.fromkeys"):
            return "a dict", r"\bdict\b"
        if isinstance(value, ast.List | ast.ListComp):
            return "a list", r"\blist\b"
        if isinstance(value, ast.Tuple):
            return "a pair", r"\b(pair|tuple)\b"
        if isinstance(value, ast.Constant | ast.JoinedStr):
            text = isinstance(value, ast.JoinedStr) or isinstance(value.value, str)
            return ("a text", r"\btext\b") if text else ("a number", r"\bnumber\b")
    return (
        "what a call returns, or a type",
        r"\b(returns?|result|dict|list|pair|text|number|table|Series|clients|game)\b",
    )


def _parts(view: _View) -> Iterator[str]:
    of = view.entry.get("parts", 1)
    found = [(section.cells[0], part) for section in view.lesson.sections if (part := _PART.match(section.title))]
    numbers = [(int(part["number"]), int(part["of"])) for _, part in found]
    wanted = [(number, of) for number in range(1, of + 1)] if of > 1 else []
    if numbers != wanted:
        names = ", ".join(f"'Part {number} of {of}'" for number, _ in wanted) or "no part headings"
        yield view.says(found[0][0] if found else None, f"the curriculum wants {names}")


# --------------------------------------------------------------------------------------------------------- budgets


def _part_budgets(view: _View) -> Iterator[str]:
    parts: list[list[Cell]] = [[]]
    for cell in view.core:
        part = _PART.match(cell.heading[1]) if cell.heading else None
        if part and int(part["number"]) > 1:
            parts.append([])
        parts[-1].append(cell)
    for number, cells in enumerate(parts, start=1):
        name = f"part {number} of the core route" if len(parts) > 1 else "the core route"
        code = sum(cell.is_code and not lessons.FOLDED_TAGS & set(cell.tags) for cell in cells)
        words = sum(_words(cell.source) for cell in cells if not cell.is_code)
        if code > PART_CELLS:
            yield view.says(cells[0], f"{name} has {counted(code, 'code cell')}, at most {PART_CELLS}")
        if words > PART_WORDS:
            yield view.says(cells[0], f"{name} has {counted(words, 'word')}, at most {PART_WORDS:,}")


def _lines_of_code(view: _View) -> Iterator[str]:
    lengths = sorted(_lines(cell.learner or "") for cell in view.code)
    if lengths and median(lengths) > MEDIAN_LINES:
        yield view.says(
            None, f"code cells have {counted(median(lengths), 'line')} in the median, at most {MEDIAN_LINES}"
        )
    if lengths and (length := lengths[math.ceil(MOST_SHARE * len(lengths)) - 1]) > MOST_LINES:
        long = [cell for cell in view.code if _lines(cell.learner or "") > MOST_LINES]
        yield view.says(
            long[0],
            f"{len(long)} of {counted(len(lengths), 'code cell')} with more than {MOST_LINES} lines (up to {length} at "
            f"nine of ten): nine of ten have at most {MOST_LINES}",
        )
    for cell in view.lesson.cells:
        if not cell.is_code or cell.solved is None:
            continue
        if (count := _lines(cell.learner or "")) > LONGEST:
            yield view.says(cell, f"{counted(count, 'line')}, at most {LONGEST}")
        solved = _lines(cell.solved)
        if (cell.has_answer or "solution" in cell.tags) and solved > LONGEST_SOLVED:
            yield view.says(cell, f"{counted(solved, 'line')} in the solution, at most {LONGEST_SOLVED}")


def _words_of_text(view: _View) -> Iterator[str]:
    counts = [_words(cell.source) for cell in view.core if not cell.is_code]
    low, high = MEDIAN_WORDS
    if counts and not low <= median(counts) <= high:
        yield view.says(None, f"text cells have {counted(median(counts), 'word')} in the median, from {low} to {high}")


def _plain_code(view: _View) -> Iterator[str]:
    """Keep out of cells what belongs into a tested helper."""
    for cell in view.lesson.cells:
        texts = [text for text in (cell.learner, cell.solved) if cell.is_code and text is not None]
        for rule in dict.fromkeys(rule for text in texts for rule in _forbidden(ast.parse(text))):
            yield view.says(cell, f"{rule} in a cell; it belongs into a helper of course_utils")


def _claims_measure(view: _View) -> Iterator[str]:
    """Refuse claims that give a constant back: they cannot fail."""
    tree = ast.parse("\n".join(cell.source for cell in view.lesson.cells if cell.is_code))
    bound: dict[str, list[ast.expr | None]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.setdefault(node.id, []).append(None)
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            bound[node.targets[0].id].append(node.value)
    # A name that is bound once, in an assignment of its own, is as constant as its value.
    values = {name: found[-1] for name, found in bound.items() if len(found) == 2 and found[-1] is not None}
    for node in ast.walk(tree):
        named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "claim"
        if named and len(node.args) > 1 and _is_constant(node.args[1], values):
            yield view.says(None, f"the claim {ast.unparse(node.args[0])} measures a constant, so it cannot fail")


def _is_constant(node: ast.expr, values: dict[str, ast.expr]) -> bool:
    """Return whether an expression has the same value whatever the data are: numbers, and arithmetic with them."""
    if isinstance(node, ast.Name):
        rest = {name: value for name, value in values.items() if name != node.id}
        return node.id in values and _is_constant(values[node.id], rest)
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func)
        if not re.fullmatch(r"(np|math)\.\w+|len|round|sum|max|min|abs", name) or not node.args:
            return False
    inner = [child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]
    if isinstance(node, ast.Call):
        inner = node.args
    kinds = (ast.Constant, ast.UnaryOp, ast.BinOp, ast.Compare, ast.Tuple, ast.List, ast.Call)
    return isinstance(node, kinds) and all(_is_constant(child, values) for child in inner)


def _folded(view: _View) -> Iterator[str]:
    """Keep drawing and claims in cells of their own, which notebooks fold away."""
    for cell in view.lesson.cells:
        if not cell.is_code or cell.learner is None:
            continue
        if lessons.calls(cell.source, "claim") and not {"claim", "solution", "live"} & set(cell.tags):
            yield view.says(cell, "a claim is in a cell of its own, tagged claim")
        if "plots.show(" in cell.source and not {"figure", "solution", "live"} & set(cell.tags):
            yield view.says(
                cell, "drawing is in a cell of its own, tagged figure: what is drawn is made in the cell above"
            )


def _forbidden(tree: ast.AST) -> Iterator[str]:
    loops = (ast.For, ast.While, ast.AsyncFor)
    for node in ast.walk(tree):
        match node:
            case ast.ClassDef():
                yield "a class"
            case ast.Try() | ast.TryStar():
                yield "a try"
            case ast.Import(names=names) if any(name.name.split(".")[0] in _HANDLING_MODULES for name in names):
                yield f"path or process handling (import {names[0].name})"
            case ast.ImportFrom(module=str(module)) if module.split(".")[0] in _HANDLING_MODULES:
                yield f"path or process handling (import {module})"
            case ast.ImportFrom(names=[ast.alias(name="*")]):
                yield "a star import"
            case ast.Call(func=ast.Name(id="open" | "Path" as name)):
                yield f"path handling ({name})"
            case ast.ListComp(generators=g) | ast.SetComp(generators=g) | ast.GeneratorExp(generators=g) if len(g) > 1:
                yield "a nested loop"
            case ast.DictComp(generators=g) if len(g) > 1:
                yield "a nested loop"
            case ast.For() | ast.While() | ast.AsyncFor():
                if any(isinstance(inner, loops) for inner in ast.walk(node) if inner is not node):
                    yield "a nested loop"


# ------------------------------------------------------------------------------------------------- built notebooks


def _built(view: _View) -> Iterator[str]:
    import nbformat

    for folder in (LEARNER, SOLVED):
        path = view.lesson.path.parent.parent / folder / f"{view.lesson.name}.ipynb"
        if not path.is_file():  # the build's own check says so
            continue
        file = f"{folder}/{path.name}"
        if (size := path.stat().st_size) > NOTEBOOK_BYTES:
            yield f"{file}: {size / 1000:.0f} kB, at most {NOTEBOOK_BYTES / 1000:.0f} kB; {_heaviest(path)}"
        for number, cell in enumerate(nbformat.read(path, as_version=4).cells, start=1):
            for output in cell.get("outputs", []):
                if rule := _mute_picture(output.get("data", {})):
                    yield f"{file}, cell {number}: {rule}"


def _heaviest(path: Path) -> str:
    import json

    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    sizes = [len(json.dumps(cell)) for cell in cells]
    number = sizes.index(max(sizes))
    return f"cell {number + 1} alone has {sizes[number] / 1000:.0f} kB"


def _mute_picture(data: dict[str, Any]) -> str | None:
    """Say what a screen reader would miss in an output."""
    parser = _Pictures()
    parser.feed(data.get("text/html", ""))
    if parser.mute:
        return "a picture without alt text"
    drawn = "image/png" in data or "image/jpeg" in data or re.match(r"<Figure size", data.get("text/plain", ""))
    if drawn and not parser.told:
        return "a figure without alt text: end the cell with plots.show(fig, alt=…)"
    return "an SVG, which JupyterLab does not show in a fresh clone" if "image/svg+xml" in data else None


class _Pictures(HTMLParser):
    """Count pictures with and without alt text."""

    def __init__(self) -> None:
        super().__init__()
        self.told = self.mute = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Look at one element."""
        if tag == "img":
            told = bool((dict(attrs).get("alt") or "").strip())
            self.told += told
            self.mute += not told


# ----------------------------------------------------------------------------------------------------------- words


def _lines(source: str) -> int:
    return sum(1 for line in source.splitlines() if line.strip())


def _words(markdown: str) -> int:
    """Count the words that a reader sees."""
    text = re.sub(r"<[^>]*>", " ", markdown)
    text = re.sub(r"\]\([^)]*\)", "] ", text)
    return sum(1 for word in text.split() if re.search(r"\w", word))


def _sentences(text: str) -> list[str]:
    return [part for part in re.split(r"(?<=[.!?])[\"”’)*_]*\s+(?=[\"“‘(*_`\[]*[A-Z0-9])", text.strip()) if part]


def _plain(text: str) -> str:
    """Write an aim as the curriculum does: no emphasis, no punctuation or 'and' of the list around it."""
    text = re.sub(r"[*`]", "", " ".join(text.split())).strip()
    return re.sub(r"[;,]\s+and$", "", text).rstrip(".;, ")


def _stems(text: str) -> set[str]:
    """Return the beginnings of a text's longer words: tense and number do not change them."""
    return {word[:4].lower() for word in re.findall(r"[^\W\d_]{4,}", text)}


_RULES: tuple[Callable[[_View], Iterator[str]], ...] = (
    _title,
    _setup,
    _headings,
    _recap,
    _further,
    _exercises,
    _hand_in,
    _parts,
    _part_budgets,
    _lines_of_code,
    _words_of_text,
    _plain_code,
    _claims_measure,
    _folded,
    _built,
)
