"""The two tests that every exercise has; the test file of each lesson imports them.

They use the answers in that file, by the number of the exercise: ``RIGHT`` has right ones, ``WRONG`` plausible
mistakes, each with words of the hint that fits it, and ``SECRETS`` words that no hint may contain. If the file has a
function ``made``, it makes the answer from the listed entry when a test needs it.
"""

from __future__ import annotations


def test_a_right_answer_is_solved_in_whatever_form_it_comes(report, right, request):
    """A right answer is solved, in whatever form I write it."""
    number, answer = right
    printed = report(number, _made(request, answer))
    assert printed.endswith(f"Exercise {number}: solved\n")
    assert "✗" not in printed


def test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer(report, wrong, request):
    """A plausible mistake gets the hint that fits it, which does not give the answer away."""
    number, (answer, hint) = wrong
    printed = report(number, _made(request, answer))
    assert printed.endswith(f"Exercise {number}: not solved yet\n")
    hints = "\n".join(line for line in printed.splitlines() if line.startswith("  Hint: "))
    assert hint in hints
    assert not [secret for secret in request.module.SECRETS[number] if secret in hints]


def _made(request, answer):
    return getattr(request.module, "made", lambda listed: listed)(answer)
