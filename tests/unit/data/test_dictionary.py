"""The data dictionary: one table that validation and features follow."""

from __future__ import annotations

import pandas as pd
import pytest

from course_utils.data import dictionary, features
from course_utils.errors import DataError, UsageError

HORIZONS = (0, 0.5, 3, 24, 48, 720)


def test_the_dictionary_describes_the_31_columns():
    """Each column has a meaning, a type, a moment at which it is known, and a reason for its use."""
    rows = dictionary.load()
    assert len(rows) == 31
    assert rows.index.is_unique
    assert rows[["meaning", "event", "role", "use", "why"]].ne("").all(axis=None)
    assert set(rows["type"]) == {"integer", "number", "text"}
    assert set(rows["event"]) == {"schedule", "scheduled departure", "departure", "arrival"}
    assert dictionary.load("weather")["event"].eq("observation").all()


def test_a_reader_cannot_change_the_dictionary_for_others():
    """What a lesson does to its copy stays there."""
    mine = dictionary.load()
    mine.loc["DepDelay", "use"] = "yes"
    assert dictionary.load().loc["DepDelay", "use"] == "no"


def test_admissible_columns_are_those_of_the_schedule():
    """Three hours ahead a model may use eight raw columns, and no month, no outcome, no tail number."""
    assert dictionary.admissible(3) == [
        "DayOfWeek",
        "CRSDepTime",
        "CRSArrTime",
        "UniqueCarrier",
        "CRSElapsedTime",
        "Origin",
        "Dest",
        "Distance",
    ]


@pytest.mark.parametrize("column", ["WeatherDelay", "DepTime", "ArrDelay", "IsArrDelayed", "TaxiOut", "Cancelled"])
def test_what_is_known_afterwards_is_never_admissible(column: str):
    """An outcome is admissible at no horizon, not even at departure."""
    assert all(column not in dictionary.admissible(horizon) for horizon in HORIZONS)
    assert dictionary.load().loc[column, "known_hours_before"] == -1


def test_a_horizon_after_departure_is_refused():
    """A horizon after departure is refused."""
    for horizon in (-1, float("nan")):
        with pytest.raises(UsageError, match="after departure"):
            dictionary.admissible(horizon)


def test_code_calls_no_column_admissible_that_the_dictionary_does_not(flights: pd.DataFrame):
    """Raw columns among any features that the code hands out are admissible at that horizon by the dictionary."""
    few = flights.head(2_000)
    raw = set(dictionary.load().index)
    assert set(features.schedule(few).columns) <= set(dictionary.admissible(720))
    for horizon in HORIZONS:
        given = features.as_of(few, horizon, assume_tail_known=True)
        assert set(given.columns) & raw == set(dictionary.admissible(horizon))
    named = {column for columns in features.groups().values() for column in columns}
    assert named & raw <= set(dictionary.admissible(0))
    weather = dictionary.load("weather")
    assert (weather.loc[features.groups()["weather"], "use"] == "yes").all()


def test_a_column_that_the_dictionary_bars_disappears_from_the_features(
    flights: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
):
    """If the dictionary says that arrival times are known two hours ahead, they are no feature three hours ahead."""
    changed = dictionary.load()
    changed.loc["CRSArrTime", "known_hours_before"] = 2
    monkeypatch.setattr(dictionary, "load", lambda table="flights": changed)
    few = flights.head(50)
    assert "CRSArrTime" not in features.as_of(few, 3, only=["schedule"])
    assert "CRSArrTime" in features.as_of(few, 2, only=["schedule"])


def test_validation_leaves_good_flights_alone(flights: pd.DataFrame):
    """Valid rows come back unchanged, for any row labels and any order of columns."""
    few = flights.tail(100)[flights.columns[::-1]]
    assert dictionary.validate(few) is few


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("Month", 13, r"column Month, row 3: holds 13, outside the range 1 to 12"),
        ("CRSDepTime", 2400, r"column CRSDepTime, row 3: holds 2400, outside the range 0 to 2359 hhmm"),
        ("DepTime", 1299.0, r"column DepTime, row 3: holds 1299, which is not a clock time"),
        ("Cancelled", 2, r"column Cancelled, row 3: holds 2, outside"),
        ("FlightNum", 7.5, r"column FlightNum, row 3: holds 7.5, which is not a whole number"),
        ("IsDepDelayed", "MAYBE", r"column IsDepDelayed, row 3: holds 'MAYBE', which is not one of NO YES"),
        ("Distance", "far", r"column Distance, row 3: holds 'far' where a number belongs"),
    ],
)
def test_a_bad_value_is_named_with_its_row(flights: pd.DataFrame, column: str, value: object, says: str):
    """The error counts rows from the top of what was given, not by row labels."""
    rows = flights.iloc[1_000:1_010].astype({column: object})
    rows.iloc[3, rows.columns.get_loc(column)] = value
    if isinstance(value, int | float):
        rows[column] = pd.to_numeric(rows[column])
    with pytest.raises(DataError, match=says) as caught:
        dictionary.validate(rows, file="folder/delivery.csv")
    assert caught.value.row == 3
    assert str(caught.value).startswith("delivery.csv, ")


