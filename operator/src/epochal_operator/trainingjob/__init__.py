"""The kind TrainingJob: its Job, status, Events and metrics, and the progress reports of its trainers."""
