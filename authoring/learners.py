"""The learner's own copies of the lessons: made once, never overwritten, reset on request.

They lie in ``my_lessons/``, which Git ignores, so that doing an exercise dirties no committed file. JupyterLab shows
that folder alone, so that nobody writes into ``notebooks/`` by accident; the solutions lie in it as copies that cannot
be saved, and are always those of the course.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from authoring import processes, surroundings
from course_utils import tables
from course_utils.errors import UsageError

FOLDER = "my_lessons"
#: Fingerprints of the lessons as they were when they were copied.
ORIGINALS = ".originals.json"
SOLUTIONS = "solutions"
#: Defaults of JupyterLab: it does not ask whether it may fetch news.
LAB_SETTINGS = Path(__file__).with_name("lab_settings")


def copy_lessons(root: Path = surroundings.ROOT) -> list[str]:
    """Copy each lesson that has no copy yet, bring the copied solutions up to date, and say which lessons are new.

    Returns
    -------
    list of str
        Names of the copied notebooks.

    Raises
    ------
    UsageError
        There are no lessons to copy.
    """
    lessons = _lessons(root)
    if not lessons:
        raise UsageError("notebooks holds no lesson", fix="restore it from Git")
    missing = [lesson for lesson in lessons if not (root / FOLDER / lesson.name).exists()]
    for lesson in missing:
        _copy(lesson, root)
    _copy_solutions(root)
    return [lesson.name for lesson in missing]


def changed(root: Path = surroundings.ROOT) -> list[str]:
    """Name the lessons that the course has changed since the learner's copy was made."""
    known = _originals(root)
    return [
        lesson.name
        for lesson in _lessons(root)
        if (root / FOLDER / lesson.name).exists() and known.get(lesson.name) != _fingerprint(lesson)
    ]


def reset(number: str, root: Path = surroundings.ROOT) -> tuple[Path, Path | None]:
    """Put a fresh copy of a lesson in place and keep the old one under a numbered name.

    Parameters
    ----------
    number : str
        ``12``, or the notebook's name.
    root : Path
        The clone.

    Returns
    -------
    fresh : Path
        The new copy.
    kept : Path or None
        Where the old one is now; None if there was none.

    Raises
    ------
    UsageError
        There is no such lesson.
    """
    stem = Path(number).stem
    found = [lesson for lesson in _lessons(root) if stem == lesson.stem or stem.zfill(2) == lesson.stem[:2]]
    if not found:
        choices = ", ".join(lesson.stem[:2] for lesson in _lessons(root))
        raise UsageError(f"there is no lesson {number!r}", fix=f"choose from {choices}")
    mine = root / FOLDER / found[0].name
    kept = None
    if mine.exists():
        count = 1
        while (kept := mine.with_name(f"{mine.stem}.mine-{count}.ipynb")).exists():
            count += 1
        mine.replace(kept)
    _copy(found[0], root)
    _copy_solutions(root)
    return mine, kept


def lab(
    *,
    browser: bool = True,
    options: tuple[str, ...] = (),
    root: Path = surroundings.ROOT,
    start: Callable[..., int] = processes.foreground,
) -> int:
    """Open JupyterLab at the first lesson of the learner's own copies.

    Parameters
    ----------
    browser : bool
        Open a browser window.
    options : tuple of str
        More options for ``jupyter lab``.
    root : Path
        The clone.
    start : callable
        Starts the command; a test puts its own here.

    Returns
    -------
    int
        JupyterLab's exit code.

    Raises
    ------
    UsageError
        JupyterLab would refuse to start as root, or there are no lessons.
    """
    if getattr(os, "geteuid", lambda: 1)() == 0 and "--allow-root" not in options:
        raise UsageError(
            "JupyterLab does not start as root, since a notebook could then change the whole system",
            fix="use an ordinary user; in a container of your own, type: course lab -- --allow-root",
        )
    copy_lessons(root)
    first = min((root / FOLDER).glob("[0-9][0-9]_*.ipynb")).name
    settings = {
        "ServerApp.root_dir": str(root / FOLDER),
        "LabApp.default_url": f"/lab/tree/{first}",
        "ServerApp.answer_yes": "True",  # Ctrl-C stops at once
        "LabApp.app_settings_dir": str(LAB_SETTINGS),
        **tables.read_toml("quiet.toml")["jupyterlab"],
    }
    command = [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in settings.items())]
    if not browser:
        command.append("--no-browser")
    environment = {**os.environ, **surroundings.quiet()}
    return start([*command, *options], cwd=root / FOLDER, env=environment)


def _lessons(root: Path) -> list[Path]:
    return sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def _fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _originals(root: Path) -> dict[str, str]:
    try:
        return json.loads((root / FOLDER / ORIGINALS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _copy(lesson: Path, root: Path) -> None:
    originals = _originals(root) | {lesson.name: _fingerprint(lesson)}
    _put(root / FOLDER / lesson.name, _moved(lesson))
    _put(root / FOLDER / ORIGINALS, json.dumps(originals, indent=1, sort_keys=True).encode())


def _moved(notebook: Path) -> bytes:
    """Return a committed notebook as it is in the learner's folder: ``solutions/`` is in it, not beside it.

    A lesson has no outputs there: below a question to guess at would be its answer.
    """
    if notebook.parent.name == SOLUTIONS:
        return notebook.read_bytes().replace(b"](../notebooks/", b"](../")
    content = json.loads(notebook.read_text(encoding="utf-8"))
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None
    text = json.dumps(content, ensure_ascii=False, indent=1) + "\n"
    return text.encode().replace(b"](../solutions/", b"](solutions/")


def _copy_solutions(root: Path) -> None:
    """Bring the copies of solutions up to date; they cannot be saved, so that none differs from the course's."""
    for solution in sorted((root / SOLUTIONS).glob("[0-9][0-9]_*.ipynb")):
        target, content = root / FOLDER / SOLUTIONS / solution.name, _moved(solution)
        if not target.is_file() or target.read_bytes() != content:
            _put(target, content)
        target.chmod(0o444)


def _put(target: Path, content: bytes) -> None:
    """Write a file under a temporary name, then rename it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".copying-") as scratch:
        made = Path(scratch) / "made"
        made.write_bytes(content)
        if target.exists():
            target.chmod(0o644)  # Windows replaces no file that is read-only
        made.replace(target)
