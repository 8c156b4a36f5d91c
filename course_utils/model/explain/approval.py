"""The approval pack for legal and compliance, and the tables of methods and of the deck's sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from course_utils import tables
from course_utils.errors import ModelError
from course_utils.model.explain.attribution import Explanation
from course_utils.model.explain.family_reasons import by_family, stability
from course_utils.model.explain.proxy import TOTALS
from course_utils.wording import counted

if TYPE_CHECKING:
    from course_utils.model.training import Scorer

__all__ = ["approval_pack", "deck_sources", "methods"]


def methods() -> pd.DataFrame:
    """Return ways to explain a model: what each answers, when it is right and when it misleads.

    Examples
    --------
    >>> explain.methods().loc["LIME", "answers"]
    'Which straight line is closest to the model near this flight?'
    """
    return pd.DataFrame(tables.read_toml("reasons.toml")["method"]).set_index("name").rename_axis("method")


def deck_sources() -> pd.DataFrame:
    """Return the sources that the deck names for interpretability, and what each has become.

    Examples
    --------
    >>> explain.deck_sources().index[0]
    'SHAP: paper and implementation'
    """
    rows = tables.read_toml("reasons.toml")["source"]
    return pd.DataFrame(rows).set_index("name").rename_axis("the deck names")


def approval_pack(
    scorer: Scorer, explanation: Explanation, forbidden: str, given_away: pd.Series | Mapping[str, float]
) -> pd.DataFrame:
    """Return one page for legal and compliance: each question, its answer, and the evidence.

    Parameters
    ----------
    scorer : Scorer
        The model, with the card that training writes.
    explanation : Explanation
        SHAP values of the same model, from which the importance of families is computed.
    forbidden : str
        The column that must not be used.
    given_away : Series or mapping
        As from `proxy_strength`, of the inputs that the model has kept and the forbidden column.

    Returns
    -------
    DataFrame
        Index: 'question'. 'answer' and 'evidence'; the last rows are for signatures.

    Raises
    ------
    ModelError
        The scorer has no card.

    Examples
    --------
    >>> from course_utils.data import features, splits
    >>> from course_utils.model import training
    >>> inputs = features.schedule(flights)
    >>> model = training.train_xgboost(splits.split_at_random(flights), inputs, rounds=30)
    >>> explanation, left = explain.shap_values(model.scorer, inputs), explain.proxy_strength(inputs, "Origin")
    >>> explain.approval_pack(model.scorer, explanation, "Origin", left).loc["Does it use what it must not?", "answer"]
    'Origin: used'
    """
    card = scorer.card
    if "trained on" not in card:
        raise ModelError("the model has no card", fix="fit it with training.train_xgboost, which writes one")
    data = card["trained on"]
    shares = by_family(explanation.values).abs().mean().sort_values(ascending=False)
    shares = (100 * shares / shares.sum()).round(0)
    measured = stability()
    days = measured.loc["training days"]
    answers = {
        "purpose": card["purpose"],
        "not_for": card["not for"],
        "data": f"{data['data set']}, {counted(data['flights'], 'flight')}, {data['split']}",
        "inputs": ", ".join(f"{name} {share:.0f}%" for name, share in shares.items()),
        "forbidden": f"{forbidden}: " + ("used" if forbidden in explanation.values else "not used"),
        "recovered": f"from all inputs together for {100 * given_away[TOTALS[0]]:.0f}% of flights; a guess at the "
        f"commonest is right for {100 * given_away[TOTALS[1]]:.0f}%",
        "adds_up": f"yes, for each of {counted(len(explanation.values), 'flight')}" if explanation.adds_up else "no",
        "stable": f"the strongest family is the same for {days['family, mean [%]']:.0f}% of warned flights after a "
        f"retrain on resampled days (kappa {days['family, kappa']:.2f}), the strongest column for "
        f"{days['column, mean [%]']:.0f}% (kappa {days['column, kappa']:.2f})",
    }
    rows = [
        {
            "question": row["question"],
            "answer": answers.get(row["key"], row.get("answer", "")),
            "evidence": row["evidence"],
        }
        for row in tables.read_toml("reasons.toml")["approval"]
    ]
    return pd.DataFrame(rows).set_index("question")
