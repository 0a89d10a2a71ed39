"""The models of a training in forms for programs that have no Keras, and what says what they take and give.

All of it is done by a process of its own (`python -m epochal_trainer.export`), once the models are stored: whatever
becomes of that one, the training is complete.
"""
