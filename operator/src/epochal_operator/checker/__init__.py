"""The checker: the questions about networks before their Jobs are created."""
