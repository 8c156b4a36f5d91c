"""A cluster without processes: it refuses and accepts what a cluster does, and remembers what answered meanwhile."""

from __future__ import annotations

import os
import warnings

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of a package without a maintainer
    from clipper_admin import ClipperConnection, ClipperException

    from course_utils.serve.clipper import LocalContainerManager
    from course_utils.serve.clipper.rehearsal import Refusal, Rehearsal, Serving

NOOP = "clipper/noop-container:0.4.1"
CALLS = [
    ("deploy_model", "delays", 1, "strings", NOOP),
    ("deploy_model", "delays", 2, "doubles", NOOP),
    ("deploy_model", "delays", 2, "strings", "no-such-image:1"),
    ("deploy_model", "other", 1, "strings", NOOP),
    ("link_model_to_app", "app", "other"),
    ("link_model_to_app", "app", "nothing"),
    ("set_model_version", "delays", "7"),
    ("deploy_model", "delays", 2, "strings", NOOP),
    ("get_current_model_version", "delays"),
    ("set_model_version", "delays", "1", 2),
    ("get_num_replicas", "delays", "1"),
    ("set_num_replicas", "delays", -1),
    ("register_application", "app", "strings", "0", 100),
    ("unlink_model_from_app", "app", "other"),
    ("stop_inactive_model_versions", ["delays"]),
    ("get_all_models",),
    ("unlink_model_from_app", "app", "delays"),
    ("get_linked_models", "app"),
]


def answers(connection):
    """Make all calls, and return what each returned or with which error it was refused."""
    found = []
    for name, *given in CALLS:
        try:
            found.append(getattr(connection, name)(*given))
        except ClipperException as error:
            found.append(f"refused: {error}")
    return found


@pytest.mark.slow
def test_a_cluster_without_processes_answers_as_a_cluster_does():
    """Whatever I call, the client gets the same answer or the same error from both."""
    name = f"rehearsed-{os.getpid()}"
    real = ClipperConnection(LocalContainerManager(name, clipper_query_port=0, clipper_management_port=0))
    real.start_clipper()
    try:
        real.register_application("app", "strings", "0", 100_000)
        real.deploy_model("delays", 1, "strings", NOOP)
        real.link_model_to_app("app", "delays")
        expected = answers(real)
    finally:
        real.stop_all()
    with Rehearsal("app", {"delays": ["1"]}) as cluster:
        assert answers(cluster.connection) == expected
    assert sum(str(one).startswith("refused") for one in expected) == 9


def test_what_answered_after_each_call_is_remembered():
    """I see after which call an application had no model, or none that could answer."""
    with Rehearsal("app", {"delays": ["1"]}) as cluster:
        cluster.connection.deploy_model("delays", 2, "strings", NOOP, num_replicas=0)
        cluster.connection.set_model_version("delays", "1")
        cluster.connection.unlink_model_from_app("app", "delays")
        with pytest.raises(ClipperException):
            cluster.connection.set_model_version("delays", "9")
        with pytest.raises(ClipperException):
            cluster.connection.get_query_addr()
    assert cluster.history == [
        Serving("add_model", "delays", "2", 0),
        Serving("set_model_version", "delays", "1", 1),
        Serving("delete_model_links", "", "", 0),
    ]
    assert [refused.call for refused in cluster.refusals] == ["set_model_version", "get_query_addr"]
    assert isinstance(cluster.refusals[0], Refusal) and "9" in cluster.refusals[0].message
    assert not cluster.folder.exists()
