"""What a profile counts, and what it warns about."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from course_utils.data import datasets, profiles
from course_utils.errors import DataError, UsageError


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    """Return two hundred made-up flights with all that a profile looks for."""
    rng = np.random.default_rng(0)
    scheduled = rng.integers(500, 2300, size=200).astype(float)
    return pd.DataFrame(
        {
            "Year": 2013,
            "DepTime": np.where(np.arange(200) < 20, np.nan, scheduled + rng.integers(0, 9, size=200)),
            "CRSDepTime": scheduled,
            "Carrier": pd.Categorical(rng.choice(["AA", "UA", "WN"], size=200)),
            "TailNum": [f"N{number}" for number in range(200)],
            "Cancelled": (np.arange(200) < 20).astype(int),
            "WeatherDelay": np.r_[np.zeros(198), 1.0, 900.0],
            "Empty": np.nan,
        }
    )


@pytest.fixture(scope="module")
def found(flights: pd.DataFrame) -> pd.DataFrame:
    """Return their profile."""
    return profiles.profile(flights)


def test_each_column_is_counted(found):
    """I see how many cells are missing and zero, and how many values a column has, the missing one among them."""
    assert found.loc["DepTime", "missing"] == 20
    assert found.loc["WeatherDelay", ["missing", "zero", "distinct"]].tolist() == [0, 198, 3]
    assert found.loc["Carrier", "distinct"] == 3
    assert pd.isna(found.loc["Carrier", "zero"])
    assert found.loc["Empty", ["missing", "distinct"]].tolist() == [200, 1]


def test_each_column_is_of_a_kind(found):
    """Numbers with two values are boolean, texts categorical, and a column that never changes is constant."""
    kinds = found["kind"].to_dict()
    assert kinds["Cancelled"] == "boolean"
    assert kinds["Carrier"] == kinds["TailNum"] == "categorical"
    assert kinds["Year"] == kinds["Empty"] == "constant"
    assert kinds["DepTime"] == kinds["index"] == kinds["WeatherDelay"] == "numeric"


def test_what_stands_first_stays_whatever_it_is(flights):
    """The column further left is kept: put the schedule first, and the actual time is rejected instead."""
    assert profiles.profile(flights)["follows"].dropna().to_dict() == {"CRSDepTime": "DepTime"}
    turned = flights[["CRSDepTime", "DepTime"]]
    assert profiles.profile(turned)["follows"].dropna().to_dict() == {"DepTime": "CRSDepTime"}


def test_the_last_of_several_is_named():
    """Where a column follows two others, the nearer one is named, as the deck's profile does."""
    one = np.arange(50.0)
    numbers = pd.DataFrame({"a": one, "b": one**1.1, "c": one + 1})
    assert profiles.rejected_by_correlation(numbers).to_dict() == {"b": "a", "c": "b"}


def test_opposite_columns_do_not_follow_each_other():
    """A column that falls where another rises is not rejected: the rule asks for a correlation above the limit."""
    assert profiles.rejected_by_correlation(pd.DataFrame({"a": [1.0, 2, 3, 4], "b": [4.0, 3, 2, 1]})).empty


def test_warnings_name_column_count_and_share(flights, found):
    """I am warned of what is missing, zero, skewed, has many values, never changes, or follows another column."""
    table = profiles.warnings(found, len(flights)).set_index(["warning", "column"])
    assert sorted(table.index) == [
        ("constant", "Empty"),
        ("constant", "Year"),
        ("distinct", "TailNum"),
        ("missing", "DepTime"),
        ("rejected", "CRSDepTime"),
        ("zeros", "WeatherDelay"),
    ]
    assert table.loc[("missing", "DepTime")].tolist() == [20, 10.0]
    assert table.loc[("zeros", "WeatherDelay"), "share"] == 99.0


def test_a_rejected_column_is_warned_of_once(flights):
    """A rejected column gets no second warning about missing cells."""
    turned = flights[["CRSDepTime", "DepTime"]]
    table = profiles.warnings(profiles.profile(turned), len(turned))
    assert table[["warning", "column"]].to_numpy().tolist() == [["rejected", "DepTime"]]


