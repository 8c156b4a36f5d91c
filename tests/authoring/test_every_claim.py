"""The extension with which a build tries every claim, in a shell without a kernel."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from authoring import every_claim
from course_utils.errors import UsageError
from course_utils.notebook import claims


def test_a_failed_claim_is_shown_and_the_next_one_tried(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """After a claim that fails the next one is tried; a claim that is written wrongly still stops the lesson."""
    shown: list[str] = []
    monkeypatch.setattr(claims, "claim", claims.claim)
    every_claim.load_ipython_extension(SimpleNamespace(showtraceback=lambda: shown.append(repr(sys.exception()))))
    claims.claim("One and one", 2, always=3)
    claims.claim("Two and two", 4, always=4)
    assert capsys.readouterr().out == "✓ Two and two: 4\n"
    (error,) = shown
    assert error.startswith("ClaimError(") and "'One and one' does not hold" in error
    with pytest.raises(UsageError):
        claims.claim("Nothing is stated", 2)
