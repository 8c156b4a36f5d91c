"""The tables of flights that exercise 10.2 is checked with."""

from __future__ import annotations

import numpy as np

from course_utils.exercises import earlier_days


def test_the_tables_have_what_wrong_functions_stumble_over():
    """Days of more than one year and month, gaps, delays at the limit and days without a departure are all tried."""
    tables = [earlier_days.Flights.of(rows) for _, rows in earlier_days.cases()]
    assert {2012, 2013} <= {int(str(day)[:4]) for table in tables for day in table.day}
    assert all({14.0, 15.0, 16.0} <= set(table.delay) for table in tables[:2])
    first_days = np.unique(tables[1].day)[:2]
    assert np.isnan(tables[1].late[np.isin(tables[1].day, first_days)]).all()
    assert np.diff(np.unique(tables[1].day)).max() > np.timedelta64(1, "D")


def test_reversed_outcomes_exchange_late_and_on_time_from_a_day_on():
    """What was late is on time from that day on; cancelled flights and earlier days stay as they were."""
    rows = earlier_days.cases()[0][1]
    other = earlier_days.reversed_from(rows, "2013-03-03")
    later = (rows["DayofMonth"] >= 3) & rows["DepDelay"].notna()
    assert ((rows["DepDelay"] >= 15) != (other["DepDelay"] >= 15))[later].all()
    assert rows[~later].equals(other[~later])


def test_no_wrong_formula_computes_the_right_share():
    """On these tables every wrong formula differs from the share on all earlier days, so no mistake goes unnoticed."""
    tables = [earlier_days.Flights.of(rows) for _, rows in earlier_days.cases()]
    wanted = [earlier_days.shares(table, earlier_days.earlier_days) for table in tables]
    for formula, found, _ in earlier_days.formulas():
        computed = [formula(table) for table in tables]
        same = [np.allclose(one, other, equal_nan=True) for one, other in zip(computed, wanted, strict=True)]
        assert not all(same), found
