"""Read a lesson: one percent-format file with its answers in it, and the two versions that are made of it.

The learner's version leaves the answers out, the solved version keeps them; neither has what is for the instructor.
"""

from __future__ import annotations

import ast
import re
import symtable
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from course_utils.errors import UsageError

MARKDOWN_TAGS = frozenset({"at-work", "exercise", "further", "instructor", "solution"})
CODE_TAGS = frozenset({"setup", "solution", "check", "claim", "figure", "instructor", "live"})
#: Cells of which a reader wants the result: notebooks show their output, and their code on a click.
FOLDED_TAGS = frozenset({"claim", "figure"})
# What Jupytext notes for itself about blank lines; it does not go into notebooks.
_BOOKKEEPING = frozenset({"lines_to_next_cell", "lines_to_end_of_cell_marker", "cell_marker"})

_FILE = re.compile(r"(?P<number>\d\d)_(?P<slug>[a-z0-9_]+)\.py")
_BEGIN = re.compile(r"^\s*### BEGIN SOLUTION\s*$")
_END = re.compile(r"^\s*### END SOLUTION\s*$")
_EXERCISE = re.compile(r"^#{2,4} Exercise (?P<number>\d\d\.\d+): \S", re.MULTILINE)
_HEADING = re.compile(r"(?P<marks>#{1,2})\s+(?P<text>.+)")


@dataclass(frozen=True)
class Cell:
    """One cell of a lesson's source.

    Parameters
    ----------
    ordinal : int
        Its place in the source, counted from 1; messages and cell ids use it.
    kind : str
        ``"markdown"`` or ``"code"``.
    source : str
        Its text, with answers and marks.
    tags : tuple of str
        Its marks, in the order of the source.
    """

    ordinal: int
    kind: str
    source: str
    tags: tuple[str, ...] = ()

    @property
    def is_code(self) -> bool:
        """Say whether it is a code cell."""
        return self.kind == "code"

    @property
    def has_answer(self) -> bool:
        """Say whether part of it is an answer."""
        return self.is_code and any(_BEGIN.match(line) for line in self.source.splitlines())

    @property
    def learner(self) -> str | None:
        """What the learner gets: the text without the answer, or None where the whole cell is left out."""
        if {"instructor", "solution"} & set(self.tags):
            return None
        if not self.has_answer:
            return self.source
        kept: list[str] = []
        for line, answer, first in self._lines():
            if not answer:
                kept.append(line)
            elif first and line[:1].isspace():  # the body of a function cannot be empty
                kept.append(line[: len(line) - len(line.lstrip())] + "...")
        text = "\n".join(kept).strip("\n")
        return text if any(line.strip() and not line.lstrip().startswith("#") for line in kept) else _invite(text)

    @property
    def solved(self) -> str | None:
        """The text with the answer and without marks and `name = ...` lines, or None for the instructor's cells."""
        if "instructor" in self.tags:
            return None
        if not self.has_answer:
            return self.source
        lines = [line for line, answer, first in self._lines() if not first and (answer or not _is_placeholder(line))]
        return "\n".join(lines).strip("\n")

    @property
    def answers(self) -> frozenset[str]:
        """The names that this cell leaves to the learner: what later cells read must not hang on them."""
        if "solution" in self.tags:
            return frozenset(names(self.source)[1])
        if not self.has_answer:
            return frozenset()
        lines = list(self._lines())
        outer = [line for line, answer, first in lines if not first and (answer or _is_placeholder(line))]
        if not any(line[:1].isspace() for line, answer, first in lines if first):
            return frozenset(names("\n".join(outer))[1])
        # The answer is the body of a function: the function is the learner's.
        bodies = [part for part in ast.parse(self.solved or "").body if isinstance(part, ast.FunctionDef)]
        return frozenset(part.name for part in bodies)

    @property
    def exercise(self) -> str | None:
        """The number of the exercise that it states, such as ``"12.2"``."""
        found = _EXERCISE.search(self.source) if "exercise" in self.tags else None
        return found["number"] if found else None

    @property
    def heading(self) -> tuple[int, str] | None:
        """The level and text of the ``#`` or ``##`` heading that it starts with."""
        found = None if self.is_code else _HEADING.match(self.source)
        return (len(found["marks"]), found["text"].strip()) if found else None

    @property
    def opening(self) -> str:
        """Its first words, to find it by."""
        text = " ".join(self.source.split())
        return text if len(text) <= 40 else text[:39].rstrip() + "…"

    def _lines(self) -> Iterator[tuple[str, bool, bool]]:
        """Yield each line, whether it belongs to an answer (END marks are dropped), whether it opens one."""
        inside = False
        for line in self.source.splitlines():
            if _BEGIN.match(line):
                inside = True
                yield line, True, True
            elif _END.match(line):
                inside = False
            else:
                yield line, inside, False


