"""What tests share."""

from __future__ import annotations

import pandas as pd
import pytest


@pytest.fixture(scope="session")
def flights() -> pd.DataFrame:
    """The default data set, loaded once."""
    from course_utils import datasets

    return datasets.load_flights("nyc2013")
