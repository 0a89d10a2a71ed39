"""What the watches have told: the latest known TrainingJobs, Jobs and pods, by the TrainingJob they belong to.

Who writes objects decides how much they hold, so what is kept of each is bounded: a spec stays the text that it is.
"""

import json
from collections import defaultdict
from collections.abc import Container, Mapping
from typing import Any, Literal, NamedTuple

from epochal_api.trainingjob import KIND

from epochal_operator.runtime.reader import UNREAD
from epochal_operator.trainingjob.continue_from import predecessor_name
from epochal_operator.trainingjob.job import NAME_LABEL, QUEUE_LABEL, SPEC_ANNOTATION, UID_LABEL
from epochal_operator.trainingjob.pod_template import CONTAINER

Object = Mapping[str, Any]
Kind = Literal["TrainingJob", "Job", "Pod"]
KINDS: tuple[Kind, ...] = ("TrainingJob", "Job", "Pod")


GONE = 10_000
"""Objects of each kind whose end is remembered."""
MAX_LABELS = 64
"""Labels of an object that are kept; of more, only ours are."""
MAX_OWNERS = 8
MAX_NAME = 253
"""Characters of a name, or of a digest: the API server does not bound those in references and annotations."""

_TEXT = "text"
"""Field of what is kept of a TrainingJob: its spec as JSON."""


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
    """The latest known objects. Older versions of an object never replace newer ones, in whatever order they come.

    Nor do they bring back one that is gone: a page of a list that began before it went, or the answer to a write of
    before, may come later than the news of its end.

    Args:
        gone: Objects of each kind whose end is remembered.
    """

    def __init__(self, gone: int = GONE) -> None:
        self._things: dict[Kind, dict[Key, dict[str, Object]]] = {kind: {} for kind in KINDS}
        self._followers: defaultdict[Key, dict[Key, None]] = defaultdict(dict)
        self._keys: dict[Kind, dict[str, Key]] = {kind: {} for kind in KINDS}
        self._gone = {kind: _Gone(gone) for kind in KINDS}

    def put(self, kind: Kind, thing: Object, *, listed_at: str | None = None) -> set[Key]:
        """Takes an object as read and returns the keys of the TrainingJobs that it tells something new of.

        That is the one that it belongs to, and another one if somebody gave it another label.

        Args:
            kind: Its kind.
            thing: The object.
            listed_at: Version of the list that it was read in, if it was: as of then it was there.
        """
        key = key_of(kind, thing)
        if key is None:
            return set()
        name, uid = thing["metadata"]["name"], thing["metadata"]["uid"]
        known = self._things[kind].get(key, {}).get(name)
        if known is not None and _version(known) >= _version(thing):
            return set()
        if self._gone[kind].since(uid, None if listed_at is None else int(listed_at), _version(thing)):
            return set()
        kept = _trimmed(kind, thing)
        if known is not None:
            self._keys[kind].pop(known["metadata"]["uid"], None)
        before = self._keys[kind].get(uid, key)
        if before != key and name in self._things[kind].get(before, {}):
            self._drop(kind, before, name)
        self._keys[kind][uid] = key
        self._things[kind].setdefault(key, {})[name] = kept
        if kind == "TrainingJob":
            self._follow(key, known, kept)
        return {key, before}

    def remove(self, kind: Kind, thing: Object) -> set[Key]:
        """Forgets an object that was deleted and returns the key of its TrainingJob, if it has one.

        Args:
            kind: Its kind.
            thing: The object as it was last; its version is that of its end, if a watch tells of it.
        """
        key = key_of(kind, thing)
        if key is None:
            return set()
        uid = thing["metadata"]["uid"]
        self._gone[kind].add(uid, _version(thing))
        known = self._things[kind].get(key, {}).get(thing["metadata"]["name"])
        if known is not None and known["metadata"]["uid"] == uid:
            self._drop(kind, key, thing["metadata"]["name"])
        return {key}

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
            self._gone[kind].add(self._things[kind][key][name]["metadata"]["uid"], int(resource_version))
            self._drop(kind, key, name)
        return {key for key, _ in gone}

    def training_job(self, key: Key) -> Object | None:
        """Returns a TrainingJob, if it is known; of its spec only what others than itself need: see `whole`."""
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
        """Returns all TrainingJobs, as `training_job` does each."""
        return [thing for of_key in list(self._things["TrainingJob"].values()) for thing in list(of_key.values())]

    def _drop(self, kind: Kind, key: Key, name: str) -> None:
        of_key = self._things[kind][key]
        gone = of_key.pop(name)
        self._keys[kind].pop(gone["metadata"]["uid"], None)
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


