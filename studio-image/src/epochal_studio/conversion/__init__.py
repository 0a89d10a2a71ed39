"""Imports files of other tools as TrainingJobs or Experiments, and exports TrainingJobs as code for other tools."""
