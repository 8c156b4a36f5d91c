"""The four cells of the confusion matrix by name, for the graders of lessons 01 and 06.

'late' is the positive class: the names say what happened, so no grader depends on the order of rows and columns.
"""

__all__ = ["CELLS", "FALSE_ALARM", "LATE", "MISSED", "QUIET"]

#: Late flights with a warning.
LATE = "warned, late"
#: Flights on time with a warning.
FALSE_ALARM = "warned, on time"
#: Late flights without a warning.
MISSED = "not warned, late"
#: Flights on time without a warning.
QUIET = "not warned, on time"
CELLS = (LATE, FALSE_ALARM, MISSED, QUIET)
