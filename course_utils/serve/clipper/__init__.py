"""Clipper on a laptop: the unmodified client ``clipper_admin`` runs a cluster as processes instead of containers.

>>> from clipper_admin import ClipperConnection                        # doctest: +SKIP
>>> from course_utils.serve.clipper import LocalContainerManager             # doctest: +SKIP
>>> clipper = ClipperConnection(LocalContainerManager())               # doctest: +SKIP

::

    notebook ── LocalContainerManager                    manager.py
       │  a pipe: when it breaks, everything stops
       └─ supervisor                                     supervisor.py
            ├─ management front end ── state.json        management.py, state.py
            ├─ query front end                           frontend.py, counters.py
            └─ zygote                                    replicas.py
                 ├─ replica  my-model:1  0
                 └─ replica  my-model:1  1

The two front ends speak HTTP (web.py); the processes talk to each other over Unix sockets (wire.py) in a folder that
only their user may enter. queries.py parses queries, images.py and docker_shim.py build models, user_metrics.py holds a
model's own metrics. `LocalContainerManager` is imported on first use: `clipper_admin` takes a second to import, and the
other processes do not need it.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    if name == "LocalContainerManager":
        from course_utils.serve.clipper.manager import LocalContainerManager

        return LocalContainerManager
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
