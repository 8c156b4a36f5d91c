"""The command line of the course: ``course --help``."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

import click

from authoring import surroundings
from course_utils import tables
from course_utils.errors import CourseError, UsageError

PASS_ON = {"ignore_unknown_options": True}


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def course() -> None:
    """Deploying ML models into production: open, run, test and build the lessons.

    Learners need `lab`, `reset`, `doctor`, `run` and `csv2vw`; authors need the rest.
    """


@course.command()
@click.option("--browser/--no-browser", default=True, help="Open a browser window.")
@click.option("--copy-only", is_flag=True, help="Make or complete my_lessons/ and open nothing.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def lab(browser: bool, copy_only: bool, options: tuple[str, ...]) -> int:
    """Open JupyterLab at lesson 00 in your own copy, my_lessons/.

    It shows that folder alone, with the solutions to look at in my_lessons/solutions/. What follows -- goes to
    JupyterLab, for example: course lab -- --port=9000
    """
    from authoring import learners

    for name in learners.changed():
        click.echo(f"The course has a newer {name}. `course reset {name[:2]}` puts it in place and keeps yours.")
    if copy_only:
        copied = learners.copy_lessons()
        click.echo(f"{learners.FOLDER}/ holds every lesson; {len(copied)} new.")
        return 0
    return learners.lab(browser=browser, options=options)


@course.command()
@click.argument("lesson")
def reset(lesson: str) -> int:
    """Put a fresh copy of LESSON (its number) into my_lessons/ and keep yours under another name.

    Its solution in my_lessons/solutions/ is brought up to date too.
    """
    from authoring import learners

    fresh, kept = learners.reset(lesson)
    click.echo(f"{fresh.parent.name}/{fresh.name} is fresh." + (f" Yours is now {kept.name}." if kept else ""))
    return 0


@course.command()
def doctor() -> int:
    """Say whether this machine can run the lessons, and how to fix what is wrong."""
    from authoring import learners
    from course_utils.notebook import doctor as course_doctor

    code = course_doctor.main()
    for name in learners.changed():
        click.echo(f"note: the course has a newer {name}: `course reset {name[:2]}` puts it in place and keeps yours")
    return code


@course.command()
@click.argument("lessons", nargs=-1)
@click.option("--dataset", type=click.Choice(tables.DATASETS), default=tables.DATASETS[0], show_default=True)
@click.option("--solutions", is_flag=True, help="Run the solutions instead of the learner's notebooks.")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Lessons run at a time.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results.  [default: one in runs/]")
@click.option(
    "--cell-limit",
    type=click.IntRange(1),
    help="End a cell that runs for this many seconds.  [default: 300, more on a slow or busy machine]",
)
def run(
    lessons: tuple[str, ...], dataset: str, solutions: bool, jobs: int, out: Path | None, cell_limit: int | None
) -> int:
    """Run LESSONS (numbers or names; none: all) from top to bottom; committed notebooks stay as they are."""
    from authoring import outcomes
    from authoring import run as runner

    folder = surroundings.ROOT / ("solutions" if solutions else "notebooks")
    runs = surroundings.ROOT / "runs"
    default = f"{folder.name}-{dataset}" if dataset != tables.DATASETS[0] else folder.name
    chosen = runner.choose(lessons, folder)
    _at_hand(dataset)
    try:
        results = runner.run(
            chosen,
            out or runs / default,
            dataset=dataset,
            jobs=jobs,
            cell_limit=cell_limit,
            times=runs / outcomes.TIMES,
        )
    except KeyboardInterrupt:
        click.echo("\nStopped; no lesson is left running.", err=True)
        return 130
    return int(outcomes.failed(results))


def _at_hand(dataset: str) -> None:
    """Refuse a data set that is not here once, before every lesson does."""
    if dataset != tables.DATASETS[0]:
        from course_utils.data import datasets

        datasets.load_flights(dataset)


@course.command(context_settings=PASS_ON)
@click.option("--nightly", is_flag=True, help="The long tests too, five-run determinism and the other data sets.")
@click.argument("options", nargs=-1, type=click.UNPROCESSED)
def test(nightly: bool, options: tuple[str, ...]) -> int:
    """Run all tests and compare every committed notebook with a fresh run.

    OPTIONS go to pytest; a path among them is tested alone.
    """
    from authoring import gate

    return gate.test(options, nightly=nightly)


@course.command()
def check() -> int:
    """Look at style, lessons, generated files and unit tests: the author's loop, a minute or two."""
    from authoring import gate

    return gate.check()


@course.command()
@click.argument("lessons", nargs=-1)
@click.option("--check", is_flag=True, help="Change nothing; say what is stale, and exit 1 if anything is.")
def build(lessons: tuple[str, ...], check: bool) -> int:
    """Make notebooks/ and solutions/ from lessons/ (LESSONS: numbers; none: all)."""
    from authoring import build as builder

    # Whatever is said of a build is a fault; what went well was told as it was done.
    return _tell(builder.build(lessons, check=check), failed=True)


@course.group()
def new() -> None:
    """Start something new from a skeleton."""


@new.command("exercise")
@click.argument("number")
def new_exercise(number: str) -> int:
    """Write the skeletons of exercise NUMBER (11.2): lesson cells, grader, measures, right and wrong answers.

    `course build` then names everything that is still to be written.
    """
    from authoring import new_exercise as exercises

    for file in exercises.new_exercise(number):
        click.echo(f"changed {file}")
    click.echo(f"Now write what the lines with TODO {number} ask for, and run: course build {number[:2]}")
    return 0