@dataclass(frozen=True)
class Section:
    """The cells from one ``#`` or ``##`` heading to the next.

    Parameters
    ----------
    title : str
        The heading.
    cells : list of Cell
        The cell of the heading first.
    further : bool
        Whether it stands beyond the core route.
    """

    title: str
    cells: list[Cell]
    further: bool


@dataclass(frozen=True)
class Lesson:
    """A lesson as its source says it.

    Parameters
    ----------
    path : Path
        The source.
    number, slug : str
        As in the file's name.
    cells : tuple of Cell
        All cells, the instructor's too.
    """

    path: Path
    number: str
    slug: str
    cells: tuple[Cell, ...] = field(repr=False)

    @property
    def name(self) -> str:
        """Number and slug, as files are called."""
        return f"{self.number}_{self.slug}"

    @property
    def title(self) -> str:
        """The heading of the first cell."""
        return self.cells[0].heading[1] if self.cells and self.cells[0].heading else self.name

    @property
    def sections(self) -> list[Section]:
        """The lesson cut at its ``#`` and ``##`` headings; the title cell starts the first section."""
        found: list[Section] = []
        further = False
        for cell in self.cells:
            further = further or "further" in cell.tags
            if cell.heading or not found:
                found.append(Section(cell.heading[1] if cell.heading else "", [], further))
            found[-1].cells.append(cell)
        return found

    def where(self, cell: Cell) -> str:
        """Name a cell in messages."""
        return f"{self.name}, cell {cell.ordinal} ({cell.opening!r})"


def sources(root: Path) -> list[Path]:
    """List the lessons that are written, in order."""
    return sorted(path for path in (root / "lessons").glob("*.py") if not path.name.startswith((".", "_")))


def read(path: str | Path) -> Lesson:
    """Read a lesson's source.

    Parameters
    ----------
    path : path
        ``lessons/NN_slug.py``.

    Raises
    ------
    UsageError
        The file's name is no lesson's, or a cell has a mark that Jupytext or the course does not know.
    """
    import jupytext

    path = Path(path)
    named = _FILE.fullmatch(path.name)
    if not named:
        raise UsageError(f"{path.name!r} is no lesson's name", fix="call it NN_slug.py")
    # Cells are plain Python: without this Jupytext turns comments that look like IPython magics into magics.
    form = {"extension": ".py", "format_name": "percent", "comment_magics": False}
    notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt=form)
    cells = tuple(
        Cell(ordinal, cell.cell_type, cell.source, tuple(cell.metadata.get("tags", ())))
        for ordinal, cell in enumerate(notebook.cells, start=1)
    )
    lesson = Lesson(path, named["number"], named["slug"], cells)
    for cell, raw in zip(cells, notebook.cells, strict=True):
        _legal(lesson, cell, set(raw.metadata) - {"tags"} - _BOOKKEEPING)
    return lesson


