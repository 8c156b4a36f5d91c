"""Run the real ``vw`` from Python and read what it reports.

`run` trains in a process of its own and returns losses, predictions and weights. `parse_with_vw` shows what
VW's own parser reads in a line of text.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from course_utils import tables
from course_utils.errors import DataError, UsageError
from course_utils.wording import counted

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["Run", "deck_run", "parse_with_vw", "run"]


def parse_with_vw(*lines: str) -> pd.DataFrame:
    """Return what VW's own parser reads in the `lines` of text, which it never refuses.

    Returns
    -------
    DataFrame, one row for each line
        'label' (NaN: none), 'importance', 'tag', 'features' (how many) and 'values' (theirs, in order).

    Examples
    --------
    >>> vowpal.parse_with_vw("1 |f delay:13 dest=LAX")["values"].item()
    '13, 1'
    >>> vowpal.parse_with_vw("1 |f delay:NA dest=LAX")["values"].item()
    '1, 1'
    """
    import pandas as pd
    from vowpalwabbit import Workspace

    rows = []
    with Workspace("--quiet --noconstant") as learner:
        for line in lines:
            example = learner.parse(line)
            label = example.get_simplelabel_label()
            rows.append(
                {
                    # VW marks an example without a label by the largest number of single precision.
                    "label": math.nan if label > 1e38 else label,
                    "importance": example.get_simplelabel_weight(),
                    "tag": example.get_tag(),
                    "features": example.get_feature_number(),
                    "values": ", ".join(f"{value:g}" for _, value in example.iter_features()),
                }
            )
            learner.finish_example(example)
    return pd.DataFrame(rows, index=pd.Index(lines, name="line"))


@dataclass(frozen=True, repr=False)
class Run:
    """The result of one run of ``vw``.

    Attributes
    ----------
    options : str
        As given to `run`.
    examples, features : int
        As VW counts them; features with the constant of each example.
    loss : float
        VW's progressive loss: the average over all examples, each predicted before it is learnt.
    progress : DataFrame
        VW's own table: average loss after 1, 2, 4, 8 … examples.
    predictions : array of float, shape (examples,)
        One for each example, made before it was learnt.
    weights : Series
        By readable name, largest first; empty unless asked for.
    """

    options: str
    examples: int
    features: int
    loss: float
    progress: pd.DataFrame
    predictions: np.ndarray
    weights: pd.Series

    @property
    def probabilities(self) -> np.ndarray:
        """The predictions as probabilities of the label 1, for a run with logistic loss and without a link."""
        import numpy as np

        return 1 / (1 + np.exp(-self.predictions))

    def __repr__(self) -> str:
        return f"{counted(self.examples, 'example')}, {counted(self.features, 'feature')}, average loss {self.loss:.3f}"


def run(
    examples: str | os.PathLike[str] | Sequence[str],
    options: str = "",
    *,
    names: bool = False,
) -> Run:
    """Run ``vw`` once over examples, in a process of its own.

    Parameters
    ----------
    examples : path or sequence of str
        A file of VW's text, or its lines.
    options : str
        VW's own command-line options, such as ``"--loss_function logistic -q ab"``.
    names : bool
        Also read the weights by name; VW is then slower, since it keeps the text of every feature.

    Raises
    ------
    UsageError
        VW refuses an option.
    DataError
        There are no examples.

    Examples
    --------
    >>> vowpal.run(["1 |f Dest=LAX", "-1 |f Dest=ORD", "1 |f Dest=LAX"], "--loss_function logistic")
    3 examples, 6 features, average loss 0.692
    """
    import pandas as pd

    with tempfile.TemporaryDirectory(prefix="vw-") as folder:
        scratch = Path(folder)
        words = ["-d", os.fspath(_as_file(examples, scratch)), *options.split(), "-p", "predictions"]
        if names:
            words += ["--invert_hash", "names"]
        totals, progress = _read_report(_command(words, scratch))
        if not totals.get("number of examples"):
            raise DataError("there are no examples", fix="give at least one line of VW's text")
        return Run(
            options,
            int(totals["number of examples"]),
            int(totals["total feature number"]),
            totals["average loss"],
            progress,
            _read_predictions(scratch / "predictions"),
            _read_weights(scratch / "names") if names else pd.Series(dtype=float),
        )


def _as_file(examples: str | os.PathLike[str] | Sequence[str], scratch: Path) -> Path:
    if isinstance(examples, str | os.PathLike):
        # Absolute, since VW runs in the scratch folder.
        path = Path(examples).resolve()
        if not path.is_file():
            raise DataError("does not exist", file=path, fix="name a file of VW's text, or give its lines as a list")
        return path
    path = scratch / "examples"
    path.write_text("".join(f"{line}\n" for line in examples), encoding="utf-8", newline="\n")
    return path


def _command(words: Sequence[str], folder: Path) -> str:
    """Run ``python -m vowpalwabbit`` and return what it reports."""
    # A process of its own, since VW writes its report to the process's standard error, where Python cannot read it.
    command = [sys.executable, "-m", "vowpalwabbit", *words]
    ended = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, encoding="utf-8", errors="replace", check=False
    )
    if ended.returncode:
        reason = (ended.stderr.strip().splitlines() or ["no message"])[-1]
        raise UsageError(
            f"VW refuses: {reason.removeprefix('RuntimeError: ')}",
            fix="see https://github.com/VowpalWabbit/vowpal_wabbit/wiki/Command-Line-Arguments for names and values",
        )
    return ended.stderr


def _read_report(text: str) -> tuple[dict[str, float], pd.DataFrame]:
    """Read VW's report: its last lines as numbers, its table of progress as a table."""
    import pandas as pd

    # With several passes VW marks a loss on held-out examples: '0.43 h'.
    totals = dict(re.findall(r"^([^=\n]+) = (-?[\d.]+)(?: h)?$", text, re.MULTILINE))
    totals = {key.strip().replace(" per pass", ""): float(number) for key, number in totals.items()}
    table = re.findall(r"^(\S+) (\S+)(?: h)? +(\d+) +[\d.]+ +\S+ +\S+ +\d+$", text, re.MULTILINE)
    rows = [(int(count), float(average), float(last)) for average, last, count in table if average != "n.a."]
    progress = pd.DataFrame(rows, columns=["examples", "average loss", "since the row above"]).set_index("examples")
    return totals, progress


