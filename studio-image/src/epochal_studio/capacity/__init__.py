"""The free capacity of the cluster's nodes, with the rights of the user."""
