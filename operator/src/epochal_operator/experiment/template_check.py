"""The check of a template's network, before the first trial."""

from epochal_api.experiment.searched_layers import first_searched_layer
from epochal_api.experiment.status import ExperimentStatus
from epochal_api.read_status import read_status

from epochal_operator.checker.verdict import NetworkQuestion, Verdict, question_of
from epochal_operator.experiment.ledger.stored import StoredLedger
from epochal_operator.experiment.observed import ParsedSpec
from epochal_operator.experiment.reasons import Reason, StatusCause
from epochal_operator.experiment.state import has_search_result, was_refused
from epochal_operator.runtime.api.resource import Object


def template_question(
    document: Object, parsed: ParsedSpec, ledger: StoredLedger | StatusCause
) -> NetworkQuestion | None:
    """Return the question about the network of a template; None if the ledger has trials or the search has ended."""
    if not isinstance(ledger, StoredLedger) or ledger.trials:
        return None
    if has_search_result(_status(document)) or document["metadata"].get("deletionTimestamp") is not None:
        return None
    return question_of(parsed.template)


def faults_of_all_trials(parsed: ParsedSpec, verdict: Verdict) -> str:
    """Return the errors of a template's network before the first layer that a parameter changes; empty if none."""
    paths = [path for parameter in parsed.spec.parameters for path in parameter.paths]
    return verdict.before(first_searched_layer(parsed.template, paths)).message


def has_refused_template(document: Object) -> bool:
    """Return whether the current spec of an Experiment was refused because of the template's network."""
    return was_refused(_status(document), Reason.INVALID_NETWORK, document["metadata"]["generation"])


def _status(document: Object) -> ExperimentStatus:
    return read_status(ExperimentStatus, document.get("status"))
