"""A ledger as it is stored in its ExperimentLedger, with the trials that follow from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from epochal_api.experiment import KIND as EXPERIMENT
from epochal_api.experiment_ledger import KIND
from epochal_api.kind import API_VERSION

from epochal_operator.experiment.ledger import MAX_TEXT, NOTHING, Event, Owner, Sizes, encode, own, read, sizes
from epochal_operator.experiment.trials import Trial, exhausted, fold
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.owners import controller_uid


@dataclass(frozen=True)
class StoredLedger:
    """The ledger of an Experiment.

    Args:
        owner: The uid of the Experiment.
        uid: The uid of the ExperimentLedger; empty if there is none.
        resource_version: The resourceVersion of the ExperimentLedger, which the next write must name.
        text: The packed events.
        events: The readable events of this Experiment.
        trials: The trials that follow from these events.
        sizes: The sizes of the text.
        exhausted: Whether the search has nothing left to suggest.
        damaged: Whether a part of the text cannot be read.
    """

    owner: str
    uid: str = ""
    resource_version: str = ""
    text: str = ""
    events: tuple[Event, ...] = ()
    trials: tuple[Trial, ...] = ()
    sizes: Sizes = NOTHING
    exhausted: bool = False
    damaged: bool = False

    @property
    def foreign(self) -> bool:
        """Whether an ExperimentLedger exists without any readable event of this Experiment."""
        return bool(self.uid and not self.events)


def stored(thing: Object) -> StoredLedger:
    """Return the ledger in an ExperimentLedger. It takes linear time, bounded by the limits of `ledger.py`.

    Args:
        thing: The ExperimentLedger.
    """
    owner, text = controller_uid(thing) or "", thing.get("data")
    if not isinstance(text, str) or len(text) > MAX_TEXT:
        text = ""
    reading = read(text)
    events = own(reading.events, owner)
    return StoredLedger(
        owner=owner,
        uid=thing["metadata"]["uid"],
        resource_version=thing["metadata"]["resourceVersion"],
        text=text,
        events=events,
        trials=fold(events),
        sizes=reading.sizes,
        exhausted=exhausted(events),
        damaged=bool(events) and not reading.whole,
    )


def extended(ledger: StoredLedger, events: Sequence[Event]) -> StoredLedger:
    """Return a ledger with more events, and without its damaged part.

    Args:
        ledger: The ledger.
        events: The events to append.
    """
    if ledger.events and not ledger.damaged:
        before, added = ledger.events, tuple(events)
        text = encode(added, ledger.text, before)
    else:
        before, added = (), (*(ledger.events or (Owner(ledger.owner),)), *events)
        text = encode(added)
    return replace(
        ledger,
        text=text,
        events=(*before, *added),
        trials=fold(added, ledger.trials if before else ()),
        sizes=sizes(text),
        exhausted=ledger.exhausted or exhausted(added),
        damaged=False,
    )


def experiment_ledger(experiment: Object, ledger: StoredLedger) -> Object:
    """Return the ExperimentLedger to create, which is deleted with its Experiment.

    It has no labels: GitOps tools find their own objects by labels that they put on the Experiment.

    Args:
        experiment: The Experiment.
        ledger: Its ledger.
    """
    metadata = experiment["metadata"]
    owner = {"apiVersion": API_VERSION, "kind": EXPERIMENT, "name": metadata["name"], "uid": metadata["uid"]}
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
        },
        "data": ledger.text,
    }
