"""The fast path for plain inference requests: general HTTP handling takes longer than a small network."""
