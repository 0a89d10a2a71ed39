"""The commands, one module for each. A module imports slow libraries within its function, so that `--help` is fast."""
