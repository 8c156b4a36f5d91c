"""The module explain, as a package."""

from course_utils.model.explain.attribution import *  # noqa: F403
