"""Reports to the operator, the termination message, the log, and the files in the results bucket."""
