"""An extension of IPython for `course build`: a failed claim is shown as an error, and the lesson goes on.

So one build finds every failed claim of a lesson, also where several are in one cell. No failed claim can reach a
committed notebook: the build writes no notebook with an error among its outputs. Lessons run without this extension
everywhere else, and stop at the first failed claim.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from course_utils import notebook
from course_utils.errors import ClaimError
from course_utils.notebook import claims

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Let `claim` show its error in place of raising it, in this kernel only."""
    strict = claims.claim

    @functools.wraps(strict)
    def claim(*arguments: Any, **stated: Any) -> None:
        try:
            strict(*arguments, **stated)
        except ClaimError:
            shell.showtraceback()

    notebook.claim = claims.claim = claim  # lessons import the first, modules of the course the second
