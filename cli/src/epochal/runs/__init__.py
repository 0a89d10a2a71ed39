"""TrainingJobs and Experiments after their start: results, logs, curves and differences."""
