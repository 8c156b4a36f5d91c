"""Make the learner's and the solved notebooks of each lesson, execute both, and keep what they print.

Both are made of ``lessons/NN_slug.py`` alone and committed with their outputs: ``notebooks/`` without answers,
``solutions/`` with them, and ``solutions/INSTRUCTOR.md`` with what the instructor should know.
"""

from __future__ import annotations

import copy
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from authoring import lessons, new_exercise, patience, surroundings
from authoring.lessons import Cell, Lesson
from course_utils.errors import ClaimError, CourseError, UsageError

if TYPE_CHECKING:
    from nbclient import NotebookClient
    from nbformat import NotebookNode

ROOT = surroundings.ROOT
LEARNER, SOLVED = "notebooks", "solutions"
GUIDE = Path(SOLVED) / "INSTRUCTOR.md"

CLAIM = ClaimError.__name__
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
_IMAGES = re.compile(r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/=\s]*")
_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{6,}\b")
_ABSOLUTE = re.compile(
    r"(?<![\w/.:<-])/(?:home|root|tmp|usr|opt|var|mnt|etc|proc|private|Users|Volumes|srv)/\S+"
    r"|\b[A-Za-z]:\\\w+"
)
_WARNING = re.compile(r"^.*\b\w*Warning: .*$", re.MULTILINE)
_UNWANTED = ((_ADDRESS, "an address"), (_ABSOLUTE, "an absolute path"), (_WARNING, "a warning"))
# What nbval does not look at, and so neither does the build when it asks whether outputs changed.
_NOT_COMPARED = ("metadata", "output_type", "name", "execution_count", "image/png", "image/jpeg")


def build(
    numbers: Sequence[str] = (),
    check: bool = False,
    *,
    root: Path = ROOT,
    jobs: int = 2,
    say: Callable[[str], Any] = print,
) -> list[str]:
    """Build the notebooks of some lessons, or of all.

    Every claim of a lesson is tried, also after one that failed, and each failed one is named. A lesson with a failed
    claim or cell, or an output that must not be published, leaves both its notebooks as they are.

    A notebook whose sources did not change and whose outputs are the same again (as nbval compares them: pictures by
    their words, not their bytes) is left as it is. To draw its pictures again, delete it first.

    Parameters
    ----------
    numbers : sequence of str
        Lessons by number or name; all where none is named.
    check : bool
        Execute and write nothing; only say which committed files do not come from the sources as they are.
    root : path
        The repository.
    jobs : int
        How many notebooks run at a time.
    say : callable
        Told about each notebook as it is done: written, unchanged or failed.

    Returns
    -------
    list of str
        What is wrong: a message for each stale file (with `check`), fault of a source, failed cell or output that must
        not be published; empty if all is well.

    Raises
    ------
    UsageError
        A number stands for no written lesson.
    """
    chosen = lessons.choose(lessons.sources(root), numbers)
    problems, sound = _read_all(chosen)
    if check:
        for lesson in sound:
            try:
                problems += _stale(lesson, root)
            except UsageError as error:
                problems.append(str(error))
        return problems + _stale_guide(root) + ([] if numbers else _orphans(root))
    problems += _execute_and_write(sound, root, jobs, say)
    if _stale_guide(root):
        _write(root / GUIDE, instructor_guide(root))
        say(f"{GUIDE.as_posix()}: written")
    return problems


def _read_all(paths: Iterable[Path]) -> tuple[list[str], list[Lesson]]:
    problems, sound = [], []
    for path in paths:
        try:
            lesson = lessons.read(path)
        except CourseError as error:
            problems.append(str(error))
            continue
        found = lessons.faults(lesson) or _unfinished(lesson)
        problems += found
        if not found:
            sound.append(lesson)
    return problems, sound


def _unfinished(lesson: Lesson) -> list[str]:
    """Name in one message all that is still to be written of a new exercise."""
    missing = new_exercise.unfinished(lesson.number, root=lesson.path.resolve().parents[1])
    if not missing:
        return []
    return [f"lesson {lesson.number} has an unfinished exercise; still to be written:\n  " + "\n  ".join(missing)]


# -------------------------------------------------------------------------------------------------------- sources


