"""VW's text: what is written is what VW reads, and what cannot be read is refused with its line and column."""

from __future__ import annotations

import bz2
import csv
import gc
import gzip
import lzma
import math
import os
import re
import stat
import subprocess
import sys
import time
import tracemalloc
import warnings
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from vowpalwabbit import Workspace

from course_utils import tables
from course_utils.data import dictionary
from course_utils.errors import DataError, UsageError
from course_utils.model import vowpal
from course_utils.model.vowpal.labels import LabelMap
from course_utils.model.vowpal.plan import Choice, LinePlan
from course_utils.model.vowpal.reading import CsvReader
from course_utils.model.vowpal.text import check_encoding, format_number, trim_number
from course_utils.model.vowpal.wording import named, say
from course_utils.model.vowpal.writing import Sink, check_target, open_sink

#: An example may take as long as it needs.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

pytestmark = pytest.mark.slow  # VW's own parser judges: seconds, with the whole file

PLUS_MINUS = {"YES": 1, "NO": -1}
FIXTURES = Path(__file__).parents[1] / "data" / "fixtures"


@pytest.fixture
def write(tmp_path):
    """Give a function that writes rows to a CSV file and returns its path."""

    def to(*rows: list[str] | str, name: str = "in.csv", encoding: str = "utf-8", separator: str = ",") -> Path:
        path = tmp_path / name
        with path.open("w", newline="", encoding=encoding) as file:
            csv.writer(file, delimiter=separator).writerows(
                [row.split(",") if isinstance(row, str) else row for row in rows]
            )
        return path

    return to


def text(path: Path, **options) -> list[str]:
    """Return the lines that csv2vw makes of a file."""
    target = path.with_suffix(".vw")
    options.setdefault("label", "y")
    options.setdefault("all_columns", "columns" not in options)
    vowpal.csv2vw(path, target, **options)
    return target.read_text(encoding="utf-8").splitlines()


def read_by_vw(path: Path) -> list[tuple[float, float, str, list[tuple[int, float]]]]:
    """Return what VW's own parser makes of each line: label, weight, tag and hashed features."""
    found = []
    with Workspace("--quiet --noconstant") as learner:
        for line in path.read_bytes().decode().split("\n")[:-1]:
            example = learner.parse(line)
            found.append(
                (
                    example.get_simplelabel_label(),
                    example.get_simplelabel_weight(),
                    example.get_tag(),
                    list(example.iter_features()),
                )
            )
            learner.finish_example(example)
    return found


# --------------------------------------------------------------------------- the deck's forms


def test_a_row_becomes_a_line_of_the_decks_form(write):
    """Numbers get a colon, texts an equals sign, a missing value stays a feature of its own; a zero is left out."""
    path = write("y,Year,Delay,Carrier,Code,Cancelled", "1,1995,13.0,US,,0", "-1,2008,-3.5,WN,B,1")
    assert text(path) == [
        "1 |f Year:1995 Delay:13.0 Carrier=US Code=",
        "-1 |f Year:2008 Delay:-3.5 Carrier=WN Code=B Cancelled:1",
    ]


def test_the_label_is_found_by_name_by_place_and_from_the_end(write):
    """The deck's `-- -1` and `2` work: places count from 0, or from the end."""
    path = write("a,y,b", "5,1,7")
    assert text(path, label="y") == text(path, label=1) == text(path, label=-2) == text(path, label="-2")


def test_a_file_without_header_has_columns_called_by_number(write):
    """Without a header the columns are called 1, 2, 3, as the deck's tool does."""
    assert text(write("5,x,1", "6,y,-1"), label=2, header=False) == ["1 |f 1:5 2=x", "-1 |f 1:6 2=y"]


@pytest.mark.parametrize(
    ("name", "separator", "given"), [("a.tsv", "\t", None), ("a.csv", ";", ";"), ("a.txt", ",", None)]
)
def test_other_separators(write, name, separator, given):
    """A .tsv file is read with tabs, and any other separator when I name it."""
    assert text(write("y,a", "1,5", name=name, separator=separator), separator=given) == ["1 |f a:5"]


def test_classes_are_counted_in_order_of_appearance(write):
    """The deck's own form: the first label met is 1, the next 2."""
    rows = ("y,a", "YES,1", "NO,2", "YES,3", "MAYBE,4")
    assert [line[0] for line in text(write(*rows), kind="classes")] == ["1", "2", "1", "3"]


def test_namespaces_weights_and_tags(write):
    """Columns go into the namespaces that I name, weight and tag are written where VW expects them."""
    path = write("y,a,b,c,w,id", ["1", "5", "x", "0", "2", "EWR to LAX"], ["-1", "0", "y", "3", "0.5", ""])
    lines = text(path, namespaces={"when": ["a", "c"], "who": ["b"]}, importance="w", tag="id")
    assert lines == ["1 2.0 'EWR%20to%20LAX |when a:5 |who b=x", "-1 0.5 ' |when c:3 |who b=y"]
    assert vowpal.parse_with_vw(*lines)["importance"].tolist() == [2.0, 0.5]


def test_a_column_named_as_text_keeps_its_digits(write):
    """A carrier called 9 or a code 007 is a name, if I say so."""
    assert text(write("y,code", "1,007", "1,0"), text=["code"]) == ["1 |f code=007", "1 |f code=0"]


def test_rows_without_a_label_are_refused_left_out_or_kept(write):
    """A cancelled flight has no label: I am asked what to do with it, and VW learns nothing from one kept."""
    path = write("y,a", "1,5", ",6", "-1,7")
    with pytest.raises(DataError, match=r"column y, row 1: has no label \(line 3\)"):
        text(path)
    assert text(path, unlabelled="skip") == ["1 |f a:5", "-1 |f a:7"]
    kept = text(path, unlabelled="keep")
    assert np.isnan(vowpal.parse_with_vw(*kept)["label"]).tolist() == [False, True, False]


def test_a_value_can_be_mapped_to_no_label(write):
    """A cancelled flight is neither late nor on time: its label can be mapped to none."""
    path, labels = write("y,a", "LATE,5", "CANCELLED,6", "ON TIME,7"), {"LATE": 1, "ON TIME": -1, "CANCELLED": None}
    assert text(path, labels=labels, unlabelled="skip") == ["1 |f a:5", "-1 |f a:7"]
    with pytest.raises(DataError, match=r"column y, row 1: has no label \(line 3\)"):
        text(path, labels=labels)


