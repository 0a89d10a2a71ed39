"""The report of an Experiment in its bucket: table, best trial, figures."""
