"""Grader of lesson 11, under- and overfitting."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.exercises.grading import Finding, as_mapping, as_number, grader, right, word_count, wrong
from course_utils.tables import active_dataset, read_toml

if TYPE_CHECKING:
    import pandas as pd


@grader("11.1")
def chosen_model(answer: Any) -> Sequence[Finding]:
    """Grade a model and its defence: a mapping with XGBoost's ``history``, the ``rounds`` kept and ``because``."""
    limits = read_toml("exercises.toml")["11.1"]
    given = as_mapping(answer)
    if given is None or not {"history", "rounds"} <= set(given):
        return [
            wrong(
                "no model is chosen",
                hint="hand in a dict: the learning curves as 'history', the trees you keep as 'rounds', your reasons "
                "as 'because'",
            )
        ]
    curve, rounds = _curve(given["history"]), as_number(given["rounds"])
    if curve is None:
        hint = "'history' is the dict that evals_result filled, with the sets named 'train' and 'validation' in evals"
        return [wrong("the history holds no pair of learning curves", hint=hint)]
    if rounds is None or rounds % 1 or int(rounds) not in curve.index:
        hint = f"a whole number from 1 to {len(curve)}, as many rounds as the history holds"
        return [wrong(f"rounds={given['rounds']!r} is not on the curve", hint=hint)]
    rounds = int(rounds)
    kept = float(curve.loc[rounds, "validation"])
    findings = [_place(curve, rounds, kept, limits)]
    if findings[0].kind == "right":
        findings.append(_level(kept, limits))
    return [*findings, *_reasons(given.get("because", ""), _gap(curve, rounds), limits)]


def _curve(history: Any) -> pd.DataFrame | None:
    """Return the losses by set, index: rounds counted from 1; None if there is no pair of curves."""
    import pandas as pd

    sets = history if isinstance(history, pd.DataFrame) else as_mapping(history) or {}
    losses = {name: sets.get(name) for name in ("train", "validation")}
    # XGBoost files the losses of each set under the name of the metric; a table of curves has none.
    losses = {name: next(iter(of.values()), None) if isinstance(of, Mapping) else of for name, of in losses.items()}
    if any(of is None or len(of) == 0 for of in losses.values()) or len({len(of) for of in losses.values()}) > 1:
        return None
    curve = pd.DataFrame({name: list(of) for name, of in losses.items()}, dtype=float)
    curve.index = pd.RangeIndex(1, len(curve) + 1, name="rounds")
    return curve


def _gap(curve: pd.DataFrame, rounds: int) -> float:
    """Return how much more the training loss fell than the validation loss, from the first round to the one kept.

    The losses themselves cannot be compared: months with fewer delays have a lower loss under any model.
    """
    fall = curve.iloc[0] - curve.loc[rounds]
    return float(fall["train"] - fall["validation"])


def _place(curve: pd.DataFrame, rounds: int, kept: float, limits: Mapping[str, Any]) -> Finding:
    """Say where on its validation curve the model was stopped."""
    validation = curve["validation"]
    lowest, best = float(validation.min()), validation.idxmin()
    tail = validation.iloc[-max(2, len(validation) // 5) :]
    turned = float(validation.iloc[-1]) > lowest + limits["flat"]
    flat = len(validation) >= 10 and float(tail.iloc[0] - tail.iloc[-1]) < limits["flat"]
    if not (turned or flat):
        hint = "a curve that still falls at its end has not shown its lowest point: give it more rounds"
        return wrong("it was stopped while the validation loss was still falling", hint=hint)
    if kept <= lowest + limits["near"]:
        return right("it keeps about as many rounds as validation asks for")
    if rounds < best:
        hint = "the validation curve goes on falling after this round: what would more rounds have brought?"
        return wrong("it was stopped while the validation loss was still falling", hint=hint)
    hint = (
        "look where the validation curve turns: later rounds learn training flights by heart, and only their loss falls"
    )
    return wrong("it was trained well past its lowest validation loss", hint=hint)


def _level(kept: float, limits: Mapping[str, Any]) -> Finding:
    if kept <= limits["bar"].get(active_dataset(), kept):
        return right("its validation loss is among the lower ones of the sweep")
    hint = "compare the lowest points of several depths and sample sizes, each at its own best round"
    return wrong("other settings reach a clearly lower validation loss", hint=hint)


def _reasons(reasons: Any, gap: float, limits: Mapping[str, Any]) -> Sequence[Finding]:
    least = int(limits["least_words"])
    if word_count(reasons) < least:
        return [wrong("the reasons say very little", hint=f"defend the choice in {least} words or more, as 'because'")]
    text = reasons.lower()
    if not re.search(r"validat|out[- ]of[- ]time|not seen|never seen|unseen", text):
        if re.search(r"\btest", text):
            hint = "a set that has chosen a model cannot report on it any more: which other set is there to choose by?"
            return [wrong("the reasons lean on the test set", hint=hint)]
        hint = "on which flights must a model do well to deserve being chosen?"
        return [wrong("the reasons do not say on which flights the model did well", hint=hint)]
    if gap >= limits["gap"] and not re.search(r"train|gap|overfit|over-fit|memor|by heart", text):
        hint = "it does much better on flights it has learnt from than on others: say why you accept that distance"
        return [wrong("the reasons pass over a wide gap between the two curves", hint=hint)]
    return [right("the reasons rest on flights that were not trained on")]
