"""The files of deploy/ that follow from the tables: rules and dashboards."""

from __future__ import annotations

import json

from course_utils.operate.telemetry.panels import dashboard
from course_utils.operate.telemetry.rules import FILES, rule_file

__all__ = ["deployment_files"]

_HEAD = "# Written by `course generate` from alerts.toml and drift.toml in course_utils/tables/: change those.\n"


def deployment_files() -> dict[str, str]:
    """Return what the generated files of deploy/ hold, by their path from the course's folder."""
    import yaml

    found = {}
    for name in FILES:
        rules = yaml.safe_dump(rule_file(name), sort_keys=False, width=110, allow_unicode=True)
        found[f"deploy/prometheus/rules/{name}.yml"] = _HEAD + rules
        board = json.dumps(dashboard(name), indent=2, ensure_ascii=False)
        found[f"deploy/grafana/dashboards/{name}.json"] = board + "\n"
    return found
