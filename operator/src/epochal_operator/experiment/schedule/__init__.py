"""The schedule of a search: its rungs, the pruning rules, and the trials that start next."""
