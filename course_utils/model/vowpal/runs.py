"""Run the real ``vw`` from Python and read what it reports.

`run` trains in a process of its own and returns losses, predictions and weights. `parse_with_vw` shows what
VW's own parser reads in a line of text.
"""

from __future__ import annotations

import math
import os
import re
import shlex
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
from course_utils.model.vowpal.text import format_number
from course_utils.wording import counted

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["Run", "deck_run", "parse_with_vw", "run"]

#: Options that `run` sets itself or that take away what it reads.
_OWN = ("-d", "--data", "-p", "--predictions", "--invert_hash", "--quiet", "--driver_output_off", "--daemon", "--stdin")
#: ``python -m vowpalwabbit`` without its imports, which take as long as learning some thousand examples.
_PROGRAM = "import sys, pylibvw; vw = pylibvw.vw(sys.argv[1:]); vw.run_parser(); vw.finish()"


def parse_with_vw(*lines: str) -> pd.DataFrame:
    """Return what VW's own parser reads in the `lines` of text, which it never refuses.

    Returns
    -------
    DataFrame, one row for each line
        'label' (NaN: none), 'importance', 'tag', 'features' (how many) and 'values' (theirs, in order, as short as
        VW's single precision allows).

    Raises
    ------
    DataError
        An item is not one line of text.

    Examples
    --------
    >>> vowpal.parse_with_vw("1 |f delay:13 dest=LAX")["values"].item()
    '13, 1'
    >>> vowpal.parse_with_vw("1 |f delay:NA dest=LAX")["values"].item()
    '1, 1'
    """
    import numpy as np
    import pandas as pd
    from vowpalwabbit import Workspace

    _check_lines(lines)
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
                    "values": ", ".join(
                        format_number(float(str(np.float32(value)))) for _, value in example.iter_features()
                    ),
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
        As VW counts them: features with the constant of each example; with several passes the examples of one pass
        without those that VW holds out.
    loss : float
        VW's progressive loss: the average over all examples, each predicted before it is learnt. With several passes
        that of the best pass on the examples that VW holds out; NaN where no example has a label.
    progress : DataFrame
        VW's own table: average loss after 1, 2, 4, 8 … examples.
    predictions : array of float, shape (lines,) or (lines, classes)
        One for each line, made before it was learnt; with several passes those of the first, since the later ones
        are of examples that were learnt already. One for each class with ``--oaa … --probabilities``.
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
        """The predictions as probabilities of the label 1, or of each class with ``--oaa … --probabilities``.

        Raises
        ------
        UsageError
            The run's predictions are not log-odds of a logistic loss, and no probabilities either.
        """
        from scipy.special import expit

        words = _split(self.options)
        given = dict(zip(words, [*words[1:], ""], strict=False)) | dict(re.findall(r"(\S+)=(\S+)", self.options))
        if "--probabilities" in given or given.get("--link") == "logistic":
            return self.predictions
        if given.get("--loss_function") != "logistic" or {"--oaa", "--binary", "--link"} & given.keys():
            raise UsageError(
                f"the predictions of {self.options!r} are not log-odds",
                fix="run VW with --loss_function logistic, and for several classes with --probabilities too",
            )
        return expit(self.predictions)

    def __repr__(self) -> str:
        loss = "n.a. (no label)" if math.isnan(self.loss) else f"{self.loss:.3f}"
        return f"{counted(self.examples, 'example')}, {counted(self.features, 'feature')}, average loss {loss}"


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
        VW refuses an option, or `run` sets it itself; or VW's predictions are not numbers with these options.
    DataError
        There are no examples, or an item is not one line of text.

    Examples
    --------
    >>> vowpal.run(["1 |f Dest=LAX", "-1 |f Dest=ORD", "1 |f Dest=LAX"], "--loss_function logistic")
    3 examples, 6 features, average loss 0.692
    """
    import pandas as pd

    with tempfile.TemporaryDirectory(prefix="vw-") as folder:
        scratch = Path(folder)
        given = _split(options)
        if own := next((word for word in given if word.split("=")[0] in _OWN), None):
            raise UsageError(
                f"vowpal.run sets {own} itself", fix="leave it out, or run `python -m vowpalwabbit` in a terminal"
            )
        words = ["-d", os.fspath(_as_file(examples, scratch)), *given, "-p", "predictions"]
        if names:
            words += ["--invert_hash", "names"]
        totals, progress = _read_report(_command(words, scratch))
        if not totals.get("number of examples"):
            raise DataError("there are no examples", fix="give at least one line of VW's text")
        count, passes = int(totals["number of examples"]), int(totals.get("passes used", 1))
        predictions = _read_predictions(scratch / "predictions", options)
        # VW counts no examples that it holds out, but predicts them in every pass.
        if len(predictions) % passes or len(predictions) < count * passes:
            raise _not_numbers(options)
        return Run(
            options,
            count,
            int(totals["total feature number"]),
            totals.get("average loss", math.nan),
            progress,
            predictions[: len(predictions) // passes],
            _read_weights(scratch / "names") if names else pd.Series(dtype=float),
        )


def _as_file(examples: str | os.PathLike[str] | Sequence[str], scratch: Path) -> Path:
    if isinstance(examples, str | os.PathLike):
        # Absolute, since VW runs in the scratch folder.
        path = Path(examples).resolve()
        if not path.is_file():
            raise DataError("does not exist", file=path, fix="name a file of VW's text, or give its lines as a list")
        return path
    _check_lines(examples)
    path = scratch / "examples"
    path.write_text("".join(f"{line}\n" for line in examples), encoding="utf-8", newline="\n")
    return path


def _check_lines(lines: Sequence[str]) -> None:
    for row, line in enumerate(lines):
        if not isinstance(line, str) or "\n" in line or "\r" in line:
            kind = "several lines of text" if isinstance(line, str) else f"of the type {type(line).__name__}"
            raise DataError(f"is {kind}, not one line of VW's text", row=row, fix="give each example as one line")


def _split(options: str) -> list[str]:
    """Take options apart as a shell does."""
    try:
        return shlex.split(options)
    except ValueError as error:
        raise UsageError(f"a quote is not closed in {options!r}", fix="close it, or leave it out") from error


def _command(words: Sequence[str], folder: Path) -> str:
    """Run VW's command line and return what it reports."""
    # A process of its own, since VW writes its report to the process's standard error, where Python cannot read it.
    command = [sys.executable, "-c", _PROGRAM, *words]
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

    # With several passes VW marks a loss on held-out examples: '0.43 h'. Without any label it has no loss: 'n.a.'.
    totals = dict(re.findall(r"^([^=\n]+) = (-?(?:[\d.]+|inf|nan))(?: h)?$", text, re.MULTILINE))
    totals = {key.strip().replace(" per pass", ""): float(number) for key, number in totals.items()}
    table = re.findall(r"^(\S+) (\S+)(?: h)? +(\d+) +[\d.]+ +\S+ +\S+ +\d+$", text, re.MULTILINE)
    rows = [(int(count), _loss(average), _loss(last)) for average, last, count in table]
    progress = pd.DataFrame(rows, columns=["examples", "average loss", "since the row above"]).set_index("examples")
    return totals, progress


