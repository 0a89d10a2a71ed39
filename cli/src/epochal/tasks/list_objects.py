"""Lists TrainingJobs, Experiments and ModelServers in the formats of `kubectl get`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from epochal.client.cluster import Cluster
from epochal.client.kinds import Kind
from epochal.client.references import reference
from epochal.views.columns import columns
from epochal.views.selection import in_states, sorted_by_metric
from epochal.views.table import table


class ListOptions(NamedTuple):
    """Which objects `epochal list` prints, and in which order.

    Args:
        kinds: The kinds to list.
        states: The states to list; an empty set for all states.
        selector: Label selector of the objects; "" for all objects.
        metric: The metric to sort by; "" to sort by name.
        reverse: Whether to reverse the order.
        all_namespaces: Whether to list objects of all namespaces, instead of one namespace.
    """

    kinds: Sequence[Kind]
    states: set[str]
    selector: str = ""
    metric: str = ""
    reverse: bool = False
    all_namespaces: bool = False


def list_as_text(cluster: Cluster, options: ListOptions, output: str) -> Iterator[str]:
    """Yield the objects as text: a table for each kind, one document for all, or a line for each name.

    If there are no objects, it warns the user, except for json and yaml.

    Args:
        cluster: The cluster.
        options: The objects to print, and their order.
        output: The format: table, wide, json, yaml or name.
    """
    found = {kind: _objects(cluster, options, kind) for kind in options.kinds}
    if not any(found.values()) and output not in {"json", "yaml"}:
        place = "the cluster" if options.all_namespaces else f"namespace {cluster.namespace}"
        states = f" in state {' or '.join(sorted(options.states))}" if options.states else ""
        cluster.environment.warn(f"No {' or '.join(kind.plural for kind in options.kinds)}{states} in {place}.")
    elif output == "name":
        yield from (reference(kind, each["metadata"]["name"]) for kind, objects in found.items() for each in objects)
    elif output in {"json", "yaml"}:
        yield _document([each for objects in found.values() for each in objects], output)
    else:
        yield "\n\n".join(
            _table(cluster, options, kind, objects, wide=output == "wide") for kind, objects in found.items() if objects
        )


def _objects(cluster: Cluster, options: ListOptions, kind: Kind) -> list[Mapping[str, Any]]:
    listed = cluster.list(kind, all_namespaces=options.all_namespaces, selector=options.selector)
    objects = in_states(listed, options.states)
    if options.metric:
        return sorted_by_metric(objects, options.metric, reverse=options.reverse)
    return objects[::-1] if options.reverse else objects


def _table(
    cluster: Cluster, options: ListOptions, kind: Kind, objects: Sequence[Mapping[str, Any]], *, wide: bool
) -> str:
    shown = columns(kind, namespaces=options.all_namespaces, wide=wide, metric=options.metric)
    now = cluster.environment.now()
    return table(
        [column.header for column in shown], ([column.text(each, now) for column in shown] for each in objects)
    )


def _document(objects: Sequence[Mapping[str, Any]], output: str) -> str:
    """Return objects as one List in JSON or YAML, as `kubectl get` prints it. Control characters are escaped."""
    items = [
        {**each, "metadata": {key: value for key, value in each["metadata"].items() if key != "managedFields"}}
        for each in objects
    ]
    document = {"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items}
    if output == "json":
        return json.dumps(document, indent=2)
    import yaml  # noqa: PLC0415 - the other formats need none
    from epochal_api.documents import Dumper  # noqa: PLC0415

    return str(yaml.dump(document, Dumper=Dumper, sort_keys=False)).rstrip()
