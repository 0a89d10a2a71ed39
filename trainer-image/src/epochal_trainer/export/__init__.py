"""Exports the models of a training to ONNX and SavedModel, which need no Keras, with a signature of inputs and outputs.

A separate process exports the models after they are stored, so a crash of the process does not fail the training. The
process was forked after the import of Keras, or is started for the export (`python -m epochal_trainer.export`).
"""
