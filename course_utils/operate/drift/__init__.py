"""Detect drift: is today like the days that the model was trained on? Signals by day, and alarms with a budget.

`daily_signals` turns the days of a `backtest.Backtest` into a table of signals, `alarms` compares it with the limits of
tables/operate/drift.toml, `calibrate` sets such limits, and `weekly_evidence` shows what is read but never pages.
"""

from course_utils.operate.drift.alerting import alarms, days_to_detect, episodes
from course_utils.operate.drift.calibration import (
    calibrate,
    false_episodes,
    false_page_bounds,
    mean_episodes,
    poisson_bounds,
)
from course_utils.operate.drift.catalog import limits, signals
from course_utils.operate.drift.daily_table import daily_signals, findings, replace_days
from course_utils.operate.drift.evidence import (
    TEXTBOOK,
    feature_psi,
    input_coverage,
    sample_sizes,
    textbook_alarms,
    weekly_evidence,
)
from course_utils.operate.drift.reference_data import Reference, reference

__all__ = [
    "TEXTBOOK",
    "Reference",
    "alarms",
    "calibrate",
    "daily_signals",
    "days_to_detect",
    "episodes",
    "false_episodes",
    "false_page_bounds",
    "feature_psi",
    "findings",
    "input_coverage",
    "limits",
    "mean_episodes",
    "poisson_bounds",
    "reference",
    "replace_days",
    "sample_sizes",
    "signals",
    "textbook_alarms",
    "weekly_evidence",
]
