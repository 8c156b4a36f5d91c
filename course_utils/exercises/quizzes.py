"""Knowledge checks that work by keyboard, without scripts, and in a notebook that has not been run yet.

The questions, their keys and a reason for every option are in ``tables/quizzes.toml``.
"""

from __future__ import annotations

from html import escape
from typing import Any

from course_utils.errors import UsageError
from course_utils.notebook.display import Page
from course_utils.tables import read_toml

__all__ = ["as_html", "as_text", "key", "load", "questions", "quiz"]

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_VERDICTS = {"right": "✓ Right.", "part": "· True, but not the whole answer.", "wrong": "✗ Not right."}
_HOW_MANY = {1: "Choose one answer, then check it.", 2: "Choose two answers, then check them."}


def quiz(name: str) -> None:
    """Show a knowledge check: a question, its options, feedback for each option, and the key.

    Parameters
    ----------
    name : str
        Name of the check, such as ``"K1.1"``, the first question of the deck's first knowledge check.

    Raises
    ------
    UsageError
        There is no knowledge check of that name.

    Examples
    --------
    >>> quiz("K1.2")
    K1.2  You train on the training set. ... Choose one answer, then check it.
      a) Yes
      b) No
    --- key ---
    Right: a. ...
    """
    question = load(name)
    Page(as_html(question), as_text(question)).show()


def questions() -> list[dict[str, Any]]:
    """Return the knowledge checks of the course: name, lesson, question, options or rubric, and a summary."""
    return read_toml("quizzes.toml")["quiz"]


def key(question: dict[str, Any]) -> str:
    """Return the letters of the right options of a `question`, such as ``"ac"``; empty for an open question."""
    return "".join(letter for letter, option in _options(question) if option["verdict"] == "right")


def load(name: str) -> dict[str, Any]:
    """Return one knowledge check, as a dict of its section in ``quizzes.toml``.

    Parameters
    ----------
    name : str
        As for `quiz`.

    Raises
    ------
    UsageError
        There is no knowledge check of that name.
    """
    for question in questions():
        if question["name"] == name:
            return question
    known = ", ".join(question["name"] for question in questions())
    raise UsageError(f"there is no knowledge check {name!r}", fix=f"choose one of {known}")


def _options(question: dict[str, Any]) -> list[tuple[str, dict[str, str]]]:
    return list(zip(_LETTERS, question.get("options", []), strict=False))


def as_html(question: dict[str, Any]) -> str:
    """Return a `question` as HTML: a group of labelled options, each followed by its feedback in a fold.

    Options are radio buttons if one answer is right, and checkboxes if several are.
    """
    name = escape(question["name"])
    parts = [
        f"<fieldset><legend><b>{name}</b> {escape(question['question'])} <i>{_asks(question)}</i></legend>",
        *(_option_html(letter, option, _box(question)) for letter, option in _options(question)),
        "</fieldset>",
    ]
    parts.append(f"<details><summary>Key to {name}</summary>{_key_html(question)}</details>")
    return "\n".join(parts)


def _asks(question: dict[str, Any]) -> str:
    """Return how to answer a `question`."""
    if "options" not in question:
        return "Write down your own answer first, then compare."
    return _HOW_MANY[len(key(question))]


def _box(question: dict[str, Any]) -> str:
    """Return the control of each option."""
    # JupyterLab shows the boxes dimmed until the cell is run, but the folds work.
    if len(key(question)) > 1:
        return '<input type="checkbox">'
    # JupyterLab would go to another cell at an arrow key, which must move within the group of radio buttons.
    return f'<input type="radio" name="quiz-{escape(question["name"])}" data-lm-suppress-shortcuts="true">'


def _option_html(letter: str, option: dict[str, str], box: str) -> str:
    # The box is inside its label, so no ids are needed, which could occur twice on a page.
    return (
        f'<div style="margin: 4px 0"><label>{box} {letter}) {escape(option["text"])}</label>\n'
        f'<details style="margin-left: 24px"><summary>Check option {letter}</summary>'
        f"<p>{_VERDICTS[option['verdict']]} {escape(option['why'])}</p></details></div>"
    )


def _key_html(question: dict[str, Any]) -> str:
    if "options" in question:
        return f"<p><b>{_key_text(question)}</b> {escape(question['summary'])}</p>"
    points = "".join(f"<li><b>{escape(point['text'])}</b> {escape(point['why'])}</li>" for point in question["rubric"])
    return f"<p>{escape(question['summary'])}</p><ul>{points}</ul>"


def _key_text(question: dict[str, Any]) -> str:
    return f"Right: {' and '.join(key(question))}."


def as_text(question: dict[str, Any]) -> str:
    """Return a `question` as plain text, with the key and the reasons below a line."""
    lines = [f"{question['name']}  {question['question']} {_asks(question)}"]
    if "options" in question:
        lines += [f"  {letter}) {option['text']}" for letter, option in _options(question)]
        lines += ["--- key ---", f"{_key_text(question)} {question['summary']}"]
        lines += [
            f"  {letter}) {_VERDICTS[option['verdict']]} {option['why']}" for letter, option in _options(question)
        ]
    else:
        lines += ["--- compare ---", question["summary"]]
        lines += [f"  - {point['text']} {point['why']}" for point in question["rubric"]]
    return "\n".join(lines)
