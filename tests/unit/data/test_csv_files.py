"""Read CSV files of flights; `test_datasets.py` tries the damaged ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from course_utils.data import csv_files
from course_utils.errors import DataError

WHOLE = (Path(__file__).parent / "fixtures" / "whole.csv").read_bytes()


def test_columns_get_the_types_of_the_dictionary():
    """Texts become categories and whole numbers int64; a column with missing values is float."""
    rows = csv_files.parse(WHOLE, "whole.csv")
    assert rows.shape == (8, 31)
    assert str(rows["Origin"].dtype) == "category"
    assert (rows["Year"].dtype, rows["TaxiIn"].dtype) == ("int64", "float64")


def test_a_text_among_numbers_stays_for_validation_to_name():
    """A value that is not a number is kept as it is, so that the error can say which row holds it."""
    rows = csv_files.parse(WHOLE.replace(b",1400,", b",far,"), "mine.csv")
    assert "far" in set(rows["Distance"])


def test_an_encoding_can_be_passed():
    """Letters that are not UTF-8 are read in the encoding that I pass, and refused without it."""
    latin = WHOLE.replace(b"N534UA", "äNKNOæ".encode("iso-8859-1"))
    assert "äNKNOæ" in set(csv_files.parse(latin, "mine.csv", "iso-8859-1")["TailNum"])
    with pytest.raises(DataError, match=r"mine\.csv, row 1: is not stored as utf-8"):
        csv_files.parse(latin, "mine.csv")
