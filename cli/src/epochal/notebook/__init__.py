"""TrainingJobs, Experiments and ModelServers as objects of a notebook.

    from epochal import TrainingJob

    job = TrainingJob.from_keras(model, name="digits", data=(x, y))
    job.submit().watch()
    job.history

A method that needs the cluster, the bucket or Keras imports its library at the first use.
"""

from epochal.notebook.experiment import Experiment
from epochal.notebook.model_server import ModelServer
from epochal.notebook.training_job import TrainingJob

__all__ = ["Experiment", "ModelServer", "TrainingJob"]
