"""What hosting a model costs: demand from the timetable, servers from a queue, bills from prices and rounding rules.

Prices stand in ``tables/serve/prices.toml`` with their date and source, what the airline assumes in ``tables/serve/hosting.toml``;
every function takes others. Money that somebody rounds is `decimal.Decimal`: a float cannot hold a tenth of a cent, so
that a sum rounded up to the next cent comes out a cent too high now and then.
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
