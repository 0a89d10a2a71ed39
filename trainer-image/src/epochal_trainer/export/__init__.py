"""Exports of a training's models to formats that need no Keras, with a signature of their inputs and outputs.

A separate process exports the models after they are stored. It was forked after the import of Keras, or it is new
(`python -m epochal_trainer.export`). Whatever happens to that process, the training is complete.
"""
