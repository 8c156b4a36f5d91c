"""Make wrong answers from right ones, and see whether a check refuses them.

A mutant is a right answer with one thing changed: a comparison, a sign, a constant, a branch that is gone, a result as
text, an argument that is spoilt. `of_function` changes the code of a function, `of_value` any other answer. Run as a
program, this prints for each exercise how many mutants are refused, which are not, and with ``--hints`` what each was
told: ``python tests/exercises/mutants.py 04.2 --hints``.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import dataclasses
import fnmatch
import io
import itertools
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
LESSONS = HERE.parents[1] / "lessons"

Mutant = tuple[str, Any]


# --------------------------------------------------------------------------- where right answers come from


def cases_of(lesson: str) -> ModuleType:
    """Return the test file of a lesson's exercises as a module, with its RIGHT answers."""
    name = f"cases_{lesson}"
    if name not in sys.modules:
        sys.path[:0] = [path for path in (str(HERE),) if path not in sys.path]
        spec = spec_from_file_location(name, HERE / f"test_lesson_{lesson}.py")
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def function_of(number: str) -> ast.FunctionDef | None:
    """Return the function that solves an exercise, as its lesson defines it; None if its answer is no function."""
    tree = ast.parse(next(LESSONS.glob(f"{number.split('.')[0]}_*.py")).read_text(encoding="utf-8"))
    answered = next(
        statement.value.args[1]
        for statement in tree.body
        if isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and getattr(statement.value.func, "id", "") == "check"
        and statement.value.args[0].value == number
    )
    name = getattr(answered, "id", None)  # an answer may also be written where it is handed in
    defined = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == name]
    return defined[-1] if defined else None


def surroundings_of(number: str) -> dict[str, Any]:
    """Return the names that a solution may use: the lesson's imports, and SOLUTION_NAMES of the test file."""
    tree = ast.parse(next(LESSONS.glob(f"{number.split('.')[0]}_*.py")).read_text(encoding="utf-8"))
    names: dict[str, Any] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            exec(compile(ast.Module([statement], []), "imports", "exec"), names)
    return names | getattr(cases_of(number.split(".")[0]), "SOLUTION_NAMES", {}).get(number, {})


def mutants_of(number: str) -> Iterator[Mutant]:
    """Yield wrong answers to an exercise, each with a label that stays the same from run to run."""
    cases = cases_of(number.split(".")[0])
    function = function_of(number)
    if function is not None:
        yield from of_function(function, surroundings_of(number))
    else:
        model = cases.RIGHT[number][0]
        yield from of_value(getattr(cases, "made", lambda listed: listed)(model))
    yield from getattr(cases, "mutants", lambda number: ())(number)


def equivalents_of(number: str) -> Mapping[str, str]:
    """Return the mutants of an exercise that are right answers as well, as patterns of labels, each with a reason."""
    return getattr(cases_of(number.split(".")[0]), "EQUIVALENT", {}).get(number, {})


# --------------------------------------------------------------------------- functions


def of_function(tree: ast.FunctionDef, names: Mapping[str, Any]) -> Iterator[Mutant]:
    """Yield a function with each of its parts changed in turn, and with results and habits of every wrong kind."""
    seen = {ast.unparse(tree)}
    for label, changed in _changed_code(tree):
        text = ast.unparse(changed)
        if text not in seen:
            seen.add(text)
            yield label, _compiled(changed, names)
    yield from _wrapped(_compiled(tree, names))


def _compiled(tree: ast.FunctionDef, names: Mapping[str, Any]) -> Callable[..., Any]:
    """Return the function that a tree defines."""
    space = dict(names)
    module = ast.fix_missing_locations(ast.Module([tree], []))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of code such as `1 is 2`, which a mutant may be
        exec(compile(module, "answer", "exec"), space)
    return space[tree.name]


def _changed_code(tree: ast.FunctionDef) -> Iterator[tuple[str, ast.FunctionDef]]:
    for place, node in enumerate(ast.walk(tree)):
        for what, change in _changes(node):
            copied = copy.deepcopy(tree)
            changed = next(node for number, node in enumerate(ast.walk(copied)) if number == place)
            try:
                replacement = change(changed)
            except (TypeError, ValueError, IndexError):
                continue
            if replacement is not None:
                copied = _Replace(changed, replacement).visit(copied)
            line = getattr(node, "lineno", tree.lineno) - tree.lineno
            yield f"line {line}: {_short(node)} {what}", copied


