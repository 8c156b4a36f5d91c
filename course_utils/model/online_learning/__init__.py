"""Replay the year day by day: online learning against static models, on the same flights and the same inputs.

Each learner predicts a flight with what it knew on the morning of that day. `stream` puts flights in order, `replay`
runs Vowpal Wabbit through them, `train_once` and others are the alternatives, `total_loss` and `loss_by_week` compare
them, and `learn_guarded` protects an online learner from bad labels.
"""

from course_utils.model.online_learning.alternatives import online_rate_table, recalibrated, train_monthly, train_once
from course_utils.model.online_learning.evaluation import loss_by_week, total_loss, weeks_side_by_side
from course_utils.model.online_learning.guard import GuardedRun, Learner, learn_guarded, learn_or_roll_back
from course_utils.model.online_learning.progressive import compare_label_delays, replay
from course_utils.model.online_learning.streams import (
    NAMESPACES,
    OPTIONS,
    Stream,
    comparison_start,
    every_nth_flight,
    first_days,
    stream,
    timetable,
)

__all__ = [
    "NAMESPACES",
    "OPTIONS",
    "GuardedRun",
    "Learner",
    "Stream",
    "compare_label_delays",
    "comparison_start",
    "every_nth_flight",
    "first_days",
    "learn_guarded",
    "learn_or_roll_back",
    "loss_by_week",
    "online_rate_table",
    "recalibrated",
    "replay",
    "stream",
    "timetable",
    "total_loss",
    "train_monthly",
    "train_once",
    "weeks_side_by_side",
]
