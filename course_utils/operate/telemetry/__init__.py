"""Bring what is measured to Prometheus, with the times at which it happened, and ask it.

`expose` writes a table of days as OpenMetrics. `open_history` gives that to a real Prometheus where one is installed
(`backfill` by ``promtool``, a free port, gone afterwards) and to a small reader elsewhere; both answer alike. `rules`
are the alerts, `check_rule` tests one, `panels` are what the notebook and Grafana show. `Prometheus` is the real one,
to scrape a running service.
"""

from course_utils.operate.telemetry.deployment import deployment_files
from course_utils.operate.telemetry.exposition import expose, metric_name, read_exposition
from course_utils.operate.telemetry.history import History, open_history
from course_utils.operate.telemetry.panels import dashboard, panels
from course_utils.operate.telemetry.programs import installed
from course_utils.operate.telemetry.prometheus import Prometheus, backfill
from course_utils.operate.telemetry.reader import Reader
from course_utils.operate.telemetry.rules import (
    check_rule,
    metrics_of,
    promtool,
    rule_file,
    rule_states,
    rule_test,
    rules,
)

__all__ = [
    "History",
    "Prometheus",
    "Reader",
    "backfill",
    "check_rule",
    "dashboard",
    "deployment_files",
    "expose",
    "installed",
    "metric_name",
    "metrics_of",
    "open_history",
    "panels",
    "promtool",
    "read_exposition",
    "rule_file",
    "rule_states",
    "rule_test",
    "rules",
]
