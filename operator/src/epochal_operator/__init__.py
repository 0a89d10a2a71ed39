"""The operator: reconciles TrainingJobs, Experiments and ModelServers, and maintains their status and metrics."""
