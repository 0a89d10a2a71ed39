"""The check of the Keras objects of a TrainingJob before its Job exists, without Keras."""

from epochal_api.catalogue.findings import Problem, to_text
from epochal_api.catalogue.problems import spec_problems
from epochal_api.trainingjob.spec import InvalidTrainingJob, TrainingJob


def require_known_objects(training_job: TrainingJob) -> None:
    """Raise an error if the trainer of this installation does not know a Keras object of the spec.

    Raises:
        InvalidTrainingJob: With a line for each problem.
    """
    if errors := [problem for problem in _problems(training_job) if not problem.is_warning]:
        raise InvalidTrainingJob(to_text(errors))


def unknown_objects(training_job: TrainingJob) -> str:
    """Return the Keras objects that only spec.image or spec.code can define, as text; empty if there are none."""
    return to_text([problem for problem in _problems(training_job) if problem.is_warning])


def _problems(training_job: TrainingJob) -> list[Problem]:
    # With null values, because a null is an argument.
    return spec_problems(training_job.spec.model_dump(include={"image", "code", "network", "training"}))
