"""What it costs to host a model: traffic from the timetable, servers from queueing theory, bills from price lists.

Prices are in ``tables/serve/prices.toml``, with date and source; the airline's assumptions are in
``tables/serve/hosting.toml``. You can replace both by arguments. Amounts of money are `decimal.Decimal`: a float cannot
represent 0.1 exactly, so rounding a sum up to the next cent would sometimes give one cent too much.
"""

from __future__ import annotations

from course_utils.serve.costs.bills import (
    CENT,
    architecture,
    aws_batch,
    aws_real_time,
    azure,
    google,
    prices,
    rent_or_buy,
)
from course_utils.serve.costs.capacity import (
    availability,
    burst_wait,
    cost_per_prediction,
    erlang_c,
    processor_time_ms,
    queue_wait,
    servers_needed,
    simulate_queue_wait,
)
from course_utils.serve.costs.spending import billing_export, budget_alerts, cost_controls, cost_tools, sql
from course_utils.serve.costs.traffic import assumptions, batch_jobs, demand, machine

__all__ = [
    "CENT",
    "architecture",
    "assumptions",
    "availability",
    "aws_batch",
    "aws_real_time",
    "azure",
    "batch_jobs",
    "billing_export",
    "budget_alerts",
    "burst_wait",
    "cost_controls",
    "cost_per_prediction",
    "cost_tools",
    "demand",
    "erlang_c",
    "google",
    "machine",
    "prices",
    "processor_time_ms",
    "queue_wait",
    "rent_or_buy",
    "servers_needed",
    "simulate_queue_wait",
    "sql",
]
