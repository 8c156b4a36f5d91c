"""The deck's profile of its data, computed again from the data."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from course_utils import tables
from course_utils.data import profiles

_PROFILE = tables.read_toml("deck.toml")["profile"]
_TEXTS = ["UniqueCarrier", "TailNum", "Origin", "Dest", "CancellationCode", "IsArrDelayed", "IsDepDelayed"]


def test_the_data_has_the_size_and_the_classes_of_the_deck(deck: dict[str, Any], allyears: pd.DataFrame) -> None:
    """43,978 flights in 31 columns, 23,091 of them late."""
    data = deck["data"]
    assert allyears.shape == (data["rows"], data["columns"])
    counts = allyears["IsDepDelayed"].value_counts()
    assert (counts["YES"], counts["NO"]) == (data["late"], data["on_time"])
    assert round(100 * data["late"] / data["rows"], 1) == 52.5


@pytest.mark.parametrize("column", _PROFILE["missing"])
def test_missing_cells(column: str, allyears: pd.DataFrame) -> None:
    """As many cells are missing as the profile says, 'NA' and empty ones together."""
    assert allyears[column].isna().sum() == _PROFILE["missing"][column]


def test_no_other_column_misses_anything(allyears: pd.DataFrame) -> None:
    """Every column with a missing cell is in the list."""
    missing = allyears.isna().sum()
    assert set(missing.index[missing > 0]) == set(_PROFILE["missing"])


@pytest.mark.parametrize("column", _PROFILE["zeros"])
def test_zeros(column: str, allyears: pd.DataFrame) -> None:
    """As many cells are zero as the profile says."""
    assert (allyears[column] == 0).sum() == _PROFILE["zeros"][column]


@pytest.mark.parametrize("column", _PROFILE["distinct"])
def test_distinct_values(column: str, allyears: pd.DataFrame) -> None:
    """As many values are distinct as the profile says, 'missing' being one of them."""
    assert allyears[column].nunique(dropna=False) == _PROFILE["distinct"][column]


@pytest.mark.parametrize("column", _PROFILE["skewness"])
def test_skewness(column: str, allyears: pd.DataFrame) -> None:
    """The skewness has the printed digits."""
    assert round(allyears[column].skew(), 3) == _PROFILE["skewness"][column]


@pytest.mark.parametrize("pair", _PROFILE["correlation"], ids=lambda pair: " and ".join(pair["columns"]))
def test_correlations(pair: dict[str, Any], allyears: pd.DataFrame) -> None:
    """The correlation that made the profile reject a column has the printed digits."""
    one, other = (allyears[name] if name in allyears else pd.Series(allyears.index) for name in pair["columns"])
    assert one.corr(other) == pytest.approx(pair["value"], abs=1e-5)


def test_kinds_of_columns(allyears: pd.DataFrame) -> None:
    """Numeric, categorical, boolean and rejected columns are those that the profile's rules give."""
    rejected = set(_PROFILE["rejected_columns"])
    rest = [name for name in allyears.columns if name not in rejected]
    texts = [name for name in rest if name in _TEXTS]
    boolean = [name for name in rest if name not in _TEXTS and allyears[name].nunique() == 2]
    assert len(rejected) == _PROFILE["rejected"]
    assert len(texts) == _PROFILE["categorical"]
    assert boolean == ["Month", "Cancelled", "Diverted"]
    assert len(boolean) == _PROFILE["boolean"]
    assert len(rest) + 1 - len(texts) - len(boolean) == _PROFILE["numeric"]  # the row index is one more


def test_memory_is_eight_bytes_a_cell(deck: dict[str, Any]) -> None:
    """The printed sizes are 32 variables of 8 bytes."""
    assert _PROFILE["bytes_a_record"] == 8 * _PROFILE["variables"]
    size = deck["data"]["rows"] * _PROFILE["bytes_a_record"] / 2**20
    assert round(size, 1) == _PROFILE["memory_megabytes"]


def test_percentages_that_the_deck_misprints(deck: dict[str, Any], allyears: pd.DataFrame) -> None:
    """38.4 should read 36.4, 18.6 should read 16.8, and 19.4 comes of leaving rejected columns out."""
    rows = deck["data"]["rows"]
    tail, nas, total = _PROFILE["difference"]
    assert round(100 * _PROFILE["missing"]["TailNum"] / rows, 1) == tail["computed"] != tail["printed"]
    assert round(100 * _PROFILE["zeros"]["NASDelay"] / rows, 1) == nas["computed"] != nas["printed"]
    missing, cells = allyears.isna().sum(), rows * _PROFILE["variables"]
    assert round(100 * missing.sum() / cells, 2) == total["computed"]
    assert round(100 * missing.drop(_PROFILE["rejected_columns"]).sum() / cells, 1) == total["printed"]


