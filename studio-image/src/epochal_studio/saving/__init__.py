"""Saves YAML documents of users as TrainingJobs and Experiments in the cluster."""