def notebook(lesson: Lesson, folder: str, expected: dict[str, str] | None = None) -> NotebookNode:
    """Make a notebook of a lesson, not yet executed.

    Parameters
    ----------
    lesson : Lesson
        The source.
    folder : str
        ``"notebooks"`` for the learner's version, ``"solutions"`` for the solved one.
    expected : dict, optional
        For the learner's version: what each exercise's check says to the right answer, by number.
    """
    from nbformat import v4

    cells = []
    for cell in lesson.cells:
        source = cell.learner if folder == LEARNER else cell.solved
        if source is None:
            continue
        make = v4.new_code_cell if cell.is_code else v4.new_markdown_cell
        source = source if cell.is_code else _below_title(lesson, cell, source)
        cells.append(make(source, id=cell_id(lesson, cell), metadata=_marks(cell)))
        for number in _checked(cell) if folder == LEARNER else ():
            if text := (expected or {}).get(number):
                cells.append(v4.new_markdown_cell(_fold(text), id=f"{cell_id(lesson, cell)}-expected"))
    return v4.new_notebook(cells=cells, metadata=_metadata(), nbformat_minor=5)


def _marks(cell: Cell) -> dict[str, Any]:
    """Return a cell's metadata: its tags, those that nbval and the site's builder read, and whether it is folded."""
    folded = bool(lessons.FOLDED_TAGS & set(cell.tags))
    tags = [*cell.tags, *(["nbval-skip"] if "live" in cell.tags else []), *(["hide-input"] if folded else [])]
    return ({"tags": tags} if tags else {}) | ({"jupyter": {"source_hidden": True}} if folded else {})


def _below_title(lesson: Lesson, cell: Cell, source: str) -> str:
    """Put the parts of a long lesson, and all below them, one level down: a page has one title."""
    if cell.ordinal == 1 or not any(section.cells[0].heading[0] == 1 for section in lesson.sections[1:]):
        return source
    pieces = re.split(r"(^(```|~~~).*?^\2\s*$)", source, flags=re.MULTILINE | re.DOTALL)
    # Of three pieces the second is a fenced block, in which a number sign is no heading, and the third its fence.
    return "".join(
        re.sub(r"^(#{1,5} )", r"#\1", piece, flags=re.MULTILINE) if place % 3 == 0 else piece
        for place, piece in enumerate(pieces)
        if place % 3 != 2
    )


def _metadata() -> Any:
    """Return the metadata that every notebook of the course has, on every machine."""
    from nbformat.notebooknode import from_dict

    return from_dict({"kernelspec": _KERNEL, "language_info": {"name": "python"}})


def cell_id(lesson: Lesson, cell: Cell) -> str:
    """Return a cell's id: the same each time, in both notebooks."""
    return f"{lesson.name.replace('_', '-')[:40]}-{cell.ordinal:03d}"


def _checked(cell: Cell) -> list[str]:
    if "check" not in cell.tags:
        return []
    return [number for call in lessons.calls(cell.source, "check") if (number := lessons.first_text(call))]


def _fold(text: str) -> str:
    fence = "~" * max(3, *(len(run) + 1 for run in re.findall("~{3,}", text)), 3)
    return (
        "<details><summary>What the check says to a right answer</summary>\n\n"
        f"{fence}text\n{text.strip()}\n{fence}\n\n</details>"
    )


def expected_outputs(lesson: Lesson, solved: NotebookNode) -> dict[str, str]:
    """Read what each check says to the right answer from the executed solved notebook, by exercise number."""
    outputs = {cell.id: cell.get("outputs", []) for cell in solved.cells}
    found = {}
    for cell in lesson.cells:
        for number in _checked(cell):
            found[number] = "\n".join(shown_text(outputs.get(cell_id(lesson, cell), []))).strip()
    return found


def shown_text(outputs: Iterable[Any]) -> Iterator[str]:
    """Yield what outputs say in words: printed text, and of a display its plain text."""
    for output in outputs:
        if output["output_type"] == "stream":
            yield output["text"].rstrip("\n")
        elif "text/plain" in output.get("data", {}):
            yield output["data"]["text/plain"]


def instructor_guide(root: Path) -> str:
    """Gather what every lesson says to the instructor, as Markdown."""
    parts = [
        "# Instructor's guide",
        "<!-- Made by `course build` from the cells tagged instructor in lessons/: change them there. -->",
        "What learners do not see, lesson by lesson: where to wait, what to ask, what goes wrong.",
    ]
    for path in lessons.sources(root):
        lesson = lessons.read(path)
        notes = [
            (section.title, cell) for section in lesson.sections for cell in section.cells if "instructor" in cell.tags
        ]
        if notes:
            parts.append(f"## {lesson.number} · {lesson.title}")
        said = None
        for title, cell in notes:
            if title != said:
                parts.append(f"### {title}")
            said = title
            parts.append(f"```python\n{cell.source}\n```" if cell.is_code else cell.source)
    return "\n\n".join(parts) + "\n"


