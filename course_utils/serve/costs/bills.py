"""Bills."""

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

CENT = Decimal("0.01")

_YEAR_HOURS = 365 * 24


def prices(**own: str | Decimal | float) -> pd.DataFrame:
    """Return the price list, with its dates, sources and rounding rules.

    Parameters
    ----------
    **own
        Prices of today by their key, in dollars for the unit of the table: ``google_online="0.09"``.

    Returns
    -------
    DataFrame, index 'price'
        'vendor', 'what', 'dollars' (exact decimals), 'per' and 'unit', 'rounding', 'as of' and 'source'.

    Raises
    ------
    UsageError
        A key is unknown, or a price is no number, or negative.
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


def aws_batch(jobs: Iterable[int], price_list: pd.DataFrame | None = None) -> Decimal:
    """Return Amazon's bill for batch jobs: each is rounded up to the next 1,000 predictions.

    Parameters
    ----------
    jobs : iterable of int
        Predictions in each job.
    price_list : DataFrame, optional
        Default `prices`.

    Raises
    ------
    UsageError
        A number of predictions is no whole number, or negative.
    """
    price = _price("aws_batch", price_list)
    blocks = sum(-(-to_count(size) // int(price["per"])) for size in jobs)
    return blocks * price["dollars"]


def aws_real_time(predictions: int, price_list: pd.DataFrame | None = None) -> Decimal:
    """Return Amazon's bill for predictions in real time: the sum is rounded up to the next cent.

    Parameters
    ----------
    predictions : int
        Of the whole bill.
    price_list : DataFrame, optional
        Default `prices`.

    Raises
    ------
    UsageError
        The number of predictions is no whole number, or negative.
    """
    price = _price("aws_real_time", price_list)
    return (to_count(predictions) * price["dollars"] / price["per"]).quantize(CENT, ROUND_UP)


def azure(transactions: int, price_list: pd.DataFrame | None = None) -> Decimal:
    """Return Microsoft's bill for transactions: in proportion, to the nearest cent.

    Parameters
    ----------
    transactions : int
        Calls of the service, whether in batches or one by one.
    price_list : DataFrame, optional
        Default `prices`.

    Raises
    ------
    UsageError
        The number of transactions is no whole number, or negative.
    """
    price = _price("azure", price_list)
    return (to_count(transactions) * price["dollars"] / price["per"]).quantize(CENT, ROUND_HALF_UP)


def google(node_hours: float | Decimal, kind: str = "online", price_list: pd.DataFrame | None = None) -> Decimal:
    """Return Google's bill for node hours, asked or idle: in proportion, to the nearest cent.

    Parameters
    ----------
    node_hours : number
        Nodes × hours that they ran.
    kind : str
        ``'online'`` or ``'batch'``.
    price_list : DataFrame, optional
        Default `prices`.

    Raises
    ------
    UsageError
        The hours are no number, or negative, or there is no such kind.
    """
    if kind not in ("online", "batch"):
        raise UsageError(f"there are no {kind!r} predictions", fix="choose 'online' or 'batch'")
    price = _price(f"google_{kind}", price_list)
    return (to_decimal(node_hours, "the node hours") * price["dollars"]).quantize(CENT, ROUND_HALF_UP)


def rent_or_buy(most: int = 24, price_list: pd.DataFrame | None = None, **changed: float) -> pd.DataFrame:
    """Compare renting nodes with machines of one's own, when all run day and night.

    Parameters
    ----------
    most : int
        Nodes up to which to compare.
    price_list : DataFrame, optional
        Default `prices`; a node costs its 'google_online'.
    **changed
        Other figures of the machines, see `machine`.

    Returns
    -------
    DataFrame of float, index 'nodes' from 1
        'rent' and 'buy', in dollars a year.

    Raises
    ------
    UsageError
        A figure is unknown, or no positive number.
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
    """Return the bill of the whole service for a month: each part as it was built, and as it could be.

    Parameters
    ----------
    fixed, elastic : float
        Hours a month of the prediction servers: enough for the worst hour all the time, and following the traffic.
    price_list : DataFrame, optional
        Default `prices`.

    Returns
    -------
    DataFrame, index 'part'
        'built' and 'lean' in dollars (exact decimals, to the cent), 'way' (the letter of K3 that leads from one to the
        other) and 'how'.

    Raises
    ------
    UsageError
        The hours are no number, or negative.
    """
    price_list = prices() if price_list is None else price_list
    rows = []
    for part in tables.read_toml("hosting.toml")["part"]:
        quantity, lean = part.get("quantity", fixed), part.get("lean", elastic)
        rest = quantity - lean if "rest_to" in part else 0
        rows.append(
            {
                "part": part["name"],
                "built": _line(part["price"], quantity, price_list),
                "lean": _line(part["price"], lean, price_list)
                + (_line(part["rest_to"], rest, price_list) if rest else 0),
                "way": part["way"],
                "how": part["what"],
            }
        )
    return pd.DataFrame(rows).set_index("part")


def _line(key: str, quantity: float, price_list: pd.DataFrame) -> Decimal:
    price = _price(key, price_list)
    return (to_decimal(quantity, f"the quantity of {key}") * price["dollars"] / price["per"]).quantize(
        CENT, ROUND_HALF_UP
    )


def _price(key: str, price_list: pd.DataFrame | None) -> Mapping[str, Any]:
    price_list = prices() if price_list is None else price_list
    return price_list.loc[key]
