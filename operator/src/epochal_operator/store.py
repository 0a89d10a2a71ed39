"""What the watches have told: the latest known TrainingJobs, Jobs and pods, by the TrainingJob they belong to."""

from collections import defaultdict
from collections.abc import Container, Mapping
from typing import Any, Literal, NamedTuple

from epochal_operator.children import NAME_LABEL
from epochal_operator.predecessor import predecessor_name

Object = Mapping[str, Any]
Kind = Literal["TrainingJob", "Job", "Pod"]
KINDS: tuple[Kind, ...] = ("TrainingJob", "Job", "Pod")


class Key(NamedTuple):
    """A TrainingJob's identity in the queue and in the store.

    Args:
        namespace: Its namespace.
        name: Its name.
    """

    namespace: str
    name: str


def key_of(kind: Kind, thing: Object) -> Key | None:
    """Returns the key of the TrainingJob that an object is or belongs to, or None if it belongs to none."""
    metadata = thing["metadata"]
    name = metadata["name"] if kind == "TrainingJob" else metadata.get("labels", {}).get(NAME_LABEL)
    return Key(metadata["namespace"], name) if name else None


class Store:
    """The latest known objects. Older versions of an object never replace newer ones, in whatever order they come."""

    def __init__(self) -> None:
        self._things: dict[Kind, dict[Key, dict[str, Object]]] = {kind: {} for kind in KINDS}
        self._followers: defaultdict[Key, dict[Key, None]] = defaultdict(dict)

    def put(self, kind: Kind, thing: Object) -> Key | None:
        """Takes an object as read and returns the key of its TrainingJob, or None if it tells nothing new."""
        key = key_of(kind, thing)
        if key is None:
            return None
        of_key = self._things[kind].setdefault(key, {})
        name = thing["metadata"]["name"]
        known = of_key.get(name)
        if known is not None and _version(known) >= _version(thing):
            return None
        of_key[name] = _trimmed(kind, thing)
        if kind == "TrainingJob":
            self._follow(key, known, thing)
        return key

    def remove(self, kind: Kind, thing: Object) -> Key | None:
        """Forgets an object that was deleted and returns the key of its TrainingJob."""
        key = key_of(kind, thing)
        if key is not None:
            of_key = self._things[kind].get(key, {})
            known = of_key.get(thing["metadata"]["name"])
            if known is not None and known["metadata"]["uid"] == thing["metadata"]["uid"]:
                self._drop(kind, key, thing["metadata"]["name"])
        return key

    def keep(self, kind: Kind, uids: Container[str], resource_version: str, namespace: str | None) -> set[Key]:
        """Forgets the objects of a kind that were not there at a version, unless they are newer.

        Args:
            kind: The kind.
            uids: The uids of the objects that were there.
            resource_version: The version.
            namespace: The namespace that they are all objects of; None for all namespaces.

        Returns:
            The keys of the TrainingJobs of what is forgotten.
        """
        gone = [
            (key, name)
            for key, of_key in self._things[kind].items()
            if namespace in {None, key.namespace}
            for name, thing in of_key.items()
            if thing["metadata"]["uid"] not in uids and _version(thing) <= int(resource_version)
        ]
        for key, name in gone:
            self._drop(kind, key, name)
        return {key for key, _ in gone}

    def training_job(self, key: Key) -> Object | None:
        """Returns a TrainingJob, if it is known."""
        return self._things["TrainingJob"].get(key, {}).get(key.name)

    def job(self, key: Key) -> Object | None:
        """Returns the Job of a TrainingJob's name, whichever TrainingJob it belongs to."""
        return self._things["Job"].get(key, {}).get(key.name)

    def pods(self, key: Key) -> list[Object]:
        """Returns the pods of a TrainingJob's name, whichever TrainingJob they belong to."""
        return list(self._things["Pod"].get(key, {}).values())

    def training_job_keys(self) -> list[Key]:
        """Returns the keys of all TrainingJobs."""
        return list(self._things["TrainingJob"])

    def followers(self, key: Key) -> list[Key]:
        """Returns the keys of the TrainingJobs that go on from another one."""
        return list(self._followers.get(key, ()))

    def training_jobs(self) -> list[Object]:
        """Returns all TrainingJobs."""
        return [thing for of_key in list(self._things["TrainingJob"].values()) for thing in list(of_key.values())]

    def _drop(self, kind: Kind, key: Key, name: str) -> None:
        of_key = self._things[kind][key]
        gone = of_key.pop(name)
        if kind == "TrainingJob":
            self._follow(key, gone, None)
        if not of_key:
            del self._things[kind][key]

    def _follow(self, key: Key, before: Object | None, after: Object | None) -> None:
        """Keeps the index of who goes on from whom."""
        was, now = (predecessor_name(one) if one else None for one in (before, after))
        if was == now:
            return
        if was is not None:
            followers = self._followers[Key(key.namespace, was)]
            followers.pop(key, None)
            if not followers:
                del self._followers[Key(key.namespace, was)]
        if now is not None:
            self._followers[Key(key.namespace, now)][key] = None


def _version(thing: Object) -> int:
    """Returns an object's version; those of one kind grow: https://kep.k8s.io/5504."""
    return int(thing["metadata"]["resourceVersion"])


def _trimmed(kind: Kind, thing: Object) -> Object:
    """Returns what is of use here: not who wrote which field, nor the pod template, nor a pod's copy of it."""
    metadata = {name: value for name, value in thing["metadata"].items() if name != "managedFields"}
    if kind == "TrainingJob":
        return {**thing, "metadata": metadata}
    spec = {name: value for name, value in thing["spec"].items() if name in _SPEC[kind]}
    if kind == "Pod":
        metadata.pop("annotations", None)
        spec["containers"] = [{name: one.get(name) for name in ("name", "resources")} for one in spec["containers"]]
    return {"metadata": metadata, "spec": spec, "status": thing.get("status", {})}


_SPEC: dict[Kind, frozenset[str]] = {
    "Job": frozenset({"parallelism", "suspend", "activeDeadlineSeconds", "backoffLimit", "managedBy"}),
    "Pod": frozenset({"nodeName", "containers"}),
}
