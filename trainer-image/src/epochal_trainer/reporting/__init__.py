"""What a training tells and leaves: reports, last words, the log, and the results."""
