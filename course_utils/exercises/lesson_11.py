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
    """Grade a model and its defence: a mapping with ``fit`` (anything with curve and rounds) and ``because``."""
    limits = read_toml("exercises.toml")["11.1"]
    given = as_mapping(answer)
    if given is None or "fit" not in given:
        return [
            wrong(
                "no model is chosen", hint="fill in the dict: the model you chose as 'fit', your reasons as 'because'"
            )
        ]
    fit, reasons = given["fit"], given.get("because", "")
    curve, rounds = getattr(fit, "curve", None), as_number(getattr(fit, "rounds", None))
    if not {"train", "validation"} <= set(getattr(curve, "columns", ())) or rounds is None:
        hint = "'fit' is the fitted model itself, not its score and not its settings"
        return [wrong(f"a {type(fit).__name__} is no fitted model", hint=hint)]
    rounds = int(rounds)
    if rounds not in curve.index:
        return [wrong(f"round {rounds} is not on the curve", hint="choose one of the models you trained above")]
    kept = float(curve.loc[rounds, "validation"])
    findings = [_place(curve, rounds, kept, limits)]
    if findings[0].kind == "right":
        findings.append(_level(kept, limits))
    return [*findings, *_reasons(reasons, _gap(curve, rounds), limits)]


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