def _legal(lesson: Lesson, cell: Cell, metadata: set[str]) -> None:
    """Refuse a cell whose marks would be lost or misread."""
    where = lesson.where(cell)
    if "incorrectly_encoded_metadata" in metadata:
        raise UsageError(f"{where}: marks that Jupytext cannot read", fix="write `# %% [markdown] tags=[…]`, tags last")
    if metadata:
        raise UsageError(f"{where}: metadata {', '.join(sorted(metadata))}", fix="mark cells by tags alone, untitled")
    if cell.kind not in ("markdown", "code"):
        raise UsageError(f"{where}: a {cell.kind} cell", fix="make it a markdown or code cell")
    legal = CODE_TAGS if cell.is_code else MARKDOWN_TAGS
    for tag in cell.tags:
        if tag not in legal:
            kind = "code" if cell.is_code else "markdown"
            raise UsageError(f"{where}: unknown tag {tag!r}", fix=f"a {kind} cell takes {', '.join(sorted(legal))}")
    inside = False
    for line in cell.source.splitlines():
        if (begins := bool(_BEGIN.match(line))) or _END.match(line):
            if begins is inside:
                raise UsageError(f"{where}: unpaired solution marks", fix="pair ### BEGIN SOLUTION, ### END SOLUTION")
            inside = begins
        elif re.match(r"\s*#+\s*(BEGIN|END)\b.*SOLUTION", line, re.IGNORECASE):
            raise UsageError(f"{where}: {line.strip()!r} is no mark", fix="write ### BEGIN SOLUTION, ### END SOLUTION")
    if inside:
        raise UsageError(f"{where}: unpaired solution marks", fix="pair ### BEGIN SOLUTION with ### END SOLUTION")


def _is_placeholder(line: str) -> bool:
    """Say whether a line is an assignment for the learner to complete: its value holds an `...`."""
    try:
        (statement,) = ast.parse(line.strip()).body
    except (SyntaxError, ValueError):  # not a whole statement, or not just one
        return False
    parts = ast.walk(statement.value) if isinstance(statement, ast.Assign) else ()
    return any(isinstance(part, ast.Constant) and part.value is ... for part in parts)


def _invite(text: str) -> str:
    return f"{text}\n# Your code here" if text else "# Your code here"


# ---------------------------------------------------------------------------------------------------- what cells do


def calls(source: str, name: str) -> list[ast.Call]:
    """List the calls of a function by its bare name, in order; `source` must be valid Python."""
    nodes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    found = [node for node in nodes if isinstance(node.func, ast.Name) and node.func.id == name]
    return sorted(found, key=lambda node: (node.lineno, node.col_offset))


def first_text(call: ast.Call) -> str | None:
    """Return a call's first argument where it is a literal text."""
    first = call.args[0] if call.args else None
    return first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None


def names(source: str) -> tuple[set[str], set[str]]:
    """Return the notebook-wide names that Python text reads, and those that it binds.

    Examples
    --------
    >>> read, bound = names("total = sum(x for x in rows)")
    >>> sorted(read), sorted(bound)
    (['rows', 'sum'], ['total'])
    """
    top = symtable.symtable(source, "<cell>", "exec")
    bound = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    read = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    inner = list(top.get_children())
    while inner:
        table = inner.pop()
        inner += table.get_children()
        read |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and s.is_global()}
    changed = [node.target for node in ast.walk(ast.parse(source)) if isinstance(node, ast.AugAssign)]
    return read | {target.id for target in changed if isinstance(target, ast.Name)}, bound


def faults(lesson: Lesson) -> list[str]:
    """Find what would stop a learner: cells that do not parse, exercises and checks that do not fit together.

    Returns
    -------
    list of str
        One message for each fault, naming lesson, cell and fix; empty if there is none.
    """
    found = [message for cell in lesson.cells if (message := _syntax(lesson, cell))]
    return found or [*_unchecked(lesson), *_unbound(lesson), *_learners_names(lesson)]


def _syntax(lesson: Lesson, cell: Cell) -> str | None:
    for version, text in (("learner's", cell.learner), ("solved", cell.solved)):
        if cell.is_code and text is not None:
            try:
                ast.parse(text)
            except SyntaxError as error:
                hint = "; magics and ! lines belong into a helper" if re.search(r"^\s*[%!]", text, re.MULTILINE) else ""
                return f"{lesson.where(cell)}: the {version} version is no Python: {error.msg}{hint}"
    return None


def _checks(cell: Cell) -> list[ast.Call]:
    return calls(cell.solved or "", "check") if cell.is_code else []


