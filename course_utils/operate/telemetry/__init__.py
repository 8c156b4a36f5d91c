"""Bring daily signals to Prometheus, each with the time at which it happened, and query them.

`expose` writes a daily table as OpenMetrics. `open_history` loads it into a real Prometheus where one is installed, and
into the small PromQL `Reader` elsewhere; both give the same answers. `rules` lists the alerts, `check_rule_file` tests
a file of them, and `panels` lists what the notebook and Grafana show. `Prometheus` is the real one, to scrape a running
service.
"""

from course_utils.operate.telemetry.alert_rules import (
    alerts_of,
    check_rule,
    check_rule_file,
    metrics_of,
    promtool,
    rule_file,
    rule_states,
    rule_test,
    rules,
)
from course_utils.operate.telemetry.dashboards import dashboard, panels
from course_utils.operate.telemetry.deployment import deployment_files
from course_utils.operate.telemetry.exposition import expose, metric_name, read_exposition
from course_utils.operate.telemetry.history import History, open_history
from course_utils.operate.telemetry.programs import installed
from course_utils.operate.telemetry.prometheus import Prometheus, backfill
from course_utils.operate.telemetry.reader import Reader

__all__ = [
    "History",
    "Prometheus",
    "Reader",
    "alerts_of",
    "backfill",
    "check_rule",
    "check_rule_file",
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
