"""The training loop, its progress, its checks, and its watchdog."""
