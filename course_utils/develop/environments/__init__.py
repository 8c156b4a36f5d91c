"""Environments: what a lock pins and what it cannot, and environments that are broken, fixed and built again.

``lockfile`` reads the course's own lock, ``installer`` resolves and builds with uv from ``package_index``, ``cases``
has the environments to fix, ``conda`` the commands of the deck, and ``unpinned`` what no lock can pin.
"""

from course_utils.develop.environments.cases import (
    BrokenEnvironment,
    Outcome,
    broken_environments,
    failure_causes,
)
from course_utils.develop.environments.conda import (
    conda_commands,
    conda_export,
    environment_tools,
    environment_yml,
)
from course_utils.develop.environments.installer import (
    Built,
    Locked,
    build,
    compare_environments,
    fingerprint,
    resolve,
)
from course_utils.develop.environments.lockfile import course_lock, direct_dependencies, lock_entry, pins
from course_utils.develop.environments.unpinned import sum_in_threads, unpinnable

__all__ = [
    "BrokenEnvironment",
    "Built",
    "Locked",
    "Outcome",
    "broken_environments",
    "build",
    "compare_environments",
    "conda_commands",
    "conda_export",
    "course_lock",
    "direct_dependencies",
    "environment_tools",
    "environment_yml",
    "failure_causes",
    "fingerprint",
    "lock_entry",
    "pins",
    "resolve",
    "sum_in_threads",
    "unpinnable",
]
