"""What tests share."""

from __future__ import annotations

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    """Load the default data set once."""
    from course_utils import datasets

    return datasets.load_flights("nyc2013")
