"""Writes train.py, the PyTorch training script: data, losses, metrics, optimizer, callbacks, loop over epochs."""
