"""Replay a year of flights day by day, as a service would have seen it.

`Backtest` gives each `Day` its requests and the labels that had arrived. `service_model` is the model in service, and
`unseen_scores` are scores to calibrate limits on.
"""

from course_utils.operate.backtest.models import LIVE, QUIET, service_model, unseen_scores
from course_utils.operate.backtest.replay import Backtest, Day, small_backtest, with_departure_delay

__all__ = [
    "LIVE",
    "QUIET",
    "Backtest",
    "Day",
    "service_model",
    "small_backtest",
    "unseen_scores",
    "with_departure_delay",
]
