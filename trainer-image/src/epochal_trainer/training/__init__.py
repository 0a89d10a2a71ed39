"""The training itself: its loop, where it is, and that it goes on."""
