"""Reports to the operator, the termination message, the log, and the training's files in the results bucket."""
