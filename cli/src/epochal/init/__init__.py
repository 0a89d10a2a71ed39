"""A first TrainingJob, from a look at data or from answers of a user."""