def _read_predictions(path: Path) -> np.ndarray:
    import numpy as np

    text = path.read_text(encoding="utf-8")
    if " " in text:  # VW writes an example's tag after its prediction
        text = "\n".join(line.split(" ", 1)[0] for line in text.splitlines())
    # One call for all lines: float() for each would take several times as long.
    return np.fromstring(text, sep="\n")


def _read_weights(path: Path) -> pd.Series:
    """Read VW's inverted hash: ``namespace^name=value:index:weight …`` for each feature."""
    import pandas as pd

    found = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        match = re.fullmatch(r"(\S*?):(\d+):(-?[\d.e+-]+)(?: .*)?", line)
        if match:
            found["*".join(unquote(part.split("^", 1)[-1]) for part in match[1].split("*"))] = float(match[3])
    weights = pd.Series(found, name="weight", dtype=float).rename_axis("feature")
    return weights.sort_values(key=lambda values: -values.abs(), kind="stable")


def deck_run() -> pd.Series:
    """Return the numbers that the deck prints for its run of VW on a file with the answer among the inputs.

    Returns
    -------
    Series of object
        The run's numbers by name.

    See Also
    --------
    course_utils.model.training.deck_run : the deck's runs of XGBoost.

    Examples
    --------
    >>> vowpal.deck_run()["average_loss"]
    0.215646
    """
    import pandas as pd

    run = {key: value for key, value in tables.read_toml("deck.toml")["vw"].items() if isinstance(value, int | float)}
    return pd.Series(run, name="Vowpal Wabbit on the leaky file", dtype=object)
