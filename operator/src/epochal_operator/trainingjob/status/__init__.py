"""The status of a TrainingJob: its phase, its conditions, its Events and the time of the next reconcile."""