# ---------------------------------------------------------------------------------------------------------- check


def _stale(lesson: Lesson, root: Path) -> list[str]:
    """Name the committed notebooks of a lesson that its source would not give."""
    fix = f"run `course build {lesson.number}`"
    problems = []
    solved = _committed(root / SOLVED / f"{lesson.name}.ipynb")
    for folder in (LEARNER, SOLVED):
        path = root / folder / f"{lesson.name}.ipynb"
        file = f"{folder}/{path.name}"
        there = solved if folder == SOLVED else _committed(path)
        if there is None:
            problems.append(f"{file} is not built. Fix: {fix}.")
            continue
        made = notebook(lesson, folder, expected_outputs(lesson, solved) if solved else None)
        if difference := _first_difference(there, made):
            problems.append(f"{file} is stale: {difference} is not as lessons/{lesson.path.name} says. Fix: {fix}.")
    return problems


def _first_difference(there: NotebookNode, made: NotebookNode) -> str | None:
    """Say in words where two notebooks' sources differ first."""
    for place, (old, new) in enumerate(zip(_bare(there), _bare(made), strict=False), start=1):
        if old != new:
            return f"cell {place} ({' '.join(new[2].split())[:40]!r})"
    if len(there.cells) != len(made.cells):
        return f"the number of cells ({len(there.cells)} for {len(made.cells)})"
    kept = [{key: part[key] for key in ("metadata", "nbformat", "nbformat_minor")} for part in (there, made)]
    return "the notebook's metadata" if kept[0] != kept[1] else None


def _bare(book: NotebookNode) -> list[tuple[str, str, str, dict[str, Any]]]:
    return [(cell.id, cell.cell_type, cell.source, dict(cell.metadata)) for cell in book.cells]


def _stale_guide(root: Path) -> list[str]:
    path = root / GUIDE
    try:
        guide = instructor_guide(root) if lessons.sources(root) else None
    except CourseError:  # reported with its lesson
        return []
    if guide is None or (path.is_file() and path.read_text(encoding="utf-8") == guide):
        return []
    return [f"{GUIDE.as_posix()} is stale: the lessons' notes to the instructor changed. Fix: run `course build`."]


def _orphans(root: Path) -> list[str]:
    names = {path.stem for path in lessons.sources(root)}
    return [
        f"{folder}/{path.name} has no source in lessons/. Fix: delete it, or write lessons/{path.stem}.py."
        for folder in (LEARNER, SOLVED)
        for path in sorted((root / folder).glob("*.ipynb"))
        if path.stem not in names
    ]


def _committed(path: Path) -> NotebookNode | None:
    import nbformat

    if not path.is_file():
        return None
    try:
        return nbformat.read(path, as_version=4)
    except Exception as error:  # nbformat raises many kinds; whatever it is, the file is no notebook
        raise UsageError(f"{path.parent.name}/{path.name} cannot be read", fix="delete it and build again") from error


# ------------------------------------------------------------------------------------------------------ execution


def _execute_and_write(sound: Sequence[Lesson], root: Path, jobs: int, say: Callable[[str], Any]) -> list[str]:
    """Execute both notebooks of each lesson, some at a time, and write those that came out well."""
    problems: list[str] = []
    clients: list[NotebookClient] = []
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        runs: list[tuple[Lesson, list[Future[Executed]]]] = [
            (lesson, [pool.submit(_run, lesson, folder, root, clients) for folder in (SOLVED, LEARNER)])
            for lesson in sound
        ]
        try:
            for lesson, pair in runs:
                problems += _write_pair(lesson, *(run.result() for run in pair), root, say)
        except BaseException:  # Ctrl-C above all: leave no kernel behind
            pool.shutdown(wait=False, cancel_futures=True)
            while not all(run.done() for _, pair in runs for run in pair):  # some may be starting kernels only now
                for client in list(clients):
                    _kill(client)
                time.sleep(0.1)
            raise
    return problems


