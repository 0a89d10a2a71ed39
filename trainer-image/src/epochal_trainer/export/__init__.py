"""Exports of a training's models to formats that need no Keras, with a signature of their inputs and outputs.

A separate process (`python -m epochal_trainer.export`) exports the models after they are stored. Whatever happens to
that process, the training is complete.
"""
