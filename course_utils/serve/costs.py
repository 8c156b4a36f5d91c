"""What hosting a model costs: demand from the timetable, servers from a queue, bills from prices and rounding rules.

Prices stand in ``tables/serve/prices.toml`` with their date and source, what the airline assumes in ``tables/serve/hosting.toml``;
every function takes others. Money that somebody rounds is `decimal.Decimal`: a float cannot hold a tenth of a cent, so
that a sum rounded up to the next cent comes out a cent too high now and then.
"""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal, InvalidOperation
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from course_utils import tables
from course_utils.data import datasets
from course_utils.errors import DataError, UsageError

__all__ = [
    "CENT",
    "architecture",
    "assumptions",
    "availability",
    "aws_batch",
    "aws_real_time",
    "azure",
    "batch_jobs",
    "billing_export",
    "budget_alerts",
    "cost_controls",
    "cost_per_prediction",
    "cost_tools",
    "demand",
    "erlang_c",
    "google",
    "machine",
    "prices",
    "processor_time_ms",
    "queue_wait",
    "rent_or_buy",
    "servers_needed",
    "simulate_queue_wait",
    "sql",
]

CENT = Decimal("0.01")
_ZONE = "America/New_York"
_YEAR_HOURS = 365 * 24
_QUANTILE = 0.99


# --------------------------------------------------------------------------- what the case assumes


def assumptions(**changed: float) -> pd.DataFrame:
    """Return what the airline assumes of its passengers and its service.

    Parameters
    ----------
    **changed
        Other values by their key, such as ``passengers=180``.

    Returns
    -------
    DataFrame, index 'assumption'
        'value', 'unit' and 'why'.

    Raises
    ------
    UsageError
        A key is unknown, or its value is no positive number.
    """
    return _assumed("assumption", changed)


def machine(**changed: float) -> pd.DataFrame:
    """Return what the airline assumes of a machine of its own.

    Parameters
    ----------
    **changed
        Other values by their key, such as ``years=3``.

    Returns
    -------
    DataFrame, index 'of a machine'
        'value', 'unit' and 'why'.

    Raises
    ------
    UsageError
        A key is unknown, or its value is no positive number.
    """
    return _assumed("own", changed).rename_axis("of a machine")


def _assumed(table: str, changed: Mapping[str, float]) -> pd.DataFrame:
    frame = pd.DataFrame(tables.read_toml("hosting.toml")[table], dtype=object)  # whole numbers stay whole
    frame = frame.set_index("key").rename_axis("assumption")
    _positive(**changed)
    for key, value in changed.items():
        if key not in frame.index:
            raise UsageError(f"nothing called {key!r} is assumed", fix=f"choose from {', '.join(frame.index)}")
        frame.loc[key, ["value", "why"]] = [value, "your own"]
    return frame


def demand(flights: pd.DataFrame, **changed: float) -> pd.Series:
    """Return how often passengers look up their flight, in each hour of the year.

    Every passenger looks some times in the three hours before the scheduled departure, and more often where the flight
    leaves late or not at all; look-ups spread evenly over the three hours.

    Parameters
    ----------
    flights : DataFrame
        With the columns of `datasets.load_flights`.
    **changed
        Other assumptions, see `assumptions`.

    Returns
    -------
    Series of float, index: hours of New York
        Look-ups in that hour, each of which asks for one prediction.

    Raises
    ------
    DataError
        There are no flights.
    UsageError
        An assumption is unknown, or no positive number.
    """
    case = assumptions(**changed)["value"]
    late = (flights["DepDelay"] >= tables.read_toml("constants.toml")["late_minutes"]) | flights["DepDelay"].isna()
    lookups = case["passengers"] * (case["lookups"] + case["lookups_late"] * late)
    hours = tables.read_toml("constants.toml")["horizon_hours"]
    return (_before_departure(lookups, flights, hours) / hours).rename("look-ups")


