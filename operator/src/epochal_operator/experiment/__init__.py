"""The kind Experiment: a search for hyperparameters, with a TrainingJob for each trial and rung."""