def test_a_long_tail_is_skewed():
    """One flight in a thousand with a huge delay is worth a warning of its own."""
    delays = pd.DataFrame({"delay": np.r_[np.linspace(1, 2, 1000), 1e4]})
    table = profiles.warnings(profiles.profile(delays), len(delays))
    assert table["warning"].tolist() == ["skewed"]
    assert table["value"].item() > profiles.LIMITS["skewness"]


def test_the_head_counts_with_and_without_what_is_rejected(flights, found):
    """The share of missing cells depends on whether rejected columns count: I am given both."""
    head = profiles.summary(flights, found)
    assert head[["rows", "variables", "numeric", "categorical", "boolean", "rejected"]].tolist() == [200, 9, 3, 2, 1, 3]
    assert head["missing cells [%]"] == round(100 * 220 / 1800, 2)
    assert head["without rejected [%]"] == round(100 * 20 / 1800, 2)
    pd.testing.assert_series_equal(profiles.summary(flights), head)


def test_the_decks_figures_stand_beside_what_they_are():
    """Each figure of the deck's profile is there once, and where it differs I see why."""
    table = profiles.deck_figures()
    assert table.index.is_unique
    says, computed = table["the deck says"], table["computed again"]
    assert (table["why they differ"] != "").equals(says != computed)
    assert says[says != computed].to_dict() == {
        "cells missing in all": "19.4%",
        "TailNum, missing": "16,024 / 38.4%",
        "TaxiIn, missing": "16,026 / 38.4%",
        "TaxiOut, missing": "16,024 / 38.4%",
        "NASDelay, zeros": "7,388 / 18.6%",
    }
    assert says["late (IsDepDelayed = YES)"] == "23,091 / 52.5%"
    assert says["Year follows index"] == "0.99897"


def test_the_decks_thirty_four_warnings_are_kept():
    """The deck warns of 14 columns with missing cells, 10 with zeros, 5 rejected, 3 with many values, 2 skewed."""
    counts = profiles.deck_warnings()["warning"].value_counts().to_dict()
    assert counts == {"missing": 14, "zeros": 10, "rejected": 5, "distinct": 3, "skewed": 2}


def test_the_profilers_were_weighed_by_what_they_bring():
    """Of the profilers that were weighed just one was taken, the one that brings the fewest packages."""
    table = profiles.profilers()
    taken = table[table["verdict"].str.startswith("taken")]
    assert len(taken) == 1
    assert int(taken["packages"].item()) < int(table.loc["ydata-profiling", "packages"])


def test_a_maintained_profiler_counts_alike(flights, found, monkeypatch, tmp_path):
    """A maintained profiler counts the same missing cells and values, and leaves nothing in my home folder."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(datasets, "data_folder", lambda: tmp_path / "data")
    counted = profiles.skrub_profile(flights)
    ours = found.drop("index")
    assert counted["missing"].tolist() == ours["missing"].tolist()
    assert (counted["distinct"] == ours["distinct"] - (ours["missing"] > 0)).all()
    assert not (tmp_path / "home" / "skrub_data").exists()


def test_the_full_report_is_a_page_of_its_own(flights, monkeypatch, tmp_path):
    """The maintained profiler's report is written whole, and I get its name and size without its folder."""
    monkeypatch.setattr(datasets, "data_folder", lambda: tmp_path)
    assert profiles.write_skrub_report(flights, "mine") == "mine.html: 8 columns, 200 rows"
    text = (tmp_path / "processed" / "reports" / "mine.html").read_text(encoding="utf-8")
    assert "TailNum" in text
    assert "</html>" in text


@pytest.mark.parametrize("ask", [profiles.profile, profiles.skrub_profile, profiles.write_skrub_report])
def test_a_table_without_rows_has_no_profile(ask, flights):
    """An empty table is refused, with the fix."""
    with pytest.raises(DataError, match="without rows"):
        ask(flights.head(0))


def test_two_columns_of_one_name_are_refused(flights):
    """A column that is there twice is named."""
    twice = flights[["Year", "Carrier", "Year"]]
    with pytest.raises(DataError, match="column Year"):
        profiles.profile(twice)


def test_warnings_are_made_from_a_profile(flights, found):
    """Flights instead of a profile, or zero rows, are refused."""
    with pytest.raises(UsageError, match=r"profiles\.profile"):
        profiles.warnings(flights, 200)
    with pytest.raises(UsageError, match="rows=0"):
        profiles.warnings(found, 0)