@course.command()
@click.argument("lessons", nargs=-1)
def perturb(lessons: tuple[str, ...]) -> int:
    """Run LESSONS (numbers; none: all) with spoilt data and models, and name the claims that do not notice."""
    from authoring import perturb as spoiling

    for claims in spoiling.perturb(spoiling.solutions(lessons)):
        click.echo("\n".join(spoiling.told(claims)))
    return 0


@course.command()
@click.option("--check", is_flag=True, help="Change nothing; say what is stale, and exit 1 if anything is.")
def generate(check: bool) -> int:
    """Make the files that follow from the lock, the tables and the dictionary."""
    from authoring import generate as generator

    return _tell(generator.generate(check=check), failed=check)


@course.command()
@click.argument("source", metavar="IN")
@click.argument("target", metavar="OUT")
@click.option("--label", required=True, help="The label's column: its name, or its place from 0; -1 is the last.")
@click.option(
    "--map", "labels", multiple=True, metavar="VALUE=LABEL", help="VW's label for a value: YES=1, or NA=none."
)
@click.option("--classes", "kind", flag_value="classes", help="Number the labels 1, 2, 3 … in order of appearance.")
@click.option("--number", "kind", flag_value="number", help="Labels are numbers to be predicted.")
@click.option("--columns", help="What to make features of: names with commas between.  [default: the dictionary's]")
@click.option("--all-columns", is_flag=True, help="Every column, those that hold the answer too.")
@click.option("--horizon", type=float, help="Hours ahead at which a column must be known.  [default: the course's]")
@click.option("--text", default="", help="Columns to read as text though they look like numbers.")
@click.option("--namespace", "spaces", multiple=True, metavar="NAME=COLUMN,…", help="What goes into a namespace.")
@click.option("--importance", metavar="COLUMN", help="Weight of each example.")
@click.option("--tag", metavar="COLUMN", help="Name of each example.")
@click.option("--unlabelled", type=click.Choice(["refuse", "skip", "keep"]), default="refuse", show_default=True)
@click.option("--no-header", is_flag=True, help="The first line holds data; columns are called 1, 2, 3 …")
@click.option("--separator", help="One character, or tab.  [default: a tab in .tsv, else a comma]")
@click.option("--encoding", default="utf-8-sig", show_default=True)
def csv2vw(
    source: str,
    target: str,
    labels: tuple[str, ...],
    kind: str | None,
    columns: str | None,
    text: str,
    spaces: tuple[str, ...],
    no_header: bool,
    separator: str | None,
    **options: Any,
) -> int:
    """Turn the CSV file IN into Vowpal Wabbit's text OUT, whole or not at all.

    IN may be compressed (gzip, bzip2, xz, zip). `-` is standard input or output; a pipe gets the lines as they come.

    For example: course csv2vw flights.csv flights.vw --label IsDepDelayed --map YES=1 --map NO=-1
    """
    from course_utils.model import vowpal

    with warnings.catch_warnings(record=True) as caught, vowpal.in_flags():
        warnings.simplefilter("always", UserWarning)
        written = vowpal.csv2vw(
            source,
            target,
            labels={value: _label(value, to) for value, to in _pairs("--map", labels)},
            kind=kind or "binary",
            columns=columns.split(",") if columns is not None else None,
            text=[name for name in text.split(",") if name],
            namespaces={name: inside.split(",") for name, inside in _pairs("--namespace", spaces)} or None,
            header=not no_header,
            separator="\t" if separator == "tab" else separator,
            **options,
        )
    for warning in caught:
        click.echo(f"Warning: {warning.message}", err=True)
    # Standard output holds the lines and nothing else when it is the target.
    streamed = target in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
    click.echo(f"standard output: {written}" if streamed else f"{target}: {written}", err=streamed)
    return 0


def _pairs(option: str, given: tuple[str, ...]) -> list[tuple[str, str]]:
    """Take NAME=VALUE apart, at the last equals sign."""
    pairs = [text.rpartition("=") for text in given]
    if wrong := next((text for text, (name, _, value) in zip(given, pairs, strict=True) if not (name and value)), None):
        raise UsageError(f"{option} {wrong!r} has no two sides", fix=f"write {option} NAME=VALUE")
    names = [name for name, _, _ in pairs]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"{option} names {twice} twice", fix="keep one of the two")
    return [(name, value) for name, _, value in pairs]


def _label(value: str, to: str) -> float | None:
    if to == "none":
        return None
    try:
        return float(to)
    except ValueError as error:
        raise UsageError(
            f"--map {value}={to}: {to!r} is no number", fix="map each label to a number, or to none"
        ) from error


def _tell(messages: list[str], *, failed: bool) -> int:
    """Print messages and return 1 if there are any and they tell of a failure."""
    for message in messages:
        click.echo(message)
    return int(failed and bool(messages))


def main() -> None:
    """Run the command line; a refusal of the course is one readable line, not a traceback."""
    try:
        code = course(standalone_mode=False)
    except CourseError as error:
        click.echo(f"Error: {error}", err=True)
        code = 1
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("\nStopped.", err=True)
        code = 130
    sys.exit(code)


if __name__ == "__main__":
    main()
