"""Bills: the price list, each vendor's rounding rule, renting against buying, and the bill of the whole service.

Amounts are `decimal.Decimal` and exact to the cent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.errors import UsageError
from course_utils.serve.costs.checks import check_positive, to_count, to_decimal
from course_utils.serve.costs.traffic import machine

__all__ = [
    "CENT",
    "architecture",
    "aws_batch",
    "aws_real_time",
    "azure",
    "google",
    "prices",
    "rent_or_buy",
]

#: Bills are rounded to this many dollars.
CENT = Decimal("0.01")

_YEAR_HOURS = 365 * 24


def prices(**own: str | Decimal | float) -> pd.DataFrame:
    """Return the price list, with dates, sources and rounding rules.

    Parameters
    ----------
    **own
        Your own prices by their key, in dollars per unit of the list, such as ``google_online="0.09"``.

    Returns
    -------
    DataFrame, index 'price'
        'vendor', 'what', 'dollars' (exact decimals) for 'per' units of 'unit', 'rounding', 'as of' (a year, or 'today'
        for your own) and 'source'.

    Raises
    ------
    UsageError
        There is no such key, or a price is not a number, or it is negative.

    Examples
    --------
    >>> costs.prices(google_online="0.09").loc["google_online", ["dollars", "as of", "source"]].tolist()
    [Decimal('0.09'), 'today', 'your own']
    """
    frame = pd.DataFrame(tables.read_toml("prices.toml")["price"]).set_index("key").rename_axis("price")
    frame["dollars"] = [to_decimal(value, "a price") for value in frame["dollars"]]
    frame = frame.astype({"as_of": object}).rename(columns={"as_of": "as of"})
    for key, value in own.items():
        if key not in frame.index:
            raise UsageError(f"there is no price {key!r}", fix=f"choose from {', '.join(frame.index)}")
        frame.at[key, "dollars"] = to_decimal(value, f"the price {key}")
        frame.loc[key, ["as of", "source"]] = ["today", "your own"]
    return frame


def _price(key: str, price_list: pd.DataFrame | None) -> Mapping[str, Any]:
    price_list = prices() if price_list is None else price_list
    return price_list.loc[key]


def _amount(quantity: int | Decimal, price: Mapping[str, Any], rounding: str = ROUND_HALF_UP) -> Decimal:
    """Return a quantity at a price, in dollars, rounded to the cent."""
    return (quantity * price["dollars"] / price["per"]).quantize(CENT, rounding)


def aws_batch(jobs: Iterable[int], price_list: pd.DataFrame | None = None) -> Decimal:
    """Return Amazon's bill for batch jobs, in dollars: each job is rounded up to the next 1,000 predictions.

    Parameters
    ----------
    jobs : iterable of int
        Number of predictions in each job, zero or more.
    price_list : DataFrame, optional
        A price list from `prices` with your own prices; by default ``prices()``.

    Raises
    ------
    UsageError
        A number of predictions is not a whole number, or it is negative.

    Examples
    --------
    >>> costs.aws_batch([94, 1001])  # 3 blocks of 1,000
    Decimal('0.3')
    """
    price = _price("aws_batch", price_list)
    blocks = sum(-(-to_count(size) // int(price["per"])) for size in jobs)  # -(-a // b) rounds up
    return blocks * price["dollars"]


def aws_real_time(predictions: int, price_list: pd.DataFrame | None = None) -> Decimal:
    """Return Amazon's bill for real-time predictions, in dollars: the total is rounded up to the next cent.

    Parameters
    ----------
    predictions : int
        All predictions of the billing period, zero or more.
    price_list : DataFrame, optional
        As for `aws_batch`.

    Raises
    ------
    UsageError
        The number of predictions is not a whole number, or it is negative.

    Examples
    --------
    >>> costs.aws_real_time(101)
    Decimal('0.02')
    """
    price = _price("aws_real_time", price_list)
    return _amount(to_count(predictions), price, ROUND_UP)


def azure(transactions: int, price_list: pd.DataFrame | None = None) -> Decimal:
    """Return Microsoft's bill for transactions, in dollars: proportional, rounded to the nearest cent.

    Parameters
    ----------
    transactions : int
        Number of calls of the service, zero or more; a call may score one row or a batch.
    price_list : DataFrame, optional
        As for `aws_batch`.

    Raises
    ------
    UsageError
        The number of transactions is not a whole number, or it is negative.

    Examples
    --------
    >>> costs.azure(1000)
    Decimal('0.50')
    """
    price = _price("azure", price_list)
    return _amount(to_count(transactions), price)


def google(node_hours: float | Decimal, kind: str = "online", price_list: pd.DataFrame | None = None) -> Decimal:
    """Return Google's bill for node hours, in dollars: proportional, whether the nodes are busy or idle.

    Parameters
    ----------
    node_hours : number
        Number of nodes × hours that they ran, zero or more.
    kind : {'online', 'batch'}
        Which of Google's two prices applies.
    price_list : DataFrame, optional
        As for `aws_batch`.

    Raises
    ------
    UsageError
        The hours are not a number or negative, or there is no such kind.

    Examples
    --------
    >>> costs.google(3 * 744)  # three nodes for a month
    Decimal('124.99')
    """
    if kind not in ("online", "batch"):
        raise UsageError(f"there is no price for {kind!r} predictions", fix="pass 'online' or 'batch'")
    price = _price(f"google_{kind}", price_list)
    return _amount(to_decimal(node_hours, "the node hours"), price)


def rent_or_buy(most: int = 24, price_list: pd.DataFrame | None = None, **changed: float) -> pd.DataFrame:
    """Return the cost of renting nodes and of buying machines for the same work, day and night for a year.

    Parameters
    ----------
    most : int
        The largest number of nodes to compare, at least 1.
    price_list : DataFrame, optional
        As for `aws_batch`; the price of a node is 'google_online'.
    **changed
        Your own values for assumptions about machines, as for `machine`.

    Returns
    -------
    DataFrame of float, index 'nodes' from 1
        'rent' and 'buy', in dollars per year.

    Raises
    ------
    UsageError
        There is no such assumption, or a number is not positive.

    Examples
    --------
    >>> yearly = costs.rent_or_buy()
    >>> int((yearly["buy"] < yearly["rent"]).idxmax())  # buying pays from 13 nodes on
    13
    """
    check_positive(most=most)
    own = machine(**changed)["value"]
    nodes = pd.RangeIndex(1, most + 1, name="nodes")
    power = own["watts"] / 1000 * _YEAR_HOURS * own["dollars_kwh"]
    each = own["dollars"] / own["years"] + power + own["person_hours"] * own["person_dollars"]
    rent = float(_price("google_online", price_list)["dollars"]) * _YEAR_HOURS
    machines = np.maximum(own["least"], np.ceil(nodes / own["cores"]))
    return pd.DataFrame({"rent": nodes * rent, "buy": machines * each}, index=nodes).astype(float)


def architecture(fixed: float, elastic: float, price_list: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return the monthly bill of each part of the service: as it was built, and after saving.

    Parameters
    ----------
    fixed, elastic : float
        Server hours per month of the prediction servers: with enough servers for the busiest hour all the time, and
        when their number follows the traffic.
    price_list : DataFrame, optional
        As for `aws_batch`.

    Returns
    -------
    DataFrame, index 'part'
        'built' and 'lean': dollars as exact decimals; 'way': the letter in quiz K3 of the measure that saves the
        difference; 'how': what to do.

    Raises
    ------
    UsageError
        The hours are not numbers, or they are negative.

    Examples
    --------
    >>> costs.architecture(fixed=2232, elastic=1344).loc["prediction servers", ["built", "lean"]].tolist()
    [Decimal('189.72'), Decimal('114.24')]
    """
    price_list = prices() if price_list is None else price_list
    rows = []
    for part in tables.read_toml("hosting.toml")["part"]:
        quantity, lean = part.get("quantity", fixed), part.get("lean", elastic)
        rest = quantity - lean if "rest_to" in part else 0
        moved = _line(part["rest_to"], rest, price_list) if rest else 0
        rows.append(
            {
                "part": part["name"],
                "built": _line(part["price"], quantity, price_list),
                "lean": _line(part["price"], lean, price_list) + moved,
                "way": part["way"],
                "how": part["what"],
            }
        )
    return pd.DataFrame(rows).set_index("part")


def _line(key: str, quantity: float, price_list: pd.DataFrame) -> Decimal:
    """Return one line of the bill of the whole service: a quantity of what the price `key` is for."""
    return _amount(to_decimal(quantity, f"the quantity of {key}"), _price(key, price_list))
