"""The pods of a TrainingJob: their state, and why they fail or cannot be created."""