def _short(node: ast.AST) -> str:
    with contextlib.suppress(Exception):
        return " ".join(ast.unparse(node).split())[:40]
    return type(node).__name__


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> Any:
        return self.new if node is self.old else self.generic_visit(node)


_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv)

Change = tuple[str, Callable[[Any], ast.AST | None]]


def _changes(node: ast.AST) -> Iterator[Change]:
    """Yield what can be changed at one node of the code: a label, and a function that changes a copy of the node."""
    if isinstance(node, ast.Compare):
        yield from _comparison(node)
    elif isinstance(node, ast.BinOp):
        for kind in _ARITHMETIC:
            if not isinstance(node.op, kind):
                yield f"with {kind.__name__}", lambda n, kind=kind: ast.BinOp(n.left, kind(), n.right)
        if not isinstance(node.op, ast.Add | ast.Mult):
            yield "swapped", lambda n: ast.BinOp(n.right, n.op, n.left)
        yield "left only", lambda n: n.left
        yield "right only", lambda n: n.right
    elif isinstance(node, ast.UnaryOp):
        yield "without its sign", lambda n: n.operand
    elif isinstance(node, ast.BoolOp):
        other = ast.Or if isinstance(node.op, ast.And) else ast.And
        yield f"with {other.__name__}", lambda n: ast.BoolOp(other(), n.values)
        for place in range(len(node.values)):
            yield (
                f"without part {place + 1}",
                lambda n, place=place: (
                    ast.BoolOp(n.op, n.values[:place] + n.values[place + 1 :])
                    if len(n.values) > 2
                    else n.values[1 - place]
                ),
            )
    elif isinstance(node, ast.Constant):
        yield from _constant(node.value)
    elif isinstance(node, ast.Call):
        yield from _called(node)
    elif isinstance(node, ast.If):
        yield "always", lambda n: ast.If(ast.Constant(True), n.body, n.orelse)
        yield "never", lambda n: ast.If(ast.Constant(False), n.body, n.orelse)
    elif isinstance(node, ast.IfExp):
        yield "first only", lambda n: n.body
        yield "second only", lambda n: n.orelse
        yield "inverted", lambda n: ast.IfExp(n.test, n.orelse, n.body)
    elif isinstance(node, ast.comprehension) and node.ifs:
        yield "without its condition", lambda n: ast.comprehension(n.target, n.iter, [], n.is_async)
    elif isinstance(node, ast.FunctionDef):
        yield from _whole(node)


def _comparison(node: ast.Compare) -> Iterator[Change]:
    kinds = _COMPARISONS if isinstance(node.ops[0], _COMPARISONS) else (ast.Is, ast.IsNot, ast.In, ast.NotIn)
    for kind in kinds:
        if not isinstance(node.ops[0], kind):
            yield f"with {kind.__name__}", lambda n, kind=kind: ast.Compare(n.left, [kind(), *n.ops[1:]], n.comparators)
    yield "negated", lambda n: ast.UnaryOp(ast.Not(), n)
    yield "true", lambda n: ast.Constant(True)
    yield "false", lambda n: ast.Constant(False)


def _constant(value: Any) -> Iterator[Change]:
    if isinstance(value, bool):
        others: list[Any] = [not value]
    elif isinstance(value, int | float):
        others = [value + 1, value - 1, -value, value * 10, 0]
    elif isinstance(value, str) and value:
        others = [value[:-1], "", value.upper()]
    elif value is None:
        others = [0]
    else:
        others = []
    for other in others:
        if other != value:
            yield f"→ {other!r}", lambda n, other=other: ast.Constant(other)


def _called(node: ast.Call) -> Iterator[Change]:
    if len(node.args) == 2:
        yield "arguments swapped", lambda n: ast.Call(n.func, n.args[::-1], n.keywords)
    if len(node.args) == 1 and not node.keywords:
        yield "left out", lambda n: n.args[0]
    if isinstance(node.func, ast.Attribute):
        yield "method left out", lambda n: n.func.value
    for place, keyword in enumerate(node.keywords):
        yield (
            f"without {keyword.arg}=",
            lambda n, place=place: ast.Call(n.func, n.args, n.keywords[:place] + n.keywords[place + 1 :]),
        )


def _whole(node: ast.FunctionDef) -> Iterator[Change]:
    """Change a function as a whole: statements left out one at a time, parameters exchanged."""

    def without(place: int) -> Callable[[Any], Any]:
        return lambda n: _with_body(n, [*n.body[:place], *n.body[place + 1 :]] or [ast.Pass()])

    for place, statement in enumerate(node.body):
        if not _is_docstring(statement):
            yield f"without {_short(statement)}", without(place)
    names = [argument.arg for argument in node.args.args]
    for one, other in itertools.pairwise(names):
        yield f"{one} and {other} exchanged", lambda n, pair=(one, other): _exchanged(n, *pair)