def _write_pair(
    lesson: Lesson, solved: Executed, learner: Executed, root: Path, say: Callable[[str], Any]
) -> list[str]:
    """Write both notebooks of a lesson, or neither if one of them failed; return what is wrong."""
    files = [f"{folder}/{lesson.name}.ipynb" for folder in (SOLVED, LEARNER)]
    problems = [*solved.problems, *learner.problems]
    if problems:
        for file, ran in zip(files, (solved, learner), strict=True):
            say(f"{file}: {'failed' if ran.problems else 'not written, since the other one failed'}")
        return problems
    expected = expected_outputs(lesson, solved.book)
    books = (solved.book, _with_outputs(notebook(lesson, LEARNER, expected), learner.book))
    for file, ran, book in zip(files, (solved, learner), books, strict=True):
        written = _write_notebook(root / file, book)
        say(f"{file}: {'written' if written else 'unchanged'} ({ran.seconds:.0f} s)")
    return []


class Executed(NamedTuple):
    """A notebook that ran, what is wrong with it, and the seconds it took."""

    book: NotebookNode
    problems: list[str]
    seconds: float


def _run(lesson: Lesson, folder: str, root: Path, clients: list[NotebookClient]) -> Executed:
    """Execute one notebook in a kernel of its own."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    book = notebook(lesson, folder)
    place = root / folder
    place.mkdir(parents=True, exist_ok=True)
    client = NotebookClient(
        book,
        timeout=patience.whole_seconds(patience.CELL),
        startup_timeout=patience.whole_seconds(patience.KERNEL),
        iopub_timeout=patience.whole_seconds(patience.KERNEL),
        extra_arguments=["--InteractiveShellApp.extra_extensions=authoring.every_claim"],
        kernel_name="python3",
        skip_cells_with_tag="live",
        record_timing=False,
        resources={"metadata": {"path": str(place)}},
    )
    clients.append(client)
    began = time.monotonic()
    problems = []
    try:
        # The kernel's own stderr says that it talks unencrypted to this machine; what cells write there is an output.
        client.execute(env=surroundings.headless(), stderr=subprocess.DEVNULL)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        problems = [_failure(lesson, folder, book, error)]
    finally:
        clients.remove(client)
    _normalise(book)
    # Outputs of a run that stopped are not looked at, but for its failed claims.
    problems += _failed_claims(lesson, folder, book) if problems else _unfit(lesson, folder, book)
    return Executed(book, problems, time.monotonic() - began)


def _kill(client: NotebookClient) -> None:
    process = getattr(getattr(client.km, "provisioner", None), "process", None)
    if process is not None:
        process.kill()


def _failure(lesson: Lesson, folder: str, book: NotebookNode, error: Exception) -> str:
    """Say where a notebook stopped: lesson, cell, its source and the error's last lines."""
    cell = _stopped_at(book)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    last = "\n".join(f"    {line}" for line in lines[-4:])
    source = "\n".join(f"  > {line}" for line in cell.source.splitlines())
    return f"{folder}/{lesson.name}.ipynb, cell {_ordinal(cell)} failed:\n{source}\n{last}"


def _stopped_at(book: NotebookNode) -> NotebookNode:
    code = [cell for cell in book.cells if cell.cell_type == "code" and "live" not in cell.metadata.get("tags", [])]
    for cell in code:
        if any(output.output_type == "error" and output.ename != CLAIM for output in cell.outputs):
            return cell
    ran = [cell for cell in code if cell.execution_count is not None]
    return ran[-1] if ran else code[0]


def _ordinal(cell: NotebookNode) -> int:
    return int(re.findall(r"-(\d{3,})", cell.id)[-1])


def _normalise(book: NotebookNode) -> None:
    """Take out of an executed notebook all that differs from run to run or machine to machine."""
    book.metadata = _metadata()
    count = 0
    for cell in book.cells:
        if cell.cell_type != "code":
            continue
        cell.metadata = {key: value for key, value in cell.metadata.items() if key in ("tags", "jupyter")}
        if cell.execution_count is not None:
            count += 1
            cell.execution_count = count
        cell.outputs = _merged(cell.outputs)
        for output in cell.outputs:
            output.pop("transient", None)
            if "execution_count" in output:
                output["execution_count"] = cell.execution_count


