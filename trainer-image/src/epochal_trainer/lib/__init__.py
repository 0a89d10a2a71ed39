"""Modules that all other packages of the trainer use: failures, signals, credentials, files, and text."""
