"""From a CSV file to Vowpal Wabbit's text, and from that text to a learner: the real ``vw``, asked from Python.

VW reads whatever it is given and hardly ever complains: a missing value becomes a 1, a label that is no number a 0. So
`csv2vw` decides what each cell means before VW sees it, and refuses what it cannot tell, with line and column. It reads
and writes line by line, so that a file of any size needs the same few megabytes.

A line of VW's text is ``label importance 'tag |namespace name:3.5 name=text``; ``name=text`` is a feature of weight 1.
"""

from course_utils.model.vowpal.conversion import (
    KINDS,
    MISSING,
    UNLABELLED,
    Examples,
    Run,
    Written,
    collisions,
    csv2vw,
    deck_run,
    escape,
    format_feature,
    from_frame,
    parse_with_vw,
    run,
    vocabulary,
)

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
    "parse_with_vw",
    "run",
    "vocabulary",
]
