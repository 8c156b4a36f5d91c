"""Import paths of version 0.1, which work for one more release and warn with the new path.

``from course_utils import vw`` and ``from course_utils.vw import run`` return a proxy for the old module: it looks each
name up in the new one. ``tables/moved.toml`` lists the old modules and names.
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
    """A proxy under a module's old name: each attribute comes from the new module."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # Python's import system asks for several that a module need not have
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        entry = _entries()[self.__name__.removeprefix(f"{_PACKAGE}.")]
        target = importlib.import_module(f"{_PACKAGE}.{entry['to']}")
        new = entry.get("renamed", {}).get(name, name)
        if "." in new:  # now a function of another module; the text after the colon is its argument
            where, _, table = new.partition(":")
            module, _, function = where.rpartition(".")
            call = getattr(importlib.import_module(f"{_PACKAGE}.{module}"), function)
            return lambda *names: call(table.format(*names or ("year",)))  # 'year' was the old default
        return getattr(target, new)


class _Finder(MetaPathFinder, Loader):
    """Find the old modules of `course_utils`; Python asks this finder last, so real modules take precedence."""

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
        """Do nothing: the proxy looks up names when they are used."""


@cache
def _entries() -> dict[str, Any]:
    return tables.read_toml("moved.toml")


def warn(text: str) -> None:
    """Issue a DeprecationWarning with `text`, the old and the new path, at the line that imports the old one."""
    # That line is in the first frame outside this package and Python's import machinery. A fixed `stacklevel` would
    # not do, since ``import a.b`` and ``from a import b`` go through different numbers of frames.
    frame = sys._getframe(1)
    while frame.f_back is not None and (
        "importlib" in frame.f_code.co_filename or frame.f_globals.get("__name__", "").startswith(_PACKAGE)
    ):
        frame = frame.f_back
    name = frame.f_globals.get("__name__")
    warnings.warn_explicit(text, DeprecationWarning, frame.f_code.co_filename, frame.f_lineno, name)


def install() -> None:
    """Make old modules importable; a second call changes nothing."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())


def module(name: str) -> ModuleType:
    """Return the proxy for a module by its old `name`, such as ``"vw"``.

    Raises
    ------
    AttributeError
        The course has no module of that name and never had one.
    """
    if name not in _entries():
        raise AttributeError(f"module {_PACKAGE!r} has no attribute {name!r}")
    return importlib.import_module(f"{_PACKAGE}.{name}")