def test_a_table_in_memory_is_converted_as_its_file_would_be():
    """A DataFrame becomes what its CSV file would become, and is refused as that would be."""
    frame = pd.DataFrame({"y": [1, -1], "a": [0.12345678, np.nan], "b": ["x y", "NA"]})
    examples = vowpal.from_frame(frame, label="y", all_columns=True, text=["b"])
    assert examples.lines == ["1 |f a:0.12345678 b=x%20y", "-1 |f a= b=NA"]
    assert repr(examples) == "2 examples, 4 features of 2 columns"
    with pytest.raises(DataError, match="column y, row 0"):
        vowpal.from_frame(frame.assign(y=["late", "1"]), label="y", all_columns=True)


def test_what_was_written_is_counted(write):
    """The result says how many examples and features there are, and what the labels became."""
    path = write("y,a,b", "YES,5,x", "NO,0,y", ",1,z")
    written = vowpal.csv2vw(
        path, path.with_suffix(".vw"), label="y", labels=PLUS_MINUS, all_columns=True, unlabelled="skip"
    )
    assert isinstance(written, vowpal.Written)
    assert (written.examples, written.features, written.skipped, written.columns) == (2, 3, 1, ("a", "b"))
    assert written.labels == {"YES": "1", "NO": "-1"}
    assert str(written) == "2 examples, 3 features of 2 columns, 1 row without a label left out"


# --------------------------------------------------------------------------- what a model may know


FLIGHT = ("CRSDepTime,UniqueCarrier,DepDelay,Origin,IsDepDelayed,extra", "1530,9E,20,EWR,YES,1")


def test_by_default_only_what_is_known_beforehand_is_written(write):
    """The delay itself, and columns that the dictionary does not know, stay out unless I ask for all."""
    path = write(*FLIGHT)
    options = {"label": "IsDepDelayed", "labels": PLUS_MINUS}
    assert text(path, all_columns=False, **options) == ["1 |f CRSDepTime:1530 UniqueCarrier=9E Origin=EWR"]
    assert "DepDelay:20" in text(path, all_columns=True, **options)[0]


def test_a_forbidden_column_is_refused_by_name(write):
    """Naming a column that holds the answer is refused with the dictionary's reason."""
    with pytest.raises(UsageError, match=r"DepDelay may not be used 3 hours ahead: the label is computed from it"):
        text(write(*FLIGHT), label="IsDepDelayed", labels=PLUS_MINUS, columns=["DepDelay"])


def test_a_column_of_my_own_can_be_named(write):
    """What the dictionary does not know may be used when I name it."""
    assert text(write(*FLIGHT), label="IsDepDelayed", labels=PLUS_MINUS, columns=["extra"]) == ["1 |f extra:1"]


def test_an_airport_called_nan_is_an_airport(write):
    """In a column of text, NAN and NA are names; a number that is missing is a feature of its own."""
    path = write("Origin,Distance,IsDepDelayed", "NAN,NA,YES", "NA,nan,NO")
    assert text(path, label="IsDepDelayed", labels=PLUS_MINUS, all_columns=False) == [
        "1 |f Origin=NAN Distance=",
        "-1 |f Origin=NA Distance=",
    ]


# --------------------------------------------------------------------------- VW's silent faults


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("NA", "d="),
        ("", "d="),
        ("nan", "d="),
        ("True", "d=True"),
        ("1,400", "d=1,400"),
        ("a|b", "d=a%7Cb"),
        ("a=b:2", "d=a=b%3A2"),
        ("0x10", "d=0x10"),
        ("a b", "d=a%20b"),
        ("a\nb", "d=a%0Ab"),
        ("a\r\tb", "d=a%0D%09b"),
        ("٣", "d=٣"),
        ("é%20", "d=é%2520"),
        ("1e5", "d:1e5"),
        ("-.5", "d:-.5"),
        ("1e5.5", "d=1e5.5"),
    ],
)
def test_vw_reads_one_feature_of_the_meant_weight(write, cell, written):
    """Whatever a cell holds, VW's own parser reads one feature from it, and the next column after it."""
    (line,) = text(write(["y", "d", "z"], ["1", cell, "7"]))
    assert line == f"1 |f {written} z:7"
    weight = float(cell) if written.startswith("d:") else 1.0
    assert vowpal.parse_with_vw(line)["values"].item() == f"{weight:g}, 7"


@pytest.mark.parametrize("cell", ["0", "0.0", "-0", "1e-50"])
def test_a_zero_is_no_feature(write, cell):
    """A zero is left out: VW would drop it, and the count of features would not agree."""
    assert text(write("y,d,z", f"1,{cell},7")) == ["1 |f z:7"]


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e39", "9" * 60])
def test_an_infinite_number_is_refused(write, cell):
    """One infinite value would poison every weight that it meets."""
    with pytest.raises(DataError, match=r"in\.csv, column d, row 1: .*\(line 3\)"):
        text(write("y,d", "1,5", f"1,{cell}"))


@pytest.mark.parametrize("cell", ["0x10", "True", "1,400", "NAN", "twelve"])
def test_a_word_where_the_dictionary_wants_a_number_is_refused(write, cell):
    """In a column of numbers a word is an error that names its line."""
    path = write(["Distance", "IsDepDelayed"], ["100", "YES"], [cell, "NO"])
    with pytest.raises(DataError, match=r"column Distance, row 1: holds .* where a number belongs \(line 3\)"):
        text(path, label="IsDepDelayed", labels=PLUS_MINUS, all_columns=False)


@pytest.mark.parametrize(
    ("label", "options", "said"),
    [
        ("0", {}, "neither -1 nor 1"),
        ("YES", {}, "neither -1 nor 1"),
        ("MAYBE", {"labels": PLUS_MINUS}, "which the label map does not name (YES, NO)"),
        ("yes", {"labels": PLUS_MINUS}, "which the label map does not name"),
        ("high", {"kind": "number"}, "which is not a number"),
        ("inf", {"kind": "number"}, "which is not a number"),
    ],
)
def test_a_label_that_vw_would_misread_is_refused(write, label, options, said):
    """0, YES or a third value would be learnt as something else, so it is refused with its line."""
    good = "YES" if "labels" in options else "1"
    with pytest.raises(DataError, match=re.escape(said)) as refused:
        text(write("y,a", f"{good},5", f"{label},6"), **options)
    assert (refused.value.column, refused.value.row) == ("y", 1)
    assert "(line 3)" in str(refused.value)


def test_vw_itself_complains_about_none_of_it():
    """The faults are silent: VW reads a missing number as 1 and a label in words as 0, and may lose a feature."""
    seen = vowpal.parse_with_vw("1 |f d:NA z:7", "1 |f d: z:7", "YES |f d:5", "1 |f d=a|b", "1 |f d:0x10", "1|f d:5")
    assert seen["values"].tolist() == ["1, 7", "1", "5", "1", "16", "5"]
    assert seen["label"].tolist()[:5] == [1, 1, 0, 1, 1]
    assert math.isnan(seen["label"].iloc[5])  # a label right before the bar is a tag


