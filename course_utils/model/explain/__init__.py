"""Explain a model: SHAP values that add up, reasons in words, proxies of a forbidden column, and the approval pack.

`shap_values` explains flights and `reasons` turns the values into words. The other functions compare explanations,
explain by other methods, or write down what legal and compliance ask.
"""

from course_utils.model.explain.approval import approval_pack, deck_sources, methods
from course_utils.model.explain.attribution import (
    Explanation,
    ordinal_codes,
    shap_values,
)
from course_utils.model.explain.family_reasons import (
    add_near_duplicates,
    by_family,
    families,
    reasons,
    resampled_days,
    stability,
    top_reason_agreement,
)
from course_utils.model.explain.model_agnostic import (
    coalition_values,
    lime,
    shapley,
)
from course_utils.model.explain.proxy import proxy_columns, proxy_strength

__all__ = [
    "Explanation",
    "add_near_duplicates",
    "approval_pack",
    "by_family",
    "coalition_values",
    "deck_sources",
    "families",
    "lime",
    "methods",
    "ordinal_codes",
    "proxy_columns",
    "proxy_strength",
    "reasons",
    "resampled_days",
    "shap_values",
    "shapley",
    "stability",
    "top_reason_agreement",
]
