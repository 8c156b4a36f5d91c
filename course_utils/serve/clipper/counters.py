"""Counters of the query front end, and their output as Clipper's JSON and as Prometheus' text."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from typing import Any

import orjson

__all__ = ["AnswerStats", "as_clipper", "as_prometheus"]

#: Upper bounds of the latency histogram, in seconds.
_SECONDS = (
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5,
    1.0, 2.0, 5.0,
)  # fmt: skip
#: Upper bounds of the histogram of batch sizes, in rows.
_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
#: Latencies that are kept for Clipper's percentiles.
_RECENT = 4096


class AnswerStats:
    """Counts and latencies of the answers of one model version in one application, or of its batches.

    Attributes
    ----------
    queries, defaults, late : int
        Rows answered; rows answered with the default output; answers discarded because the default had been sent.
    seconds, rows : list of int
        Histograms of latency and rows: how many values fall into each bucket.
    recent : deque of float
        The last latencies, in seconds.
    """

    __slots__ = ("defaults", "late", "queries", "recent", "rows", "seconds", "sum_rows", "sum_seconds")

    def __init__(self) -> None:
        self.queries = self.defaults = self.late = self.sum_rows = 0
        self.sum_seconds = 0.0
        self.seconds = [0] * (len(_SECONDS) + 1)
        self.rows = [0] * (len(_ROWS) + 1)
        self.recent: deque[float] = deque(maxlen=_RECENT)

    def add_answer(self, seconds: float, rows: int) -> None:
        """Count an answer that took so many `seconds` and had so many `rows`."""
        self.queries += rows
        self.sum_rows += rows
        self.sum_seconds += seconds
        self.seconds[bisect_left(_SECONDS, seconds)] += 1
        self.rows[bisect_left(_ROWS, rows)] += 1
        self.recent.append(seconds)

    def add_default(self, seconds: float, rows: int) -> None:
        """Count an answer with the default output; `seconds` and `rows` as for `add_answer`."""
        self.add_answer(seconds, rows)
        self.defaults += rows


def _latency_summary(values: list[float]) -> dict[str, str]:
    """Return size, mean, deviation and percentiles of latencies, in the form of Clipper's histogram."""
    ordered = sorted(values)
    size = len(ordered)
    mean = sum(ordered) / size if size else 0.0
    deviation = (sum((value - mean) ** 2 for value in ordered) / size) ** 0.5 if size else 0.0

    def micros(value: float) -> str:
        return str(round(value * 1e6))

    def quantile(share: float) -> str:
        return micros(ordered[min(size - 1, int(share * size))] if size else 0.0)

    return {
        "unit": "microseconds", "size": str(size), "min": quantile(0), "max": quantile(1), "mean": micros(mean),
        "std_dev": micros(deviation), "p50": quantile(0.5), "p95": quantile(0.95), "p99": quantile(0.99),
    }  # fmt: skip


def as_clipper(front: Any) -> bytes:
    """Return the counters of a query front end (`front`) as JSON, with Clipper's names and structure."""
    counters: list[dict[str, Any]] = []
    ratios: list[dict[str, Any]] = []
    meters: list[dict[str, Any]] = []
    histograms: list[dict[str, Any]] = []
    uptime = max(time.time() - front.started, 1e-9)

    def add(name: str, stats: list[AnswerStats]) -> None:
        queries = sum(one.queries for one in stats)
        counters.append({f"{name}:num_predictions": {"count": str(queries)}})
        meters.append(
            {f"{name}:prediction_throughput": {"unit": "events per second", "rate": f"{queries / uptime:.6g}"}}
        )
        recent = [seconds for one in stats for seconds in one.recent]
        histograms.append({f"{name}:prediction_latency": _latency_summary(recent)})

    for app in front.apps.values():
        stats = list(app.stats.values())
        add(f"app:{app.name}", stats)
        queries, defaults = (sum(getattr(one, what) for one in stats) for what in ("queries", "defaults"))
        ratio = f"{defaults / queries:.6g}" if queries else "0"
        ratios.append({f"app:{app.name}:default_prediction_ratio": {"ratio": ratio}})
        counters.append({f"app:{app.name}:late_predictions": {"count": str(sum(one.late for one in stats))}})
    for (model, version), batches in front.batches.items():
        add(f"model:{model}:{version}", [batches])
    total = sum(one.queries for one in front.batches.values())
    counters.append({"internal:aggregate_num_predictions": {"count": str(total)}})
    return orjson.dumps({"counters": counters, "ratio_counters": ratios, "meters": meters, "histograms": histograms})


class _Collector:
    """A collector of prometheus_client: yields the front end's metrics when they are asked for."""

    def __init__(self, front: Any) -> None:
        self.front = front

    def collect(self) -> Iterator[Any]:
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        def cumulative(bounds: tuple[float, ...], counts: list[int]) -> list[tuple[str, int]]:
            # Prometheus wants the number of values up to each bound.
            total, found = 0, []
            for bound, count in zip((*bounds, float("inf")), counts, strict=True):
                total += count
                found.append(("+Inf" if bound == float("inf") else str(float(bound)), total))
            return found

        labels = ("app", "model", "version")
        queries = CounterMetricFamily("clipper_queries", "Rows answered, default output included", labels=labels)
        defaults = CounterMetricFamily("clipper_defaulted", "Rows answered with the default output", labels=labels)
        late = CounterMetricFamily("clipper_late", "Answers discarded because the default had been sent", labels=labels)
        latency = HistogramMetricFamily("clipper_latency_seconds", "From a query to its answer", labels=labels)
        for app in self.front.apps.values():
            for (model, version), one in app.stats.items():
                names = (app.name, model, version)
                queries.add_metric(names, one.queries)
                defaults.add_metric(names, one.defaults)
                late.add_metric(names, one.late)
                latency.add_metric(names, cumulative(_SECONDS, one.seconds), one.sum_seconds)
        labels = ("model", "version")
        rows = HistogramMetricFamily("clipper_batch_rows", "Rows in a batch for a replica", labels=labels)
        work = HistogramMetricFamily("clipper_batch_seconds", "From a batch to its answers", labels=labels)
        for names, one in self.front.batches.items():
            rows.add_metric(names, cumulative(_ROWS, one.rows), one.sum_rows)
            work.add_metric(names, cumulative(_SECONDS, one.seconds), one.sum_seconds)
        restarts = CounterMetricFamily(
            "clipper_replica_restarts", "Replicas that were restarted after they ended", labels=labels
        )
        replicas = GaugeMetricFamily("clipper_replicas", "Replicas that answer queries", labels=labels)
        for names, count in self.front.restarts.items():
            restarts.add_metric(names, count)
            replicas.add_metric(names, len(self.front.model(names[0]).replicas.get(names[1], ())))
        yield from (queries, defaults, late, latency, rows, work, restarts, replicas)


def as_prometheus(front: Any) -> bytes:
    """Return the counters of a query front end (`front`) in Prometheus' text format."""
    from prometheus_client import generate_latest

    return generate_latest(_Collector(front))
