"""The deck's own data, where this machine has it."""

from __future__ import annotations

import os
from typing import Any

import pandas as pd
import pytest

from course_utils import tables
from course_utils.data import datasets


@pytest.fixture(scope="session")
def deck() -> dict[str, Any]:
    """Return the deck's figures as data."""
    return tables.read_toml("deck.toml")


@pytest.fixture(scope="session")
def allyears() -> pd.DataFrame:
    """Return the deck's 43,978 flights, their checksum verified; skip where they are not on this machine."""
    named = os.environ.get("COURSE_ALLYEARS2K", "").strip()
    kept = datasets.data_folder() / "external" / "allyears2k.csv"
    if not kept.is_file() and (not named or "://" in named):
        pytest.skip("the deck's data is not on this machine: set COURSE_ALLYEARS2K to a copy, or fetch it")
    return datasets.load_flights("allyears2k")
