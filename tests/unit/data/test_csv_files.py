"""Read CSV files of flights; `test_datasets.py` tries the damaged ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from course_utils.data import csv_files, datasets
from course_utils.errors import DataError, UsageError

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


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (
            lambda file: file.replace(b"N534UA", b'"N534UA', 1),
            r"csv, row 1: cannot be split into fields \(.*Fix: rem",
        ),
        (lambda file: file.replace(b"N534UA", b'"N5"34UA', 1), r"row 1: cannot be split into fields"),
        (lambda file: file.replace(b"\n", b"\r"), "its lines end in a carriage return only"),
        (lambda file: file + b"\0" * 9, r"mine\.csv"),
    ],
    ids=["a quote that never ends", "a quote inside a field", "lines of an old Mac", "null bytes at the end"],
)
def test_a_file_that_cannot_be_split_is_refused(damage: Callable[[bytes], bytes], words: str):
    """A stray quote, lone carriage returns and null bytes are refused with file, row and fix, not with csv.Error."""
    with pytest.raises(DataError, match=words):
        csv_files.parse(damage(WHOLE), "mine.csv")


def test_line_ends_of_windows_and_quoted_fields_are_read():
    """Carriage return and line feed end a line as well, and quotes around a whole field belong to the format."""
    sound = csv_files.parse(WHOLE, "whole.csv")
    for written in (WHOLE.replace(b"\n", b"\r\n"), WHOLE.replace(b"N534UA", b'"N534UA"')):
        pd.testing.assert_frame_equal(csv_files.parse(written, "mine.csv"), sound)


@given(st.binary(max_size=200), st.integers(0, len(WHOLE)))
def test_any_damage_is_an_error_of_the_course(bytes_: bytes, place: int):
    """Whatever bytes are in a file, it is read or refused with a fix."""
    for content in (bytes_, WHOLE[:place] + bytes_ + WHOLE[place:]):
        try:
            csv_files.parse(content, "mine.csv")
        except DataError as error:
            assert error.fix


def test_an_encoding_that_does_not_exist_is_named():
    """A misspelt encoding is a usage error."""
    with pytest.raises(UsageError, match="no encoding 'utf-9'"):
        csv_files.parse(WHOLE, "mine.csv", "utf-9")


def test_a_folder_is_no_file_of_flights(tmp_path: Path):
    """The path of a folder is refused by its name."""
    with pytest.raises(DataError, match=r"is a folder\. Fix: pass the path of a CSV file"):
        datasets.read_flights(tmp_path)
