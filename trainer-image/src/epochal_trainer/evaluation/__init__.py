"""The evaluation of a trained model on a data set: statistics of its predictions, and the worst mistakes.

An answer is a prediction of the model for a sample: a class, or numbers. `target` decides how labels and outputs are
compared. `passes` predicts each sample once. `classes` and `numbers` compute the statistics in bounded memory.
`pictures` draws the confusion of classes and the worst mistakes, and `store` stores the files.
"""
