"""The deck's own data, where this machine has it."""

from __future__ import annotations

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
    if not datasets.is_available("allyears2k"):
        pytest.skip("the deck's data is not on this machine: set COURSE_ALLYEARS2K to a copy, or fetch it")
    return datasets.load_flights("allyears2k")
