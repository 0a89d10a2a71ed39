"""Imports hyper-parameter searches of Katib and of the training service of 2018 as Experiments."""
