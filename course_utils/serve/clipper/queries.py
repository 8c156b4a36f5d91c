"""A query's body read as Clipper reads it, and a model's outputs written as Clipper writes them."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import orjson

__all__ = ["QueryError", "as_inputs", "as_json", "outputs_as_json", "parse"]

_SCHEMA = '\n  {\n   "input" := [double] | [int] | [string] | [byte] | [float],\n  }\n'
_NUMBERS = {"integers": "int32", "floats": "float32", "doubles": "float64"}
_INT32 = range(-(2**31), 2**31)


class QueryError(Exception):
    """A query's JSON, or the type of its input, is wrong; the text is Clipper's cause."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"Error parsing JSON: {problem}. Expected JSON schema: {_SCHEMA}")


def parse(body: bytes, input_type: str) -> tuple[list[Any], bool]:
    """Read a query.

    Parameters
    ----------
    body : bytes
        JSON with `input` or `input_batch`.
    input_type : str
        The application's: 'integers', 'floats', 'doubles', 'bytes' or 'strings'.

    Returns
    -------
    tuple of list and bool
        The inputs, still as JSON has them, each of the type; whether they came as a batch.

    Raises
    ------
    QueryError
        It is no JSON, has no input, or an input is of another type.
    """
    try:
        query = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise QueryError(str(error)) from None
    if not isinstance(query, dict):
        raise QueryError("the query is not an object")
    if "input" in query:
        rows, many = [query["input"]], False
    elif isinstance(query.get("input_batch"), list):
        rows, many = query["input_batch"], True
    else:
        raise QueryError('JSON object does not have required key: "input"')
    check = _check_numbers if input_type in _NUMBERS else _check_text
    for row in rows:
        check(row, input_type)
    return rows, many


def _check_numbers(row: Any, input_type: str) -> None:
    """Refuse an input that is no list of numbers of its application's type."""
    if not isinstance(row, list):
        raise QueryError(f"input of type {type(row).__name__} is not a list of {input_type}")
    odd = set(map(type, row)) - ({int} if input_type == "integers" else {int, float})
    if odd:
        raise QueryError(f"an element of type {odd.pop().__name__} is not one of {input_type}")
    if input_type == "integers" and not all(number in _INT32 for number in row):
        raise QueryError("an integer has more than 32 bits")


def _check_text(row: Any, input_type: str) -> None:
    """Refuse an input that is no text, or no bytes written as base64."""
    if not isinstance(row, str):
        raise QueryError(f"input of type {type(row).__name__} is not a string")
    if input_type == "bytes":
        try:
            base64.b64decode(row, validate=True)
        except ValueError:
            raise QueryError("bytes are to be sent as base64") from None


def as_inputs(rows: list[Any], input_type: str) -> list[Any]:
    """Turn what `parse` returned into what Clipper hands to a model.

    Parameters
    ----------
    rows : list
        The inputs.
    input_type : str
        As for `parse`.

    Returns
    -------
    list
        Texts as they are; numpy arrays of int8 for bytes, int32 for integers, float32 and float64.
    """
    import numpy as np

    if input_type == "strings":
        return rows
    if input_type == "bytes":
        return [np.frombuffer(base64.b64decode(row), dtype=np.int8) for row in rows]
    kind = _NUMBERS[input_type]
    return [np.array(row, dtype=kind) for row in rows]


def as_json(output: Any) -> bytes:
    """Write one output: what reads as JSON is passed on as that, anything else as a string.

    Parameters
    ----------
    output : object
        Of the model; Clipper takes its text.

    Returns
    -------
    bytes
        JSON in one line.
    """
    text = output if isinstance(output, str) else str(output)
    try:
        return orjson.dumps(orjson.loads(text))
    except (orjson.JSONDecodeError, ValueError):
        return orjson.dumps(text)


def outputs_as_json(outputs: Iterable[Any]) -> list[bytes]:
    """Write a model's outputs.

    Parameters
    ----------
    outputs : iterable
        As the model returned them.

    Returns
    -------
    list of bytes
        JSON, a line each.
    """
    kind = getattr(getattr(outputs, "dtype", None), "char", "")
    if kind in ("f", "d") and outputs.ndim == 1 and len(outputs):  # the usual case, ten times as fast
        import numpy as np

        if np.isfinite(outputs).all():
            return orjson.dumps(np.ascontiguousarray(outputs), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    return [as_json(output) for output in outputs]
