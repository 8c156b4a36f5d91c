"""Clients that send requests while you update, roll back or kill something, and check which version answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pandas as pd

from course_utils.errors import CourseError
from course_utils.serve.load_testing.client import (
    MAX_CLIENTS,
    MAX_REQUESTS,
    MAX_SECONDS,
    Connection,
    check_bounds,
    check_local,
    outcome_of,
    request_body,
)
from course_utils.serve.load_testing.provenance import Deployment, find_deployment, seal
from course_utils.wording import counted

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["Clients"]

#: A client stops after this many seconds, even if no one leaves the ``with`` block.
_LONGEST = 5 * MAX_SECONDS
#: Seconds between two requests of a client, to leave the processor to the server.
_PAUSE = 0.002


@dataclass
class _Answered:
    """One request of `Clients`: when it was sent and answered, and which version (or other kind) the answer was."""

    start: float
    end: float
    kind: str


@dataclass
class Clients:
    """Clients that send requests continuously, and check that each answer comes from the expected version.

    Each request holds all of `inputs`, so that an answer mixed from two versions is noticed. Use it in a ``with``
    block, call `now` after each change with the version that must answer from then on, and read `table` at the end.

    Attributes
    ----------
    address : str
        Query address of a local cluster, as ``get_query_addr()`` returns it.
    app : str
        Name of the application that answers, as it was registered.
    inputs : sequence of str
        Texts of each request.
    versions : mapping of str to sequence of float
        The exact outputs of each version for `inputs`, in order.
    clients : int
        Number of clients, from 1 to 64.

    Raises
    ------
    UsageError
        The address is not on this machine, or there are too many clients.
    """

    address: str
    app: str
    inputs: Sequence[str]
    versions: Mapping[str, Sequence[float]]
    clients: int = 2
    _answered: list[_Answered] = field(default_factory=list, repr=False)
    _phases: list[tuple[str, str, float, float]] = field(default_factory=list, repr=False)
    _deployed: list[Deployment | None] = field(default_factory=list, repr=False)
    _seal: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        check_local(self.address)
        check_bounds("clients", self.clients, MAX_CLIENTS)
        self._known = {str(name): [float(score) for score in scores] for name, scores in self.versions.items()}
        self._done, self._changed = threading.Event(), threading.Condition()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Clients:
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(self.clients)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
        self._seal = self._sealed()

    @property
    def as_recorded(self) -> bool:
        """Whether the ``with`` block has ended, and nothing of the record was changed by hand since."""
        return self._seal == self._sealed()

    @property
    def deployed(self) -> list[Deployment | None]:
        """What answered the application in each phase of `now`, as the cluster had it; None without a local cluster."""
        return list(self._deployed)

    def _sealed(self) -> str:
        asked = (self.address, self.app, list(self.inputs), self.clients)
        return seal(asked, self._known, self._answered, self._phases, self._deployed)

    def _send(self) -> None:
        connection, body = Connection(self.address, self.app), request_body(list(self.inputs))
        end = time.monotonic() + _LONGEST
        while not self._done.is_set() and time.monotonic() < end and len(self._answered) < MAX_REQUESTS:
            start = time.monotonic()
            kind = self._kind(connection.predict(body))
            with self._changed:
                self._answered.append(_Answered(start, time.monotonic(), kind))
                self._changed.notify_all()
            time.sleep(_PAUSE)
        connection.close()

    def _kind(self, answer: Any) -> str:
        """Return the version that gave an answer, or 'mixed', 'other', 'default' or 'failed'."""
        outcome = outcome_of(answer)
        if outcome != "in time":
            return outcome
        outputs = [one["output"] for one in answer.get("batch_predictions", [answer])]
        for version, scores in self._known.items():
            if outputs == scores:
                return version
        pairs = zip(outputs, zip(*self._known.values(), strict=True), strict=False)
        complete = len(outputs) == len(self.inputs)
        return "mixed" if complete and all(output in scores for output, scores in pairs) else "other"

    def now(self, what: str, version: str, *, requests: int = 20, seconds: float = 60) -> None:
        """Wait for more requests to be sent and answered, all of which must come from one version.

        Parameters
        ----------
        what : str
            Name of this phase, for the table.
        version : str
            The version that must answer from now on, or 'other' if no known version should answer.
        requests : int
            How many answers to wait for.
        seconds : float
            How long to wait at most.

        Raises
        ------
        CourseError
            There were fewer answers in that time.
        """
        start = time.monotonic()

        def complete() -> bool:
            return sum(one.start >= start for one in self._answered) >= requests

        with self._changed:
            if not self._changed.wait_for(complete, timeout=seconds):
                raise CourseError(
                    f"fewer than {counted(requests, 'answer')} in {counted(seconds, 'second')}",
                    fix="check with connection.get_clipper_logs() whether the cluster is still running",
                )
            self._phases.append((what, str(version), start, time.monotonic()))
        self._deployed.append(find_deployment(self.address, self.app))

    def table(self) -> pd.DataFrame:
        """Return, for each phase, which versions answered and how many answers were wrong.

        A request that was in flight during a change belongs to 'in between': the old or the new version may answer it.

        Returns
        -------
        DataFrame, one row per phase, and 'in between' for the time between them
            'answers of' (versions), and numbers of answers: 'stale' (from a version that should no longer answer),
            'mixed' (from several versions at once), 'other' (from no known version), 'default' and 'failed'.
        """
        rows, inside = {}, set()
        for what, version, start, end in self._phases:
            own = [place for place, one in enumerate(self._answered) if one.start >= start and one.end <= end]
            inside.update(own)
            rows[what] = self._row([self._answered[place].kind for place in own], version)
        between = [one.kind for place, one in enumerate(self._answered) if place not in inside]
        rows["in between"] = self._row(between, None)
        return pd.DataFrame(rows).T.rename_axis("phase")

    def _row(self, kinds: Sequence[str], version: str | None) -> dict[str, Any]:
        seen = [name for name in self._known if name in kinds]
        stale = 0 if version is None else sum(kind in self._known and kind != version for kind in kinds)
        counts = {kind: kinds.count(kind) for kind in ("mixed", "other", "default", "failed")}
        return {"answers of": " and ".join(f"version {name}" for name in seen), "stale": stale, **counts}

    @property
    def seconds_wrong(self) -> float:
        """Seconds from the first answer that no version gives to the first correct one after the last; 0 if none."""
        ends = sorted((one.end, one.kind) for one in self._answered)
        wrong = [place for place, (_, kind) in enumerate(ends) if kind in ("other", "mixed")]
        if not wrong:
            return 0.0
        return ends[min(wrong[-1] + 1, len(ends) - 1)][0] - ends[wrong[0]][0]
