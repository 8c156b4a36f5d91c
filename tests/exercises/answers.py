"""The two tests that every exercise has: the file of a lesson imports them.

The answers are those of that file, by the exercise's number: ``RIGHT`` lists right ones, ``WRONG`` plausible mistakes,
each with words of the hint that fits it, and ``SECRETS`` what no hint may say. If it has a function ``made``, that
makes the answer of what is listed, when it is needed.
"""

from __future__ import annotations


def test_a_right_answer_is_solved_in_whatever_form_it_comes(report, right, request):
    """I am told that I solved it, whichever way I wrote it."""
    number, answer = right
    printed = report(number, _made(request, answer))
    assert printed.endswith(f"Exercise {number}: solved\n")
    assert "✗" not in printed


def test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer(report, wrong, request):
    """My mistake is recognised, I am told where to look, and the answer is left to me."""
    number, (answer, hint) = wrong
    printed = report(number, _made(request, answer))
    assert printed.endswith(f"Exercise {number}: not solved yet\n")
    hints = "\n".join(line for line in printed.splitlines() if line.startswith("  Hint: "))
    assert hint in hints
    assert not [secret for secret in request.module.SECRETS[number] if secret in hints]


def _made(request, answer):
    return getattr(request.module, "made", lambda listed: listed)(answer)