def _is_docstring(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _with_body(node: ast.FunctionDef, body: list[ast.stmt]) -> ast.FunctionDef:
    node.body = body
    return node


def _exchanged(node: ast.FunctionDef, one: str, other: str) -> ast.FunctionDef:
    swap = {one: other, other: one}
    for inner in ast.walk(ast.Module(node.body, [])):
        if isinstance(inner, ast.Name) and inner.id in swap:
            inner.id = swap[inner.id]
    return node


def _wrapped(right: Callable[..., Any]) -> Iterator[Mutant]:
    """Yield functions that compute the right result and spoil it, or behave badly."""
    results = {
        "in a list": lambda value: [value],
        "as text": str,
        "None": lambda value: None,
        "NaN": lambda value: float("nan"),
        "printed": print,
        "negated": lambda value: -value,
        "1 minus it": lambda value: 1 - value,
        "times 100": lambda value: value * 100,
        "rounded to whole numbers": lambda value: round(value),
        "true or false inverted": lambda value: not value,
        "slightly more": lambda value: value * 1.001 + 1e-4,
        "empty": lambda value: type(value)(),
        "first only": lambda value: type(value)(list(value.items())[:1] if hasattr(value, "items") else value[:1]),
        "without the last": lambda value: type(value)(
            list(value.items())[:-1] if hasattr(value, "items") else value[:-1]
        ),
        "reversed": lambda value: (
            type(value)(reversed(value.items())) if hasattr(value, "items") else type(value)(reversed(value))
        ),
        "sorted": lambda value: sorted(value),
        "twice": lambda value: [*value, *value],
        "as a set": lambda value: set(value),
        "values only": lambda value: list(value.values()),
        "keys only": lambda value: list(value),
        "keys as text": lambda value: {str(key): one for key, one in value.items()},
        "NaN for None": lambda value: {key: float("nan") if one is None else one for key, one in value.items()},
        "by position": lambda value: dict(enumerate(value.values())),
        "with new labels": lambda value: value.reset_index(drop=True),
        "shuffled": lambda value: value.iloc[::-1].set_axis(value.index),
        "zeros for NaN": lambda value: value.fillna(0),
        "mean everywhere": lambda value: (value * 0 + value.mean()).set_axis(value.index),
    }
    for label, spoil in results.items():
        yield f"result {label}", lambda *given, spoil=spoil: spoil(right(*given))
    yield from _bad_habits(right)


def _bad_habits(right: Callable[..., Any]) -> Iterator[Mutant]:
    def raises(*given: Any) -> Any:
        raise ValueError("no")

    def endless(*given: Any) -> Any:
        while True:
            pass

    def first_result(*given: Any, _kept: list[Any]) -> Any:
        if not _kept:
            _kept.append(right(*given))
        return _kept[0]

    def only_once(*given: Any, _calls: list[int]) -> Any:
        _calls.append(1)
        return right(*given) if len(_calls) == 1 else None

    kept: list[Any] = []
    calls: list[int] = []
    yield "raises", raises
    yield "endless", endless
    yield "the first result for ever", lambda *given: first_result(*given, _kept=kept)
    yield "right once, then None", lambda *given: only_once(*given, _calls=calls)

    def spoils(place: int) -> Callable[..., Any]:
        def function(*given: Any) -> Any:
            result = right(*given)
            _spoil(given[place])
            return result

        return function

    count = getattr(getattr(right, "__code__", None), "co_argcount", 1)
    for place in range(count):
        yield f"spoils argument {place + 1}", spoils(place)


def _spoil(given: Any) -> None:
    """Change an argument in place, if it can be changed."""
    if isinstance(given, pd.DataFrame):
        given["spoilt"] = 0
    elif isinstance(given, pd.Series):
        given.iloc[0] = given.iloc[-1] if given.iloc[0] != given.iloc[-1] else given.iloc[0] * 2
        given.name = "spoilt"
    elif isinstance(given, dict):
        given["spoilt"] = 0
    elif isinstance(given, list):
        given.append(given[0] if given else 0)
    elif isinstance(given, np.ndarray) and given.flags.writeable:
        given.flat[0] += 1
    elif hasattr(given, "values") and isinstance(given.values, np.ndarray):
        given.values.flat[0] += 1
    else:
        raise TypeError("this cannot be changed in place")


# --------------------------------------------------------------------------- values


def of_value(answer: Any) -> Iterator[Mutant]:
    """Yield an answer with each of its parts changed in turn, as other types, and with parts left out or added."""
    yield from _whole_values(answer)
    yield from _parts(answer, "")


def _whole_values(answer: Any) -> Iterator[Mutant]:
    yield "None", None
    yield "NaN", float("nan")
    yield "True", True
    yield "empty text", ""
    yield "empty list", []
    yield "empty dict", {}
    yield "its type", type(answer)
    if not isinstance(answer, str):
        yield "as text", str(answer)
    yield "in a list", [answer]
    yield "as a function", lambda: answer


def _parts(answer: Any, where: str) -> Iterator[Mutant]:
    """Yield copies of an answer with one part changed; `where` is the path to it."""
    if isinstance(answer, bool):
        yield f"{where} → {not answer}", not answer
    elif isinstance(answer, int | float | np.number):
        yield from _numbers(answer, where)
    elif isinstance(answer, str):
        yield from ((f"{where} → {_what_changed(answer, text)}", text) for text in _texts(answer))
    elif isinstance(answer, Mapping):
        yield from _mappings(dict(answer), where)
    elif isinstance(answer, tuple) and hasattr(answer, "_fields"):
        for name, value in zip(answer._fields, answer, strict=True):
            for label, other in _parts(value, f"{where}.{name}"):
                yield label, answer._replace(**{name: other})
    elif isinstance(answer, list | tuple):
        yield from _lists(answer, where)
    elif isinstance(answer, pd.Series | pd.DataFrame):
        yield from _tables(answer, where)
    elif dataclasses.is_dataclass(answer) and not isinstance(answer, type):
        for field in dataclasses.fields(answer):
            for label, other in _parts(getattr(answer, field.name), f"{where}.{field.name}"):
                with contextlib.suppress(Exception):
                    yield label, dataclasses.replace(answer, **{field.name: other})


def _what_changed(text: str, other: str) -> str:
    """Return a changed text in quotes; of a long one with as many lines, only the first line that differs."""
    lines = list(zip(text.split("\n"), other.split("\n"), strict=False))
    if len(lines) < 4 or text.count("\n") != other.count("\n"):
        return repr(other)
    return next(f"line {place}: {new!r}" for place, (old, new) in enumerate(lines, start=1) if old != new)


def _numbers(answer: float, where: str) -> Iterator[Mutant]:
    for other in (answer + 1, answer - 1, -answer, answer * 2, answer * 10, answer / 100, 0, 1 - answer, float("nan")):
        if other != answer:
            yield f"{where} → {other:g}", other
    yield f"{where} as text", str(answer)
    yield f"{where} None", None


_OPERATORS = {"<=": ["<", ">="], ">=": [">", "<="], "==": ["!=", ">=", "<="], "!=": ["=="], "<": ["<=", ">", "="]}
_OPERATORS |= {">": [">=", "<", "="], "=": ["!=", "<", ">"], "^": [""], "$": [""], "|": [""], "-": ["+"]}


def _texts(text: str) -> Iterator[str]:
    if len(re.findall(r"[A-Za-z]{2,}", text)) >= 5 and not re.search(r"[<>=]", text):
        return iter([""])  # prose: no program can tell a good sentence from a bad one
    others = ["", text[: len(text) // 2], text[::-1], f"{text} x"]
    for found in re.finditer(r"<=|>=|==|!=|[<>=^$|-]", text):
        others += [text[: found.start()] + other + text[found.end() :] for other in _OPERATORS[found[0]]]
    for found in re.finditer(r"\d+(\.\d+)?", text):
        number = float(found[0]) if "." in found[0] else int(found[0])
        step = 10 ** -len(found[0].partition(".")[2]) if "." in found[0] else 1
        for other in (number + step, number - step, number * 10):
            others.append(f"{text[: found.start()]}{round(other, 6)}{text[found.end() :]}")
    words = text.split(" ")
    if 1 < len(words) <= 40:
        others += [" ".join(words[:place] + words[place + 1 :]) for place in range(len(words))]
    return (other for other in dict.fromkeys(others) if other != text)


def _mappings(answer: dict[Any, Any], where: str) -> Iterator[Mutant]:
    keys = list(answer)
    for key in keys:
        yield f"{where}[{key!r}] left out", {name: value for name, value in answer.items() if name != key}
        yield f"{where}[{key!r}] under another name", {f"{n} 2" if n == key else n: v for n, v in answer.items()}
        for label, value in _parts(answer[key], f"{where}[{key!r}]"):
            yield label, answer | {key: value}
    for place, one in enumerate(keys):
        for other in keys[place + 1 :]:
            if not _alike(answer[one], answer[other]):
                yield (
                    f"{where}[{one!r}] and [{other!r}] exchanged",
                    answer | {one: answer[other], other: answer[one]},
                )
    yield f"{where} with a foreign key", answer | {"foreign": 1}
    yield f"{where} values only", list(answer.values())
    yield f"{where} keys only", keys


def _alike(one: Any, other: Any) -> bool:
    from course_utils.exercises.calls import same

    return same(one, other)


def _lists(answer: Any, where: str) -> Iterator[Mutant]:
    kind = type(answer)
    # Of a long list, such as a learning curve, a few items stand for all.
    places = range(len(answer)) if len(answer) <= 20 else (0, 1, len(answer) // 2, len(answer) - 2, len(answer) - 1)
    if len(answer) > 1:
        yield f"{where} reversed", kind(answer[::-1])
        for place in (place for place in places if place < len(answer) - 1):
            pair = (answer[place + 1], answer[place])
            yield f"{where}[{place}] and [{place + 1}] exchanged", kind([*answer[:place], *pair, *answer[place + 2 :]])
    for place in places:
        item = answer[place]
        yield f"{where}[{place}] left out", kind([*answer[:place], *answer[place + 1 :]])
        yield f"{where}[{place}] twice", kind([*answer[:place], item, *answer[place:]])
        for label, other in _parts(item, f"{where}[{place}]"):
            yield label, kind([*answer[:place], other, *answer[place + 1 :]])
    yield f"{where} with a foreign item", kind([*answer, "foreign"])
    if answer:
        yield f"{where} empty", kind()


def _tables(answer: Any, where: str) -> Iterator[Mutant]:
    yield f"{where} without the first row", answer.iloc[1:]
    yield f"{where} with the last row twice", pd.concat([answer, answer.iloc[-1:]])
    yield f"{where} empty", answer.iloc[:0]
    yield f"{where} half", answer.iloc[: len(answer) // 2]
    yield f"{where} as an array", answer.to_numpy()
    if isinstance(answer, pd.DataFrame):
        for name in answer.columns:
            yield f"{where} without column {name}", answer.drop(columns=name)
        if len(answer) <= 20:
            for place in range(len(answer)):
                yield f"{where} without row {place}", answer.drop(index=answer.index[place])


# --------------------------------------------------------------------------- what becomes of them


@dataclasses.dataclass(frozen=True)
class Verdicts:
    """What a check said of the mutants of one exercise: `printed` by label, and the labels it should not accept."""

    number: str
    printed: dict[str, str]

    @property
    def accepted(self) -> list[str]:
        """The labels of all mutants that count as solved."""
        return [label for label, text in self.printed.items() if text.endswith(": solved\n")]

    @property
    def survivors(self) -> list[str]:
        """The labels of those that are solved and not listed as equivalent."""
        known = list(equivalents_of(self.number))
        return [label for label in self.accepted if not any(fnmatch.fnmatchcase(label, one) for one in known)]


def tried(number: str, mutants: list[Mutant]) -> Verdicts:
    """Check mutants of an exercise, and return what was printed for each."""
    from course_utils.exercises import check

    printed = {}
    for label, answer in mutants:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a mutant's own arithmetic
            check(number, answer)
        printed[label] = out.getvalue()
    return Verdicts(number, printed)


def main() -> None:
    """Print the table of exercises, or the hints of one."""
    parser = argparse.ArgumentParser(description="Check wrong answers that are made from right ones.")
    parser.add_argument("numbers", nargs="*", help="exercises such as 04.2; default: all")
    parser.add_argument("--hints", action="store_true", help="print what each mutant was told")
    asked = parser.parse_args()
    from course_utils import tables
    from course_utils.exercises import calls

    calls.PROCESSOR_SECONDS = 0.3
    numbers = asked.numbers or [number for lesson in tables.curriculum() for number in lesson["exercises"]]
    print("exercise  refused  all  equivalent")
    for number in numbers:
        verdicts = tried(number, list(mutants_of(number)))
        total, accepted, survivors = len(verdicts.printed), len(verdicts.accepted), verdicts.survivors
        print(f"{number:8}  {total - accepted:7}  {total:3}  {accepted - len(survivors):10}", flush=True)
        for label in survivors:
            print(f"    accepted: {label}")
        if asked.hints:
            for label, text in verdicts.printed.items():
                print(f"--- {label}\n{text}", end="")


if __name__ == "__main__":
    main()