def batch_jobs(flights: pd.DataFrame) -> pd.Series:
    """Return how many flights an hourly batch job has to score: those that leave in the next three hours.

    Parameters
    ----------
    flights : DataFrame
        With the columns of `datasets.load_flights`.

    Returns
    -------
    Series of int, index: hours of New York
        Predictions of that hour's job; hours without a flight have no job, and are left out.

    Raises
    ------
    DataError
        There are no flights.
    """
    hours = tables.read_toml("constants.toml")["horizon_hours"]
    jobs = _before_departure(pd.Series(1, index=flights.index), flights, hours).astype("int64").rename("predictions")
    return jobs[jobs > 0]


def _before_departure(amounts: pd.Series, flights: pd.DataFrame, hours: int) -> pd.Series:
    """Sum the amounts of the flights that leave in the `hours` after each hour."""
    if flights.empty:
        raise DataError("there are no flights", fix="pass datasets.load_flights()")
    leaving = amounts.groupby(datasets.scheduled_departure(flights).dt.floor("h").to_numpy()).sum()
    span = pd.date_range(leaving.index.min() - pd.Timedelta(hours=hours), leaving.index.max(), freq="h")
    leaving = leaving.reindex(span, fill_value=0)
    ahead = sum(leaving.shift(-step, fill_value=0) for step in range(1, hours + 1))
    local = ahead.index if ahead.index.tz is not None else ahead.index.tz_localize("UTC")
    return ahead.set_axis(local.tz_convert(_ZONE)).rename_axis("hour")


# --------------------------------------------------------------------------- how many servers


def erlang_c(servers: int, load: float) -> float:
    """Return the probability that a request has to wait for a free server (Erlang, 1917).

    Requests come at random, at a steady rate, and take a time that is exponentially distributed.

    Parameters
    ----------
    servers : int
        How many serve the one queue.
    load : float
        Requests a second × seconds that each takes: how many servers are busy on average.

    Raises
    ------
    UsageError
        There is no server, or the load is negative or more than the servers can take.
    """
    if isinstance(servers, bool) or not isinstance(servers, Integral) or servers < 1:
        raise UsageError(f"{servers!r} servers", fix="give a whole number, one or more")
    if not 0 <= load < servers:
        raise UsageError(f"{servers} servers cannot take a load of {load:g}", fix="give more servers than load")
    lost = 1.0  # the probability that all are busy where nobody waits, server by server
    for count in range(1, servers + 1):
        lost = load * lost / (count + load * lost)
    return lost / (1 - load / servers * (1 - lost))


def queue_wait(servers: int, rate: float, service_ms: float, quantile: float = _QUANTILE) -> float:
    """Return the time in the queue that a share of all requests does not exceed.

    Parameters
    ----------
    servers : int
    rate : float
        Requests a second.
    service_ms : float
        Milliseconds that a request takes on a server.
    quantile : float
        The share; the default gives the 99th percentile.

    Returns
    -------
    float
        Milliseconds; infinite where the servers cannot keep up.

    Raises
    ------
    UsageError
        There is no server, a number is negative, or the share does not lie between 0 and 1.
    """
    _positive(service_ms=service_ms)
    if not 0 < quantile < 1:
        raise UsageError(f"a share of {quantile!r}", fix="give a number between 0 and 1, such as 0.99")
    load = rate * service_ms / 1000
    if load >= servers > 0:
        return math.inf
    waiting = erlang_c(servers, load)
    if waiting <= 1 - quantile:
        return 0.0
    return service_ms / (servers - load) * math.log(waiting / (1 - quantile))


