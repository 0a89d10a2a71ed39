"""Reads the results of runs from their buckets. Requests to S3 use keys from the user's Secrets."""