def _merged(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Join streams of one name in one output: how a kernel cuts them up depends on time."""
    kept: list[NotebookNode] = []
    streams: dict[str, NotebookNode] = {}
    for output in outputs:
        if output.output_type == "stream" and output.name in streams:
            streams[output.name].text += output.text
            continue
        if output.output_type == "stream":
            streams[output.name] = output
        kept.append(output)
    return kept


def _unfit(lesson: Lesson, folder: str, book: NotebookNode) -> Iterator[str]:
    """Find outputs that a committed notebook must not hold."""
    yield from _failed_claims(lesson, folder, book)
    for where, output in _outputs(lesson, folder, book):
        if output.output_type == "error" and output.ename != CLAIM:
            yield f"{where}: the error {output.ename}; show a planned one with show_error(lambda: …)"
        elif output.get("name") == "stderr":
            yield f"{where}: text on stderr, fix its cause: {_shorten(output.text)}"
        for text in _texts(output):
            yield from (f"{where}: the output shows {what}" for what in _unwanted(text))


def _failed_claims(lesson: Lesson, folder: str, book: NotebookNode) -> Iterator[str]:
    """Name every claim that does not hold, with its cell and what was measured."""
    for where, output in _outputs(lesson, folder, book):
        if output.output_type == "error" and output.ename == CLAIM:
            yield f"{where}: a claim failed: {output.evalue}"


def _outputs(lesson: Lesson, folder: str, book: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Yield each output with the place of its cell in words."""
    for cell in book.cells:
        for output in cell.get("outputs", []):
            yield f"{folder}/{lesson.name}.ipynb, cell {_ordinal(cell)}", output


def _unwanted(text: str) -> Iterator[str]:
    """Say what a text tells of the machine that it was made on."""
    for pattern, what in _UNWANTED:
        if seen := pattern.search(text):
            yield f"{what}: {_shorten(seen[0])}"
    here = next((place for place in _own_places() if place in text), None)
    if here and not _ABSOLUTE.search(text):
        yield f"an absolute path: {here}"


def _own_places() -> list[str]:
    """List folders of this machine that no output may name."""
    places = (ROOT, Path.home(), Path(tempfile.gettempdir()), Path(sys.prefix))
    return [str(place) for place in places if len(place.parts) > 2]  # "/" and "/root" stand in many a harmless text


def _texts(output: NotebookNode) -> Iterator[str]:
    """Yield the texts of an output, without the bytes of pictures."""
    if "text" in output:
        yield output.text
    for kind, value in output.get("data", {}).items():
        if isinstance(value, str) and not kind.startswith("image/"):
            yield _IMAGES.sub("", value)


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:159] + "…"


def _with_outputs(target: NotebookNode, ran: NotebookNode) -> NotebookNode:
    """Give a notebook the outputs of its execution before the expected outputs stood in it."""
    done = {cell.id: cell for cell in ran.cells if cell.cell_type == "code"}
    for cell in target.cells:
        if cell.cell_type == "code":
            cell.outputs = done[cell.id].outputs
            cell.execution_count = done[cell.id].execution_count
    return target


def same_outputs(one: Iterable[Any], other: Iterable[Any]) -> bool:
    """Say whether nbval would take two lists of outputs of a cell for the same."""
    return _comparable(one) == _comparable(other)


def _comparable(outputs: Iterable[Any]) -> dict[str, list[Any]]:
    """Sort what outputs hold by kind, in order, without what nbval skips and without the bytes of pictures."""
    kinds: dict[str, list[Any]] = {}
    for output in _merged(copy.deepcopy(list(outputs))):
        flat = dict(output)
        if output.output_type == "stream":
            flat = {output.name: output.text}
        flat |= flat.pop("data", {})
        for kind, value in flat.items():
            if kind not in _NOT_COMPARED:
                kinds.setdefault(kind, []).append(_IMAGES.sub("", value) if isinstance(value, str) else value)
    return kinds


def _write_notebook(path: Path, book: NotebookNode) -> bool:
    """Write a notebook unless the one that is there says the same; return whether it was written."""
    import nbformat

    try:
        there = _committed(path)
    except UsageError:
        there = None
    if there is not None and _first_difference(there, book) is None:
        pairs = zip(there.cells, book.cells, strict=True)
        if all(_same_run(old, new) for old, new in pairs):
            return False
    nbformat.validate(book)
    _write(path, nbformat.writes(book) + "\n")
    return True


def _same_run(old: NotebookNode, new: NotebookNode) -> bool:
    if old.cell_type != "code":
        return True
    return old.execution_count == new.execution_count and same_outputs(old.outputs, new.outputs)


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    failures = build(sys.argv[1:])
    print(*failures, sep="\n")
    sys.exit(1 if failures else 0)
