"""The kind TrainingJob: its Job, its status, its Events, its series, and the reports of its trainers."""
