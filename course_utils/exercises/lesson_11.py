"""Grader of lesson 11, under- and overfitting."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from course_utils.exercises.grading import Finding, as_mapping, as_number, grader, listed, right, wrong
from course_utils.tables import active_dataset, read_toml

if TYPE_CHECKING:
    import pandas as pd


#: The reasons to choose from, and where to look if one is not a reason.
_REASONS = {
    "lowest training loss": "what does the training loss of the random labels in this lesson say about other flights?",
    "lowest validation loss": "",
    "lowest test loss": "months that have chosen a model cannot judge it any more: which other months may choose?",
    "smallest gap": "a model that always says the same has no gap at all: is it a good one?",
}


#: With random subsamples of rows, a training loss may rise by a little from one round to the next.
_LARGEST_RISE = 0.05


@grader("11.1")
def chosen_model(answer: Any) -> Sequence[Finding]:
    """Grade a choice of model: a mapping with XGBoost's ``history``, the ``rounds`` kept and ``because``."""
    limits = read_toml("exercises.toml")["11.1"]
    given = as_mapping(answer)
    if given is None or not {"history", "rounds"} <= set(given):
        return [
            wrong(
                "no model is chosen",
                hint="hand in a dict: the learning curves as 'history', the trees you keep as 'rounds', your reason "
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
    if (curve <= 0).any(axis=None):
        hint = "hand in the history as XGBoost filled it: a log-loss is above zero"
        return [wrong(f"a loss of {curve.min().min():g} is no log-loss", hint=hint)]
    train = curve["train"]
    if train.iloc[-1] >= train.iloc[0] or train.diff().max() > _LARGEST_RISE:
        hint = "a boosted model fits its training flights better in each round: is each curve under its own name?"
        return [wrong("the training loss does not fall from round to round", hint=hint)]
    if active_dataset() == "nyc2013" and curve["validation"].iloc[0] > curve["train"].iloc[0]:
        hint = "September and October have fewer delays, so their loss begins lower: which set has which name in evals?"
        return [wrong("the validation loss begins above the training loss", hint=hint)]
    rounds = int(rounds)
    kept = float(curve.loc[rounds, "validation"])
    findings = [_place(curve, rounds, kept, limits)]
    if findings[0].kind == "right":
        findings.append(_level(kept, limits))
    return [*findings, _reason(given.get("because"))]


def _curve(history: Any) -> pd.DataFrame | None:
    """Return the losses by set, index: rounds counted from 1; None if there is no pair of curves."""
    import pandas as pd

    sets = history if isinstance(history, pd.DataFrame) else as_mapping(history) or {}
    losses = {name: sets.get(name) for name in ("train", "validation")}
    # XGBoost files the losses of each set under the name of the metric; a table of curves has none.
    losses = {name: next(iter(of.values()), None) if isinstance(of, Mapping) else of for name, of in losses.items()}
    if any(not hasattr(of, "__len__") or isinstance(of, str) or len(of) == 0 for of in losses.values()):
        return None
    losses = {name: [as_number(one) for one in of] for name, of in losses.items()}
    if len({len(of) for of in losses.values()}) > 1 or any(one is None for of in losses.values() for one in of):
        return None
    curve = pd.DataFrame(losses, dtype=float)
    curve.index = pd.RangeIndex(1, len(curve) + 1, name="rounds")
    return curve


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


def _reason(because: Any) -> Finding:
    said = " ".join(because.lower().split()).rstrip(".") if isinstance(because, str) else because
    if not isinstance(said, str) or said not in _REASONS:
        return wrong(f"'because' is {because!r}", hint=f"choose one of {listed(list(_REASONS))}")
    if _REASONS[said]:
        return wrong(f"the {said} does not choose a model", hint=_REASONS[said])
    return right("the choice rests on flights that were not trained on, and not on those that judge")
