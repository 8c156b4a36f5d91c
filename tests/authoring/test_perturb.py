"""Claims are tried on spoilt data: what is spoilt, and which claims do not notice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from authoring import perturb, surroundings
from course_utils.errors import UsageError

CELLS = (
    "from course_utils.data import datasets, features\nfrom course_utils.notebook import claim\n"
    "flights = datasets.load_flights()",
    'claim("Flights", len(flights), nyc2013=336776)',
    'claim("Late in the evening, of 100", 100 * features.label(flights)[flights["CRSDepTime"] > 1900].mean(), '
    "nyc2013=(30, 50))",
    'claim("Late flights exist", features.label(flights).mean() > 0, nyc2013=True)',
    'raise ValueError("a cell that fails does not end the run")',
    'claim("One and one", 1 + 1, always=2)',
)


@pytest.fixture(scope="module")
def claims(tmp_path_factory: pytest.TempPathFactory) -> dict[str, perturb.ClaimRecord]:
    """Return what is known of the claims of a small notebook, by statement."""
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    file = tmp_path_factory.mktemp("books") / "42_small.ipynb"
    nbformat.write(book, file)
    (found,) = perturb.perturb([file])
    return {claim.statement: claim for claim in found}


@pytest.mark.nightly
def test_a_claim_fails_under_what_it_rests_on(claims: dict[str, perturb.ClaimRecord]) -> None:
    """A count notices missing flights, a share by hour notices permuted labels, and each is reached in every run."""
    assert claims["Flights"].failed == ["half the flights"]
    assert claims["Late in the evening, of 100"].failed == ["permuted labels"]
    assert claims["Flights"].reached == list(perturb.SPOILT)


@pytest.mark.nightly
def test_a_claim_that_cannot_fail_is_named(claims: dict[str, perturb.ClaimRecord]) -> None:
    """A claim about data that holds whatever is spoilt is named; one about arithmetic is exempt."""
    assert perturb.told(list(claims.values())) == [
        "42: 4 claims, 3 about data or a model, 1 of these never fail",
        "  never fails: Late flights exist",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("spoilt", "code"),
    [
        (
            "base-rate model",
            "import xgboost as xgb\nx = f[['Distance', 'CRSDepTime']].iloc[:99].to_numpy(float)\n"
            "m = xgb.DMatrix(x, x[:, 0] > 1000)\np = xgb.train({'objective': 'binary:logistic'}, m, 5).predict(m)",
        ),
        ("split at random", "from course_utils.data import splits\np = splits.split_by_time(f).name == 'time'"),
    ],
)
def test_models_and_splits_are_spoilt_as_named(spoilt: str, code: str) -> None:
    """A base-rate model gives each flight the same probability, and a random split is not one by time."""
    program = (
        f"from authoring import perturb\nperturb.SPOILT[{spoilt!r}]()\n"
        f"from course_utils.data import datasets\nf = datasets.load_flights()\n{code}\n"
        "import numpy as np\nassert np.unique(p).size == 1 and not np.any(np.asarray(p) == 1), p"
    )
    subprocess.run([sys.executable, "-c", program], cwd=surroundings.ROOT, check=True)


def test_an_unknown_lesson_is_refused() -> None:
    """If I mistype a lesson's number, I read how lessons are named."""
    with pytest.raises(UsageError, match="there is no lesson 6"):
        perturb.solutions(["6"])
    assert [Path(book).name[:2] for book in perturb.solutions(["06"])] == ["06"]
