"""The target keras: a script that trains the network of a TrainingJob as Epochal's trainer does, without Epochal."""

from epochal_api.trainingjob.spec import TrainingJob

from epochal.exporters.keras.script import script, title


def export(job: TrainingJob, *, simple: bool = False) -> dict[str, bytes]:
    """Return the Python script of a TrainingJob, by its file name. For `simple`, see `epochal.exporters.export`."""
    return {f"{title(job)}.py": script(job, simple=simple).encode()}
