"""The pods of all kinds: the installation's settings, the parts of pod templates, and why a pod does not start."""
