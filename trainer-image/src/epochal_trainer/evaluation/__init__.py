"""The evaluation of a trained model on a data set: statistics of its predictions, and the worst mistakes.

An answer is a prediction of the model for a sample: a class, or numbers. `target` decides how labels and outputs are
compared. `passes` predicts each sample once. `classes` and `numbers` compute the statistics in bounded memory.
`figures` draws pictures, and `store` stores the files.
"""
