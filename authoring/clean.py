"""Remove what the course made, and nothing else: ``python3 authoring/clean.py``, or ``make clean``.

Learners' own copies and answers (``my_lessons/``) stay unless ``--all`` is given. Only the standard library is used,
because the environment itself is among what goes.
"""

import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Made by the course, and ignored by Git.
MADE = (
    ".venv",
    "benchmarks/.venv",
    "runs",
    "build",
    "data/external/allyears2k.csv",
    "data/interim",
    "data/processed",
    ".pytest_cache",
    ".ruff_cache",
    ".hypothesis",
)
#: Folders in which Python and Jupyter leave caches beside the files.
WITH_CACHES = ("authoring", "course_utils", "tests", "lessons", "notebooks", "solutions", "benchmarks", "my_lessons")
CACHES = ("__pycache__", ".ipynb_checkpoints")
MINE = "my_lessons"


def made(root: Path, everything: bool = False) -> list:
    """List what there is to remove.

    Parameters
    ----------
    root : Path
        The clone.
    everything : bool
        The learner's own copies too.
    """
    paths = [root / name for name in (*MADE, *([MINE] if everything else []))]
    for folder in WITH_CACHES:
        for cache in CACHES:
            paths += (root / folder).rglob(cache)
    return [path for path in paths if path.exists() or path.is_symlink()]


def main(arguments: list, root: Path = ROOT) -> int:
    """Remove it and say what went."""
    everything = "--all" in arguments
    if everything and not (root / MINE).is_symlink():
        for solution in (root / MINE / "solutions").glob("*.ipynb"):
            solution.chmod(0o644)  # Windows removes no file that is read-only
    for path in made(root, everything):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(str(path))
        elif path.exists() or path.is_symlink():
            path.unlink()
        print(f"removed {path.relative_to(root)}")
    if not everything and (root / MINE).exists():
        print(f"kept {MINE}/, your own copies and answers (make clean-all removes them too)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
