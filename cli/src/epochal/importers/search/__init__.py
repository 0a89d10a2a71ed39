"""Searches of hyper-parameters: of the training service of 2018, and of Katib."""
