"""Helpers of a notebook that are not about machine learning: tables, figures, claims, source code, the doctor.

Used by every lesson. Imports `errors` and `tables` only.
"""

from course_utils.notebook.claims import claim
from course_utils.notebook.display import show_picture, show_table
from course_utils.notebook.source import show_error, show_source
from course_utils.notebook.terminal import open_terminal

__all__ = ["claim", "open_terminal", "show_error", "show_picture", "show_source", "show_table"]
