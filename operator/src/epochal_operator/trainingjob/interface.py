"""The names of this package that the code of other kinds may import."""

from epochal_api.catalogue.parse import parse_or_report
from epochal_api.trainingjob.spec import InvalidTrainingJob, TrainingJob

from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.api.resource import Object
from epochal_operator.trainingjob.job.batch_job import NoStorageEndpoint, batch_job
from epochal_operator.trainingjob.job.catalogue_check import require_known_objects
from epochal_operator.trainingjob.progress.reported_metrics import format_metric
from epochal_operator.trainingjob.reasons import TRAINER_STARTS, Reason
from epochal_operator.trainingjob.resources import TRAINING_JOBS

__all__ = ["TRAINER_STARTS", "TRAINING_JOBS", "Reason", "format_metric", "spec_error"]

_PLACEHOLDER_UID = "0" * 36


def spec_error(body: Object, installation: Installation) -> str:
    """Return the InvalidSpec message that a TrainingJob will get after its creation; empty if its spec is valid."""
    try:
        document = {**body, "metadata": {**body["metadata"], "uid": _PLACEHOLDER_UID}}
        training_job = parse_or_report(TrainingJob, document, InvalidTrainingJob)
        require_known_objects(training_job)
        batch_job(training_job, installation)
    except NoStorageEndpoint:  # The TrainingJob waits for an endpoint.
        return ""
    except InvalidTrainingJob as error:
        return str(error)
    return ""
