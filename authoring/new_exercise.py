"""Start a new exercise: skeletons in the five files that it needs, and what is still to be written in them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from authoring import lessons, surroundings
from course_utils.errors import UsageError

ROOT = surroundings.ROOT
CURRICULUM = "course_utils/tables/curriculum.toml"
MEASURES = "course_utils/tables/exercises.toml"

_LESSON = """\
# %% [markdown] tags=["exercise"]
# ### Exercise {number}: {todo} a title
#
# {todo} say what to do and what to hand in: its name and its type.
#
# <details><summary>Hint</summary>{todo} name a common mistake, and ask a question that leads out of it.</details>

# %%
{name} = ...
### BEGIN SOLUTION
{name} = "{todo} the answer"
### END SOLUTION

# %% tags=["check"]
check("{number}", {name})

"""
_GRADER = '''

@grader("{number}")
def {function}(answer: Any) -> Sequence[Finding]:
    """{todo} say what is graded, and from which answer."""
    if answer is None:
        return [wrong("{todo} what is wrong with this answer", hint="{todo} where to look, and not the answer")]
    return [right("{todo} what was found right")]
'''
_MEASURE = """
# {todo} the numbers that the check measures an answer by, or delete this section.
["{number}"]
"""
_TESTS = """
# {todo} three right answers, in different forms.
RIGHT["{number}"] = []
# {todo} five plausible wrong answers, each with words of the hint that fits it.
WRONG["{number}"] = []
# {todo} what no hint may say.
SECRETS["{number}"] = []
"""


def new_exercise(number: str, *, root: Path = ROOT) -> list[str]:
    """Write the skeletons of an exercise: lesson cells, grader, measures, and its right and wrong answers.

    Everything is checked before anything is written.

    Parameters
    ----------
    number : str
        Of the exercise, such as ``"11.2"``: the next one of its lesson.
    root : path
        The repository.

    Returns
    -------
    list of str
        The files that were changed, from `root`.

    Raises
    ------
    UsageError
        The number is not the next one of a written lesson, or a file is not as expected.
    """
    if not re.fullmatch(r"\d\d\.\d+", number):
        raise UsageError(f"{number!r} is not the number of an exercise", fix="type lesson and place, such as 11.2")
    lesson = number[:2]
    path = lessons.choose(lessons.sources(root), [lesson])[0]
    files = {
        path.relative_to(root).as_posix(): _with_cells,
        f"course_utils/exercises/lesson_{lesson}.py": _with_grader,
        MEASURES: _with_measures,
        CURRICULUM: _with_number,
        f"tests/exercises/test_lesson_{lesson}.py": _with_answers,
    }
    made = {}
    for name, change in files.items():
        if not (root / name).is_file():
            raise UsageError(f"{name} is missing", fix="restore it from Git")
        made[name] = change((root / name).read_text(encoding="utf-8"), number, name)
    for name, text in made.items():
        (root / name).write_text(text, encoding="utf-8", newline="\n")
    return [*files]


def unfinished(lesson: str, *, root: Path = ROOT) -> list[str]:
    """Return what is still to be written of a lesson's new exercises: one line each, with file and line.

    Parameters
    ----------
    lesson : str
        Its number, such as ``"11"``.
    root : path
        The repository.
    """
    marker = re.compile(rf"TODO {lesson}\.\d+: ([^\"<]+)")
    sources = [path for path in lessons.sources(root) if path.name[:2] == lesson]
    files = [
        *sources,
        root / f"course_utils/exercises/lesson_{lesson}.py",
        root / MEASURES,
        root / f"tests/exercises/test_lesson_{lesson}.py",
    ]
    return [
        f"{file.relative_to(root).as_posix()}:{place}: {match[1].strip().rstrip('.')}"
        for file in files
        if file.is_file()
        for place, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1)
        for match in marker.finditer(line)
    ]


def _filled(template: str, number: str) -> str:
    name = "answer_" + number.replace(".", "_")
    function = "exercise_" + number.replace(".", "_")
    return template.format(number=number, todo=f"TODO {number}:", name=name, function=function)


def _place(text: str, pattern: str, file: str, what: str) -> int:
    match = re.search(pattern, text, re.MULTILINE)
    if match is None:
        raise UsageError(f"{file} has no {what}", fix="restore it from Git, then try again")
    return match.start()


def _with_cells(text: str, number: str, file: str) -> str:
    """Put the exercise before the lesson's last quiz, or before its recap where it has none."""
    recap = _place(text, r"^# %% \[markdown\]\n# ## Recap$", file, "section '## Recap'")
    quiz = text.rfind("# %% [markdown]\n# **Check what you know**", 0, recap)
    place = quiz if quiz >= 0 else recap
    return text[:place] + _filled(_LESSON, number) + text[place:]


def _with_grader(text: str, number: str, file: str) -> str:
    _place(text, r"^def |^@grader", file, "grader")
    return text.rstrip("\n") + "\n" + _filled(_GRADER, number)


def _with_measures(text: str, number: str, file: str) -> str:
    """Put the section in the order of the exercises' numbers."""
    later = [match.start() for match in re.finditer(r'^\["(\d\d\.\d+)"\]', text, re.MULTILINE) if match[1] > number]
    if not later:
        return text.rstrip("\n") + "\n" + _filled(_MEASURE, number)
    comment = re.search(r"(?:^#[^\n]*\n)*\Z", text[: later[0]], re.MULTILINE)  # which belongs to the section below it
    place = later[0] - len(comment[0] if comment else "")
    return text[:place] + _filled(_MEASURE, number).lstrip("\n") + "\n" + text[place:]


def _with_number(text: str, number: str, file: str) -> str:
    start = _place(text, rf'^number = "{number[:2]}"$', file, f"lesson {number[:2]}")
    match = re.compile(r"^exercises = \[(.*)\]$", re.MULTILINE).search(text, start)
    if match is None:
        raise UsageError(f"{file} lists no exercises of lesson {number[:2]}", fix="restore it from Git")
    there = re.findall(r'"(\d\d\.\d+)"', match[1])
    following = f"{number[:2]}.{1 + max((int(one[3:]) for one in there), default=0)}"
    if number != following:
        what = "is there already" if number in there else "leaves a gap"
        raise UsageError(f"exercise {number} {what}", fix=f"type the next number of the lesson, {following}")
    listed: Sequence[str] = [*there, number]
    return text[: match.start(1)] + ", ".join(f'"{one}"' for one in listed) + text[match.end(1) :]


def _with_answers(text: str, number: str, file: str) -> str:
    """Put the lists behind the last of those that the file has."""
    _place(text, r"^RIGHT\b", file, "list RIGHT")
    ends = [match.end() for match in re.finditer(r"^(?:RIGHT|WRONG|SECRETS)\b[^\n]*= \{.*?\}$", text, re.M | re.S)]
    more = list(re.finditer(r'^(?:RIGHT|WRONG|SECRETS)\["[\d.]+"\] = .*?\]$', text, re.M | re.S))
    place = max([*ends, *(match.end() for match in more)])
    return text[:place] + "\n" + _filled(_TESTS, number).rstrip("\n") + text[place:]
