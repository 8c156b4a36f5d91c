"""Import paths of version 0.1, which still work for one release and warn with the new place.

``from course_utils import vw`` and ``from course_utils.vw import run`` give a stand-in for the old module: each name is
looked up in the new one. ``tables/moved.toml`` is the list.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from functools import cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from course_utils import tables

__all__ = ["install", "module", "warn"]

_PACKAGE = "course_utils"


class _Moved(ModuleType):
    """A module under its old name: it hands on what the new one has."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        entry = _entries()[self.__name__.removeprefix(f"{_PACKAGE}.")]
        target = importlib.import_module(f"{_PACKAGE}.{entry['to']}")
        new = entry.get("renamed", {}).get(name, name)
        if "." in new:  # the function is in another module now, and takes the rest of the name as its argument
            where, _, table = new.partition(":")
            module, _, function = where.rpartition(".")
            call = getattr(importlib.import_module(f"{_PACKAGE}.{module}"), function)
            return lambda *names: call(table.format(*names or ("year",)))
        return getattr(target, new)


class _Finder(MetaPathFinder, Loader):
    """Find the old names below `course_utils`, after every real module."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        package, _, old = name.partition(".")
        if package != _PACKAGE or old not in _entries():
            return None
        return ModuleSpec(name, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        new = _entries()[spec.name.partition(".")[2]]["to"]
        warn(f"{spec.name} is now {_PACKAGE}.{new}, and goes away in the next release")
        return _Moved(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: names are looked up when they are used."""


@cache
def _entries() -> dict[str, Any]:
    return tables.read_toml("moved.toml")


def warn(text: str) -> None:
    """Warn that a name is now elsewhere, at the line that imports it.

    Parameters
    ----------
    text : str
        Names the old and the new place.
    """
    # That line is the first one outside this package and Python's import machinery.
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        "importlib" in frame.f_code.co_filename or frame.f_globals.get("__name__", "").startswith(_PACKAGE)
    ):
        frame = frame.f_back
    name = frame.f_globals.get("__name__")
    warnings.warn_explicit(text, DeprecationWarning, frame.f_code.co_filename, frame.f_lineno, name)


def install() -> None:
    """Let imports of old names be found; a second call changes nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


def module(name: str) -> ModuleType:
    """Return the stand-in for a module by its old name, such as ``vw``.

    Parameters
    ----------
    name : str
        Without ``course_utils.``.

    Raises
    ------
    AttributeError
        No module of the course has or had that name.
    """
    if name not in _entries():
        raise AttributeError(f"module {_PACKAGE!r} has no attribute {name!r}")
    return importlib.import_module(f"{_PACKAGE}.{name}")
