"""Three environments that do not work, to diagnose and fix in lesson 05."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from course_utils import tables
from course_utils.develop.environments.installer import (
    install,
    parse_requirements,
    resolve_in,
    run_python,
    uv_program,
)
from course_utils.develop.environments.package_index import package_index
from course_utils.errors import UsageError
from course_utils.notebook.display import Page

if TYPE_CHECKING:
    from types import EllipsisType

    import pandas as pd

__all__ = ["BrokenEnvironment", "Outcome", "broken_environments", "failure_causes"]


def failure_causes() -> pd.DataFrame:
    """Return possible causes of a broken environment: name and meaning.

    Examples
    --------
    >>> environments.failure_causes().loc["missing package", "meaning"]
    'the program imports a package that is not in the requirements'
    """
    import pandas as pd

    return pd.DataFrame({"meaning": tables.read_toml("environments.toml")["causes"]}).rename_axis("cause")


@dataclass(frozen=True)
class Outcome:
    """The result of building an environment and running its program.

    Attributes
    ----------
    case : str
        The name of the environment.
    requirements, overrides : tuple of str
        The requirements that it was resolved from.
    works : bool
        Whether it was built and its program ran without an error.
    step : {'resolve', 'install', 'fit', 'run'}
        The last step that was started.
    said : str
        The output of the program, or the error.
    pins : dict of str to str
        The chosen versions by package name; empty if none could be chosen.
    later : Outcome or None
        The result of the same requirements a year later, when there are newer releases.
    """

    case: str
    requirements: tuple[str, ...]
    overrides: tuple[str, ...]
    works: bool
    step: str
    said: str
    pins: dict[str, str] = field(default_factory=dict)
    later: Outcome | None = None

    def __repr__(self) -> str:
        chosen = ", ".join(f"{name} {version}" for name, version in self.pins.items()) or "nothing chosen"
        return f"{'✓' if self.works else '✗'} {self.step} ({chosen}): {self.said}"


@dataclass(frozen=True)
class BrokenEnvironment:
    """An environment that does not work: a project's requirements, its program and its model.

    Attributes
    ----------
    name, story : str
        The project's name, and its owners' report.
    requirements, overrides : tuple of str
        The project's own requirements.
    program : str
        The Python code that it runs.
    fit : str
        The code that fitted its model; empty if it uses none.
    fitted : tuple of str
        The requirements of the environment in which the model was fitted.
    """

    name: str
    story: str
    requirements: tuple[str, ...]
    program: str
    overrides: tuple[str, ...] = ()
    fit: str = ""
    fitted: tuple[str, ...] = ()

    def run(self, until: str | None = None) -> Outcome:
        """Build the environment and run its program.

        Parameters
        ----------
        until : str, optional
            As for `resolve`; ``"then"`` is the month in which the project was started.

        Raises
        ------
        UsageError
            `until` is not a month, or uv is not installed.
        """
        return _outcome(self, self.requirements, self.overrides, until=until)

    def fix(
        self,
        requirements: str | Sequence[str] | EllipsisType | None = None,
        *,
        overrides: str | Sequence[str] | EllipsisType | None = None,
        refit: bool = False,
    ) -> Outcome | EllipsisType:
        """Build the environment with other requirements, and run its program: today, and a year later.

        Parameters
        ----------
        requirements, overrides : str or sequence of str, optional
            Replace the project's own. Default: unchanged. ``...`` means: not answered yet.
        refit : bool
            Whether to fit the model again in the environment, instead of loading the archived one.

        Returns
        -------
        Outcome
            ``...`` if that was passed.

        Raises
        ------
        UsageError
            A line is not a requirement, or uv is not installed.
        """
        if requirements is ... or overrides is ...:
            return ...
        asked = self.requirements if requirements is None else parse_requirements(requirements)
        forced = self.overrides if overrides is None else parse_requirements(overrides, least=0)
        later = _outcome(self, asked, forced, until="later", refit=refit)
        return _outcome(self, asked, forced, refit=refit, later=later)

    def show(self) -> None:
        """Show the project's story, requirements, model card and program, and the result of running it today.

        Raises
        ------
        UsageError
            The archived model cannot be fitted, or uv is not installed.
        """
        parts = [("requirements.in", "\n".join(self.requirements))]
        parts += [("the model's card", self._card())] if self.fit else []
        parts += [("program", self.program.strip()), ("today", repr(self.run()))]
        style = "background: #f7f7f7; color: #222222; padding: 8px; margin: 4px 0; font-family: monospace"
        style += "; white-space: pre-wrap; word-break: normal; overflow-wrap: break-word"
        page = "".join(
            f'<p><b>{html.escape(title)}</b></p><pre style="{style}">{html.escape(text)}</pre>' for title, text in parts
        )
        text = "\n\n".join([self.story, *(f"{title}:\n{text}" for title, text in parts)])
        Page(f"<p>{html.escape(self.story)}</p>{page}", text).show()

    def _card(self) -> str:
        return _archived_model(self.fit, self.fitted)["card.json"].decode()


def broken_environments() -> list[BrokenEnvironment]:
    """Return three broken environments to diagnose and fix: 'clock', 'closure' and 'model'.

    Examples
    --------
    >>> clock, closure, model = environments.broken_environments()
    >>> clock.run()
    ✗ run (flightclock 2.0): AttributeError: 'int' object has no attribute 'split'
    >>> clock.fix("flightclock<2")
    ✓ run (flightclock 1.0): late by 17 minutes
    """
    return [
        BrokenEnvironment(
            name=case["name"],
            story=case["story"],
            requirements=tuple(case["requirements"]),
            program=case["program"],
            fit=case.get("fit", ""),
            fitted=tuple(case.get("fitted", ())),
        )
        for case in tables.read_toml("environments.toml")["case"]
    ]


def _outcome(
    case: BrokenEnvironment,
    requirements: tuple[str, ...],
    overrides: tuple[str, ...],
    *,
    until: str | None = None,
    refit: bool = False,
    later: Outcome | None = None,
) -> Outcome:
    """Build an environment and run its program; an error is a result, and not raised."""
    uv_program()  # outside `try`: that uv is missing is not a fault of the environment
    chosen: dict[str, str] = {}
    step = "resolve"
    with package_index(until) as folder:
        try:
            if case.fit:
                for name, content in _archived_model(case.fit, case.fitted).items():
                    (folder / name).write_bytes(content)
            locked = resolve_in(folder, requirements, overrides)
            chosen, step = locked.pins, "install"
            install(folder, locked)
            if refit and case.fit:
                step = "fit"
                run_python(folder, case.fit)
            step = "run"
            said, works = run_python(folder, case.program), True
        except UsageError as error:
            said, works = error.problem, False
    return Outcome(case.name, requirements, overrides, works, step, said, chosen, later)


@cache  # fitting needs an environment of its own: half a second each time
def _archived_model(fit: str, fitted: tuple[str, ...]) -> dict[str, bytes]:
    """Return the files of a model, fitted in an environment with the archive's versions."""
    with package_index("9999-12") as folder:
        install(folder, resolve_in(folder, fitted, ()))
        run_python(folder, fit)
        return {name: (folder / name).read_bytes() for name in ("model.pkl", "card.json")}
