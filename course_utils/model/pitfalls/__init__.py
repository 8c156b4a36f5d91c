"""The module pitfalls, as a package."""

from course_utils.model.pitfalls.signal_detectors import *  # noqa: F403
