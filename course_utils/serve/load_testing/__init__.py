"""Load tests for a prediction server on this machine, and a running cluster's replicas and metrics.

Clients, requests and seconds are limited, and only local addresses are accepted. Answers are counted by outcome: in
time, default, failed. How long they take depends on the machine; ``benchmarks/load_picture.py`` makes the tables.
"""

from __future__ import annotations

from course_utils.serve.load_testing.cluster import (
    cluster_name,
    kill_replica,
    read_metrics,
    silence_clipper_logs,
    wait_for_replicas,
)
from course_utils.serve.load_testing.consistency import Clients
from course_utils.serve.load_testing.generator import Result, as_json_texts, concurrent_requests, open_loop_load
from course_utils.serve.load_testing.measurements import (
    child_memory_mb,
    cpu_bound_20_ms,
    io_bound_20_ms,
    littles_law,
    measure_load,
    serve_with_ray,
)
from course_utils.serve.load_testing.provenance import Deployment, find_deployment
from course_utils.serve.load_testing.reference import (
    clipper_deployers,
    clipper_methods,
    serving_today,
    table_or_service,
)

__all__ = [
    "Clients",
    "Deployment",
    "Result",
    "as_json_texts",
    "child_memory_mb",
    "clipper_deployers",
    "clipper_methods",
    "cluster_name",
    "concurrent_requests",
    "cpu_bound_20_ms",
    "find_deployment",
    "io_bound_20_ms",
    "kill_replica",
    "littles_law",
    "measure_load",
    "open_loop_load",
    "read_metrics",
    "serve_with_ray",
    "serving_today",
    "silence_clipper_logs",
    "table_or_service",
    "wait_for_replicas",
]