# --------------------------------------------------------------------------- any table at all

WORD = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
INFINITE = re.compile(r"\s*[+-]?inf(inity)?\s*", re.IGNORECASE)  # refused, see above
CELL = st.one_of(
    WORD,
    st.floats(-(2.0**127), 2.0**127, width=32).map(repr),
    st.integers(-(10**9), 10**9).map(str),
    st.sampled_from(["NA", "", "nan", "True", "a|b", "a=b:2", "0x10", "1,400", " 5 ", "'", "0", "-0.0"]),
)
LABEL = st.sampled_from(["1", "-1"])


@st.composite
def table(draw):
    names = draw(st.lists(WORD.filter(lambda name: name != "y" and name.strip()), min_size=1, max_size=4, unique=True))
    kinds = draw(st.lists(st.booleans(), min_size=len(names), max_size=len(names)))
    cell = CELL.filter(lambda cell: not INFINITE.fullmatch(cell))
    rows = draw(st.lists(st.tuples(LABEL, *[cell] * len(names)), min_size=1, max_size=6))
    return ["y", *names], [name for name, is_text in zip(names, kinds, strict=True) if is_text], rows


def meant(name: str, cell: str, is_text: bool) -> tuple[str, float] | None:
    """Return the feature that a cell means, found without csv2vw: name and weight; None for a zero."""
    plain = cell.strip()
    if not is_text:
        if plain in vowpal.MISSING:
            return f"{name}=", 1.0
        if re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", plain):
            value = float(plain)
            return (name, value) if abs(value) >= 1e-28 else None
    return f"{name}={cell}", 1.0


