"""The check of the Keras objects of a TrainingJob before its Job exists, without Keras."""

from epochal_api.catalogue.findings import Problem, to_text
from epochal_api.catalogue.problems import spec_problems
from epochal_api.trainingjob.spec import InvalidTrainingJob, TrainingJob


def require_known_objects(training_job: TrainingJob) -> None:
    """Check the Keras objects and the graph of layers in the spec against the catalogue of Keras' classes.

    Raises:
        InvalidTrainingJob: If an object or argument is unknown or invalid, or the graph is invalid. The message has a
            line for each problem. A spec with its own image or code never raises this error.
    """
    if errors := [problem for problem in _problems(training_job) if not problem.is_warning]:
        raise InvalidTrainingJob(to_text(errors))


def unknown_objects(training_job: TrainingJob) -> str:
    """Return the problems of a spec with its own image or code as text; empty if there are none.

    They are no errors, because the image or the code may define the objects that the catalogue lacks.
    """
    return to_text([problem for problem in _problems(training_job) if problem.is_warning])


def _problems(training_job: TrainingJob) -> list[Problem]:
    # With null values, because a null is an argument.
    return spec_problems(training_job.spec.model_dump(include={"image", "code", "network", "training"}))
