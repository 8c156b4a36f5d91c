"""How long a lesson takes at a learner's own pace, computed from its built notebook.

The minutes in class are the deck's. A learner who reads, guesses, looks at each result and solves
the exercises alone takes longer. The formula adds up what there is to do in the core route, at the rates below:

    minutes = words / 130 + lines of code / 15 + lines of output / 40 + figures × ½ + guesses × ½
              + exercises that ask for a function × 8 + other exercises × 6 + quizzes × 1

Folded code (claims and drawing) and folded text (hints, expected outputs) do not count. Results are rounded up to five.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from authoring import lessons, surroundings
from authoring.build import LEARNER, SOLVED

ROOT = surroundings.ROOT
WORDS, LINES, OUTPUT = 130, 15, 40  # a minute; technical English, read by people who may not be native speakers
FIGURE, GUESS, QUIZ, FUNCTION, EXERCISE = 0.5, 0.5, 1, 8, 6  # minutes, as a try-out of 03, 12 and 16 took
STEP = 5  # what results are rounded up to


def learner_minutes(name: str, root: Path = ROOT) -> int:
    """Return the minutes that a lesson takes at a learner's own pace; 0 where it is not built.

    Parameters
    ----------
    name : str
        Number and slug, such as ``12_static_training``.
    root : path
        The repository.
    """
    path = root / LEARNER / f"{name}.ipynb"
    if not path.is_file():
        return 0
    cells = list(_core(json.loads(path.read_text(encoding="utf-8"))["cells"]))
    functions = _functions(root / SOLVED / f"{name}.ipynb")
    minutes = sum(_text(cell) if cell["cell_type"] == "markdown" else _code(cell) for cell in cells)
    for cell in cells:
        if "exercise" in cell["metadata"].get("tags", ()):
            number = re.search(r"Exercise (\d\d\.\d+)", _source(cell))
            minutes += FUNCTION if number and number[1] in functions else EXERCISE
    return STEP * max(1, math.ceil(round(minutes, 6) / STEP))


def _core(cells: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the cells of the core route: what follows the mark `further` is beyond it."""
    for cell in cells:
        if "further" in cell["metadata"].get("tags", ()):
            return
        yield cell


def _source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _text(cell: dict[str, Any]) -> float:
    text = re.sub(r"<details>.*?</details>|<[^>]*>|\]\([^)]*\)", " ", _source(cell), flags=re.DOTALL)
    return len(re.findall(r"\w[\w'.,-]*", text)) / WORDS + GUESS * text.count("**Guess first")


def _code(cell: dict[str, Any]) -> float:
    folded = cell["metadata"].get("jupyter", {}).get("source_hidden", False)
    lines = [] if folded else [line for line in _source(cell).splitlines() if line.strip()]
    shown = 0.0
    for output in cell["outputs"]:
        data = output.get("data", {})
        html = "".join(data.get("text/html", ""))
        if "<img " in html or "image/png" in data:
            shown += FIGURE
        else:
            rows = html.count("<tr") or len("".join(output.get("text", data.get("text/plain", ""))).splitlines())
            shown += rows / OUTPUT
    quizzes = sum(1 for _ in lessons.calls(_source(cell), "quiz"))
    return len(lines) / LINES + shown + QUIZ * quizzes


def _functions(path: Path) -> frozenset[str]:
    """Return the exercises of a solved notebook whose answer is a function."""
    found, number = set(), None
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if path.is_file() else ():
        if stated := re.search(r"Exercise (\d\d\.\d+)", _source(cell)):
            number = stated[1] if "exercise" in cell["metadata"].get("tags", ()) else number
        elif number and cell["cell_type"] == "code":
            found |= {number} if re.search(r"^def ", _source(cell), re.MULTILINE) else set()
            number = None
    return frozenset(found)
