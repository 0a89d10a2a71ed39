"""The routes of all protocols."""
