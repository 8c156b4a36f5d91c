"""How lessons went, and the files that keep it: the seconds of the last runs, and JUnit's XML."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

#: Seconds of the last runs, by data set, folder and lesson: what the progress display expects.
TIMES = "times.json"


@dataclass
class Outcome:
    """How one lesson went.

    Attributes
    ----------
    slug : str
        ``12_static_training``.
    state : str
        'waiting', 'running', 'passed', 'failed' or 'skipped'.
    seconds : float
        Wall time, the kernel's start included.
    peak_bytes : int
        Most memory of the kernel and what it started.
    cell, cells : int
        The cell at work (the last one at the end), counted from 1 with text cells, and how many there are.
    reason : str
        Why it was skipped.
    failure : dict, optional
        'cell', 'prompt' (the number in brackets), 'source' and 'error' (lines).
    expected : float, optional
        Seconds of the last run.
    result : Path, optional
        The executed notebook.
    """

    slug: str
    state: str = "waiting"
    seconds: float = 0.0
    peak_bytes: int = 0
    cell: int = 0
    cells: int = 0
    reason: str = ""
    failure: dict[str, Any] | None = None
    expected: float | None = None
    result: Path | None = None

    @property
    def peak(self) -> str:
        """Peak memory for people."""
        return f"{self.peak_bytes / 2**20:,.0f} MiB" if self.peak_bytes else ""


def failed(outcomes: Sequence[Outcome]) -> bool:
    """Say whether any lesson failed."""
    return any(outcome.state == "failed" for outcome in outcomes)


def read_times(times: Path) -> dict[str, dict[str, float]]:
    """Read the seconds of earlier runs, by data set and folder, then by lesson; empty where there are none."""
    try:
        return json.loads(times.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # expected times are a convenience: none is no reason to stop


def write_times(times: Path, key: str, outcomes: Sequence[Outcome]) -> None:
    """Keep the seconds of the lessons that passed, and of the other lessons what was known before."""
    known = read_times(times)
    new = {outcome.slug: round(outcome.seconds, 1) for outcome in outcomes if outcome.state == "passed"}
    known[key] = known.get(key, {}) | new
    _write(times, json.dumps(known, indent=1, sort_keys=True))


def write_junit(path: Path, outcomes: Sequence[Outcome], name: str) -> None:
    """Write a JUnit file with each lesson's result, time, peak memory and failing cell."""
    suite = ElementTree.Element("testsuite", name=f"lessons {name}", tests=str(len(outcomes)), errors="0")
    for state, attribute in (("failed", "failures"), ("skipped", "skipped")):
        suite.set(attribute, str(sum(outcome.state == state for outcome in outcomes)))
    suite.set("time", f"{sum(outcome.seconds for outcome in outcomes):.1f}")
    for outcome in outcomes:
        case = ElementTree.SubElement(
            suite, "testcase", classname=name.replace("/", "."), name=outcome.slug, time=f"{outcome.seconds:.1f}"
        )
        if outcome.peak_bytes:
            properties = ElementTree.SubElement(case, "properties")
            ElementTree.SubElement(properties, "property", name="peak_mib", value=f"{outcome.peak_bytes / 2**20:.0f}")
        if outcome.state == "skipped":
            ElementTree.SubElement(case, "skipped", message=outcome.reason)
        if outcome.failure:
            error = [_printable(line) for line in outcome.failure["error"]]
            node = ElementTree.SubElement(
                case, "failure", message=f"cell {outcome.failure['cell']}: {error[0] if error else ''}"
            )
            node.text = _printable(outcome.failure["source"]) + "\n\n" + "\n".join(error)
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    _write(path, ElementTree.tostring(suites, encoding="unicode", xml_declaration=True))


def _printable(text: str) -> str:
    """Drop what XML cannot hold, such as the escape codes of coloured tracebacks."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return "".join(character for character in plain if character >= " " or character in "\t\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
        file.write(text)
    Path(file.name).replace(path)
