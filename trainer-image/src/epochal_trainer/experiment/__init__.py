"""The report of an Experiment in its bucket: a table of the trials, the best trial as YAML, and figures."""
