"""The watches of kopf, and the lists that precede and follow them."""
