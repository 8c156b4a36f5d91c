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
from course_utils.wording import counted

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
    in_class = {day: sum(lesson["minutes"] for lesson in lessons if lesson["day"] == day) for day in (1, 2)}
    days = {
        day: f"{counted(in_class[day], 'minute')} in class, about {counted(round(alone[day] / 60), 'hour')} alone"
        for day in (1, 2)
    }
    yield (
        f"*In class* is what the deck plans for a lesson. *Alone* is about what you need to read, run and solve it by "
        f"yourself, computed from the notebook. Day 1 is lessons 00 to 09: {days[1]}. Day 2 is lessons 10 to "
        f"{lessons[-1]['number']}: {days[2]}. Begin with 00; after it you can take the lessons in any "
        "order. K1 to K5 are the deck's knowledge checks; an unnamed notebook has no name in the deck."
    )


def _between(text: str, markers: tuple[str, str], content: str) -> str:
    for marker in markers:
        if text.count(marker) != 1:
            raise UsageError(
                f"README.md holds the marker {marker!r} {counted(text.count(marker), 'time')}", fix="put it in once"
            )
    before, rest = text.split(markers[0])
    return f"{before}{markers[0]}\n{content}\n{markers[1]}{rest.split(markers[1])[1]}"


def data_readme() -> str:
    """Return data/README.md: where the data comes from, where it is kept, and the dictionary."""
    from course_utils.data import dictionary

    rows = [_data_set(name) for name in tables.DATASETS]
    fetched = tables.dataset("allyears2k")
    return f"""\
<!-- Written by `course generate` from course_utils/tables: change the tables. -->
# The data

| data set | what | where it comes from | terms |
| --- | --- | --- | --- |
{"".join(rows)}
No lesson needs `allyears2k`. To fetch it, run `python -c "from course_utils.data import datasets; \
datasets.fetch_flights('allyears2k')"`. To use a local copy (the CSV file or a zip of it) or a mirror instead, set the \
environment variable `{fetched["variable"]}` to its path or address. The course keeps the file only if it is the \
published one: {counted(fetched["bytes"], "byte")}, SHA-256 `{fetched["sha256"]}`. Then `course run \
--dataset allyears2k` runs the lessons on it; a lesson that needs complete days or the weather is skipped and says so.

To add a data set of your own, see [CONTRIBUTING.md](../CONTRIBUTING.md).

## Folders

Git holds only this page. Everything else is created when it is needed, and `make clean` removes it. To keep the data \
elsewhere, set the environment variable `COURSE_DATA`.

| folder | holds |
| --- | --- |
| `external/` | files published by others, unchanged |
| `raw/` | files that the airline of the case would deliver, never changed |
| `interim/` | copies of the data in the course's columns, as Parquet, for speed |
| `processed/` | features, scores and reports that lessons write |

## Dictionary

All data sets have these columns. 'Known hours before' is for the flight itself: the value is known this many hours \
before its scheduled departure, or earlier; −1 means only afterwards, so no model can use it. 'Known for other flights \
at' is the moment from which the values of other flights can be used.

{dictionary.readme().strip()}
"""


def _data_set(name: str) -> str:
    """Return the line of data/README.md about a data set."""
    facts = tables.dataset(name)
    default = "the default" if name == tables.DATASETS[0] else "optional"
    what = f"{facts['flights']:,} {facts['title']}" if facts["flights"] else facts["title"]
    source = "; ".join(part for part in (facts["source"], facts["url"] and f"<{facts['url']}>") if part)
    return f"| `{name}`, {default} | {what} | {source} | {facts['terms']} |\n"


def _write(path: Path, text: str) -> None:
    """Write to a temporary name, then rename, so that no reader ever sees half a file."""
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
