"""Clipper's API for a model's own metrics, without a Redis server.

In Clipper, importing `clipper_admin.metrics` starts ``redis-server``, which passes the values to a second process that
Prometheus scrapes. Custom buckets are lost: the client sends them under a name that the other side does not read.
Here the same two functions write to a Prometheus registry in the replica; `install` lets ``import
clipper_admin.metrics`` find them.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prometheus_client.core import Metric

__all__ = ["DEFAULT_BUCKETS", "add_metric", "install", "merge", "render", "report_metric", "uninstall"]

#: Clipper's default buckets, meant for milliseconds.
DEFAULT_BUCKETS = (5, 10, 20, 35, 50, 75, 100, 150, 200, 250, 300, 400, 500, float("inf"))

_MODULES = ("clipper_admin.metrics", "clipper_admin.metrics.client")
#: The method of prometheus_client that reports a value, by type of metric.
_REPORT = {"Gauge": "set", "Counter": "inc", "Histogram": "observe", "Summary": "observe"}
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")

_registry: Any = None
_metrics: dict[str, Any] = {}
_log = logging.getLogger(__name__)


def add_metric(name: str, metric_type: str, description: str, buckets: Sequence[float] = DEFAULT_BUCKETS) -> None:
    """Add a metric to this replica; if it exists already, nothing happens.

    Parameters
    ----------
    name : str
        Letters, digits and '_'. Prometheus shows a counter as ``name_total``.
    metric_type : {'Gauge', 'Counter', 'Histogram', 'Summary'}
        The type of the metric; see Prometheus' documentation.
    description : str
        One line of help text, which Prometheus shows.
    buckets : sequence of float
        Upper bounds of a histogram's buckets, ascending; other types ignore them.

    Raises
    ------
    ClipperException
        There is no such type, or Prometheus does not accept the name or the buckets.
    """
    global _registry
    if metric_type not in _REPORT:
        raise _clipper_exception(f"Metric type needs to be one of {list(_REPORT)}")
    if name in _metrics:
        return
    if not _NAME.fullmatch(name):
        raise _clipper_exception(f"{name!r} cannot name a metric: use letters, digits and _")

    import prometheus_client

    if _registry is None:
        _registry = prometheus_client.CollectorRegistry()
    options = {"buckets": buckets} if metric_type == "Histogram" else {}
    try:
        _metrics[name] = getattr(prometheus_client, metric_type)(name, description, registry=_registry, **options)
    except (ValueError, TypeError) as error:
        raise _clipper_exception(f"{name} cannot be added: {error}") from error


def report_metric(name: str, val: float) -> None:
    """Report a value: add it to a counter, set a gauge to it, or observe it in a histogram or summary.

    A value that Prometheus refuses, such as a negative one for a counter, is logged and ignored: a wrong metric must
    not make a prediction fail.

    Parameters
    ----------
    name : str
        The name of a metric, as for `add_metric`.
    val : float
        The value, or anything that ``float`` accepts.

    Raises
    ------
    ClipperException
        The metric has not been added.
    """
    if name not in _metrics:
        raise _clipper_exception(f"{name} has not been added. Please use clipper_admin.metrics.add_metric to add it")
    metric = _metrics[name]
    try:
        getattr(metric, _REPORT[type(metric).__name__])(float(val))
    except ValueError as error:
        _log.error("%s was not reported to %s: %s", val, name, error)


def _clipper_exception(text: str) -> Exception:
    """Return the type of error that Clipper's own client raises."""
    from clipper_admin.exceptions import ClipperException

    return ClipperException(text)


def render() -> bytes:
    """Return the metrics of this process in Prometheus' text format; empty if none was added."""
    if _registry is None:
        return b""
    from prometheus_client import generate_latest

    return generate_latest(_Collector(list(_registry.collect())))


def merge(pages: Iterable[tuple[Mapping[str, str], bytes]]) -> bytes:
    """Return the metrics of several replicas as one page in Prometheus' text format, with labels for each replica.

    If replicas disagree about the type of a metric, the first type counts, and values of another type are dropped.

    Parameters
    ----------
    pages : iterable of (mapping of str to str, bytes)
        For each replica, the labels to add (such as model, version and replica) and the page from `render`.
    """
    from prometheus_client import generate_latest
    from prometheus_client.parser import text_string_to_metric_families

    families: dict[str, Metric] = {}
    for labels, page in pages:
        for family in text_string_to_metric_families(page.decode()):
            samples = [sample._replace(labels={**sample.labels, **labels}) for sample in family.samples]
            kept = families.setdefault(family.name, family)
            if kept is family:
                kept.samples = samples
            elif kept.type == family.type:
                kept.samples += samples
    return generate_latest(_Collector(list(families.values())))


@dataclass(frozen=True)
class _Collector:
    """A collector of prometheus_client that leaves out creation times: they would differ in each run."""

    metrics: list[Metric]

    def collect(self) -> Iterator[Metric]:
        for metric in self.metrics:
            metric.samples = [sample for sample in metric.samples if sample.name != f"{metric.name}_created"]
            yield metric


# --------------------------------------------------------------------------- in place of Clipper's module


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """An import hook: ``import clipper_admin.metrics`` finds the functions of this module."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname in _MODULES:
            return importlib.machinery.ModuleSpec(fullname, self, is_package=fullname == _MODULES[0])
        spec = importlib.machinery.PathFinder.find_spec(fullname) if fullname == "clipper_admin" else None
        if spec is not None and spec.loader is not None:
            spec.loader = _LazyLoader(spec.loader)
        return spec

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__.update(
            __doc__=__doc__, add_metric=add_metric, report_metric=report_metric, DEFAULT_BUCKETS=DEFAULT_BUCKETS
        )


@dataclass(frozen=True)
class _LazyLoader(importlib.abc.Loader):
    """A loader that runs the package clipper_admin only when one of its names is used.

    The package imports the clients of Docker and Kubernetes, which takes half a second; without this, the first query
    to a replica would wait for it.
    """

    loader: Any

    def exec_module(self, module: ModuleType) -> None:
        def load(name: str) -> Any:
            if module.__dict__.pop("__getattr__", None) is not None:
                self.loader.exec_module(module)
            return object.__getattribute__(module, name)

        module.__dict__["__getattr__"] = load


_FINDER = _Finder()


def install() -> None:
    """Let ``import clipper_admin.metrics`` find these functions; modules that were imported before do not change."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


def uninstall() -> None:
    """Let ``import clipper_admin.metrics`` find Clipper's own module again."""
    if _FINDER in sys.meta_path:
        sys.meta_path.remove(_FINDER)
        for name in _MODULES:
            module = sys.modules.get(name)
            if module is not None and module.__spec__ is not None and module.__spec__.loader is _FINDER:
                del sys.modules[name]
