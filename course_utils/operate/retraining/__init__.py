"""Retrain a model: when, whether the new model may take over, and how a service changes its own labels.

`run_policy` runs a policy through a year, and `Shadow` lets a challenger answer beside the champion.
`simulate_feedback_log` is a service whose warnings change what it measures, and `find_probing_clients` finds clients
that probe for the decision threshold.
"""

from course_utils.operate.retraining.feedback import (
    CURED,
    HOLD_OUT,
    WAYS,
    compare_with_hold_out,
    retrain_on_own_log,
    simulate_feedback_log,
    with_drifted_hub,
)
from course_utils.operate.retraining.policies import (
    FIRST,
    START,
    WEEKS,
    WORLDS,
    Policy,
    PolicyRun,
    ageing_loss,
    calendar_policy,
    challenger_policy,
    compare_policies,
    never_retrain,
    performance_policy,
    release_cost,
    release_costs,
    run_policy,
    weekly_values,
)
from course_utils.operate.retraining.probing import find_probing_clients, simulate_queries
from course_utils.operate.retraining.shadow import Shadow

__all__ = [
    "CURED",
    "FIRST",
    "HOLD_OUT",
    "START",
    "WAYS",
    "WEEKS",
    "WORLDS",
    "Policy",
    "PolicyRun",
    "Shadow",
    "ageing_loss",
    "calendar_policy",
    "challenger_policy",
    "compare_policies",
    "compare_with_hold_out",
    "find_probing_clients",
    "never_retrain",
    "performance_policy",
    "release_cost",
    "release_costs",
    "retrain_on_own_log",
    "run_policy",
    "simulate_feedback_log",
    "simulate_queries",
    "weekly_values",
    "with_drifted_hub",
]
