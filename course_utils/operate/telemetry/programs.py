"""The programs of Prometheus on this machine, if they are installed.

Everything that starts `prometheus` or `promtool` finds them here, and gets the same message if they are missing.
"""

from __future__ import annotations

import shutil

from course_utils.errors import UsageError

__all__ = ["installed", "program"]

_HOME = "https://prometheus.io/download"


def installed() -> bool:
    """Return whether this machine has both `prometheus` and `promtool`."""
    return all(shutil.which(name) for name in ("prometheus", "promtool"))


def program(name: str = "prometheus") -> str:
    """Return the path of a program by its `name`, 'prometheus' or 'promtool'.

    Raises
    ------
    UsageError
        The program is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise UsageError(
            f"{name} is not installed on this machine",
            fix=f"`apt install prometheus`, `brew install prometheus`, or the archive from {_HOME}",
        )
    return found