@settings(UNHURRIED, max_examples=150)
@given(table())
def test_any_table_goes_through_vws_own_parser_unharmed(tmp_path_factory, made):
    """Whatever words and numbers a table holds, VW's parser gives back the same examples."""
    names, as_text, rows = made
    folder = tmp_path_factory.mktemp("any")
    with (folder / "in.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([names, *rows])
    written = vowpal.csv2vw(folder / "in.csv", folder / "out.vw", label="y", all_columns=True, text=as_text)
    wanted = [
        [found for name, cell in zip(names[1:], cells, strict=True) if (found := meant(name, cell, name in as_text))]
        for _, *cells in rows
    ]
    seen = read_by_vw(folder / "out.vw")
    assert [label for label, *_ in seen] == [float(label) for label, *_ in rows]
    assert [[value for _, value in features] for *_, features in seen] == [
        [pytest.approx(value, rel=1e-6) for _, value in row] for row in wanted
    ]
    assert written.features == sum(map(len, wanted)) == sum(len(features) for *_, features in seen)
    # The words are the same too: the text, unquoted, is what was meant, and VW hashed that text.
    lines = (folder / "out.vw").read_text(encoding="utf-8").split("\n")[:-1]
    words = [[word.split(":")[0] for word in line.split(" ")[2:]] for line in lines]
    assert [[unquote(word) for word in row] for row in words] == [[name for name, _ in row] for row in wanted]
    with Workspace("--quiet") as learner:
        space = learner.hash_space("f")
        hashed = [[learner.hash_feature(word, space) % 2**18 for word in row] for row in words]
    assert [[place for place, _ in features] for *_, features in seen] == hashed


@settings(UNHURRIED)
@given(st.text(), st.text())
def test_different_texts_stay_different(one, other):
    """Escaping never makes one word of two."""
    assert (vowpal.escape(one) == vowpal.escape(other)) == (one == other)


@settings(UNHURRIED)
@given(WORD, WORD, WORD, WORD)
def test_name_and_value_keep_apart(name, cell, other_name, other_cell):
    """Column a=b with value c is not column a with value b=c."""
    same = (name, cell) == (other_name, other_cell)
    assert (vowpal.format_feature(name, cell, "text") == vowpal.format_feature(other_name, other_cell, "text")) == same


def test_an_equals_sign_in_a_name_is_no_end_of_it():
    """The same with an equals sign in the name, which chance seldom finds."""
    assert vowpal.format_feature("a=b", "c") == "a%3Db=c" != vowpal.format_feature("a", "b=c") == "a=b=c"


@settings(UNHURRIED, max_examples=40)
@given(WORD)
def test_a_tag_comes_back(tmp_path_factory, tag):
    """The tag that VW returns with a prediction, unquoted, is the one in the file."""
    folder = tmp_path_factory.mktemp("tag")
    with (folder / "in.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["y", "id", "a"], ["1", tag, "5"]])
    vowpal.csv2vw(folder / "in.csv", folder / "out.vw", label="y", tag="id", all_columns=True)
    (example,) = read_by_vw(folder / "out.vw")
    assert (unquote(example[2]), example[3][0][1]) == (tag, 5.0)


@settings(UNHURRIED, max_examples=150)
@given(st.binary(max_size=120), st.sampled_from([{}, {"kind": "classes"}, {"kind": "number"}, {"encoding": "utf-16"}]))
def test_a_broken_file_is_refused_with_its_row_and_leaves_nothing(tmp_path_factory, content, options):
    """Whatever bytes are sent: a file of VW's text, or one readable error that names file or row, and no output."""
    folder = tmp_path_factory.mktemp("broken")
    encoding = options.get("encoding", "utf-8")
    (folder / "in.csv").write_bytes("y,a\n1,5\n".encode(encoding) + content)
    try:
        vowpal.csv2vw(folder / "in.csv", folder / "out.vw", label="y", all_columns=True, **options)
    except DataError as error:
        assert error.file == "in.csv" and "line " in str(error)
        assert [path.name for path in folder.iterdir()] == ["in.csv"]
    else:
        assert (folder / "out.vw").is_file()


# --------------------------------------------------------------------------- numbers stay what they are


@pytest.mark.parametrize("number", ["1234567", "-1234567", "16777216", "0.1", "1e-28", "1e-05", "123456.789", "2.5e30"])
def test_a_number_is_written_so_that_it_reads_back_the_same(write, number):
    """A label, a weight, a class and a feature of seven digits keep all seven, and a tiny number stays readable."""
    lines = text(write("y,a", f"{number},{number}"), kind="number")
    assert lines == [f"{number} |f a:{number}"]
    mapped = text(write("y,a", f"LATE,{number}", "OTHER,1"), kind="number", labels={"LATE": float(number), "OTHER": 0})
    assert float(mapped[0].split()[0]) == float(number)
    seen = vowpal.parse_with_vw(lines[0])
    assert seen["label"].item() == pytest.approx(float(number), rel=1e-6)
    assert float(seen["values"].item()) == pytest.approx(float(number), rel=1e-6)
    assert float(format_number(float(number))) == float(number)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_any_number_reads_back_the_same(number):
    """No digit is lost, whatever the number is; a whole one is written without a point."""
    assert float(format_number(number)) == number
    assert float(trim_number(repr(number))) == number
    assert format_number(7.0) == "7"


def test_classes_of_many_digits_stay_apart(write):
    """Class 1234567 is not class 1234570, and a class that VW cannot count is refused."""
    path = write("y,a", "ONE,5", "TWO,6")
    assert [line.split()[0] for line in text(path, kind="classes", labels={"ONE": 1_234_567, "TWO": 1_234_568})] == [
        "1234567",
        "1234568",
    ]
    with pytest.raises(UsageError, match=r"'TWO' is mapped to 4294967295.*up to 4,294,967,294"):
        text(path, kind="classes", labels={"ONE": 1, "TWO": 2**32 - 1})


def test_a_very_long_number_is_shortened_as_vw_reads_it(write):
    """VW reads forty digits as infinity, so they are written shorter, in labels too."""
    long = "0." + "1" * 60
    (line,) = text(write("y,a", f"{long},{'9' * 38}"), kind="number")
    assert vowpal.parse_with_vw(line)["label"].item() == pytest.approx(float(long), rel=1e-6)
    assert math.isfinite(float(vowpal.parse_with_vw(line)["values"].item()))


def test_the_parsers_table_shows_numbers_exactly():
    """What VW read is shown with all the digits that it keeps."""
    assert vowpal.parse_with_vw("1234567 |f a:1234567 b:0.1 c:1e-28")["values"].item() == "1234567, 0.1, 1e-28"


def test_the_columns_types_of_a_table_do_not_matter():
    """Whole floats, single precision, Arrow's and nullable columns, time zones and repeated row labels all work."""
    frame = pd.DataFrame(
        {
            "y": pd.array([1, -1], dtype="Int64"),
            "whole": [227.0, np.nan],
            "single": np.array([0.1, 3], dtype="float32"),
            "arrow": pd.array([0.1, 2], dtype="double[pyarrow]"),
            "name": pd.array(["EWR", None], dtype="string[pyarrow]"),
            "when": pd.date_range("2013-01-01", periods=2, tz="America/New_York"),
            "big": [1e22, 1_234_567],
        },
        index=[0, 0],
    )
    assert vowpal.from_frame(frame, label="y", all_columns=True, text=["when"]).lines == [
        "1 |f whole:227 single:0.1 arrow:0.1 name=EWR when=2013-01-01%2000%3A00%3A00-05%3A00 big:1e+22",
        "-1 |f whole= single:3.0 arrow:2.0 name= when=2013-01-02%2000%3A00%3A00-05%3A00 big:1234567.0",
    ]


FRAME = pd.DataFrame({"y": [1, -1, 1], "a": [1.5, 2, 3]})


@pytest.mark.parametrize(
    ("frame", "options", "said"),
    [
        (FRAME.iloc[:0], {}, "has no row with a label"),
        (FRAME.assign(y=np.nan), {"unlabelled": "skip"}, "has no row with a label"),
        (FRAME.assign(y=np.nan), {}, "column y, row 0: has no label. Fix: leave such rows out with unlabelled='skip'"),
        (FRAME.assign(y=[1, 0, 1]), {}, "pass labels={'1': 1, '0': -1}; swap the two if 0 is what you predict"),
        (FRAME.assign(a=[1, np.inf, 2]), {}, "column a, row 1: holds 'inf'"),
        (FRAME.assign(a=[1e300, 1, 2]), {}, "column a, row 0: holds 1e+300, which is infinite to VW"),
        (FRAME.assign(a=["x", "\udcff", "y"]), {}, "column a, row 1: holds bytes"),
        (FRAME["y"], {}, "a Series is not a table"),
        (FRAME.rename(columns={"a": 7}), {}, "the column 7 is not named by text"),
        (pd.concat([FRAME, FRAME[["a"]]], axis=1), {}, "column a: is in the table twice"),
        (FRAME, {"separator": ";"}, "a DataFrame has no separator"),
        (FRAME, {"text": "a"}, "text='a' is one text"),
        (FRAME[["y"]], {}, "no column is left to make features of"),
        (FRAME, {"horizon": -1, "all_columns": False, "columns": ["a"]}, "horizon=-1 is after departure"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_by_column_and_row(frame, options, said):
    """A table in memory is refused by column and row, with no file or line that I never wrote."""
    with pytest.raises((DataError, UsageError), match=re.escape(said)) as refused:
        vowpal.from_frame(frame, **({"label": "y", "all_columns": True} | options))
    assert "line" not in str(refused.value) and "table.csv" not in str(refused.value)


# --------------------------------------------------------------------------- files as they are delivered


@pytest.mark.parametrize("pack", ["gz", "bz2", "xz", "zip"])
def test_a_compressed_file_is_read_as_it_is(write, tmp_path, pack):
    """A file that is compressed is unpacked while it is read, whatever its name; one that is cut off is refused."""
    plain = write("y,a", *["1,5", "-1,6"] * 2_000)
    packed = tmp_path / "packed.csv"
    if pack == "zip":
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(plain, "in.csv")
    else:
        packed.write_bytes({"gz": gzip, "bz2": bz2, "xz": lzma}[pack].compress(plain.read_bytes()))
    assert text(packed) == text(plain)
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"packed\.csv.*cannot be read"):
        text(packed)


def test_files_of_other_kinds_are_called_by_their_name(tmp_path):
    """A Parquet file, a workbook or an archive of several files is refused for what it is."""
    (tmp_path / "a.csv").write_bytes(b"PAR1\x15\x04\x15")
    with pytest.raises(DataError, match=r"a\.csv: is a Parquet file, not CSV"):
        text(tmp_path / "a.csv")
    for members, said in (["xl/workbook.xml", "b"], "is an Excel file"), (["a", "b"], "is a zip archive of 2 files"):
        with zipfile.ZipFile(tmp_path / "b.csv", "w") as archive:
            for member in members:
                archive.writestr(member, "y,a\n1,5\n")
        with pytest.raises(DataError, match=said):
            text(tmp_path / "b.csv")


def test_a_comma_at_the_end_of_each_line_is_no_column(tmp_path):
    """Files of the BTS end each line with a comma: the last real column counts from the end, as without it."""
    path = tmp_path / "in.csv"
    path.write_text("\n\na,y,\n5,1,\n6,-1,\n")
    assert text(path) == text(path, label=-1) == ["1 |f a:5", "-1 |f a:6"]
    path.write_text("a,y,\n5,1,\n6,-1,oops\n")
    with pytest.raises(DataError, match=r"row 1: has 'oops' in a column that has no name in the header \(line 3\)"):
        text(path)


def test_a_column_without_a_name_is_used_never_and_refused_with_all(tmp_path):
    """An index that pandas saved has no name: it is left out, and refused where I ask for all columns."""
    path = tmp_path / "in.csv"
    path.write_text(",a,y\n0,5,1\n1,6,-1\n")
    assert text(path, columns=["a"]) == ["1 |f a:5", "-1 |f a:6"]
    with pytest.raises(DataError, match=r"has no name for column 0, .*to_csv\(index=False\)"):
        text(path)
    with pytest.raises(UsageError, match="column 0 has no name"):
        text(path, columns=["a"], label=0)
    with pytest.raises(UsageError, match="the file has no column ''"):
        text(path, columns=[""])
    path.write_text(",,\n1,2,3\n")
    with pytest.raises(DataError, match="has a header without any name"):
        text(path)


def test_a_cancelled_flight_with_a_label_is_reported(write):
    """H2O's file calls cancelled flights late: I am warned how many labelled rows they are."""
    path = write("y,a,Cancelled", "YES,5,1", "NO,6,0", ",7,1", "YES,8,0")
    with pytest.warns(UserWarning, match=r"1 of 3 labelled rows are cancelled flights \(column Cancelled\)"):
        text(path, labels=PLUS_MINUS, columns=["a"], unlabelled="skip")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text(write("y,a,Cancelled", "YES,5,0", ",6,1"), labels=PLUS_MINUS, columns=["a"], unlabelled="skip")


@pytest.mark.parametrize("separately", [False, True])
def test_time_grows_with_the_columns_and_not_with_their_square(tmp_path, separately):
    """Twenty thousand columns take about four times as long as five thousand, not sixteen times."""

    def seconds(columns: int) -> float:
        path, names = tmp_path / "in.csv", [f"c{place}" for place in range(columns)]
        path.write_text(f"y,{','.join(names)}\n1,{','.join(['5'] * columns)}\n")
        options = {"namespaces": {"a": names}} if separately else {}
        started = time.process_time()
        vowpal.csv2vw(path, tmp_path / "out.vw", label="y", all_columns=True, **options)
        return time.process_time() - started

    seconds(100)
    gc.disable()  # its passes over all that pytest holds would be counted too
    try:
        assert min(seconds(20_000) for _ in range(3)) < 9 * min(seconds(5_000) for _ in range(3))
    finally:
        gc.enable()


def test_the_converter_needs_no_dictionary_in_memory(write):
    """Which columns are known is found without pandas and NumPy, and it is what the dictionary says with them."""
    path = write(*FLIGHT)
    code = (
        "import sys; from course_utils.model import vowpal; "
        f"vowpal.csv2vw({str(path)!r}, {str(path.with_suffix('.vw'))!r}, label='IsDepDelayed', labels={PLUS_MINUS!r}); "
        "print(*{'pandas', 'numpy'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"
    names = list(dictionary.load().index)
    for hours in (0, 0.5, 3, 24, 5000):
        choice = Choice(horizon=hours)
        if wanted := [name for name in dictionary.admissible(hours) if name != "IsDepDelayed"]:
            plan = LinePlan.make(names, "IsDepDelayed", LabelMap("binary", None, "skip"), choice, header=True)
            assert list(plan.columns) == wanted


@pytest.mark.parametrize("at", [0, 3, 249, 250, 600])
def test_an_error_knows_its_line_wherever_it_is(tmp_path, at):
    """Rows are converted some at a time, yet the first fault is named by its own row and line, blank lines or not."""
    rows = ["1,5", *["-1,6"] * 700]
    rows[at] = "1,inf"
    rows[at + 1] = "7,7,7"
    (tmp_path / "in.csv").write_text("y,a\n\n" + "\n\n".join(rows) + '\n1,"open\n')
    with pytest.raises(DataError, match=rf"column a, row {at}: .*\(line {3 + 2 * at}\)"):
        text(tmp_path / "in.csv")


# --------------------------------------------------------------------------- outputs that are no files


def test_a_link_stays_a_link_and_a_file_keeps_its_rights(write, tmp_path):
    """The file behind a link is replaced, a file of two names stays one file, and its rights stay as they were."""
    path, real = write("y,a", "1,5"), tmp_path / "real.vw"
    real.write_text("old\n")
    real.chmod(0o600)
    (tmp_path / "link.vw").symlink_to("real.vw")
    vowpal.csv2vw(path, tmp_path / "link.vw", label="y", all_columns=True)
    assert (tmp_path / "link.vw").is_symlink() and real.read_text() == "1 |f a:5\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    (tmp_path / "hard.vw").hardlink_to(real)
    path = write("y,a", "-1,6")
    vowpal.csv2vw(path, tmp_path / "hard.vw", label="y", all_columns=True)
    assert real.samefile(tmp_path / "hard.vw") and real.read_text() == "-1 |f a:6\n"
    write("y,a", "-1,inf")
    with pytest.raises(DataError):
        vowpal.csv2vw(path, tmp_path / "hard.vw", label="y", all_columns=True)
    assert real.read_text() == "-1 |f a:6\n"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_written_through(write, tmp_path):
    """Whoever reads a named pipe gets the lines, and the pipe is still one afterwards."""
    path, pipe = write("y,a", "1,5"), tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        got = pool.submit(pipe.read_text)
        vowpal.csv2vw(path, pipe, label="y", all_columns=True)
        assert got.result(timeout=30) == "1 |f a:5\n"
    assert pipe.is_fifo()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_one_readable_error(write):
    """What cannot be written ends in an error that names the target."""
    with pytest.raises(DataError, match=r"^full: cannot be written: No space left"):
        vowpal.csv2vw(write("y,a", "1,5"), "/dev/full", label="y", all_columns=True)
    assert Path("/dev/full").is_char_device()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_sink_names_its_target_when_it_closes():
    """What stays in memory until the end may not fit either: closing says so."""
    sink = Sink(Path("/dev/full").open("w"), "full")  # noqa: SIM115 - the sink closes it
    sink.write("1")
    with pytest.raises(DataError, match="full: cannot be written: No space"):
        sink.close()


def test_options_are_named_as_the_caller_types_them():
    """On the command line a message names flags, in Python it names arguments, and only inside the statement."""
    assert (say("a=1", "--a 1"), named("all_columns", True)) == ("a=1", "all_columns=True")
    with vowpal.in_flags():
        assert (say("a=1", "--a 1"), named("all_columns", True)) == ("--a 1", "--all-columns True")
    assert named("separator", ";") == "separator=';'"


def test_a_sink_closes_what_it_opened(tmp_path):
    """A file appears whole when the body ends well, and not at all when it fails."""
    with open_sink(tmp_path / "out") as sink:
        sink.write("1\n")
        assert [entry.name for entry in tmp_path.iterdir()] != ["out"]
    assert (tmp_path / "out").read_text() == "1\n" and len(list(tmp_path.iterdir())) == 1
    with pytest.raises(KeyError), open_sink(tmp_path / "other"):
        raise KeyError
    assert [entry.name for entry in tmp_path.iterdir()] == ["out"]
    with pytest.raises(UsageError, match="is both input and output"):
        check_target(tmp_path / "out", tmp_path / "out")


# --------------------------------------------------------------------------- broken deliveries and options


@pytest.mark.parametrize(
    "name", ["torn_row", "truncated", "unknown_carrier", "wrong_encoding", "empty", "header_only", "utf16"]
)
def test_deliveries_of_the_course(tmp_path, name):
    """A delivery that is torn, cut, empty or in another encoding ends in an error with its place, or in whole lines."""
    target = tmp_path / "out.vw"
    try:
        vowpal.csv2vw(FIXTURES / f"{name}.csv", target, label="IsDepDelayed", labels=PLUS_MINUS, unlabelled="skip")
    except (DataError, UsageError):
        assert not list(tmp_path.iterdir())
    else:
        assert target.read_text(encoding="utf-8").endswith("\n")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (("y,a", "1,5", "1,5,6"), r"row 1: has 3 cells, but there are 2 columns \(line 3\)"),
        (("y,a", "1,5", "1"), r"row 1: has 1 cell,"),
        (("y,a,a", "1,5,6"), r"column a: is in the header twice"),
        (("y,a",), r"has no row with a label"),
    ],
)
def test_a_table_that_is_none_is_refused(write, rows, said):
    """Too many cells, too few, a name given twice or no rows are refused, with the line."""
    with pytest.raises(DataError, match=said):
        text(write(*rows))


def test_an_open_quote_is_told(tmp_path):
    """A quote that is never closed would swallow the rest of the file, so it is refused."""
    (tmp_path / "in.csv").write_text('y,a\n1,5\n1,"6\n1,7\n')
    with pytest.raises(DataError, match=r"row 1: is not CSV: .*quote that is not closed"):
        text(tmp_path / "in.csv")


def test_the_encoding_can_be_named(write):
    """Bytes of another encoding are refused until I name it; text is then written as UTF-8."""
    path = write("y,a", "1,é", encoding="iso-8859-1")
    with pytest.raises(DataError, match=r"column a, row 0: holds bytes that are no text .*iso-8859-1"):
        text(path)
    assert text(path, encoding="iso-8859-1") == ["1 |f a=é"]


def test_a_refused_file_leaves_the_old_output_alone(write):
    """The text that I made yesterday stays as it was when today's file is refused."""
    path = write("y,a", "1,5")
    before = text(path)
    write("y,a", "1,5", "7,5")
    with pytest.raises(DataError):
        text(path)
    assert path.with_suffix(".vw").read_text().splitlines() == before
    assert sorted(entry.name for entry in path.parent.iterdir()) == ["in.csv", "in.vw"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label": "z"}, "there is no column 'z' for the label"),
        ({"label": 7}, "there is no column 7 for the label: the file has 3"),
        ({"label": "y", "kind": "both"}, "kind='both' is unknown"),
        ({"label": "y", "unlabelled": "maybe"}, "unlabelled='maybe' is unknown"),
        ({"label": "y", "separator": ",,"}, "cannot separate"),
        ({"label": "y", "encoding": "klingon"}, "encoding='klingon' is unknown"),
        ({"label": "y", "labels": {"1": 2, "-1": -1}}, "the label '1' is mapped to 2"),
        ({"label": "y", "labels": {"1": True, "-1": -1}}, "is mapped to True"),
        ({"label": "y", "labels": {"1": 1, "-1": 1}}, "all labels are mapped to the same value"),
        ({"label": "y", "columns": ["q"]}, "the file has no column 'q'"),
        ({"label": "y", "columns": ["a"], "all_columns": True}, "all_columns and columns exclude each other"),
        ({"label": "y", "columns": ["y"]}, "y is label, weight or tag and cannot be an input too"),
        ({"label": "y", "text": ["q"]}, "the file has no column 'q'"),
        ({"label": "y", "tag": "q"}, "the file has no column 'q'"),
        ({"label": "y", "all_columns": True, "namespaces": {"n": ["a"]}}, "b is in no namespace"),
        ({"label": "y", "all_columns": True, "namespaces": {"n": ["a", "b"], "m": ["b"]}}, "b is used twice"),
        ({"label": "y", "all_columns": True, "namespaces": {"n": []}}, "no name or no columns"),
        ({"label": "y", "columns": ["a"], "namespaces": {"n": ["a", "b"]}}, "add it to the columns as well"),
        ({"label": "y"}, "the dictionary admits none of these columns 3 hours ahead"),
        (
            {"label": "y", "all_columns": True, "importance": "b", "unlabelled": "keep"},
            "an example without a label cannot have a weight",
        ),
    ],
)
def test_options_that_cannot_be_used_are_refused(write, options, said):
    """A wrong option is refused by name, with the allowed values."""
    path = write("y,a,b", "1,5,6")
    with pytest.raises(UsageError, match=re.escape(said)):
        vowpal.csv2vw(path, path.with_suffix(".vw"), **options)
    assert not path.with_suffix(".vw").exists()


def test_a_file_is_never_written_over_itself(write):
    """Naming the input as the output is refused before anything happens."""
    path = write("y,a", "1,5")
    with pytest.raises(UsageError, match=r"in\.csv is both input and output"):
        vowpal.csv2vw(path, path, label="y", all_columns=True)
    with pytest.raises(UsageError, match="is a folder"):
        vowpal.csv2vw(path, path.parent, label="y", all_columns=True)
    with pytest.raises(UsageError, match="there is no folder"):
        vowpal.csv2vw(path, path.parent / "none" / "out.vw", label="y", all_columns=True)
    with pytest.raises(DataError, match=r"gone\.csv: cannot be read"):
        vowpal.csv2vw(path.with_name("gone.csv"), path.with_suffix(".vw"), label="y", all_columns=True)


@pytest.mark.parametrize(("rows", "length", "most"), [(120_000, 1, 10e6), (4_000, 5_000, 30e6)])
def test_memory_does_not_grow_with_the_file(tmp_path, rows, length, most):
    """Cells that never repeat, or that are very long, are not kept: a large file needs what a small one needs."""
    path = tmp_path / "in.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("y,a\n")
        file.writelines(f"{1 - 2 * (row % 2)},{'v' * length}{row}\n" for row in range(rows))
    tracemalloc.start()
    vowpal.csv2vw(path, tmp_path / "out.vw", label="y", all_columns=True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < most
    last = f"-1 |f a={'v' * length}{rows - 1}"
    assert (tmp_path / "out.vw").read_text().splitlines()[-1] == last


def test_a_label_with_many_values_is_none(write):
    """Naming the wrong column as classes is refused after a thousand classes, before they fill the memory."""
    rows = [["y", "a"], *(["1", f"v{i}"] for i in range(1_001))]
    with pytest.raises(DataError, match="more than 1,000 different labels"):
        text(write(*rows), label="a", kind="classes")


# --------------------------------------------------------------------------- parts of the converter


def test_the_reader_counts_rows_and_finds_the_place_of_an_error(write):
    """Blank lines are left out, rows are counted from 0, and an error gets file, row and line."""
    with CsvReader(write("y,a", "1,5", "-1,6"), ",", "utf-8") as reader:
        assert reader.names(header=True) == ["y", "a"]
        assert list(reader.batches(10)) == [[(["1", "5"], 2), (["-1", "6"], 3)]]
        assert reader.row == 1
        with pytest.raises(DataError, match=r"^in\.csv, column a, row 1: is odd \(line 3\)"), reader.locate_errors():
            raise DataError("is odd", column="a", fix="correct it")


def test_the_plan_of_a_line_has_one_part_for_each_cell_that_is_used():
    """Label, weight, tag and features come in VW's order; the blanks of a line without features are known."""
    names, choice = ["a", "y", "w", "b"], Choice(all_columns=True, importance="w")
    plan = LinePlan.make(names, "y", LabelMap("binary", None, "refuse"), choice, header=True)
    assert plan.columns == ("a", "b") and plan.width == 4
    assert [part.position for part in plan.parts] == [1, 2, 0, 3]
    assert "".join(part.texts[cell] for part, cell in zip(plan.parts, ["1", "2", "5", "x"], strict=True)) == (
        "1 2.0 |f a:5 b=x"
    )
    assert "".join(part.texts[cell] for part, cell in zip(plan.parts, ["1", "2", "0", "0"], strict=True)).count(
        " "
    ) == (plan.spaces)


def test_bytes_of_another_encoding_are_found_in_a_cell():
    """A surrogate, as Python reads a byte that is no text, is refused; any real character passes."""
    check_encoding("a", "Zürich, 東京")
    with pytest.raises(DataError, match="column a: holds bytes that are no text"):
        check_encoding("a", "Z\udcfcrich")


# --------------------------------------------------------------------------- runs

LINES = [f"{1 if i % 3 else -1} |a u={i % 7} v:{i % 5 + 1} |b w={i % 3}" for i in range(400)]
LOGISTIC = "--loss_function logistic"


@pytest.fixture(scope="module")
def whole() -> vowpal.Run:
    return vowpal.run(LINES, LOGISTIC, names=True)


def test_a_run_tells_what_vw_told(whole):
    """Examples, features and average loss are VW's own, and so is the table of progress."""
    assert (whole.examples, whole.features) == (400, 1_600)
    losses = np.log1p(np.exp(-np.where(np.arange(400) % 3, 1, -1) * whole.predictions))
    assert whole.loss == pytest.approx(losses.mean(), abs=1e-4)
    assert -np.log(np.where(np.arange(400) % 3, whole.probabilities, 1 - whole.probabilities)) == pytest.approx(losses)
    assert whole.progress.index.tolist() == [1, 2, 4, 8, 16, 32, 64, 128, 256]
    assert whole.progress["average loss"].iloc[0] == pytest.approx(math.log(2), abs=1e-5)
    assert repr(whole).startswith("400 examples, 1,600 features, average loss 0.")


def test_weights_come_back_by_name(whole):
    """I can read the weight of each feature by name, the heaviest first, and of pairs too."""
    assert {"u=0", "v", "w=0", "Constant"} <= set(whole.weights.index)
    assert whole.weights["w=0"] < 0 < whole.weights["w=1"]
    assert whole.weights.abs().is_monotonic_decreasing
    assert "u=0*w=0" in vowpal.run(LINES, f"{LOGISTIC} -q ab", names=True).weights.index


def test_a_file_of_text_and_its_lines_are_the_same(tmp_path, whole):
    """I can pass a file or its lines."""
    path = tmp_path / "examples.vw"
    path.write_text("\n".join(LINES) + "\n")
    assert np.array_equal(vowpal.run(path, LOGISTIC).predictions, whole.predictions)
    with pytest.raises(DataError, match=r"gone\.vw: does not exist"):
        vowpal.run(tmp_path / "gone.vw", LOGISTIC)
    with pytest.raises(DataError, match="there are no examples"):
        vowpal.run([], LOGISTIC)
    assert [entry.name for entry in tmp_path.iterdir()] == ["examples.vw"]


@pytest.mark.parametrize("options", ["--nonsense", "--loss_function nope", "--passes 3"])
def test_what_vw_refuses_is_told_in_its_words(options):
    """A wrong option of VW's is one readable error."""
    with pytest.raises(UsageError, match="VW refuses: "):
        vowpal.run(LINES, options)


def test_with_several_passes_the_loss_is_that_of_examples_held_out():
    """With several passes VW reports a held-out loss in another form, which is read too."""
    held = vowpal.run(LINES, f"{LOGISTIC} --passes 4 -c")
    assert math.isfinite(held.loss) and len(held.progress) > 0


@pytest.mark.parametrize(
    "options", ["", "--loss_function logistic", "--oaa 3 --probabilities --loss_function logistic"]
)
def test_examples_without_any_label_are_predicted(options):
    """A file kept without labels is predicted: VW has no loss then, and neither has the run."""
    seen = vowpal.run(["|f a:1", "|f b"], options)
    assert math.isnan(seen.loss) and len(seen.predictions) == 2
    assert repr(seen) == "2 examples, 4 features, average loss n.a. (no label)"


def test_a_file_with_unlabelled_rows_kept_can_be_run(write):
    """What `csv2vw` writes with unlabelled rows kept is what `run` reads, and only labelled rows count in the loss."""
    path = write("y,a", ",5", "1,6", ",7")
    vowpal.csv2vw(path, path.with_suffix(".vw"), label="y", all_columns=True, unlabelled="keep")
    seen = vowpal.run(path.with_suffix(".vw"), LOGISTIC)
    assert seen.predictions.shape == (3,) and np.isfinite(seen.probabilities).all()
    assert math.isfinite(vowpal.run(["1 |f a", "|f b"], LOGISTIC).loss)


def test_several_classes_have_a_probability_each():
    """With `--oaa 3 --probabilities` I get one row for each example and one column for each class, tags or not."""
    seen = vowpal.run(["1 |f a:1", "2 'me |f b", "3 'you |f c"], f"--oaa 3 --probabilities {LOGISTIC}")
    assert seen.predictions.shape == (3, 3) and seen.predictions.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert seen.probabilities is seen.predictions
    assert vowpal.run(["1 |f a:1", "2 'me |f b"], "--oaa 3").predictions.tolist() == [1, 1]


@pytest.mark.parametrize("more", ["", "--holdout_off"])
def test_with_several_passes_a_line_is_predicted_before_it_is_learnt(more):
    """Several passes give one prediction for each line, that of the first pass, made before the line was learnt."""
    once, thrice = vowpal.run(LINES, LOGISTIC), vowpal.run(LINES, f"{LOGISTIC} --passes 3 -c -k {more}")
    assert thrice.predictions.shape == (len(LINES),)
    if more:
        assert np.array_equal(once.predictions, thrice.predictions)
    assert thrice.predictions[:10] == pytest.approx(once.predictions[:10])


@pytest.mark.parametrize(
    ("lines", "options", "error", "said"),
    [
        (["1 |f a"], "--quiet", UsageError, "vowpal.run sets --quiet itself"),
        (["1 |f a"], "-p mine.txt", UsageError, "vowpal.run sets -p itself"),
        (["1 |f a"], "--data=other.vw", UsageError, "vowpal.run sets --data=other.vw itself"),
        (["1 |f a"], "-q 'ab", UsageError, "a quote is not closed"),
        (["1 |f a\n1 |f b"], "", DataError, "row 0: is several lines of text"),
        (["1 |f a", 7], "", DataError, "row 1: is of the type int"),
        (["1:0.5:0.5 |f a", "2:1:0.5 |f b"], "--cb_explore 2", UsageError, "not one number for each example"),
    ],
)
def test_a_run_that_cannot_be_read_is_refused(lines, options, error, said):
    """Options and lines with which nothing could be read back are refused before or after the run, in plain words."""
    seen = None
    with pytest.raises(error, match=re.escape(said)):
        seen = vowpal.run(lines, options)
    assert seen is None


def test_probabilities_come_from_log_odds_only():
    """Predictions of another loss are not turned into probabilities, and those that are probabilities stay."""
    with pytest.raises(UsageError, match="are not log-odds"):
        vowpal.run(["1 |f a"]).probabilities  # noqa: B018
    linked = vowpal.run(LINES, f"{LOGISTIC} --link logistic")
    assert linked.probabilities == pytest.approx(vowpal.run(LINES, "--loss_function=logistic").probabilities, abs=1e-5)
    huge = vowpal.Run(LOGISTIC, 2, 2, 0.0, pd.DataFrame(), np.array([-1e4, 1e4]), pd.Series(dtype=float))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert huge.probabilities.tolist() == [0, 1]


def test_a_loss_that_is_infinite_is_read():
    """VW prints 'inf' for labels that are too large, and so does the run."""
    assert vowpal.run(["1234567 |f a", "-5e20 |f a"]).loss == math.inf


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: vowpal.collisions([], [8]), UsageError, "names holds no features"),
        (lambda: vowpal.collisions([7], [8]), UsageError, "names holds no features"),
        (lambda: vowpal.collisions(["a"], []), UsageError, "is no size of VW's table"),
        (lambda: vowpal.collisions(["a"], [0, 8]), UsageError, "bits=[0] is no size"),
        (lambda: vowpal.collisions(["a"], [40]), UsageError, "give numbers from 1 to 30"),
        (lambda: vowpal.collisions(["a"], [8.5]), UsageError, "bits=[8.5] is no size"),
        (lambda: vowpal.vocabulary(["1 |f a", "1 |f a |g b"]), DataError, "row 1: is not a line with one namespace"),
        (lambda: vowpal.vocabulary(["1 a b"]), DataError, "row 0: is not a line with one namespace"),
        (lambda: vowpal.vocabulary([None]), DataError, "row 0: is not a line with one namespace"),
        (lambda: vowpal.parse_with_vw(7), DataError, "row 0: is of the type int"),
    ],
)
def test_looking_at_features_refuses_what_it_cannot_read(call, error, said):
    """No features, sizes that VW's table cannot have and lines of another form are refused by name."""
    with pytest.raises(error, match=re.escape(said)):
        call()


