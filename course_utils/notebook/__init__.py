"""What a cell calls that is not about the subject: tables and figures on the page, claims, source, the doctor.

Used by every lesson. Imports `errors` and `tables` only.
"""

from course_utils.notebook.claims import claim
from course_utils.notebook.display import show_table
from course_utils.notebook.source import show_error, show_source
from course_utils.notebook.terminal import open_terminal

__all__ = ["claim", "open_terminal", "show_error", "show_source", "show_table"]