class _Gone:
    """Objects that are gone, the latest of them, and at which version.

    Args:
        limit: How many.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._versions: dict[str, int] = {}
        self._forgotten = 0

    def add(self, uid: str, version: int) -> None:
        """Remembers an object's end."""
        self._versions[uid] = max(version, self._versions.pop(uid, 0))
        if len(self._versions) > self._limit:
            oldest = next(iter(self._versions))
            self._forgotten = max(self._forgotten, self._versions.pop(oldest))

    def since(self, uid: str, listed_at: int | None, version: int) -> bool:
        """Returns whether an object went, or may have gone, after it was read.

        Args:
            uid: The object.
            listed_at: Version of the list that it was read in, if it was.
            version: Its own version.
        """
        if uid in self._versions:
            return (version if listed_at is None else max(listed_at, version)) <= self._versions[uid]
        # Of what a list began with nobody knows any more what has gone: the next list will tell.
        return listed_at is not None and version <= listed_at <= self._forgotten


def whole(document: Object) -> Object:
    """Returns a TrainingJob of the store with the whole of its spec."""
    return {name: value for name, value in document.items() if name != _TEXT} | {"spec": json.loads(document[_TEXT])}


def _version(thing: Object) -> int:
    """Returns an object's version; those of one kind grow: https://kep.k8s.io/5504."""
    return int(thing["metadata"]["resourceVersion"])


def _trimmed(kind: Kind, thing: Object) -> Object:
    """Returns what is of use here: not who wrote which field, nor the pod template, nor a pod's copy of it."""
    metadata, spec, status = _metadata(thing["metadata"]), thing["spec"], thing.get("status") or {}
    if kind == "TrainingJob":
        kept = {name: thing[name] for name in ("apiVersion", "kind", UNREAD) if name in thing}
        text = json.dumps(spec, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")
        return kept | {"metadata": metadata, "spec": _outline(spec), "status": status, _TEXT: text}
    kept = {name: spec[name] for name in _SPEC[kind] if name in spec}
    if kind == "Pod":
        found = (one for one in spec.get("containers") or [] if one.get("name") == CONTAINER)
        kept["containers"] = [{"name": CONTAINER, "resources": {"limits": _memory(one)}} for one in found]
    return {"metadata": metadata, "spec": kept, "status": status}


def _metadata(metadata: Object) -> Object:
    kept = {name: metadata[name] for name in _METADATA if name in metadata}
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    if len(labels) > MAX_LABELS:
        labels = _some(labels, NAME_LABEL, UID_LABEL, QUEUE_LABEL)
    owners = metadata.get("ownerReferences") or []
    owners = [one for one in owners if one.get("controller") or one.get("kind") == KIND][:MAX_OWNERS]
    owners = [_some(one, *_OWNER) for one in owners if all(len(str(text)) <= MAX_NAME for text in one.values())]
    finalizers = (metadata.get("finalizers") or [])[:MAX_OWNERS]
    annotations = {name: text[:MAX_NAME] for name, text in _some(annotations, SPEC_ANNOTATION).items()}
    return kept | {"labels": labels, "annotations": annotations, "ownerReferences": owners, "finalizers": finalizers}


def _memory(container: Object) -> Object:
    return _some((container.get("resources") or {}).get("limits") or {}, "memory")


def _some(texts: Object, *names: str) -> Object:
    return {name: texts[name] for name in names if name in texts}


def _outline(spec: Object) -> Object:
    """Returns what others than a TrainingJob itself need of its spec: its series, and who goes on from whom."""
    training, scheduling = spec.get("training") or {}, spec.get("scheduling") or {}
    name = predecessor_name({"spec": spec})
    return {
        "framework": spec.get("framework"),
        "scheduling": {"queueName": scheduling.get("queueName")},
        "training": {"epochs": training.get("epochs"), "continueFrom": {"name": name} if name else None},
    }


_METADATA = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
)
_OWNER = ("apiVersion", "kind", "name", "uid", "controller")
_SPEC: dict[Kind, frozenset[str]] = {
    "Job": frozenset({"parallelism", "suspend", "activeDeadlineSeconds", "backoffLimit", "managedBy"}),
    "Pod": frozenset({"nodeName"}),
}