def simulate_queue_wait(
    servers: int,
    rate: float,
    service_ms: float,
    quantile: float = _QUANTILE,
    *,
    requests: int = 200_000,
    same: bool = False,
    seed: int = 0,
) -> float:
    """Return what `queue_wait` does, from requests that queue one by one.

    Parameters
    ----------
    servers : int
    rate : float
        Requests a second.
    service_ms : float
        Milliseconds that a request takes on a server, on average.
    quantile : float
        See `queue_wait`.
    requests : int
        How many are simulated; the first tenth fills the queue and is not counted.
    same : bool
        All requests take the same time, instead of an exponentially distributed one.
    seed : int

    Raises
    ------
    UsageError
        The servers cannot keep up, or a number is not positive.
    """
    _positive(rate=rate, service_ms=service_ms, requests=requests)
    erlang_c(servers, rate * service_ms / 1000)  # refuses what cannot be served
    draw = np.random.default_rng(seed)
    arrivals = np.cumsum(draw.exponential(1000 / rate, requests)).tolist()
    services = [float(service_ms)] * requests if same else draw.exponential(service_ms, requests).tolist()
    free = [0.0] * servers  # when each server will be free, the first to be so in front
    waits = []
    for arrival, service in zip(arrivals, services, strict=True):
        start = max(arrival, free[0])
        waits.append(start - arrival)
        heapq.heapreplace(free, start + service)
    return float(np.quantile(waits[requests // 10 :], quantile))


def servers_needed(
    rate: float | pd.Series, service_ms: float, wait_ms: float, quantile: float = _QUANTILE
) -> int | pd.Series:
    """Return the least number of servers that keep the wait of a share of all requests within a limit.

    Parameters
    ----------
    rate : float or Series of float
        Requests a second.
    service_ms, wait_ms : float
        Milliseconds that a request takes, and those that it may wait.
    quantile : float
        See `queue_wait`.

    Returns
    -------
    int or Series of int
        One server at least, even where nobody asks.

    Raises
    ------
    UsageError
        A number is not positive, or the share does not lie between 0 and 1.
    """
    _positive(service_ms=service_ms, wait_ms=wait_ms)
    if isinstance(rate, pd.Series):
        known = {one: servers_needed(float(one), service_ms, wait_ms, quantile) for one in rate.unique()}
        return rate.map(known).rename("servers")
    if not 0 <= rate < math.inf:
        raise UsageError(f"{rate!r} requests a second", fix="give a number, zero or more")
    servers = math.floor(rate * service_ms / 1000) + 1
    while queue_wait(servers, rate, service_ms, quantile) > wait_ms:
        servers += 1
    return servers


def cost_per_prediction() -> pd.DataFrame:
    """Return what a prediction of the course's model took, as measured by ``benchmarks/costs.py``.

    Returns
    -------
    DataFrame, index 'asked'
        Processor time in ms for each prediction, and how many a core makes a second, as text.
    """
    frame = tables.benchmark("costs")
    milliseconds = frame["processor time [ms]"]
    frame["a second, at most"] = [f"{float(f'{1000 / ms:.2g}'):,.0f}" for ms in milliseconds]
    return frame


def processor_time_ms(call: Callable[[], Any], repeat: int = 200, predictions: int = 1) -> float:
    """Return the processor time of a prediction in ms: the median over many calls.

    Parameters
    ----------
    call : callable without arguments
        Makes the predictions.
    repeat : int
        How often it is called.
    predictions : int
        How many one call makes.

    Raises
    ------
    UsageError
        `call` cannot be called, or a number is not positive.
    """
    _positive(repeat=repeat, predictions=predictions)
    if not callable(call):
        raise UsageError("measure needs something to call", fix="put lambda: before the expression")
    call()  # the first one pays for what is loaded late
    taken = []
    for _ in range(repeat):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return 1000 * float(np.median(taken)) / predictions


# --------------------------------------------------------------------------- bills


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
    frame["dollars"] = [_decimal(value, "a price") for value in frame["dollars"]]
    frame = frame.astype({"as_of": object}).rename(columns={"as_of": "as of"})
    for key, value in own.items():
        if key not in frame.index:
            raise UsageError(f"there is no price {key!r}", fix=f"choose from {', '.join(frame.index)}")
        frame.at[key, "dollars"] = _decimal(value, f"the price {key}")
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
    blocks = sum(-(-_count(size) // int(price["per"])) for size in jobs)
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
    return (_count(predictions) * price["dollars"] / price["per"]).quantize(CENT, ROUND_UP)


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
    return (_count(transactions) * price["dollars"] / price["per"]).quantize(CENT, ROUND_HALF_UP)


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
    return (_decimal(node_hours, "the node hours") * price["dollars"]).quantize(CENT, ROUND_HALF_UP)


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
    _positive(most=most)
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
    return (_decimal(quantity, f"the quantity of {key}") * price["dollars"] / price["per"]).quantize(
        CENT, ROUND_HALF_UP
    )


def availability(*targets: str, servers: int = 3, up: str = "0.99") -> pd.DataFrame:
    """Return what a target for availability allows, and the spare servers that it takes.

    Servers are taken to fail independently of each other.

    Parameters
    ----------
    *targets : str
        Shares of the time, such as ``"0.999"``.
    servers : int
        How many the traffic needs.
    up : str
        The share of the time that a single server is up.

    Returns
    -------
    DataFrame, index 'target'
        'minutes in 30 days' that may fail (the error budget) and 'spare servers'.

    Raises
    ------
    UsageError
        A share does not lie between 0 and 1, or there is no server.
    """
    _positive(servers=servers)
    chance = _share(up)
    rows = {}
    for target in targets:
        share, spare = _share(target), 0
        while _enough(servers, servers + spare, float(chance)) < share:
            spare += 1
        rows[target] = {"minutes in 30 days": float((1 - share) * 30 * 24 * 60), "spare servers": spare}
    return pd.DataFrame(rows).T.astype({"spare servers": int}).rename_axis("target")


def _enough(needed: int, there: int, up: float) -> float:
    """Return the probability that at least `needed` of the servers are up."""
    return sum(math.comb(there, n) * up**n * (1 - up) ** (there - n) for n in range(needed, there + 1))


def _share(text: str) -> Decimal:
    share = _decimal(text, "a share")
    if not 0 < share < 1:
        raise UsageError(f"a share of {text!r}", fix="give a number between 0 and 1, such as '0.999'")
    return share


# --------------------------------------------------------------------------- whose bill it is


def billing_export() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a billing export with labels, made up, and what monitoring knows of the same resources.

    Returns
    -------
    bill : DataFrame, a row for each resource and day
        'day', 'service', 'resource', 'cost' in dollars (exact decimals) and 'labels', a list of {key, value} as in
        Google's export; empty where nobody labelled the resource.
    use : DataFrame, a row for each resource and day
        'day', 'resource' and 'requests': how often anything asked for it.
    """
    data = tables.read_toml("hosting.toml")
    days = pd.date_range(data["export"]["first"], periods=data["export"]["days"], freq="D")
    bill, use = [], []
    for day in days:
        for resource in data["resource"]:
            if day.day < resource.get("from", 1):
                continue
            quiet = Decimal(str(resource.get("weekend", 1))) if day.dayofweek >= 5 else 1
            labels = [{"key": key, "value": value} for key, value in resource.get("labels", {}).items()]
            common = {"day": day.date(), "resource": resource["name"]}
            cost = Decimal(str(resource["dollars"])) * quiet
            bill.append(common | {"service": resource["service"], "cost": cost, "labels": labels})
            use.append(common | {"requests": int(resource["busy"] * quiet)})
    return pd.DataFrame(bill)[["day", "service", "resource", "cost", "labels"]], pd.DataFrame(use)


def sql(sql: str, **frames: pd.DataFrame) -> pd.DataFrame:
    """Ask tables in SQL, with DuckDB and in memory.

    Parameters
    ----------
    sql : str
        One query; the names of `frames` are its tables.
    **frames : DataFrame
        Decimals stay exact in it: they become DuckDB's DECIMAL.

    Returns
    -------
    DataFrame
        Sums of money as numbers to show, no longer to reckon with.

    Raises
    ------
    UsageError
        DuckDB cannot run the query; its words are in the message.
    """
    import duckdb
    import pyarrow as pa

    # One thread: rows come in one order. Nothing is fetched: no extension is looked for.
    settings = {"threads": 1, "autoinstall_known_extensions": False, "autoload_known_extensions": False}
    with duckdb.connect(":memory:", config=settings) as database:
        for name, frame in frames.items():
            database.register(name, pa.Table.from_pandas(frame, preserve_index=False))
        try:
            result = database.execute(sql)
        except duckdb.Error as error:
            said = str(error).strip().split("\n")[0]
            raise UsageError(f"the query cannot be run: {said}", fix="correct the query") from error
        return result.df()


def budget_alerts(daily: pd.Series, budget: float | Decimal, shares: Sequence[float]) -> pd.DataFrame:
    """Say when spending reached shares of a budget, and when it would have at an even pace.

    Parameters
    ----------
    daily : Series
        Dollars spent on each day of the month, in order; index: the day's number, from 1.
    budget : number
        Dollars for the whole month.
    shares : sequence of float
        Such as ``[0.5, 0.7]``.

    Returns
    -------
    DataFrame, index 'share'
        'day' on which the sum since the first reached the share (missing if it never did), 'even pace', the day on
        which it would have been reached had each day cost the same, and 'days early'.

    Raises
    ------
    UsageError
        The budget or a share is not positive, or there are no days.
    """
    _positive(budget=budget)
    if not len(daily):
        raise UsageError("there are no days", fix="pass the costs of each day of the month")
    spent = np.cumsum([_decimal(cost, "a day's cost") for cost in daily])
    rows = {}
    for share in shares:
        part = _decimal(share, "a share")
        _positive(share=share)
        reached = [day for day, total in zip(daily.index, spent, strict=True) if total >= part * _decimal(budget, "")]
        even = math.ceil(part * len(daily))
        rows[share] = {"day": reached[0] if reached else None, "even pace": even}
    frame = pd.DataFrame(rows).T.astype({"day": "Int64", "even pace": int}).rename_axis("share")
    return frame.assign(**{"days early": frame["even pace"] - frame["day"]})


# --------------------------------------------------------------------------- facts to look up


def cost_controls() -> pd.DataFrame:
    """Return the eleven ways of K3 to control costs: what each is, where this lesson does it, what kind of help it is.

    Returns
    -------
    DataFrame, index 'way' ('a' to 'k')
        'what', 'here' (the section) and 'kind'.
    """
    quizzes = {quiz["name"]: quiz for quiz in tables.read_toml("quizzes.toml")["quiz"]}
    options = [option["text"] for option in quizzes["K3.1"]["options"] if option["verdict"] == "part"]
    known = tables.read_toml("hosting.toml")["way"]
    rows = [
        {"way": way["letter"], "what": text, "here": way["where"], "kind": way["kind"]}
        for way, text in zip(known, options, strict=True)
    ]
    return pd.DataFrame(rows).set_index("way")


def cost_tools() -> pd.DataFrame:
    """Return the tools that the deck names for costs, what each is for, and what became of it by November 2026."""
    frame = pd.DataFrame(tables.read_toml("hosting.toml")["tool"]).set_index("name")
    return frame.rename(columns={"use": "what it is for", "today": "in November 2026"}).rename_axis("in the deck, 2018")


# --------------------------------------------------------------------------- checks of what comes in


def _price(key: str, price_list: pd.DataFrame | None) -> Mapping[str, Any]:
    price_list = prices() if price_list is None else price_list
    return price_list.loc[key]


def _decimal(value: Any, what: str) -> Decimal:
    """Read a number as it is written: 0.1 is a tenth, not the float next to it."""
    if isinstance(value, np.generic):
        value = value.item()
    try:
        number = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite() or number < 0:
        raise UsageError(f"{what} is {value!r}", fix="give a number, zero or more")
    return number


def _count(value: Any) -> int:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral) or value < 0:
        raise UsageError(f"{value!r} predictions", fix="give a whole number, zero or more, without a decimal point")
    return int(value)


def _positive(**numbers: Any) -> None:
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, Real | Decimal) or not 0 < value < math.inf:
            raise UsageError(f"{name} is {value!r}", fix="give a number above zero")
