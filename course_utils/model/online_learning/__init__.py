"""The year again, day by day: static against dynamic training on the same flights and the same inputs.

Every learner here answers for a flight with what it knew on the morning of that day. When labels arrive is stated as a
delay in days: 0 means at once, before the next flight is predicted, which no airline can have; 1 means that the flights
of a day have their labels the next morning.
"""

from course_utils.model.online_learning.guard import (
    NAMESPACES,
    OPTIONS,
    START,
    GuardedRun,
    Learner,
    Stream,
    compare_label_delays,
    comparison_start,
    every_nth_flight,
    first_days,
    learn_guarded,
    learn_or_roll_back,
    loss_by_week,
    online_rate_table,
    recalibrated,
    replay,
    stream,
    timetable,
    total_loss,
    train_monthly,
    train_once,
    weeks_side_by_side,
)

__all__ = [
    "NAMESPACES",
    "OPTIONS",
    "START",
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
