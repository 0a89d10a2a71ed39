"""Shows, changes and compares runs (TrainingJobs, Experiments and ModelServers) through the API server."""
