"""What lesson 05 brings: a package index of tiny packages, three projects that do not work, and its tables.

``package_index`` writes the index, ``broken`` the projects, and ``reference`` has the tables and the course's own lock.
"""

from course_utils.develop.environments.broken import Attempt, try_fix, write_projects
from course_utils.develop.environments.package_index import write_index
from course_utils.develop.environments.reference import (
    conda_commands,
    copy_course_lock,
    environment_tools,
    failure_causes,
    unpinnable,
)

__all__ = [
    "Attempt",
    "conda_commands",
    "copy_course_lock",
    "environment_tools",
    "failure_causes",
    "try_fix",
    "unpinnable",
    "write_index",
    "write_projects",
]