def test_all_cancelled_flights_are_labelled_late(deck: dict[str, Any], allyears: pd.DataFrame) -> None:
    """1,086 flights never left, and all of them count as delayed departures."""
    cancelled = allyears[allyears["Cancelled"] == 1]
    assert len(cancelled) == deck["data"]["cancelled"]
    assert (cancelled["IsDepDelayed"] == "YES").all()
    departed = allyears[allyears["Cancelled"] == 0]
    late = departed["DepDelay"] > deck["data"]["late_after_minutes"]
    assert ((departed["IsDepDelayed"] == "YES") == late).all()


def test_the_sample_is_one_month_a_year(deck: dict[str, Any], allyears: pd.DataFrame) -> None:
    """The flights are of 21 Januaries and one October."""
    months = allyears[["Year", "Month"]].drop_duplicates()
    october = months[months["Month"] == 10]
    assert october["Year"].tolist() == [deck["data"]["october"]]
    assert (months["Month"] == 1).sum() == len(months) - 1 == deck["data"]["januaries"]


@pytest.fixture(scope="module")
def found(allyears: pd.DataFrame) -> pd.DataFrame:
    """Return the profile that lesson 06 makes in ten lines, of the deck's data."""
    return profiles.profile(allyears)


def test_the_ten_lines_give_all_the_decks_warnings(allyears: pd.DataFrame, found: pd.DataFrame) -> None:
    """The profile of lesson 06 warns of the same 34 things with the same numbers as the deck's, and of nothing else."""
    order = ["warning", "column"]
    ours, decks = (
        table.sort_values(order, ignore_index=True)
        for table in (profiles.warnings(found, len(allyears)), profiles.deck_warnings())
    )
    pd.testing.assert_frame_equal(ours.round(3), decks.round(3))


def test_the_ten_lines_give_the_head_of_the_decks_profile(allyears: pd.DataFrame, found: pd.DataFrame) -> None:
    """Kinds of columns are counted alike, and the share of missing cells is the corrected one and the printed one."""
    head = profiles.summary(allyears, found)
    for kind in ("variables", "numeric", "categorical", "boolean", "rejected"):
        assert head[kind] == _PROFILE[kind], kind
    total = _PROFILE["difference"][-1]
    assert head["missing cells [%]"] == total["computed"]
    assert round(head["without rejected [%]"], 1) == total["printed"]


def test_each_rejected_column_follows_the_one_that_the_deck_names(found: pd.DataFrame) -> None:
    """What the deck's profile rejected, and for which other column, comes out the same."""
    assert found["follows"].dropna().to_dict() == dict(pair["columns"] for pair in _PROFILE["correlation"]) | {
        "Year": "index"
    }


def test_the_table_of_figures_says_what_is_in_the_data(allyears: pd.DataFrame, found: pd.DataFrame) -> None:
    """Every count in lesson 06's table of the deck's figures, one by one, is what its data hold."""
    computed = profiles.deck_figures()["computed again"]
    rows = len(allyears)
    for column, warning, value, share in profiles.warnings(found, rows).itertuples(index=False):
        if warning in ("missing", "zeros"):
            assert computed[f"{column}, {warning}"] == f"{value:,.0f} / {share}%"
        elif warning in ("distinct", "skewed"):
            assert float(computed[f"{column}, {warning}"].replace(",", "")) == pytest.approx(value, abs=6e-4)
        else:
            assert f"{column} follows {found.loc[column, 'follows']}" in computed
    counts = allyears["IsDepDelayed"].value_counts()
    assert computed["late (IsDepDelayed = YES)"] == f"{counts['YES']:,} / {100 * counts['YES'] / rows:.1f}%"
    assert computed["rows"] == f"{rows:,}"


def test_unknown_tail_numbers_count_as_aircraft(allyears: pd.DataFrame) -> None:
    """The deck's 16,024 missing tail numbers leave out 417 that say 'unknown' in three ways."""
    counts = allyears["TailNum"].value_counts()
    unknown = counts["UNKNOW"], counts["000000"], counts["äNKNOæ"]
    assert unknown == (179, 124, 114)
