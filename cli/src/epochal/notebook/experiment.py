"""An Experiment in a notebook: a search with a TrainingJob as its template."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, Self

from epochal.client.kinds import EXPERIMENTS
from epochal.errors import EpochalError
from epochal.exit_codes import ExitCode
from epochal.notebook.trained import Trained
from epochal.notebook.training_job import TrainingJob

if TYPE_CHECKING:
    import keras


class Experiment(Trained):
    """An Experiment in a notebook. See `Trained` and `Handle` for further methods."""

    kind = EXPERIMENTS

    @classmethod
    def of(
        cls,
        job: TrainingJob,
        *,
        name: str,
        parameters: Sequence[Mapping[str, Any]],
        metric: str,
        goal: Literal["Maximize", "Minimize"],
        max_trials: int = 20,
        parallelism: int = 1,
        spec: Mapping[str, Any] | None = None,
    ) -> Self:
        """Return the Experiment that searches for the best parameters of a TrainingJob.

        Args:
            job: The template, which need not be submitted.
            name: Name of the Experiment.
            parameters: The parameters in the notation of `spec.parameters`, such as
                {"name": "rate", "paths": ["training.optimizer.learning_rate"], "values": [0.01, 0.001]}.
            metric: The metric that compares trials, such as val_loss.
            goal: Maximize if the highest value of the metric is the best, Minimize if the lowest is.
            max_trials: Maximum number of trials.
            parallelism: Maximum number of trials at the same time.
            spec: Other fields of the spec, such as {"search": {"method": "Random"}}.

        Raises:
            EpochalError: If the Experiment is invalid.
        """
        document = {
            "apiVersion": job.document["apiVersion"],
            "kind": EXPERIMENTS.name,
            "metadata": {"name": name},
            "spec": {
                "objective": {"metric": metric, "goal": goal},
                "maxTrials": max_trials,
                "parallelism": parallelism,
                "parameters": [_with_texts(each) for each in parameters],
                **(spec or {}),
                "template": {"spec": job.spec},
            },
        }
        found = cls(document, **job.place._asdict())
        found.staged = job.staged
        return found

    @property
    def job_spec(self) -> dict[str, Any]:
        """The spec of the TrainingJob in spec.template."""
        spec: dict[str, Any] = self.spec["template"]["spec"]
        return spec

    @property
    def trials(self) -> Any:
        """The trials with their parameters and values, from trials.csv in the results bucket.

        With pandas, it is a DataFrame with the number of the trial as index, otherwise a list of dicts.
        """
        from epochal.notebook.frames import frame, parsed_rows  # noqa: PLC0415 - minio
        from epochal.runs.selection import trial_rows  # noqa: PLC0415

        return frame(parsed_rows(trial_rows(self.cluster, self.stored())), "number")

    history = trials
    """The same as `trials`. A TrainingJob has its epochs under this name."""

    @property
    def best(self) -> TrainingJob:
        """The TrainingJob of the best trial so far, read from the cluster.

        Raises:
            EpochalError: If no trial has a value yet.
        """
        best = self.status.get("best") or {}
        if not best.get("jobName"):
            raise EpochalError(
                f"Experiment {self.name} has no trial with a value yet: its state is {self.state}",
                "Call watch() before.",
                exit_code=ExitCode.NOT_FOUND,
            )
        return TrainingJob.get(str(best["jobName"]), **self.place._asdict())

    def model(self) -> "keras.Model":
        """Return the Keras model of the best trial, as of its best epoch. See `TrainingJob.model`."""
        return self.best.model("best")


def _with_texts(value: Any) -> Any:
    """Return a nested value with all floats as texts, because fields of the API have no floats."""
    if isinstance(value, Mapping):
        return {key: _with_texts(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_with_texts(each) for each in value]
    return repr(float(value)) if isinstance(value, float) else value
