"""The documents of users become objects of the cluster."""
