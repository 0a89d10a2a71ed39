"""Builds the detail page of a run from its object, its Events and its pods in the API server."""

from datetime import UTC, datetime
from typing import Any

from epochal.client.cluster import Cluster
from epochal.client.failures import FORBIDDEN, ApiError
from epochal.client.kinds import PODS, TRAINING_JOBS, Kind
from epochal.client.object_client import Objects
from epochal.runs.logs import pod_selector
from epochal.views import history
from epochal_api.text import printable

from epochal_studio.runs.document import as_yaml, plain
from epochal_studio.runs.layers import layers, spec_of
from epochal_studio.runs.rights import permissions
from epochal_studio.runs.summary import summary
from epochal_studio.runs.timeline import timeline
from epochal_studio.runs.values import mapping, readable, text
from epochal_studio.wire.common import Problem
from epochal_studio.wire.runs import Entry, RunDetail

MAX_ENTRIES = 200
MAX_EVENTS = 500
"""Maximum Events that are read. The cluster keeps Events for an hour."""
MAX_PODS = 50
_MAX_MESSAGE = 4000


def read_detail(cluster: Cluster, kind: Kind, namespace: str, name: str) -> RunDetail:
    """Read a run, and return its summary, YAML, history, timeline, layers, and the permissions of the user.

    Args:
        cluster: The client of the cluster with the user's token.
        kind: Kind of the run.
        namespace: Namespace of the run.
        name: Name of the run.
    """
    return detail(cluster, kind, cluster.get(kind, name, namespace), namespace)


def detail(cluster: Cluster, kind: Kind, found: dict[str, Any], namespace: str) -> RunDetail:
    """Return the summary, YAML, history, timeline, layers and permissions of a run from its object."""
    now = datetime.now(UTC)
    events, problem = _events(cluster, kind, found, namespace)
    run = readable(found)
    past = history.entries(run.document(), events)
    return RunDetail(
        summary=summary(found, now),
        object=plain(found),
        yaml=as_yaml(found),
        permissions=permissions(cluster, kind, found, namespace),
        entries=[
            Entry(
                time=entry.time,
                type=text(entry.type),
                reason=text(entry.reason),
                message=printable(entry.message[:_MAX_MESSAGE], instead=" "),
                count=max(1, entry.times),
            )
            for entry in past[:MAX_ENTRIES]
        ],
        entries_problem=problem,
        timeline=timeline(found, past, _pods(cluster, kind, found, namespace), now),
        layers=layers(spec_of(run.kind, run.spec)),
    )


def changed_detail(found: dict[str, Any], problem: Problem) -> RunDetail:
    """Return the detail of a run after a change, without Events, pods and YAML, because these cannot be read.

    Args:
        found: The run, from the API server's answer to the change.
        problem: Why the rest cannot be read.
    """
    now = datetime.now(UTC)
    return RunDetail(
        summary=summary(found, now),
        object=plain(found),
        yaml="# Studio could not read the whole run after its change: load this page again.\n",
        permissions=["suspend", "resume", "finish"],
        entries=[],
        entries_problem=problem,
        timeline=timeline(found, [], [], now),
        layers=[],
    )


def _events(
    cluster: Cluster, kind: Kind, found: dict[str, Any], namespace: str
) -> tuple[list[dict[str, Any]], Problem | None]:
    """Return the Events of a run, and None; or no Events, and a Problem if the user may not list Events."""
    try:
        return cluster.events(kind.name, found["metadata"]["name"], namespace, most=MAX_EVENTS), None
    except ApiError as error:
        if error.status != FORBIDDEN:
            raise
        message = "You may not list Events in this namespace, so the history shows only conditions."
        remedy = "Ask an administrator for the right to list events.events.k8s.io."
        return [], Problem(reason="Forbidden", message=message, remedy=remedy)


def _pods(cluster: Cluster, kind: Kind, found: dict[str, Any], namespace: str) -> Objects:
    """Return the pods of a TrainingJob, for the timeline; none for other kinds, or if the pods cannot be listed."""
    metadata = mapping(found.get("metadata"))
    if kind != TRAINING_JOBS:
        return []
    selector = pod_selector(text(metadata.get("name")), text(metadata.get("uid")))
    try:
        return cluster.list(PODS, namespace=namespace, selector=selector, most=MAX_PODS)
    except ApiError:
        return []
