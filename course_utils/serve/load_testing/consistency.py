"""Clients that check."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from course_utils.errors import CourseError

if TYPE_CHECKING:
    from types import TracebackType

from course_utils.serve.load_testing.client import (
    MOST_CLIENTS,
    MOST_REQUESTS,
    MOST_SECONDS,
    Connection,
    check_bounds,
    check_local,
    outcome_of,
    request_body,
)

__all__ = [
    "Clients",
]


@dataclass
class _Asked:
    """One question of `Clients`: when it was asked and answered, and of which kind the answer was."""

    start: float
    end: float
    kind: str


@dataclass
class Clients:
    """Clients that ask again and again while you change something, and hold every answer to account.

    Each question is about all of `inputs` at once, so that an answer made of two versions would be seen. Use it in a
    ``with`` block, and say with `now` which version has to answer from there on; `table` says what came of it.

    Attributes
    ----------
    address, app : str
        Of the cluster, as ``get_query_addr()`` returns it, and the application.
    inputs : sequence of str
    versions : mapping of str to sequence of float
        What each version answers to `inputs`, bit for bit.
    clients : int
        How many ask at the same time.

    Raises
    ------
    UsageError
        The address is not of this machine, or there are too many clients.
    """

    address: str
    app: str
    inputs: Sequence[str]
    versions: Mapping[str, Sequence[float]]
    clients: int = 2
    _asked: list[_Asked] = field(default_factory=list, repr=False)
    _phases: list[tuple[str, str, float, float]] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        check_local(self.address)
        check_bounds("clients", self.clients, MOST_CLIENTS)
        self._known = {str(name): [float(score) for score in scores] for name, scores in self.versions.items()}
        self._done, self._changed = threading.Event(), threading.Condition()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Clients:
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        line, body = Connection(self.address, self.app), request_body(list(self.inputs))
        # Bounded, should nobody ever leave the block.
        end = time.monotonic() + 5 * MOST_SECONDS
        while not self._done.is_set() and time.monotonic() < end and len(self._asked) < MOST_REQUESTS:
            start = time.monotonic()
            kind = self._kind(line.ask(body))
            with self._changed:
                self._asked.append(_Asked(start, time.monotonic(), kind))
                self._changed.notify_all()
            time.sleep(0.002)  # leave the processor to the server
        line.close()

    def _kind(self, answer: Any) -> str:
        """Return the version that gave an answer, or what else it was."""
        outcome = outcome_of(answer)
        if outcome != "in time":
            return outcome
        outputs = [one["output"] for one in answer.get("batch_predictions", [answer])]
        for version, scores in self._known.items():
            if outputs == scores:
                return version
        pairs = zip(outputs, zip(*self._known.values(), strict=True), strict=False)
        whole = len(outputs) == len(self.inputs)
        return "mixed" if whole and all(output in scores for output, scores in pairs) else "other"

    def now(self, what: str, version: str, *, questions: int = 20, seconds: float = 60) -> None:
        """Wait until some more questions were asked and answered, all of which have to be the work of one version.

        Parameters
        ----------
        what : str
            Name of this phase, for the table.
        version : str
            Which one has to answer; or 'other', if the answers should be nobody's.
        questions : int
            How many to wait for.
        seconds : float
            How long to wait at most.

        Raises
        ------
        CourseError
            So many answers did not come in that time.
        """
        start = time.monotonic()

        def answered() -> bool:
            return sum(one.start >= start for one in self._asked) >= questions

        with self._changed:
            if not self._changed.wait_for(answered, timeout=seconds):
                raise CourseError(
                    f"fewer than {questions} answers in {seconds:g} seconds", fix="see whether the cluster still runs"
                )
            self._phases.append((what, str(version), start, time.monotonic()))

    def table(self) -> pd.DataFrame:
        """Say of each phase who answered, and how many answers were not as they had to be.

        A question that was under way while something changed may have been answered by the version before or after.

        Returns
        -------
        DataFrame, one row a phase and one for the time between them
            'answers of' (versions), and counts: 'stale' (of a version that should no longer answer), 'mixed' (of
            several versions at once), 'other' (of none of them), 'default' and 'failed'.
        """
        rows, inside = {}, set()
        for what, version, start, end in self._phases:
            own = [place for place, one in enumerate(self._asked) if one.start >= start and one.end <= end]
            inside.update(own)
            rows[what] = self._row([self._asked[place].kind for place in own], version)
        between = [one.kind for place, one in enumerate(self._asked) if place not in inside]
        rows["in between"] = self._row(between, None)
        return pd.DataFrame(rows).T.rename_axis("phase")

    def _row(self, kinds: Sequence[str], version: str | None) -> dict[str, Any]:
        seen = [name for name in self._known if name in kinds]
        stale = 0 if version is None else sum(kind in self._known and kind != version for kind in kinds)
        counts = {kind: kinds.count(kind) for kind in ("mixed", "other", "default", "failed")}
        return {"answers of": " and ".join(f"version {name}" for name in seen), "stale": stale, **counts}

    @property
    def seconds_wrong(self) -> float:
        """Seconds from the first answer that was nobody's until the first after the last one; 0 if there was none."""
        ends = sorted((one.end, one.kind) for one in self._asked)
        wrong = [place for place, (_, kind) in enumerate(ends) if kind in ("other", "mixed")]
        if not wrong:
            return 0.0
        return ends[min(wrong[-1] + 1, len(ends) - 1)][0] - ends[wrong[0]][0]
