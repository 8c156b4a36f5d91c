"""The generated files of deploy/: rules for Prometheus and dashboards for Grafana.

`course generate` writes them from alerts.toml, drift.toml and panels.toml, and a test names any that is stale.
"""

from __future__ import annotations

import json

from course_utils.operate.telemetry.alert_rules import FILES, rule_file
from course_utils.operate.telemetry.dashboards import dashboard

__all__ = ["deployment_files"]

_HEAD = "# Written by `course generate` from alerts.toml and drift.toml in course_utils/tables/: change those.\n"


def deployment_files() -> dict[str, str]:
    """Return the content of each generated file of deploy/, by its path relative to the course's folder."""
    import yaml

    found = {}
    for name in FILES:
        rules = yaml.safe_dump(rule_file(name), sort_keys=False, width=110, allow_unicode=True)
        found[f"deploy/prometheus/rules/{name}.yml"] = _HEAD + rules
        board = json.dumps(dashboard(name), indent=2, ensure_ascii=False)
        found[f"deploy/grafana/dashboards/{name}.json"] = board + "\n"
    return found
