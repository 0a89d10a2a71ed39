"""Shows the results, logs and curves of TrainingJobs and Experiments, and compares them."""