def test_validation_counts_the_rows_at_fault(flights: pd.DataFrame):
    """If a thousand rows have the same fault, the first error says how many."""
    rows = flights.head(2_000).assign(Distance=lambda rows: -rows["Distance"])
    with pytest.raises(DataError, match=r"holds -1400, outside .* \(and 1,999 more rows\)"):
        dictionary.validate(rows)


def test_a_column_given_twice_or_renamed(flights: pd.DataFrame):
    """A doubled column is named; a renamed one is recognised as the one that is missing."""
    few = flights.head(10)
    with pytest.raises(DataError, match="column Origin: is present more than once"):
        dictionary.validate(pd.concat([few, few[["Origin"]]], axis=1))
    with pytest.raises(DataError, match=r"column Dest: is missing.*is it 'Destination' by another name"):
        dictionary.validate(few.rename(columns={"Dest": "Destination"}))


def test_numbers_for_names_are_refused(flights: pd.DataFrame):
    """A carrier given as a number is refused."""
    with pytest.raises(DataError, match="column UniqueCarrier: holds numbers where text belongs"):
        dictionary.validate(flights.head(10).assign(UniqueCarrier=7))


def test_a_data_set_differs_where_its_own_rows_say_so():
    """Shares of missing values are the data set's own; a column that it does not have may be all missing."""
    ours, deck = (dictionary.load(dataset=name)["missing"] for name in ("nyc2013", "allyears2k"))
    assert (ours["TailNum"], deck["TailNum"]) == (0.02, 0.5)
    assert (ours["TaxiIn"], deck["TaxiIn"]) == (1, 0.5)
    assert (ours["IsDepDelayed"], deck["IsDepDelayed"]) == (0.05, 0)
    with pytest.raises(UsageError, match="no data set 'mine'"):
        dictionary.load(dataset="mine")


def test_the_years_are_those_of_all_data_sets():
    """A flight of a year that no data set has is refused."""
    assert dictionary.load().loc["Year", ["low", "high"]].tolist() == [1987, 2013]


def test_the_readme_shows_every_column():
    """The tables in data/README have a row for each column, and say when values of other flights are known."""
    text = dictionary.readme()
    for table in ("flights", "weather"):
        for column in dictionary.load(table).index:
            assert f"| {column} |" in text
    assert "scheduled departure + 15 min" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines}) == 1


def test_a_table_that_does_not_exist():
    """A wrong table name gets an error with the right names."""
    with pytest.raises(UsageError, match="choose one of flights, weather"):
        dictionary.load("planes")


def test_columns_are_checked_against_the_dictionary():
    """Any order is valid; a missing, unknown or duplicate column is named."""
    names = list(dictionary.load().index)
    dictionary.check_columns(names[::-1])
    for sent, words in (
        (names[1:], "column Year: is missing"),
        ([*names, "Colour"], "column Colour: is not in the data dictionary"),
        ([*names, "Year"], "column Year: is present more than once"),
        ([*names[1:], "year"], "is it 'year' by another name"),
    ):
        with pytest.raises(DataError, match=words):
            dictionary.check_columns(sent)


def test_too_many_missing_values_can_be_told_from_wrong_ones(flights):
    """A caller that accepts gaps need not read the message: the error has a class of its own, and is a DataError."""
    gaps = flights.head(1000).assign(DepDelay=float("nan"))
    with pytest.raises(dictionary.MissingShareError, match=r"is missing in 100\.0% of the rows") as caught:
        dictionary.validate(gaps)
    assert isinstance(caught.value, DataError) and caught.value.column == "DepDelay"


def test_the_rules_are_those_of_the_dictionary():
    """What a small command reads without pandas is what the dictionary holds: columns, types, hours and use."""
    for table in ("flights", "weather"):
        known, rules = dictionary.load(table), dictionary.rules(table)
        assert list(rules) == list(known.index)
        for column in ("type", "use", "why", "event"):
            assert [row[column] for row in rules.values()] == known[column].tolist()
        hours = [float(row["known_hours_before"] or "nan") for row in rules.values()]
        assert hours == pytest.approx(known["known_hours_before"].tolist(), nan_ok=True)


def test_each_column_holds_its_kind():
    """Numbers where text belongs, text where numbers belong, and dates are refused; other columns are not checked."""
    rows = pd.DataFrame({"Origin": ["EWR"], "Distance": [1400], "more": [pd.Timestamp("2013-01-01")]})
    dictionary.check_kinds(rows)
    for name, wrong in (("Origin", 1), ("Distance", "far"), ("Distance", pd.Timestamp("2013-01-01")), ("Origin", True)):
        with pytest.raises(DataError, match=f"column {name}"):
            dictionary.check_kinds(rows.assign(**{name: wrong}))


def test_arrow_columns_are_validated_like_others(flights: pd.DataFrame):
    """A table read with Arrow types is accepted, and its wrong values are named."""
    rows = flights.head(200).convert_dtypes(dtype_backend="pyarrow")
    rows.attrs = dict(flights.attrs)
    assert dictionary.validate(rows) is rows
    with pytest.raises(DataError, match="column Month, row 0: holds 13"):
        dictionary.validate(rows.assign(Month=pd.Series(13, rows.index, dtype="int64[pyarrow]")))
