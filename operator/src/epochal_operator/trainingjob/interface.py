"""All that other kinds use of TrainingJobs."""

from epochal_api.trainingjob.spec import InvalidTrainingJob, parse

from epochal_operator.pods.installation import Installation
from epochal_operator.runtime.api.resource import Object
from epochal_operator.trainingjob.job.batch_job import NoStorageEndpoint, batch_job
from epochal_operator.trainingjob.progress.reported_status import short
from epochal_operator.trainingjob.reasons import Reason
from epochal_operator.trainingjob.resources import TRAINING_JOBS

__all__ = ["TRAINING_JOBS", "Reason", "short", "spec_error"]

_UID = "0" * 36
"""A uid of the usual length, which adds to the size of a spec."""


def spec_error(body: Object, installation: Installation) -> str:
    """Return the message with which Epochal will refuse a TrainingJob as InvalidSpec, or an empty text.

    Args:
        body: The TrainingJob as JSON, before its creation.
        installation: Defaults for fields that the spec omits.
    """
    try:
        batch_job(parse({**body, "metadata": {**body["metadata"], "uid": _UID}}), installation)
    except NoStorageEndpoint:  # The TrainingJob waits for an endpoint.
        return ""
    except InvalidTrainingJob as error:
        return str(error)
    return ""
