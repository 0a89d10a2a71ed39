"""The S3 services that Studio may connect to, and the Secrets with their keys."""
