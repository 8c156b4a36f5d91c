"""Shadow deployment: a challenger answers the same requests as the champion, and no caller sees its answers.

`Shadow` keeps what both answered, and computes the evidence that `promotion.promotion_gate` needs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import dictionary, features
from course_utils.develop import promotion
from course_utils.errors import DataError
from course_utils.model import metrics

if TYPE_CHECKING:
    from course_utils.model.training import Scorer

__all__ = ["Shadow"]


class Shadow:
    """Answer with the champion, let a challenger answer the same rows unseen, and log both answers.

    Parameters
    ----------
    champion, challenger : Scorer
        The model in service, and the candidate to replace it. Callers get the champion's answers, even if the
        challenger fails.

    Attributes
    ----------
    failed : int
        How many rows the challenger could not answer.

    Examples
    --------
    >>> from course_utils.operate import backtest
    >>> machine = backtest.small_backtest(flights)
    >>> shadow = retraining.Shadow(champion=machine.scorer, challenger=machine.scorer)
    >>> answers = shadow.predict(machine.day("2013-01-02").rows)
    >>> shadow.log.columns.tolist(), len(shadow.log), shadow.failed
    (['champion', 'challenger'], 943, 0)
    """

    def __init__(self, champion: Scorer, challenger: Scorer) -> None:
        self.champion, self.challenger, self.failed = champion, challenger, 0
        self._log: list[pd.DataFrame] = []
        self._one: pd.DataFrame | None = None

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Return the champion's probabilities, float32, shape (rows,).

        Parameters
        ----------
        rows : DataFrame
            The inputs, one row a flight, indexed as the flights.
        """
        answer = self.champion.score(rows)
        try:
            other = np.asarray(self.challenger.score(rows), dtype=np.float32)
        except Exception:  # whatever goes wrong in the challenger must not reach the caller
            self.failed += len(rows)
            other = np.full(len(rows), np.nan, dtype=np.float32)
        self._log.append(pd.DataFrame({"champion": answer, "challenger": other}, index=rows.index))
        self._one = rows.head(1) if len(rows) else self._one
        return answer

    @property
    def log(self) -> pd.DataFrame:
        """The answers of 'champion' and 'challenger' by row label; the last answer if a flight was asked twice."""
        if not self._log:
            return pd.DataFrame(columns=["champion", "challenger"], dtype=float)
        log = pd.concat(self._log)
        return log[~log.index.duplicated(keep="last")]

    def evidence(self, flights: pd.DataFrame, chosen_by: pd.DataFrame, inputs: pd.DataFrame) -> pd.DataFrame:
        """Return the evidence about both models that `promotion.promotion_gate` needs.

        Parameters
        ----------
        flights : DataFrame
            Flights that were answered, with their outcomes; those without a label do not count.
        chosen_by : DataFrame
            The flights on which the challenger was selected, with their outcomes.
        inputs : DataFrame
            The inputs of the flights in `chosen_by`, by row label.

        Returns
        -------
        DataFrame, rows 'champion' and 'challenger'
            The columns of `promotion.EVIDENCE` and 'worst_carrier'. If the challenger failed on a row, its evidence is
            NaN, which does not pass the gate.

        Raises
        ------
        DataError
            None of the flights has both an answer and a label.
        """
        log = self.log
        judged = flights[flights.index.isin(log.index) & features.label(flights).notna()]
        before = chosen_by[features.label(chosen_by).notna()]
        if judged.empty or before.empty:
            raise DataError(
                "no flight has both an answer and a label", fix="let the shadow answer for some days before"
            )
        late, answers = features.label(judged).to_numpy(), log.loc[judged.index]
        complete = not self.failed
        losses = {
            name: metrics.log_losses(late, answers[name]) if complete or name == "champion" else None
            for name in answers
        }
        scorers = {"champion": self.champion, "challenger": self.challenger}
        worst, harm = ("", np.nan)
        if complete:
            worst, harm = _worst_carrier(losses["challenger"] - losses["champion"], judged)
        rows = {}
        seconds = {name: _fastest(scorer, self._one) for name, scorer in scorers.items()} if complete else {}
        for name, scorer in scorers.items():
            p = scorer.score(inputs.loc[before.index]) if losses[name] is not None else None
            rows[name] = {
                "validation_loss": metrics.log_loss(features.label(before), p) if p is not None else np.nan,
                "out_of_time_loss": float(losses[name].mean()) if losses[name] is not None else np.nan,
                "known_hours": _known_hours(scorer.encoder.columns),
                "carrier_harm": harm if name == "challenger" else 0.0,
                "worst_carrier": worst if name == "challenger" else "",
                "time_ratio": seconds[name] / seconds["champion"] if seconds else np.nan,
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def _worst_carrier(change: np.ndarray, flights: pd.DataFrame) -> tuple[str, float]:
    """Return the airline whose mean loss rises most, and by how much; airlines with few flights do not count."""
    by = pd.Series(change).groupby(flights["UniqueCarrier"].astype(str).to_numpy()).agg(["mean", "size"])
    mean = by.loc[by["size"] >= promotion.promotion_policy()["carrier_flights"], "mean"]
    return (str(mean.idxmax()), float(mean.max())) if len(mean) else ("", np.nan)


def _fastest(scorer: Scorer, row: pd.DataFrame, times: int = 20) -> float:
    """Return the seconds that a model takes for one flight: the fastest of many, since other programs only add time."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        scorer.score(row)
        best = min(best, time.perf_counter() - start)
    return best


def _known_hours(columns: Sequence[str]) -> float:
    """Return how many hours before departure all of these inputs are known."""
    known = dictionary.load()["known_hours_before"]
    derived = {name for names in features.groups().values() for name in names} - set(known.index)
    horizon = tables.read_toml("constants.toml")["horizon_hours"]  # that of `features.as_of`
    return float(min(horizon if name in derived else known.get(name, -1) for name in columns))
