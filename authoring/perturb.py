"""Spoil what lessons rest on, and see which claims notice: ``course perturb 06 12``.

A claim about data or a model must be able to fail. Each lesson runs with its data or its models spoilt in one way at a
time; a claim that holds under all of them says nothing about either, and is listed. Claims whose value is stated with
``always=`` are about arithmetic or about what a tool does: they hold for any data, and are exempt.

In the kernel this module is an extension of IPython: it spoils as the variable COURSE_PERTURB says, writes each claim
and whether it held to the file that COURSE_CLAIMS names, and lets the lesson go on.
"""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course_utils.errors import UsageError
from course_utils.wording import counted

if TYPE_CHECKING:
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["SPOILT", "ClaimRecord", "load_ipython_extension", "perturb", "record", "solutions", "told"]

# --------------------------------------------------------------------------- in the kernel


def _patch_flights(change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    """Let every caller of `load_flights` get the changed flights; their cache keeps the right ones."""
    from course_utils.data import datasets

    load = datasets.load_flights

    @functools.wraps(load)
    def load_flights(dataset: str | None = None) -> pd.DataFrame:
        return change(load(dataset))

    datasets.load_flights = load_flights


def _permuted_labels() -> None:
    """Give each flight the outcomes of another one."""
    import numpy as np

    outcomes = ("Delay", "DepTime", "ArrTime", "Cancel", "Divert", "AirTime", "Taxi", "ActualElapsed", "IsDep", "IsArr")

    def change(flights: pd.DataFrame) -> pd.DataFrame:
        names = [name for name in flights if any(word in name for word in outcomes) and not name.startswith("CRS")]
        order = np.random.default_rng(0).permutation(len(flights))
        changed = flights.copy()
        for name in names:
            changed[name] = flights[name].iloc[order].set_axis(flights.index)
        return changed

    _patch_flights(change)


def _half_the_flights() -> None:
    """Leave out every other flight, by chance."""
    _patch_flights(lambda flights: flights.sample(frac=0.5, random_state=0).sort_index())


def _base_rate_model() -> None:
    """Let every boosted model predict the share of late flights for each flight."""
    import numpy as np
    import xgboost

    share = 0.21
    for name in ("predict", "inplace_predict"):
        right = getattr(xgboost.Booster, name)

        @functools.wraps(right)
        def predict(self: Any, *given: Any, right: Any = right, **options: Any) -> Any:
            result = right(self, *given, **options)
            return np.full_like(result, share if np.ndim(result) == 1 else 0)

        setattr(xgboost.Booster, name, predict)


def _split_at_random() -> None:
    """Shuffle flights into training, validation and test where the course splits by time."""
    from course_utils.data import splits

    def split_by_time(flights: pd.DataFrame, *months: Any, **more: Any) -> splits.Split:
        return splits.split_at_random(flights)

    splits.split_by_time = split_by_time


#: What can be spoilt, by name.
SPOILT: dict[str, Callable[[], None]] = {
    "permuted labels": _permuted_labels,
    "half the flights": _half_the_flights,
    "base-rate model": _base_rate_model,
    "split at random": _split_at_random,
}


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Spoil as the environment asks for, and write down what each claim says, in this kernel only."""
    from course_utils import notebook
    from course_utils.errors import ClaimError
    from course_utils.notebook import claims

    strict, file = claims.claim, Path(os.environ["COURSE_CLAIMS"])

    @functools.wraps(strict)
    def claim(statement: str, measured: Any, **stated: Any) -> None:
        held = True
        try:
            strict(statement, measured, **stated)
        except ClaimError:
            held = False
        about_data = any(name not in ("always", "unit") for name in stated)
        with file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({"statement": statement, "held": held, "about_data": about_data}) + "\n")

    notebook.claim = claims.claim = claim  # lessons import the first, modules of the course the second
    if os.environ["COURSE_PERTURB"]:
        SPOILT[os.environ["COURSE_PERTURB"]]()


# --------------------------------------------------------------------------- outside of it


@dataclass
class ClaimRecord:
    """What is known of one claim of a lesson.

    Attributes
    ----------
    lesson, statement : str
        The lesson's number, and the claim's words.
    about_data : bool
        Whether its value is stated for a data set; if not, it is about arithmetic or a tool.
    failed : list of str
        Under what it failed, by the names of `SPOILT`.
    reached : list of str
        In which runs the lesson came as far as this claim.
    """

    lesson: str
    statement: str
    about_data: bool
    failed: list[str] = field(default_factory=list)
    reached: list[str] = field(default_factory=list)

    @property
    def never_fails(self) -> bool:
        """Whether it held in each run that reached it, though it is about data or a model."""
        return self.about_data and not self.failed and bool(self.reached)


def record(lesson: str, runs: dict[str, Sequence[dict[str, Any]]]) -> list[ClaimRecord]:
    """Return what is known of each claim of a lesson.

    Parameters
    ----------
    lesson : str
        The lesson's number.
    runs : dict
        For '' (nothing spoilt) and for each name of `SPOILT`: what each claim said, in the order of the run.
    """
    found = {one["statement"]: ClaimRecord(lesson, one["statement"], one["about_data"]) for one in runs[""]}
    for name, said in runs.items():
        for one in said:
            known = found.get(one["statement"])  # a statement that holds a measured number is another one here
            if known is not None and name:
                known.reached.append(name)
                if not one["held"]:
                    known.failed.append(name)
    return list(found.values())


def solutions(numbers: Sequence[str]) -> list[Path]:
    """Return the notebooks with all answers in them, of the lessons with these `numbers` or of all."""
    from authoring import surroundings

    found = sorted((surroundings.ROOT / "solutions").glob("[0-9][0-9]_*.ipynb"))
    unknown = [number for number in numbers if number not in {book.name[:2] for book in found}]
    if unknown:
        raise UsageError(f"there is no lesson {unknown[0]}", fix="name lessons by two digits, as in: course perturb 06")
    return [book for book in found if not numbers or book.name[:2] in numbers]


def told(claims: Sequence[ClaimRecord]) -> list[str]:
    """Return the lines to print for the claims of one lesson: a count, and those that never fail."""
    about = [claim for claim in claims if claim.about_data]
    blind = [claim for claim in about if claim.never_fails]
    lesson = claims[0].lesson if claims else "a lesson without claims"
    total = counted(len(claims), "claim")
    head = f"{lesson}: {total}, {len(about)} about data or a model, {len(blind)} of these never fail"
    return [head, *(f"  never fails: {claim.statement}" for claim in blind)]


def perturb(notebooks: Sequence[Path]) -> Iterator[list[ClaimRecord]]:
    """Run notebooks right and spoilt in each way, and yield what is known of the claims of each.

    Parameters
    ----------
    notebooks : sequence of pathlib.Path
        Notebooks with all answers in them; they are not changed.
    """
    for book in notebooks:
        yield record(book.name[:2], {name: _claims_of(book, name) for name in ("", *SPOILT)})


def _claims_of(book: Path, spoilt: str) -> list[dict[str, Any]]:
    """Run a notebook in a process of its own; cells that fail because of what was spoilt are passed over."""
    from authoring import surroundings

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "claims.jsonl"
        file.touch()
        around = {**surroundings.headless(), "COURSE_PERTURB": spoilt, "COURSE_CLAIMS": str(file)}
        command = [sys.executable, "-m", "authoring.perturb", str(book)]
        subprocess.run(command, cwd=surroundings.ROOT, env=around, check=True, stderr=subprocess.DEVNULL)
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def _execute(book: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    from authoring import patience

    NotebookClient(
        nbformat.read(book, as_version=4),
        timeout=patience.whole_seconds(patience.CELL),
        startup_timeout=patience.whole_seconds(patience.KERNEL),
        allow_errors=True,
        extra_arguments=["--InteractiveShellApp.extra_extensions=authoring.perturb"],
        kernel_name="python3",
        skip_cells_with_tag="live",
        resources={"metadata": {"path": str(book.parent)}},
    ).execute()


if __name__ == "__main__":
    _execute(Path(sys.argv[1]))
