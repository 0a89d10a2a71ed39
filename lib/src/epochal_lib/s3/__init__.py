"""The client of an S3 service, and the meaning of its errors. Needs the extra `s3`."""
