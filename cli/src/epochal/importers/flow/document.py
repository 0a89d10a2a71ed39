"""Reads the nodes and links of a flow, and sorts the nodes so that each node is after its sources."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from epochal_api.trainingjob.network import MAX_LAYERS

from epochal.errors import EpochalError
from epochal.importers.draft import label_of
from epochal.importers.reading import mapping, shown

_MAX_NODES = MAX_LAYERS + 100
"""Maximum number of nodes of a file, which is refused if it has more: MAX_LAYERS layers, and 100 nodes for data,
losses, metrics and the optimizer."""
_MAX_LINKS = 64 * MAX_LAYERS
_MAX_CYCLE = 8
"""Maximum number of nodes of a cycle that a message names."""


class Node(NamedTuple):
    """A node of a flow: a layer, data, a loss, a metric or an optimizer.

    Args:
        id: Its id, to which links refer.
        op: Its operation, such as core.dense.
        name: Its label in the user interface.
        parameters: Its parameters, as in the file.
        sources: The ids of the nodes whose outputs are its inputs, in the order of its links.
    """

    id: str
    op: str
    name: str
    parameters: Mapping[str, Any]
    sources: Sequence[str]

    @property
    def label(self) -> str:
        """Label and id of the node, for messages."""
        return label_of("node", self.name, self.id)

    @property
    def category(self) -> str:
        """The part of the operation before the first dot, such as loss or input."""
        return self.op.partition(".")[0].lower()


class Flow(NamedTuple):
    """A flow of the Neural Network Modeler, sorted.

    Args:
        name: Its name; "" if it has none.
        nodes: The nodes by their ids, each node after its sources.
    """

    name: str
    nodes: Mapping[str, Node]


def read_flow(document: Any) -> Flow:
    """Return the flow in a parsed .nnd document (pipeline-flow schema).

    Raises:
        EpochalError: If the document has no primary pipeline, or too many nodes or links; or if a node is invalid, has
            a link to a missing node, or is in a cycle.
    """
    pipeline = _primary_pipeline(document)
    found = pipeline.get("nodes")
    if not isinstance(found, list) or not found:
        raise EpochalError("the primary pipeline must have a list of nodes, found none")
    nodes: dict[str, Node] = {}
    for index, value in enumerate(found):
        node = _read_node(index, value)
        if index >= _MAX_NODES:
            limit = f"the file has {len(found):,} nodes, but a network has at most {MAX_LAYERS:,} layers"
            raise EpochalError(f"{node.label}: {limit}")
        if node.id in nodes:
            same = f"{node.label}: another node, {nodes[node.id].label}, has the same id"
            raise EpochalError(same, "Give each node an id of its own.")
        nodes[node.id] = node
    for node in nodes.values():
        missing = next((source for source in node.sources if source not in nodes), None)
        if missing is not None:
            raise EpochalError(f"{node.label}: a link of its inputs refers to {shown(missing)}, which is no node")
    if sum(len(node.sources) for node in nodes.values()) > _MAX_LINKS:
        raise EpochalError(f"the flow has more than {_MAX_LINKS:,} links")
    return Flow(_name(document, pipeline), sort(nodes))


def sort(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """Return the nodes in topological order: each node after its sources. A chain of nodes stays together.

    Raises:
        EpochalError: If some nodes are in a cycle.
    """
    missing = {identity: len(set(node.sources)) for identity, node in nodes.items()}
    targets: dict[str, list[str]] = {identity: [] for identity in nodes}
    for identity, node in nodes.items():
        for source in dict.fromkeys(node.sources):
            targets[source].append(identity)
    # The last ready node is taken first, so that a branch is followed to its end.
    ready = [identity for identity in reversed(list(nodes)) if not missing[identity]]
    result: dict[str, Node] = {}
    while ready:
        identity = ready.pop()
        result[identity] = nodes[identity]
        for target in reversed(targets[identity]):
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    if len(result) < len(nodes):
        cycle = _cycle(nodes, {identity for identity in nodes if identity not in result})
        labels = " -> ".join(nodes[identity].label for identity in cycle[:_MAX_CYCLE])
        more = f" -> and {len(cycle) - _MAX_CYCLE} more" if len(cycle) > _MAX_CYCLE else ""
        raise EpochalError(f"the links are a cycle: {labels}{more}", "Remove one of these links.")
    return result


def _cycle(nodes: Mapping[str, Node], rest: set[str]) -> list[str]:
    """Return the ids of the nodes of a cycle. Each node in `rest` has a source in `rest`, so there is a cycle."""
    path: dict[str, None] = {}
    identity = next(iter(sorted(rest)))
    while identity not in path:
        path[identity] = None
        identity = next(source for source in nodes[identity].sources if source in rest)
    ids = list(path)
    return ids[ids.index(identity) :][::-1]


def _primary_pipeline(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise EpochalError(f"a flow must be a mapping, found {type(document).__name__}")
    primary, pipelines = document.get("primary_pipeline"), document.get("pipelines")
    if not isinstance(primary, str):
        raise EpochalError(f"primary_pipeline must be the id of a pipeline, found {shown(primary)}")
    if not isinstance(pipelines, list):
        raise EpochalError(f"pipelines must be a list, found {type(pipelines).__name__}")
    for pipeline in pipelines:
        if isinstance(pipeline, Mapping) and pipeline.get("id") == primary:
            return pipeline
    raise EpochalError(f"primary_pipeline is {shown(primary)}, but no pipeline of the file has this id")


def _name(document: Mapping[str, Any], pipeline: Mapping[str, Any]) -> str:
    """Return the name of the flow that a user entered; "" if there is none."""
    for holder in (pipeline, document):
        for place in (
            holder,
            mapping(holder.get("app_data")),
            mapping(mapping(holder.get("app_data")).get("ui_data")),
        ):
            if isinstance(name := place.get("name") or place.get("label"), str) and name.strip():
                return name
    return ""


def _read_node(index: int, value: Any) -> Node:
    where = f"nodes[{index}]"
    if not isinstance(value, Mapping):
        raise EpochalError(f"{where} must be a mapping, found {type(value).__name__}")
    identity, operation = value.get("id"), value.get("op")
    name = mapping(mapping(value.get("app_data")).get("ui_data")).get("label")
    if not isinstance(identity, str) or not identity:
        raise EpochalError(f"{label_of('node', name or where)}: id must be a text, found {shown(identity)}")
    if not isinstance(operation, str) or not operation:
        raise EpochalError(f"{label_of('node', name or where, identity)}: op must be a text, found {shown(operation)}")
    name = name if isinstance(name, str) and name.strip() else operation.rpartition(".")[2]
    parameters = value.get("parameters")
    if parameters is not None and not isinstance(parameters, Mapping):
        found = f"parameters must be a mapping, found {type(parameters).__name__}"
        raise EpochalError(f"{label_of('node', name, identity)}: {found}")
    node = Node(identity, operation.strip(), name, parameters or {}, ())
    return node._replace(sources=tuple(_sources(node, value.get("inputs"))))


def _sources(node: Node, inputs: Any) -> Iterator[str]:
    """Yield the ids of a node's sources, from its links. Ids of ports are ignored: all ports may have the same id."""
    for port in inputs if isinstance(inputs, list) else ():
        links = mapping(port).get("links")
        for link in links if isinstance(links, list) else ():
            source = mapping(link).get("node_id_ref")
            if not isinstance(source, str):
                found = f"a link must have the id of a node in node_id_ref, found {shown(source)}"
                raise EpochalError(f"{node.label}: {found}")
            yield source
