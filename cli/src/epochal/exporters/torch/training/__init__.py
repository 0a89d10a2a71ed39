"""The training script of PyTorch: data, losses, metrics, optimizer, callbacks and the loop over the epochs."""
