"""A data-science project: made from a template, kept in order by rules, and free of secrets.

``project`` makes and commits scratch projects, ``layout`` has the rules, ``run_logs`` the logs of training,
``secret_scan`` the search for keys, ``notebooks`` the review of changes, and ``legacy`` a project to clean up.
"""

from course_utils.develop.project_structure.layout import (
    RULES,
    Rule,
    alternatives,
    folders_exist,
    items_to_place,
    lint,
    logs_are_dated,
    notebooks_are_named,
    raw_is_read_only,
    roles,
    tables_are_in_data,
    tree,
)
from course_utils.develop.project_structure.legacy import THRESHOLDS, WEATHER, inherited_project, set_threshold
from course_utils.develop.project_structure.notebooks import Review, clear_outputs, review_last_change
from course_utils.develop.project_structure.project import Project, commit, save, scaffold
from course_utils.develop.project_structure.run_logs import read_runs, record_run
from course_utils.develop.project_structure.secret_scan import install_secret_hook, secrets, secrets_in_history

__all__ = [
    "RULES",
    "THRESHOLDS",
    "WEATHER",
    "Project",
    "Review",
    "Rule",
    "alternatives",
    "clear_outputs",
    "commit",
    "folders_exist",
    "inherited_project",
    "install_secret_hook",
    "items_to_place",
    "lint",
    "logs_are_dated",
    "notebooks_are_named",
    "raw_is_read_only",
    "read_runs",
    "record_run",
    "review_last_change",
    "roles",
    "save",
    "scaffold",
    "secrets",
    "secrets_in_history",
    "set_threshold",
    "tables_are_in_data",
    "tree",
]
