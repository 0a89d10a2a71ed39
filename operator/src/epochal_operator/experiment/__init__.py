"""The kind Experiment: a search of hyper-parameters whose trials are TrainingJobs."""
