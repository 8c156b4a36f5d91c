"""Parse the bodies of queries and write the outputs of models, both with Clipper's rules and messages."""

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
    """A query has invalid JSON or the wrong type of input; the text is what Clipper sends as the cause."""

    def __init__(self, problem: str) -> None:
        super().__init__(f"Error parsing JSON: {problem}. Expected JSON schema: {_SCHEMA}")


def parse(body: bytes, input_type: str) -> tuple[list[Any], bool]:
    """Return the inputs of a query, and whether they came as a batch.

    Parameters
    ----------
    body : bytes
        A JSON object with the key 'input' or 'input_batch'.
    input_type : {'integers', 'floats', 'doubles', 'bytes', 'strings'}
        The input type of the application.

    Returns
    -------
    tuple of list and bool
        The inputs as Python's JSON types, each checked; whether the key was 'input_batch'.

    Raises
    ------
    QueryError
        The body is not JSON, has no input, or an input has another type.
    """
    try:
        query = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise QueryError(str(error)) from None
    if not isinstance(query, dict):
        raise QueryError("the query is not an object")
    if "input" in query:
        rows, is_batch = [query["input"]], False
    elif isinstance(query.get("input_batch"), list):
        rows, is_batch = query["input_batch"], True
    else:
        raise QueryError('JSON object does not have required key: "input"')
    check = _check_numbers if input_type in _NUMBERS else _check_text
    for row in rows:
        check(row, input_type)
    return rows, is_batch


def _check_numbers(row: Any, input_type: str) -> None:
    """Raise an error unless an input is a list of numbers of the application's type."""
    if not isinstance(row, list):
        raise QueryError(f"input of type {type(row).__name__} is not a list of {input_type}")
    # A set of types, not a loop over values: a row may have hundreds of numbers. bool is no int here.
    wrong = set(map(type, row)) - ({int} if input_type == "integers" else {int, float})
    if wrong:
        raise QueryError(f"an element of type {wrong.pop().__name__} is not one of {input_type}")
    if input_type == "integers" and not all(number in _INT32 for number in row):
        raise QueryError("an integer has more than 32 bits")


def _check_text(row: Any, input_type: str) -> None:
    """Raise an error unless an input is a text, or for 'bytes' a base64 text."""
    if not isinstance(row, str):
        raise QueryError(f"input of type {type(row).__name__} is not a string")
    if input_type == "bytes":
        try:
            base64.b64decode(row, validate=True)
        except ValueError:
            raise QueryError("bytes must be sent as base64") from None


def as_inputs(rows: list[Any], input_type: str) -> list[Any]:
    """Return inputs in the types in which Clipper passes them to a model.

    `rows` are the inputs from `parse`, and `input_type` is as for `parse`. Strings stay as they are; other types become
    numpy arrays: int8 for bytes, int32 for integers, float32 for floats, float64 for doubles.
    """
    import numpy as np

    if input_type == "strings":
        return rows
    if input_type == "bytes":
        return [np.frombuffer(base64.b64decode(row), dtype=np.int8) for row in rows]
    kind = _NUMBERS[input_type]
    return [np.array(row, dtype=kind) for row in rows]


def as_json(output: Any) -> bytes:
    """Return one `output` of a model as JSON in one line.

    Clipper takes the text of the output. If that is JSON, it is passed on as it is; any other text becomes a string.
    """
    text = output if isinstance(output, str) else str(output)
    try:
        return orjson.dumps(orjson.loads(text))
    except (orjson.JSONDecodeError, ValueError):
        return orjson.dumps(text)


def outputs_as_json(outputs: Iterable[Any]) -> list[bytes]:
    """Return the `outputs` of a model as JSON, one line each."""
    kind = getattr(getattr(outputs, "dtype", None), "char", "")
    if kind in ("f", "d") and outputs.ndim == 1 and len(outputs):  # the usual case, ten times faster in one call
        import numpy as np

        if np.isfinite(outputs).all():
            return orjson.dumps(np.ascontiguousarray(outputs), option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].split(b",")
    return [as_json(output) for output in outputs]