def _unchecked(lesson: Lesson) -> Iterator[str]:
    """Pair exercises and checks: each exercise is followed by its check before the next one is stated."""
    stated: Cell | None = None
    seen: set[str] = set()
    for cell in lesson.cells:
        where = lesson.where(cell)
        if "exercise" in cell.tags:
            if stated:
                yield f"{lesson.where(stated)}: exercise {stated.exercise} has no check before the next exercise"
            stated = cell if cell.exercise else None
            if not cell.exercise:
                yield f"{where}: no heading such as '### Exercise {lesson.number}.1: …'"
            elif cell.exercise.partition(".")[0] != lesson.number:
                yield f"{where}: exercise {cell.exercise} bears another lesson's number"
            elif cell.exercise in seen:
                yield f"{where}: exercise {cell.exercise} is stated twice"
            seen |= {cell.exercise or ""}
        elif not cell.is_code and _EXERCISE.search(cell.source):
            yield f'{where}: an exercise without tags=["exercise"]'
        for call in _checks(cell):
            number = first_text(call)
            if "check" not in cell.tags:
                yield f'{where}: check(…) in a cell without tags=["check"]'
            if number is None or len(call.args) < 2:
                yield f'{where}: write check("{lesson.number}.1", name)'
            elif not stated or number != stated.exercise:
                yield f"{where}: check({number!r}) does not follow its exercise"
            else:
                stated = None
        if "check" in cell.tags and not _checks(cell):
            yield f"{where}: tagged check, but it calls no check(…)"
    if stated:
        yield f"{lesson.where(stated)}: exercise {stated.exercise} has no check"


def _unbound(lesson: Lesson) -> Iterator[str]:
    """Find checks of a name that the learner's version does not bind."""
    bound: set[str] = set(dir(__builtins__)) if not isinstance(__builtins__, dict) else set(__builtins__)
    for cell in lesson.cells:
        if not cell.is_code or cell.learner is None:
            continue
        for call in _checks(cell):
            read = set().union(*(names(ast.unparse(part))[0] for part in call.args))
            for name in sorted(read - bound):
                yield (
                    f"{lesson.where(cell)}: check({first_text(call)!r}) reads {name}, which the learner's version does "
                    f"not bind; write `{name} = ...` above ### BEGIN SOLUTION"
                )
        bound |= names(cell.learner)[1]


def _learners_names(lesson: Lesson) -> Iterator[str]:
    """Find cells that hang on an answer: no later cell but the check may read what the learner binds."""
    learners: dict[str, str] = {}
    exercise = ""
    for cell in lesson.cells:
        exercise = cell.exercise or exercise
        if not cell.is_code or "instructor" in cell.tags:
            continue
        if "solution" not in cell.tags and "check" not in cell.tags:
            for read, bound in _steps(cell.learner or ""):
                for name in sorted(read & set(learners)):
                    yield (
                        f"{lesson.where(cell)}: reads {name}, the learner's answer to exercise {learners[name]}; only "
                        "its check may"
                    )
                for name in bound:
                    learners.pop(name, None)
        learners |= dict.fromkeys(cell.answers, exercise)


def _steps(source: str) -> Iterator[tuple[set[str], set[str]]]:
    """Yield what each statement reads and binds, in order."""
    for statement in ast.parse(source).body:
        yield names(ast.unparse(statement))


def choose(paths: Sequence[Path], numbers: Sequence[str]) -> list[Path]:
    """Pick lessons by number (``"12"``) or name (``"12_static_training"``); all where none is named.

    Raises
    ------
    UsageError
        A number or name stands for no written lesson.
    """
    wanted = [str(number).removesuffix(".py").removesuffix(".ipynb") for number in numbers]
    wanted = [text.zfill(2) if text.isdigit() else text for text in wanted]
    known = {key for path in paths for key in (path.stem, path.stem[:2])}
    for text in wanted:
        if text not in known:
            written = ", ".join(path.stem[:2] for path in paths) or "none"
            raise UsageError(f"there is no lesson {text!r}", fix=f"choose from those written: {written}")
    return [path for path in paths if not wanted or path.stem in wanted or path.stem[:2] in wanted]
