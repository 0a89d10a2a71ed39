"""The data for new runs: buckets, folders, uploads and previews. Requests to S3 use keys from the user's Secrets."""
