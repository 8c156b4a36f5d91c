"""Grader of lesson 11, under- and overfitting."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.exercises.grading import Finding, as_mapping, as_number, grader, not_a, right, word_count, wrong
from course_utils.tables import active_dataset, read_toml

if TYPE_CHECKING:
    import pandas as pd


@grader("11.1")
def chosen_model(answer: Any) -> Sequence[Finding]:
    """Grade a chosen model and its reasons: a mapping with ``fit`` (with curve and rounds) and ``because``."""
    limits = read_toml("exercises.toml")["11.1"]
    given = as_mapping(answer)
    if given is None or "fit" not in given:
        hint = "fill in the dict: the model that you chose as 'fit', your reasons as 'because'"
        return [wrong("no model is chosen", hint=hint)]
    fit, reasons = given["fit"], given.get("because", "")
    curve, rounds = getattr(fit, "curve", None), as_number(getattr(fit, "rounds", None))
    if not {"train", "validation"} <= set(getattr(curve, "columns", ())) or rounds is None:
        return [not_a("a trained model", fit, hint="'fit' is the trained model itself, not its score or its settings")]
    rounds = int(rounds)
    if rounds not in curve.index:
        return [wrong(f"round {rounds} is not on the curve", hint="choose one of the models that you trained above")]
    kept = float(curve.loc[rounds, "validation"])
    findings = [_stop(curve, rounds, kept, limits)]
    if findings[0].kind == "right":  # the level of a curve says little about a model that stopped at the wrong round
        findings.append(_level(kept, limits))
    return [*findings, *_reasons(reasons, _gap(curve, rounds), limits)]


def _gap(curve: pd.DataFrame, rounds: int) -> float:
    """Return how much more the training loss fell than the validation loss, from the first to the chosen round.

    The losses themselves cannot be compared: in months with fewer delays the loss of any model is lower.
    """
    fall = curve.iloc[0] - curve.loc[rounds]
    return float(fall["train"] - fall["validation"])


def _stop(curve: pd.DataFrame, rounds: int, kept: float, limits: Mapping[str, Any]) -> Finding:
    """Judge at which point of its validation curve the model was stopped."""
    validation = curve["validation"]
    lowest, best = float(validation.min()), validation.idxmin()
    tail = validation.iloc[-max(2, len(validation) // 5) :]
    turned = float(validation.iloc[-1]) > lowest + limits["flat"]
    flat = len(validation) >= 10 and float(tail.iloc[0] - tail.iloc[-1]) < limits["flat"]
    if not (turned or flat):
        hint = "a curve that still falls at its end has not reached its lowest point: train for more rounds"
        return wrong("it was stopped while the validation loss was still falling", hint=hint)
    if kept <= lowest + limits["near"]:
        return right("the number of rounds is near the lowest validation loss")
    if rounds < best:
        hint = "the validation curve continues to fall after this round: what would more rounds have improved?"
        return wrong("it was stopped while the validation loss was still falling", hint=hint)
    hint = "find where the validation curve turns: after that the model memorises, and only the training loss falls"
    return wrong("it was trained well past its lowest validation loss", hint=hint)


def _level(kept: float, limits: Mapping[str, Any]) -> Finding:
    if kept <= limits["bar"].get(active_dataset(), kept):
        return right("its validation loss is among the lowest of the sweep")
    hint = "compare the lowest points for several depths and sample sizes, each at its own best round"
    return wrong("other settings have a clearly lower validation loss", hint=hint)


def _reasons(reasons: Any, gap: float, limits: Mapping[str, Any]) -> Sequence[Finding]:
    least = int(limits["least_words"])
    if word_count(reasons) < least:
        return [wrong("the reasons are too short", hint=f"explain your choice in {least} words or more, as 'because'")]
    text = reasons.lower()
    if not re.search(r"validat|out[- ]of[- ]time|not seen|never seen|unseen", text):
        if re.search(r"\btest", text):
            hint = "a set used to choose a model can no longer give its final score: which other set can you choose by?"
            return [wrong("the reasons rely on the test set", hint=hint)]
        hint = "on which flights does a model have to do well for you to choose it?"
        return [wrong("the reasons do not say on which flights the model does well", hint=hint)]
    if gap >= limits["gap"] and not re.search(r"train|gap|overfit|over-fit|memor|by heart", text):
        hint = "the model does much better on flights that it learned from: say why you accept this difference"
        return [wrong("the reasons do not mention the wide gap between the two curves", hint=hint)]
    return [right("the reasons refer to flights that were not used for training")]
