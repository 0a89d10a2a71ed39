"""A ledger as it is stored in its ExperimentLedger, with the trials that follow from it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from epochal_api.experiment.ledger import KIND
from epochal_api.experiment.spec import KIND as EXPERIMENT
from epochal_api.kind import API_VERSION

from epochal_operator.experiment.ledger.encoding import NO_SIZES, InvalidLedger, Sizes, decode, encode, sizes
from epochal_operator.experiment.ledger.events import Event, NoUntriedParameters, Owner
from epochal_operator.experiment.ledger.trials import apply_events
from epochal_operator.experiment.trial import Trial
from epochal_operator.runtime.api.resource import Object
from epochal_operator.runtime.owners import controller_reference, controller_uid


@dataclass(frozen=True)
class StoredLedger:
    """The ledger of an Experiment.

    Args:
        owner: The uid of the Experiment.
        uid: The uid of the ExperimentLedger; empty if there is none.
        resource_version: The resourceVersion of the ExperimentLedger, which the next write must name.
        text: The encoded events, as in `data` of the ExperimentLedger.
        events: The events; empty if the text is not a ledger of this Experiment.
        trials: The trials that follow from these events.
        is_exhausted: Whether the searcher has reported that no untried parameters are left.
        is_damaged: Whether `data` of the ExperimentLedger cannot be decoded.
    """

    owner: str
    uid: str = ""
    resource_version: str = ""
    text: str = ""
    events: tuple[Event, ...] = ()
    trials: tuple[Trial, ...] = ()
    sizes: Sizes = NO_SIZES
    is_exhausted: bool = False
    is_damaged: bool = False

    @property
    def is_unusable(self) -> bool:
        """Whether the ExperimentLedger exists, but its data is damaged, empty or of another Experiment."""
        return bool(self.uid and not self.events)


NO_LEDGER = StoredLedger(owner="")
"""Used in place of a ledger that cannot be read."""


def parse_ledger(ledger_object: Object) -> StoredLedger:
    """Return the ledger in an ExperimentLedger. Damaged data, or data of another Experiment, results in no events."""
    owner, text, metadata = controller_uid(ledger_object) or "", ledger_object.get("data"), ledger_object["metadata"]
    ledger = StoredLedger(owner, metadata["uid"], metadata["resourceVersion"])
    try:
        events = decode(text if isinstance(text, str) else "")
    except InvalidLedger:
        return replace(ledger, is_damaged=True)
    if events[:1] != (Owner(owner),):  # a copy of another Experiment's ledger
        return ledger
    return _with_events(ledger, str(text), (), events)


def append_events(ledger: StoredLedger, events: Sequence[Event]) -> StoredLedger:
    """Return a ledger with more events; a new ledger begins with its owner.

    Raises:
        InvalidLedger: If an event has an invalid field.
        LedgerFull: If the ledger would exceed a limit of `encoding.py`.
    """
    added = (*events,) if ledger.events else (Owner(ledger.owner), *events)
    return _with_events(ledger, encode(added, ledger.text, ledger.events), ledger.events, added)


def _with_events(ledger: StoredLedger, text: str, before: tuple[Event, ...], added: tuple[Event, ...]) -> StoredLedger:
    return replace(
        ledger,
        text=text,
        events=(*before, *added),
        trials=apply_events(added, ledger.trials),
        sizes=sizes(text),
        is_exhausted=ledger.is_exhausted or any(isinstance(event, NoUntriedParameters) for event in added),
        is_damaged=False,
    )


def experiment_ledger(experiment: Object, ledger: StoredLedger) -> Object:
    """Return the ExperimentLedger to create, which is deleted with its Experiment.

    It has no labels: GitOps tools find their own objects by labels that they put on the Experiment.
    """
    metadata = experiment["metadata"]
    owner = controller_reference(API_VERSION, EXPERIMENT, metadata["name"], metadata["uid"])
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "ownerReferences": [owner],
        },
        "data": ledger.text,
    }
