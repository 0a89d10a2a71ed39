"""The free GPUs, memory and CPU of the cluster's nodes, read with the user's token."""
