"""Identify what a model was made from: its data, its code and its environment.

Each function returns something short that changes when, and only when, the thing itself changes. Model cards, the
model cache and the tracking store record it.
"""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pandas as pd

from course_utils.errors import DataError

__all__ = ["code_hash", "data_hash", "environment"]


def data_hash(rows: pd.DataFrame) -> str:
    """Return a fingerprint of a table: equal rows in equal order give equal text.

    Parameters
    ----------
    rows : DataFrame
        Values, row labels and column names count; whether text is stored as categories does not.

    Returns
    -------
    str
        16 hexadecimal digits.

    Raises
    ------
    DataError
        Two columns have one name, or a cell holds a list.

    Examples
    --------
    >>> training.data_hash(flights) == training.data_hash(flights.copy())
    True
    """
    if not rows.columns.is_unique:
        double = rows.columns[rows.columns.duplicated()][0]
        raise DataError("occurs more than once", column=str(double), fix="keep one of them")
    digest = hashlib.sha256(json.dumps([str(name) for name in rows.columns]).encode())
    # Not astype of the whole table, which copies every column: the inputs of a year are 150 MB.
    plain = rows.copy(deep=False)
    for name in rows.columns:
        if isinstance(rows[name].dtype, pd.CategoricalDtype):
            # As objects, not as str: a missing value must differ from the text 'nan'.
            plain[name] = rows[name].astype(object)
    try:
        hashed = pd.util.hash_pandas_object(plain, index=True)
    except TypeError as error:
        raise DataError("the table holds lists or other containers", fix="pass numbers and texts") from error
    digest.update(hashed.to_numpy().tobytes())
    return digest.hexdigest()[:16]


def code_hash(*modules: ModuleType) -> str:
    """Return a fingerprint of the source of one or several `modules`; a package counts with all of its files.

    Returns
    -------
    str
        64 hexadecimal digits, which change with any change of the source, even of a comment.

    Examples
    --------
    >>> training.code_hash(training) == training.code_hash(training.encoding)
    False
    """
    digest = hashlib.sha256()
    for module in modules:
        source = Path(module.__file__ or "")
        # Sorted, since the order in which a file system lists a folder differs between machines.
        files = sorted(source.parent.rglob("*.py")) if hasattr(module, "__path__") else [source]
        for file in files:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def environment() -> dict[str, str]:
    """Return the versions of Python and of the packages that a saved model's scores depend on.

    Examples
    --------
    >>> sorted(training.environment())
    ['numpy', 'pandas', 'python', 'xgboost']
    """
    # XGBoost computes the scores; NumPy and pandas turn rows into the matrix that it reads.
    packages = ("xgboost", "numpy", "pandas")
    return {"python": platform.python_version()} | {name: version(name) for name in packages}
