"""The evaluation of a trained model: its figures by class or by number, and the samples that it misreads.

`target` decides how labels and outputs are compared. `passes` predicts each sample once. `classes` and `numbers`
collect the figures in bounded memory, with NumPy only. `figures` draws them, and `store` stores the files.
"""
