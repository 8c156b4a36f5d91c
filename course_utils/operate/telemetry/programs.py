"""The programs of Prometheus, where this machine has them."""

from __future__ import annotations

import shutil

from course_utils.errors import UsageError

__all__ = ["installed", "program"]

_HOME = "https://prometheus.io/download"


def installed() -> bool:
    """Say whether this machine has Prometheus and its tool."""
    return all(shutil.which(name) for name in ("prometheus", "promtool"))


def program(name: str = "prometheus") -> str:
    """Return where a program of Prometheus is.

    Parameters
    ----------
    name : str
        ``"prometheus"`` or ``"promtool"``.

    Raises
    ------
    UsageError
        It is not installed.
    """
    found = shutil.which(name)
    if found is None:
        raise UsageError(
            f"{name} is not on this machine",
            fix=f"install it: `apt install prometheus`, `brew install prometheus`, or the archive of {_HOME}",
        )
    return found
