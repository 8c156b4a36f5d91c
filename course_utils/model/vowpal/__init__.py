"""Train with Vowpal Wabbit, ``vw``, from a table of flights.

`csv2vw` and `from_frame` write VW's text and refuse what VW would misread, `run` trains on it in a process of its own,
and `parse_with_vw`, `vocabulary` and `collisions` show what VW makes of it. Importing this package loads neither pandas
nor NumPy nor VW: that keeps ``course csv2vw`` small.
"""

from course_utils.model.vowpal.conversion import Examples, Written, csv2vw, from_frame
from course_utils.model.vowpal.hashing import collisions, vocabulary
from course_utils.model.vowpal.labels import KINDS, UNLABELLED
from course_utils.model.vowpal.runs import Run, deck_run, parse_with_vw, run
from course_utils.model.vowpal.text import MISSING, escape, format_feature
from course_utils.model.vowpal.wording import in_flags

__all__ = [
    "KINDS",
    "MISSING",
    "UNLABELLED",
    "Examples",
    "Run",
    "Written",
    "collisions",
    "csv2vw",
    "deck_run",
    "escape",
    "format_feature",
    "from_frame",
    "in_flags",
    "parse_with_vw",
    "run",
    "vocabulary",
]