def test_one_text_or_none_is_no_special_case():
    """One feature, one line given as a text and no lines at all give the right table."""
    assert vowpal.collisions("Dest=LAX", [1])["share"].item() == 0
    assert vowpal.vocabulary("1 |f a:3  b=x") == ["a", "b=x"] and vowpal.vocabulary([]) == []
    assert vowpal.parse_with_vw().empty


def test_smaller_tables_have_more_collisions():
    """Each bit less makes more features share a weight."""
    names = [f"Dest={code}" for code in range(1_000)]
    table = vowpal.collisions(names, [8, 10, 12, 18])
    assert table["share"].is_monotonic_decreasing
    assert table.loc[8, "share"] > 0.9 > 0.01 > table.loc[18, "share"]
    assert table["weights"].tolist() == [256, 1024, 4096, 262144]


def test_the_words_of_a_text():
    """The different features of some lines, without weights."""
    assert vowpal.vocabulary(["1 2.0 'me |f a:3 b=x", "-1 |f b=y a:5", "1 |f"]) == ["a", "b=x", "b=y"]


def test_measured_tables_say_where_they_come_from(capsys):
    """Each table of speeds has its date and kind of machine."""
    assert tables.benchmark("csv2vw")["way"].iloc[0] == "course csv2vw"
    assert set(tables.benchmark("fit")["dataset"]) == {"nyc2013", "allyears2k"}
    tables.benchmark_note("fit")
    assert re.match(r"measured \d{4}-\d\d-\d\d, \w+ on \S+, \d+ virtual cores", capsys.readouterr().out)


def test_the_decks_run_is_at_hand():
    """What the deck printed can be looked up."""
    assert vowpal.deck_run()["features"] == 851_319


def test_the_converter_loads_nothing_heavy():
    """Turning a file into text needs neither pandas nor numpy: that is what keeps its memory small."""
    heavy = {"pandas", "numpy", "vowpalwabbit"}
    code = f"import sys; from course_utils.model import vowpal; print(*{heavy!r} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"


def test_lines_that_vw_reads_can_be_looked_at():
    """The table shows label, weight, tag and features as VW sees them."""
    seen = vowpal.parse_with_vw("1 2.5 'me |f a:3 b=x")
    assert isinstance(seen, pd.DataFrame)
    assert seen.iloc[0].to_dict() == {"label": 1.0, "importance": 2.5, "tag": "me", "features": 2, "values": "3, 1"}
