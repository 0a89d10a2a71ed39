"""Modules that all other packages use: failures, signals, memory."""
