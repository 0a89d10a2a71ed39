"""The ledger of an Experiment: its events, the trials that follow from them, and its storage."""
