"""The Experiment: its spec, status, ledger and report."""