def _loss(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan  # 'n.a.' or 'unknown': no example with a label


def _read_predictions(path: Path, options: str) -> np.ndarray:
    import numpy as np

    text = path.read_text(encoding="utf-8", errors="replace")
    if ":" in text or "," in text:
        return _read_classes(text, options)
    if " " in text:  # VW writes an example's tag after its prediction
        text = "\n".join(line.split(" ", 1)[0] for line in text.split("\n"))
    try:
        # One call for all lines: float() for each would take several times as long.
        return np.array(text.split(), dtype=float)
    except ValueError as error:
        raise _not_numbers(options) from error


def _read_classes(text: str, options: str) -> np.ndarray:
    """Read a prediction for each class: ``1:0.2 2:0.8 tag`` for each example."""
    import numpy as np

    rows = [re.findall(r"(?:^| )\d+:([\d.e+-]+)(?= |$)", line) for line in text.splitlines()]
    if not rows or not rows[0] or len({len(row) for row in rows}) > 1:
        raise _not_numbers(options)
    return np.array(rows, dtype=float)


def _not_numbers(options: str) -> UsageError:
    return UsageError(
        f"VW's predictions with {options!r} are not one number for each example or class",
        fix="run `python -m vowpalwabbit` with -p and read its file yourself",
    )


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
