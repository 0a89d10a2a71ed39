"""The TrainingJob: its spec, its status, and the messages of its trainer."""
