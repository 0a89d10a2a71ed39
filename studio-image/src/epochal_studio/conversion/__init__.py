"""Files of other tools become networks, and networks become code that runs without Epochal."""
